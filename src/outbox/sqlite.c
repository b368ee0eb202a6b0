/* sqlite.c -- the outbox in a SQLite database. One process owns the file, so claims are cursors in
 * memory (claims.h). What a transaction does to that memory waits in `effects` until it is
 * committed. This file opens and commits; see sqlite_private.h for the others. */
#include "outbox/sqlite_private.h"

#include "base/clock.h"
#include "base/error.h"
#include "outbox/bodies.h"
#include "outbox/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APPLICATION 0x69666c6f /* "iflo", in the file's header */
#define SCHEMA      2          /* version of the tables below */
#define EFFECTS_MAX 65536      /* changes in one transaction */

/* The bodies have a table of their own: changing a state must not write them again. */
static const char schema[] =
    "CREATE TABLE message ("
    " number INTEGER PRIMARY KEY, sender TEXT NOT NULL, id TEXT NOT NULL, order_key TEXT,"
    " state INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " due INTEGER NOT NULL, attempts INTEGER NOT NULL, size INTEGER NOT NULL, file TEXT,"
    " status INTEGER, message_id TEXT, code TEXT, error TEXT) STRICT;"
    "CREATE TABLE body (number INTEGER PRIMARY KEY, about TEXT, body BLOB) STRICT;"
    "CREATE TABLE history ("
    " number INTEGER, line INTEGER, state INTEGER NOT NULL, attempt INTEGER NOT NULL,"
    " began INTEGER, ended INTEGER NOT NULL, status INTEGER, message_id TEXT, code TEXT,"
    " error TEXT, PRIMARY KEY (number, line)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX message_id ON message (id, sender);"
    "CREATE INDEX message_ready ON message (sender, due, number) WHERE state = 0;"
    "CREATE INDEX message_key ON message (sender, order_key, number)"
    " WHERE order_key IS NOT NULL AND state <= 2;"
    "CREATE INDEX message_rest ON message (state, changed) WHERE state > 0;"
    "CREATE INDEX message_file ON message (file) WHERE file IS NOT NULL;"
    "INSERT INTO meta VALUES ('numbers', 0);"
    "PRAGMA application_id = 0x69666c6f; PRAGMA user_version = 1;";

/* What brings a file of version i + 1 to the next; a new one goes all the way. */
static const char *const upgrades[SCHEMA - 1] = {
  "CREATE TABLE note (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;"
  "PRAGMA user_version = 2;",
};

static const char *const statement_sql[] = {
#define X(name, sql) sql,
  SQLITE_STATEMENTS(X)
#undef X
};

/* ---- SQLite's errors and values -------------------------------------------------------------- */

static int code_of(int rc, int errnum)
{
  if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG) return IFLOW_EOUTBOXDISK;
  switch (rc & 0xff) {
  case SQLITE_FULL: return IFLOW_EOUTBOXDISK;
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return IFLOW_EOUTBOXLOCKED;
  case SQLITE_READONLY: return IFLOW_EOUTBOXREADONLY;
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB: return IFLOW_EOUTBOXCORRUPT;
  case SQLITE_NOMEM: return IFLOW_ENOMEM;
  case SQLITE_CANTOPEN: return errnum == EROFS ? IFLOW_EOUTBOXREADONLY : IFLOW_EACCESS;
  default: return errnum == EROFS ? IFLOW_EOUTBOXREADONLY : IFLOW_EOUTBOX;
  }
}

/* What the system said. SQLite does not keep it for a commit: then it is errno, which every step
 * sets to 0 before. */
static int system_error(struct sqlite *q, int rc)
{
  int last = errno, primary = rc & 0xff;
  if (primary != SQLITE_IOERR && primary != SQLITE_FULL && primary != SQLITE_CANTOPEN) return 0;
  int kept = sqlite3_system_errno(q->db);
  return kept != 0 ? kept : last;
}

int ifl_sqlite_fail(struct sqlite *q, iflow_error *err)
{
  int rc = sqlite3_extended_errcode(q->db), errnum = system_error(q, rc);
  int code = code_of(rc, errnum);
  ifl_fail(err, code, "outbox '%s': %s%s%s", q->path, sqlite3_errmsg(q->db),
           errnum != 0 ? ": " : "", errnum != 0 ? strerror(errnum) : "");
  if (err != NULL) err->native = rc;
  return code;
}

void ifl_sqlite_text(sqlite3_stmt *s, int i, const char *text)
{
  if (text == NULL) sqlite3_bind_null(s, i);
  else sqlite3_bind_text(s, i, text, -1, SQLITE_STATIC);
}

/* Steps a statement that gives no rows. */
int ifl_sqlite_run(struct sqlite *q, enum sqlite_statement which, iflow_error *err)
{
  sqlite3_stmt *s = q->stmts[which];
  errno = 0;
  int rc = sqlite3_step(s) == SQLITE_DONE ? 0 : ifl_sqlite_fail(q, err);
  sqlite3_reset(s);
  return rc;
}

int ifl_sqlite_run_for(struct sqlite *q, enum sqlite_statement which, int64_t number,
                       iflow_error *err)
{
  sqlite3_bind_int64(q->stmts[which], 1, number);
  return ifl_sqlite_run(q, which, err);
}

/* 1: a row, 0: no more. The caller resets. */
int ifl_sqlite_step(struct sqlite *q, sqlite3_stmt *s, iflow_error *err)
{
  errno = 0;
  int rc = sqlite3_step(s);
  return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : ifl_sqlite_fail(q, err);
}

/* A copy of the column; *missing is set when memory was out. */
char *ifl_sqlite_column(sqlite3_stmt *s, int i, bool *missing)
{
  if (sqlite3_column_type(s, i) == SQLITE_NULL) return NULL;
  const unsigned char *text = sqlite3_column_text(s, i);
  char *copy = text != NULL ? strdup((const char *)text) : NULL;
  if (copy == NULL) *missing = true;
  return copy;
}

static int exec(struct sqlite *q, const char *sql, iflow_error *err)
{
  return sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : ifl_sqlite_fail(q, err);
}

/* The one number that the statement answers; def when it has no row. */
static int ask(struct sqlite *q, const char *sql, int64_t *out, iflow_error *err)
{
  sqlite3_stmt *s = NULL;
  if (sqlite3_prepare_v2(q->db, sql, -1, &s, NULL) != SQLITE_OK) return ifl_sqlite_fail(q, err);
  int rc = ifl_sqlite_step(q, s, err);
  if (rc > 0) *out = sqlite3_column_int64(s, 0);
  sqlite3_finalize(s);
  return rc < 0 ? rc : 0;
}

/* ---- transactions ---------------------------------------------------------------------------- */

struct sqlite_effect *ifl_sqlite_effect(struct sqlite *q, iflow_error *err)
{
  if (q->neffects == q->cap_effects) {
    size_t cap = q->cap_effects > 0 ? q->cap_effects * 2 : 64;
    struct sqlite_effect *grown =
        cap <= EFFECTS_MAX ? realloc(q->effects, cap * sizeof *grown) : NULL;
    if (grown == NULL) {
      ifl_fail_nomem(err);
      return NULL;
    }
    q->effects = grown;
    q->cap_effects = cap;
  }
  struct sqlite_effect *e = &q->effects[q->neffects++];
  memset(e, 0, sizeof *e);
  return e;
}

static void drop_effects(struct sqlite *q)
{
  for (size_t i = 0; i < q->neffects; i++) {
    free(q->effects[i].key);
    free(q->effects[i].file);
  }
  q->neffects = 0;
}

/* The first open message of the key; 0: there is none, or it cannot be read just now. */
int64_t ifl_sqlite_head(struct sqlite *q, const char *sender, const char *key)
{
  sqlite3_stmt *s = q->stmts[S_HEAD];
  ifl_sqlite_text(s, 1, sender);
  ifl_sqlite_text(s, 2, key);
  int64_t head = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : 0;
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  return head;
}

static void take_effect(struct sqlite *q, const struct sqlite_effect *e)
{
  struct ifl_claim_sender *s = &q->claims.senders[e->sender];
  if (e->unclaim) ifl_claims_remove(&q->claims, e->number, e->key_hash);
  if (e->due != 0) ifl_claims_due(s, e->due);
  if (e->key != NULL) { /* its place at the head may have been taken by one that was passed */
    int64_t head = ifl_sqlite_head(q, s->name, e->key);
    if (head != 0 && head != e->number) ifl_claims_again(s, head);
  }
  if (e->file != NULL) ifl_bodies_remove(q->bodies.data, e->file);
}

int ifl_sqlite_begin(void *db, iflow_error *err)
{
  struct sqlite *q = db;
  q->counts_before = q->counts;
  q->reserved_before = q->reserved;
  return ifl_sqlite_run(q, S_BEGIN, err);
}

void ifl_sqlite_rollback(void *db)
{
  struct sqlite *q = db;
  if (!sqlite3_get_autocommit(q->db)) ifl_sqlite_run(q, S_ROLLBACK, NULL);
  q->counts = q->counts_before;
  q->reserved = q->reserved_before;
  drop_effects(q);
}

int ifl_sqlite_commit(void *db, iflow_error *err)
{
  struct sqlite *q = db;
  int rc = ifl_sqlite_run(q, S_COMMIT, err);
  if (rc < 0) {
    ifl_sqlite_rollback(q);
    return rc;
  }
  for (size_t i = 0; i < q->neffects; i++) take_effect(q, &q->effects[i]);
  drop_effects(q);
  return 0;
}

/* ---- opening --------------------------------------------------------------------------------- */

static void sqlite_close(void *db)
{
  struct sqlite *q = db;
  if (q == NULL) return;
  if (q->db != NULL && q->reserved > 0) /* closed in order: no numbers are skipped */
    ifl_sqlite_run_for(q, S_NUMBERS, q->last, NULL);
  for (int i = 0; i < S_COUNT; i++) sqlite3_finalize(q->stmts[i]);
  sqlite3_close_v2(q->db);
  drop_effects(q);
  free(q->effects);
  ifl_claims_done(&q->claims);
  ifl_buf_done(&q->bodies);
  ifl_outbox_unlock(q->lock_fd);
  free(q->path);
  free(q);
}

/* SQLite would create it readable for everybody. */
static int create_private(const char *path, iflow_error *err)
{
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EACCES || errno == EROFS || errno == EPERM))
    return ifl_fail(err, IFLOW_EOUTBOXREADONLY, "outbox '%s' cannot be written: %s", path,
                    strerror(errno));
  if (fd < 0) return ifl_outbox_errno(err, errno, "open", path);
  close(fd);
  return 0;
}

static int open_database(struct sqlite *q, const struct ifl_outbox_options *o, iflow_error *err)
{
  int rc;
  if (sqlite3_open_v2(q->path, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
      SQLITE_OK)
    return q->db == NULL ? ifl_fail_nomem(err) : ifl_sqlite_fail(q, err);
  sqlite3_extended_result_codes(q->db, 1);
  sqlite3_busy_timeout(q->db, (int)o->lock_wait_ms);
  if (sqlite3_db_readonly(q->db, "main") == 1)
    return ifl_fail(err, IFLOW_EOUTBOXREADONLY, "outbox '%s' cannot be written", q->path);
  /* The page size counts for a new file only. Checkpoints of 32 MiB cost less than many small. With
   * Debian's default for secure_delete removing a body would write all of it once more. */
  rc = exec(q,
            "PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE;"
            "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -32768;"
            "PRAGMA wal_autocheckpoint = 4096; PRAGMA journal_size_limit = 67108864;"
            "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA secure_delete = FAST;"
            "PRAGMA journal_mode = WAL",
            err);
  if (rc < 0) return rc;
  return exec(q, o->full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
}

/* All in one transaction: a file is of one version, whenever the process ends. */
static int create(struct sqlite *q, const char *tables, int64_t version, iflow_error *err)
{
  int rc = exec(q, "BEGIN IMMEDIATE", err);
  if (rc == 0) rc = exec(q, tables, err);
  for (int64_t v = version; rc == 0 && v < SCHEMA; v++) rc = exec(q, upgrades[v - 1], err);
  return rc == 0 ? exec(q, "COMMIT", err) : rc;
}

static int check_schema(struct sqlite *q, iflow_error *err)
{
  int64_t application = 0, version = 0, tables = 0;
  int rc = ask(q, "PRAGMA application_id", &application, err);
  if (rc == 0) rc = ask(q, "PRAGMA user_version", &version, err);
  if (rc == 0) rc = ask(q, "SELECT count(*) FROM sqlite_schema", &tables, err);
  if (rc < 0) return rc;
  if (application == APPLICATION && version == SCHEMA) return 0;
  if (application == APPLICATION && version >= 1 && version < SCHEMA)
    return create(q, "", version, err);
  if (application == APPLICATION)
    return ifl_fail(err, IFLOW_EOUTBOXVERSION,
                    "outbox '%s' has schema %lld, this program knows schema %d", q->path,
                    (long long)version, SCHEMA);
  if (tables > 0)
    return ifl_fail(err, IFLOW_EOUTBOXVERSION, "'%s' is a database of another program", q->path);
  return create(q, schema, 1, err);
}

static int prepare(struct sqlite *q, iflow_error *err)
{
  for (int i = 0; i < S_COUNT; i++)
    if (sqlite3_prepare_v3(q->db, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &q->stmts[i],
                           NULL) != SQLITE_OK)
      return ifl_sqlite_fail(q, err);
  return 0;
}

#define INTERRUPTED "'the process ended during the attempt'"

/* What was started when the last process ended: nobody knows what became of it. */
static int doubt_started(struct sqlite *q, iflow_error *err)
{
  const char *code = iflow_error_name(IFLOW_EOUTBOXINTERRUPTED);
  long long now = ifl_clock_wall_ms();
  char sql[1024];
  snprintf(sql, sizeof sql,
           "BEGIN IMMEDIATE;"
           "INSERT INTO history SELECT number, coalesce((SELECT max(line) FROM history h"
           "  WHERE h.number = m.number), 0) + 1, 2, attempts, changed, %lld, NULL, NULL, "
           "'%s', " INTERRUPTED " FROM message m WHERE state = 1 AND state > 0;"
           "UPDATE message SET state = 2, changed = %lld, code = '%s', status = NULL,"
           "  message_id = NULL, error = " INTERRUPTED " WHERE state = 1 AND state > 0;"
           "COMMIT",
           now, code, now, code);
  return exec(q, sql, err);
}

static int count_all(struct sqlite *q, int64_t *newest, iflow_error *err)
{
  sqlite3_stmt *s = NULL;
  int rc = 0;
  const char *sql = "SELECT state, count(*), sum(size), max(changed) FROM message GROUP BY state";
  if (sqlite3_prepare_v2(q->db, sql, -1, &s, NULL) != SQLITE_OK) return ifl_sqlite_fail(q, err);
  while ((rc = ifl_sqlite_step(q, s, err)) > 0) {
    int state = sqlite3_column_int(s, 0);
    if (state < 0 || state >= IFL_OUTBOX_STATES) continue;
    int64_t changed = sqlite3_column_int64(s, 3);
    *newest = changed > *newest ? changed : *newest;
    q->counts.messages[state] = sqlite3_column_int64(s, 1);
    if (state != IFL_OUTBOX_DELIVERED) q->counts.bytes[state] = sqlite3_column_int64(s, 2);
  }
  sqlite3_finalize(s);
  return rc;
}

static int load(struct sqlite *q, const struct ifl_outbox_options *o, iflow_error *err)
{
  int64_t highest = 0, taken = 0, newest = 0;
  int rc = open_database(q, o, err);
  if (rc == 0) rc = check_schema(q, err);
  if (rc == 0) rc = prepare(q, err);
  if (rc == 0) rc = doubt_started(q, err);
  if (rc == 0) rc = count_all(q, &newest, err);
  if (rc == 0) rc = ifl_sqlite_clock_begin(q, newest, err);
  if (rc == 0) rc = ask(q, "SELECT max(number) FROM message", &highest, err);
  if (rc == 0) rc = ask(q, "SELECT value FROM meta WHERE name = 'numbers'", &taken, err);
  q->last = q->reserved = highest > taken ? highest : taken;
  return rc;
}

static int sqlite_open(void **out, const struct ifl_outbox_options *o, iflow_error *err)
{
  struct sqlite *q = calloc(1, sizeof *q);
  if (q == NULL) return ifl_fail_nomem(err);
  q->lock_fd = -1;
  ifl_buf_init(&q->bodies, 8192);
  q->max_messages = o->max_messages;
  q->max_bytes = o->max_bytes;
  q->retention_ms = o->retention_ms;
  q->path = strdup(o->path);
  int rc = q->path == NULL ? ifl_fail_nomem(err) : 0;
  if (rc == 0) rc = ifl_outbox_lock(&q->lock_fd, o->path, o->lock_wait_ms, err);
  if (rc == 0) rc = create_private(o->path, err);
  if (rc == 0) rc = ifl_bodies_open(&q->bodies, o->path, err);
  if (rc == 0) rc = load(q, o, err);
  if (rc < 0) {
    q->reserved = 0; /* nothing to give back */
    sqlite_close(q);
    return rc;
  }
  *out = q;
  return 0;
}

const struct ifl_outbox_driver ifl_outbox_sqlite = {
  .name = "sqlite",
  .open = sqlite_open,
  .close = sqlite_close,
  .begin = ifl_sqlite_begin,
  .commit = ifl_sqlite_commit,
  .rollback = ifl_sqlite_rollback,
  .insert = ifl_sqlite_insert,
  .change = ifl_sqlite_change,
  .write_note = ifl_sqlite_write_note,
  .read_note = ifl_sqlite_read_note,
  .claim = ifl_sqlite_claim,
  .release = ifl_sqlite_release,
  .list = ifl_sqlite_list,
  .history = ifl_sqlite_history,
  .stats = ifl_sqlite_stats,
  .counts = ifl_sqlite_counts,
  .purge = ifl_sqlite_purge,
  .owns = ifl_sqlite_owns,
};

const char *ifl_outbox_sqlite_library(void)
{
  return sqlite3_libversion();
}
