/* loop_uv.h -- the inside of a loop, for the files that see libuv: loop.c, worker.c, watch.c. */
#ifndef IFL_NET_LOOP_UV_H
#define IFL_NET_LOOP_UV_H

#include "net/loop.h"

#include <uv.h>

#define IFL_SIGNALS_MAX 4

struct ifl_signal {
  uv_signal_t handle;
  void (*cb)(void *payload, int signum);
  void *payload;
  bool used;
};

struct iflow_loop {
  uv_loop_t uv;
  uv_timer_t wake;          /* ends the wait when the first timer of the heap is due */
  struct ifl_timer *timers; /* root of the pairing heap */
  struct ifl_soon soon;     /* head of a ring */
  int64_t now;
  bool unpolled; /* libuv was given something to watch that it has not shown to the kernel yet */
  struct ifl_log log;
  struct ifl_counts open;
  struct ifl_signal signals[IFL_SIGNALS_MAX];
};

#endif
