/* token_request.h -- one token request, and what its answer means (sap-reference 4.1, 4.2, 4.4).
 * Nothing here sends: token.c does, with retries. */
#ifndef IFL_AUTH_TOKEN_REQUEST_H
#define IFL_AUTH_TOKEN_REQUEST_H

#include "auth/token.h"

#define IFL_TOKEN_MAX        (64 * 1024)  /* bytes of an access token */
#define IFL_TOKEN_ANSWER_MAX (256 * 1024) /* bytes of the token server's answer */

/* What is sent, the same for every request of a source. */
struct ifl_token_request {
  struct ifl_url url;
  struct ifl_headers headers;
  struct ifl_buf body;
};
/* Errors: IFLOW_EURL, IFLOW_EINVAL (no client id, or neither secret nor certificate), IFLOW_ENOMEM.
 * Caller: ifl_token_request_done, which wipes. */
int ifl_token_request_init(struct ifl_token_request *out, const struct ifl_token_opts *opts,
                           iflow_error *err);
void ifl_token_request_done(struct ifl_token_request *r);

/* The fingerprint of the credential, for cache keys and connection pools: of the certificate, or of
 * client id and secret together. */
void ifl_token_fingerprint(char hex[65], const struct ifl_token_opts *opts);

/* An answer of the token server, borrowed. */
struct ifl_token_reply {
  int status;
  struct ifl_headers *headers; /* may be NULL */
  const char *body;            /* may be NULL when len is 0 */
  size_t len;
};
struct ifl_token_answer {
  ifl_secret *access; /* the caller's: ifl_secret_unref */
  int64_t lifetime_ms;
};
/* Decides by status, then by the member "error". Errors: IFLOW_ETOKEN…, with status, retry_after_ms
 * and advice; the client's secret never appears in them, even if the server repeats it. */
int ifl_token_answer_read(struct ifl_token_answer *out, const struct ifl_token_reply *reply,
                          const struct ifl_token_opts *opts, iflow_error *err);

/* The TLS peer refused the client certificate (err is IFLOW_ETLSCREDENTIALS, else nothing happens):
 * names in the hint what is wrong with it, as far as that can be seen here. */
void ifl_credential_advise(iflow_error *err, const ifl_credential *c);

/* Adds n bytes as application/x-www-form-urlencoded. */
int ifl_form_encode(struct ifl_buf *out, const char *data, size_t n, iflow_error *err);

#endif
