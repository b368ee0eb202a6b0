/* outbox.h -- durable messages between those who accept them and those who send them. The outbox has
 * a thread of its own, on which everything that touches the disk runs; requests wait in a queue, and
 * what is written together is committed together. For the binding; driver.h is for backends. */
#ifndef IFL_OUTBOX_OUTBOX_H
#define IFL_OUTBOX_OUTBOX_H

#include "net/loop.h"
#include "outbox/driver.h"

typedef struct ifl_outbox ifl_outbox;

enum ifl_outbox_kind {
  IFL_OUTBOX_OPENED,     /* done when the outbox is open, or could not be opened */
  IFL_OUTBOX_ENQUEUE,    /* message, from, wait_ms -> known, file */
  IFL_OUTBOX_CHANGE,     /* changes (one REQUEUE: message, from) -> changed */
  IFL_OUTBOX_WRITE_NOTE, /* note, text, size; text NULL: the note goes */
  IFL_OUTBOX_READ_NOTE,  /* note -> text, size */
  IFL_OUTBOX_RELEASE,    /* changes: the numbers alone -> changed */
  IFL_OUTBOX_CLAIM,      /* sender, max, now -> list, next */
  IFL_OUTBOX_LIST,       /* filter -> list */
  IFL_OUTBOX_HISTORY,    /* filter: one message -> list, history */
  IFL_OUTBOX_STATS,      /* -> stats, counts */
  IFL_OUTBOX_COUNTS,     /* -> counts */
  IFL_OUTBOX_CLOSE       /* what is queued is done first; nothing can be submitted after it */
};

struct ifl_outbox_request {
  enum ifl_outbox_kind kind;

  /* What is asked for: filled between ifl_outbox_request_new and submit; owned by the request. */
  struct ifl_outbox_message message;
  char *from;      /* the body is a copy of this file */
  int64_t wait_ms; /* at the ceiling: how long to wait for room */
  struct ifl_outbox_change *changes;
  size_t nchanges;
  char *sender;
  size_t max;
  int64_t now; /* CLAIM: the time that counts, 0 for the clock's */
  char *note;
  struct ifl_outbox_filter filter;

  /* What came of it. */
  int rc;
  iflow_error err;
  bool known;
  size_t changed;
  char *text; /* of the note; NULL: there is none */
  size_t size;
  struct ifl_outbox_list list;
  int64_t next;
  struct ifl_outbox_history history;
  struct ifl_outbox_stats stats;
  struct ifl_outbox_counts counts;

  /* The outbox's own. */
  ifl_outbox *box;
  void (*cb)(void *payload);
  void *payload;
  struct ifl_outbox_request *next_request, **link;
  struct ifl_outbox_request *later; /* in the line of those with an order key */
  uint64_t order;                   /* 0: it has none */
  struct ifl_timer timer;
  char *dir; /* while its body is being written */
  int64_t inline_max;
  bool waiting, expired, discard, held;
};

/* Starts the thread, which opens the database of the options; submit IFL_OUTBOX_OPENED to learn
 * whether it could. backend: the name of a driver. Errors: IFLOW_EINVAL, ENOMEM, ESYSTEM. */
int ifl_outbox_new(ifl_outbox **out, iflow_loop *loop, const char *backend,
                   const struct ifl_outbox_options *options, iflow_error *err);
/* Ends what is queued, closes the database and waits for the thread; IFL_OUTBOX_CLOSE before it
 * does the same without waiting here. */
void ifl_outbox_free(ifl_outbox *box);
/* The directory of large bodies. */
const char *ifl_outbox_bodies(const ifl_outbox *box);

/* A zeroed request, NULL when memory is out. */
struct ifl_outbox_request *ifl_outbox_request_new(enum ifl_outbox_kind kind);
/* Of a request that was not submitted, or whose callback has run. */
void ifl_outbox_request_free(struct ifl_outbox_request *r);
/* Asks: cb(payload) runs once it is done, from the loop; the request stays valid for the caller, who
 * frees it. Errors: IFLOW_ECLOSED, ENOMEM; then cb never runs. */
int ifl_outbox_submit(ifl_outbox *box, struct ifl_outbox_request *r, void (*cb)(void *payload),
                      void *payload, iflow_error *err);
/* Nobody waits for a submitted request any more: its callback never runs, the outbox frees it, and
 * what it claims is released. It may still be carried out. */
void ifl_outbox_forget(struct ifl_outbox_request *r);

#endif
