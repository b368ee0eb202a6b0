/* file_watch.c -- core.file.watch: waiting for a change in a directory.
 *   file.watch(directory) -> watcher | nil, err
 *   watcher:wait([timeout]) -> true when something has changed since the last wait began or while
 *                    it waits; false when the time is over. Waits, so it needs a task; one at a time.
 *   watcher:close()  ends a wait with nil, err (object.closed); may be repeated
 * What happens on another machine of a network file system is not seen (net/watch.h). */
#include "net/watch.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/file_parts.h"

#define WATCHER "iflow.watcher"

struct watcher {
  ifl_watch *watch; /* NULL: closed */
  struct ifl_wait wait;
  struct ifl_timer timer;
  iflow_loop *loop;
  bool waiting, changed;
};

/* A wait is an operation of the loop; it ends once. */
static void end_wait(struct watcher *w)
{
  if (!w->waiting) return;
  w->waiting = false;
  ifl_timer_stop(&w->timer);
  ifl_loop_op_end(w->loop);
  ifl_wait_done(&w->wait);
}

static void on_changed(void *payload)
{
  struct watcher *w = payload;
  w->changed = true;
  end_wait(w);
}

static void on_time(void *payload)
{
  end_wait(payload);
}

static int wait_k(lua_State *L, int status, lua_KContext ctx)
{
  struct watcher *w = (struct watcher *)ctx;
  iflow_error err;
  (void)status;
  if (w->watch == NULL) {
    ifl_fail(&err, IFLOW_ECLOSED, "the watcher was closed");
    return ifl_pusherror(L, &err);
  }
  lua_pushboolean(L, w->changed);
  w->changed = false;
  return 1;
}

static int m_wait(lua_State *L)
{
  struct watcher *w = luaL_checkudata(L, 1, WATCHER);
  int64_t ms = lua_isnoneornil(L, 2) ? -1 : ifl_checkduration(L, 2);
  if (w->watch == NULL) return luaL_error(L, "the watcher is closed");
  if (w->waiting) return luaL_error(L, "another task waits for this watcher");
  ifl_wait_begin(L, &w->wait);
  w->waiting = true;
  ifl_loop_op_begin(w->loop);
  if (w->changed) end_wait(w);
  else if (ms >= 0) ifl_timer_start(w->loop, &w->timer, ms, on_time, w);
  return ifl_await(L, &w->wait, (lua_KContext)w, wait_k);
}

/* The task that waited was cancelled: the watcher goes on. */
static int watcher_cancel(lua_State *L)
{
  end_wait(luaL_checkudata(L, 1, WATCHER));
  return 0;
}

static int watcher_close(lua_State *L)
{
  struct watcher *w = luaL_checkudata(L, 1, WATCHER);
  ifl_watch_free(w->watch);
  w->watch = NULL;
  end_wait(w);
  return 0;
}

int ifl_file_watch(lua_State *L)
{
  const char *dir = luaL_checkstring(L, 1);
  iflow_error err = { 0 };
  struct watcher *w = ifl_newud(L, sizeof *w, WATCHER, 0);
  w->loop = ifl_loop(L);
  if (ifl_watch_new(&w->watch, w->loop, dir, on_changed, w, &err) < 0)
    return ifl_pusherror(L, &err);
  return 1;
}

void ifl_file_watch_open(lua_State *L)
{
  static const luaL_Reg methods[] = { { "wait", m_wait },
                                      { "close", watcher_close },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", watcher_close },
                                   { "__close", watcher_close },
                                   { "__cancel", watcher_cancel },
                                   { NULL, NULL } };
  ifl_newclass(L, WATCHER, methods, meta);
}
