/* fixed_width.c -- Lua module core.fixed_width: lines (or stretches of one length) cut into columns;
 * lua/iflow/transform/fixed_width.lua is the face.
 *   fixed_width.reader { columns = { { name =, from =, width =, trim = "both"|"left"|"right"|"none" },
 *     … }, record_length =, bytes =, pad =, max_line =, skip_empty = }
 *     from counts from 1; records are lists when the columns have no names
 *   reader:feed(piece), reader:finish()      see piece.h
 *   reader:next() -> record, line, number    nil: the piece is used up; nil, err: no use to go on;
 *                                            false, line, number, err, text: this record is bad
 *   reader:text() -> the last record as it stands in the input
 * Lines are counted from 1; without line breaks they are the records.                             */
#include "codec/fixed_width.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/piece.h"
#include "codec/lines.h"

#include <string.h>

#define READER "iflow.fixed_width_reader"

enum { NAMES_UV = IFL_PIECE_UV + 1, COLUMNS_UV, READER_UVS = COLUMNS_UV };

struct reader {
  struct ifl_lines lines;
  struct ifl_cutter cutter;
  struct ifl_piece piece;
  bool named, skip_empty;
  uint64_t number;
};

static int reader_gc(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  ifl_lines_done(&r->lines);
  ifl_cutter_done(&r->cutter);
  return 0;
}

/* Pushes a userdata with the columns of the list at the top, and a list of their names (or nil). */
static struct ifl_column *check_columns(lua_State *L, size_t *count, bool *named)
{
  static const char *const trims[] = { "none", "left", "right", "both", NULL };
  luaL_checktype(L, -1, LUA_TTABLE);
  int list = lua_gettop(L);
  size_t n = lua_rawlen(L, list);
  if (n == 0 || n > IFL_FIXED_COLUMNS_MAX) ifl_raise(L, "1 to %d columns", IFL_FIXED_COLUMNS_MAX);
  struct ifl_column *columns = lua_newuserdatauv(L, n * sizeof *columns, 0);
  lua_createtable(L, (int)n, 0);
  *named = false;
  for (size_t i = 0; i < n; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    lua_Integer from = ifl_optinteger(L, -1, "from", 1, 1, IFL_FIXED_WIDTH_MAX);
    lua_Integer width = ifl_optinteger(L, -1, "width", 1, 1, IFL_FIXED_WIDTH_MAX - from + 1);
    int trim = ifl_optword(L, -1, "trim", IFL_TRIM_LEFT | IFL_TRIM_RIGHT, trims);
    columns[i] = (struct ifl_column) { (size_t)from - 1, (size_t)width, trim };
    lua_getfield(L, -1, "name");
    *named = *named || !lua_isnil(L, -1);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
    lua_pop(L, 1);
  }
  *count = n;
  return columns;
}

static int f_reader(lua_State *L)
{
  static const char *const keys[] = { "columns",  "record_length", "bytes", "pad",
                                      "max_line", "skip_empty",    NULL };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  size_t max = (size_t)ifl_optinteger(L, 1, "max_line", (lua_Integer)IFL_LINES_MAX, 1,
                                      (lua_Integer)IFL_LINES_CEIL);
  size_t length = (size_t)ifl_optinteger(L, 1, "record_length", 0, 0, IFL_FIXED_WIDTH_MAX);
  bool bytes = ifl_optbool(L, 1, "bytes", false), pad = ifl_optbool(L, 1, "pad", false);
  bool skip_empty = ifl_optbool(L, 1, "skip_empty", true), named = false;
  size_t count = 0;
  lua_getfield(L, 1, "columns");
  struct ifl_column *columns = check_columns(L, &count, &named);
  struct reader *r = ifl_newud(L, sizeof *r, READER, READER_UVS);
  ifl_lines_init(&r->lines, max, length, bytes);
  ifl_cutter_init(&r->cutter, columns, count, bytes, pad);
  r->named = named;
  r->skip_empty = skip_empty && length == 0;
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, NAMES_UV);
  lua_pushvalue(L, -3);
  lua_setiuservalue(L, -2, COLUMNS_UV);
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

static void push_record(lua_State *L, const struct reader *r)
{
  lua_getiuservalue(L, 1, NAMES_UV);
  int names_at = lua_gettop(L), count = (int)r->cutter.count;
  lua_createtable(L, r->named ? 0 : count, r->named ? count : 0);
  for (int i = 0; i < count; i++) {
    size_t n = 0;
    const char *s = ifl_cutter_column(&r->cutter, r->lines.text, (size_t)i, &n);
    if (r->named && lua_rawgeti(L, names_at, i + 1) == LUA_TNIL) {
      lua_pop(L, 1); /* a column without a name is left out */
      continue;
    }
    lua_pushlstring(L, s, n);
    if (r->named) lua_rawset(L, -3);
    else lua_rawseti(L, -2, i + 1);
  }
}

static int next_line(struct reader *r, iflow_error *err)
{
  for (;;) {
    int rc = ifl_lines_next(&r->lines, err);
    if (rc < 0 || (rc > 0 && (r->lines.n > 0 || !r->skip_empty))) return rc;
    if (rc > 0) continue;
    if (r->piece.n == 0) return 0;
    rc = ifl_lines_feed(&r->lines, &r->piece.s, &r->piece.n, err);
    if (rc < 0) return IFLOW_ENOMEM;
  }
}

static int push_bad(lua_State *L, const struct reader *r, const iflow_error *err)
{
  lua_pushboolean(L, 0);
  lua_pushinteger(L, (lua_Integer)r->lines.number);
  lua_pushinteger(L, (lua_Integer)r->number);
  ifl_pusherrortable(L, err);
  if (r->lines.text != NULL) lua_pushlstring(L, r->lines.text, r->lines.n);
  else lua_pushnil(L);
  return 5;
}

static int m_next(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  iflow_error err;
  ifl_error_clear(&err);
  lua_settop(L, 1);
  int rc = next_line(r, &err);
  if (rc == 0) {
    lua_pushnil(L);
    return 1;
  }
  r->number++;
  if (rc > 0) rc = ifl_cutter_line(&r->cutter, r->lines.text, r->lines.n, &err);
  if (rc == IFLOW_ENOMEM) return ifl_pusherror(L, &err);
  if (rc < 0) return push_bad(L, r, &err);
  push_record(L, r);
  lua_pushinteger(L, (lua_Integer)r->lines.number);
  lua_pushinteger(L, (lua_Integer)r->number);
  return 3;
}

static int m_text(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  lua_pushlstring(L, r->lines.text != NULL ? r->lines.text : "", r->lines.n);
  return 1;
}

int ifl_open_fixed_width(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "reader", f_reader }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "feed", m_feed },
                                      { "finish", m_finish },
                                      { "next", m_next },
                                      { "text", m_text },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", reader_gc }, { NULL, NULL } };
  ifl_newclass(L, READER, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
