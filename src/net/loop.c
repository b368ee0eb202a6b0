/* loop.c -- the event loop over libuv: turns, timers, deferred calls, watched descriptors, signals.
 * Timers and deferred calls are lists of our own, embedded in their owners, so that starting one
 * cannot fail and stopping one is final at once; libuv's close callbacks give neither. */
#include "net/loop_uv.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* ---- the pairing heap of timers: smallest due at the root ------------------------------------ */

static struct ifl_timer *meld(struct ifl_timer *a, struct ifl_timer *b)
{
  if (a == NULL) return b;
  if (b == NULL) return a;
  if (b->due < a->due) {
    struct ifl_timer *t = a;
    a = b;
    b = t;
  }
  b->prev = a; /* the first child's prev is its parent */
  b->next = a->child;
  if (a->child != NULL) a->child->prev = b;
  a->child = b;
  a->next = a->prev = NULL;
  return a;
}

/* Pairs siblings from left to right, then melds the pairs from right to left. */
static struct ifl_timer *meld_siblings(struct ifl_timer *first)
{
  struct ifl_timer *pairs = NULL, *root = NULL;
  while (first != NULL) {
    struct ifl_timer *a = first, *b = a->next;
    first = b != NULL ? b->next : NULL;
    a->next = a->prev = NULL;
    if (b != NULL) b->next = b->prev = NULL;
    a = meld(a, b);
    a->next = pairs;
    pairs = a;
  }
  while (pairs != NULL) {
    struct ifl_timer *t = pairs;
    pairs = t->next;
    t->next = NULL;
    root = meld(root, t);
  }
  return root;
}

static void heap_remove(iflow_loop *loop, struct ifl_timer *t)
{
  if (t == loop->timers) {
    loop->timers = meld_siblings(t->child);
  } else {
    if (t->prev->child == t) t->prev->child = t->next;
    else t->prev->next = t->next;
    if (t->next != NULL) t->next->prev = t->prev;
    loop->timers = meld(loop->timers, meld_siblings(t->child));
  }
  t->child = t->next = t->prev = NULL;
}

void ifl_timer_start(iflow_loop *loop, struct ifl_timer *t, int64_t after_ms,
                     void (*cb)(void *payload), void *payload)
{
  ifl_timer_stop(t);
  /* Not loop->now: after a long callback it lags, and a timeout would come early. At least one
   * millisecond, so that a timer started by a timer waits for the next turn. */
  t->due = ifl_clock_mono_ms() + (after_ms > 0 ? after_ms : 1);
  t->cb = cb;
  t->payload = payload;
  t->loop = loop;
  t->running = true;
  t->child = t->next = t->prev = NULL;
  loop->timers = meld(loop->timers, t);
  if (!t->background) loop->open.timers++;
}

void ifl_timer_stop(struct ifl_timer *t)
{
  if (!t->running) return;
  t->running = false;
  if (!t->background) t->loop->open.timers--;
  heap_remove(t->loop, t);
}

/* Whether one ran. */
static bool run_timers(iflow_loop *loop)
{
  bool ran = false;
  loop->now = ifl_clock_mono_ms();
  while (loop->timers != NULL && loop->timers->due <= loop->now) {
    struct ifl_timer *t = loop->timers;
    ifl_timer_stop(t);
    t->cb(t->payload); /* may free t */
    ran = true;
  }
  return ran;
}

/* ---- deferred calls -------------------------------------------------------------------------- */

static void ring_init(struct ifl_soon *head)
{
  head->next = head->prev = head;
}

static void ring_remove(struct ifl_soon *s)
{
  s->prev->next = s->next;
  s->next->prev = s->prev;
  s->next = s->prev = NULL;
  s->queued = false;
}

void ifl_soon(iflow_loop *loop, struct ifl_soon *s, void (*cb)(void *payload), void *payload)
{
  s->cb = cb;
  s->payload = payload;
  s->loop = loop;
  if (s->queued) return;
  s->queued = true;
  s->prev = loop->soon.prev;
  s->next = &loop->soon;
  s->prev->next = s;
  loop->soon.prev = s;
}

void ifl_soon_cancel(struct ifl_soon *s)
{
  if (s->queued) ring_remove(s);
}

/* Runs what is queued now; what these calls queue waits for the next turn, or sockets starve.
 * Whether one ran. */
static bool run_soon(iflow_loop *loop)
{
  struct ifl_soon mark = { 0 };
  if (loop->soon.next == &loop->soon) return false;
  ifl_soon(loop, &mark, NULL, NULL);
  while (loop->soon.next != &mark) {
    struct ifl_soon *s = loop->soon.next;
    ring_remove(s);
    s->cb(s->payload); /* may free s */
  }
  ring_remove(&mark);
  return true;
}

/* ---- turns ----------------------------------------------------------------------------------- */

/* By our own lists: milliseconds until there is something to call, -1 for never. */
static int64_t next_call(const iflow_loop *loop)
{
  if (loop->soon.next != &loop->soon) return 0;
  if (loop->timers == NULL) return -1;
  int64_t left = loop->timers->due - ifl_clock_mono_ms();
  return left > 0 ? left : 0;
}

int64_t ifl_loop_next_ms(const iflow_loop *loop)
{
  /* Alive, with no timer of ours in it, and yet no time to wait: handles are to be closed. */
  if (uv_loop_alive(&loop->uv) && (loop->unpolled || uv_backend_timeout(&loop->uv) == 0)) return 0;
  return next_call(loop);
}

/* Callbacks may have libuv watch more; what it watches from before is known to the kernel then. */
static void poll_once(iflow_loop *loop, uv_run_mode mode)
{
  if (uv_loop_alive(&loop->uv)) loop->unpolled = false; /* else uv_run does not get as far */
  uv_run(&loop->uv, mode);
}

/* Ends the wait. libuv before 1.45 runs timers before it polls, too: one that is due by then would
 * be gone, and the poll would wait for a descriptor only, perhaps for ever. */
static void on_wake(uv_timer_t *t)
{
  uv_stop(t->loop);
}

void ifl_loop_turn(iflow_loop *loop, int64_t max_wait_ms)
{
  bool ran = run_soon(loop);
  ran = run_timers(loop) || ran;
  int64_t wait = next_call(loop);
  if (wait < 0 || (max_wait_ms >= 0 && max_wait_ms < wait)) wait = max_wait_ms;
  if (ran) wait = 0; /* what these calls made ready belongs to the caller now */
  if (wait == 0) {
    poll_once(loop, UV_RUN_NOWAIT);
  } else {
    uv_update_time(&loop->uv); /* else the wait below counts from the last poll */
    if (wait > 0) uv_timer_start(&loop->wake, on_wake, (uint64_t)wait, 0);
    poll_once(loop, UV_RUN_ONCE);
    uv_timer_stop(&loop->wake);
  }
  run_timers(loop);
}

int64_t ifl_loop_now(const iflow_loop *loop)
{
  return loop->now;
}

struct ifl_log *ifl_loop_log(iflow_loop *loop)
{
  return &loop->log;
}

int ifl_loop_fd(const iflow_loop *loop)
{
  return uv_backend_fd(&loop->uv);
}

struct ifl_counts ifl_loop_counts(const iflow_loop *loop)
{
  return loop->open;
}

void ifl_loop_op_begin(iflow_loop *loop)
{
  loop->open.operations++;
}

void ifl_loop_op_end(iflow_loop *loop)
{
  loop->open.operations--;
}

/* ---- watched descriptors --------------------------------------------------------------------- */

struct ifl_poll {
  uv_poll_t handle; /* first: its address is the box's */
  iflow_loop *loop;
  void (*cb)(void *payload, int events);
  void *payload;
  int events;
  bool idle;
};

static void on_poll(uv_poll_t *h, int status, int events);

static void watch(ifl_poll *p)
{
  int events =
      (p->events & IFL_READABLE ? UV_READABLE : 0) | (p->events & IFL_WRITABLE ? UV_WRITABLE : 0);
  uv_poll_start(&p->handle, events, on_poll);
  p->loop->unpolled = true;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
  ifl_poll *p = h->data;
  int seen = (events & UV_READABLE ? IFL_READABLE : 0) | (events & UV_WRITABLE ? IFL_WRITABLE : 0);
  if (status < 0) {
    /* A broken descriptor is reported as ready: the owner learns what is wrong when it uses it.
     * libuv has stopped watching, but bytes may wait before the error (data, then RST): the owner
     * that takes them must be called again. */
    seen = IFL_READABLE | IFL_WRITABLE;
    watch(p);
  }
  p->cb(p->payload, seen);
}

static void free_box(uv_handle_t *h)
{
  free(h->data);
}

int ifl_poll_new(ifl_poll **out, iflow_loop *loop, int fd, void (*cb)(void *payload, int events),
                 void *payload, iflow_error *err)
{
  ifl_poll *p = calloc(1, sizeof *p);
  if (p == NULL) return ifl_fail_nomem(err);
  int rc = uv_poll_init(&loop->uv, &p->handle, fd);
  if (rc < 0) {
    free(p);
    return ifl_fail(err, IFLOW_ESYSTEM, "a descriptor cannot be watched: %s", uv_strerror(rc));
  }
  p->handle.data = p;
  p->loop = loop;
  p->cb = cb;
  p->payload = payload;
  loop->open.sockets++;
  *out = p;
  return 0;
}

void ifl_poll_set(ifl_poll *p, int events)
{
  if (events == p->events) return;
  p->events = events;
  if (events == 0) {
    uv_poll_stop(&p->handle);
    return;
  }
  watch(p);
}

void ifl_poll_set_idle(ifl_poll *p, bool idle)
{
  if (idle == p->idle) return;
  p->idle = idle;
  if (idle) p->loop->open.sockets--;
  else p->loop->open.sockets++;
}

void ifl_poll_free(ifl_poll *p)
{
  if (p == NULL) return;
  if (!p->idle) p->loop->open.sockets--;
  uv_poll_stop(&p->handle); /* leaves epoll at once; the box goes with the close callback */
  uv_close((uv_handle_t *)&p->handle, free_box);
}

/* ---- signals --------------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *h, int signum)
{
  struct ifl_signal *s = h->data;
  if (s->cb != NULL) s->cb(s->payload, signum);
}

static struct ifl_signal *signal_slot(iflow_loop *loop, int signum)
{
  struct ifl_signal *empty = NULL;
  for (int i = 0; i < IFL_SIGNALS_MAX; i++) {
    struct ifl_signal *s = &loop->signals[i];
    if (s->used && s->handle.signum == signum) return s;
    if (!s->used && empty == NULL) empty = s;
  }
  return empty;
}

int ifl_loop_signal(iflow_loop *loop, int signum, void (*cb)(void *payload, int signum),
                    void *payload, iflow_error *err)
{
  struct ifl_signal *s = signal_slot(loop, signum);
  if (s == NULL)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d signals are watched", IFL_SIGNALS_MAX);
  s->cb = cb;
  s->payload = payload;
  if (cb == NULL) {
    if (s->used) uv_signal_stop(&s->handle);
    return 0;
  }
  if (!s->used) {
    int rc = uv_signal_init(&loop->uv, &s->handle);
    if (rc < 0) return ifl_fail(err, IFLOW_ESYSTEM, "signals: %s", uv_strerror(rc));
    s->used = true;
    s->handle.data = s;
    uv_unref((uv_handle_t *)&s->handle); /* waiting for a signal alone is not being busy */
  }
  int rc = uv_signal_start(&s->handle, on_signal, signum);
  if (rc < 0) return ifl_fail(err, IFLOW_ESYSTEM, "signal %d: %s", signum, uv_strerror(rc));
  loop->unpolled = true;
  return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

int iflow_loop_new(iflow_loop **out, iflow_error *err)
{
  iflow_loop *loop = calloc(1, sizeof *loop);
  if (loop == NULL) return ifl_fail_nomem(err);
  int rc = uv_loop_init(&loop->uv);
  if (rc < 0) {
    free(loop);
    return ifl_fail(err, IFLOW_ESYSTEM, "no event loop: %s", uv_strerror(rc));
  }
  uv_timer_init(&loop->uv, &loop->wake);
  ring_init(&loop->soon);
  loop->now = ifl_clock_mono_ms();
  loop->unpolled = true; /* the descriptor by which threads tell that they are done */
  loop->log.level = IFL_LOG_WARN;
  *out = loop;
  return 0;
}

void iflow_loop_free(iflow_loop *loop)
{
  if (loop == NULL) return;
  for (int i = 0; i < IFL_SIGNALS_MAX; i++)
    if (loop->signals[i].used) uv_close((uv_handle_t *)&loop->signals[i].handle, NULL);
  uv_close((uv_handle_t *)&loop->wake, NULL);
  /* Close callbacks are still to run, and work on threads is waited for: its payload is in use. */
  do {
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    run_soon(loop);
  } while (uv_loop_alive(&loop->uv));
  uv_loop_close(&loop->uv);
  free(loop);
}

const char *ifl_loop_library(void)
{
  return uv_version_string();
}
