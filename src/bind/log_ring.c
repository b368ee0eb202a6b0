/* log_ring.c -- core.log.ring: the last lines of the log, for a page that shows it. There is one at a
 * time.
 *   local ring <close> = log.ring(500)   -- lines at most, 1 to 10000
 *   ring:lines([after]) -> list of { number =, json = the line as a JSON object }, oldest first; only
 *                          those with a number behind `after`; and the number of the last line
 *   ring:close()                         -- optional; __gc and __close do the same */
#include "base/log.h"
#include "bind/bind.h"

#include <stdlib.h>
#include <string.h>

#define RING           "iflow.log_ring"
#define RING_LINES_MAX 10000

struct kept {
  char *text;
  size_t n;
};

struct ring {
  struct ifl_log *log; /* NULL: closed */
  struct kept *lines;  /* line k is at k % size */
  size_t size;
  lua_Integer count; /* lines so far: the number of the last one */
};

static void on_line(void *payload, const char *json, size_t n)
{
  struct ring *r = payload;
  struct kept *k = &r->lines[(size_t)r->count % r->size];
  while (n > 0 && json[n - 1] == '\n') n--;
  char *text = malloc(n + 1);
  if (text == NULL) return; /* the log itself has the line */
  memcpy(text, json, n);
  free(k->text);
  *k = (struct kept) { text, n };
  r->count++;
}

static int ring_close(lua_State *L)
{
  struct ring *r = luaL_checkudata(L, 1, RING);
  if (r->log != NULL && r->log->tap_payload == r) {
    r->log->tap = NULL;
    r->log->tap_payload = NULL;
  }
  r->log = NULL;
  for (size_t i = 0; r->lines != NULL && i < r->size; i++) free(r->lines[i].text);
  free(r->lines);
  r->lines = NULL;
  return 0;
}

static int m_lines(lua_State *L)
{
  struct ring *r = luaL_checkudata(L, 1, RING);
  lua_Integer after = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, r->log != NULL, 1, "the ring is closed");
  lua_Integer first = r->count > (lua_Integer)r->size ? r->count - (lua_Integer)r->size : 0;
  if (after > first) first = after;
  lua_newtable(L);
  for (lua_Integer k = first, i = 1; k < r->count; k++, i++) {
    const struct kept *line = &r->lines[(size_t)k % r->size];
    lua_createtable(L, 0, 2);
    lua_pushinteger(L, k + 1);
    lua_setfield(L, -2, "number");
    lua_pushlstring(L, line->text, line->n);
    lua_setfield(L, -2, "json");
    lua_rawseti(L, -2, i);
  }
  lua_pushinteger(L, r->count);
  return 2;
}

int ifl_log_ring(lua_State *L)
{
  lua_Integer size = luaL_checkinteger(L, 1);
  struct ifl_log *log = ifl_loop_log(ifl_loop(L));
  luaL_argcheck(L, size >= 1 && size <= RING_LINES_MAX, 1, "a ring has 1 to 10000 lines");
  if (log->tap != NULL) ifl_raise(L, "the log has a ring already");
  struct ring *r = ifl_newud(L, sizeof *r, RING, 0);
  r->lines = calloc((size_t)size, sizeof *r->lines);
  if (r->lines == NULL) return luaL_error(L, "not enough memory");
  r->size = (size_t)size;
  r->log = log;
  log->tap_payload = r;
  log->tap = on_line;
  return 1;
}

void ifl_log_ring_open(lua_State *L)
{
  static const luaL_Reg methods[] = { { "lines", m_lines },
                                      { "close", ring_close },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", ring_close },
                                   { "__close", ring_close },
                                   { NULL, NULL } };
  ifl_newclass(L, RING, methods, meta);
}
