/* outbox_private.h -- an outbox, for its two sides: outbox.c on the loop, thread.c on its thread. */
#ifndef IFL_OUTBOX_OUTBOX_PRIVATE_H
#define IFL_OUTBOX_OUTBOX_PRIVATE_H

#include "base/buffer.h"
#include "outbox/queue.h"

#include <pthread.h>

struct ifl_outbox {
  /* The loop's side. */
  iflow_loop *loop;
  ifl_poll *poll;
  struct ifl_soon soon;
  struct ifl_queue fresh; /* submitted in this turn, not handed over yet */
  size_t nfresh;
  struct ifl_queue waiting;        /* enqueues that found the outbox full */
  struct ifl_queue storing;        /* their large body is being written; linked both ways */
  struct ifl_outbox_request *line; /* unfinished enqueues with an order key, in their order */
  size_t unfinished, held;         /* held: in the line behind one with their key */
  bool closing;
  struct ifl_outbox_request *close; /* answered when the thread has ended */
  /* Constant while the thread runs. */
  const struct ifl_outbox_driver *driver;
  struct ifl_outbox_options options;
  char *path;
  struct ifl_buf bodies;
  int event;
  pthread_t thread;
  /* Between the two. */
  pthread_mutex_t mutex;
  pthread_cond_t wake;
  struct ifl_queue writes, reads, done;
  bool more; /* the turn that handed some over early goes on */
  bool stop, ended;
  /* The thread's side. */
  void *db;
  int open_rc;
  iflow_error open_err;
  int64_t purge_at;
};

/* What the thread runs: opens the database, serves the queues until `stop`, closes it. */
void *ifl_outbox_thread(void *box);

#endif
