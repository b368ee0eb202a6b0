/* call_request.c -- what a call sends: where, by which credentials, fields (sap-reference 5.1, 5.2). */
#include "call/call_private.h"

#include "base/digest.h"
#include "base/error.h"

#include <string.h>

#define PAIR_MAX (64 * 1024)

/* "id:secret" in base64. */
static int make_basic(ifl_secret **out, const ifl_service_key *key, iflow_error *err)
{
  const ifl_secret *secret = ifl_service_key_secret(key);
  struct ifl_buf pair = IFL_BUF_INIT(PAIR_MAX), text = IFL_BUF_INIT(2 * PAIR_MAX);
  int rc =
      ifl_buf_addf(&pair, err, "%s:%s", ifl_service_key_client_id(key), ifl_secret_data(secret));
  if (rc == 0) rc = ifl_buf_reserve(&text, ifl_base64_size(pair.len), err);
  if (rc == 0) *out = ifl_secret_new(text.data, ifl_base64(text.data, pair.data, pair.len));
  if (rc == 0 && *out == NULL) rc = ifl_fail_nomem(err);
  ifl_buf_wipe(&pair);
  ifl_buf_wipe(&text);
  return rc;
}

static int authorize(struct ifl_request *r, ifl_secret **made, const ifl_call *c, iflow_error *err)
{
  if (c->plan->opts.auth == IFL_AUTH_TOKEN) {
    r->scheme = "Bearer";
    r->credentials = c->access;
  } else if (c->plan->opts.auth == IFL_AUTH_BASIC) {
    int rc = make_basic(made, c->plan->tenant->key, err);
    if (rc < 0) return rc;
    r->scheme = "Basic";
    r->credentials = *made;
  }
  return 0;
}

static int64_t pick(int64_t call_ms, int64_t tenant_ms, int64_t default_ms)
{
  return call_ms > 0 ? call_ms : tenant_ms > 0 ? tenant_ms : default_ms;
}

int ifl_call_fill_request(struct ifl_request *r, ifl_secret **made, const ifl_call *c,
                          iflow_error *err)
{
  const struct ifl_call_opts *o = &c->plan->opts;
  const ifl_tenant *t = c->plan->tenant;
  bool tls_credential = o->auth == IFL_AUTH_CERTIFICATE;
  ifl_request_init(r);
  r->url = &c->plan->url;
  r->identity = tls_credential ? t->tls_identity : t->identity;
  r->credential = tls_credential ? t->credential : NULL;
  r->cafile = t->trust != NULL ? t->trust->path : NULL;
  r->trust = t->trust;
  r->proxy = t->proxy;
  r->proxy_userpwd = t->proxy_userpwd;
  r->connections = t->connections;
  r->connect_timeout_ms = pick(o->connect_timeout_ms, t->connect_timeout_ms, r->connect_timeout_ms);
  r->timeout_ms = pick(o->timeout_ms, t->timeout_ms, r->timeout_ms);
  r->stall_timeout_ms = pick(o->stall_timeout_ms, t->stall_timeout_ms, r->stall_timeout_ms);
  r->queue_timeout_ms = pick(o->queue_timeout_ms, t->queue_timeout_ms, r->queue_timeout_ms);
  r->verbose = t->verbose;
  return authorize(r, made, c, err);
}

int ifl_call_add_session(struct ifl_headers *h, const ifl_call *c, iflow_error *err)
{
  const ifl_call_plan *p = c->plan;
  if (p->session != NULL) return ifl_csrf_apply(h, p->session, &p->url, p->own_cookie, err);
  if (p->own_cookie == NULL) return 0;
  return ifl_headers_add(h, "Cookie", 6, p->own_cookie, strlen(p->own_cookie), err);
}
