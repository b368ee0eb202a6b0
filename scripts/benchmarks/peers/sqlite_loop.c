/* sqlite_loop.c -- the yardstick of outbox.enqueue: a plain loop over SQLite that stores the rows
 * that the outbox stores, with its indices, its durability (WAL, FULL) and BATCH rows a
 * transaction. Prints rows a second.
 *   sqlite_loop PATH ROWS BATCH */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char schema[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
    "CREATE TABLE message ("
    " number INTEGER PRIMARY KEY, sender TEXT NOT NULL, id TEXT NOT NULL, order_key TEXT,"
    " state INTEGER NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL,"
    " due INTEGER NOT NULL, attempts INTEGER NOT NULL, size INTEGER NOT NULL);"
    "CREATE TABLE body (number INTEGER PRIMARY KEY, body BLOB);"
    "CREATE UNIQUE INDEX message_id ON message (id, sender);"
    "CREATE INDEX message_ready ON message (sender, due, number) WHERE state = 0;";

static sqlite3 *db;

static void check(int rc)
{
  if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW) return;
  fprintf(stderr, "sqlite_loop: %s\n", sqlite3_errmsg(db));
  exit(1);
}

static sqlite3_stmt *prepare(const char *sql)
{
  sqlite3_stmt *s;

  check(sqlite3_prepare_v2(db, sql, -1, &s, NULL));
  return s;
}

static void run(sqlite3_stmt *s)
{
  check(sqlite3_step(s));
  check(sqlite3_reset(s));
}

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void store(sqlite3_stmt *message, sqlite3_stmt *body, int number, const char *text)
{
  char id[32];

  snprintf(id, sizeof(id), "%016d", number);
  sqlite3_bind_int(message, 1, number);
  sqlite3_bind_text(message, 2, id, -1, SQLITE_TRANSIENT);
  sqlite3_bind_int64(message, 3, time(NULL) * 1000LL);
  run(message);
  sqlite3_bind_int(body, 1, number);
  sqlite3_bind_blob(body, 2, text, (int)strlen(text), SQLITE_STATIC);
  run(body);
}

int main(int argc, char **argv)
{
  static char text[1025];
  sqlite3_stmt *begin, *commit, *message, *body;
  double began;

  if (argc != 4) return 2;
  memset(text, 'x', sizeof(text) - 1);
  check(sqlite3_open(argv[1], &db));
  check(sqlite3_exec(db, schema, NULL, NULL, NULL));
  begin = prepare("BEGIN");
  commit = prepare("COMMIT");
  message = prepare("INSERT INTO message VALUES (?1, 'bench', ?2, NULL, 0, ?3, ?3, ?3, 0, 1024)");
  body = prepare("INSERT INTO body VALUES (?1, ?2)");
  began = now();
  for (int i = 0, rows = atoi(argv[2]), batch = atoi(argv[3]); i < rows; i++) {
    if (i % batch == 0) run(begin);
    store(message, body, i + 1, text);
    if (i % batch == batch - 1 || i == rows - 1) run(commit);
  }
  printf("%.1f\n", atoi(argv[2]) / (now() - began));
  return 0;
}
