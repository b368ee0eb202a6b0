/* sqlite_note.c -- short texts under a name, which the SQLite backend remembers durably: when a job
 * ran last, say. */
#include "outbox/sqlite_private.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int ifl_sqlite_write_note(void *db, const char *name, const char *text, size_t size,
                          iflow_error *err)
{
  struct sqlite *q = db;
  enum sqlite_statement which = text != NULL ? S_WRITE_NOTE : S_DROP_NOTE;
  sqlite3_stmt *s = q->stmts[which];
  ifl_sqlite_text(s, 1, name);
  if (text != NULL && sqlite3_bind_blob64(s, 2, text, size, SQLITE_STATIC) != SQLITE_OK)
    return ifl_sqlite_fail(q, err);
  int rc = ifl_sqlite_run(q, which, err);
  sqlite3_clear_bindings(s); /* they are the caller's */
  return rc;
}

int ifl_sqlite_read_note(void *db, const char *name, char **text, size_t *size, iflow_error *err)
{
  struct sqlite *q = db;
  sqlite3_stmt *s = q->stmts[S_READ_NOTE];
  char *copy = NULL;
  ifl_sqlite_text(s, 1, name);
  int rc = ifl_sqlite_step(q, s, err);
  if (rc > 0) {
    const void *value = sqlite3_column_blob(s, 0);
    *size = (size_t)sqlite3_column_bytes(s, 0);
    copy = value != NULL || *size == 0 ? malloc(*size + 1) : NULL;
    if (copy == NULL) rc = ifl_fail_nomem(err);
    else copy[*size] = '\0';
    if (copy != NULL && *size > 0) memcpy(copy, value, *size);
  }
  sqlite3_reset(s);
  sqlite3_clear_bindings(s);
  if (rc > 0) *text = copy;
  return rc < 0 ? rc : 0;
}
