/* task_class.c -- tasks as a script sees them (class iflow.task); the scheduler is task.c.
 *   run(fn, ...)            -- drives the loop until every task has ended; fn's results
 *   step([timeout])         -- one turn, waiting at most so long (0); whether anything is left to do
 *   pollfd()                -- readable when a step is due
 *   next_timeout()          -- seconds after which one is due anyhow; nil: none
 *   spawn(fn, ...)          -- a task; an error in it that no join waits for ends the run
 *   task:join([timeout])    -- waits; its results, or nil, err
 *   task:cancel()           -- its wait, now or next, raises task.canceled
 *   task:state()            -- "ready", "running", "waiting", "returned", "failed", "canceled"
 *   task:label(text)        -- whose work it does, for the log of a host that it holds up
 *   task:awaited()          -- whether a join waits for it just now
 *   sleep(duration)         -- waits; 0 lets the other tasks run
 *   current()               -- the running task, or nil
 *   park([timeout])         -- waits for wake: its values, or nil, err
 *   wake(task, ...)         -- hands values to a parked task; false when it is not parked
 *   counts()                -- { operations, sockets, timers, tasks }: what is open
 *   now(), monotonic()      -- seconds, by the wall clock and by one that never jumps
 *   seconds(duration)       -- its seconds; or nil and what is wrong with it
 *   drop_idle()             -- closes pooled connections that idle
 *   signal(name, fn or nil) -- for the host: fn starts as a task when the signal comes          */
#include "base/clock.h"
#include "base/error.h"
#include "bind/bind.h"
#include "bind/runtime.h"

#include <signal.h>

static struct ifl_task_handle *check(lua_State *L, int arg)
{
  return luaL_checkudata(L, arg, IFL_TASK);
}

static int push_timeout(lua_State *L, const char *what)
{
  iflow_error err = { 0 };
  ifl_fail(&err, IFLOW_ETIMEOUT, "the time for '%s' is over", what);
  return ifl_pusherror(L, &err);
}

/* An optional timeout: -1 for none. */
static int64_t opt_timeout(lua_State *L, int arg)
{
  return lua_isnoneornil(L, arg) ? -1 : ifl_checkduration(L, arg);
}

/* ---- waiting ---- */

static int sleep_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)L, (void)status, (void)ctx;
  return 0;
}

static int f_seconds(lua_State *L)
{
  int64_t ms = 0;
  const char *wrong = ifl_duration(L, 1, &ms);
  if (wrong == NULL) {
    lua_pushnumber(L, (lua_Number)ms / 1000);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, wrong);
  return 2;
}

static int f_sleep(lua_State *L)
{
  int64_t ms = ifl_checkduration(L, 1);
  struct ifl_task *t = ifl_task_begin(L);
  ifl_task_set_timer(t, ms);
  return ifl_task_await(L, t, 0, sleep_k);
}

static int park_k(lua_State *L, int status, lua_KContext ctx)
{
  struct ifl_task *t = (struct ifl_task *)ctx;
  (void)status;
  return t->timed_out ? push_timeout(L, "park") : lua_gettop(L);
}

static int f_park(lua_State *L)
{
  int64_t ms = opt_timeout(L, 1);
  struct ifl_task *t = ifl_task_begin(L);
  lua_settop(L, 0); /* what is on the stack when it goes on was put there by wake */
  t->parked = true;
  ifl_task_set_timer(t, ms);
  return ifl_task_await(L, t, (lua_KContext)t, park_k);
}

static int f_wake(lua_State *L)
{
  struct ifl_task *t = check(L, 1)->task;
  bool parked = t != NULL && t->parked;
  if (parked) {
    int n = lua_gettop(L) - 1;
    if (!lua_checkstack(t->co, n)) luaL_error(L, "too many values");
    lua_xmove(L, t->co, n);
    t->nargs = n;
    ifl_task_wake(t);
  }
  lua_pushboolean(L, parked);
  return 1;
}

static int join_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status, (void)ctx;
  if (check(L, 1)->task != NULL) return push_timeout(L, "join");
  return ifl_task_push_outcome(L, 1);
}

static int m_join(lua_State *L)
{
  struct ifl_task_handle *h = check(L, 1);
  int64_t ms = opt_timeout(L, 2);
  if (h->task == NULL) return ifl_task_push_outcome(L, 1);
  struct ifl_task *t = ifl_task_begin(L);
  if (h->task == t) ifl_raise(L, "a task cannot join itself");
  t->joins = h->task;
  t->join_next = h->task->joiners;
  h->task->joiners = t;
  ifl_task_set_timer(t, ms);
  return ifl_task_await(L, t, 0, join_k);
}

/* ---- the rest of the class ---- */

static int m_cancel(lua_State *L) /* cancel and __close: safe to repeat */
{
  struct ifl_task_handle *h = check(L, 1);
  if (h->task != NULL) ifl_task_cancel(h->task);
  return 0;
}

static int m_state(lua_State *L)
{
  static const char *const living[] = { "ready", "running", "waiting", "running" };
  static const char *const ended[] = { "ended", "returned", "failed", "canceled" };
  struct ifl_task_handle *h = check(L, 1);
  lua_pushstring(L, h->task != NULL ? living[h->task->state] : ended[h->outcome]);
  return 1;
}

static int m_awaited(lua_State *L)
{
  struct ifl_task_handle *h = check(L, 1);
  lua_pushboolean(L, h->task != NULL && h->task->joiners != NULL);
  return 1;
}

static int task_tostring(lua_State *L)
{
  struct ifl_task_handle *h = check(L, 1);
  m_state(L);
  lua_pushfstring(L, "iflow.task: %p (%s)", (void *)h, lua_tostring(L, -1));
  return 1;
}

/* ---- module functions ---- */

static int f_spawn(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  ifl_task_new(L, lua_gettop(L) - 1);
  return 1;
}

static int f_current(lua_State *L)
{
  struct ifl_task *t = ifl_runtime(L)->current;
  if (t != NULL) ifl_task_push_handle(L, t->handle);
  else lua_pushnil(L);
  return 1;
}

static int f_counts(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  struct ifl_counts c = ifl_loop_counts(rt->loop);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)c.operations);
  lua_setfield(L, -2, "operations");
  lua_pushinteger(L, (lua_Integer)c.sockets);
  lua_setfield(L, -2, "sockets");
  lua_pushinteger(L, (lua_Integer)c.timers);
  lua_setfield(L, -2, "timers");
  lua_pushinteger(L, (lua_Integer)rt->tasks);
  lua_setfield(L, -2, "tasks");
  return 1;
}

static int f_now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)ifl_clock_wall_ms() / 1000);
  return 1;
}

static int f_monotonic(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)ifl_clock_mono_ms() / 1000);
  return 1;
}

static int f_drop_idle(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  if (rt->client != NULL) ifl_client_drop_idle(rt->client, NULL);
  return 0;
}

static int f_signal(lua_State *L)
{
  static const char *const names[] = { "HUP", "INT", "TERM", "USR1", "USR2", NULL };
  static const int numbers[] = { SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2 };
  int signum = numbers[luaL_checkoption(L, 1, NULL, names)];
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  ifl_task_set_signal(L, signum);
  return 0;
}

int ifl_open_task(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "run", ifl_task_run },
    { "spawn", f_spawn },
    { "sleep", f_sleep },
    { "current", f_current },
    { "park", f_park },
    { "wake", f_wake },
    { "counts", f_counts },
    { "now", f_now },
    { "monotonic", f_monotonic },
    { "drop_idle", f_drop_idle },
    { "signal", f_signal },
    { "seconds", f_seconds },
    { "inner", ifl_task_f_inner },
    { "step", ifl_task_step },
    { "pollfd", ifl_task_pollfd },
    { "next_timeout", ifl_task_next_timeout },
    { NULL, NULL },
  };
  static const luaL_Reg methods[] = {
    { "join", m_join },       { "cancel", m_cancel },
    { "state", m_state },     { "label", ifl_task_m_label },
    { "awaited", m_awaited }, { NULL, NULL },
  };
  static const luaL_Reg meta[] = { { "__close", m_cancel },
                                   { "__tostring", task_tostring },
                                   { NULL, NULL } };
  ifl_newclass(L, IFL_TASK, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
