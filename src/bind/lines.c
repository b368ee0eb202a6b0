/* lines.c -- Lua module core.lines: bytes into lines; lua/iflow/transform/lines.lua is the face.
 *   lines.reader { max_line = }
 *   reader:feed(piece), reader:finish()    see piece.h
 *   reader:next() -> text, number          nil: the piece is used up; nil, err: no use to go on;
 *                                          false, number, err: this line is bad */
#include "codec/lines.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/piece.h"

#define READER "iflow.lines_reader"

struct reader {
  struct ifl_lines lines;
  struct ifl_piece piece;
};

static int reader_gc(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  ifl_lines_done(&r->lines);
  return 0;
}

static int f_reader(lua_State *L)
{
  static const char *const keys[] = { "max_line", NULL };
  ifl_checkkeys(L, 1, keys);
  size_t max = (size_t)ifl_optinteger(L, 1, "max_line", (lua_Integer)IFL_LINES_MAX, 1,
                                      (lua_Integer)IFL_LINES_CEIL);
  struct reader *r = ifl_newud(L, sizeof *r, READER, IFL_PIECE_UV);
  ifl_lines_init(&r->lines, max, 0, false);
  return 1;
}

static int m_feed(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  return ifl_piece_feed(L, &r->piece);
}

static int m_finish(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  ifl_piece_finish(L, &r->piece);
  ifl_lines_end(&r->lines);
  return 0;
}

static int m_next(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  iflow_error err;
  ifl_error_clear(&err);
  int rc;
  while ((rc = ifl_lines_next(&r->lines, &err)) == 0 && r->piece.n > 0)
    if (ifl_lines_feed(&r->lines, &r->piece.s, &r->piece.n, &err) < 0)
      return ifl_pusherror(L, &err);
  if (rc == 0) {
    lua_pushnil(L);
    return 1;
  }
  if (rc > 0) lua_pushlstring(L, r->lines.text, r->lines.n);
  else lua_pushboolean(L, 0);
  lua_pushinteger(L, (lua_Integer)r->lines.number);
  if (rc > 0) return 2;
  ifl_pusherrortable(L, &err);
  return 3;
}

int ifl_open_lines(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "reader", f_reader }, { NULL, NULL } };
  static const luaL_Reg methods[] = {
    { "feed", m_feed }, { "finish", m_finish }, { "next", m_next }, { NULL, NULL }
  };
  static const luaL_Reg meta[] = { { "__gc", reader_gc }, { NULL, NULL } };
  ifl_newclass(L, READER, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
