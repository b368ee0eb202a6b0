/* lua.c -- the interpreter of the sanitizer build: lua5.4 as the specs use it, instrumented, so
 * that no runtime has to be preloaded into it and its children. It also knows how to make things
 * fail, for spec/torture, through a module of its own:
 *   fault.arm(kind, n)   the n-th event of the kind from now fails: "malloc" (C code of iflow),
 *                        "lua" (growth of Lua's memory), "send", "recv" (a socket: the connection
 *                        is cut there and then); "trickle": nothing fails, but every send and
 *                        receive from the n-th on moves a single byte
 *   fault.disarm()       -> whether it happened, and how many events were seen
 * send and recv are defined here: the program's own definitions come before the C library's. */
#include "fault.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

static const char *const kind_names[] = { "malloc", "lua", "send", "recv", "trickle", NULL };

/* Of the process, since the hooks below have no other place to look; threads count, too. */
static struct {
  atomic_int kind; /* FAULT_KINDS: nothing is armed */
  atomic_long at, seen;
  atomic_bool fired;
} fault = { FAULT_KINDS, 0, 0, false };

bool fault_hit(enum fault_kind kind)
{
  if (atomic_load(&fault.kind) != (int)kind) return false;
  long nth = atomic_fetch_add(&fault.seen, 1) + 1, at = atomic_load(&fault.at);
  if (kind == FAULT_TRICKLE ? nth < at : nth != at) return false;
  atomic_store(&fault.fired, true);
  return true;
}

static int f_arm(lua_State *L)
{
  int kind = luaL_checkoption(L, 1, NULL, kind_names);
  lua_Integer at = luaL_checkinteger(L, 2);

  atomic_store(&fault.kind, FAULT_KINDS);
  atomic_store(&fault.at, (long)at);
  atomic_store(&fault.seen, 0);
  atomic_store(&fault.fired, false);
  atomic_store(&fault.kind, kind);
  return 0;
}

static int f_disarm(lua_State *L)
{
  atomic_store(&fault.kind, FAULT_KINDS);
  lua_pushboolean(L, atomic_load(&fault.fired));
  lua_pushinteger(L, atomic_load(&fault.seen));
  return 2;
}

static int open_fault(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "arm", f_arm }, { "disarm", f_disarm }, { NULL, NULL } };
  luaL_newlib(L, funcs);
  return 1;
}

static int cut(int fd)
{
  shutdown(fd, SHUT_RDWR);
  errno = ECONNRESET;
  return -1;
}

__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
  ssize_t (*next)(int, const void *, size_t, int);

  *(void **)&next = dlsym(RTLD_NEXT, "send");
  if (n > 1 && fault_hit(FAULT_TRICKLE)) n = 1;
  return fault_hit(FAULT_SEND) ? cut(fd) : next(fd, data, n, flags);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void *data, size_t n, int flags)
{
  ssize_t (*next)(int, void *, size_t, int);

  *(void **)&next = dlsym(RTLD_NEXT, "recv");
  if (n > 1 && fault_hit(FAULT_TRICKLE)) n = 1;
  return fault_hit(FAULT_RECV) ? cut(fd) : next(fd, data, n, flags);
}

/* Lua answers a refused block with a collection and asks once more: that must fail, too. */
struct refusal {
  void *block;
  size_t size;
};

static void *allocate(void *payload, void *block, size_t old_size, size_t size)
{
  struct refusal *last = payload;

  if (size == 0) {
    free(block);
    return NULL;
  }
  if (block == NULL || size > old_size) {
    bool again = last->size == size && last->block == block;
    last->size = 0;
    if (again) return NULL;
    if (fault_hit(FAULT_LUA)) {
      last->size = size;
      last->block = block;
      return NULL;
    }
  }
  return realloc(block, size);
}

static int with_traceback(lua_State *L)
{
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

/* lua [-e CODE] SCRIPT [ARG…]: argv as a light userdata, argc; all that can raise happens here. */
static int protected_main(lua_State *L)
{
  char **argv = lua_touserdata(L, 1);
  int argc = (int)lua_tointeger(L, 2);
  int script = 1;

  luaL_openlibs(L);
  luaL_requiref(L, "fault", open_fault, 0);
  lua_pop(L, 1);
  if (argc > 2 && strcmp(argv[1], "-e") == 0) {
    if (luaL_dostring(L, argv[2]) != LUA_OK) return lua_error(L);
    script = 3;
  }
  if (argc <= script) return 0;
  luaL_checkstack(L, argc, "too many arguments");
  lua_createtable(L, argc, 1);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
  if (luaL_loadfile(L, argv[script]) != LUA_OK) return lua_error(L);
  for (int i = script + 1; i < argc; i++) lua_pushstring(L, argv[i]);
  lua_call(L, argc - script - 1, 0);
  return 0;
}

int main(int argc, char **argv)
{
  struct refusal last = { NULL, 0 };
  lua_State *L = lua_newstate(allocate, &last);
  int status;

  if (L == NULL) return EXIT_FAILURE;
  lua_pushcfunction(L, with_traceback);
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, argv);
  lua_pushinteger(L, argc);
  status = lua_pcall(L, 2, 0, 1);
  if (status != LUA_OK) fprintf(stderr, "lua: %s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
