/* tenant.h -- one tenant seen through one credential: token source, CSRF state, connection pool
 * identity. What calls are made on. */
#ifndef IFL_CALL_TENANT_H
#define IFL_CALL_TENANT_H

#include "auth/identity.h"
#include "auth/token.h"
#include "net/client.h"

typedef struct ifl_tenant ifl_tenant; /* counted: a call in flight holds one */

struct ifl_tenant_opts {
  ifl_service_key *service_key; /* must */
  ifl_credential *credential;   /* for certificate keys; NULL for client secrets */
  const char *url;              /* overrides the key's url */
  const char *cafile;           /* PEM file to trust, read now; NULL: the system's authorities */
  bool beside_system;           /* these, too */
  const char *proxy;
  const ifl_secret *proxy_userpwd;
  const char *cache_dir; /* disk cache of tokens, NULL: off */
  const char *scope;
  bool grant_in_query, secret_in_body;
  size_t connections; /* at once; 0: the client's default */
  int64_t connect_timeout_ms, timeout_ms, stall_timeout_ms, queue_timeout_ms; /* 0: default */
  bool verbose;
};
int ifl_tenant_new(ifl_tenant **out, ifl_client *client, iflow_loop *loop,
                   const struct ifl_tenant_opts *opts, iflow_error *err);
ifl_tenant *ifl_tenant_ref(ifl_tenant *t);
void ifl_tenant_unref(ifl_tenant *t);
ifl_token_source *ifl_tenant_tokens(ifl_tenant *t);
const char *ifl_tenant_url(const ifl_tenant *t); /* NULL: the key has none */
const char *ifl_tenant_client_id(const ifl_tenant *t);

#endif
