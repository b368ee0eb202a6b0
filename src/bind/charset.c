/* charset.c -- Lua module core.charset: text from one character set into another;
 * lua/iflow/transform/charset.lua is the face.
 *   charset.converter { from =, to = "UTF-8", replace = } -> converter, or nil, err
 *   converter:feed(piece), converter:finish()    see piece.h
 *   converter:next() -> bytes (at most 64 KiB); nil: the piece is used up; nil, err
 *   converter:replaced() -> how many times something was replaced                                */
#include "codec/charset.h"

#include "bind/bind.h"
#include "bind/piece.h"

#define CONVERTER "iflow.charset_converter"
#define OUT_MAX   ((size_t)64 * 1024)

struct converter {
  ifl_charset *h;
  struct ifl_piece piece;
  bool ended;
};

static int converter_gc(lua_State *L)
{
  struct converter *c = luaL_checkudata(L, 1, CONVERTER);
  ifl_charset_free(c->h);
  c->h = NULL;
  return 0;
}

static int f_converter(lua_State *L)
{
  static const char *const keys[] = { "from", "to", "replace", NULL };
  iflow_error err = { 0 };
  ifl_checkkeys(L, 1, keys);
  const char *from = ifl_optstring(L, 1, "from", "UTF-8"), *to = ifl_optstring(L, 1, "to", "UTF-8");
  bool replace = ifl_optbool(L, 1, "replace", false);
  struct converter *c = ifl_newud(L, sizeof *c, CONVERTER, IFL_PIECE_UV);
  if (ifl_charset_new(&c->h, to, from, replace, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

static int m_feed(lua_State *L)
{
  struct converter *c = luaL_checkudata(L, 1, CONVERTER);
  return ifl_piece_feed(L, &c->piece);
}

static int m_finish(lua_State *L)
{
  struct converter *c = luaL_checkudata(L, 1, CONVERTER);
  return ifl_piece_finish(L, &c->piece);
}

/* Fills out; 0 bytes: the piece (or all) is used up. */
static int next_bytes(struct converter *c, char *out, size_t *made, iflow_error *err)
{
  int rc = 0;
  *made = 0;
  while (rc == 0 && *made == 0 && c->piece.n > 0)
    rc = ifl_charset_step(c->h, &c->piece.s, &c->piece.n, out, OUT_MAX, made, err);
  if (rc < 0 || *made > 0 || c->ended || !c->piece.ended) return rc;
  c->ended = true;
  return ifl_charset_finish(c->h, out, OUT_MAX, made, err);
}

static int m_next(lua_State *L)
{
  struct converter *c = luaL_checkudata(L, 1, CONVERTER);
  iflow_error err = { 0 };
  size_t made = 0;
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, OUT_MAX);
  if (next_bytes(c, out, &made, &err) < 0) return ifl_pusherror(L, &err);
  luaL_pushresultsize(&b, made);
  if (made == 0) lua_pushnil(L);
  return 1;
}

static int m_replaced(lua_State *L)
{
  struct converter *c = luaL_checkudata(L, 1, CONVERTER);
  lua_pushinteger(L, (lua_Integer)ifl_charset_replaced(c->h));
  return 1;
}

int ifl_open_charset(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "converter", f_converter }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "feed", m_feed },
                                      { "finish", m_finish },
                                      { "next", m_next },
                                      { "replaced", m_replaced },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", converter_gc }, { NULL, NULL } };
  ifl_newclass(L, CONVERTER, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
