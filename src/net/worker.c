/* worker.c -- blocking calls (disk, key generation, PBKDF2) on libuv's threads. */
#include "net/loop_uv.h"

#include "base/error.h"

#include <stdlib.h>

struct work {
  uv_work_t req; /* first: its address is the box's */
  iflow_loop *loop;
  void (*run)(void *payload);
  void (*done)(void *payload);
  void *payload;
};

static void on_thread(uv_work_t *req)
{
  struct work *w = req->data;
  w->run(w->payload);
}

static void on_done(uv_work_t *req, int status)
{
  struct work *w = req->data;
  (void)status; /* never cancelled: uv_cancel is not used */
  ifl_loop_op_end(w->loop);
  w->done(w->payload);
  free(w);
}

int ifl_work(iflow_loop *loop, void (*run)(void *payload), void (*done)(void *payload),
             void *payload, iflow_error *err)
{
  struct work *w = calloc(1, sizeof *w);
  if (w == NULL) return ifl_fail_nomem(err);
  w->req.data = w;
  w->loop = loop;
  w->run = run;
  w->done = done;
  w->payload = payload;
  int rc = uv_queue_work(&loop->uv, &w->req, on_thread, on_done);
  if (rc < 0) {
    free(w);
    return ifl_fail(err, IFLOW_ESYSTEM, "no thread for blocking work: %s", uv_strerror(rc));
  }
  ifl_loop_op_begin(loop);
  return 0;
}
