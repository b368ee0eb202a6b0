/* sqlite_change.c -- accepting messages and moving them from state to state: the writing half of the
 * SQLite backend. */
#include "outbox/sqlite_private.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define RESERVE   10000 /* numbers taken from the file at a time */
#define PURGE_MAX 256   /* rows of one purge */

/* Binding of a body can fail for its size alone; the step then reports it. */
static int bind_body(sqlite3_stmt *s, int i, const struct ifl_outbox_message *m)
{
  if (m->body == NULL) return sqlite3_bind_null(s, i);
  return sqlite3_bind_blob64(s, i, m->body, m->body_size, SQLITE_STATIC);
}

/* ---- accepting ------------------------------------------------------------------------------- */

static void count(struct sqlite *q, enum ifl_outbox_state state, int messages, int64_t bytes)
{
  q->counts.messages[state] += messages;
  q->counts.bytes[state] += bytes;
}

static int check_ceiling(struct sqlite *q, const struct ifl_outbox_message *m, bool *known,
                         iflow_error *err)
{
  int64_t messages = 1, bytes = m->size;
  for (int i = 0; i < IFL_OUTBOX_DELIVERED; i++) {
    messages += q->counts.messages[i];
    bytes += q->counts.bytes[i];
  }
  if (messages <= q->max_messages && bytes <= q->max_bytes) return 0;
  sqlite3_stmt *s = q->stmts[S_KNOWN];
  ifl_sqlite_text(s, 1, m->id);
  ifl_sqlite_text(s, 2, m->sender);
  int rc = ifl_sqlite_step(q, s, err);
  sqlite3_reset(s);
  *known = rc > 0;
  if (rc != 0) return rc < 0 ? rc : 0;
  return ifl_fail(
      err, IFLOW_EOUTBOXFULL,
      "outbox '%s' holds %lld messages of %lld bytes that are not delivered; one of %lld "
      "bytes more is above the ceiling of %lld messages and %lld bytes",
      q->path, (long long)messages - 1, (long long)(bytes - m->size), (long long)m->size,
      (long long)q->max_messages, (long long)q->max_bytes);
}

/* Numbers are never given out twice, also not after the last messages are gone: the file remembers
 * how far they were taken, in steps, so that this costs nothing. */
static int reserve_number(struct sqlite *q, iflow_error *err)
{
  if (q->last < q->reserved) return 0;
  int rc = ifl_sqlite_run_for(q, S_NUMBERS, q->last + RESERVE, err);
  if (rc == 0) q->reserved = q->last + RESERVE;
  return rc;
}

/* A message with a time of its own may belong before the cursor, when the clock was set back. */
static int note_due(struct sqlite *q, const char *sender, int64_t due, iflow_error *err)
{
  if (due == 0) return 0;
  struct ifl_claim_sender *s = ifl_claims_sender(&q->claims, sender);
  struct sqlite_effect *e = s != NULL ? ifl_sqlite_effect(q, err) : NULL;
  if (e == NULL) return s != NULL ? err->code : ifl_fail_nomem(err);
  e->sender = (size_t)(s - q->claims.senders);
  e->due = due;
  return 0;
}

int ifl_sqlite_insert(void *db, const struct ifl_outbox_message *m, bool *known, iflow_error *err)
{
  struct sqlite *q = db;
  int64_t now = ifl_clock_wall_ms(), due = m->not_before > now ? m->not_before : 0;
  *known = false;
  int rc = check_ceiling(q, m, known, err);
  if (rc == 0 && !*known) rc = reserve_number(q, err);
  if (rc < 0 || *known) return rc;
  sqlite3_stmt *s = q->stmts[S_INSERT];
  sqlite3_bind_int64(s, 1, q->last + 1);
  ifl_sqlite_text(s, 2, m->sender);
  ifl_sqlite_text(s, 3, m->id);
  ifl_sqlite_text(s, 4, m->key);
  sqlite3_bind_int64(s, 5, now);
  sqlite3_bind_int64(s, 6, now);
  sqlite3_bind_int64(s, 7, due);
  sqlite3_bind_int64(s, 8, m->size);
  ifl_sqlite_text(s, 9, m->file);
  rc = ifl_sqlite_run(q, S_INSERT, err);
  if (rc < 0) return rc;
  *known = sqlite3_changes(q->db) == 0;
  if (*known) return 0;
  s = q->stmts[S_INSERT_BODY];
  sqlite3_bind_int64(s, 1, ++q->last);
  ifl_sqlite_text(s, 2, m->about);
  if (bind_body(s, 3, m) != SQLITE_OK) return ifl_sqlite_fail(q, err);
  rc = ifl_sqlite_run(q, S_INSERT_BODY, err);
  sqlite3_clear_bindings(s); /* the body is the caller's */
  if (rc == 0) rc = note_due(q, m->sender, due, err);
  if (rc == 0) count(q, IFL_OUTBOX_READY, 1, m->size);
  return rc;
}

/* ---- changing -------------------------------------------------------------------------------- */

#define FROM(state) (1u << IFL_OUTBOX_##state)
#define OPEN        (FROM(READY) | FROM(STARTED) | FROM(IN_DOUBT))
static const struct {
  unsigned from;
  enum ifl_outbox_state to;
} rules[] = {
  [IFL_OUTBOX_START] = { FROM(READY), IFL_OUTBOX_STARTED },
  [IFL_OUTBOX_DELIVER] = { OPEN, IFL_OUTBOX_DELIVERED },
  [IFL_OUTBOX_REJECT] = { OPEN, IFL_OUTBOX_REJECTED },
  [IFL_OUTBOX_RETRY] = { OPEN, IFL_OUTBOX_READY },
  [IFL_OUTBOX_DOUBT] = { FROM(READY) | FROM(STARTED), IFL_OUTBOX_IN_DOUBT },
  [IFL_OUTBOX_REQUEUE] = { FROM(READY) | FROM(IN_DOUBT) | FROM(REJECTED), IFL_OUTBOX_READY },
  [IFL_OUTBOX_DROP] = { FROM(READY) | FROM(IN_DOUBT) | FROM(REJECTED) | FROM(DELIVERED),
                        IFL_OUTBOX_STATES },
};

/* The message before the change. */
struct before {
  enum ifl_outbox_state state;
  char *sender, *key, *file;
  int64_t attempts, size;
};

static void before_done(struct before *b)
{
  free(b->sender);
  free(b->key);
  free(b->file);
}

/* 1: found, 0: there is no such message. */
static int look(struct sqlite *q, int64_t number, struct before *b, iflow_error *err)
{
  sqlite3_stmt *s = q->stmts[S_LOOK];
  bool missing = false;
  sqlite3_bind_int64(s, 1, number);
  int rc = ifl_sqlite_step(q, s, err);
  if (rc > 0) {
    b->state = (enum ifl_outbox_state)sqlite3_column_int(s, 0);
    b->sender = ifl_sqlite_column(s, 1, &missing);
    b->key = ifl_sqlite_column(s, 2, &missing);
    b->attempts = sqlite3_column_int64(s, 3);
    b->size = sqlite3_column_int64(s, 4);
    b->file = ifl_sqlite_column(s, 5, &missing);
    if (missing) rc = ifl_fail_nomem(err);
  }
  sqlite3_reset(s);
  return rc;
}

static bool fits(struct sqlite *q, const struct ifl_outbox_change *c, const struct before *b)
{
  bool by_hand = c->action == IFL_OUTBOX_REQUEUE || c->action == IFL_OUTBOX_DROP;
  if (by_hand && ifl_set_has(&q->claims.numbers, (uint64_t)c->number)) return false;
  return (rules[c->action].from & (1u << b->state)) != 0;
}

/* Adds a line to the history, and keeps the history short. */
static int add_line(struct sqlite *q, const struct ifl_outbox_change *c, enum ifl_outbox_state to,
                    int64_t attempt, iflow_error *err)
{
  const struct ifl_outbox_attempt *a = &c->attempt;
  sqlite3_stmt *s = q->stmts[S_LINE];
  sqlite3_bind_int64(s, 1, c->number);
  sqlite3_bind_int(s, 2, (int)to);
  sqlite3_bind_int64(s, 3, attempt);
  sqlite3_bind_int64(s, 4, a->began);
  sqlite3_bind_int64(s, 5, a->ended);
  sqlite3_bind_int(s, 6, a->status);
  ifl_sqlite_text(s, 7, a->message_id);
  ifl_sqlite_text(s, 8, a->code);
  ifl_sqlite_text(s, 9, a->text);
  int rc = ifl_sqlite_run(q, S_LINE, err);
  if (rc < 0 || attempt < IFL_OUTBOX_HISTORY_MAX) return rc;
  sqlite3_bind_int64(q->stmts[S_TRIM], 2, IFL_OUTBOX_HISTORY_MAX);
  return ifl_sqlite_run_for(q, S_TRIM, c->number, err);
}

static int remove_rows(struct sqlite *q, int64_t number, iflow_error *err)
{
  int rc = ifl_sqlite_run_for(q, S_DROP, number, err);
  if (rc == 0) rc = ifl_sqlite_run_for(q, S_DROP_BODY, number, err);
  return rc < 0 ? rc : ifl_sqlite_run_for(q, S_DROP_HISTORY, number, err);
}

static int edit(struct sqlite *q, const struct ifl_outbox_change *c, const struct before *b,
                iflow_error *err)
{
  const struct ifl_outbox_message *m = c->edited;
  sqlite3_stmt *s = q->stmts[S_EDIT];
  sqlite3_bind_int64(s, 1, m->size);
  ifl_sqlite_text(s, 2, m->file);
  sqlite3_bind_int64(s, 3, c->number);
  int rc = ifl_sqlite_run(q, S_EDIT, err);
  if (rc < 0) return rc;
  s = q->stmts[S_EDIT_BODY];
  ifl_sqlite_text(s, 1, m->about);
  if (bind_body(s, 2, m) != SQLITE_OK) return ifl_sqlite_fail(q, err);
  sqlite3_bind_int64(s, 3, c->number);
  rc = ifl_sqlite_run(q, S_EDIT_BODY, err);
  sqlite3_clear_bindings(s);
  if (rc == 0) count(q, IFL_OUTBOX_READY, 0, m->size - b->size);
  return rc;
}

static int move(struct sqlite *q, const struct ifl_outbox_change *c, const struct before *b,
                int64_t due, iflow_error *err)
{
  const struct ifl_outbox_attempt *a = &c->attempt;
  enum ifl_outbox_state to = rules[c->action].to;
  bool attempted = c->action != IFL_OUTBOX_REQUEUE && a->ended != 0;
  int64_t attempts = b->attempts + (attempted && b->state == IFL_OUTBOX_READY);
  if (c->action == IFL_OUTBOX_RETRY && !attempted && b->state == IFL_OUTBOX_STARTED) attempts--;
  if (c->action == IFL_OUTBOX_REQUEUE) attempts = 0; /* a policy begins anew */
  sqlite3_stmt *s = q->stmts[S_MOVE];
  sqlite3_bind_int64(s, 1, ifl_clock_wall_ms());
  sqlite3_bind_int64(s, 2, attempts);
  sqlite3_bind_int(s, 3, (int)to);
  sqlite3_bind_int64(s, 4, due);
  sqlite3_bind_int(s, 5, a->status);
  ifl_sqlite_text(s, 6, a->message_id);
  ifl_sqlite_text(s, 7, a->code);
  ifl_sqlite_text(s, 8, a->text);
  sqlite3_bind_int64(s, 9, c->number);
  int rc = ifl_sqlite_run(q, S_MOVE, err);
  if (rc == 0 && a->ended != 0) rc = add_line(q, c, to, attempts, err);
  if (rc == 0 && to == IFL_OUTBOX_DELIVERED) {
    rc = ifl_sqlite_run_for(q, S_DROP_BODY, c->number, err);
    if (rc == 0 && b->file != NULL) rc = ifl_sqlite_run_for(q, S_DROP_FILE, c->number, err);
  }
  if (rc == 0) count(q, to, 1, to == IFL_OUTBOX_DELIVERED ? 0 : b->size);
  return rc == 0 && c->edited != NULL ? edit(q, c, b, err) : rc;
}

static int start(struct sqlite *q, const struct ifl_outbox_change *c, const struct before *b,
                 iflow_error *err)
{
  sqlite3_stmt *s = q->stmts[S_START];
  sqlite3_bind_int64(s, 1, ifl_clock_wall_ms());
  sqlite3_bind_int64(s, 2, b->attempts + 1);
  sqlite3_bind_int64(s, 3, c->number);
  int rc = ifl_sqlite_run(q, S_START, err);
  if (rc == 0) count(q, IFL_OUTBOX_STARTED, 1, b->size);
  return rc;
}

/* Hands the strings of `before` that are needed on to the effect. */
static int expect_effect(struct sqlite *q, const struct ifl_outbox_change *c, struct before *b,
                         int64_t due, bool gone, iflow_error *err)
{
  struct ifl_claim_sender *s = ifl_claims_sender(&q->claims, b->sender);
  struct sqlite_effect *e = s != NULL ? ifl_sqlite_effect(q, err) : NULL;
  if (e == NULL) return s != NULL ? err->code : ifl_fail_nomem(err);
  e->number = c->number;
  e->sender = (size_t)(s - q->claims.senders);
  e->due = due;
  e->unclaim = true;
  if (b->key != NULL) e->key_hash = ifl_claims_key(b->sender, b->key);
  e->key = b->key;
  b->key = NULL;
  if (!gone && c->edited == NULL) return 0;
  e->file = b->file;
  b->file = NULL;
  return 0;
}

static int apply(struct sqlite *q, const struct ifl_outbox_change *c, struct before *b,
                 iflow_error *err)
{
  int rc;
  int64_t due = 0, now = ifl_clock_wall_ms();
  bool deliver = c->action == IFL_OUTBOX_DELIVER;
  bool gone = deliver || c->action == IFL_OUTBOX_DROP;
  count(q, b->state, -1, b->state == IFL_OUTBOX_DELIVERED ? 0 : -b->size);
  if (c->action == IFL_OUTBOX_START) return start(q, c, b, err);
  if (rules[c->action].to == IFL_OUTBOX_READY) due = c->not_before > 0 ? c->not_before : now;
  if (c->action == IFL_OUTBOX_DROP || (deliver && q->retention_ms == 0))
    rc = remove_rows(q, c->number, err);
  else rc = move(q, c, b, due, err);
  return rc < 0 ? rc : expect_effect(q, c, b, due, gone, err);
}

int ifl_sqlite_change(void *db, const struct ifl_outbox_change *c, bool *changed, iflow_error *err)
{
  struct sqlite *q = db;
  struct before b = { 0 };
  int rc = look(q, c->number, &b, err);
  *changed = rc > 0 && fits(q, c, &b);
  if (*changed) rc = apply(q, c, &b, err);
  before_done(&b);
  return rc < 0 ? rc : 0;
}

/* ---- retention ------------------------------------------------------------------------------- */

/* What has been retained long enough, or is beyond the ceiling of messages, oldest first. The
 * numbers are read first: deleting while the statement walks its index would disturb it. */
static int expired(struct sqlite *q, int64_t numbers[PURGE_MAX], size_t *n, iflow_error *err)
{
  int rc;
  int64_t over = q->counts.messages[IFL_OUTBOX_DELIVERED] - q->max_messages;
  sqlite3_stmt *s = q->stmts[S_PURGE];
  sqlite3_bind_int64(s, 1, over > 0 ? INT64_MAX : ifl_clock_wall_ms() - q->retention_ms);
  sqlite3_bind_int64(s, 2, over > 0 && over < PURGE_MAX ? over : PURGE_MAX);
  while ((rc = ifl_sqlite_step(q, s, err)) > 0) numbers[(*n)++] = sqlite3_column_int64(s, 0);
  sqlite3_reset(s);
  return rc;
}

int ifl_sqlite_purge(void *db, bool *more, iflow_error *err)
{
  struct sqlite *q = db;
  int64_t numbers[PURGE_MAX];
  size_t n = 0;
  *more = false;
  int rc = expired(q, numbers, &n, err);
  if (rc < 0 || n == 0) return rc;
  rc = ifl_sqlite_begin(q, err);
  for (size_t i = 0; rc == 0 && i < n; i++) {
    rc = remove_rows(q, numbers[i], err);
    count(q, IFL_OUTBOX_DELIVERED, -1, 0);
  }
  if (rc < 0) {
    ifl_sqlite_rollback(q);
    return rc;
  }
  *more = n == PURGE_MAX; /* or fewer, beyond the ceiling: the next time */
  return ifl_sqlite_commit(q, err);
}
