/* call.h -- the iFlow call: token, CSRF and cookies, one repair of each kind, and what the answer
 * means (DESIGN, section 4; sap-reference 5 and 8). */
#ifndef IFL_CALL_CALL_H
#define IFL_CALL_CALL_H

#include "call/tenant.h"

enum ifl_auth { IFL_AUTH_TOKEN, IFL_AUTH_CERTIFICATE, IFL_AUTH_BASIC };
enum ifl_outcome { IFL_DELIVERED, IFL_REJECTED, IFL_RETRYABLE, IFL_IN_DOUBT };
enum ifl_csrf { IFL_CSRF_AUTO, IFL_CSRF_ALWAYS, IFL_CSRF_NEVER };

/* What calls of one kind share. */
struct ifl_call_opts {
  const char *to;                    /* path under the tenant's url, or a full URL */
  const char *query;                 /* already encoded "a=b&c=d", or NULL */
  const char *method;                /* "POST" by default */
  const struct ifl_headers *headers; /* may be NULL */
  enum ifl_auth auth;
  enum ifl_csrf csrf;
  const int *expect; /* further statuses that are answers; expect_count of them */
  size_t expect_count;
  bool idempotent;
  size_t max_body;
  int64_t connect_timeout_ms, timeout_ms, stall_timeout_ms, queue_timeout_ms; /* 0: the tenant's */
};
void ifl_call_opts_init(struct ifl_call_opts *o);

/* The options, looked at and copied, for any number of calls. Counted. */
typedef struct ifl_call_plan ifl_call_plan;
/* Errors: IFLOW_EINVAL, IFLOW_EURL, IFLOW_EHEADER, IFLOW_ELIMIT, IFLOW_ECERTNONE, IFLOW_ENOMEM. */
int ifl_call_plan_new(ifl_call_plan **out, ifl_tenant *tenant, const struct ifl_call_opts *opts,
                      iflow_error *err);
ifl_call_plan *ifl_call_plan_ref(ifl_call_plan *plan);
void ifl_call_plan_unref(ifl_call_plan *plan);

/* What one call adds. */
struct ifl_call_own {
  struct ifl_body body;          /* want gets the payload of done */
  bool body_repeatable;          /* STREAM only: rewind is given */
  void (*rewind)(void *payload); /* STREAM: start over, payload of done; called from the loop
                                    before want */
  struct ifl_headers headers;    /* further fields, none that is about authentication or cookies;
                                    moved into the call when it has begun, otherwise the caller's */
  int save_fd;                   /* -1: in memory */
};
void ifl_call_own_init(struct ifl_call_own *own);

typedef struct ifl_call ifl_call;

/* done runs exactly once from the loop. err is NULL for outcome delivered; otherwise it tells why,
 * and the answer, if one came, can still be looked at. */
int ifl_call_start(ifl_call **out, ifl_call_plan *plan, struct ifl_call_own *own,
                   void (*done)(void *payload, ifl_call *call, const iflow_error *err),
                   void *payload, iflow_error *err);
void ifl_call_free(ifl_call *call); /* cancels in any state; done never runs afterwards */
/* STREAM: whether a chunk may be fed. Between a want and its feed a repair may begin anew. */
bool ifl_call_wants(const ifl_call *call);
int ifl_call_feed(ifl_call *call, const char *data, size_t n, bool last, iflow_error *err);

/* Of a done call; borrowed until it is freed. */
enum ifl_outcome ifl_call_outcome(const ifl_call *call);
int ifl_call_status(const ifl_call *call);
struct ifl_headers *ifl_call_headers(ifl_call *call);  /* NULL when no answer came */
struct ifl_buf *ifl_call_body(ifl_call *call);         /* NULL when no answer came */
const char *ifl_call_message_id(const ifl_call *call); /* message processing log id, or NULL */
int64_t ifl_call_saved(const ifl_call *call);
/* How many repairs were made: token, CSRF, role. */
int ifl_call_repairs(const ifl_call *call);
/* What done got, or NULL for a delivered one. */
const iflow_error *ifl_call_error(const ifl_call *call);
/* What is behind an error in doubt (net.reset, net.timeout, …), or NULL. */
const iflow_error *ifl_call_cause(const ifl_call *call);

#endif
