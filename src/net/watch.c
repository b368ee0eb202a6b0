/* watch.c -- see watch.h. libuv's fs_event, which is inotify on Linux. */
#include "net/watch.h"

#include "base/error.h"
#include "net/loop_uv.h"

#include <errno.h>
#include <stdlib.h>

struct ifl_watch {
  uv_fs_event_t handle; /* first: its address is the box's */
  void (*changed)(void *payload);
  void *payload;
};

static void on_event(uv_fs_event_t *h, const char *name, int events, int status)
{
  ifl_watch *w = h->data;
  (void)name, (void)events, (void)status; /* the owner looks at the directory itself */
  w->changed(w->payload);
}

static void free_box(uv_handle_t *h)
{
  free(h->data);
}

static int refuse(iflow_error *err, int rc, const char *dir)
{
  if (rc == UV_ENOENT || rc == UV_ENOTDIR || rc == UV_EACCES || rc == UV_ENOMEM)
    return ifl_fail_errno(err, -rc, "cannot watch '%s'", dir);
  ifl_fail(err, IFLOW_ESYSTEM, "cannot watch '%s': %s", dir, uv_strerror(rc));
  if (rc == UV_ENOSPC || rc == UV_EMFILE)
    ifl_hint(err, "raise fs.inotify.max_user_%s with sysctl",
             rc == UV_ENOSPC ? "watches" : "instances");
  return IFLOW_ESYSTEM;
}

int ifl_watch_new(ifl_watch **out, iflow_loop *loop, const char *dir,
                  void (*changed)(void *payload), void *payload, iflow_error *err)
{
  ifl_watch *w = calloc(1, sizeof *w);
  if (w == NULL) return ifl_fail_nomem(err);
  int rc = uv_fs_event_init(&loop->uv, &w->handle);
  if (rc < 0) {
    free(w);
    return refuse(err, rc, dir);
  }
  w->handle.data = w;
  w->changed = changed;
  w->payload = payload;
  rc = uv_fs_event_start(&w->handle, on_event, dir, 0);
  if (rc < 0) {
    ifl_watch_free(w);
    return refuse(err, rc, dir);
  }
  loop->unpolled = true;
  *out = w;
  return 0;
}

void ifl_watch_free(ifl_watch *w)
{
  if (w == NULL) return;
  uv_fs_event_stop(&w->handle); /* the box goes with the close callback */
  uv_close((uv_handle_t *)&w->handle, free_box);
}
