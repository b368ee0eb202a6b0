/* task_wait.c -- waiting and waking: the half of the scheduler that bindings and engine callbacks see
 * (task.h). Waking allocates nothing and never touches Lua: queue, timers and lists are threaded
 * through the control blocks. */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/runtime.h"

#define SWALLOWED_MAX 16 /* waits of a cancelled task that raise before the task is closed */

/* ---- waking ---- */

void ifl_task_enqueue(struct ifl_task *t)
{
  struct ifl_runtime *rt = t->rt;
  t->state = IFL_TASK_READY;
  t->next = NULL;
  if (rt->ready_last != NULL) rt->ready_last->next = t;
  else rt->ready_first = t;
  rt->ready_last = t;
  rt->ready++;
}

static void leave_joined(struct ifl_task *t)
{
  if (t->joins == NULL) return;
  struct ifl_task **p = &t->joins->joiners;
  while (*p != t) p = &(*p)->join_next;
  *p = t->join_next;
  t->joins = NULL;
}

void ifl_task_end_wait(struct ifl_task *t)
{
  t->generation++;
  t->parked = false;
  ifl_timer_stop(&t->timer);
  leave_joined(t);
}

void ifl_task_wake(struct ifl_task *t)
{
  if (t->state == IFL_TASK_WAITING) {
    ifl_task_end_wait(t);
    ifl_task_enqueue(t);
  } else if (t->state == IFL_TASK_RUNNING) {
    t->woken = true; /* done before it could yield */
  }
}

void ifl_wait_done(struct ifl_wait *w)
{
  if (w->task != NULL && w->task->generation == w->generation) ifl_task_wake(w->task);
}

static void on_timer(void *payload)
{
  struct ifl_task *t = payload;
  t->timed_out = true;
  ifl_task_wake(t);
}

void ifl_task_set_timer(struct ifl_task *t, int64_t ms)
{
  if (ms >= 0) ifl_timer_start(t->rt->loop, &t->timer, ms, on_timer, t);
}

/* ---- waiting ---- */

static int raise_canceled(lua_State *L)
{
  iflow_error err = { 0 };
  ifl_fail(&err, IFLOW_ECANCELED, "the task was cancelled while it waited");
  ifl_pusherrortable(L, &err);
  return lua_error(L);
}

static void refuse_wait(lua_State *L, const char *why)
{
  lua_Debug ar;
  const char *name = NULL;
  if (lua_getstack(L, 0, &ar) && lua_getinfo(L, "n", &ar)) name = ar.name;
  if (name != NULL) ifl_raise(L, "'%s' waits, %s", name, why);
  ifl_raise(L, "this function waits, %s", why);
}

/* A task that catches its cancellation and goes on gets it at every wait; one that never stops
 * waiting is yielded away for good and closed by the scheduler. */
static void raise_again(lua_State *L, struct ifl_task *t)
{
  if (++t->swallowed > SWALLOWED_MAX) {
    t->state = IFL_TASK_CLOSING;
    lua_yield(L, 0);
  }
  raise_canceled(L);
}

struct ifl_task *ifl_task_begin(lua_State *L)
{
  struct ifl_task *t = ifl_runtime(L)->current;
  if (t == NULL)
    refuse_wait(L, "so it must be called inside iflow.run: iflow.run(function() … end); where "
                   "iflow.step is called, inside iflow.spawn(function() … end)");
  if (t->co != L)
    refuse_wait(L,
                "but it was called in a coroutine that the script resumes itself; call it in the "
                "task, or make the coroutine a task with iflow.spawn");
  if (!lua_isyieldable(L))
    refuse_wait(L, "but a function that cannot wait is between it and its task: a comparison for "
                   "table.sort, a replacement for string.gsub, require, a finalizer or __close "
                   "after an error");
  if (t->canceled) raise_again(L, t);
  t->generation++;
  t->woken = t->timed_out = t->interrupted = false;
  return t;
}

void ifl_wait_begin(lua_State *L, struct ifl_wait *w)
{
  struct ifl_task *t = ifl_task_begin(L);
  w->task = t;
  w->generation = t->generation;
}

/* Frees what the interrupted wait was for: the userdata at address ctx, if its class wants that. */
static void release_op(lua_State *L, lua_KContext ctx)
{
  luaL_checkstack(L, 4, NULL);
  for (int i = lua_gettop(L); i > 0 && ctx != 0; i--) {
    if (lua_type(L, i) != LUA_TUSERDATA || lua_touserdata(L, i) != (void *)ctx) continue;
    if (luaL_getmetafield(L, i, "__cancel") == LUA_TNIL) return;
    lua_pushvalue(L, i);
    lua_call(L, 1, 0);
    return;
  }
}

static int resumed(lua_State *L, int status, lua_KContext ctx)
{
  struct ifl_task *t = (struct ifl_task *)ctx;
  (void)status;
  if (t->rt->current != t || t->co != L)
    return luaL_error(L, "a task that waits was resumed with coroutine.resume; only what it waits "
                         "for can resume it");
  lua_KContext op = t->ctx;
  if (!t->interrupted) return t->k(L, LUA_YIELD, op);
  release_op(L, op);
  return raise_canceled(L);
}

int ifl_task_await(lua_State *L, struct ifl_task *t, lua_KContext ctx, lua_KFunction k)
{
  if (t->woken) {
    ifl_task_end_wait(t);
    return k(L, LUA_OK, ctx);
  }
  t->k = k;
  t->ctx = ctx;
  t->state = IFL_TASK_WAITING;
  return lua_yieldk(L, 0, (lua_KContext)t, resumed);
}

int ifl_await(lua_State *L, struct ifl_wait *w, lua_KContext ctx, lua_KFunction k)
{
  return ifl_task_await(L, w->task, ctx, k);
}

void ifl_task_cancel(struct ifl_task *t)
{
  t->canceled = true;
  if (t->state != IFL_TASK_WAITING) return; /* a wait that is done completes; the next one raises */
  t->interrupted = true;
  ifl_task_end_wait(t);
  ifl_task_enqueue(t);
}

int ifl_pause(lua_State *L, lua_KContext ctx, lua_KFunction k)
{
  struct ifl_task *t = ifl_task_begin(L);
  ifl_task_set_timer(t, 0);
  return ifl_task_await(L, t, ctx, k);
}

/* ---- a task that never waits ---- */

#define OVERTIME 20000000 /* instructions: about half a second of a loop */

static void on_overtime(lua_State *L, lua_Debug *ar)
{
  (void)ar; /* the hook stays: a script that catches the error gets it again */
  raise_canceled(L);
}

struct ifl_runtime *ifl_task_interruptible(lua_State *L)
{
  return ifl_runtime(L);
}

void ifl_task_interrupt(struct ifl_runtime *rt)
{
  if (rt->current != NULL) lua_sethook(rt->current->co, on_overtime, LUA_MASKCOUNT, OVERTIME);
}
