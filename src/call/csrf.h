/* csrf.h -- CSRF sessions (sap-reference 5.3): token and cookies together, one session an endpoint
 * and way of authentication, fetched once however many calls wait for it. */
#ifndef IFL_CALL_CSRF_H
#define IFL_CALL_CSRF_H

#include "call/classify.h"
#include "call/cookies.h"

#define IFL_CSRF_SESSIONS_MAX 256 /* a tenant; the one that was used longest ago goes first */

typedef struct ifl_csrf_session ifl_csrf_session; /* a session, counted */
typedef struct ifl_csrf_wait ifl_csrf_wait;

struct ifl_csrfs {
  ifl_csrf_session *first; /* used last */
  size_t count;
};
void ifl_csrfs_done(struct ifl_csrfs *all);

/* The session of an endpoint, made when there is none. Caller: ifl_csrf_unref. */
int ifl_csrf_open(ifl_csrf_session **out, struct ifl_csrfs *all, enum ifl_auth auth,
                  const struct ifl_url *url, iflow_error *err);
void ifl_csrf_unref(ifl_csrf_session *c);

enum ifl_csrf_state {
  IFL_CSRF_UNKNOWN, /* nobody has asked, or the token was refused */
  IFL_CSRF_OPEN,    /* the endpoint gave no token: it is not protected */
  IFL_CSRF_HELD     /* a token is here */
};
enum ifl_csrf_state ifl_csrf_state_of(const ifl_csrf_session *c);
/* Grows with every handshake: what a call remembers of the session it used. */
uint64_t ifl_csrf_generation(const ifl_csrf_session *c);

/* Adds what a call sends: token and cookies while a token is held; own_cookie (may be NULL) is the
 * user's and goes in front. */
int ifl_csrf_apply(struct ifl_headers *headers, const ifl_csrf_session *c,
                   const struct ifl_url *url, const char *own_cookie, iflow_error *err);
/* The answer to a call that used that generation: its cookies are taken over; with refused the token
 * is dropped. A session that was renewed meanwhile stays as it is. */
void ifl_csrf_answered(ifl_csrf_session *c, uint64_t generation, bool refused,
                       const struct ifl_headers *answer);

/* The handshake, with the request of the call that needs it: url (the query is left out), identity,
 * trust, proxy, timeouts, Authorization. */
struct ifl_csrf_request {
  const struct ifl_request *like;
  enum ifl_auth auth;
  const char *roles; /* for the error text, may be NULL */
};
/* Joins a handshake in flight or starts one. done runs once from the loop: failed NULL means that
 * the state is known now; otherwise it tells what the answer was and which repair it asks for. */
int ifl_csrf_fetch(ifl_csrf_wait **out, ifl_csrf_session *c, ifl_client *client, iflow_loop *loop,
                   const struct ifl_csrf_request *request,
                   void (*done)(void *payload, const struct ifl_verdict *failed,
                                enum ifl_repair repair),
                   void *payload, iflow_error *err);
void ifl_csrf_wait_free(ifl_csrf_wait *w); /* done never runs afterwards */

#endif
