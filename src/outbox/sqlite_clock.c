/* sqlite_clock.c -- due times are of the wall clock, since they outlast the process. When that clock
 * is set back, what waits for its next attempt would wait for so much longer: then these times are
 * set back, too. What a person or a script asked for by the clock (not_before of a message that
 * nothing has happened to) stays. */
#include "outbox/sqlite_private.h"

#include "base/clock.h"

#include <stdio.h>

#define NOTABLE 5000 /* ms; less is what NTP and the resolution of the clocks do */

static int set_back(struct sqlite *q, int64_t now, int64_t by, iflow_error *err)
{
  char sql[512];
  snprintf(sql, sizeof sql,
           "BEGIN IMMEDIATE;"
           "UPDATE message SET due = max(1, due - %lld) WHERE state = 0 AND due > %lld"
           "  AND (attempts > 0 OR changed <> created);"
           "UPDATE message SET changed = %lld WHERE changed > %lld;"
           "COMMIT",
           (long long)by, (long long)now, (long long)now, (long long)now);
  if (sqlite3_exec(q->db, sql, NULL, NULL, NULL) == SQLITE_OK) return 0;
  int rc = ifl_sqlite_fail(q, err);
  if (!sqlite3_get_autocommit(q->db)) ifl_sqlite_run(q, S_ROLLBACK, NULL);
  return rc;
}

int ifl_sqlite_clock_begin(struct sqlite *q, int64_t newest, iflow_error *err)
{
  int64_t now = ifl_clock_wall_ms();
  q->wall = now;
  q->mono = ifl_clock_mono_ms();
  return newest - now > NOTABLE ? set_back(q, now, newest - now, err) : 0;
}

int ifl_sqlite_clock_look(struct sqlite *q, iflow_error *err)
{
  int64_t now = ifl_clock_wall_ms(), mono = ifl_clock_mono_ms();
  int64_t by = q->wall + (mono - q->mono) - now;
  if (by > NOTABLE) {
    int rc = set_back(q, now, by, err);
    if (rc < 0) return rc;
    for (size_t i = 0; i < q->claims.nsenders; i++) ifl_claims_due(&q->claims.senders[i], 1);
  }
  q->wall = now;
  q->mono = mono;
  return 0;
}
