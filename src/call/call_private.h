/* call_private.h -- the inside of a call: call.c drives it, call_plan.c looks at its
 * options, call_request.c makes what it sends. */
#ifndef IFL_CALL_CALL_PRIVATE_H
#define IFL_CALL_CALL_PRIVATE_H

#include "call/tenant_private.h"

struct ifl_call_plan {
  size_t refs;
  ifl_tenant *tenant;        /* a reference */
  struct ifl_call_opts opts; /* without its texts, which are: */
  char *method;
  struct ifl_url url;
  struct ifl_headers headers; /* the user's, but for: */
  char *own_cookie;           /* NULL, or the user's Cookie */
  int *expect;
  ifl_csrf_session *session; /* NULL: the method changes nothing */
};

struct ifl_call {
  iflow_loop *loop;
  ifl_call_plan *plan; /* a reference */
  struct ifl_call_own own;
  void (*done)(void *payload, ifl_call *call, const iflow_error *err);
  void *payload;

  ifl_token_wait *token_wait;
  ifl_secret *access; /* of auth token: what was sent, or will be */
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

/* Where, how and by which credentials, which the CSRF handshake shares; method, fields and body are
 * still missing. *made: NULL, or credentials that were made for it; to be released when the request
 * has begun. */
int ifl_call_fill_request(struct ifl_request *r, ifl_secret **made, const ifl_call *c,
                          iflow_error *err);
/* Adds the fields of the CSRF session, and the user's Cookie with its. */
int ifl_call_add_session(struct ifl_headers *h, const ifl_call *c, iflow_error *err);

#endif
