/* token.h -- OAuth access tokens of one credential: fetched once, shared, renewed at half life
 * (DESIGN, section 3; sap-reference 4). */
#ifndef IFL_AUTH_TOKEN_H
#define IFL_AUTH_TOKEN_H

#include "auth/service_key.h"
#include "net/client.h"

typedef struct ifl_token_source ifl_token_source;
typedef struct ifl_token_wait ifl_token_wait;

struct ifl_token {
  const ifl_secret *access; /* borrowed; take a reference to keep it */
  int64_t expires_at;       /* seconds since 1970 */
  int64_t fetched_at;
  bool from_disk;
};

struct ifl_token_opts {
  const char *token_url;
  const char *client_id;
  ifl_secret *secret;         /* secret option, or NULL */
  ifl_credential *credential; /* certificate options, or NULL */
  const char *scope;          /* optional */
  bool grant_in_query;        /* ?grant_type=… instead of the body (sap-reference 4.1) */
  bool secret_in_body;        /* client_id and client_secret as body parameters, no Basic */
  const char *cache_dir;      /* disk cache, NULL: off */
  ifl_trust *trust;           /* or NULL: the system's authorities */
  const char *proxy;          /* as in ifl_request */
  const ifl_secret *proxy_userpwd;
  int64_t connect_timeout_ms, timeout_ms; /* a request; 30 s, 60 s */
  bool verbose;
};
void ifl_token_opts_init(struct ifl_token_opts *o);

/* The source of these options on this client: one for all who ask with the same token URL, client,
 * credential, parameters, trust and proxy (DESIGN, section 3), so that they share its token and its
 * fetches; timeouts and verbose are those of the first. Caller: ifl_token_source_free, which ends it
 * when nobody else has it; waiters then get IFLOW_ECANCELED. */
int ifl_token_source_new(ifl_token_source **out, ifl_client *client, iflow_loop *loop,
                         const struct ifl_token_opts *opts, iflow_error *err);
void ifl_token_source_free(ifl_token_source *s);

/* The cached token if it is still good (then *tok is filled and 1 is returned); 0 when a fetch is
 * needed. Starts the background renewal after half of the lifetime. */
int ifl_token_peek(ifl_token_source *s, struct ifl_token *tok);
/* Waits for a token; joins a fetch in flight. done runs exactly once, from the loop. Errors there:
 * IFLOW_ETOKEN…, IFLOW_ETLS…, net.*. */
int ifl_token_get(ifl_token_wait **out, ifl_token_source *s,
                  void (*done)(void *payload, const struct ifl_token *tok, const iflow_error *err),
                  void *payload, iflow_error *err);
void ifl_token_wait_free(ifl_token_wait *w); /* done never runs afterwards */
/* The runtime refused this token: drop it (also on disk) unless a newer one is cached already. */
void ifl_token_invalidate(ifl_token_source *s, const ifl_secret *access);
uint64_t ifl_token_requests(const ifl_token_source *s); /* token requests sent, for tests */

#endif
