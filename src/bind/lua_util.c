/* lua_util.c -- classes, options and durations for the binding files. See lua_util.h. */
#include "bind/lua_util.h"

#include "base/buffer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER "iflow.buffer" /* internal: never reaches a script */

/* ---- classes ---- */

void ifl_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta)
{
  if (luaL_getmetatable(L, name) == LUA_TNIL) {
    lua_newtable(L);
    lua_pushstring(L, name);
    lua_setfield(L, -2, "__name");
    lua_newtable(L);
    if (methods != NULL) luaL_setfuncs(L, methods, 0);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    if (meta != NULL) luaL_setfuncs(L, meta, 0);
    lua_setfield(L, LUA_REGISTRYINDEX, name); /* last: a class is there whole or not at all */
  }
  lua_pop(L, 1);
}

void *ifl_newud(lua_State *L, size_t size, const char *name, int nuv)
{
  void *ud = lua_newuserdatauv(L, size, nuv);
  memset(ud, 0, size);
  luaL_setmetatable(L, name);
  return ud;
}

void ifl_closethread(lua_State *co, lua_State *from)
{
#if LUA_VERSION_RELEASE_NUM >= 50406
  lua_closethread(co, from);
#else
  (void)from;
  lua_resetthread(co);
#endif
}

int ifl_raise(lua_State *L, const char *fmt, ...)
{
  char text[IFLOW_MESSAGE_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  luaL_error(L, "%s", text);
  abort(); /* not reached: luaL_error does not return */
}

/* ---- options ---- */

static bool is_known(const char *key, const char *const *keys)
{
  for (; *keys != NULL; keys++)
    if (strcmp(*keys, key) == 0) return true;
  return false;
}

static void unknown_option(lua_State *L, int arg, const char *key, const char *const *keys)
{
  const char *near = ifl_nearest(key, keys);
  const char *text = near != NULL
                         ? lua_pushfstring(L, "unknown option '%s', did you mean '%s'?", key, near)
                         : lua_pushfstring(L, "unknown option '%s'", key);
  luaL_argerror(L, arg, text);
}

void ifl_checkkeys(lua_State *L, int arg, const char *const *keys)
{
  luaL_checktype(L, arg, LUA_TTABLE);
  /* An inherited option would be missed by the raw reads below: better to refuse it here. */
  if (luaL_getmetafield(L, arg, "__index") != LUA_TNIL)
    luaL_argerror(L, arg, "options must be a plain table");
  lua_pushnil(L);
  while (lua_next(L, arg) != 0) {
    lua_pop(L, 1);
    if (lua_isinteger(L, -1)) continue;
    if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, arg, "option names are strings");
    const char *key = lua_tostring(L, -1);
    if (!is_known(key, keys)) unknown_option(L, arg, key, keys);
  }
}

/* Pushes the option and returns its type. Raw: what is borrowed must sit in the table itself. */
static int push_option(lua_State *L, int arg, const char *key)
{
  arg = lua_absindex(L, arg);
  luaL_checktype(L, arg, LUA_TTABLE);
  lua_pushstring(L, key);
  return lua_rawget(L, arg);
}

static void wrong_type(lua_State *L, const char *key, const char *expected)
{
  ifl_raise(L, "option '%s' must be %s, got %s", key, expected, luaL_typename(L, -1));
}

const char *ifl_optlstring(lua_State *L, int arg, const char *key, size_t *n)
{
  const char *s = NULL;
  int type = push_option(L, arg, key);
  if (type != LUA_TNIL) {
    if (type != LUA_TSTRING) wrong_type(L, key, "a string");
    s = lua_tolstring(L, -1, n);
  }
  lua_pop(L, 1);
  return s;
}

const char *ifl_optstring(lua_State *L, int arg, const char *key, const char *def)
{
  size_t n = 0;
  const char *s = ifl_optlstring(L, arg, key, &n);
  if (s == NULL) return def;
  if (strlen(s) != n) ifl_raise(L, "option '%s' contains a NUL byte", key);
  return s;
}

const char *ifl_needstring(lua_State *L, int arg, const char *key)
{
  const char *s = ifl_optstring(L, arg, key, NULL);
  if (s == NULL) ifl_raise(L, "option '%s' is missing", key);
  return s;
}

lua_Integer ifl_optinteger(lua_State *L, int arg, const char *key, lua_Integer def, lua_Integer min,
                           lua_Integer max)
{
  int type = push_option(L, arg, key), whole = 0;
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return def;
  }
  lua_Integer value = type == LUA_TNUMBER ? lua_tointegerx(L, -1, &whole) : 0;
  if (!whole) wrong_type(L, key, "a whole number");
  if (value < min || value > max)
    ifl_raise(L, "option '%s' must be between %lld and %lld, got %lld", key, (long long)min,
              (long long)max, (long long)value);
  lua_pop(L, 1);
  return value;
}

bool ifl_optbool(lua_State *L, int arg, const char *key, bool def)
{
  int type = push_option(L, arg, key);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN) wrong_type(L, key, "true or false");
  bool value = type == LUA_TNIL ? def : (bool)lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

int ifl_optword(lua_State *L, int arg, const char *key, int def, const char *const *words)
{
  const char *s = ifl_optstring(L, arg, key, NULL);
  if (s == NULL) return def;
  for (int i = 0; words[i] != NULL; i++)
    if (strcmp(words[i], s) == 0) return i;
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (int i = 0; words[i] != NULL; i++) {
    if (i > 0) luaL_addstring(&b, words[i + 1] == NULL ? " or " : ", ");
    luaL_addstring(&b, words[i]);
  }
  luaL_pushresult(&b);
  ifl_raise(L, "option '%s' must be %s", key, lua_tostring(L, -1));
}

/* ---- durations ---- */

#define DURATION_MAX_S (100.0 * 365 * 86400) /* a century: what is longer is a mistake of units */

static double unit_seconds(const char *unit)
{
  static const struct {
    const char *name;
    double seconds;
  } units[] = { { "ms", 0.001 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 } };
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (strcmp(units[i].name, unit) == 0) return units[i].seconds;
  return -1;
}

/* "1.5h" to seconds, or -1. By hand, since strtod reads hexadecimal, infinities and locales. */
static double parse_duration(const char *s)
{
  double value = 0, scale = 1;
  const char *start = s;
  for (; *s >= '0' && *s <= '9'; s++) value = value * 10 + (*s - '0');
  if (s == start) return -1;
  if (*s == '.') {
    start = ++s;
    for (; *s >= '0' && *s <= '9'; s++) value += (*s - '0') * (scale /= 10);
    if (s == start) return -1;
  }
  double unit = unit_seconds(s);
  return unit < 0 ? -1 : value * unit;
}

const char *ifl_duration(lua_State *L, int idx, int64_t *ms)
{
  double seconds = -1;
  if (lua_type(L, idx) == LUA_TNUMBER) seconds = lua_tonumber(L, idx);
  else if (lua_type(L, idx) == LUA_TSTRING) seconds = parse_duration(lua_tostring(L, idx));
  if (!(seconds >= 0)) /* NaN too */
    return "must be a number of seconds or a text like '500ms', '1s', '5m', '2h', '1d'";
  if (seconds > DURATION_MAX_S) return "must be at most 100 years";
  *ms = (int64_t)ceil(seconds * 1000);
  return NULL;
}

int64_t ifl_checkduration(lua_State *L, int arg)
{
  int64_t ms = 0;
  const char *wrong = ifl_duration(L, arg, &ms);
  if (wrong != NULL) luaL_argerror(L, arg, lua_pushfstring(L, "a duration %s", wrong));
  return ms;
}

int64_t ifl_optduration(lua_State *L, int arg, const char *key, int64_t def_ms)
{
  int64_t ms = def_ms;
  if (push_option(L, arg, key) != LUA_TNIL) {
    const char *wrong = ifl_duration(L, -1, &ms);
    if (wrong != NULL) ifl_raise(L, "option '%s' %s", key, wrong);
  }
  lua_pop(L, 1);
  return ms;
}

/* ---- buffers ---- */

static int buffer_gc(lua_State *L)
{
  ifl_buf_wipe(luaL_checkudata(L, 1, BUFFER));
  return 0;
}

struct ifl_buf *ifl_newbuf(lua_State *L, size_t max)
{
  struct ifl_buf *b = ifl_newud(L, sizeof *b, BUFFER, 0);
  ifl_buf_init(b, max);
  return b;
}

void ifl_util_open(lua_State *L)
{
  static const luaL_Reg meta[] = { { "__gc", buffer_gc },
                                   { "__close", buffer_gc },
                                   { NULL, NULL } };
  ifl_newclass(L, BUFFER, NULL, meta);
}
