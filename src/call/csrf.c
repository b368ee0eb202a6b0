/* csrf.c -- see csrf.h. The handshake is GET with "X-CSRF-Token: Fetch": on a protected endpoint the
 * flow does not run, and the answer brings the token and the cookies it is bound to. */
#include "call/csrf.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TOKEN_MAX  4096
#define ANSWER_MAX (64 * 1024)
#define COOKIE_MAX (64 * 1024)

struct ifl_csrf_session {
  ifl_csrf_session *next;
  size_t refs;
  char *key; /* way of authentication, and the URL without its query */
  enum ifl_csrf_state state;
  uint64_t generation;
  char *token; /* while held */
  struct ifl_cookies cookies;

  ifl_exchange *exchange; /* the handshake in flight: */
  struct ifl_url url;
  struct ifl_headers headers;
  enum ifl_auth auth;
  char *roles;
  iflow_loop *loop;
  ifl_csrf_wait *waits, *last;
};

struct ifl_csrf_wait {
  ifl_csrf_session *session; /* a reference */
  ifl_csrf_wait *next, *prev;
  bool waiting; /* in the session's list */
  struct ifl_soon soon;
  void (*done)(void *payload, const struct ifl_verdict *failed, enum ifl_repair repair);
  void *payload;
  struct ifl_verdict verdict; /* err.code 0: fine */
  enum ifl_repair repair;
};

/* ---- sessions -------------------------------------------------------------------------------- */

void ifl_csrf_unref(ifl_csrf_session *c)
{
  if (c == NULL || --c->refs > 0) return;
  ifl_exchange_free(c->exchange);
  ifl_url_done(&c->url);
  ifl_headers_done(&c->headers);
  ifl_cookies_done(&c->cookies);
  ifl_wipe_free(c->token);
  free(c->roles);
  free(c->key);
  free(c);
}

static ifl_csrf_session *unlink_at(struct ifl_csrfs *all, ifl_csrf_session **at)
{
  ifl_csrf_session *c = *at;
  *at = c->next;
  c->next = NULL;
  all->count--;
  return c;
}

static void push_front(struct ifl_csrfs *all, ifl_csrf_session *c)
{
  c->next = all->first;
  all->first = c;
  all->count++;
}

void ifl_csrfs_done(struct ifl_csrfs *all)
{
  while (all->first != NULL) ifl_csrf_unref(unlink_at(all, &all->first));
}

static int csrf_new(ifl_csrf_session **out, char *key, iflow_error *err)
{
  ifl_csrf_session *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->refs = 1; /* the list's */
  c->key = key;
  ifl_headers_init(&c->headers);
  *out = c;
  return 0;
}

int ifl_csrf_open(ifl_csrf_session **out, struct ifl_csrfs *all, enum ifl_auth auth,
                  const struct ifl_url *url, iflow_error *err)
{
  char *key = NULL;
  ifl_csrf_session *c = NULL, **at = &all->first;
  if (asprintf(&key, "%d %d %s%.*s", (int)auth, url->tls, url->authority,
               (int)strcspn(url->target, "?"), url->target) < 0)
    return ifl_fail_nomem(err);
  while (*at != NULL && strcmp((*at)->key, key) != 0) at = &(*at)->next;
  if (*at != NULL) {
    c = unlink_at(all, at);
    free(key);
  } else if (csrf_new(&c, key, err) < 0) {
    free(key);
    return IFLOW_ENOMEM;
  }
  push_front(all, c);
  if (all->count > IFL_CSRF_SESSIONS_MAX) {
    for (at = &all->first; (*at)->next != NULL; at = &(*at)->next) continue;
    ifl_csrf_unref(unlink_at(all, at)); /* calls that use it keep it */
  }
  c->refs++;
  *out = c;
  return 0;
}

enum ifl_csrf_state ifl_csrf_state_of(const ifl_csrf_session *c)
{
  return c->state;
}

uint64_t ifl_csrf_generation(const ifl_csrf_session *c)
{
  return c->generation;
}

/* ---- what a call sends and gets -------------------------------------------------------------- */

static int add_cookies(struct ifl_headers *headers, const ifl_csrf_session *c,
                       const struct ifl_url *url, const char *own, iflow_error *err)
{
  struct ifl_buf line = IFL_BUF_INIT(COOKIE_MAX), ours = IFL_BUF_INIT(COOKIE_MAX);
  int rc = 0;
  if (own != NULL) rc = ifl_buf_adds(&line, own, err);
  if (rc == 0) rc = ifl_cookies_write(&ours, &c->cookies, url, ifl_clock_wall_ms(), err);
  if (rc == 0 && ours.len > 0)
    rc = ifl_buf_addf(&line, err, "%s%s", line.len > 0 ? "; " : "", ours.data);
  if (rc == 0 && line.len > 0) rc = ifl_headers_add(headers, "Cookie", 6, line.data, line.len, err);
  ifl_buf_wipe(&line);
  ifl_buf_wipe(&ours);
  return rc;
}

int ifl_csrf_apply(struct ifl_headers *headers, const ifl_csrf_session *c,
                   const struct ifl_url *url, const char *own_cookie, iflow_error *err)
{
  if (c->state == IFL_CSRF_HELD) {
    int rc = ifl_headers_add(headers, "X-CSRF-Token", 12, c->token, strlen(c->token), err);
    return rc < 0 ? rc : add_cookies(headers, c, url, own_cookie, err);
  }
  if (own_cookie == NULL) return 0;
  return ifl_headers_add(headers, "Cookie", 6, own_cookie, strlen(own_cookie), err);
}

static void forget(ifl_csrf_session *c)
{
  ifl_wipe_free(c->token);
  c->token = NULL;
  c->state = IFL_CSRF_UNKNOWN;
}

/* A cookie that cannot be kept for want of memory costs a second handshake, no more. */
void ifl_csrf_answered(ifl_csrf_session *c, uint64_t generation, bool refused,
                       const struct ifl_headers *answer)
{
  if (generation != c->generation || c->exchange != NULL) return;
  if (!refused && c->state != IFL_CSRF_HELD) return; /* unprotected: stay free of stickiness */
  if (refused) forget(c);
  ifl_cookies_take(&c->cookies, answer, ifl_clock_wall_ms(), NULL);
}

/* ---- the handshake --------------------------------------------------------------------------- */

static void wait_detach(ifl_csrf_wait *w)
{
  ifl_csrf_session *c = w->session;
  if (!w->waiting) return;
  if (w->prev != NULL) w->prev->next = w->next;
  else c->waits = w->next;
  if (w->next != NULL) w->next->prev = w->prev;
  else c->last = w->prev;
  w->next = w->prev = NULL;
  w->waiting = false;
}

static void deliver(void *payload)
{
  ifl_csrf_wait *w = payload;
  struct ifl_verdict v = w->verdict; /* the callback may free w */
  w->done(w->payload, v.err.code != 0 ? &v : NULL, w->repair);
}

static void settle_all(ifl_csrf_session *c, const struct ifl_verdict *v, enum ifl_repair repair)
{
  while (c->waits != NULL) {
    ifl_csrf_wait *w = c->waits;
    wait_detach(w);
    w->verdict = *v;
    w->repair = repair;
    ifl_soon(c->loop, &w->soon, deliver, w);
  }
}

static bool is_token(const char *s)
{
  size_t n = strlen(s);
  for (size_t i = 0; i < n; i++)
    if (s[i] < 0x21 || s[i] > 0x7e) return false;
  return n > 0 && n <= TOKEN_MAX && strcasecmp(s, "required") != 0 && strcasecmp(s, "fetch") != 0;
}

/* What the answer says about the session; 0, or IFLOW_E… when it says nothing and is to be judged. */
static int learn(ifl_csrf_session *c, const struct ifl_ending *end)
{
  char id[IFL_MESSAGE_ID_MAX + 1];
  const char *token = end->headers != NULL ? ifl_headers_get(end->headers, "X-CSRF-Token") : NULL;
  if (end->status == 401 || end->status == 403) return IFLOW_ECSRF;
  if (token != NULL && is_token(token)) {
    c->token = strdup(token);
    if (c->token == NULL) return IFLOW_ENOMEM;
    c->state = IFL_CSRF_HELD;
  } else if ((end->status >= 200 && end->status < 300) || end->status == 405 ||
             ifl_message_id(id, end)) { /* the flow took the GET itself, or does not take GET */
    c->state = IFL_CSRF_OPEN;
  } else {
    return IFLOW_ECSRF;
  }
  return 0;
}

static void ending_of(struct ifl_ending *end, ifl_csrf_session *c, const iflow_error *broken)
{
  struct ifl_buf *body = ifl_exchange_body(c->exchange);
  *end = (struct ifl_ending) { .method = "GET",
                               .url = &c->url,
                               .auth = c->auth,
                               .idempotent = true,
                               .roles = c->roles,
                               .status = ifl_exchange_status(c->exchange),
                               .headers = ifl_exchange_headers(c->exchange),
                               .sent = ifl_exchange_sent(c->exchange) };
  if (broken == NULL || broken->code != IFLOW_EHTTPLIMIT) end->broken = broken;
  if (body != NULL) end->body = body->data, end->len = body->len;
}

static void on_answer(void *payload, ifl_exchange *x, const iflow_error *broken)
{
  ifl_csrf_session *c = payload;
  struct ifl_ending end;
  struct ifl_verdict v = { 0 };
  enum ifl_repair repair = IFL_REPAIR_NONE;
  ending_of(&end, c, broken);
  c->generation++;
  if (end.broken == NULL && end.headers != NULL)
    ifl_cookies_take(&c->cookies, end.headers, ifl_clock_wall_ms(), NULL);
  if (end.broken != NULL || learn(c, &end) < 0) {
    ifl_judge(&v, &end);
    repair = ifl_repair_wanted(&end);
    if (v.outcome == IFL_IN_DOUBT) v.outcome = IFL_REJECTED; /* no message was in it */
    if (v.err.code == 0) v.err.code = ifl_fail_nomem(&v.err);
  }
  c->exchange = NULL;
  ifl_exchange_free(x);
  ifl_headers_done(&c->headers);
  settle_all(c, &v, repair);
}

static int prepare(ifl_csrf_session *c, const struct ifl_csrf_request *r, iflow_error *err)
{
  c->auth = r->auth;
  free(c->roles);
  c->roles = r->roles != NULL ? strdup(r->roles) : NULL;
  ifl_url_done(&c->url);
  ifl_headers_clear(&c->headers);
  int rc = ifl_url_copy_path(&c->url, r->like->url, err);
  if (rc == 0) rc = ifl_headers_add(&c->headers, "X-CSRF-Token", 12, "Fetch", 5, err);
  return rc < 0 ? rc : add_cookies(&c->headers, c, &c->url, NULL, err);
}

static int start(ifl_csrf_session *c, ifl_client *client, const struct ifl_csrf_request *r,
                 iflow_error *err)
{
  int rc = prepare(c, r, err);
  if (rc < 0) return rc;
  struct ifl_request get = *r->like;
  get.method = "GET";
  get.url = &c->url;
  get.headers = &c->headers;
  get.body = (struct ifl_body) { .kind = IFL_BODY_NONE };
  get.expect_continue = false;
  get.idempotent = true;
  get.max_body = ANSWER_MAX;
  get.save_fd = -1;
  forget(c);
  return ifl_exchange_start(&c->exchange, client, &get, on_answer, c, err);
}

int ifl_csrf_fetch(ifl_csrf_wait **out, ifl_csrf_session *c, ifl_client *client, iflow_loop *loop,
                   const struct ifl_csrf_request *request,
                   void (*done)(void *payload, const struct ifl_verdict *failed,
                                enum ifl_repair repair),
                   void *payload, iflow_error *err)
{
  ifl_csrf_wait *w = calloc(1, sizeof *w);
  if (w == NULL) return ifl_fail_nomem(err);
  c->loop = loop;
  int rc = c->exchange == NULL ? start(c, client, request, err) : 0;
  if (rc < 0) {
    free(w);
    return rc;
  }
  w->done = done;
  w->payload = payload;
  w->session = c;
  w->waiting = true;
  c->refs++;
  w->prev = c->last;
  if (c->last != NULL) c->last->next = w;
  else c->waits = w;
  c->last = w;
  *out = w;
  return 0;
}

/* With the last one who waits the handshake ends too. */
void ifl_csrf_wait_free(ifl_csrf_wait *w)
{
  if (w == NULL) return;
  ifl_csrf_session *c = w->session;
  wait_detach(w);
  ifl_soon_cancel(&w->soon);
  if (c->waits == NULL && c->exchange != NULL) {
    ifl_exchange_free(c->exchange);
    c->exchange = NULL;
  }
  ifl_csrf_unref(c);
  free(w);
}
