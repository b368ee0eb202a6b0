/* task.c -- the scheduler: the only file that resumes a coroutine. See task.h for bindings that
 * wait, task_wait.c for waking, and STYLE, section 3, for the six rules kept here.
 *
 * iflow.run resumes a snapshot of the ready queue, then turns the loop, until every task has ended;
 * iflow.step does that once, for a program that has a loop of its own.
 * Nothing between two resumes can raise, except where a protected call says so. */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/runtime.h"

#include <stdlib.h>
#include <string.h>

/* ---- birth and end of a task ---- */

static struct ifl_task *take_block(struct ifl_runtime *rt)
{
  struct ifl_task *t = rt->unused;
  if (t == NULL) return calloc(1, sizeof *t);
  uint64_t generation = t->generation;
  rt->unused = t->next;
  memset(t, 0, sizeof *t);
  t->generation = generation + 1;
  return t;
}

static void add_living(struct ifl_runtime *rt, struct ifl_task *t)
{
  t->rt = rt;
  t->older = rt->newest;
  if (rt->newest != NULL) rt->newest->newer = t;
  rt->newest = t;
  rt->tasks++;
}

static void remove_living(struct ifl_runtime *rt, struct ifl_task *t)
{
  if (t->newer != NULL) t->newer->older = t->older;
  else rt->newest = t->older;
  if (t->older != NULL) t->older->newer = t->newer;
  rt->tasks--;
  t->generation++;
  t->next = rt->unused;
  rt->unused = t;
}

void ifl_task_new(lua_State *L, int nargs)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  int fn = lua_gettop(L) - nargs;
  if (rt->tasks >= IFL_TASKS_MAX) ifl_raise(L, "more than %u tasks", IFL_TASKS_MAX);
  luaL_checkstack(L, 6, NULL);
  struct ifl_task_handle *h = ifl_newud(L, sizeof *h, IFL_TASK, 3);
  lua_State *co = lua_newthread(L);
  lua_setiuservalue(L, -2, 1);
  if (!lua_checkstack(co, nargs + 1)) luaL_error(L, "too many arguments");
  ifl_task_anchor(L, h, true);
  struct ifl_task *t = take_block(rt); /* last: from here on nothing raises */
  if (t == NULL) {
    ifl_task_anchor(L, h, false);
    luaL_error(L, "not enough memory");
  }
  lua_insert(L, fn);
  lua_xmove(L, co, nargs + 1);
  t->co = co;
  t->handle = h;
  t->nargs = nargs;
  h->task = t;
  t->canceled = rt->ending; /* then it ends without having begun */
  add_living(rt, t);
  ifl_task_enqueue(t);
}

void ifl_task_spawn(lua_State *L, int nargs)
{
  ifl_task_new(L, nargs);
  lua_pop(L, 1);
}

/* Ends the task in the books. Its results or error are stored; joiners and the run look there. */
static void retire(lua_State *L, struct ifl_task *t, enum ifl_outcome outcome)
{
  t->handle->outcome = outcome;
  t->handle->task = NULL;
  while (t->joiners != NULL) ifl_task_wake(t->joiners); /* which takes it off the list */
  ifl_timer_stop(&t->timer);
  lua_pushnil(L);
  ifl_task_anchor(L, t->handle, false);
  lua_pop(L, 1);
  remove_living(t->rt, t);
}

/* ---- how a task fails ----
 *
 * Making an error value allocates, so it is done in a protected call by one of these. They get the
 * coroutine and return the value, its traceback (or nil), and whether it is the cancellation. */

static bool is_canceled_error(lua_State *L, int idx)
{
  if (!ifl_iserror(L, idx)) return false;
  lua_getfield(L, idx, "code");
  lua_pushstring(L, iflow_error_name(IFLOW_ECANCELED));
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

/* The coroutine raised: its error is on top of its stack, which is not unwound yet. */
static int describe_raised(lua_State *L)
{
  lua_State *co = lua_touserdata(L, 1);
  luaL_checkstack(co, 1, NULL);
  lua_pushvalue(co, -1);
  lua_xmove(co, L, 1);
  bool canceled = is_canceled_error(L, 2);
  if (canceled) lua_pushnil(L);
  else luaL_traceback(L, co, NULL, 0);
  lua_pushboolean(L, canceled);
  return 3;
}

static int describe_canceled(lua_State *L)
{
  iflow_error err = { 0 };
  ifl_fail(&err, IFLOW_ECANCELED, "the task was cancelled");
  ifl_pusherrortable(L, &err);
  lua_pushnil(L);
  lua_pushboolean(L, 1);
  return 3;
}

static int describe_yielded(lua_State *L)
{
  lua_State *co = lua_touserdata(L, 1);
  lua_pushliteral(L, "coroutine.yield was called in a task, outside of a coroutine of the script's "
                     "own; to let other tasks run, call iflow.sleep(0)");
  luaL_traceback(L, co, NULL, 0);
  lua_pushboolean(L, 0);
  return 3;
}

static int describe_deadlock(lua_State *L)
{
  struct ifl_runtime *rt = lua_touserdata(L, 1);
  iflow_error err = { 0 };
  ifl_fail(&err, IFLOW_EDEADLOCK,
           "every task waits for another one (%zu of them) and nothing else "
           "is open that could wake one",
           rt->tasks);
  ifl_pusherrortable(L, &err);
  lua_pushnil(L);
  lua_pushboolean(L, 0);
  return 3;
}

/* Pushes value, traceback and flag. Cannot raise: out of memory is then the error itself. */
static void describe(lua_State *L, lua_CFunction how, void *arg)
{
  lua_pushcfunction(L, how);
  lua_pushlightuserdata(L, arg);
  if (lua_pcall(L, 1, 3, 0) == LUA_OK) return;
  lua_pushnil(L);
  lua_pushboolean(L, 0);
}

/* ---- iflow.run ---- */

enum { MAIN = 1, FAILURE = 2, FAILURE_TRACE = 3 }; /* stack of run_body */

/* Takes value and traceback (at the top, popped) as the error that ends the run; the first counts. */
static void set_failure(lua_State *L, struct ifl_runtime *rt)
{
  if (rt->failed) {
    lua_pop(L, 2);
    return;
  }
  rt->failed = true;
  lua_replace(L, FAILURE_TRACE);
  lua_replace(L, FAILURE);
}

static void fail(lua_State *L, struct ifl_task *t, lua_CFunction how)
{
  struct ifl_task_handle *h = t->handle;
  struct ifl_runtime *rt = t->rt;
  describe(L, how, t->co);
  bool canceled = lua_toboolean(L, -1) && t->canceled;
  lua_pop(L, 1);
  ifl_task_push_handle(L, h); /* value, traceback, handle */
  lua_pushvalue(L, -3);
  lua_setiuservalue(L, -2, 2);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, 3);
  ifl_closethread(t->co, L); /* now: it runs what is left of the task's __close */
  lua_pushnil(L);
  lua_setiuservalue(L, -2, 1);
  lua_pop(L, 1);
  bool wanted = t->joiners != NULL;
  retire(L, t, canceled ? IFL_CANCELED : IFL_FAILED);
  if (lua_touserdata(L, MAIN) == h || (!canceled && !wanted)) set_failure(L, rt);
  else lua_pop(L, 2);
}

static void succeed(lua_State *L, struct ifl_task *t, int nresults)
{
  t->handle->nresults = nresults;
  if (nresults == 0) { /* nothing to keep the coroutine for */
    ifl_task_push_handle(L, t->handle);
    lua_pushnil(L);
    lua_setiuservalue(L, -2, 1);
    lua_pop(L, 1);
  }
  retire(L, t, IFL_RETURNED);
}

static void resume(lua_State *L, struct ifl_task *t)
{
  struct ifl_runtime *rt = t->rt;
  int nargs = t->nargs, nresults = 0;
  bool stillborn = !t->started && t->canceled;
  t->nargs = 0;
  t->started = true;
  t->state = IFL_TASK_RUNNING;
  rt->current = t;
  rt->slice++;
  rt->inner = NULL;
  if (stillborn) {
    fail(L, t, describe_canceled);
  } else {
    int status = lua_resume(t->co, L, nargs, &nresults);
    t->handle->no_memory = status == LUA_ERRMEM;
    if (status == LUA_OK) succeed(L, t, nresults);
    else if (status != LUA_YIELD) fail(L, t, describe_raised);
    else if (t->state == IFL_TASK_CLOSING) fail(L, t, describe_canceled);
    else if (t->state == IFL_TASK_RUNNING) fail(L, t, describe_yielded);
  }
  rt->current = NULL;
}

static struct ifl_task *dequeue(struct ifl_runtime *rt)
{
  struct ifl_task *t = rt->ready_first;
  rt->ready_first = t->next;
  if (rt->ready_first == NULL) rt->ready_last = NULL;
  rt->ready--;
  return t;
}

/* A snapshot: tasks that get ready meanwhile wait for the next turn, or they would starve I/O. A
 * step ends with the first task that fails: it has one error to raise, and the next is soon. */
static void resume_ready(lua_State *L, struct ifl_runtime *rt)
{
  for (size_t n = rt->ready; n > 0; n--) {
    if (rt->stepping && rt->failed) return;
    resume(L, dequeue(rt));
  }
}

static void cancel_all(struct ifl_runtime *rt)
{
  rt->ending = true;
  for (struct ifl_task *t = rt->newest; t != NULL; t = t->older) ifl_task_cancel(t);
}

static bool nothing_open(const struct ifl_runtime *rt)
{
  struct ifl_counts c = ifl_loop_counts(rt->loop);
  return c.operations == 0 && c.sockets == 0 && c.timers == 0;
}

static void start_signal_tasks(lua_State *L, struct ifl_runtime *rt)
{
  rt->any_signal = false;
  for (int signum = 1; signum < IFL_SIGNALS_MAX; signum++) {
    if (!rt->signaled[signum]) continue;
    rt->signaled[signum] = false;
    if (ifl_task_push_signal(L, signum) != LUA_TFUNCTION) {
      lua_pop(L, 1);
      continue;
    }
    ifl_task_spawn(L, 0);
    rt->newest->canceled = false; /* a second Ctrl-C is heard while the run is ending */
  }
}

static void turn(lua_State *L, struct ifl_runtime *rt)
{
  bool stuck = rt->ready == 0 && nothing_open(rt);
  ifl_loop_turn(rt->loop, rt->ready > 0 || stuck ? 0 : -1);
  if (rt->any_signal) start_signal_tasks(L, rt);
  if (!stuck || rt->ready > 0 || !nothing_open(rt)) return;
  describe(L, describe_deadlock, rt);
  lua_pop(L, 1);
  set_failure(L, rt);
}

/* Whether a text came through iflow.timeout or the like, which added the traceback already. */
static bool has_traceback(lua_State *L, int idx)
{
  return lua_type(L, idx) == LUA_TSTRING && strstr(lua_tostring(L, idx), "\nstack traceback:");
}

/* Raises the error that ended the run; a text gets its traceback, an iflow.error the field. */
static int raise_failure(lua_State *L)
{
  lua_settop(L, FAILURE_TRACE);
  if (lua_isnil(L, FAILURE_TRACE) || has_traceback(L, FAILURE)) {
    lua_settop(L, FAILURE);
  } else if (lua_type(L, FAILURE) == LUA_TSTRING) {
    lua_pushfstring(L, "%s\n%s", lua_tostring(L, FAILURE), lua_tostring(L, FAILURE_TRACE));
  } else {
    ifl_settraceback(L, FAILURE, FAILURE_TRACE);
    lua_settop(L, FAILURE);
  }
  return lua_error(L);
}

static int run_body(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  ifl_task_new(L, lua_gettop(L) - 1);
  lua_pushnil(L);
  lua_pushnil(L);
  while (rt->tasks > 0) {
    resume_ready(L, rt);
    if (rt->failed && !rt->ending) cancel_all(rt);
    if (rt->tasks > 0) turn(L, rt);
  }
  if (rt->failed) return raise_failure(L);
  return ifl_task_push_outcome(L, MAIN);
}

/* Only when the run itself ran out of memory: ends whatever is left without asking. */
static void close_all(lua_State *L, struct ifl_runtime *rt)
{
  rt->ending = true;
  while (rt->newest != NULL) {
    struct ifl_task *t = rt->newest;
    ifl_task_end_wait(t);
    t->state = IFL_TASK_CLOSING;
    rt->current = t;
    ifl_closethread(t->co, L);
    retire(L, t, IFL_CANCELED);
  }
  rt->ready_first = rt->ready_last = NULL;
  rt->ready = 0;
}

/* Calls body with what is on the stack; the status of that. */
static int drive(lua_State *L, struct ifl_runtime *rt, lua_CFunction body)
{
  rt->running = rt->driven = true;
  rt->failed = rt->ending = false;
  lua_pushcfunction(L, body);
  lua_insert(L, 1);
  int status = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  if (rt->tasks > 0 && !rt->stepping) close_all(L, rt);
  rt->current = NULL;
  rt->running = rt->stepping = rt->ending = false;
  return status;
}

static void refuse_run(lua_State *L, const struct ifl_runtime *rt)
{
  if (rt->stepping)
    ifl_raise(L, "iflow.run was called in a task that iflow.step runs; iflow.spawn starts another");
  if (rt->running)
    ifl_raise(L, "iflow.run is running already; inside it, iflow.spawn starts another task");
  if (rt->held)
    ifl_raise(L, "iflow.run would hold up the program's own loop until every task that iflow.step "
                 "drives has ended; start another one with iflow.spawn");
}

int ifl_task_run(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  refuse_run(L, rt);
  int status = drive(L, rt, run_body);
  return status == LUA_OK ? lua_gettop(L) : lua_error(L);
}

/* ---- iflow.step ---- */

static bool busy(const struct ifl_runtime *rt)
{
  return rt->tasks > 0 || !nothing_open(rt);
}

static int step_body(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  int64_t wait = lua_tointeger(L, 1);
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  lua_settop(L, 0);
  lua_pushnil(L); /* there is no main task */
  lua_pushnil(L);
  lua_pushnil(L);
  resume_ready(L, rt);
  if (!rt->failed) {
    ifl_loop_turn(rt->loop, rt->ready > 0 || !busy(rt) ? 0 : wait);
    if (rt->any_signal) start_signal_tasks(L, rt);
    resume_ready(L, rt);
  }
  if (rt->failed) return raise_failure(L);
  lua_pushboolean(L, busy(rt));
  return 1;
}

int ifl_task_step(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  int64_t wait = lua_isnoneornil(L, 1) ? 0 : ifl_checkduration(L, 1);
  if (rt->stepping)
    ifl_raise(L, "iflow.step was called in a task that iflow.step runs; the program's own loop is "
                 "to call it");
  if (rt->running) ifl_raise(L, "iflow.step is for a loop of the program's own; iflow.run is one");
  lua_settop(L, 0);
  lua_pushinteger(L, wait);
  rt->stepping = true;
  int status = drive(L, rt, step_body);
  rt->held = rt->tasks > 0;
  return status == LUA_OK ? 1 : lua_error(L);
}

int ifl_task_pollfd(lua_State *L)
{
  lua_pushinteger(L, ifl_loop_fd(ifl_loop(L)));
  return 1;
}

int ifl_task_next_timeout(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  int64_t ms = rt->ready > 0 || rt->any_signal ? 0 : ifl_loop_next_ms(rt->loop);
  if (ms < 0) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

int ifl_task_push_outcome(lua_State *L, int idx)
{
  struct ifl_task_handle *h = lua_touserdata(L, idx);
  if (h->outcome == IFL_RETURNED) {
    int n = h->nresults;
    if (n == 0) return 0;
    luaL_checkstack(L, n + 1, "too many results");
    lua_getiuservalue(L, idx, 1);
    lua_State *co = lua_tothread(L, -1);
    lua_pop(L, 1); /* the handle holds it */
    if (!lua_checkstack(co, n)) luaL_error(L, "too many results");
    for (int i = 1; i <= n; i++) lua_pushvalue(co, i); /* copies: others may join too */
    lua_xmove(co, L, n);
    return n;
  }
  lua_pushnil(L);
  lua_getiuservalue(L, idx, 2);
  lua_getiuservalue(L, idx, 3);
  ifl_wraperror(L, h->no_memory ? IFLOW_ENOMEM : IFLOW_ESCRIPT);
  return 2;
}
