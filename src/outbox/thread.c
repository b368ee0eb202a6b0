/* thread.c -- the thread of an outbox: takes requests, up to a group of rows at a time, commits what
 * is written together, and gives back what is done. */
#include "outbox/outbox_private.h"

#include "base/clock.h"
#include "outbox/bodies.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#define PURGE_MIN_MS 1000
#define PURGE_MAX_MS 60000
#define MORE_MS      5

/* ---- writing --------------------------------------------------------------------- */

static int apply_changes(ifl_outbox *box, struct ifl_outbox_request *r)
{
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < r->nchanges; i++) {
    bool changed = false;
    rc = box->driver->change(box->db, &r->changes[i], &changed, &r->err);
    r->changed += changed;
  }
  return rc;
}

/* In a transaction. A full outbox is the answer to this request, no failure of the others. */
static int apply(ifl_outbox *box, struct ifl_outbox_request *r)
{
  r->rc = 0;
  r->known = false;
  r->changed = 0;
  if (r->kind == IFL_OUTBOX_CHANGE) return apply_changes(box, r);
  if (r->kind == IFL_OUTBOX_WRITE_NOTE)
    return box->driver->write_note(box->db, r->note, r->text, r->size, &r->err);
  int rc = box->driver->insert(box->db, &r->message, &r->known, &r->err);
  if (rc != IFLOW_EOUTBOXFULL) return rc;
  r->rc = rc;
  return 0;
}

static size_t rows_of(const struct ifl_outbox_request *r)
{
  return r->kind == IFL_OUTBOX_CHANGE ? r->nchanges : 1;
}

/* Waits until it is woken, at most so long, which is more than 0. The mutex is locked. */
static void wait_ms(ifl_outbox *box, int64_t ms)
{
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += ms % 1000 * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_sec++;
    until.tv_nsec -= 1000000000;
  }
  pthread_cond_timedwait(&box->wake, &box->mutex, &until);
}

/* Moves writes to the group until it has so many rows as one may have. The mutex is locked. */
static void take_writes(ifl_outbox *box, struct ifl_queue *group, size_t *rows)
{
  while (box->writes.first != NULL && *rows < IFL_OUTBOX_GROUP) {
    *rows += rows_of(box->writes.first);
    ifl_queue_push(group, ifl_queue_pop(&box->writes));
  }
}

/* Adds to a group that is being written what has come meanwhile, and what the loop is just about to
 * hand over: all of it is committed at once. A turn of the loop may be long, so it waits little. */
static void take_more(ifl_outbox *box, struct ifl_queue *group, size_t *rows)
{
  if (*rows >= IFL_OUTBOX_GROUP) return;
  pthread_mutex_lock(&box->mutex);
  if (box->writes.first == NULL && box->more) wait_ms(box, MORE_MS);
  take_writes(box, group, rows);
  pthread_mutex_unlock(&box->mutex);
}

static int apply_all(ifl_outbox *box, struct ifl_outbox_request *r, iflow_error *err)
{
  for (; r != NULL; r = r->next_request) {
    int rc = apply(box, r);
    if (rc == 0) continue;
    *err = r->err;
    return rc;
  }
  return 0;
}

/* In one transaction. rows: of the group, to which what comes meanwhile is added; 0: it stays. */
static int write_together(ifl_outbox *box, struct ifl_queue *group, size_t rows, iflow_error *err)
{
  int rc = box->driver->begin(box->db, err);
  if (rc < 0) return rc;
  struct ifl_outbox_request **next = &group->first;
  while (rc == 0 && *next != NULL) {
    struct ifl_outbox_request **end = group->last;
    rc = apply_all(box, *next, err);
    next = end;
    if (rc == 0 && rows > 0) take_more(box, group, &rows);
  }
  if (rc == 0) return box->driver->commit(box->db, err);
  box->driver->rollback(box->db);
  return rc;
}

static void write_alone(ifl_outbox *box, struct ifl_outbox_request *r)
{
  struct ifl_queue one;
  iflow_error err = { 0 };
  ifl_queue_init(&one);
  ifl_queue_push(&one, r);
  int rc = write_together(box, &one, 0, &err);
  if (rc == 0) return;
  r->rc = rc;
  r->err = err;
  r->known = false;
  r->changed = 0;
}

/* A body that no message took is not needed; at the ceiling the request may come again. */
static void tidy(ifl_outbox *box, struct ifl_outbox_request *r)
{
  if (r->message.file == NULL) return;
  bool taken =
      r->kind == IFL_OUTBOX_CHANGE ? r->rc == 0 && r->changed > 0 : r->rc == 0 && !r->known;
  bool later = r->rc == IFLOW_EOUTBOXFULL && r->wait_ms > 0 && !r->discard;
  if (!taken && !later) ifl_bodies_remove(box->bodies.data, r->message.file);
}

/* All in one transaction; if that fails each in one of its own, so that one cannot fail others. */
static void write_group(ifl_outbox *box, struct ifl_queue *group, size_t rows)
{
  iflow_error err = { 0 };
  struct ifl_queue done;
  ifl_queue_init(&done);
  bool apart = write_together(box, group, rows, &err) < 0;
  for (struct ifl_outbox_request *r; (r = ifl_queue_pop(group)) != NULL;) {
    if (apart) write_alone(box, r);
    tidy(box, r);
    ifl_queue_push(&done, r);
  }
  *group = done;
  if (group->first != NULL) group->first->link = &group->first;
}

/* ---- reading --------------------------------------------------------------------- */

static int read_history(ifl_outbox *box, struct ifl_outbox_request *r)
{
  int rc = box->driver->list(box->db, &r->filter, &r->list, &r->err);
  if (rc < 0 || r->list.n == 0) return rc;
  return box->driver->history(box->db, r->list.items[0].number, &r->history, &r->err);
}

static int read_stats(ifl_outbox *box, struct ifl_outbox_request *r)
{
  box->driver->counts(box->db, &r->counts);
  return box->driver->stats(box->db, &r->stats, &r->err);
}

/* False: it has to come again, after the others. */
static bool read_one(ifl_outbox *box, struct ifl_outbox_request *r)
{
  bool more = false;
  r->rc = 0;
  switch (r->kind) {
  case IFL_OUTBOX_CLAIM:
    r->rc =
        box->driver->claim(box->db, r->sender, r->max, r->now, &r->list, &more, &r->next, &r->err);
    break;
  case IFL_OUTBOX_RELEASE:
    for (size_t i = 0; i < r->nchanges; i++) box->driver->release(box->db, r->changes[i].number);
    break;
  case IFL_OUTBOX_READ_NOTE:
    r->rc = box->driver->read_note(box->db, r->note, &r->text, &r->size, &r->err);
    break;
  case IFL_OUTBOX_LIST: r->rc = box->driver->list(box->db, &r->filter, &r->list, &r->err); break;
  case IFL_OUTBOX_HISTORY: r->rc = read_history(box, r); break;
  case IFL_OUTBOX_STATS: r->rc = read_stats(box, r); break;
  case IFL_OUTBOX_COUNTS: box->driver->counts(box->db, &r->counts); break;
  case IFL_OUTBOX_ENQUEUE: /* no room: only its body is left to remove */
    if (r->message.file != NULL) ifl_bodies_remove(box->bodies.data, r->message.file);
    r->rc = r->err.code;
    break;
  case IFL_OUTBOX_OPENED:
  case IFL_OUTBOX_CHANGE:
  case IFL_OUTBOX_WRITE_NOTE:
  case IFL_OUTBOX_CLOSE: break;
  }
  return !more;
}

/* ---- the thread ------------------------------------------------------------------------------ */

static void give(ifl_outbox *box, struct ifl_queue *done)
{
  uint64_t one = 1;
  pthread_mutex_lock(&box->mutex);
  ifl_queue_append(&box->done, done);
  pthread_mutex_unlock(&box->mutex);
  while (write(box->event, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void give_one(ifl_outbox *box, struct ifl_outbox_request *r)
{
  struct ifl_queue one;
  ifl_queue_init(&one);
  ifl_queue_push(&one, r);
  give(box, &one);
}

/* Waits for work, at most until the next purge. False: there is nothing, and it is to end. */
static bool take(ifl_outbox *box, struct ifl_queue *group, size_t *rows,
                 struct ifl_outbox_request **read)
{
  *rows = 0;
  pthread_mutex_lock(&box->mutex);
  while (box->writes.first == NULL && box->reads.first == NULL && !box->stop) {
    int64_t left = box->purge_at - ifl_clock_mono_ms();
    if (left <= 0) break;
    wait_ms(box, left);
  }
  take_writes(box, group, rows);
  *read = ifl_queue_pop(&box->reads);
  bool go_on = *rows > 0 || *read != NULL || !box->stop;
  pthread_mutex_unlock(&box->mutex);
  return go_on;
}

static void purge(ifl_outbox *box)
{
  bool more = false;
  int64_t every = box->options.retention_ms / 4;
  if (ifl_clock_mono_ms() < box->purge_at) return;
  every = every < PURGE_MIN_MS ? PURGE_MIN_MS : every > PURGE_MAX_MS ? PURGE_MAX_MS : every;
  if (box->driver->purge(box->db, &more, NULL) < 0) more = false; /* the next time, perhaps */
  box->purge_at = ifl_clock_mono_ms() + (more ? 0 : every);
}

static void serve(ifl_outbox *box)
{
  struct ifl_outbox_request *read = NULL;
  struct ifl_queue group;
  size_t rows;
  for (ifl_queue_init(&group); take(box, &group, &rows, &read); ifl_queue_init(&group)) {
    if (group.first != NULL) {
      write_group(box, &group, rows);
      give(box, &group);
    }
    if (read != NULL && read_one(box, read)) {
      give_one(box, read);
    } else if (read != NULL) {
      pthread_mutex_lock(&box->mutex);
      ifl_queue_push(&box->reads, read);
      pthread_mutex_unlock(&box->mutex);
    }
    purge(box);
  }
}

static int is_owned(void *payload, const char *name, bool *owned, iflow_error *err)
{
  ifl_outbox *box = payload;
  return box->driver->owns(box->db, name, owned, err);
}

static int open_database(ifl_outbox *box, iflow_error *err)
{
  size_t removed = 0;
  int rc = box->driver->open(&box->db, &box->options, err);
  if (rc < 0) return rc;
  return ifl_bodies_collect(box->bodies.data, is_owned, box, &removed, err);
}

/* Every request fails as the opening did. */
static void refuse_all(ifl_outbox *box)
{
  struct ifl_outbox_request *read = NULL;
  struct ifl_queue group;
  size_t rows;
  for (ifl_queue_init(&group); take(box, &group, &rows, &read);) {
    if (read != NULL) ifl_queue_push(&group, read);
    for (struct ifl_outbox_request *r = group.first; r != NULL; r = r->next_request) {
      r->rc = box->open_rc;
      r->err = box->open_err;
    }
    give(box, &group);
  }
}

void *ifl_outbox_thread(void *payload)
{
  ifl_outbox *box = payload;
  box->open_rc = open_database(box, &box->open_err);
  if (box->open_rc < 0) {
    box->purge_at = INT64_MAX / 2;
    refuse_all(box);
  } else {
    serve(box);
  }
  box->driver->close(box->db);
  box->db = NULL;
  struct ifl_queue none;
  ifl_queue_init(&none);
  pthread_mutex_lock(&box->mutex);
  box->ended = true;
  pthread_mutex_unlock(&box->mutex);
  give(box, &none);
  return NULL;
}
