/* sqlite_read.c -- claims, lists, histories and statistics: the reading half of the SQLite backend. */
#include "outbox/sqlite_private.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define SCAN_MAX    1000               /* rows one claim looks at before others get their turn */
#define SQLITE_BODY 15                 /* the column behind SQLITE_COLUMNS: about, then the body */
#define CLAIM_BYTES (64 * 1024 * 1024) /* of bodies in one answer */

/* ---- a message of a row ---------------------------------------------------------------------- */

static int read_body(sqlite3_stmt *s, int i, struct ifl_outbox_message *m, bool *missing)
{
  m->about = ifl_sqlite_column(s, i, missing);
  if (sqlite3_column_type(s, i + 1) == SQLITE_NULL) return 0;
  const void *body = sqlite3_column_blob(s, i + 1);
  m->body_size = (size_t)sqlite3_column_bytes(s, i + 1);
  m->body = malloc(m->body_size + 1);
  if (m->body == NULL || (body == NULL && m->body_size > 0)) {
    *missing = true;
    return 0;
  }
  if (m->body_size > 0) memcpy(m->body, body, m->body_size);
  m->body[m->body_size] = '\0';
  return 0;
}

/* The columns of SQLITE_COLUMNS, and with `bodies` about and body after them. */
static int read_message(sqlite3_stmt *s, bool bodies, struct ifl_outbox_list *out, iflow_error *err)
{
  struct ifl_outbox_message *m = ifl_outbox_list_add(out);
  bool missing = false;
  if (m == NULL) return ifl_fail_nomem(err);
  m->number = sqlite3_column_int64(s, 0);
  m->sender = ifl_sqlite_column(s, 1, &missing);
  m->id = ifl_sqlite_column(s, 2, &missing);
  m->key = ifl_sqlite_column(s, 3, &missing);
  int state = sqlite3_column_int(s, 4);
  m->state = (enum ifl_outbox_state)state;
  m->created = sqlite3_column_int64(s, 5);
  m->changed = sqlite3_column_int64(s, 6);
  m->not_before = sqlite3_column_int64(s, 7);
  m->attempts = sqlite3_column_int64(s, 8);
  m->size = sqlite3_column_int64(s, 9);
  m->file = ifl_sqlite_column(s, 10, &missing);
  m->status = sqlite3_column_int(s, 11);
  m->message_id = ifl_sqlite_column(s, 12, &missing);
  m->code = ifl_sqlite_column(s, 13, &missing);
  m->text = ifl_sqlite_column(s, 14, &missing);
  if (bodies) read_body(s, SQLITE_BODY, m, &missing);
  if (missing) return ifl_fail_nomem(err);
  if (state < 0 || state >= IFL_OUTBOX_STATES || m->sender == NULL || m->id == NULL)
    return ifl_fail(err, IFLOW_EOUTBOXCORRUPT, "message %lld of the outbox is damaged",
                    (long long)m->number);
  return 0;
}

/* ---- claims ---------------------------------------------------------------------------------- */

struct claim {
  struct sqlite *q;
  struct ifl_claim_sender *sender;
  struct ifl_outbox_list *out;
  size_t max, seen;
  int64_t now, bytes;
};

static bool enough(const struct claim *c)
{
  return c->out->n >= c->max || c->seen >= SCAN_MAX || c->bytes >= CLAIM_BYTES;
}

static void drop_last(struct claim *c)
{
  ifl_outbox_message_done(&c->out->items[--c->out->n]);
}

/* Whether the message, the last of the list, may go now. */
static bool may_go(struct claim *c, const struct ifl_outbox_message *m)
{
  if (m->state != IFL_OUTBOX_READY || strcmp(m->sender, c->sender->name) != 0) return false;
  if (m->not_before > c->now) {
    ifl_claims_due(c->sender, m->not_before);
    return false;
  }
  if (m->key == NULL) return true;
  if (ifl_set_has(&c->q->claims.keys, ifl_claims_key(m->sender, m->key))) return false;
  return ifl_sqlite_head(c->q, m->sender, m->key) == m->number;
}

/* 1: the message may go and is the last of the list; 0: it may not. Bodies of those that may not
 * are not read, since they may be very many. */
static int load_if(struct claim *c, sqlite3_stmt *s, iflow_error *err)
{
  size_t before = c->out->n;
  bool missing = false;
  int rc = ifl_sqlite_step(c->q, s, err);
  if (rc > 0) rc = read_message(s, false, c->out, err);
  if (c->out->n == before) return rc;
  struct ifl_outbox_message *m = &c->out->items[before];
  if (rc == 0 && may_go(c, m)) {
    read_body(s, SQLITE_BODY, m, &missing);
    if (!missing) return 1;
    rc = ifl_fail_nomem(err);
  }
  drop_last(c);
  return rc;
}

/* Claims the message if it may go; a passed one comes back with `again` when its key is free. */
static int consider(struct claim *c, int64_t number, iflow_error *err)
{
  c->seen++;
  if (ifl_set_has(&c->q->claims.numbers, (uint64_t)number)) return 0;
  sqlite3_stmt *s = c->q->stmts[S_LOAD];
  sqlite3_bind_int64(s, 1, number);
  int rc = load_if(c, s, err);
  sqlite3_reset(s);
  if (rc <= 0) return rc;
  struct ifl_outbox_message *m = &c->out->items[c->out->n - 1];
  uint64_t hash = m->key != NULL ? ifl_claims_key(m->sender, m->key) : 0;
  if (!ifl_claims_add(&c->q->claims, number, hash)) {
    drop_last(c);
    return ifl_fail_nomem(err);
  }
  m->claimed = true;
  c->bytes += (int64_t)m->body_size;
  return 0;
}

static int claim_again(struct claim *c, iflow_error *err)
{
  int rc = 0;
  while (rc == 0 && !enough(c) && c->sender->nagain > 0) {
    int64_t number = ifl_claims_next(c->sender);
    rc = consider(c, number, err);
    if (rc < 0) ifl_claims_again(c->sender, number);
  }
  return rc;
}

static int claim_rows(struct claim *c, sqlite3_stmt *s, iflow_error *err)
{
  int rc = 1;
  while (!enough(c) && (rc = ifl_sqlite_step(c->q, s, err)) > 0) {
    int64_t number = sqlite3_column_int64(s, 0), due = sqlite3_column_int64(s, 1);
    rc = consider(c, number, err);
    if (rc < 0) break;
    c->sender->due = due;
    c->sender->due_number = number;
  }
  sqlite3_reset(s);
  return rc < 0 ? rc : 0;
}

/* Two statements, since SQLite would not seek by both columns at once. */
static int claim_due(struct claim *c, iflow_error *err)
{
  int rc = 0;
  sqlite3_stmt *s = c->q->stmts[S_DUE_SAME];
  if (c->sender->due > 0) {
    ifl_sqlite_text(s, 1, c->sender->name);
    sqlite3_bind_int64(s, 2, c->sender->due);
    sqlite3_bind_int64(s, 3, c->sender->due_number);
    sqlite3_bind_int(s, 4, SCAN_MAX);
    rc = claim_rows(c, s, err);
  }
  if (rc < 0 || enough(c)) return rc;
  s = c->q->stmts[S_DUE];
  ifl_sqlite_text(s, 1, c->sender->name);
  sqlite3_bind_int64(s, 2, c->sender->due);
  sqlite3_bind_int64(s, 3, c->now);
  sqlite3_bind_int(s, 4, SCAN_MAX);
  return claim_rows(c, s, err);
}

static int claim_fresh(struct claim *c, iflow_error *err)
{
  sqlite3_stmt *s = c->q->stmts[S_FRESH];
  ifl_sqlite_text(s, 1, c->sender->name);
  sqlite3_bind_int64(s, 2, c->sender->fresh);
  sqlite3_bind_int64(s, 3, SCAN_MAX);
  int rc = 1;
  while (!enough(c) && (rc = ifl_sqlite_step(c->q, s, err)) > 0) {
    int64_t number = sqlite3_column_int64(s, 0);
    rc = consider(c, number, err);
    if (rc < 0) break;
    c->sender->fresh = number;
  }
  sqlite3_reset(s);
  return rc < 0 ? rc : 0;
}

static int next_due(struct claim *c, int64_t *next, iflow_error *err)
{
  sqlite3_stmt *s = c->q->stmts[S_NEXT];
  ifl_sqlite_text(s, 1, c->sender->name);
  sqlite3_bind_int64(s, 2, c->now);
  int rc = ifl_sqlite_step(c->q, s, err);
  if (rc > 0) *next = sqlite3_column_int64(s, 0); /* null: 0 */
  sqlite3_reset(s);
  return rc < 0 ? rc : 0;
}

/* Nobody will get them: they are as before. */
static void give_back(struct claim *c, size_t from)
{
  while (c->out->n > from) {
    struct ifl_outbox_message *m = &c->out->items[c->out->n - 1];
    uint64_t hash = m->key != NULL ? ifl_claims_key(m->sender, m->key) : 0;
    ifl_claims_remove(&c->q->claims, m->number, hash);
    ifl_claims_again(c->sender, m->number);
    drop_last(c);
  }
}

int ifl_sqlite_claim(void *db, const char *sender, size_t max, int64_t now,
                     struct ifl_outbox_list *out, bool *more, int64_t *next, iflow_error *err)
{
  struct sqlite *q = db;
  struct claim c = {
    .q = q, .out = out, .max = out->n + max, .now = now > 0 ? now : ifl_clock_wall_ms()
  };
  size_t from = out->n;
  *more = false;
  *next = 0;
  c.sender = ifl_claims_sender(&q->claims, sender);
  if (c.sender == NULL && q->claims.nsenders == IFL_OUTBOX_SENDERS_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d senders in one outbox",
                    IFL_OUTBOX_SENDERS_MAX);
  if (c.sender == NULL) return ifl_fail_nomem(err);
  int rc = ifl_sqlite_clock_look(q, err);
  if (rc == 0) rc = claim_again(&c, err);
  if (rc == 0) rc = claim_due(&c, err);
  if (rc == 0) rc = claim_fresh(&c, err);
  if (rc == 0 && c.seen >= SCAN_MAX && out->n == from) *more = true;
  else if (rc == 0 && !enough(&c)) rc = next_due(&c, next, err);
  if (rc < 0) give_back(&c, from);
  return rc;
}

void ifl_sqlite_release(void *db, int64_t number)
{
  struct sqlite *q = db;
  bool missing = false;
  sqlite3_stmt *s = q->stmts[S_LOOK];
  if (!ifl_set_has(&q->claims.numbers, (uint64_t)number)) return;
  sqlite3_bind_int64(s, 1, number);
  if (ifl_sqlite_step(q, s, NULL) > 0) {
    char *name = ifl_sqlite_column(s, 1, &missing), *key = ifl_sqlite_column(s, 2, &missing);
    struct ifl_claim_sender *sender = name != NULL ? ifl_claims_sender(&q->claims, name) : NULL;
    if (sender != NULL && !missing) {
      ifl_claims_remove(&q->claims, number, key != NULL ? ifl_claims_key(name, key) : 0);
      ifl_claims_again(sender, number);
    }
    free(name);
    free(key);
  }
  sqlite3_reset(s);
}

/* ---- lists ----------------------------------------------------------------------------------- */

#define REST_MAX 5000 /* messages that are sorted for each page, rather than all rows looked at */

/* The index by state finds few messages among many; walking by number needs no sorting. */
static const char *list_index(const struct sqlite *q, const struct ifl_outbox_filter *f)
{
  int64_t n = 0;
  if (f->id != NULL) return "";
  if (f->states == 0 || (f->states & (IFL_OUTBOX_BIT(IFL_OUTBOX_READY) | IFL_OUTBOX_BLOCKED)) != 0)
    return " NOT INDEXED";
  for (int i = 0; i < IFL_OUTBOX_STATES; i++)
    if ((f->states & IFL_OUTBOX_BIT(i)) != 0) n += q->counts.messages[i];
  return n <= REST_MAX ? " INDEXED BY message_rest" : " NOT INDEXED";
}

static int list_states(struct ifl_buf *sql, unsigned states, iflow_error *err)
{
  bool ready = (states & IFL_OUTBOX_BIT(IFL_OUTBOX_READY)) != 0;
  bool blocked = (states & IFL_OUTBOX_BLOCKED) != 0;
  unsigned rest = states & (IFL_OUTBOX_BLOCKED - 1) & ~IFL_OUTBOX_BIT(IFL_OUTBOX_READY);
  const char *wait = ready && blocked ? "m.state = 0"
                     : blocked        ? SQLITE_BLOCKED
                     : ready          ? "(m.state = 0 AND NOT " SQLITE_BLOCKED ")"
                                      : NULL;
  if (states == 0) return 0;
  int rc = ifl_buf_addf(sql, err, " AND (%s%s", wait != NULL ? wait : "",
                        wait != NULL && rest != 0 ? " OR " : "");
  /* -1 is none: the others follow it with a comma. */
  if (rc == 0 && rest != 0) rc = ifl_buf_adds(sql, "m.state IN (-1", err);
  for (int i = 0; rc == 0 && i < IFL_OUTBOX_STATES; i++)
    if ((rest & IFL_OUTBOX_BIT(i)) != 0) rc = ifl_buf_addf(sql, err, ", %d", i);
  if (rc == 0) rc = ifl_buf_adds(sql, rest != 0 ? "))" : ")", err);
  return rc == 0 && wait == NULL ? ifl_buf_adds(sql, " AND m.state > 0", err) : rc;
}

static int list_sql(struct ifl_buf *sql, const struct sqlite *q, const struct ifl_outbox_filter *f,
                    iflow_error *err)
{
  int rc = ifl_buf_addf(sql, err,
                        "SELECT " SQLITE_COLUMNS "%s, " SQLITE_BLOCKED " FROM message m%s%s"
                        " WHERE m.number > %lld",
                        f->bodies ? ", b.about, b.body" : "", list_index(q, f),
                        f->bodies ? " LEFT JOIN body b ON b.number = m.number" : "",
                        (long long)f->after);
  if (rc == 0 && f->number != 0)
    rc = ifl_buf_addf(sql, err, " AND m.number = %lld", (long long)f->number);
  if (rc == 0) rc = list_states(sql, f->states, err);
  if (rc == 0 && f->created_before != 0)
    rc = ifl_buf_addf(sql, err, " AND m.created < %lld", (long long)f->created_before);
  if (rc == 0 && f->created_after != 0)
    rc = ifl_buf_addf(sql, err, " AND m.created > %lld", (long long)f->created_after);
  if (rc == 0 && f->id != NULL) rc = ifl_buf_adds(sql, " AND m.id = :id", err);
  if (rc == 0 && f->sender != NULL) rc = ifl_buf_adds(sql, " AND m.sender = :sender", err);
  if (rc == 0 && f->key != NULL) rc = ifl_buf_adds(sql, " AND m.order_key = :key", err);
  if (rc == 0 && f->code != NULL) rc = ifl_buf_adds(sql, " AND m.code GLOB :code", err);
  return rc < 0 ? rc : ifl_buf_addf(sql, err, " ORDER BY m.number LIMIT %zu", f->limit);
}

/* Of the signs that mean something to GLOB only the star does so here. */
static int code_glob(struct ifl_buf *glob, const char *code, iflow_error *err)
{
  int rc = 0;
  for (const char *c = code; rc == 0 && code != NULL && *c != '\0'; c++)
    rc = ifl_buf_addf(glob, err, *c == '?' || *c == '[' ? "[%c]" : "%c", *c);
  return rc;
}

static void bind_named(sqlite3_stmt *s, const char *name, const char *value)
{
  int i = sqlite3_bind_parameter_index(s, name);
  if (i > 0) ifl_sqlite_text(s, i, value);
}

static int read_list(struct sqlite *q, sqlite3_stmt *s, const struct ifl_outbox_filter *f,
                     struct ifl_outbox_list *out, iflow_error *err)
{
  int rc, blocked = sqlite3_column_count(s) - 1;
  int64_t bytes = 0;
  while (bytes < CLAIM_BYTES && (rc = ifl_sqlite_step(q, s, err)) > 0) {
    rc = read_message(s, f->bodies, out, err);
    if (rc < 0) return rc;
    struct ifl_outbox_message *m = &out->items[out->n - 1];
    m->blocked = sqlite3_column_int(s, blocked) != 0;
    m->claimed = ifl_set_has(&q->claims.numbers, (uint64_t)m->number);
    bytes += (int64_t)m->body_size;
  }
  return bytes < CLAIM_BYTES ? rc : 0;
}

int ifl_sqlite_list(void *db, const struct ifl_outbox_filter *f, struct ifl_outbox_list *out,
                    iflow_error *err)
{
  struct sqlite *q = db;
  struct ifl_buf sql = IFL_BUF_INIT(4096), glob = IFL_BUF_INIT(4 * IFL_OUTBOX_NAME_MAX);
  sqlite3_stmt *s = NULL;
  int rc = list_sql(&sql, q, f, err);
  if (rc == 0) rc = code_glob(&glob, f->code, err);
  if (rc == 0 && sqlite3_prepare_v2(q->db, sql.data, -1, &s, NULL) != SQLITE_OK)
    rc = ifl_sqlite_fail(q, err);
  if (rc == 0) {
    bind_named(s, ":id", f->id);
    bind_named(s, ":sender", f->sender);
    bind_named(s, ":key", f->key);
    bind_named(s, ":code", glob.data);
    rc = read_list(q, s, f, out, err);
  }
  sqlite3_finalize(s);
  ifl_buf_done(&glob);
  ifl_buf_done(&sql);
  return rc;
}

int ifl_sqlite_history(void *db, int64_t number, struct ifl_outbox_history *out, iflow_error *err)
{
  struct sqlite *q = db;
  bool missing = false;
  sqlite3_stmt *s = q->stmts[S_HISTORY];
  sqlite3_bind_int64(s, 1, number);
  int rc;
  while ((rc = ifl_sqlite_step(q, s, err)) > 0) {
    struct ifl_outbox_event *e = ifl_outbox_history_add(out);
    if (e == NULL || missing) {
      rc = ifl_fail_nomem(err);
      break;
    }
    e->state = (enum ifl_outbox_state)(sqlite3_column_int(s, 0) % IFL_OUTBOX_STATES);
    e->attempt = sqlite3_column_int64(s, 1);
    e->about.began = sqlite3_column_int64(s, 2);
    e->about.ended = sqlite3_column_int64(s, 3);
    e->about.status = sqlite3_column_int(s, 4);
    e->about.message_id = ifl_sqlite_column(s, 5, &missing);
    e->about.code = ifl_sqlite_column(s, 6, &missing);
    e->about.text = ifl_sqlite_column(s, 7, &missing);
  }
  sqlite3_reset(s);
  return rc;
}

/* ---- statistics ------------------------------------------------------------------------------ */

/* The sender's entry, made when it is new; *last is where the previous one was. */
static struct ifl_outbox_stat *stat_of(struct ifl_outbox_stats *out, const char *sender,
                                       size_t *last)
{
  if (*last < out->n && strcmp(out->items[*last].sender, sender) == 0) return &out->items[*last];
  for (*last = 0; *last < out->n; (*last)++)
    if (strcmp(out->items[*last].sender, sender) == 0) return &out->items[*last];
  char *name = strdup(sender);
  struct ifl_outbox_stat *stat = name != NULL ? ifl_outbox_stats_add(out) : NULL;
  if (stat == NULL) free(name);
  else stat->sender = name;
  return stat;
}

static void count_age(struct ifl_outbox_stat *stat, int64_t created, int64_t now)
{
  int slot = 0;
  for (int64_t limit = 5 * 60000; slot < IFL_OUTBOX_AGES - 1 && now - created > limit; limit *= 2)
    slot++;
  stat->ages[slot]++;
  if (stat->oldest == 0 || created < stat->oldest) stat->oldest = created;
}

static int read_ages(struct sqlite *q, struct ifl_outbox_stats *out, iflow_error *err)
{
  int rc;
  size_t last = 0;
  int64_t now = ifl_clock_wall_ms();
  sqlite3_stmt *s = q->stmts[S_AGES];
  while ((rc = ifl_sqlite_step(q, s, err)) > 0) {
    const unsigned char *sender = sqlite3_column_text(s, 0);
    struct ifl_outbox_stat *stat =
        sender != NULL ? stat_of(out, (const char *)sender, &last) : NULL;
    if (stat == NULL) {
      rc = ifl_fail_nomem(err);
      break;
    }
    int state = sqlite3_column_int(s, 1);
    if (state < 0 || state >= IFL_OUTBOX_STATES) continue;
    stat->messages[state]++;
    if (state <= IFL_OUTBOX_IN_DOUBT) count_age(stat, sqlite3_column_int64(s, 2), now);
  }
  sqlite3_reset(s);
  return rc;
}

int ifl_sqlite_stats(void *db, struct ifl_outbox_stats *out, iflow_error *err)
{
  struct sqlite *q = db;
  size_t last = 0;
  int rc = read_ages(q, out, err);
  if (rc < 0) return rc;
  sqlite3_stmt *s = q->stmts[S_HELD];
  while ((rc = ifl_sqlite_step(q, s, err)) > 0) {
    const unsigned char *sender = sqlite3_column_text(s, 0);
    struct ifl_outbox_stat *stat =
        sender != NULL ? stat_of(out, (const char *)sender, &last) : NULL;
    if (stat != NULL) stat->blocked = sqlite3_column_int64(s, 1);
  }
  sqlite3_reset(s);
  return rc;
}

void ifl_sqlite_counts(void *db, struct ifl_outbox_counts *out)
{
  struct sqlite *q = db;
  *out = q->counts;
  out->claimed = (int64_t)q->claims.numbers.n;
}

int ifl_sqlite_owns(void *db, const char *file, bool *owned, iflow_error *err)
{
  struct sqlite *q = db;
  sqlite3_stmt *s = q->stmts[S_OWNS];
  ifl_sqlite_text(s, 1, file);
  int rc = ifl_sqlite_step(q, s, err);
  sqlite3_reset(s);
  *owned = rc > 0;
  return rc < 0 ? rc : 0;
}
