/* exchange.c -- the life of one request: start, turn, time, end. What happens on its connection is
 * in exchange_io.c. */
#include "net/exchange.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX_MAX (16 * 1024) /* head and beginning of the body in one TLS record */

static void on_soon(void *payload);

/* ---- time ---- */

static void on_timer(void *payload);

void ifl_exchange_set_timer(ifl_exchange *x)
{
  int64_t due = x->total_at;
  if (x->state == IFL_X_RUNNING && x->active_at + x->stall_ms < due)
    due = x->active_at + x->stall_ms;
  if (x->state == IFL_X_RUNNING && x->hold_until > 0 && x->hold_until < due) due = x->hold_until;
  ifl_timer_start(x->client->loop, &x->timer, due - ifl_clock_mono_ms(), on_timer, x);
}

static int fail_waiting(ifl_exchange *x, iflow_error *err)
{
  return ifl_fail(err, IFLOW_EQUEUETIMEOUT,
                  "%s: no connection came free within %g s, all are in use",
                  ifl_pool_authority(x->pool), (double)x->queue_ms / 1000);
}

static const char *progress(const ifl_exchange *x)
{
  if (x->state == IFL_X_CONNECTING) return "the connection was being opened";
  if (x->state == IFL_X_SAVING) return "the answer was being written to its file";
  if (x->answered) return "the answer was arriving";
  if (x->send_whole) return "the answer was waited for";
  return "the request was being sent";
}

static int fail_total(ifl_exchange *x, iflow_error *err)
{
  return ifl_fail(err, IFLOW_ETOTALTIMEOUT, "%s: the timeout of %g s ended while %s",
                  ifl_pool_authority(x->pool), (double)x->timeout_ms / 1000, progress(x));
}

static int fail_stalled(ifl_exchange *x, iflow_error *err)
{
  return ifl_fail(err, IFLOW_ESTALLED, "%s: no byte in either direction for %g s while %s",
                  ifl_pool_authority(x->pool), (double)x->stall_ms / 1000, progress(x));
}

static void on_timer(void *payload)
{
  ifl_exchange *x = payload;
  iflow_error err;
  int64_t now = ifl_clock_mono_ms();
  bool running = x->state == IFL_X_RUNNING;
  ifl_error_clear(&err);
  if (x->state == IFL_X_WAITING && x->total_at <= now) {
    fail_waiting(x, &err);
  } else if (x->total_at <= now) {
    fail_total(x, &err);
  } else if (running && (x->paused || ifl_upload_waits_for_caller(&x->upload))) {
    x->active_at = now; /* it is us who are slow */
  } else if (running && x->active_at + x->stall_ms <= now) {
    fail_stalled(x, &err);
  }
  if (err.code != IFLOW_OK) {
    ifl_exchange_finish(x, &err);
    return;
  }
  bool go_on = x->hold_until > 0 && x->hold_until <= now;
  if (go_on) x->hold_until = 0;
  ifl_exchange_set_timer(x);
  if (go_on) ifl_exchange_advance(x, IFL_WRITABLE); /* no 100 came: the body goes without */
}

/* ---- start and turn ---- */

static void on_upload(void *payload)
{
  ifl_exchange *x = payload;
  if (x->state == IFL_X_RUNNING) ifl_exchange_advance(x, IFL_WRITABLE);
}

static int64_t or_default(int64_t ms, int64_t otherwise)
{
  return ms > 0 ? ms : otherwise;
}

static void init(ifl_exchange *x, ifl_client *client, const struct ifl_request *r,
                 ifl_exchange_done done, void *payload)
{
  struct ifl_request d;
  ifl_request_init(&d);
  x->client = client;
  x->done = done;
  x->payload = payload;
  x->idempotent = r->idempotent;
  x->verbose = r->verbose;
  x->save_fd = r->save_fd;
  x->connect_ms = or_default(r->connect_timeout_ms, d.connect_timeout_ms);
  x->timeout_ms = or_default(r->timeout_ms, d.timeout_ms);
  x->stall_ms = or_default(r->stall_timeout_ms, d.stall_timeout_ms);
  x->queue_ms = or_default(r->queue_timeout_ms, d.queue_timeout_ms);
  ifl_buf_init(&x->head, IFL_HEADER_BYTES_MAX + 2 * PREFIX_MAX);
  ifl_buf_init(&x->body, r->max_body);
  ifl_headers_init(&x->headers);
  ifl_upload_init(&x->upload, client->loop, &r->body, payload, on_upload, x);
}

static void destroy(ifl_exchange *x)
{
  ifl_timer_stop(&x->timer);
  ifl_soon_cancel(&x->soon);
  ifl_upload_done(&x->upload);
  ifl_sink_free(x->sink);
  ifl_buf_wipe(&x->head);
  ifl_secret_unref(x->credentials);
  ifl_buf_done(&x->body);
  ifl_headers_done(&x->headers);
  free(x->failure);
  free(x);
}

static void enter(ifl_exchange *x, bool front)
{
  bool inside = x->inside;
  x->inside = true;
  x->state = IFL_X_WAITING;
  ifl_pool_enter(x->pool, x, front);
  x->inside = inside;
}

int ifl_exchange_start(ifl_exchange **out, ifl_client *client, const struct ifl_request *r,
                       ifl_exchange_done done, void *payload, iflow_error *err)
{
  struct ifl_pool *pool;
  if (client->stats.waiting >= IFL_WAITING_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d requests wait for a connection",
                    IFL_WAITING_MAX);
  ifl_exchange *x = calloc(1, sizeof *x);
  if (x == NULL) return ifl_fail_nomem(err);
  init(x, client, r, done, payload);
  int rc = ifl_exchange_write_head(x, r, err);
  if (rc == 0) rc = ifl_pool_find(&pool, client, r, err);
  if (rc < 0) {
    destroy(x);
    return rc;
  }
  ifl_loop_op_begin(client->loop);
  client->stats.in_flight++;
  ifl_pool_join(pool, x);
  x->total_at = ifl_clock_mono_ms() + x->queue_ms; /* until it gets a connection */
  ifl_timer_start(client->loop, &x->timer, x->queue_ms, on_timer, x);
  enter(x, false);
  *out = x;
  return 0;
}

/* timeout counts from here on, once: a repeat does not get it anew. */
static void turn_came(ifl_exchange *x, struct ifl_link *link)
{
  if (!x->repeated) x->total_at = ifl_clock_mono_ms() + x->timeout_ms;
  x->link = link;
}

void ifl_exchange_connecting(ifl_exchange *x, struct ifl_link *link)
{
  turn_came(x, link);
  x->state = IFL_X_CONNECTING;
  ifl_exchange_set_timer(x);
}

void ifl_exchange_granted(ifl_exchange *x, struct ifl_link *link)
{
  bool inside = x->inside;
  iflow_error err;
  if (x->state == IFL_X_WAITING) turn_came(x, link);
  x->inside = true;
  x->state = IFL_X_RUNNING;
  if (ifl_exchange_begin(x, &err) < 0) {
    ifl_exchange_finish(x, &err);
  } else {
    ifl_exchange_set_timer(x);
    ifl_exchange_advance(x, IFL_WRITABLE);
  }
  x->inside = inside;
}

void ifl_exchange_lost(ifl_exchange *x, const iflow_error *err)
{
  bool inside = x->inside;
  x->inside = true;
  ifl_exchange_finish(x, err);
  x->inside = inside;
}

void ifl_exchange_ready(ifl_exchange *x, int events)
{
  ifl_exchange_advance(x, events);
}

/* Whether nothing of this request can have been taken up by the server, or is repeatable anyway. */
static bool may_repeat(ifl_exchange *x, const iflow_error *err)
{
  if (x->begun || x->repeated || err->code == IFLOW_ETLSCREDENTIALS) return false;
  if (x->link->requests < 2) return false; /* only a reused connection may have died by itself */
  if (x->sent > 0 && !x->idempotent) return false;
  return ifl_upload_rewind(&x->upload);
}

void ifl_exchange_repeat(ifl_exchange *x)
{
  struct ifl_link *link = x->link;
  x->repeated = x->fresh = true;
  x->link = NULL;
  x->hold_until = 0;
  ifl_pool_release(link, false);
  enter(x, true);
}

void ifl_exchange_broken(ifl_exchange *x, const iflow_error *err)
{
  if (may_repeat(x, err)) ifl_exchange_repeat(x);
  else ifl_exchange_finish(x, err);
}

/* ---- end ---- */

static enum ifl_sent how_far(const ifl_exchange *x, const iflow_error *err)
{
  if (x->answered) return IFL_SENT_ANSWERED;
  /* TLS 1.3 tells of a refused certificate after the request was written; the server has no keys
   * yet to read it. */
  if (err != NULL && err->code == IFLOW_ETLSCREDENTIALS) return IFL_SENT_NOTHING;
  return x->sent > 0 ? IFL_SENT_SOME : IFL_SENT_NOTHING;
}

/* Lets go of everything but the result. */
static void leave(ifl_exchange *x)
{
  struct ifl_link *link = x->link;
  ifl_timer_stop(&x->timer);
  ifl_soon_cancel(&x->soon);
  ifl_pool_leave(x);
  x->state = IFL_X_DONE;
  if (x->answered && link != NULL) ifl_exchange_take_headers(x);
  x->link = NULL;
  if (link != NULL) ifl_pool_release(link, false);
  ifl_pool_part(x);
  ifl_upload_done(&x->upload);
  if (x->sink != NULL) x->saved = ifl_sink_saved(x->sink);
  ifl_sink_free(x->sink);
  x->sink = NULL;
  x->client->stats.in_flight--;
  ifl_loop_op_end(x->client->loop);
}

static void keep_failure(ifl_exchange *x, const iflow_error *err)
{
  x->failure = malloc(sizeof *x->failure);
  if (x->failure != NULL) *x->failure = *err;
  else x->no_room = true;
}

void ifl_exchange_finish(ifl_exchange *x, const iflow_error *err)
{
  iflow_error e;
  if (x->state == IFL_X_DONE) return;
  x->outcome = how_far(x, err);
  if (err != NULL) {
    e = *err; /* it may be in something that goes now */
    if (x->answered) e.status = x->status;
    if (x->outcome != IFL_SENT_NOTHING && !x->idempotent) e.retryable = false;
  }
  leave(x);
  if (!x->inside) {
    x->done(x->payload, x, err != NULL ? &e : NULL); /* may free x */
    return;
  }
  if (err != NULL) keep_failure(x, &e);
  ifl_soon(x->client->loop, &x->soon, on_soon, x);
}

void ifl_exchange_resume_soon(ifl_exchange *x)
{
  ifl_soon(x->client->loop, &x->soon, on_soon, x);
}

static void on_soon(void *payload)
{
  ifl_exchange *x = payload;
  iflow_error nomem;
  if (x->state != IFL_X_DONE) {
    ifl_exchange_advance(x, IFL_READABLE | IFL_WRITABLE);
    return;
  }
  if (x->no_room) ifl_fail_nomem(&nomem);
  x->done(x->payload, x, x->no_room ? &nomem : x->failure); /* may free x */
}

void ifl_exchange_free(ifl_exchange *x)
{
  if (x == NULL) return;
  if (x->state != IFL_X_DONE) leave(x);
  destroy(x);
}

int ifl_exchange_feed(ifl_exchange *x, const char *data, size_t n, bool last, iflow_error *err)
{
  if (x->state == IFL_X_DONE)
    return ifl_fail(err, IFLOW_ECLOSED, "the request has ended already, its body is not wanted");
  int rc = ifl_upload_feed(&x->upload, data, n, last, err);
  if (rc < 0 || x->state != IFL_X_RUNNING) return rc;
  bool inside = x->inside;
  x->inside = true;
  ifl_exchange_advance(x, IFL_WRITABLE);
  x->inside = inside;
  return 0;
}

/* ---- of a done one ---- */

int ifl_exchange_status(const ifl_exchange *x)
{
  return x->answered ? x->status : 0;
}

struct ifl_headers *ifl_exchange_headers(ifl_exchange *x)
{
  return &x->headers;
}

struct ifl_buf *ifl_exchange_body(ifl_exchange *x)
{
  return &x->body;
}

int64_t ifl_exchange_saved(const ifl_exchange *x)
{
  return x->saved;
}

enum ifl_sent ifl_exchange_sent(const ifl_exchange *x)
{
  return x->outcome;
}

bool ifl_exchange_body_used(const ifl_exchange *x)
{
  return x->upload.used;
}
