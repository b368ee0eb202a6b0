/* fine_clock.c -- for the benchmark's clients: the monotonic clock in nanoseconds, where the
 * product's own has milliseconds. require "fine_clock" is a function -> seconds. */
#include <lauxlib.h>
#include <time.h>

static int now(lua_State *L)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
  return 1;
}

int luaopen_fine_clock(lua_State *L)
{
  lua_pushcfunction(L, now);
  return 1;
}
