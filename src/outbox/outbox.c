/* outbox.c -- see outbox.h: the loop's side. Requests are collected during a turn of the loop and
 * handed to the thread together, many of them in parts; what it has done comes back over a
 * descriptor that the loop watches. */
#include "outbox/outbox_private.h"

#include "base/error.h"
#include "outbox/bodies.h"
#include "outbox/claims.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EARLY 8 /* requests that do not wait for the end of the turn */

/* Every backend, by its name. */
static const struct ifl_outbox_driver *const drivers[] = { &ifl_outbox_sqlite };

/* ---- requests ------------------------------------------------------------------------------- */

struct ifl_outbox_request *ifl_outbox_request_new(enum ifl_outbox_kind kind)
{
  struct ifl_outbox_request *r = calloc(1, sizeof *r);
  if (r != NULL) r->kind = kind;
  return r;
}

void ifl_outbox_request_free(struct ifl_outbox_request *r)
{
  if (r == NULL) return;
  for (size_t i = 0; i < r->nchanges; i++) ifl_outbox_change_done(&r->changes[i]);
  free(r->changes);
  ifl_outbox_message_done(&r->message);
  free(r->from);
  free(r->sender);
  free(r->note);
  free(r->text);
  free(r->filter.sender);
  free(r->filter.key);
  free(r->filter.code);
  free(r->filter.id);
  free(r->dir);
  ifl_outbox_list_done(&r->list);
  ifl_outbox_history_done(&r->history);
  ifl_outbox_stats_done(&r->stats);
  free(r);
}

/* ---- the loop's side: what is done ----------------------------------------------------------- */

static void hand_over(void *payload);
static void add_fresh(ifl_outbox *box, struct ifl_outbox_request *r);
static int begin(ifl_outbox *box, struct ifl_outbox_request *r, iflow_error *err);
static void leave_line(ifl_outbox *box, struct ifl_outbox_request *r);
static void refuse_behind(ifl_outbox *box, const struct ifl_outbox_request *r);
static struct ifl_outbox_request *first_of(ifl_outbox *box, uint64_t order);

static void submit_again(ifl_outbox *box, struct ifl_outbox_request *r)
{
  add_fresh(box, r);
  ifl_soon(box->loop, &box->soon, hand_over, box);
}

static void stop_waiting(ifl_outbox *box, struct ifl_outbox_request *r)
{
  r->waiting = false;
  ifl_queue_remove(&box->waiting, r);
}

/* No room came in time. */
static void on_expired(void *payload)
{
  struct ifl_outbox_request *r = payload;
  r->expired = true;
  if (r->held) { /* while its turn may come it stays in the line */
    struct ifl_outbox_request *first = first_of(r->box, r->order);
    if (first != NULL && first->waiting) refuse_behind(r->box, first);
    return;
  }
  if (!r->waiting) return; /* it is tried just now, for the last time */
  stop_waiting(r->box, r);
  r->discard = true;
  submit_again(r->box, r);
}

static bool waits_for_room(struct ifl_outbox_request *r)
{
  ifl_outbox *box = r->box;
  if (r->kind != IFL_OUTBOX_ENQUEUE || r->rc != IFLOW_EOUTBOXFULL || r->wait_ms <= 0) return false;
  if (r->discard) return false;
  if (r->expired || box->closing || r->cb == NULL) {
    if (r->message.file == NULL || box->closing) return false; /* collected at the next opening */
    r->discard = true;
    submit_again(box, r);
    return true;
  }
  if (!r->timer.running) ifl_timer_start(box->loop, &r->timer, r->wait_ms, on_expired, r);
  r->waiting = true;
  ifl_queue_push(&box->waiting, r);
  refuse_behind(box, r);
  return true;
}

/* Those who were refused for want of room, in their order. */
static void let_in(ifl_outbox *box)
{
  for (struct ifl_outbox_request *r; (r = ifl_queue_pop(&box->waiting)) != NULL;) {
    r->waiting = false;
    submit_again(box, r);
  }
}

/* What was claimed for somebody who has gone is free again. */
static void give_back(ifl_outbox *box, struct ifl_outbox_request *r)
{
  if (r->kind != IFL_OUTBOX_CLAIM || r->list.n == 0 || box->closing) return;
  struct ifl_outbox_request *back = ifl_outbox_request_new(IFL_OUTBOX_RELEASE);
  if (back == NULL) return; /* until the outbox is opened again */
  back->changes = calloc(r->list.n, sizeof *back->changes);
  if (back->changes != NULL) back->nchanges = r->list.n;
  for (size_t i = 0; i < back->nchanges; i++) back->changes[i].number = r->list.items[i].number;
  if (ifl_outbox_submit(box, back, NULL, NULL, NULL) < 0) ifl_outbox_request_free(back);
}

static void end_request(ifl_outbox *box)
{
  box->unfinished--;
  if (box->unfinished == 0 && box->poll != NULL) ifl_poll_set_idle(box->poll, true);
  ifl_loop_op_end(box->loop);
}

static void finish(ifl_outbox *box, struct ifl_outbox_request *r)
{
  if (waits_for_room(r)) return;
  ifl_timer_stop(&r->timer);
  leave_line(box, r);
  if (r->kind == IFL_OUTBOX_CHANGE && r->changed > 0) let_in(box);
  r->box = NULL;
  end_request(box);
  if (r->cb != NULL) {
    r->cb(r->payload);
    return;
  }
  give_back(box, r);
  ifl_outbox_request_free(r);
}

/* ---- the loop's side: order ------------------------------------------------------------------ */

static struct ifl_outbox_request *first_of(ifl_outbox *box, uint64_t order)
{
  struct ifl_outbox_request *r = box->line;
  while (r != NULL && r->order != order) r = r->later;
  return r;
}

/* Of each order key one enqueue at a time is under way: a later one must not overtake it while its
 * large body is being written, or while it waits for room. Its own time to wait goes on. */
static void line_up(ifl_outbox *box, struct ifl_outbox_request *r)
{
  struct ifl_outbox_request **end = &box->line, *first;
  if (r->kind != IFL_OUTBOX_ENQUEUE || r->message.key == NULL) return;
  r->order = ifl_claims_key(r->message.sender, r->message.key) | 1;
  first = first_of(box, r->order);
  while (*end != NULL) end = &(*end)->later;
  *end = r;
  if (first == NULL) return;
  r->held = true;
  box->held++;
  if (r->wait_ms > 0) ifl_timer_start(box->loop, &r->timer, r->wait_ms, on_expired, r);
  else if (first->waiting) refuse_behind(box, first);
}

static void take_out(ifl_outbox *box, struct ifl_outbox_request *r)
{
  struct ifl_outbox_request **at = &box->line;
  while (*at != NULL && *at != r) at = &(*at)->later;
  if (*at == r) *at = r->later;
  box->held -= r->held;
  r->later = NULL;
  r->held = false;
  r->order = 0;
}

/* There is no room for the first one of a key, so those behind it that do not wait, or no longer, have none. */
static void refuse_behind(ifl_outbox *box, const struct ifl_outbox_request *r)
{
  for (struct ifl_outbox_request *o = box->line, *next; r->order != 0 && o != NULL; o = next) {
    next = o->later;
    if (o->order != r->order || !o->held || (o->wait_ms > 0 && !o->expired)) continue;
    take_out(box, o);
    o->err = r->err;
    o->discard = true;
    submit_again(box, o);
  }
}

/* The next one of its key may go. */
static void leave_line(ifl_outbox *box, struct ifl_outbox_request *r)
{
  uint64_t order = r->order;
  if (order == 0) return;
  take_out(box, r);
  struct ifl_outbox_request *next = first_of(box, order);
  if (next == NULL || !next->held) return;
  next->held = false;
  box->held--;
  ifl_soon(box->loop, &box->soon, hand_over, box);
  iflow_error err;
  int rc = begin(box, next, &err); /* then it may be the thread's */
  if (rc == 0) return;
  next->rc = rc;
  next->err = err;
  finish(box, next);
}

static void on_event(void *payload, int events)
{
  ifl_outbox *box = payload;
  struct ifl_queue done;
  uint64_t times;
  (void)events;
  while (read(box->event, &times, sizeof times) < 0 && errno == EINTR) continue;
  ifl_queue_init(&done);
  pthread_mutex_lock(&box->mutex);
  ifl_queue_append(&done, &box->done);
  bool ended = box->ended;
  pthread_mutex_unlock(&box->mutex);
  for (struct ifl_outbox_request *r; (r = ifl_queue_pop(&done)) != NULL;) finish(box, r);
  if (!ended || box->close == NULL) return;
  struct ifl_outbox_request *last = box->close;
  box->close = NULL;
  finish(box, last);
}

/* ---- the loop's side: what is asked ---------------------------------------------------------- */

static bool writes(const struct ifl_outbox_request *r)
{
  return (r->kind == IFL_OUTBOX_ENQUEUE && !r->discard) || r->kind == IFL_OUTBOX_CHANGE ||
         r->kind == IFL_OUTBOX_WRITE_NOTE;
}

static void hand_over_fresh(ifl_outbox *box, bool more)
{
  pthread_mutex_lock(&box->mutex);
  for (struct ifl_outbox_request *r; (r = ifl_queue_pop(&box->fresh)) != NULL;)
    ifl_queue_push(writes(r) ? &box->writes : &box->reads, r);
  box->nfresh = 0;
  box->more = more;
  if (!more) box->stop = box->closing && box->storing.first == NULL && box->held == 0;
  pthread_cond_signal(&box->wake);
  pthread_mutex_unlock(&box->mutex);
}

/* At the start of a turn: all that the last one submitted goes to the thread together. */
static void hand_over(void *payload)
{
  hand_over_fresh(payload, false);
}

/* Of many the first go at once, so that the thread writes them while the others are made. The caller
 * sees to it that hand_over() follows. */
static void add_fresh(ifl_outbox *box, struct ifl_outbox_request *r)
{
  ifl_queue_push(&box->fresh, r);
  if (++box->nfresh == EARLY) hand_over_fresh(box, true);
}

static void read_small(struct ifl_outbox_request *r)
{
  struct ifl_buf body = IFL_BUF_INIT((size_t)r->inline_max);
  r->rc = ifl_file_read(&body, r->from, &r->err);
  if (r->rc == 0) {
    r->message.body_size = body.len;
    r->message.size = (int64_t)body.len;
    r->message.body = body.data != NULL ? ifl_buf_take(&body) : calloc(1, 1);
    if (r->message.body == NULL) r->rc = ifl_fail_nomem(&r->err);
  }
  ifl_buf_done(&body);
}

static void store_on_thread(void *payload)
{
  struct ifl_outbox_request *r = payload;
  struct stat st;
  char name[IFL_BODY_NAME];
  if (r->from != NULL && stat(r->from, &st) == 0 && st.st_size <= r->inline_max) {
    read_small(r);
    if (r->rc != IFLOW_ELIMIT) return; /* else it has grown */
  }
  r->rc = ifl_bodies_store(name, &r->message.size, r->dir, r->from, r->message.body,
                           r->message.body_size, &r->err);
  if (r->rc < 0) return;
  free(r->message.body);
  r->message.body = NULL;
  r->message.body_size = 0;
  r->message.file = strdup(name);
  if (r->message.file != NULL) return;
  ifl_bodies_remove(r->dir, name);
  r->rc = ifl_fail_nomem(&r->err);
}

static void on_stored(void *payload)
{
  struct ifl_outbox_request *r = payload;
  ifl_outbox *box = r->box;
  if (box == NULL) { /* closed meanwhile; the file is collected at the next opening */
    ifl_outbox_request_free(r);
    return;
  }
  ifl_queue_remove(&box->storing, r);
  if (r->rc < 0) finish(box, r);
  else add_fresh(box, r);
  ifl_soon(box->loop, &box->soon, hand_over, box);
}

static bool is_large(const struct ifl_outbox_request *r, const ifl_outbox *box)
{
  if (r->kind != IFL_OUTBOX_ENQUEUE && r->kind != IFL_OUTBOX_CHANGE) return false;
  return r->from != NULL || (int64_t)r->message.body_size > box->options.inline_max;
}

static int store(ifl_outbox *box, struct ifl_outbox_request *r, iflow_error *err)
{
  r->inline_max = box->options.inline_max;
  r->dir = strdup(box->bodies.data);
  if (r->dir == NULL) return ifl_fail_nomem(err);
  int rc = ifl_work(box->loop, store_on_thread, on_stored, r, err);
  if (rc == 0) ifl_queue_push(&box->storing, r);
  return rc;
}

static int begin(ifl_outbox *box, struct ifl_outbox_request *r, iflow_error *err)
{
  if (is_large(r, box)) return store(box, r, err);
  add_fresh(box, r);
  return 0;
}

int ifl_outbox_submit(ifl_outbox *box, struct ifl_outbox_request *r, void (*cb)(void *payload),
                      void *payload, iflow_error *err)
{
  if (box->closing) return ifl_fail(err, IFLOW_ECLOSED, "the outbox '%s' is closed", box->path);
  r->box = box;
  r->cb = cb;
  r->payload = payload;
  if (r->message.body != NULL) r->message.size = (int64_t)r->message.body_size;
  line_up(box, r);
  int rc = r->held || r->discard || r->kind == IFL_OUTBOX_CLOSE ? 0 : begin(box, r, err);
  if (rc < 0) {
    take_out(box, r);
    r->box = NULL;
    return rc;
  }
  if (r->kind == IFL_OUTBOX_CLOSE) {
    box->closing = true;
    box->close = r;
    let_in(box); /* their last chance */
  }
  if (box->unfinished++ == 0) ifl_poll_set_idle(box->poll, false);
  ifl_loop_op_begin(box->loop);
  ifl_soon(box->loop, &box->soon, hand_over, box);
  return 0;
}

void ifl_outbox_forget(struct ifl_outbox_request *r)
{
  r->cb = NULL;
  if (r->waiting) on_expired(r);
  if (!r->held) return;
  ifl_timer_stop(&r->timer);
  take_out(r->box, r);
  end_request(r->box);
  ifl_outbox_request_free(r);
}

/* ---- life ------------------------------------------------------------------------------------ */

const char *ifl_outbox_bodies(const ifl_outbox *box)
{
  return box->bodies.data;
}

static const struct ifl_outbox_driver *find_driver(const char *name)
{
  for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
    if (strcmp(drivers[i]->name, name) == 0) return drivers[i];
  return NULL;
}

/* Signals are for the loop's thread. */
static int start_thread(ifl_outbox *box, iflow_error *err)
{
  pthread_condattr_t monotonic;
  sigset_t all, before;
  pthread_mutex_init(&box->mutex, NULL);
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&box->wake, &monotonic);
  pthread_condattr_destroy(&monotonic);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&box->thread, NULL, ifl_outbox_thread, box);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (rc == 0) return 0;
  pthread_mutex_destroy(&box->mutex);
  pthread_cond_destroy(&box->wake);
  return ifl_fail(err, IFLOW_ESYSTEM, "no thread for the outbox: %s", strerror(rc));
}

static void free_box(ifl_outbox *box)
{
  ifl_poll_free(box->poll);
  if (box->event >= 0) close(box->event);
  ifl_buf_done(&box->bodies);
  free(box->path);
  free(box);
}

static int prepare(ifl_outbox *box, const struct ifl_outbox_options *options, iflow_error *err)
{
  ifl_queue_init(&box->fresh);
  ifl_queue_init(&box->waiting);
  ifl_queue_init(&box->storing);
  ifl_queue_init(&box->writes);
  ifl_queue_init(&box->reads);
  ifl_queue_init(&box->done);
  box->options = *options;
  box->path = strdup(options->path);
  if (box->path == NULL) return ifl_fail_nomem(err);
  box->options.path = box->path;
  int rc = ifl_buf_addf(&box->bodies, err, "%s" IFL_BODIES_SUFFIX, box->path);
  if (rc < 0) return rc;
  box->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (box->event < 0) return ifl_fail_errno(err, errno, "no descriptor for the outbox");
  rc = ifl_poll_new(&box->poll, box->loop, box->event, on_event, box, err);
  if (rc < 0) return rc;
  ifl_poll_set(box->poll, IFL_READABLE);
  ifl_poll_set_idle(box->poll, true);
  return 0;
}

int ifl_outbox_new(ifl_outbox **out, iflow_loop *loop, const char *backend,
                   const struct ifl_outbox_options *options, iflow_error *err)
{
  const struct ifl_outbox_driver *driver = find_driver(backend);
  if (driver == NULL)
    return ifl_fail(err, IFLOW_EINVAL, "there is no outbox backend '%s'", backend);
  ifl_outbox *box = calloc(1, sizeof *box);
  if (box == NULL) return ifl_fail_nomem(err);
  box->loop = loop;
  box->driver = driver;
  box->event = -1;
  ifl_buf_init(&box->bodies, 8192);
  int rc = prepare(box, options, err);
  if (rc == 0) rc = start_thread(box, err);
  if (rc < 0) {
    free_box(box);
    return rc;
  }
  *out = box;
  return 0;
}

/* Bodies that are still being written finish on their own; nobody waits for them. */
static void abandon_stores(ifl_outbox *box)
{
  for (struct ifl_outbox_request *r; (r = ifl_queue_pop(&box->storing)) != NULL;) {
    take_out(box, r);
    end_request(box);
    r->box = NULL;
  }
}

/* Those that are held go at once, in their order; what would have to be stored first cannot. */
static void release_held(ifl_outbox *box)
{
  for (struct ifl_outbox_request *r = box->line, *next; r != NULL; r = next) {
    next = r->later;
    if (!r->held) continue;
    take_out(box, r);
    if (!is_large(r, box)) {
      add_fresh(box, r);
      continue;
    }
    r->rc = ifl_fail(&r->err, IFLOW_ECLOSED, "the outbox '%s' is closed", box->path);
    finish(box, r);
  }
}

void ifl_outbox_free(ifl_outbox *box)
{
  if (box == NULL) return;
  box->closing = true;
  let_in(box);
  abandon_stores(box);
  release_held(box);
  hand_over(box);
  pthread_join(box->thread, NULL);
  on_event(box, IFL_READABLE);
  ifl_soon_cancel(&box->soon);
  pthread_mutex_destroy(&box->mutex);
  pthread_cond_destroy(&box->wake);
  free_box(box);
}
