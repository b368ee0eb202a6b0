/* tenant_private.h -- the inside of a tenant, for the files of this folder. */
#ifndef IFL_CALL_TENANT_PRIVATE_H
#define IFL_CALL_TENANT_PRIVATE_H

#include "call/csrf.h"
#include "call/tenant.h"

struct ifl_tenant {
  size_t refs;
  ifl_client *client;
  iflow_loop *loop;
  ifl_service_key *key;
  ifl_credential *credential; /* or NULL */
  char *url, *proxy;          /* url without a slash at its end; proxy may be NULL */
  ifl_trust *trust;           /* or NULL */
  ifl_secret *proxy_userpwd;  /* or NULL */
  /* Pool keys. A connection with the client certificate in its handshake is another one than one
   * without, also when both belong to one service key. */
  char identity[65], tls_identity[80];
  ifl_token_source *tokens;
  struct ifl_csrfs csrfs;
  size_t connections;
  int64_t connect_timeout_ms, timeout_ms, stall_timeout_ms, queue_timeout_ms; /* 0: default */
  bool verbose;
};

#endif
