/* token.c -- the token of one credential: held in memory, shared by all who wait (single flight),
 * renewed in the background after half of its life, looked for on the disk first where that is on.
 *
 * A flight is one fetch with all that belongs to it:
 *   look at the disk -> (another process fetches: wait, look again) -> request -> (retry table:
 *   wait, request again) -> token or error, given to everybody who waits.
 * Results reach the waiters through deferred calls, so nothing a waiter does in its callback, not
 * even freeing the source, happens inside a flight. */
#include "auth/token.h"

#include "auth/token_cache.h"
#include "auth/token_request.h"
#include "auth/token_retry.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_POLL_FIRST_MS 20
#define LOCK_POLL_MAX_MS   250
#define LOCK_WAIT_MAX_MS   ((int64_t)60 * 1000) /* a stopped process must not stop all others */
#define RENEW_PAUSE_MIN_MS 100
#define RENEW_PAUSE_MAX_MS ((int64_t)60 * 1000)

/* The token in memory. Both clocks must find it good: the wall clock may be set, the monotonic one
 * stands still while a machine sleeps. */
struct held {
  struct ifl_kept_token t;
  int64_t wall_at, mono_at; /* when it was taken */
  bool from_disk;
};

struct ifl_token_source {
  size_t refs;
  char key[65];           /* what two tenants must have in common to share it */
  ifl_token_source *next; /* on the same client */
  iflow_loop *loop;
  ifl_client *client;
  struct ifl_token_opts opts; /* owns its strings and references */
  char identity[80]; /* pool key: a certificate's connections are others than those without */
  struct ifl_token_request request;
  ifl_token_cache *disk; /* NULL: off */

  struct held held;
  char refused[65];             /* SHA-256 of the token that the runtime refused, or "" */
  int64_t renew_after;          /* monotonic: no background renewal before */
  ifl_token_wait *waits, *last; /* in the order of their coming */
  uint64_t requests;

  bool flying; /* the flight: */
  int tries;
  ifl_exchange *exchange;
  struct ifl_timer timer; /* for the lock, or for the next try */
  int64_t lock_until, lock_poll;
  int64_t sent_at; /* wall clock of the request: a token's life begins before its answer comes */
};

struct ifl_token_wait {
  ifl_token_source *source; /* NULL once the result is known */
  ifl_token_wait *next, *prev;
  struct ifl_soon soon;
  void (*done)(void *payload, const struct ifl_token *tok, const iflow_error *err);
  void *payload;
  struct held result;
  iflow_error err;
};

static void request(ifl_token_source *s);
static void look(ifl_token_source *s);

/* ---- the token in memory --------------------------------------------------------------------- */

static bool held_is(const struct held *h, bool (*quality)(const struct ifl_kept_token *, int64_t))
{
  int64_t by_mono = h->wall_at + (ifl_clock_mono_ms() - h->mono_at);
  return h->t.access != NULL && quality(&h->t, ifl_clock_wall_ms()) && quality(&h->t, by_mono);
}

static void hold(ifl_token_source *s, const struct ifl_kept_token *t, bool from_disk)
{
  ifl_kept_done(&s->held.t);
  s->held = (struct held) { *t, ifl_clock_wall_ms(), ifl_clock_mono_ms(), from_disk };
  if (!from_disk) s->refused[0] = '\0';
}

static void show(struct ifl_token *tok, const struct held *h)
{
  tok->access = h->t.access;
  tok->expires_at = h->t.expires_at_ms / 1000;
  tok->fetched_at = h->t.fetched_at_ms / 1000;
  tok->from_disk = h->from_disk;
}

/* ---- those who wait -------------------------------------------------------------------------- */

static void wait_detach(ifl_token_wait *w)
{
  if (w->source == NULL) return;
  if (w->prev != NULL) w->prev->next = w->next;
  else w->source->waits = w->next;
  if (w->next != NULL) w->next->prev = w->prev;
  else w->source->last = w->prev;
  w->next = w->prev = NULL;
  w->source = NULL;
}

static void wait_deliver(void *payload)
{
  ifl_token_wait *w = payload;
  struct held result = w->result; /* the callback may free w */
  iflow_error err = w->err;
  struct ifl_token tok;
  w->result.t.access = NULL;
  if (result.t.access != NULL) {
    show(&tok, &result);
    w->done(w->payload, &tok, NULL);
  } else {
    w->done(w->payload, NULL, &err);
  }
  ifl_kept_done(&result.t);
}

/* err NULL: the token in memory. */
static void wait_settle(ifl_token_wait *w, iflow_loop *loop, const struct held *h,
                        const iflow_error *err)
{
  wait_detach(w);
  if (err != NULL) {
    w->err = *err;
  } else {
    w->result = *h;
    ifl_secret_ref(w->result.t.access);
  }
  ifl_soon(loop, &w->soon, wait_deliver, w);
}

static void settle_all(ifl_token_source *s, const iflow_error *err)
{
  while (s->waits != NULL) wait_settle(s->waits, s->loop, &s->held, err);
}

/* ---- the flight ------------------------------------------------------------------------------ */

static void land(ifl_token_source *s, const iflow_error *err)
{
  s->flying = false;
  ifl_loop_op_end(s->loop);
  if (s->disk != NULL) ifl_token_cache_unlock(s->disk);
  settle_all(s, err);
}

/* A failed renewal goes unnoticed while the old token lives, but is not tried at every call. */
static void land_failed(ifl_token_source *s, const iflow_error *err)
{
  int64_t pause = (s->held.t.expires_at_ms - s->held.t.fetched_at_ms) / 20;
  if (pause > RENEW_PAUSE_MAX_MS) pause = RENEW_PAUSE_MAX_MS;
  if (pause < RENEW_PAUSE_MIN_MS) pause = RENEW_PAUSE_MIN_MS;
  if (err->retry_after_ms > pause) pause = err->retry_after_ms;
  s->renew_after = ifl_clock_mono_ms() + pause;
  ifl_log_write(ifl_loop_log(s->loop), IFL_LOG_DEBUG, "token", "no token: %s", err->message);
  land(s, err);
}

/* It may have been refused while it was written to the disk: calls do not wait for that. */
static void land_with_held(void *payload)
{
  ifl_token_source *s = payload;
  if (s->held.t.access != NULL || s->waits == NULL) land(s, NULL);
  else look(s);
}

/* Calls from now on find it; those who wait get it when it is on the disk, too, so that nothing is
 * under way any more when a program that waited for its token ends. */
static void land_with(ifl_token_source *s, const struct ifl_kept_token *t, bool from_disk)
{
  hold(s, t, from_disk);
  ifl_log_write(ifl_loop_log(s->loop), IFL_LOG_DEBUG, "token", "token %s from %s, %lld s left",
                ifl_secret_fingerprint(t->access), from_disk ? "disk" : s->request.url.host,
                (long long)(t->expires_at_ms - ifl_clock_wall_ms()) / 1000);
  if (from_disk || s->disk == NULL ||
      ifl_token_cache_store(s->disk, t, land_with_held, s, NULL) < 0)
    land(s, NULL);
}

static void on_retry(void *payload)
{
  request(payload);
}

static void on_lock_poll(void *payload)
{
  look(payload);
}

/* The answer of a done exchange: 0 and a token, or the error. */
static int read_answer(struct ifl_kept_token *out, ifl_token_source *s, const iflow_error *broken,
                       iflow_error *err)
{
  struct ifl_token_answer answer;
  struct ifl_buf *body = ifl_exchange_body(s->exchange);
  struct ifl_token_reply reply = { .status = ifl_exchange_status(s->exchange),
                                   .headers = ifl_exchange_headers(s->exchange) };
  if (broken != NULL && broken->code == IFLOW_EHTTPLIMIT && reply.status < 300)
    return ifl_fail(err, IFLOW_ETOKENANSWER, "%.200s answered with more than %d bytes",
                    s->opts.token_url, IFL_TOKEN_ANSWER_MAX);
  if (broken != NULL && broken->code != IFLOW_EHTTPLIMIT) {
    *err = *broken;
    ifl_credential_advise(err, s->opts.credential);
    if (err->code == IFLOW_EDNS)
      ifl_hint(err,
               "compare region and subdomain of tokenurl and url in the service key; else check "
               "the DNS server of this machine");
    return err->code;
  }
  if (broken == NULL && body != NULL) reply.body = body->data, reply.len = body->len;
  int rc = ifl_token_answer_read(&answer, &reply, &s->opts, err);
  if (rc == 0)
    *out = (struct ifl_kept_token) { answer.access, s->sent_at, s->sent_at + answer.lifetime_ms };
  return rc;
}

static void on_answer(void *payload, ifl_exchange *x, const iflow_error *broken)
{
  ifl_token_source *s = payload;
  struct ifl_kept_token t;
  iflow_error err = { 0 };
  int rc = read_answer(&t, s, broken, &err);
  if (ifl_exchange_body(x) != NULL) ifl_buf_wipe(ifl_exchange_body(x));
  s->exchange = NULL;
  ifl_exchange_free(x);
  if (rc == 0) {
    land_with(s, &t, false);
    return;
  }
  ifl_client_count_token_failure(s->client);
  int64_t wait = ifl_token_retry_ms(&err, s->tries);
  if (wait >= 0) ifl_timer_start(s->loop, &s->timer, wait, on_retry, s);
  else land_failed(s, &err);
}

static void request(ifl_token_source *s)
{
  struct ifl_request r;
  iflow_error err = { 0 };
  ifl_request_init(&r);
  r.method = "POST";
  r.url = &s->request.url;
  r.headers = &s->request.headers;
  r.body = (struct ifl_body) { .kind = IFL_BODY_BYTES,
                               .data = s->request.body.data,
                               .len = s->request.body.len };
  r.identity = s->identity;
  r.credential = s->opts.secret == NULL ? s->opts.credential : NULL;
  r.cafile = s->opts.trust != NULL ? s->opts.trust->path : NULL;
  r.trust = s->opts.trust;
  r.proxy = s->opts.proxy;
  r.proxy_userpwd = s->opts.proxy_userpwd;
  r.connect_timeout_ms = s->opts.connect_timeout_ms;
  r.timeout_ms = s->opts.timeout_ms;
  r.idempotent = true; /* a token that got lost on the way harms nobody */
  r.max_body = IFL_TOKEN_ANSWER_MAX;
  r.verbose = s->opts.verbose;
  s->tries++;
  s->sent_at = ifl_clock_wall_ms();
  if (ifl_exchange_start(&s->exchange, s->client, &r, on_answer, s, &err) < 0) {
    land_failed(s, &err);
    return;
  }
  s->requests++;
  ifl_client_count_token(s->client);
}

static void on_looked(void *payload, enum ifl_looked looked, struct ifl_kept_token *t)
{
  ifl_token_source *s = payload;
  if (looked == IFL_LOOKED_FOUND) {
    char hex[65];
    ifl_sha256_hex(hex, ifl_secret_data(t->access), ifl_secret_len(t->access));
    if (strcmp(hex, s->refused) != 0) {
      land_with(s, t, true);
      return;
    }
    ifl_kept_done(t); /* refused while the thread was reading */
    look(s);
  } else if (looked == IFL_LOOKED_BUSY && ifl_clock_mono_ms() < s->lock_until) {
    ifl_timer_start(s->loop, &s->timer, s->lock_poll, on_lock_poll, s);
    s->lock_poll = s->lock_poll * 2 < LOCK_POLL_MAX_MS ? s->lock_poll * 2 : LOCK_POLL_MAX_MS;
  } else {
    request(s);
  }
}

static void look(ifl_token_source *s)
{
  bool renewing = held_is(&s->held, ifl_kept_good);
  if (s->disk == NULL ||
      ifl_token_cache_look(s->disk, renewing, s->refused, on_looked, s, NULL) < 0)
    request(s);
}

static void take_off(ifl_token_source *s)
{
  if (s->flying) return;
  s->flying = true;
  s->tries = 0;
  s->lock_poll = LOCK_POLL_FIRST_MS;
  s->lock_until = ifl_clock_mono_ms() + LOCK_WAIT_MAX_MS;
  ifl_loop_op_begin(s->loop);
  look(s);
}

/* ---- the interface --------------------------------------------------------------------------- */

int ifl_token_peek(ifl_token_source *s, struct ifl_token *tok)
{
  if (!held_is(&s->held, ifl_kept_good)) return 0;
  show(tok, &s->held);
  if (!s->flying && !held_is(&s->held, ifl_kept_fresh) && ifl_clock_mono_ms() >= s->renew_after)
    take_off(s);
  return 1;
}

int ifl_token_get(ifl_token_wait **out, ifl_token_source *s,
                  void (*done)(void *payload, const struct ifl_token *tok, const iflow_error *err),
                  void *payload, iflow_error *err)
{
  struct ifl_token tok;
  ifl_token_wait *w = calloc(1, sizeof *w);
  if (w == NULL) return ifl_fail_nomem(err);
  w->done = done;
  w->payload = payload;
  w->source = s;
  w->prev = s->last;
  if (s->last != NULL) s->last->next = w;
  else s->waits = w;
  s->last = w;
  if (ifl_token_peek(s, &tok)) wait_settle(w, s->loop, &s->held, NULL);
  else take_off(s);
  *out = w;
  return 0;
}

void ifl_token_wait_free(ifl_token_wait *w)
{
  if (w == NULL) return;
  wait_detach(w);
  ifl_soon_cancel(&w->soon);
  ifl_kept_done(&w->result.t);
  free(w);
}

void ifl_token_invalidate(ifl_token_source *s, const ifl_secret *access)
{
  const ifl_secret *now = s->held.t.access;
  size_t n = ifl_secret_len(access);
  if (now != NULL &&
      (ifl_secret_len(now) != n || memcmp(ifl_secret_data(now), ifl_secret_data(access), n) != 0))
    return; /* a newer one is here already */
  ifl_sha256_hex(s->refused, ifl_secret_data(access), n);
  ifl_kept_done(&s->held.t);
}

uint64_t ifl_token_requests(const ifl_token_source *s)
{
  return s->requests;
}

/* ---- life ------------------------------------------------------------------------------------ */

void ifl_token_opts_init(struct ifl_token_opts *o)
{
  *o = (struct ifl_token_opts) { .connect_timeout_ms = 30000, .timeout_ms = 60000 };
}

static bool copy(const char **field)
{
  if (*field == NULL) return true;
  *field = strdup(*field);
  return *field != NULL;
}

static int own_opts(struct ifl_token_opts *own, const struct ifl_token_opts *opts, iflow_error *err)
{
  *own = *opts;
  own->proxy_userpwd = NULL;
  own->secret = ifl_secret_ref(opts->secret);
  own->trust = ifl_trust_ref(opts->trust);
  own->credential = opts->credential != NULL ? ifl_credential_ref(opts->credential) : NULL;
  bool ok = copy(&own->token_url);
  ok = copy(&own->client_id) && ok; /* all of them, so that freeing is safe */
  ok = copy(&own->scope) && ok;
  ok = copy(&own->cache_dir) && ok;
  ok = copy(&own->proxy) && ok;
  if (opts->proxy_userpwd != NULL) {
    own->proxy_userpwd =
        ifl_secret_new(ifl_secret_data(opts->proxy_userpwd), ifl_secret_len(opts->proxy_userpwd));
    ok = ok && own->proxy_userpwd != NULL;
  }
  return ok ? 0 : ifl_fail_nomem(err);
}

static void disown_opts(struct ifl_token_opts *own)
{
  free((char *)(uintptr_t)own->token_url);
  free((char *)(uintptr_t)own->client_id);
  free((char *)(uintptr_t)own->scope);
  free((char *)(uintptr_t)own->cache_dir);
  free((char *)(uintptr_t)own->proxy);
  ifl_secret_unref((ifl_secret *)(uintptr_t)own->proxy_userpwd);
  ifl_secret_unref(own->secret);
  ifl_trust_unref(own->trust);
  ifl_credential_unref(own->credential);
}

/* A key in hardware gives nothing to encrypt with: then there is no disk cache, and that is fine. */
static int open_disk(ifl_token_source *s, iflow_error *err)
{
  if (s->opts.cache_dir == NULL) return 0;
  int rc = ifl_token_cache_new(&s->disk, s->loop, &s->opts, err);
  return rc == IFLOW_ECERT ? 0 : rc;
}

/* ---- sharing --------------------------------------------------------------------------------- */

static int add_part(struct ifl_buf *b, const char *part, iflow_error *err)
{
  char hex[65] = "-"; /* absent, which is not the same as empty */
  if (part != NULL) ifl_sha256_hex(hex, part, strlen(part));
  return ifl_buf_adds(b, hex, err);
}

static int make_key(char key[65], const struct ifl_token_opts *o, iflow_error *err)
{
  struct ifl_buf all = IFL_BUF_INIT(1024);
  char fingerprint[65];
  const char *userpwd = o->proxy_userpwd != NULL ? ifl_secret_data(o->proxy_userpwd) : NULL;
  ifl_token_fingerprint(fingerprint, o);
  const char *trust = o->trust != NULL ? o->trust->fingerprint : NULL;
  const char *parts[] = { o->token_url, o->client_id, fingerprint,  o->scope,
                          trust,        o->proxy,     o->cache_dir, userpwd };
  int rc = ifl_buf_addf(&all, err, "%d%d", o->grant_in_query, o->secret_in_body);
  for (size_t i = 0; rc == 0 && i < sizeof parts / sizeof *parts; i++)
    rc = add_part(&all, parts[i], err);
  if (rc == 0) ifl_sha256_hex(key, all.data, all.len);
  ifl_buf_done(&all);
  return rc;
}

static ifl_token_source *find(ifl_client *client, const char *key)
{
  ifl_token_source *s = *ifl_client_slot(client);
  while (s != NULL && strcmp(s->key, key) != 0) s = s->next;
  return s;
}

static void enlist(ifl_token_source *s)
{
  void **first = ifl_client_slot(s->client);
  s->next = *first;
  *first = s;
}

static void delist(ifl_token_source *s)
{
  void **first = ifl_client_slot(s->client);
  if (*first == s) {
    *first = s->next;
    return;
  }
  ifl_token_source *p = *first;
  while (p != NULL && p->next != s) p = p->next;
  if (p != NULL) p->next = s->next;
}

static int source_new(ifl_token_source **out, ifl_client *client, iflow_loop *loop,
                      const struct ifl_token_opts *opts, iflow_error *err)
{
  char fingerprint[65];
  ifl_token_source *s = calloc(1, sizeof *s);
  if (s == NULL) return ifl_fail_nomem(err);
  s->refs = 1;
  s->loop = loop;
  s->client = client;
  int rc = own_opts(&s->opts, opts, err);
  if (rc == 0) rc = ifl_token_request_init(&s->request, &s->opts, err);
  if (rc == 0) {
    ifl_token_fingerprint(fingerprint, &s->opts);
    snprintf(s->identity, sizeof s->identity, "%s%s", s->opts.secret == NULL ? "tls:" : "",
             fingerprint);
    rc = open_disk(s, err);
  }
  if (rc < 0) ifl_token_source_free(s);
  else *out = s;
  return rc;
}

int ifl_token_source_new(ifl_token_source **out, ifl_client *client, iflow_loop *loop,
                         const struct ifl_token_opts *opts, iflow_error *err)
{
  char key[65];
  ifl_token_source *s;
  int rc = make_key(key, opts, err);
  if (rc < 0) return rc;
  s = find(client, key);
  if (s != NULL) {
    s->refs++;
  } else {
    rc = source_new(&s, client, loop, opts, err);
    if (rc < 0) return rc;
    memcpy(s->key, key, sizeof key);
    enlist(s);
  }
  *out = s;
  return 0;
}

void ifl_token_source_free(ifl_token_source *s)
{
  iflow_error err = { 0 };
  if (s == NULL || --s->refs > 0) return;
  delist(s);
  ifl_fail(&err, IFLOW_ECANCELED, "the tenant was closed while a token was fetched");
  settle_all(s, &err);
  if (s->flying) ifl_loop_op_end(s->loop);
  ifl_timer_stop(&s->timer);
  ifl_exchange_free(s->exchange);
  ifl_token_cache_free(s->disk);
  ifl_kept_done(&s->held.t);
  ifl_token_request_done(&s->request);
  disown_opts(&s->opts);
  ifl_wipe(s->refused, sizeof s->refused);
  free(s);
}
