/* loop.h -- the event loop: turns, timers, polled descriptors, deferred calls, work on threads.
 * loop.c, worker.c and watch.c are the only files that see libuv. One loop a Lua state, one
 * thread. Callbacks run from ifl_loop_turn only, never inside the function that started them. */
#ifndef IFL_NET_LOOP_H
#define IFL_NET_LOOP_H

#include "base/log.h"
#include "iflow.h"

typedef struct iflow_loop iflow_loop;

/* Caller: iflow_loop_free, after everything that lives on the loop was freed. */
int iflow_loop_new(iflow_loop **out, iflow_error *err);
void iflow_loop_free(iflow_loop *loop);

/* One turn: deferred calls, timers that are due, I/O. Waits at most max_wait_ms for something to
 * happen (0: does not wait, -1: as long as it takes). */
void ifl_loop_turn(iflow_loop *loop, int64_t max_wait_ms);
/* Milliseconds of the monotonic clock, read once a turn. */
int64_t ifl_loop_now(const iflow_loop *loop);
struct ifl_log *ifl_loop_log(iflow_loop *loop);

/* For embedding into a foreign loop: a descriptor that is readable when a turn is due, and the
 * milliseconds after which one is due anyhow (-1: none is). The descriptor knows only what a turn
 * has shown to the kernel, so until that has happened a turn is due at once (0). */
int ifl_loop_fd(const iflow_loop *loop);
int64_t ifl_loop_next_ms(const iflow_loop *loop);

/* What is open, for the leak check after every spec. */
struct ifl_counts {
  size_t operations, sockets, timers;
};
struct ifl_counts ifl_loop_counts(const iflow_loop *loop);
/* Started and ended operations (exchanges, token fetches, calls, work) tell the loop. */
void ifl_loop_op_begin(iflow_loop *loop);
void ifl_loop_op_end(iflow_loop *loop);

/* A one-shot timer, embedded in its owner and zeroed once. Starting and stopping cannot fail;
 * starting a running timer moves it. An owner must stop it before it frees itself. */
struct ifl_timer {
  int64_t due;
  void (*cb)(void *payload);
  void *payload;
  iflow_loop *loop;
  struct ifl_timer *child, *next, *prev; /* a pairing heap: nothing to allocate */
  bool running;
  bool background; /* set once by the owner: housekeeping, not counted as open */
};
void ifl_timer_start(iflow_loop *loop, struct ifl_timer *t, int64_t after_ms,
                     void (*cb)(void *payload), void *payload);
void ifl_timer_stop(struct ifl_timer *t);

/* A call at the start of the next turn, embedded and zeroed like a timer. Scheduling it twice
 * before it ran is one call. */
struct ifl_soon {
  void (*cb)(void *payload);
  void *payload;
  iflow_loop *loop;
  struct ifl_soon *next, *prev;
  bool queued;
};
void ifl_soon(iflow_loop *loop, struct ifl_soon *s, void (*cb)(void *payload), void *payload);
void ifl_soon_cancel(struct ifl_soon *s);

/* A watched descriptor, which stays the caller's. Events: IFL_READABLE | IFL_WRITABLE. The watch
 * ends at once with ifl_poll_free; do that before the descriptor is closed. */
#define IFL_READABLE 1
#define IFL_WRITABLE 2
typedef struct ifl_poll ifl_poll;
int ifl_poll_new(ifl_poll **out, iflow_loop *loop, int fd, void (*cb)(void *payload, int events),
                 void *payload, iflow_error *err);
void ifl_poll_set(ifl_poll *p, int events); /* 0: none, keeps the watch */
void ifl_poll_free(ifl_poll *p);
/* An idle watch (a pooled connection that nobody uses) is no open work: it is not counted. */
void ifl_poll_set_idle(ifl_poll *p, bool idle);

/* Blocking work: run(payload) on a thread, then done(payload) on the loop, exactly once. It cannot
 * be interrupted: payload must live until done. iflow_loop_free waits for it. Errors: IFLOW_ENOMEM;
 * then neither runs. (worker.c) */
int ifl_work(iflow_loop *loop, void (*run)(void *payload), void (*done)(void *payload),
             void *payload, iflow_error *err);

/* Signals, for the host only: the module never installs a handler. NULL cb removes it. */
int ifl_loop_signal(iflow_loop *loop, int signum, void (*cb)(void *payload, int signum),
                    void *payload, iflow_error *err);

/* The version of libuv. */
const char *ifl_loop_library(void);

#endif
