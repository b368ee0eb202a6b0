/* classify.h -- what the end of a request means: delivered, rejected, retryable or in doubt, which
 * error with which advice, and what may be repaired first (DESIGN 4; sap-reference 5.4, 5.5, 8). */
#ifndef IFL_CALL_CLASSIFY_H
#define IFL_CALL_CLASSIFY_H

#include "call/call.h"

#define IFL_MESSAGE_ID_MAX 64

/* The end of a request, borrowed. */
struct ifl_ending {
  const char *method;
  const struct ifl_url *url;
  enum ifl_auth auth;
  bool idempotent;
  const int *expect; /* further statuses that are answers */
  size_t expect_count;
  const char *roles; /* blank-separated, of the token that was sent; NULL: not known */

  int status; /* 0: no answer began */
  struct ifl_headers *headers;
  const char *body;
  size_t len;

  const iflow_error *broken; /* NULL: the answer is complete */
  enum ifl_sent sent;        /* how far a broken one got */
};

struct ifl_verdict {
  enum ifl_outcome outcome;
  char message_id[IFL_MESSAGE_ID_MAX + 1]; /* "" when the tenant gave none */
  iflow_error err;                         /* code 0 when delivered */
  iflow_error cause; /* what is behind an err in doubt, code 0: nothing else */
};
/* No error yet, no id. Not all of it is written: errors are large. */
void ifl_verdict_init(struct ifl_verdict *v, enum ifl_outcome outcome);
void ifl_judge(struct ifl_verdict *out, const struct ifl_ending *end);

enum ifl_repair { IFL_REPAIR_NONE, IFL_REPAIR_TOKEN, IFL_REPAIR_CSRF, IFL_REPAIR_ROLE };
/* What a complete answer asks for. One that carries a message processing log id came from the flow:
 * nothing, whatever its status. */
enum ifl_repair ifl_repair_wanted(const struct ifl_ending *end);

/* The message processing log id of an answer, from its header or, for errors, SAP's text in the body.
 * False: none; then out is "". */
bool ifl_message_id(char out[IFL_MESSAGE_ID_MAX + 1], const struct ifl_ending *end);

#endif
