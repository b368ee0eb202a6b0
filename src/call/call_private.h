/* call_private.h -- the inside of a call: call.c drives it, call_request.c makes what it sends. */
#ifndef IFL_CALL_CALL_PRIVATE_H
#define IFL_CALL_CALL_PRIVATE_H

#include "call/tenant_private.h"

struct ifl_call {
  iflow_loop *loop;
  ifl_tenant *tenant; /* a reference */
  struct ifl_call_opts opts;
  char *method;
  struct ifl_url url;
  struct ifl_headers headers; /* the user's, but for: */
  char *own_cookie;           /* NULL, or the user's Cookie */
  int *expect;
  void (*done)(void *payload, ifl_call *call, const iflow_error *err);
  void *payload;

  ifl_token_wait *token_wait;
  ifl_secret *access; /* of auth token: what was sent, or will be */
  ifl_csrf_session *session;
  ifl_csrf_wait *csrf_wait;
  uint64_t generation; /* of the session, when the request was sent */
  ifl_exchange *exchange;
  bool wants;         /* the exchange asked for a chunk of a STREAM that it has not got yet */
  bool csrf_required; /* the endpoint said so, and the handshake is still to come */
  bool repaired[IFL_REPAIR_ROLE + 1];

  bool ended;
  struct ifl_soon soon;
  enum ifl_outcome outcome;
  char message_id[IFL_MESSAGE_ID_MAX + 1];
  const iflow_error *err, *cause; /* NULL: none. Errors are large, and most calls have none */
};

/* Copies what the options say into a zeroed call. Errors: IFLOW_EINVAL, IFLOW_EURL, IFLOW_EHEADER,
 * IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_call_copy_opts(ifl_call *c, const struct ifl_call_opts *o, iflow_error *err);
/* Where and how, which the CSRF handshake shares; method, headers and body are still missing. */
void ifl_call_fill_request(struct ifl_request *r, const ifl_call *c);
/* Adds the value of Authorization; nothing for a direct certificate. The buffer is to be wiped. */
int ifl_call_authorization(struct ifl_buf *out, const ifl_call *c, iflow_error *err);
#define IFL_AUTHORIZATION_MAX (128 * 1024)
/* All fields of the request: credentials, the user's, CSRF session. */
int ifl_call_headers_to_send(struct ifl_headers *h, const ifl_call *c, iflow_error *err);
/* Whether a CSRF token may be asked for it. */
bool ifl_call_is_modifying(const ifl_call *c);

#endif
