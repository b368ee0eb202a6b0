/* task.h -- coroutines over the loop. task.c is the only file that resumes a coroutine.
 *
 * A binding that waits does this (see STYLE 4.1):
 *   struct op { struct ifl_wait wait; … };          in a userdata with a __gc that frees the op
 *   ifl_wait_begin(L, &op->wait);                   raises outside a task
 *   if (start(…, on_done, op, &err) < 0) return ifl_pusherror(L, &err);
 *   return ifl_await(L, &op->wait, (lua_KContext)op, continuation);
 * and on_done, called by the engine, only fills the struct and calls ifl_wait_done(&op->wait).
 *
 * What a cancelled wait leaves behind is freed at once when the class of op has the metamethod
 * __cancel (usually the same function as __gc, which must be safe to repeat): it is called with the
 * userdata whose address was passed as ctx, if that userdata is on the waiting function's stack.
 * Without __cancel the op lives until the collector comes by. */
#ifndef IFL_BIND_TASK_H
#define IFL_BIND_TASK_H

#include "iflow.h"
#include "net/client.h"
#include "net/loop.h"

#include <lua.h>

struct ifl_task;

/* Who waits: a task and its generation. A stale or double completion does nothing, also when the
 * task has ended: its memory is reused for tasks only, until the state is closed. */
struct ifl_wait {
  struct ifl_task *task;
  uint64_t generation;
};

/* What a Lua state owns: loop, client, tasks. Made at luaopen, ended by its __gc. */
iflow_loop *ifl_loop(lua_State *L);
ifl_client *ifl_http_client(lua_State *L); /* made on first use; raises when that fails */

/* Remembers the running task. Raises "waits, so it must be called inside iflow.run" outside one,
 * and names the case of a coroutine that the script resumes itself. A task that was cancelled gets
 * the error task.canceled here. */
void ifl_wait_begin(lua_State *L, struct ifl_wait *w);
/* Marks the waiter ready; callable from any engine callback; never touches Lua. */
void ifl_wait_done(struct ifl_wait *w);
/* Yields until ifl_wait_done; then k runs with ctx, protected, in the task. If it was done before
 * the yield, k runs at once. k may call ifl_wait_begin and ifl_await again. When the task is
 * cancelled the wait raises the error task.canceled inside the coroutine; a wait that was done
 * before the cancellation still completes, and the next one raises. */
int ifl_await(lua_State *L, struct ifl_wait *w, lua_KContext ctx, lua_KFunction k);

/* Waits until the loop has had a turn; then k runs with ctx. For work that could go on and on
 * without ever waiting, so that timeouts, signals and other tasks get their turn. */
int ifl_pause(lua_State *L, lua_KContext ctx, lua_KFunction k);

/* For the host's signal handler: what it must be given, taken once, outside of the handler; and the
 * call that is safe inside of one. The task that runs just now gets task.canceled if it goes on for
 * about half a second without waiting. */
struct ifl_runtime *ifl_task_interruptible(lua_State *L);
void ifl_task_interrupt(struct ifl_runtime *rt);

/* For the host's limits (task_guard.c). A run of Lua from one wait to the next has a number of its
 * own; 0: none runs. Both are safe in a signal handler and in an allocator. */
uint64_t ifl_task_slice(const struct ifl_runtime *rt);
/* The Lua code that runs just now gets script.limit at its next instruction. seconds: how long it
 * has run, for the text. */
void ifl_task_overrun(struct ifl_runtime *rt, int seconds);
/* Whose work the task that runs does, as task:label said; "" when nobody did. */
const char *ifl_task_label(const struct ifl_runtime *rt);

/* Starts a function as a task of its own, from C: used by the server to run a handler a request.
 * The stack holds, as for lua_call, the function and above it nargs arguments; all are popped.
 * Raises when memory is out. */
void ifl_task_spawn(lua_State *L, int nargs);

int ifl_open_task(lua_State *L);

#endif
