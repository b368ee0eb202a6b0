/* runtime.c -- what a Lua state owns: loop, HTTP client, the memory of its tasks. One userdata, made
 * before every other one of ours, so that it is finalized last and everything finds it alive. */
#include "bind/bind.h"
#include "bind/runtime.h"

#include <stdlib.h>
#include <string.h>

#define RUNTIME "iflow.runtime"

/* Addresses are the keys of the registry, so a look-up cannot allocate. */
static const char runtime_key = 0; /* the runtime */
static const char tasks_key = 0; /* { [lightuserdata of handle] = handle }: anchors living tasks */
static const char signals_key = 0; /* { [signal number] = function } */

static struct ifl_runtime *find_runtime(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &runtime_key);
  struct ifl_runtime *rt = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return rt;
}

struct ifl_runtime *ifl_runtime(lua_State *L)
{
  struct ifl_runtime *rt = find_runtime(L);
  if (rt == NULL || rt->loop == NULL) ifl_raise(L, "iflow is closed: the Lua state is ending");
  return rt;
}

iflow_loop *ifl_loop(lua_State *L)
{
  return ifl_runtime(L)->loop;
}

ifl_client *ifl_http_client(lua_State *L)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  static const struct ifl_client_opts opts = { .connections = 64, .idle_ms = 55000 };
  iflow_error err = { 0 };
  if (rt->client == NULL && ifl_client_new(&rt->client, rt->loop, &opts, &err) < 0) {
    ifl_pusherrortable(L, &err);
    lua_error(L);
  }
  return rt->client;
}

static void free_blocks(struct ifl_task *t, struct ifl_task *(*next)(struct ifl_task *))
{
  while (t != NULL) {
    struct ifl_task *following = next(t);
    ifl_timer_stop(&t->timer);
    free(t);
    t = following;
  }
}

static struct ifl_task *next_older(struct ifl_task *t)
{
  return t->older;
}

static struct ifl_task *next_unused(struct ifl_task *t)
{
  return t->next;
}

/* A task that was never driven has done nothing, and nobody would know. */
static void tell_undriven(struct ifl_runtime *rt)
{
  if (rt->tasks == 0 || rt->driven) return;
  ifl_log_write(
      ifl_loop_log(rt->loop), IFL_LOG_WARN, "task",
      "%zu tasks of iflow.spawn have never run: the program called neither iflow.run nor, "
      "from a loop of its own, iflow.step",
      rt->tasks);
}

static int runtime_gc(lua_State *L)
{
  struct ifl_runtime *rt = luaL_checkudata(L, 1, RUNTIME);
  if (rt->loop != NULL) tell_undriven(rt);
  free_blocks(rt->newest, next_older);
  free_blocks(rt->unused, next_unused);
  ifl_client_free(rt->client);
  iflow_loop_free(rt->loop);
  memset(rt, 0, sizeof *rt);
  return 0;
}

void ifl_runtime_open(lua_State *L)
{
  static const luaL_Reg meta[] = { { "__gc", runtime_gc }, { NULL, NULL } };
  iflow_error err = { 0 };
  if (find_runtime(L) != NULL) return; /* a second require in the same state */
  ifl_newclass(L, RUNTIME, NULL, meta);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &signals_key);
  struct ifl_runtime *rt = ifl_newud(L, sizeof *rt, RUNTIME, 0);
  if (iflow_loop_new(&rt->loop, &err) < 0) {
    ifl_pusherrortable(L, &err);
    lua_error(L);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &runtime_key);
}

/* ---- the tables of the registry ---- */

void ifl_task_anchor(lua_State *L, struct ifl_task_handle *h, bool alive)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  if (alive) lua_pushvalue(L, -2);
  else lua_pushnil(L);
  lua_rawsetp(L, -2, h);
  lua_pop(L, 1);
}

void ifl_task_push_handle(lua_State *L, const struct ifl_task_handle *h)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &tasks_key);
  lua_rawgetp(L, -1, h);
  lua_remove(L, -2);
}

int ifl_task_push_signal(lua_State *L, int signum)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &signals_key);
  int type = lua_rawgeti(L, -1, signum);
  lua_remove(L, -2);
  return type;
}

static void on_signal(void *payload, int signum)
{
  struct ifl_runtime *rt = payload;
  if (signum <= 0 || signum >= IFL_SIGNALS_MAX) return;
  rt->signaled[signum] = true;
  rt->any_signal = true;
}

void ifl_task_set_signal(lua_State *L, int signum)
{
  struct ifl_runtime *rt = ifl_runtime(L);
  iflow_error err = { 0 };
  bool none = lua_isnil(L, -1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &signals_key);
  lua_insert(L, -2);
  lua_rawseti(L, -2, signum);
  lua_pop(L, 1);
  if (ifl_loop_signal(rt->loop, signum, none ? NULL : on_signal, rt, &err) < 0) {
    ifl_pusherrortable(L, &err);
    lua_error(L);
  }
}
