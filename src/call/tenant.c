/* tenant.c -- see tenant.h: what all calls with one credential share. */
#include "call/tenant_private.h"

#include "auth/token_request.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL stays NULL; false when out of memory. */
static bool copy(char **out, const char *text)
{
  *out = text != NULL ? strdup(text) : NULL;
  return text == NULL || *out != NULL;
}

static int copy_opts(ifl_tenant *t, const struct ifl_tenant_opts *o, iflow_error *err)
{
  const char *url = o->url != NULL ? o->url : ifl_service_key_url(o->service_key);
  t->key = ifl_service_key_ref(o->service_key);
  t->credential = o->credential != NULL ? ifl_credential_ref(o->credential) : NULL;
  t->connections = o->connections;
  t->connect_timeout_ms = o->connect_timeout_ms;
  t->timeout_ms = o->timeout_ms;
  t->stall_timeout_ms = o->stall_timeout_ms;
  t->queue_timeout_ms = o->queue_timeout_ms;
  t->verbose = o->verbose;
  if (!copy(&t->url, url) || !copy(&t->proxy, o->proxy)) return ifl_fail_nomem(err);
  if (o->proxy_userpwd != NULL) {
    t->proxy_userpwd =
        ifl_secret_new(ifl_secret_data(o->proxy_userpwd), ifl_secret_len(o->proxy_userpwd));
    if (t->proxy_userpwd == NULL) return ifl_fail_nomem(err);
  }
  size_t n = url != NULL ? strlen(url) : 0;
  while (n > 0 && url[n - 1] == '/') t->url[--n] = '\0';
  return 0;
}

static int check_url(const ifl_tenant *t, iflow_error *err)
{
  struct ifl_url parsed;
  if (t->url == NULL) return 0; /* calls must then give full URLs */
  int rc = ifl_url_parse(&parsed, t->url, err);
  if (rc < 0) ifl_prefix(err, "the tenant's url");
  else ifl_url_done(&parsed);
  return rc;
}

static int make_tokens(ifl_tenant *t, const struct ifl_tenant_opts *o, iflow_error *err)
{
  struct ifl_token_opts opts;
  bool with_secret = ifl_service_key_type(t->key) == IFL_KEY_SECRET;
  if (!with_secret && t->credential == NULL)
    return ifl_fail(err, IFLOW_ECERTNONE, "%.300s is a key of type '%s' and needs a certificate",
                    ifl_service_key_name(t->key), ifl_service_key_type_name(t->key));
  ifl_token_opts_init(&opts);
  opts.token_url = ifl_service_key_token_url(t->key);
  opts.client_id = ifl_service_key_client_id(t->key);
  opts.secret = with_secret ? ifl_service_key_secret(t->key) : NULL;
  opts.credential = with_secret ? NULL : t->credential;
  opts.scope = o->scope;
  opts.grant_in_query = o->grant_in_query;
  opts.secret_in_body = o->secret_in_body;
  bool sealable = opts.credential == NULL || !opts.credential->in_hardware;
  opts.cache_dir = sealable ? o->cache_dir : NULL;
  opts.trust = t->trust;
  opts.proxy = t->proxy;
  opts.proxy_userpwd = t->proxy_userpwd;
  if (o->connect_timeout_ms > 0) opts.connect_timeout_ms = o->connect_timeout_ms;
  opts.verbose = o->verbose;
  ifl_token_fingerprint(t->identity, &opts);
  return ifl_token_source_new(&t->tokens, t->client, t->loop, &opts, err);
}

int ifl_tenant_new(ifl_tenant **out, ifl_client *client, iflow_loop *loop,
                   const struct ifl_tenant_opts *opts, iflow_error *err)
{
  if (opts->service_key == NULL) return ifl_fail(err, IFLOW_EINVAL, "a tenant needs a service key");
  ifl_tenant *t = calloc(1, sizeof *t);
  if (t == NULL) return ifl_fail_nomem(err);
  t->refs = 1;
  t->client = client;
  t->loop = loop;
  int rc = copy_opts(t, opts, err);
  if (rc == 0) rc = check_url(t, err);
  if (rc == 0 && opts->cafile != NULL)
    rc = ifl_trust_open(&t->trust, opts->cafile, opts->beside_system, err);
  if (rc == 0) rc = make_tokens(t, opts, err);
  if (rc == 0 && t->credential != NULL)
    snprintf(t->tls_identity, sizeof t->tls_identity, "tls:%s", t->credential->fingerprint);
  if (rc < 0) ifl_tenant_unref(t);
  else *out = t;
  return rc;
}

ifl_tenant *ifl_tenant_ref(ifl_tenant *t)
{
  t->refs++;
  return t;
}

void ifl_tenant_unref(ifl_tenant *t)
{
  if (t == NULL || --t->refs > 0) return;
  ifl_token_source_free(t->tokens);
  ifl_csrfs_done(&t->csrfs);
  ifl_service_key_unref(t->key);
  ifl_credential_unref(t->credential);
  ifl_secret_unref(t->proxy_userpwd);
  ifl_trust_unref(t->trust);
  free(t->url);
  free(t->proxy);
  free(t);
}

ifl_token_source *ifl_tenant_tokens(ifl_tenant *t)
{
  return t->tokens;
}

const char *ifl_tenant_url(const ifl_tenant *t)
{
  return t->url;
}

const char *ifl_tenant_client_id(const ifl_tenant *t)
{
  return ifl_service_key_client_id(t->key);
}
