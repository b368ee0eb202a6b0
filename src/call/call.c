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

static const iflow_error *keep(const iflow_error *err)
{
  iflow_error *kept = malloc(sizeof *kept);
  if (kept == NULL) return &no_memory;
  *kept = *err;
  return kept;
}

static void drop(const iflow_error *err)
{
  if (err != &no_memory) free((iflow_error *)(uintptr_t)err);
}

static void finish(ifl_call *c, const struct ifl_verdict *v)
{
  iflow_error err = v->err;
  ifl_credential_advise(&err, c->tenant->credential);
  c->outcome = v->outcome;
  memcpy(c->message_id, v->message_id, sizeof c->message_id);
  if (err.code != 0) c->err = keep(&err);
  if (v->cause.code != 0) c->cause = keep(&v->cause);
  c->ended = true;
  ifl_loop_op_end(c->loop);
  ifl_soon(c->loop, &c->soon, tell, c);
}

/* For errors before anything of the message was sent. */
static void finish_unsent(ifl_call *c, const iflow_error *err)
{
  struct ifl_verdict v = { .outcome = err->retryable ? IFL_RETRYABLE : IFL_REJECTED, .err = *err };
  finish(c, &v);
}

/* ---- the request ------------------------------------------------------------------------------- */

static bool body_is_once(const ifl_call *c)
{
  return c->opts.body.kind == IFL_BODY_STREAM && !c->opts.body_repeatable;
}

static void on_want(void *payload)
{
  ifl_call *c = payload;
  c->wants = true;
  c->opts.body.want(c->payload);
}

static void on_answer(void *payload, ifl_exchange *x, const iflow_error *broken);

static void send_request(ifl_call *c)
{
  struct ifl_request r;
  struct ifl_headers headers;
  iflow_error err = { 0 };
  ifl_call_fill_request(&r, c);
  ifl_headers_init(&headers);
  int rc = ifl_call_headers_to_send(&headers, c, &err);
  r.method = c->method;
  r.headers = &headers;
  r.body = c->opts.body;
  if (r.body.kind == IFL_BODY_STREAM) r.body.want = on_want;
  r.expect_continue = body_is_once(c);
  r.idempotent = c->opts.idempotent;
  if (c->opts.max_body > 0) r.max_body = c->opts.max_body;
  r.save_fd = c->opts.save_fd;
  if (c->session != NULL) c->generation = ifl_csrf_generation(c->session);
  if (rc == 0) rc = ifl_exchange_start(&c->exchange, c->tenant->client, &r, on_answer, c, &err);
  ifl_headers_done(&headers);
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
  *end = (struct ifl_ending) { .method = c->method,
                               .url = &c->url,
                               .auth = c->opts.auth,
                               .idempotent = c->opts.idempotent,
                               .expect = c->expect,
                               .expect_count = c->opts.expect_count,
                               .status = ifl_exchange_status(c->exchange),
                               .headers = ifl_exchange_headers(c->exchange),
                               .broken = broken,
                               .sent = ifl_exchange_sent(c->exchange) };
  if (body != NULL) end->body = body->data, end->len = body->len;
}

static bool may_repair(const ifl_call *c, enum ifl_repair repair)
{
  if (repair == IFL_REPAIR_NONE || c->repaired[repair]) return false;
  return repair != IFL_REPAIR_CSRF || (c->session != NULL && c->opts.csrf != IFL_CSRF_NEVER);
}

/* Marks what the next way through advance() has to get again. */
static void begin_repair(ifl_call *c, enum ifl_repair repair)
{
  c->repaired[repair] = true;
  if (repair == IFL_REPAIR_CSRF) {
    c->csrf_required = true;
  } else if (c->access != NULL) {
    ifl_token_invalidate(c->tenant->tokens, c->access);
    ifl_secret_unref(c->access);
    c->access = NULL;
  }
}

static void finish_not_repeatable(ifl_call *c, const struct ifl_ending *end)
{
  struct ifl_verdict v = { .outcome = IFL_RETRYABLE };
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
  if (c->session != NULL && broken == NULL)
    ifl_csrf_answered(c->session, c->generation, repair == IFL_REPAIR_CSRF, end.headers);
  if (!may_repair(c, repair)) {
    judge(c, &end);
    return;
  }
  bool taken = c->opts.body.kind == IFL_BODY_STREAM && ifl_exchange_body_used(x);
  begin_repair(c, repair); /* also when this call cannot go on: the next one profits */
  if (taken && body_is_once(c)) {
    finish_not_repeatable(c, &end);
    return;
  }
  c->exchange = NULL;
  c->wants = false;
  ifl_exchange_free(x);
  if (taken) c->opts.rewind(c->payload);
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
  if (c->opts.auth != IFL_AUTH_TOKEN || c->access != NULL) return true;
  if (ifl_token_peek(c->tenant->tokens, &tok) > 0) {
    c->access = ifl_secret_ref((ifl_secret *)(uintptr_t)tok.access);
    return true;
  }
  if (ifl_token_get(&c->token_wait, c->tenant->tokens, on_token, c, &err) < 0)
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
  } else if (c->csrf_required && ifl_csrf_state_of(c->session) == IFL_CSRF_OPEN) {
    iflow_error err = { 0 };
    ifl_fail(&err, IFLOW_ECSRF, "%s%.*s asks for a CSRF token, but gives none to a GET",
             c->url.authority, (int)strcspn(c->url.target, "?"), c->url.target);
    finish_unsent(c, &err);
  } else {
    advance(c);
  }
}

/* True when the session is as it has to be; otherwise a handshake goes on, or the call has ended. */
static bool have_csrf(ifl_call *c)
{
  struct ifl_buf auth = IFL_BUF_INIT(IFL_AUTHORIZATION_MAX);
  char roles[ROLES_MAX];
  struct ifl_request like;
  iflow_error err = { 0 };
  if (c->session == NULL || c->opts.csrf == IFL_CSRF_NEVER) return true;
  if (ifl_csrf_state_of(c->session) != IFL_CSRF_UNKNOWN) return true;
  if (!c->csrf_required && c->opts.csrf != IFL_CSRF_ALWAYS && !body_is_once(c)) return true;
  ifl_call_fill_request(&like, c);
  int rc = ifl_call_authorization(&auth, c, &err);
  struct ifl_csrf_request r = { .like = &like,
                                .authorization = auth.len > 0 ? auth.data : NULL,
                                .auth = c->opts.auth,
                                .roles = roles_of(roles, c) };
  if (rc == 0)
    rc =
        ifl_csrf_fetch(&c->csrf_wait, c->session, c->tenant->client, c->loop, &r, on_csrf, c, &err);
  ifl_buf_wipe(&auth);
  if (rc < 0) finish_unsent(c, &err);
  return false;
}

static void advance(ifl_call *c)
{
  if (have_token(c) && have_csrf(c)) send_request(c);
}

/* ---- the start ------------------------------------------------------------------------------- */

void ifl_call_opts_init(struct ifl_call_opts *o)
{
  *o = (struct ifl_call_opts) { .method = "POST", .save_fd = -1 };
}

static int check_credential(const ifl_tenant *t, enum ifl_auth auth, iflow_error *err)
{
  if (auth == IFL_AUTH_CERTIFICATE && t->credential == NULL)
    return ifl_fail(err, IFLOW_ECERTNONE,
                    "the call is to present a certificate, but the tenant of "
                    "%.200s has none",
                    ifl_service_key_name(t->key));
  if (auth == IFL_AUTH_BASIC && ifl_service_key_secret(t->key) == NULL)
    return ifl_fail(err, IFLOW_EINVAL,
                    "Basic needs a client secret, but %.200s is a key of type '%s'",
                    ifl_service_key_name(t->key), ifl_service_key_type_name(t->key));
  return 0;
}

int ifl_call_start(ifl_call **out, ifl_tenant *tenant, const struct ifl_call_opts *opts,
                   void (*done)(void *payload, ifl_call *call, const iflow_error *err),
                   void *payload, iflow_error *err)
{
  int rc = check_credential(tenant, opts->auth, err);
  if (rc < 0) return rc;
  ifl_call *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  ifl_headers_init(&c->headers);
  c->tenant = ifl_tenant_ref(tenant);
  c->loop = tenant->loop;
  c->done = done;
  c->payload = payload;
  c->ended = true; /* until it has begun */
  rc = ifl_call_copy_opts(c, opts, err);
  if (rc == 0 && ifl_call_is_modifying(c))
    rc = ifl_csrf_open(&c->session, &tenant->csrfs, opts->auth, &c->url, err);
  if (rc < 0) {
    ifl_call_free(c);
    return rc;
  }
  c->ended = false;
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
  ifl_csrf_unref(c->session);
  ifl_secret_unref(c->access);
  ifl_headers_done(&c->headers);
  ifl_url_done(&c->url);
  ifl_wipe_free(c->own_cookie);
  drop(c->err);
  drop(c->cause);
  free(c->method);
  free(c->expect);
  ifl_tenant_unref(c->tenant);
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
