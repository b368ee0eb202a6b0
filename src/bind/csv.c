/* csv.c -- Lua module core.csv: CSV into records and back; lua/iflow/transform/{csv,to_csv}.lua are
 * the face.
 *   csv.reader { delimiter =, quote =, trim =, skip =, max_record =, header =, null =, null_value = }
 *     header      true: the first record has the names; a list of names; false: records are lists
 *     null        a field with just this text and no quotes becomes null_value
 *   reader:feed(piece), reader:finish()            see piece.h
 *   reader:next() -> record, line, number          nil: the piece is used up; nil, err: no use to
 *                                                  go on; false, line, number, err, text: this
 *                                                  record is bad (text: as it stands in the input)
 *   reader:header() -> the names, or nil
 *   csv.writer { delimiter =, quote =, quote_all =, null =, null_value =, line_end =, columns = }
 *   writer:line(record) -> text, or nil, err       a list, or by columns; writer:header() */
#include "codec/csv.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/piece.h"
#include "codec/json.h"

#include <string.h>

#define READER  "iflow.csv_reader"
#define WRITER  "iflow.csv_writer"
#define OUT_MAX ((size_t)1 << 30) /* bytes of a written line */

enum { NAMES_UV = IFL_PIECE_UV + 1, NULL_UV, NULL_TEXT_UV, READER_UVS = NULL_TEXT_UV };
enum { COLUMNS_UV = 1, WRITER_NULL_UV, WRITER_TEXT_UV, LINE_END_UV, WRITER_UVS = LINE_END_UV };

/* A text of the options, pinned by a user value. */
struct text {
  const char *s;
  size_t n;
};

static struct text opt_text(lua_State *L, int arg, const char *key, int uv)
{
  struct text text = { NULL, 0 };
  text.s = ifl_optlstring(L, arg, key, &text.n);
  lua_getfield(L, arg, key);
  lua_setiuservalue(L, -2, uv);
  return text;
}

static unsigned char opt_byte(lua_State *L, int arg, const char *key, char def)
{
  size_t n = 1;
  const char *s = ifl_optlstring(L, arg, key, &n);
  if (s == NULL) return (unsigned char)def;
  if (n != 1 || *s == '\r' || *s == '\n') ifl_raise(L, "option '%s' must be one byte", key);
  return (unsigned char)*s;
}

static struct ifl_csv_options check_options(lua_State *L, int arg)
{
  struct ifl_csv_options o = { .delimiter = opt_byte(L, arg, "delimiter", ',') };
  lua_getfield(L, arg, "quote");
  bool none = lua_isboolean(L, -1) && !lua_toboolean(L, -1);
  lua_pop(L, 1);
  o.quote = none ? IFL_CSV_NO_QUOTE : opt_byte(L, arg, "quote", '"');
  if (o.quote == o.delimiter) ifl_raise(L, "delimiter and quote must differ");
  return o;
}

/* ---- reading ---- */

struct reader {
  struct ifl_csv_reader csv;
  struct ifl_piece piece;
  struct text null;
  size_t names; /* how many; 0 without a header */
  bool header_wanted;
  uint64_t number; /* of the last record */
};

static int reader_gc(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  ifl_csv_reader_done(&r->csv);
  return 0;
}

static struct reader *check_reader(lua_State *L)
{
  return luaL_checkudata(L, 1, READER);
}

static void set_header(lua_State *L, struct reader *r)
{
  lua_getfield(L, 1, "header");
  if (lua_istable(L, -1)) {
    r->names = lua_rawlen(L, -1);
    lua_setiuservalue(L, -2, NAMES_UV);
    return;
  }
  r->header_wanted = lua_isnil(L, -1) || lua_toboolean(L, -1);
  lua_pop(L, 1);
}

static int f_reader(lua_State *L)
{
  static const char *const keys[] = { "delimiter", "quote", "trim",       "skip", "max_record",
                                      "header",    "null",  "null_value", NULL };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  struct ifl_csv_options o = check_options(L, 1);
  o.trim = ifl_optbool(L, 1, "trim", false);
  o.skip = (size_t)ifl_optinteger(L, 1, "skip", 0, 0, INT32_MAX);
  o.record_max = (size_t)ifl_optinteger(L, 1, "max_record", (lua_Integer)IFL_CSV_RECORD_MAX, 1,
                                        (lua_Integer)IFL_CSV_RECORD_CEIL);
  struct reader *r = ifl_newud(L, sizeof *r, READER, READER_UVS);
  ifl_csv_reader_init(&r->csv, &o);
  r->null = opt_text(L, 1, "null", NULL_TEXT_UV);
  lua_getfield(L, 1, "null_value");
  lua_setiuservalue(L, -2, NULL_UV);
  set_header(L, r);
  return 1;
}

static int m_feed(lua_State *L)
{
  return ifl_piece_feed(L, &check_reader(L)->piece);
}

static int m_finish(lua_State *L)
{
  struct reader *r = check_reader(L);
  ifl_piece_finish(L, &r->piece);
  ifl_csv_reader_end(&r->csv);
  return 0;
}

/* Pushes field i, which has doubled quotes or may stand for null: that value is at null_at. */
static int push_special(lua_State *L, struct reader *r, size_t i, int null_at, iflow_error *err)
{
  size_t n = 0;
  const char *s = ifl_csv_reader_field(&r->csv, i, &n, err);
  if (s == NULL) return err->code;
  if (r->null.s != NULL && n == r->null.n && memcmp(s, r->null.s, n) == 0 &&
      !r->csv.fields[i].quoted)
    lua_pushvalue(L, null_at);
  else lua_pushlstring(L, s, n);
  return 0;
}

/* Pushes field i; most are just as they stand in the input. */
static int push_field(lua_State *L, struct reader *r, size_t i, int null_at, iflow_error *err)
{
  const struct ifl_csv_field *field = &r->csv.fields[i];
  if (field->escaped || r->null.s != NULL) return push_special(L, r, i, null_at, err);
  lua_pushlstring(L, r->csv.text + field->at, field->n);
  return 0;
}

/* The name at the top must not be empty, and not be in the set below it. */
static int check_name(lua_State *L, size_t i, iflow_error *err)
{
  int rc = 0;
  if (lua_rawlen(L, -1) == 0) {
    rc = ifl_fail(err, IFLOW_ETRANSFORMDATA, "the header has no name for field %zu", i + 1);
  } else {
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL)
      rc = ifl_fail(err, IFLOW_ETRANSFORMDATA,
                    "fields %lld and %zu of the header have the same name",
                    (long long)lua_tointeger(L, -1), i + 1);
    lua_pop(L, 1);
  }
  if (rc < 0) ifl_hint(err, "give names of your own: header = { … }, skip = 1");
  return rc;
}

/* The record just read is the header. */
static int take_header(lua_State *L, struct reader *r, iflow_error *err)
{
  size_t n = 0;
  lua_createtable(L, (int)r->csv.count, 0);
  lua_createtable(L, 0, (int)r->csv.count);
  for (size_t i = 0; i < r->csv.count; i++) {
    const char *s = ifl_csv_reader_field(&r->csv, i, &n, err);
    if (s == NULL) return err->code;
    lua_pushlstring(L, s, n);
    int rc = check_name(L, i, err);
    if (rc < 0) return rc;
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, (lua_Integer)i + 1);
    lua_pushinteger(L, (lua_Integer)i + 1);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, 1, NAMES_UV);
  r->names = r->csv.count;
  r->header_wanted = false;
  return 0;
}

static int push_list(lua_State *L, struct reader *r, int null_at, iflow_error *err)
{
  lua_createtable(L, (int)r->csv.count, 0);
  for (size_t i = 0; i < r->csv.count; i++) {
    int rc = push_field(L, r, i, null_at, err);
    if (rc < 0) return rc;
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 0;
}

static int push_named(lua_State *L, struct reader *r, int null_at, iflow_error *err)
{
  if (r->csv.count != r->names)
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "%zu field%s where %zu are expected", r->csv.count,
                    r->csv.count == 1 ? "" : "s", r->names);
  lua_getiuservalue(L, 1, NAMES_UV);
  int names_at = lua_gettop(L);
  lua_createtable(L, 0, (int)r->csv.count);
  for (size_t i = 0; i < r->csv.count; i++) {
    lua_rawgeti(L, names_at, (lua_Integer)i + 1);
    int rc = push_field(L, r, i, null_at, err);
    if (rc < 0) return rc;
    lua_rawset(L, -3);
  }
  return 0;
}

/* false, line, number, err, text */
static int push_bad(lua_State *L, struct reader *r, const iflow_error *err)
{
  lua_pushboolean(L, 0);
  lua_pushinteger(L, (lua_Integer)r->csv.line);
  lua_pushinteger(L, (lua_Integer)r->number);
  ifl_pusherrortable(L, err);
  if (r->csv.text != NULL) lua_pushlstring(L, r->csv.text, r->csv.length);
  else lua_pushnil(L);
  return 5;
}

static int push_record(lua_State *L, struct reader *r, iflow_error *err)
{
  lua_getiuservalue(L, 1, NULL_UV);
  int null_at = lua_gettop(L);
  int rc = r->names > 0 ? push_named(L, r, null_at, err) : push_list(L, r, null_at, err);
  if (rc < 0) return rc;
  lua_pushinteger(L, (lua_Integer)r->csv.line);
  lua_pushinteger(L, (lua_Integer)r->number);
  return 0;
}

/* The next record, reading on in the piece as far as needed. */
static int next_record(struct reader *r, iflow_error *err)
{
  int rc;
  while ((rc = ifl_csv_reader_next(&r->csv, err)) == 0 && r->piece.n > 0) {
    rc = ifl_csv_reader_feed(&r->csv, &r->piece.s, &r->piece.n, err);
    if (rc < 0) break;
  }
  return rc;
}

static int m_next(lua_State *L)
{
  struct reader *r = check_reader(L);
  iflow_error err;
  ifl_error_clear(&err);
  lua_settop(L, 1);
  for (;;) {
    int rc = next_record(r, &err);
    if (rc == IFLOW_ENOMEM) return ifl_pusherror(L, &err);
    if (rc == 0) {
      lua_pushnil(L);
      return 1;
    }
    if (r->header_wanted) {
      if (rc > 0) rc = take_header(L, r, &err);
      if (rc == 0) continue;
      ifl_prefix(&err, "line %llu", (unsigned long long)r->csv.line);
      return ifl_pusherror(L, &err);
    }
    r->number++;
    if (rc > 0) rc = push_record(L, r, &err);
    if (rc == IFLOW_ENOMEM) return ifl_pusherror(L, &err);
    return rc < 0 ? push_bad(L, r, &err) : 3;
  }
}

static int m_header(lua_State *L)
{
  check_reader(L);
  lua_getiuservalue(L, 1, NAMES_UV);
  return 1;
}

/* ---- writing ---- */

struct writer {
  struct ifl_csv_options options;
  struct ifl_buf out, number;
  struct text null, line_end;
  bool quote_all;
};

static int writer_gc(lua_State *L)
{
  struct writer *w = luaL_checkudata(L, 1, WRITER);
  ifl_buf_done(&w->out);
  ifl_buf_done(&w->number);
  return 0;
}

static int f_writer(lua_State *L)
{
  static const char *const keys[] = { "delimiter",  "quote",    "quote_all", "null",
                                      "null_value", "line_end", "columns",   NULL };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  struct ifl_csv_options o = check_options(L, 1);
  struct writer *w = ifl_newud(L, sizeof *w, WRITER, WRITER_UVS);
  w->options = o;
  ifl_buf_init(&w->out, OUT_MAX);
  ifl_buf_init(&w->number, IFL_JSON_NUMBER_MAX);
  w->quote_all = ifl_optbool(L, 1, "quote_all", false);
  w->null = opt_text(L, 1, "null", WRITER_TEXT_UV);
  w->line_end = opt_text(L, 1, "line_end", LINE_END_UV);
  if (w->line_end.s == NULL) w->line_end = (struct text) { "\r\n", 2 };
  lua_getfield(L, 1, "null_value");
  lua_setiuservalue(L, -2, WRITER_NULL_UV);
  lua_getfield(L, 1, "columns");
  lua_setiuservalue(L, -2, COLUMNS_UV);
  return 1;
}

static int write_text(struct writer *w, const char *s, size_t n, iflow_error *err)
{
  bool like_null = w->null.s != NULL && n == w->null.n && memcmp(s, w->null.s, n) == 0;
  return ifl_csv_write_field(&w->out, &w->options, s, n, w->quote_all || like_null, err);
}

static int write_number(lua_State *L, struct writer *w, iflow_error *err)
{
  struct ifl_json_writer json;
  ifl_buf_clear(&w->number);
  ifl_json_writer_init(&json, &w->number, false);
  int rc = lua_isinteger(L, -1) ? ifl_json_write_integer(&json, lua_tointeger(L, -1), err)
                                : ifl_json_write_number(&json, lua_tonumber(L, -1), err);
  return rc < 0 ? rc : write_text(w, w->number.data, w->number.len, err);
}

/* The value at the top; null_value is at 3. */
static int write_value(lua_State *L, struct writer *w, iflow_error *err)
{
  size_t n = 0;
  const char *s = NULL;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: s = lua_tolstring(L, -1, &n); return write_text(w, s, n, err);
  case LUA_TNUMBER: return write_number(L, w, err);
  case LUA_TBOOLEAN:
    s = lua_toboolean(L, -1) ? "true" : "false";
    return write_text(w, s, strlen(s), err);
  default:
    if (lua_isnil(L, -1) || lua_rawequal(L, -1, 3))
      return w->null.s != NULL ? ifl_buf_add(&w->out, w->null.s, w->null.n, err) : 0;
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "a %s is no text for a field", luaL_typename(L, -1));
  }
}

/* Field i: of the record at 2, by the name in the columns at 4 when there are any. */
static int write_column(lua_State *L, struct writer *w, lua_Integer i, bool named, iflow_error *err)
{
  char delimiter = (char)w->options.delimiter;
  int rc = i > 1 ? ifl_buf_add(&w->out, &delimiter, 1, err) : 0;
  if (rc < 0) return rc;
  if (named) {
    lua_rawgeti(L, 4, i);
    lua_rawget(L, 2);
  } else {
    lua_rawgeti(L, 2, i);
  }
  rc = write_value(L, w, err);
  lua_pop(L, 1);
  if (rc == IFLOW_ETRANSFORMDATA || rc == IFLOW_EENCODE)
    ifl_prefix(err, "field %lld", (long long)i);
  return rc;
}

/* The record at 2 by position, or by the names of the columns. */
static int write_fields(lua_State *L, struct writer *w, bool named, iflow_error *err)
{
  lua_getiuservalue(L, 1, WRITER_NULL_UV);
  bool columns = lua_getiuservalue(L, 1, COLUMNS_UV) == LUA_TTABLE;
  lua_Integer given = (lua_Integer)lua_rawlen(L, 2),
              count = columns ? (lua_Integer)lua_rawlen(L, 4) : given;
  if (given > count)
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "%lld fields for %lld columns", (long long)given,
                    (long long)count);
  int rc = 0;
  for (lua_Integer i = 1; rc == 0 && i <= count; i++)
    rc = write_column(L, w, i, named && columns, err);
  return rc;
}

static int write_line(lua_State *L, struct writer *w, bool named)
{
  iflow_error err;
  lua_settop(L, 2);
  ifl_buf_clear(&w->out);
  int rc = write_fields(L, w, named, &err);
  if (rc == 0 && w->out.len == 0) /* an empty line would be no record */
    rc = ifl_csv_write_field(&w->out, &w->options, "", 0, true, &err);
  if (rc == 0) rc = ifl_buf_add(&w->out, w->line_end.s, w->line_end.n, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, w->out.data, w->out.len);
  return 1;
}

static int m_line(lua_State *L)
{
  struct writer *w = luaL_checkudata(L, 1, WRITER);
  luaL_checktype(L, 2, LUA_TTABLE);
  return write_line(L, w, lua_rawlen(L, 2) == 0);
}

static int m_writer_header(lua_State *L)
{
  struct writer *w = luaL_checkudata(L, 1, WRITER);
  lua_settop(L, 1);
  if (lua_getiuservalue(L, 1, COLUMNS_UV) != LUA_TTABLE) ifl_raise(L, "there are no columns");
  return write_line(L, w, false);
}

int ifl_open_csv(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "reader", f_reader },
                                    { "writer", f_writer },
                                    { NULL, NULL } };
  static const luaL_Reg methods[] = { { "feed", m_feed },
                                      { "finish", m_finish },
                                      { "next", m_next },
                                      { "header", m_header },
                                      { NULL, NULL } };
  static const luaL_Reg writer_methods[] = { { "line", m_line },
                                             { "header", m_writer_header },
                                             { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", reader_gc }, { NULL, NULL } };
  static const luaL_Reg writer_meta[] = { { "__gc", writer_gc }, { NULL, NULL } };
  ifl_newclass(L, READER, methods, meta);
  ifl_newclass(L, WRITER, writer_methods, writer_meta);
  luaL_newlib(L, funcs);
  return 1;
}
