/* headers.c -- header fields between Lua tables and struct ifl_headers, for every binding that
 * speaks HTTP.
 *   in:  { ["Content-Type"] = "text/plain", ["X-Many"] = { "a", "b" } } or { { "Name", "value" }, … }
 *   out: { ["content-type"] = "text/plain", ["x-many"] = "a, b", ["set-cookie"] = "a=1\nb=2",
 *          raw = { { "Content-Type", "text/plain" }, … } } */
#include "bind/bind.h"

#include <ctype.h>
#include <string.h>

/* The name is at -2, the value at -1. */
static int add_field(lua_State *L, struct ifl_headers *h, iflow_error *err)
{
  size_t nn, vn;
  if (lua_type(L, -2) != LUA_TSTRING)
    ifl_raise(L, "the name of a header field must be a string, got %s", luaL_typename(L, -2));
  const char *name = lua_tolstring(L, -2, &nn);
  if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER)
    ifl_raise(L, "the value of the header field '%s' must be a string, got %s", name,
              luaL_typename(L, -1));
  const char *value = luaL_tolstring(L, -1, &vn); /* a copy: numbers in place would confuse next */
  int rc = ifl_headers_add(h, name, nn, value, vn, err);
  lua_pop(L, 1);
  return rc;
}

/* { "Name", "value" } is at -1. */
static int add_pair(lua_State *L, struct ifl_headers *h, iflow_error *err)
{
  if (lua_type(L, -1) != LUA_TTABLE)
    ifl_raise(L, "a list of header fields holds pairs { name, value }, got %s",
              luaL_typename(L, -1));
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  int rc = add_field(L, h, err);
  lua_pop(L, 2);
  return rc;
}

/* The name is at -2, { v1, v2, … } at -1. */
static int add_values(lua_State *L, struct ifl_headers *h, iflow_error *err)
{
  int rc = 0;
  lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n && rc == 0; i++) {
    lua_pushvalue(L, -2);
    lua_rawgeti(L, -2, i);
    rc = add_field(L, h, err);
    lua_pop(L, 2);
  }
  return rc;
}

int ifl_readheaders(lua_State *L, int idx, struct ifl_headers *h, iflow_error *err)
{
  int rc = 0;
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) != LUA_TTABLE)
    ifl_raise(L, "headers must be a table, got %s", luaL_typename(L, idx));
  luaL_checkstack(L, 8, "headers");
  for (lua_pushnil(L); rc == 0 && lua_next(L, idx) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) == LUA_TNUMBER) rc = add_pair(L, h, err);
    else if (lua_type(L, -1) == LUA_TTABLE) rc = add_values(L, h, err);
    else rc = add_field(L, h, err);
  }
  if (rc < 0) lua_pop(L, 1); /* the key, for the next round that does not come */
  return rc;
}

static void push_lower(lua_State *L, const char *name)
{
  char small[64];
  luaL_Buffer b;
  size_t n = strlen(name);
  char *out = n <= sizeof small ? small : luaL_buffinitsize(L, &b, n);
  for (size_t i = 0; i < n; i++) out[i] = (char)tolower((unsigned char)name[i]);
  if (out == small) lua_pushlstring(L, small, n);
  else luaL_pushresultsize(&b, n);
}

/* Adds the value at the top, which stays, to what the table at `to` has for the name. Cookies may
 * hold commas. */
static void merge(lua_State *L, int to, const char *name)
{
  push_lower(L, name);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, to) == LUA_TSTRING) {
    bool cookie = strcmp(lua_tostring(L, -2), "set-cookie") == 0;
    lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), cookie ? "\n" : ", ", lua_tostring(L, -3));
    lua_remove(L, -2);
  } else {
    lua_pop(L, 1);
    lua_pushvalue(L, -2);
  }
  lua_rawset(L, to);
}

void ifl_pushheaders(lua_State *L, const struct ifl_headers *h)
{
  luaL_checkstack(L, 8, "headers");
  lua_createtable(L, 0, (int)h->count + 1);
  lua_createtable(L, (int)h->count, 0);
  int raw = lua_gettop(L), merged = raw - 1;
  for (size_t i = 0; i < h->count; i++) {
    const char *name = ifl_headers_name(h, i);
    lua_pushstring(L, ifl_headers_value(h, i));
    merge(L, merged, name);
    lua_createtable(L, 2, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 2);
    lua_pushstring(L, name);
    lua_rawseti(L, -2, 1);
    lua_rawseti(L, raw, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "raw");
}
