/* json.c -- iflow.json: straight between JSON text and Lua tables.
 *   json.decode(text [, { numbers =, duplicates =, depth = }])  -> value, or nil, err
 *     numbers     what an integer beyond 64 bits becomes that no float holds exactly either:
 *                 "exact" (the default: an error), "string" (its text; so do decimals of more
 *                 digits than a float keeps), "float" (rounded)
 *     duplicates  a name twice in one object: "error" (the default), "first", "last"
 *     depth       nesting, 128 by default, at most 1000
 *   json.encode(value [, { pretty =, sort =, depth = }])         -> text, or nil, err
 *     pretty      two spaces a level;  sort: members in the order of their names' bytes
 *   json.null         what null is decoded to, and encoded from
 *   json.array(t)     marks t, also when it is empty, to be written as [];  json.object(t): as {}
 *   json.is_array(t)  whether t is marked as an array; decoded arrays are
 *
 * Numbers: 1 is an integer, 1.0 and 1e0 are floats, both ways. A table is an array when it is
 * marked or has the keys 1 to n, else an object; an empty one without a mark is an object. Holes,
 * mixed keys, names that are not strings, functions, NaN and text that is not UTF-8 are errors that
 * name the path. Metatables other than the marks are ignored.                                     */
#include "codec/json.h"

#include "base/error.h"
#include "bind/bind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DECODER       "iflow.json_decoder" /* internal: memory of one call */
#define ENCODER       "iflow.json_encoder"
#define NULL_CLASS    "iflow.json_null"
#define DEPTH_DEFAULT 128
#define MEMBERS       4                 /* room of the first object of a depth */
#define ROOM_MAX      256               /* at most, before a table grows by itself */
#define TEXT_MAX      ((size_t)1 << 30) /* bytes of an encoded document */

/* Registry keys: the value of null and the two marks (metatables). */
static const char null_key = 0, array_key = 0, object_key = 0;

static size_t opt_depth(lua_State *L, int arg)
{
  return (size_t)ifl_optinteger(L, arg, "depth", DEPTH_DEFAULT, 1, IFL_JSON_DEPTH_MAX);
}

/* ---- decoding ---- */

enum duplicates { DUP_ERROR, DUP_FIRST, DUP_LAST };

/* What is in the open container of a depth, and how much was in the one before: those of a depth
 * are mostly alike, so the next table is made at that size. */
struct level {
  lua_Integer count;
  int items, members;
};

struct decoder {
  struct ifl_json_reader reader;
  enum duplicates duplicates;
  size_t depth;
  struct level levels[];
};

enum { NULL_AT = 3, ARRAY_AT = 4 }; /* stack of f_decode: above text and options */

static int decoder_gc(lua_State *L)
{
  struct decoder *d = luaL_checkudata(L, 1, DECODER);
  ifl_json_reader_done(&d->reader);
  return 0;
}

/* Whether the table below the name at the top has that name already. */
static bool has_name(lua_State *L)
{
  lua_pushvalue(L, -1);
  bool has = lua_rawget(L, -3) != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

static int push_name(lua_State *L, struct decoder *d, iflow_error *err)
{
  lua_pushlstring(L, d->reader.text, d->reader.len);
  if (d->duplicates != DUP_ERROR || !has_name(L)) return 0;
  return ifl_json_reader_fail(&d->reader, IFLOW_EJSON,
                              "a name occurs twice in an object; the option duplicates allows that",
                              err);
}

static void push_container(lua_State *L, struct decoder *d, bool array)
{
  struct level *level = &d->levels[++d->depth];
  luaL_checkstack(L, 6, "JSON");
  lua_createtable(L, array ? level->items : 0, array ? 0 : level->members);
  level->count = 0;
  if (!array) return;
  lua_pushvalue(L, ARRAY_AT);
  lua_setmetatable(L, -2);
}

static void pop_container(struct decoder *d, bool array)
{
  struct level *level = &d->levels[d->depth--];
  int count = level->count < ROOM_MAX ? (int)level->count : ROOM_MAX;
  if (array) level->items = count;
  else level->members = count;
}

static void push_scalar(lua_State *L, const struct ifl_json_reader *r, int event)
{
  switch (event) {
  case IFL_JSON_FALSE:
  case IFL_JSON_TRUE: lua_pushboolean(L, event == IFL_JSON_TRUE); break;
  case IFL_JSON_INTEGER: lua_pushinteger(L, r->integer); break;
  case IFL_JSON_NUMBER: lua_pushnumber(L, r->number); break;
  case IFL_JSON_DIGITS:
  case IFL_JSON_STRING: lua_pushlstring(L, r->text, r->len); break;
  default: lua_pushvalue(L, NULL_AT); break;
  }
}

/* The value at the top is complete: into the container below it, if there is one. */
static void store(lua_State *L, struct decoder *d)
{
  if (d->depth == 0) return;
  lua_Integer count = ++d->levels[d->depth].count;
  if (!ifl_json_reader_in_object(&d->reader)) {
    lua_rawseti(L, -2, count);
    return;
  }
  if (d->duplicates == DUP_FIRST) {
    lua_pushvalue(L, -2);
    if (lua_rawget(L, -4) != LUA_TNIL) {
      lua_pop(L, 3); /* the one before stays */
      return;
    }
    lua_pop(L, 1);
  }
  lua_rawset(L, -3);
}

/* Leaves the document's value at the top. */
static int decode(lua_State *L, struct decoder *d, iflow_error *err)
{
  for (;;) {
    int event = ifl_json_reader_next(&d->reader, err), rc = 0;
    switch (event) {
    case IFL_JSON_END: return 0;
    case IFL_JSON_NAME: rc = push_name(L, d, err); break;
    case IFL_JSON_OBJECT:
    case IFL_JSON_ARRAY: push_container(L, d, event == IFL_JSON_ARRAY); break;
    case IFL_JSON_OBJECT_END:
    case IFL_JSON_ARRAY_END:
      pop_container(d, event == IFL_JSON_ARRAY_END);
      store(L, d);
      break;
    default:
      if (event < 0) return event;
      push_scalar(L, &d->reader, event);
      store(L, d);
    }
    if (rc < 0) return rc;
  }
}

static int f_decode(lua_State *L)
{
  static const char *const keys[] = { "numbers", "duplicates", "depth", NULL };
  static const char *const bigs[] = { "exact", "string", "float", NULL };
  static const char *const dups[] = { "error", "first", "last", NULL };
  iflow_error err = { 0 };
  size_t n = 0, depth = DEPTH_DEFAULT;
  int big = IFL_JSON_BIG_REFUSE, duplicates = DUP_ERROR;
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, &n);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    ifl_checkkeys(L, 2, keys);
    big = ifl_optword(L, 2, "numbers", big, bigs);
    duplicates = ifl_optword(L, 2, "duplicates", duplicates, dups);
    depth = opt_depth(L, 2);
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
  struct decoder *d = ifl_newud(L, sizeof *d + (depth + 1) * sizeof *d->levels, DECODER, 0);
  ifl_json_reader_init(&d->reader, text, n, depth, (enum ifl_json_big)big);
  d->duplicates = (enum duplicates)duplicates;
  for (size_t i = 0; i <= depth; i++) d->levels[i].members = MEMBERS;
  int rc = decode(L, d, &err);
  ifl_json_reader_done(&d->reader); /* now, not when the collector comes by */
  return rc < 0 ? ifl_pusherror(L, &err) : 1;
}

/* ---- encoding ---- */

struct name {
  const char *s; /* held by the table it names a member of */
  size_t n;
};

struct encoder {
  struct ifl_json_writer writer;
  struct ifl_buf out;
  struct ifl_buf names; /* struct name: the sorted members of every open object */
  bool sort;
  size_t depth, depth_max;
  char path[160]; /* where an error is, built from the inside out */
};

static int encode(lua_State *L, struct encoder *e, iflow_error *err);

static int encoder_gc(lua_State *L)
{
  struct encoder *e = luaL_checkudata(L, 1, ENCODER);
  ifl_buf_done(&e->out);
  ifl_buf_done(&e->names);
  return 0;
}

/* Puts a step before the path of an error that is on its way out; a long path loses its end. */
static void prepend(struct encoder *e, const char *step)
{
  char old[sizeof e->path];
  memcpy(old, e->path, sizeof old);
  int n = snprintf(e->path, sizeof e->path, "%s%s", step, old);
  (void)n;
}

static int in_member(struct encoder *e, const char *name, int rc)
{
  char step[64];
  if (rc == IFLOW_EENCODE) {
    snprintf(step, sizeof step, ".%s", name);
    prepend(e, step);
  }
  return rc;
}

static int in_item(struct encoder *e, lua_Integer i, int rc)
{
  char step[32];
  if (rc == IFLOW_EENCODE) {
    snprintf(step, sizeof step, "[%lld]", (long long)i);
    prepend(e, step);
  }
  return rc;
}

/* How many keys the table at the top has; *names: whether one of them is not an integer. */
static lua_Integer count_keys(lua_State *L, bool *names)
{
  lua_Integer n = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1), n++)
    if (!lua_isinteger(L, -2)) *names = true;
  return n;
}

static bool has_mark(lua_State *L, const char *key)
{
  if (!lua_getmetatable(L, -1)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

static int encode_array(lua_State *L, struct encoder *e, iflow_error *err)
{
  bool names = false;
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  if (count_keys(L, &names) != n || names)
    return ifl_fail(err, IFLOW_EENCODE,
                    "a table with both items and names, or with holes (json.null fills them)");
  int rc = ifl_json_write_begin(&e->writer, '[', err);
  for (lua_Integer i = 1; rc == 0 && i <= n; i++) {
    lua_rawgeti(L, -1, i);
    rc = in_item(e, i, encode(L, e, err));
    lua_pop(L, 1);
  }
  return rc < 0 ? rc : ifl_json_write_end(&e->writer, ']', err);
}

/* The name at -2 and its value at the top. */
static int encode_member(lua_State *L, struct encoder *e, iflow_error *err)
{
  size_t n = 0;
  if (lua_type(L, -2) != LUA_TSTRING)
    return ifl_fail(err, IFLOW_EENCODE, "a %s as a name in an object", luaL_typename(L, -2));
  const char *s = lua_tolstring(L, -2, &n);
  int rc = ifl_json_write_name(&e->writer, s, n, err);
  if (rc < 0) return rc;
  return in_member(e, s, encode(L, e, err));
}

static int encode_unsorted(lua_State *L, struct encoder *e, iflow_error *err)
{
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    int rc = encode_member(L, e, err);
    if (rc < 0) {
      lua_pop(L, 2);
      return rc;
    }
  }
  return 0;
}

static int compare_names(const void *a, const void *b)
{
  const struct name *x = a, *y = b;
  int order = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
  if (order != 0) return order;
  return x->n < y->n ? -1 : x->n > y->n;
}

static int collect_names(lua_State *L, struct encoder *e, iflow_error *err)
{
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    struct name name = { NULL, 0 };
    int rc = 0;
    if (lua_type(L, -2) == LUA_TSTRING) name.s = lua_tolstring(L, -2, &name.n);
    else rc = ifl_fail(err, IFLOW_EENCODE, "a %s as a name in an object", luaL_typename(L, -2));
    if (rc == 0) rc = ifl_buf_add(&e->names, &name, sizeof name, err);
    if (rc == 0) continue;
    lua_pop(L, 2);
    return rc;
  }
  return 0;
}

static int encode_sorted(lua_State *L, struct encoder *e, iflow_error *err)
{
  size_t first = e->names.len;
  int rc = collect_names(L, e, err);
  size_t end = e->names.len;
  if (rc < 0 || end == first) return rc;
  qsort(e->names.data + first, (end - first) / sizeof(struct name), sizeof(struct name),
        compare_names);
  for (size_t at = first; rc == 0 && at < end; at += sizeof(struct name)) {
    struct name name; /* a copy: what is inside may move the buffer */
    memcpy(&name, e->names.data + at, sizeof name);
    lua_pushlstring(L, name.s, name.n);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    rc = encode_member(L, e, err);
    lua_pop(L, 2);
  }
  e->names.len = first;
  return rc;
}

static int encode_object(lua_State *L, struct encoder *e, iflow_error *err)
{
  int rc = ifl_json_write_begin(&e->writer, '{', err);
  if (rc == 0) rc = e->sort ? encode_sorted(L, e, err) : encode_unsorted(L, e, err);
  return rc < 0 ? rc : ifl_json_write_end(&e->writer, '}', err);
}

static int encode_table(lua_State *L, struct encoder *e, iflow_error *err)
{
  if (e->depth == e->depth_max)
    return ifl_fail(err, IFLOW_EENCODE, "nested more than %zu levels (a table inside itself?)",
                    e->depth_max);
  luaL_checkstack(L, 8, "JSON");
  e->depth++;
  bool array = has_mark(L, &array_key) || (lua_rawlen(L, -1) > 0 && !has_mark(L, &object_key));
  int rc = array ? encode_array(L, e, err) : encode_object(L, e, err);
  e->depth--;
  return rc;
}

static bool is_null(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  return same;
}

/* The value at the top, which stays. */
static int encode(lua_State *L, struct encoder *e, iflow_error *err)
{
  size_t n = 0;
  struct ifl_json_writer *w = &e->writer;
  switch (lua_type(L, -1)) {
  case LUA_TNIL: return ifl_json_write_null(w, err);
  case LUA_TBOOLEAN: return ifl_json_write_bool(w, lua_toboolean(L, -1), err);
  case LUA_TNUMBER:
    if (lua_isinteger(L, -1)) return ifl_json_write_integer(w, lua_tointeger(L, -1), err);
    return ifl_json_write_number(w, lua_tonumber(L, -1), err);
  case LUA_TSTRING: {
    const char *s = lua_tolstring(L, -1, &n);
    return ifl_json_write_string(w, s, n, err);
  }
  case LUA_TTABLE: return encode_table(L, e, err);
  case LUA_TUSERDATA:
    if (is_null(L)) return ifl_json_write_null(w, err);
    break;
  default: break;
  }
  return ifl_fail(err, IFLOW_EENCODE, "a %s cannot be written", luaL_typename(L, -1));
}

static int f_encode(lua_State *L)
{
  static const char *const keys[] = { "pretty", "sort", "depth", NULL };
  iflow_error err = { 0 };
  bool pretty = false, sort = false;
  size_t depth = DEPTH_DEFAULT;
  luaL_checkany(L, 1);
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) {
    ifl_checkkeys(L, 2, keys);
    pretty = ifl_optbool(L, 2, "pretty", false);
    sort = ifl_optbool(L, 2, "sort", false);
    depth = opt_depth(L, 2);
  }
  struct encoder *e = ifl_newud(L, sizeof *e, ENCODER, 0);
  ifl_buf_init(&e->out, TEXT_MAX);
  ifl_buf_init(&e->names, TEXT_MAX);
  ifl_json_writer_init(&e->writer, &e->out, pretty);
  e->sort = sort;
  e->depth_max = depth;
  lua_pushvalue(L, 1);
  int rc = encode(L, e, &err);
  if (rc == IFLOW_EENCODE) ifl_prefix(&err, "JSON, at $%s", e->path);
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, e->out.data, e->out.len);
  ifl_buf_done(&e->out);
  ifl_buf_done(&e->names);
  return 1;
}

/* ---- null and the marks ---- */

static int mark(lua_State *L, const char *key)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  bool marked = has_mark(L, &array_key) || has_mark(L, &object_key);
  if (!marked && lua_getmetatable(L, 1))
    luaL_argerror(L, 1, "the table has a metatable of its own");
  lua_rawgetp(L, LUA_REGISTRYINDEX, key);
  lua_setmetatable(L, 1);
  return 1;
}

void ifl_pushnull(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
}

void ifl_markarray(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &array_key);
  lua_setmetatable(L, -2);
}

bool ifl_isarray(lua_State *L, int idx)
{
  lua_pushvalue(L, idx);
  bool is = has_mark(L, &array_key);
  lua_pop(L, 1);
  return is;
}

static int f_array(lua_State *L)
{
  return mark(L, &array_key);
}

static int f_object(lua_State *L)
{
  return mark(L, &object_key);
}

static int f_is_array(lua_State *L)
{
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  lua_pushboolean(L, lua_istable(L, 1) && has_mark(L, &array_key));
  return 1;
}

static int null_tostring(lua_State *L)
{
  lua_pushliteral(L, "null");
  return 1;
}

static void make_mark(lua_State *L, const char *key, const char *name)
{
  lua_createtable(L, 0, 2);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

/* Once a state, whatever require is told: null must stay the same value. */
static void make_values(lua_State *L)
{
  static const luaL_Reg meta[] = { { "__tostring", null_tostring }, { NULL, NULL } };
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key) == LUA_TNIL) {
    ifl_newclass(L, NULL_CLASS, NULL, meta);
    make_mark(L, &array_key, "iflow.json_array");
    make_mark(L, &object_key, "iflow.json_object");
    ifl_newud(L, 1, NULL_CLASS, 0);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &null_key);
  }
  lua_pop(L, 1);
}

int ifl_open_json(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "decode", f_decode }, { "encode", f_encode },     { "array", f_array },
    { "object", f_object }, { "is_array", f_is_array }, { NULL, NULL },
  };
  static const luaL_Reg decoder_meta[] = { { "__gc", decoder_gc }, { NULL, NULL } };
  static const luaL_Reg encoder_meta[] = { { "__gc", encoder_gc }, { NULL, NULL } };
  ifl_newclass(L, DECODER, NULL, decoder_meta);
  ifl_newclass(L, ENCODER, NULL, encoder_meta);
  make_values(L);
  luaL_newlib(L, funcs);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &null_key);
  lua_setfield(L, -2, "null");
  return 1;
}
