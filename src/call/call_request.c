/* call_request.c -- what a call sends: address, fields, credentials (sap-reference 5.1, 5.2). */
#include "call/call_private.h"

#include "base/digest.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX (16 * 1024)

/* ---- from the options ------------------------------------------------------------------------ */

static bool is_absolute(const char *to)
{
  return strncasecmp(to, "https://", 8) == 0 || strncasecmp(to, "http://", 7) == 0;
}

/* "ftp:" of ftp://host/x, also "host:" of host:80/x; a ':' behind the first '/' is one of the path. */
static size_t scheme_length(const char *to)
{
  size_t n = strcspn(to, ":/?#");
  return to[n] == ':' ? n + 1 : 0;
}

static int fail_scheme(const char *to, iflow_error *err)
{
  size_t n = scheme_length(to);
  ifl_fail(err, IFLOW_EURL,
           "the address begins with '%.*s', which is neither https:// nor http:// nor a path",
           n > 80 ? 80 : (int)n, to);
  ifl_hint(err, "write a path such as /http/orders, or a URL as https://host/path");
  return IFLOW_EURL;
}

static int add_path(struct ifl_buf *text, const char *url, const char *path, iflow_error *err)
{
  int rc = ifl_buf_adds(text, url, err);
  if (rc == 0 && path[0] != '/') rc = ifl_buf_add(text, "/", 1, err);
  return rc < 0 ? rc : ifl_buf_adds(text, path, err);
}

static int build_url(ifl_call *c, const struct ifl_call_opts *o, iflow_error *err)
{
  struct ifl_buf text = IFL_BUF_INIT(URL_MAX);
  int rc;
  if (o->to == NULL || o->to[0] == '\0')
    return ifl_fail(err, IFLOW_EINVAL, "a call needs an address in 'to'");
  if (is_absolute(o->to)) rc = ifl_buf_adds(&text, o->to, err);
  else if (scheme_length(o->to) > 0) rc = fail_scheme(o->to, err);
  else if (c->tenant->url == NULL)
    rc = ifl_fail(err, IFLOW_EINVAL, "'%.200s' is a path, but the service key has no url", o->to);
  else rc = add_path(&text, c->tenant->url, o->to, err);
  if (rc == 0 && o->query != NULL && o->query[0] != '\0')
    rc = ifl_buf_addf(&text, err, "%c%s", strchr(o->to, '?') != NULL ? '&' : '?', o->query);
  if (rc == 0) rc = ifl_url_parse(&c->url, text.data, err);
  ifl_buf_done(&text);
  return rc;
}

/* Copies the user's fields. A Cookie is kept aside to be joined with the session's; an X-CSRF-Token
 * means that the user does the handshake. */
static int copy_headers(ifl_call *c, const struct ifl_headers *from, iflow_error *err)
{
  int rc = 0;
  for (size_t i = 0; from != NULL && i < from->count && rc == 0; i++) {
    const char *name = ifl_headers_name(from, i), *value = ifl_headers_value(from, i);
    if (strcasecmp(name, "Authorization") == 0) {
      rc = ifl_fail(err, IFLOW_EHEADER, "the field Authorization is made by the call (see auth)");
    } else if (strcasecmp(name, "Cookie") == 0 && c->own_cookie == NULL) {
      c->own_cookie = strdup(value);
      if (c->own_cookie == NULL) rc = ifl_fail_nomem(err);
    } else {
      if (strcasecmp(name, "X-CSRF-Token") == 0) c->opts.csrf = IFL_CSRF_NEVER;
      rc = ifl_headers_add(&c->headers, name, strlen(name), value, strlen(value), err);
    }
  }
  return rc;
}

static int copy_texts(ifl_call *c, const struct ifl_call_opts *o, iflow_error *err)
{
  c->opts = *o;
  c->opts.headers = NULL; /* borrowed for the start only: */
  c->opts.to = c->opts.query = c->opts.method = NULL;
  c->opts.expect = NULL;
  c->method = strdup(o->method);
  c->expect = calloc(o->expect_count + 1, sizeof *c->expect);
  if (c->method == NULL || c->expect == NULL) return ifl_fail_nomem(err);
  for (size_t i = 0; i < o->expect_count; i++) c->expect[i] = o->expect[i];
  return copy_headers(c, o->headers, err);
}

int ifl_call_copy_opts(ifl_call *c, const struct ifl_call_opts *o, iflow_error *err)
{
  int rc = copy_texts(c, o, err);
  return rc < 0 ? rc : build_url(c, o, err);
}

/* ---- a request ------------------------------------------------------------------------------- */

static int add_basic(struct ifl_buf *out, const ifl_service_key *key, iflow_error *err)
{
  const ifl_secret *secret = ifl_service_key_secret(key);
  struct ifl_buf pair = IFL_BUF_INIT(IFL_AUTHORIZATION_MAX / 2);
  int rc =
      ifl_buf_addf(&pair, err, "%s:%s", ifl_service_key_client_id(key), ifl_secret_data(secret));
  if (rc == 0) rc = ifl_buf_adds(out, "Basic ", err);
  if (rc == 0) rc = ifl_buf_reserve(out, ifl_base64_size(pair.len), err);
  if (rc == 0) out->len += ifl_base64(out->data + out->len, pair.data, pair.len);
  ifl_buf_wipe(&pair);
  return rc;
}

int ifl_call_authorization(struct ifl_buf *out, const ifl_call *c, iflow_error *err)
{
  if (c->opts.auth == IFL_AUTH_CERTIFICATE) return 0;
  if (c->opts.auth == IFL_AUTH_BASIC) return add_basic(out, c->tenant->key, err);
  int rc = ifl_buf_reserve(out, 7 + ifl_secret_len(c->access), err); /* once: a token is long */
  if (rc == 0) rc = ifl_buf_add(out, "Bearer ", 7, err);
  if (rc == 0) rc = ifl_buf_add(out, ifl_secret_data(c->access), ifl_secret_len(c->access), err);
  return rc;
}

static int64_t pick(int64_t call_ms, int64_t tenant_ms, int64_t default_ms)
{
  return call_ms > 0 ? call_ms : tenant_ms > 0 ? tenant_ms : default_ms;
}

void ifl_call_fill_request(struct ifl_request *r, const ifl_call *c)
{
  const struct ifl_call_opts *o = &c->opts;
  const ifl_tenant *t = c->tenant;
  bool tls_credential = o->auth == IFL_AUTH_CERTIFICATE;
  ifl_request_init(r);
  r->url = &c->url;
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
}

bool ifl_call_is_modifying(const ifl_call *c)
{
  return strcmp(c->method, "GET") != 0 && strcmp(c->method, "HEAD") != 0 &&
         strcmp(c->method, "OPTIONS") != 0;
}

int ifl_call_headers_to_send(struct ifl_headers *h, const ifl_call *c, iflow_error *err)
{
  struct ifl_buf auth = IFL_BUF_INIT(IFL_AUTHORIZATION_MAX);
  int rc = ifl_call_authorization(&auth, c, err);
  if (rc == 0 && auth.len > 0)
    rc = ifl_headers_add(h, "Authorization", 13, auth.data, auth.len, err);
  for (size_t i = 0; i < c->headers.count && rc == 0; i++) {
    const char *name = ifl_headers_name(&c->headers, i), *value = ifl_headers_value(&c->headers, i);
    rc = ifl_headers_add(h, name, strlen(name), value, strlen(value), err);
  }
  if (rc == 0 && c->session != NULL)
    rc = ifl_csrf_apply(h, c->session, &c->url, c->own_cookie, err);
  else if (rc == 0 && c->own_cookie != NULL)
    rc = ifl_headers_add(h, "Cookie", 6, c->own_cookie, strlen(c->own_cookie), err);
  ifl_buf_wipe(&auth);
  return rc;
}
