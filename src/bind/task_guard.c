/* task_guard.c -- how a script that does not come back to the loop is stopped. The host measures and
 * calls ifl_task_overrun from its signal handler; here the code that runs gets an error.
 *
 * A script may resume coroutines of its own inside a task, and then it is that coroutine which has
 * to be stopped. Lua does not tell which one runs, so lua/iflow/guard.lua says it:
 *   task.inner(co or nil) -> the one before
 * and whose work a task does, for when it cannot be stopped:
 *   task:label("sender 'orders'") */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/runtime.h"

#include <stdio.h>
#include <string.h>

static const char inner_key =
    0; /* registry: keeps the coroutine, so that rt->inner is never stale */

uint64_t ifl_task_slice(const struct ifl_runtime *rt)
{
  return rt->current != NULL ? rt->slice : 0;
}

/* Ours, embedded in the host or from IFLOW_LUADIR: a script's loop may be at a pcall, say. */
static bool is_ours(const char *source)
{
  return strncmp(source, "@iflow/", 7) == 0 || strstr(source, "/lua/iflow/") != NULL;
}

/* The line of the script. */
static void find_line(lua_State *L, lua_Debug *ar)
{
  lua_Debug at;
  for (int level = 0; lua_getstack(L, level, &at); level++) {
    lua_getinfo(L, "Sl", &at);
    if (at.currentline <= 0 || is_ours(at.source)) continue;
    *ar = at;
    return;
  }
}

static void on_overrun(lua_State *L, lua_Debug *ar)
{
  iflow_error err = { 0 };
  struct ifl_runtime *rt = ifl_runtime(L);
  lua_sethook(L, NULL, 0, 0);
  lua_getinfo(L, "Sl", ar);
  find_line(L, ar);
  ifl_fail(&err, IFLOW_ESCRIPTLIMIT, "%s:%d: ran for %d s without waiting once", ar->short_src,
           ar->currentline, rt->overrun);
  ifl_pusherrortable(L, &err);
  lua_error(L);
}

void ifl_task_overrun(struct ifl_runtime *rt, int seconds)
{
  if (rt->current == NULL) return;
  rt->overrun = seconds;
  lua_sethook(rt->inner != NULL ? rt->inner : rt->current->co, on_overrun, LUA_MASKCOUNT, 1);
}

const char *ifl_task_label(const struct ifl_runtime *rt)
{
  return rt->current != NULL ? rt->current->label : "";
}

int ifl_task_m_label(lua_State *L)
{
  const struct ifl_task_handle *h = luaL_checkudata(L, 1, IFL_TASK);
  const char *text = luaL_checkstring(L, 2);
  if (h->task != NULL) snprintf(h->task->label, sizeof h->task->label, "%s", text);
  return 0;
}

int ifl_task_f_inner(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  lua_State *co = lua_isnoneornil(L, 1) ? NULL : lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL || lua_isnoneornil(L, 1), 1, "coroutine");
  lua_settop(L, 1);
  if (rt->inner == NULL) lua_pushnil(L);
  else lua_rawgetp(L, LUA_REGISTRYINDEX, &inner_key);
  lua_pushvalue(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &inner_key);
  rt->inner = co;
  return 1;
}
