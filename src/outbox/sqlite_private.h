/* sqlite_private.h -- what the files of the SQLite backend share; they alone see sqlite3.
 * sqlite.c opens and commits, sqlite_change.c writes, sqlite_read.c claims and lists, sqlite_note.c
 * has the notes, sqlite_clock.c looks after a clock that is set back. */
#ifndef IFL_OUTBOX_SQLITE_PRIVATE_H
#define IFL_OUTBOX_SQLITE_PRIVATE_H

#include "base/buffer.h"
#include "outbox/claims.h"
#include "outbox/driver.h"

#include <sqlite3.h>

#define SQLITE_COLUMNS                                                                             \
  "m.number, m.sender, m.id, m.order_key, m.state, m.created, m.changed, m.due, m.attempts,"       \
  " m.size, m.file, m.status, m.message_id, m.code, m.error"
#define SQLITE_EARLIER                                                                             \
  "EXISTS (SELECT 1 FROM message e INDEXED BY message_key WHERE e.sender = m.sender"               \
  " AND e.order_key = m.order_key AND e.order_key IS NOT NULL AND e.state <= 2"                    \
  " AND e.number < m.number)"
#define SQLITE_BLOCKED "(m.state = 0 AND m.order_key IS NOT NULL AND " SQLITE_EARLIER ")"

/* Every statement, prepared when the file is opened. */
#define SQLITE_STATEMENTS(X)                                                                       \
  X(BEGIN, "BEGIN IMMEDIATE")                                                                      \
  X(COMMIT, "COMMIT")                                                                              \
  X(ROLLBACK, "ROLLBACK")                                                                          \
  X(KNOWN, "SELECT 1 FROM message WHERE id = ? AND sender = ?")                                    \
  X(INSERT,                                                                                        \
    "INSERT INTO message (number, sender, id, order_key, created, changed, due, size, file,"       \
    " state, attempts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)"                                   \
    " ON CONFLICT (id, sender) DO NOTHING")                                                        \
  X(INSERT_BODY, "INSERT INTO body VALUES (?, ?, ?)")                                              \
  X(NUMBERS, "UPDATE meta SET value = ? WHERE name = 'numbers'")                                   \
  X(LOOK, "SELECT state, sender, order_key, attempts, size, file FROM message WHERE number = ?")   \
  X(START, "UPDATE message SET state = 1, changed = ?, attempts = ? WHERE number = ?")             \
  X(MOVE, "UPDATE message SET changed = ?, attempts = ?, state = ?, due = ?, status = ?,"          \
          " message_id = ?, code = ?, error = ? WHERE number = ?")                                 \
  X(EDIT, "UPDATE message SET size = ?, file = ? WHERE number = ?")                                \
  X(EDIT_BODY, "UPDATE body SET about = ?, body = ? WHERE number = ?")                             \
  X(DROP, "DELETE FROM message WHERE number = ?")                                                  \
  X(DROP_BODY, "DELETE FROM body WHERE number = ?")                                                \
  X(DROP_FILE, "UPDATE message SET file = NULL WHERE number = ?")                                  \
  X(DROP_HISTORY, "DELETE FROM history WHERE number = ?")                                          \
  X(LINE, "INSERT INTO history SELECT ?1, coalesce(max(line), 0) + 1, ?2, ?3, ?4, ?5, ?6, ?7, ?8," \
          " ?9 FROM history WHERE number = ?1")                                                    \
  X(TRIM, "DELETE FROM history WHERE number = ?1 AND line <="                                      \
          " (SELECT max(line) - ?2 FROM history WHERE number = ?1)")                               \
  X(HISTORY, "SELECT state, attempt, began, ended, status, message_id, code, error FROM history"   \
             " WHERE number = ? ORDER BY line")                                                    \
  X(HEAD, "SELECT number FROM message INDEXED BY message_key WHERE sender = ? AND order_key = ?"   \
          " AND order_key IS NOT NULL AND state <= 2 ORDER BY number LIMIT 1")                     \
  X(LOAD, "SELECT " SQLITE_COLUMNS ", b.about, b.body FROM message m LEFT JOIN body b"             \
          " ON b.number = m.number WHERE m.number = ?")                                            \
  X(FRESH, "SELECT number FROM message INDEXED BY message_ready WHERE state = 0 AND sender = ?1"   \
           " AND due = 0 AND number > ?2 ORDER BY number LIMIT ?3")                                \
  X(DUE_SAME,                                                                                      \
    "SELECT number, due FROM message INDEXED BY message_ready WHERE state = 0 AND sender = ?1"     \
    " AND due = ?2 AND number > ?3 ORDER BY number LIMIT ?4")                                      \
  X(DUE, "SELECT number, due FROM message INDEXED BY message_ready WHERE state = 0"                \
         " AND sender = ?1 AND due > ?2 AND due <= ?3 ORDER BY due, number LIMIT ?4")              \
  X(NEXT, "SELECT min(due) FROM message INDEXED BY message_ready WHERE state = 0 AND sender = ?1"  \
          " AND due > ?2")                                                                         \
  X(PURGE, "SELECT number FROM message INDEXED BY message_rest WHERE state = 4 AND state > 0"      \
           " AND changed < ?1 ORDER BY changed LIMIT ?2")                                          \
  X(WRITE_NOTE, "INSERT INTO note VALUES (?1, ?2)"                                                 \
                " ON CONFLICT (name) DO UPDATE SET value = ?2")                                    \
  X(DROP_NOTE, "DELETE FROM note WHERE name = ?")                                                  \
  X(READ_NOTE, "SELECT value FROM note WHERE name = ?")                                            \
  X(OWNS, "SELECT 1 FROM message INDEXED BY message_file WHERE file = ? AND file IS NOT NULL")     \
  X(AGES, "SELECT sender, state, created FROM message")                                            \
  X(HELD, "SELECT sender, count(*) FROM message m WHERE " SQLITE_BLOCKED " GROUP BY sender")

enum sqlite_statement {
#define X(name, sql) S_##name,
  SQLITE_STATEMENTS(X)
#undef X
      S_COUNT
};

/* What happens to the memory and the directory once the transaction is committed. */
struct sqlite_effect {
  int64_t number, due;
  size_t sender;
  uint64_t key_hash;
  char *key, *file;
  bool unclaim;
};

struct sqlite {
  sqlite3 *db;
  sqlite3_stmt *stmts[S_COUNT];
  char *path;
  struct ifl_buf bodies;
  int lock_fd;
  int64_t max_messages, max_bytes, retention_ms;
  struct ifl_claims claims;
  struct ifl_outbox_counts counts, counts_before; /* as they are, as they were before BEGIN */
  int64_t wall, mono;                      /* what the clocks said when they were last looked at */
  int64_t last, reserved, reserved_before; /* numbers given out, and taken from the file */
  struct sqlite_effect *effects;
  size_t neffects, cap_effects;
};

/* ---- sqlite.c ---- */

/* Fills err from what SQLite says; returns the code. */
int ifl_sqlite_fail(struct sqlite *q, iflow_error *err);
void ifl_sqlite_text(sqlite3_stmt *s, int i, const char *text); /* binds; NULL: null */
/* Steps a statement that gives no rows; the second one binds the number as its first parameter. */
int ifl_sqlite_run(struct sqlite *q, enum sqlite_statement which, iflow_error *err);
int ifl_sqlite_run_for(struct sqlite *q, enum sqlite_statement which, int64_t number,
                       iflow_error *err);
/* 1: a row, 0: no more. The caller resets. */
int ifl_sqlite_step(struct sqlite *q, sqlite3_stmt *s, iflow_error *err);
/* A copy of the column, NULL for null; *missing is set when memory was out. */
char *ifl_sqlite_column(sqlite3_stmt *s, int i, bool *missing);
/* A zeroed effect of the transaction; NULL with err filled when memory is out. */
struct sqlite_effect *ifl_sqlite_effect(struct sqlite *q, iflow_error *err);
/* The first open message of the key; 0: there is none, or it cannot be read just now. */
int64_t ifl_sqlite_head(struct sqlite *q, const char *sender, const char *key);
int ifl_sqlite_begin(void *db, iflow_error *err);

/* ---- sqlite_clock.c: outside of a transaction ---- */

/* When the file is opened; newest: the latest time at which a message has changed, 0: none. */
int ifl_sqlite_clock_begin(struct sqlite *q, int64_t newest, iflow_error *err);
/* Now and then. */
int ifl_sqlite_clock_look(struct sqlite *q, iflow_error *err);

/* ---- sqlite.c again ---- */

int ifl_sqlite_commit(void *db, iflow_error *err);
void ifl_sqlite_rollback(void *db);

/* ---- sqlite_change.c ---- */

int ifl_sqlite_insert(void *db, const struct ifl_outbox_message *m, bool *known, iflow_error *err);
int ifl_sqlite_change(void *db, const struct ifl_outbox_change *c, bool *changed, iflow_error *err);
int ifl_sqlite_purge(void *db, bool *more, iflow_error *err);

/* ---- sqlite_note.c ---- */

int ifl_sqlite_write_note(void *db, const char *name, const char *text, size_t size,
                          iflow_error *err);
int ifl_sqlite_read_note(void *db, const char *name, char **text, size_t *size, iflow_error *err);

/* ---- sqlite_read.c ---- */

int ifl_sqlite_claim(void *db, const char *sender, size_t max, int64_t now,
                     struct ifl_outbox_list *out, bool *more, int64_t *next, iflow_error *err);
void ifl_sqlite_release(void *db, int64_t number);
int ifl_sqlite_list(void *db, const struct ifl_outbox_filter *f, struct ifl_outbox_list *out,
                    iflow_error *err);
int ifl_sqlite_history(void *db, int64_t number, struct ifl_outbox_history *out, iflow_error *err);
int ifl_sqlite_stats(void *db, struct ifl_outbox_stats *out, iflow_error *err);
void ifl_sqlite_counts(void *db, struct ifl_outbox_counts *out);
int ifl_sqlite_owns(void *db, const char *file, bool *owned, iflow_error *err);

#endif
