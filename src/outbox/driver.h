/* driver.h -- what a backend of the outbox is: a table of functions, and the types that pass through
 * it. outbox.c calls them, all from its one thread, so a backend may block and needs no locks.
 *
 * A new backend: one file that fills a struct ifl_outbox_driver, one line in the table of outbox.c;
 * spec/unit/outbox/conformance.lua proves it. Every function must be there. Instants are
 * milliseconds since 1970. */
#ifndef IFL_OUTBOX_DRIVER_H
#define IFL_OUTBOX_DRIVER_H

#include "iflow.h"

/* The states up to IN_DOUBT are open: such a message holds back later ones with its order key.
 * Blocked is no state of its own: ready, with an earlier open message of the same key. */
enum ifl_outbox_state {
  IFL_OUTBOX_READY,
  IFL_OUTBOX_STARTED,
  IFL_OUTBOX_IN_DOUBT,
  IFL_OUTBOX_REJECTED,
  IFL_OUTBOX_DELIVERED,
  IFL_OUTBOX_STATES
};

/* What may happen to a message, from which states; from any other it changes nothing. */
enum ifl_outbox_action {
  IFL_OUTBOX_START,   /* ready -> started: durable before the first byte is sent */
  IFL_OUTBOX_DELIVER, /* open -> delivered, or gone when nothing is retained */
  IFL_OUTBOX_REJECT,  /* open -> rejected */
  IFL_OUTBOX_RETRY,   /* open -> ready at not_before */
  IFL_OUTBOX_DOUBT,   /* ready, started -> in doubt */
  IFL_OUTBOX_REQUEUE, /* by an operator: ready, in doubt, rejected -> ready, perhaps a new body */
  IFL_OUTBOX_DROP     /* by an operator: all but started -> gone */
};

#define IFL_OUTBOX_NAME_MAX    512         /* bytes of a sender, an id, an order key */
#define IFL_OUTBOX_ABOUT_MAX   (1 << 20)   /* bytes of what describes a message: headers and such */
#define IFL_OUTBOX_TEXT_MAX    2048        /* bytes of an error's text that are kept */
#define IFL_OUTBOX_NOTE_MAX    (64 * 1024) /* bytes of a note */
#define IFL_OUTBOX_LIST_MAX    1000        /* messages of one claim or one page of a list */
#define IFL_OUTBOX_HISTORY_MAX 100         /* entries that are kept of a message's history */
#define IFL_OUTBOX_SENDERS_MAX 4096
#define IFL_OUTBOX_GROUP       128 /* rows a transaction: more gain nothing */

struct ifl_outbox_options {
  const char *path;
  bool full;            /* power loss: full loses nothing, otherwise perhaps the last moments */
  int64_t max_messages; /* the ceiling; both count what is not delivered */
  int64_t max_bytes;    /* of bodies */
  int64_t inline_max;   /* larger bodies live in files beside the database */
  int64_t retention_ms; /* of delivered messages, without bodies, max_messages of them; 0: none */
  int64_t lock_wait_ms; /* how long open waits for a lock of somebody else */
};

/* All strings are NUL-terminated and owned (malloc), NULL where there is none. */
struct ifl_outbox_message {
  int64_t number; /* its place in the queue; unique, also after it is gone */
  char *sender, *id, *key;
  char *about; /* opaque here */
  char *body;
  size_t body_size;
  char *file;   /* instead of body: its name in the directory of bodies */
  int64_t size; /* of the body, wherever it is */
  enum ifl_outbox_state state;
  bool blocked, claimed;
  int64_t created, changed, not_before; /* not_before 0: at once */
  int64_t attempts;
  int status; /* what is known of the last attempt */
  char *message_id, *code, *text;
};

struct ifl_outbox_list {
  struct ifl_outbox_message *items;
  size_t n, cap;
};

/* What is said of an attempt. */
struct ifl_outbox_attempt {
  int64_t began, ended;
  int status;
  char *message_id, *code, *text;
};

struct ifl_outbox_change {
  enum ifl_outbox_action action;
  int64_t number;
  int64_t not_before;                /* RETRY, REQUEUE */
  struct ifl_outbox_attempt attempt; /* all but START and DROP; began may be 0 */
  struct ifl_outbox_message *edited; /* REQUEUE: the new body and about, or NULL; borrowed */
};

/* One line of a message's history: the state it led to, and the attempt's number. */
struct ifl_outbox_event {
  enum ifl_outbox_state state;
  int64_t attempt;
  struct ifl_outbox_attempt about;
};

struct ifl_outbox_history {
  struct ifl_outbox_event *items;
  size_t n, cap;
};

/* Bits of a filter's states: ready is here what is not blocked. */
#define IFL_OUTBOX_BIT(state) (1u << (state))
#define IFL_OUTBOX_BLOCKED    IFL_OUTBOX_BIT(IFL_OUTBOX_STATES)

struct ifl_outbox_filter {
  char *sender, *key, *id;               /* NULL: any */
  char *code;                            /* with * for any text; NULL: any */
  unsigned states;                       /* 0: any */
  int64_t number;                        /* only this one; 0: any */
  int64_t after;                         /* numbers above it: the next page */
  int64_t created_before, created_after; /* 0: any age */
  size_t limit;
  bool bodies; /* with about and body */
};

struct ifl_outbox_counts {
  int64_t messages[IFL_OUTBOX_STATES];
  int64_t bytes[IFL_OUTBOX_STATES];
  int64_t claimed;
};

/* Ages, as qshape shows them: up to 5, 10, 20 … 1280 minutes, and older. */
#define IFL_OUTBOX_AGES 10
struct ifl_outbox_stat {
  char *sender;
  int64_t messages[IFL_OUTBOX_STATES];
  int64_t ages[IFL_OUTBOX_AGES]; /* of the open ones */
  int64_t oldest;                /* when it was created; 0: there is none */
  int64_t blocked;
};

struct ifl_outbox_stats {
  struct ifl_outbox_stat *items;
  size_t n, cap;
};

struct ifl_outbox_driver {
  const char *name;

  /* Opens or creates; what was started before is in doubt now. One process at a time, unless the
   * backend keeps leases. Errors: the codes outbox.*. */
  int (*open)(void **out, const struct ifl_outbox_options *options, iflow_error *err);
  void (*close)(void *db);

  /* A transaction. After rollback nothing that happened in it holds, in memory either; a commit
   * that fails has rolled back. */
  int (*begin)(void *db, iflow_error *err);
  int (*commit)(void *db, iflow_error *err);
  void (*rollback)(void *db);

  /* In a transaction. IFLOW_EOUTBOXFULL: at the ceiling; the transaction is fine. known: the
   * sender has a message with that id, nothing was inserted. */
  int (*insert)(void *db, const struct ifl_outbox_message *m, bool *known, iflow_error *err);
  /* In a transaction; changed: whether the action fitted the state. */
  int (*change)(void *db, const struct ifl_outbox_change *c, bool *changed, iflow_error *err);

  /* In a transaction: remembers the text under the name; NULL: forgets it. */
  int (*write_note)(void *db, const char *name, const char *text, size_t size, iflow_error *err);
  /* *text: a copy for the caller, with a NUL after it; NULL when there is no such note. */
  int (*read_note)(void *db, const char *name, char **text, size_t *size, iflow_error *err);

  /* Appends up to max messages of the sender that are ready, oldest first, of each order key only
   * the head, and keeps them for the caller until a change or release. more: it stopped early,
   * call again. next: when the next one is due, 0 when none waits for a time. now: 0 for the
   * clock's. */
  int (*claim)(void *db, const char *sender, size_t max, int64_t now, struct ifl_outbox_list *out,
               bool *more, int64_t *next, iflow_error *err);
  void (*release)(void *db, int64_t number);

  int (*list)(void *db, const struct ifl_outbox_filter *f, struct ifl_outbox_list *out,
              iflow_error *err);
  int (*history)(void *db, int64_t number, struct ifl_outbox_history *out, iflow_error *err);
  int (*stats)(void *db, struct ifl_outbox_stats *out, iflow_error *err);
  void (*counts)(void *db, struct ifl_outbox_counts *out);

  /* Removes some of what has been retained long enough; more: there is more. */
  int (*purge)(void *db, bool *more, iflow_error *err);
  /* Whether the body file of that name belongs to a message. */
  int (*owns)(void *db, const char *file, bool *owned, iflow_error *err);
};

extern const struct ifl_outbox_driver ifl_outbox_sqlite;
/* The version of SQLite. */
const char *ifl_outbox_sqlite_library(void);

/* types.c: the lists above. Adding returns a zeroed item, NULL when memory is out. */
struct ifl_outbox_message *ifl_outbox_list_add(struct ifl_outbox_list *list);
struct ifl_outbox_event *ifl_outbox_history_add(struct ifl_outbox_history *h);
struct ifl_outbox_stat *ifl_outbox_stats_add(struct ifl_outbox_stats *s);
void ifl_outbox_list_done(struct ifl_outbox_list *list);
void ifl_outbox_history_done(struct ifl_outbox_history *h);
void ifl_outbox_stats_done(struct ifl_outbox_stats *s);
void ifl_outbox_message_done(struct ifl_outbox_message *m);
void ifl_outbox_change_done(struct ifl_outbox_change *c);

#endif
