/* two_states.c -- a program with two Lua states on one thread, for spec/unit/bind/state_spec.lua.
 * Usage: two_states FIRST SECOND. Both scripts get a function `other`, which runs the other state's
 * script now, inside the one that calls it. The first state is closed before the second. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include <stdio.h>

struct side {
  lua_State *L;
  const char *path;
  int status;
};

static void run(struct side *s)
{
  if (luaL_dofile(s->L, s->path) == LUA_OK) return;
  fprintf(stderr, "%s\n", lua_tostring(s->L, -1));
  s->status = 1;
}

static int other(lua_State *L)
{
  run(lua_touserdata(L, lua_upvalueindex(1)));
  return 0;
}

static void open_side(struct side *s, struct side *partner)
{
  s->L = luaL_newstate();
  luaL_openlibs(s->L);
  lua_pushlightuserdata(s->L, partner);
  lua_pushcclosure(s->L, other, 1);
  lua_setglobal(s->L, "other");
}

int main(int argc, char **argv)
{
  struct side first = { NULL, argc > 2 ? argv[1] : "", 0 };
  struct side second = { NULL, argc > 2 ? argv[2] : "", 0 };
  open_side(&first, &second);
  open_side(&second, &first);
  run(&first);
  lua_close(first.L);
  if (luaL_dostring(second.L, "if after then after() end") != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(second.L, -1));
    second.status = 1;
  }
  lua_close(second.L);
  return first.status | second.status;
}
