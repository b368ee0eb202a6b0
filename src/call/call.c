/* call.c -- one iFlow call, from token to verdict (DESIGN, section 4).
 *
 *   token -> CSRF handshake, if one is due -> request -> answer
 *     ^------------ at most one repair of each kind ------'
 *
 * The way is driven by advance(): it starts what is missing next and returns; the callback of that
 * comes back to it. Whatever ends the call goes through finish(), which tells the owner in the next
 * turn, never inside ifl_call_start. */
#include "call/call_private.h"

#include "auth/jwt.h"
#include "auth/token_request.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define ROLES_MAX 400

static void advance(ifl_call *c);

/* ---- the end --------------------------------------------------------------------------------- */

static void tell(void *payload)
{
  ifl_call *c = payload;
  c->done(c->payload, c, c->err); /* may free c */
}

static const iflow_error no_memory = {
  .code = IFLOW_ENOMEM, .retryable = true, .retry_after_ms = -1, .message = "out of memory"
};

static const iflow_error *keep(const iflow_error *err, const ifl_credential *credential)
{
  iflow_error *kept = malloc(sizeof *kept);
  if (kept == NULL) return &no_memory;
  *kept = *err;
  ifl_credential_advise(kept, credential);
  return kept;
}

static void drop(const iflow_error *err)
{
  if (err != &no_memory) free((iflow_error *)(uintptr_t)err);
}

static void finish(ifl_call *c, const struct ifl_verdict *v)
{
  c->outcome = v->outcome;
  memcpy(c->message_id, v->message_id, sizeof c->message_id);
  if (v->err.code != 0) c->err = keep(&v->err, c->plan->tenant->credential);
  if (v->cause.code != 0) c->cause = keep(&v->cause, NULL);
  c->ended = true;
  ifl_loop_op_end(c->loop);
  ifl_soon(c->loop, &c->soon, tell, c);
}

/* For errors before anything of the message was sent. */
static void finish_unsent(ifl_call *c, const iflow_error *err)
{
  struct ifl_verdict v;
  ifl_verdict_init(&v, err->retryable ? IFL_RETRYABLE : IFL_REJECTED);
  v.err = *err;
  finish(c, &v);
}

/* ---- the request ------------------------------------------------------------------------------- */

static bool body_is_once(const ifl_call *c)
{
  return c->own.body.kind == IFL_BODY_STREAM && !c->own.body_repeatable;
}

static void on_want(void *payload)
{
  ifl_call *c = payload;
  c->wants = true;
  c->own.body.want(c->payload);
}

static void on_answer(void *payload, ifl_exchange *x, const iflow_error *broken);

static int start_exchange(ifl_call *c, struct ifl_request *r, iflow_error *err)
{
  const ifl_call_plan *p = c->plan;
  r->method = p->method;
  r->headers = &p->headers;
  r->more[0] = &c->own.headers;
  r->body = c->own.body;
  if (r->body.kind == IFL_BODY_STREAM) r->body.want = on_want;
  r->expect_continue = body_is_once(c);
  r->idempotent = p->opts.idempotent;
  if (p->opts.max_body > 0) r->max_body = p->opts.max_body;
  r->save_fd = c->own.save_fd;
  if (p->session != NULL) c->generation = ifl_csrf_generation(p->session);
  return ifl_exchange_start(&c->exchange, p->tenant->client, r, on_answer, c, err);
}

static void send_request(ifl_call *c)
{
  struct ifl_request r;
  ifl_secret *made = NULL;
  struct ifl_headers session;
  iflow_error err;
  ifl_headers_init(&session);
  int rc = ifl_call_fill_request(&r, &made, c, &err);
  if (rc == 0) rc = ifl_call_add_session(&session, c, &err);
  r.more[1] = &session;
  if (rc == 0) rc = start_exchange(c, &r, &err);
  ifl_headers_done(&session);
  ifl_secret_unref(made);
  if (rc < 0) finish_unsent(c, &err);
}

/* ---- the answer ------------------------------------------------------------------------------ */

/* For the message of a 403: what the token may do. */
static const char *roles_of(char out[ROLES_MAX], const ifl_call *c)
{
  ifl_json *claims = NULL;
  if (c->access == NULL ||
      ifl_jwt_claims(&claims, ifl_secret_data(c->access), ifl_secret_len(c->access), NULL) < 0)
    return NULL;
  out[0] = '\0';
  ifl_jwt_roles(out, ROLES_MAX, claims);
  ifl_json_free(claims);
  return out;
}

static void ending_of(struct ifl_ending *end, const ifl_call *c, const iflow_error *broken)
{
  struct ifl_buf *body = ifl_exchange_body(c->exchange);
  const ifl_call_plan *p = c->plan;
  *end = (struct ifl_ending) { .method = p->method,
                               .url = &p->url,
                               .auth = p->opts.auth,
                               .idempotent = p->opts.idempotent,
                               .expect = p->expect,
                               .expect_count = p->opts.expect_count,
                               .status = ifl_exchange_status(c->exchange),
                               .headers = ifl_exchange_headers(c->exchange),
                               .broken = broken,
                               .sent = ifl_exchange_sent(c->exchange) };
  if (body != NULL) end->body = body->data, end->len = body->len;
}

static bool may_repair(const ifl_call *c, enum ifl_repair repair)
{
  if (repair == IFL_REPAIR_NONE || c->repaired[repair]) return false;
  return repair != IFL_REPAIR_CSRF ||
         (c->plan->session != NULL && c->plan->opts.csrf != IFL_CSRF_NEVER);
}

/* Marks what the next way through advance() has to get again. */
static void begin_repair(ifl_call *c, enum ifl_repair repair)
{
  c->repaired[repair] = true;
  if (repair == IFL_REPAIR_CSRF) {
    c->csrf_required = true;
  } else if (c->access != NULL) {
    ifl_token_invalidate(c->plan->tenant->tokens, c->access);
    ifl_secret_unref(c->access);
    c->access = NULL;
  }
}

static void finish_not_repeatable(ifl_call *c, const struct ifl_ending *end)
{
  struct ifl_verdict v;
  ifl_verdict_init(&v, IFL_RETRYABLE);
  ifl_fail(
      &v.err, IFLOW_EBODYONCE,
      "%s %s%.*s answered %d, which can be repaired, but bytes of the body's iterator were taken",
      end->method, end->url->authority, (int)strcspn(end->url->target, "?"), end->url->target,
      end->status);
  v.err.status = end->status;
  finish(c, &v);
}

static void judge(ifl_call *c, struct ifl_ending *end)
{
  struct ifl_verdict v;
  char roles[ROLES_MAX];
  if (end->status == 403) end->roles = roles_of(roles, c);
  ifl_judge(&v, end);
  finish(c, &v);
}

static void on_answer(void *payload, ifl_exchange *x, const iflow_error *broken)
{
  ifl_call *c = payload;
  struct ifl_ending end;
  ending_of(&end, c, broken);
  enum ifl_repair repair = ifl_repair_wanted(&end);
  if (c->plan->session != NULL && broken == NULL)
    ifl_csrf_answered(c->plan->session, c->generation, repair == IFL_REPAIR_CSRF, end.headers);
  if (!may_repair(c, repair)) {
    judge(c, &end);
    return;
  }
  bool taken = c->own.body.kind == IFL_BODY_STREAM && ifl_exchange_body_used(x);
  begin_repair(c, repair); /* also when this call cannot go on: the next one profits */
  if (taken && body_is_once(c)) {
    finish_not_repeatable(c, &end);
    return;
  }
  c->exchange = NULL;
  c->wants = false;
  ifl_exchange_free(x);
  if (taken) c->own.rewind(c->payload);
  advance(c);
}

/* ---- the way --------------------------------------------------------------------------------- */

static void on_token(void *payload, const struct ifl_token *tok, const iflow_error *err)
{
  ifl_call *c = payload;
  ifl_token_wait_free(c->token_wait);
  c->token_wait = NULL;
  if (err != NULL) {
    finish_unsent(c, err);
    return;
  }
  c->access = ifl_secret_ref((ifl_secret *)(uintptr_t)tok->access);
  advance(c);
}

/* True when a token is here; otherwise it was asked for, or the call has ended. */
static bool have_token(ifl_call *c)
{
  struct ifl_token tok;
  iflow_error err = { 0 };
  if (c->plan->opts.auth != IFL_AUTH_TOKEN || c->access != NULL) return true;
  if (ifl_token_peek(c->plan->tenant->tokens, &tok) > 0) {
    c->access = ifl_secret_ref((ifl_secret *)(uintptr_t)tok.access);
    return true;
  }
  if (ifl_token_get(&c->token_wait, c->plan->tenant->tokens, on_token, c, &err) < 0)
    finish_unsent(c, &err);
  return false;
}

static void on_csrf(void *payload, const struct ifl_verdict *failed, enum ifl_repair repair)
{
  ifl_call *c = payload;
  ifl_csrf_wait_free(c->csrf_wait);
  c->csrf_wait = NULL;
  if (failed != NULL && may_repair(c, repair) && repair != IFL_REPAIR_CSRF) {
    begin_repair(c, repair);
    advance(c);
  } else if (failed != NULL) {
    finish(c, failed);
  } else if (c->csrf_required && ifl_csrf_state_of(c->plan->session) == IFL_CSRF_OPEN) {
    iflow_error err = { 0 };
    ifl_fail(&err, IFLOW_ECSRF, "%s%.*s asks for a CSRF token, but gives none to a GET",
             c->plan->url.authority, (int)strcspn(c->plan->url.target, "?"), c->plan->url.target);
    finish_unsent(c, &err);
  } else {
    advance(c);
  }
}

static int fetch_csrf(ifl_call *c, iflow_error *err)
{
  ifl_secret *made = NULL;
  char roles[ROLES_MAX];
  struct ifl_request like;
  int rc = ifl_call_fill_request(&like, &made, c, err);
  struct ifl_csrf_request r = { .like = &like,
                                .auth = c->plan->opts.auth,
                                .roles = roles_of(roles, c) };
  if (rc == 0)
    rc = ifl_csrf_fetch(&c->csrf_wait, c->plan->session, c->plan->tenant->client, c->loop, &r,
                        on_csrf, c, err);
  ifl_secret_unref(made);
  return rc;
}

/* True when the session is as it has to be; otherwise a handshake goes on, or the call has ended. */
static bool have_csrf(ifl_call *c)
{
  const ifl_call_plan *p = c->plan;
  iflow_error err;
  if (p->session == NULL || p->opts.csrf == IFL_CSRF_NEVER) return true;
  if (ifl_csrf_state_of(p->session) != IFL_CSRF_UNKNOWN) return true;
  if (!c->csrf_required && p->opts.csrf != IFL_CSRF_ALWAYS && !body_is_once(c)) return true;
  if (fetch_csrf(c, &err) < 0) finish_unsent(c, &err);
  return false;
}

static void advance(ifl_call *c)
{
  if (have_token(c) && have_csrf(c)) send_request(c);
}

/* ---- the start ------------------------------------------------------------------------------- */

void ifl_call_own_init(struct ifl_call_own *own)
{
  *own = (struct ifl_call_own) { .save_fd = -1 };
  ifl_headers_init(&own->headers);
}

int ifl_call_start(ifl_call **out, ifl_call_plan *plan, struct ifl_call_own *own,
                   void (*done)(void *payload, ifl_call *call, const iflow_error *err),
                   void *payload, iflow_error *err)
{
  ifl_call *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->plan = ifl_call_plan_ref(plan);
  c->own = *own;
  ifl_headers_init(&own->headers);
  c->loop = plan->tenant->loop;
  c->done = done;
  c->payload = payload;
  ifl_loop_op_begin(c->loop);
  *out = c;
  advance(c);
  return 0;
}

void ifl_call_free(ifl_call *c)
{
  if (c == NULL) return;
  if (!c->ended) ifl_loop_op_end(c->loop);
  ifl_soon_cancel(&c->soon);
  ifl_token_wait_free(c->token_wait);
  ifl_csrf_wait_free(c->csrf_wait);
  ifl_exchange_free(c->exchange);
  ifl_secret_unref(c->access);
  ifl_headers_done(&c->own.headers);
  drop(c->err);
  drop(c->cause);
  ifl_call_plan_unref(c->plan);
  free(c);
}

bool ifl_call_wants(const ifl_call *c)
{
  return c->wants && !c->ended;
}

int ifl_call_feed(ifl_call *c, const char *data, size_t n, bool last, iflow_error *err)
{
  if (!ifl_call_wants(c)) return ifl_fail(err, IFLOW_EINVAL, "the call asks for no chunk now");
  c->wants = false;
  return ifl_exchange_feed(c->exchange, data, n, last, err);
}

/* ---- what came of it ------------------------------------------------------------------------- */

enum ifl_outcome ifl_call_outcome(const ifl_call *c)
{
  return c->outcome;
}

int ifl_call_status(const ifl_call *c)
{
  if (c->exchange != NULL) return ifl_exchange_status(c->exchange);
  return c->err != NULL ? c->err->status : 0;
}

static bool has_answer(const ifl_call *c)
{
  return c->exchange != NULL && ifl_exchange_status(c->exchange) != 0;
}

struct ifl_headers *ifl_call_headers(ifl_call *c)
{
  return has_answer(c) ? ifl_exchange_headers(c->exchange) : NULL;
}

struct ifl_buf *ifl_call_body(ifl_call *c)
{
  return has_answer(c) ? ifl_exchange_body(c->exchange) : NULL;
}

const char *ifl_call_message_id(const ifl_call *c)
{
  return c->message_id[0] != '\0' ? c->message_id : NULL;
}

int64_t ifl_call_saved(const ifl_call *c)
{
  return c->exchange != NULL ? ifl_exchange_saved(c->exchange) : 0;
}

int ifl_call_repairs(const ifl_call *c)
{
  return c->repaired[IFL_REPAIR_TOKEN] + c->repaired[IFL_REPAIR_CSRF] +
         c->repaired[IFL_REPAIR_ROLE];
}

const iflow_error *ifl_call_error(const ifl_call *c)
{
  return c->err;
}

const iflow_error *ifl_call_cause(const ifl_call *c)
{
  return c->cause;
}
