/* error.c -- the class iflow.error and the list of codes, for lua/iflow/error.lua.
 *   error.make { code = "token.rejected", message = "..." }  -- the same table, now an iflow.error
 *   error.wrap(value[, code]) -- an iflow.error of any error value (code "script.failed")
 *   error.is(value)        -- true for an iflow.error
 *   error.info(code)       -- { retryable, exit_code, hint } of a known code, nil for another one
 *   error.codes()          -- the list of all codes                                              */
#include "base/error.h"
#include "bind/bind.h"

#include <string.h>

#define ERROR "iflow.error"

static void set_string(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

void ifl_pusherrortable(lua_State *L, const iflow_error *err)
{
  lua_createtable(L, 0, 5);
  set_string(L, "code", iflow_error_name(err->code));
  set_string(L, "message", err->message);
  set_string(L, "hint", err->hint[0] != '\0' ? err->hint : iflow_error_hint(err->code));
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->status != 0) {
    lua_pushinteger(L, err->status);
    lua_setfield(L, -2, "status");
  }
  if (err->native != 0) {
    lua_pushinteger(L, err->native);
    lua_setfield(L, -2, "native");
  }
  if (err->retry_after_ms >= 0) {
    lua_pushnumber(L, (lua_Number)err->retry_after_ms / 1000);
    lua_setfield(L, -2, "retry_after");
  }
  luaL_setmetatable(L, ERROR);
}

int ifl_pusherror(lua_State *L, const iflow_error *err)
{
  lua_pushnil(L);
  ifl_pusherrortable(L, err);
  return 2;
}

bool ifl_iserror(lua_State *L, int idx)
{
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx)) return false;
  luaL_getmetatable(L, ERROR);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

void ifl_settraceback(lua_State *L, int idx, int trace)
{
  idx = lua_absindex(L, idx);
  trace = lua_absindex(L, trace);
  if (!ifl_iserror(L, idx) || lua_isnil(L, trace)) return;
  lua_pushliteral(L, "traceback");
  if (lua_rawget(L, idx) == LUA_TNIL) {
    lua_pushvalue(L, trace);
    lua_setfield(L, idx, "traceback");
  }
  lua_pop(L, 1);
}

static int code_of(const char *name)
{
  for (int code = IFLOW_E_FIRST_ + 1; code < IFLOW_E_LAST_; code++)
    if (strcmp(iflow_error_name(code), name) == 0) return code;
  return IFLOW_OK;
}

static const char *string_field(lua_State *L, int idx, const char *key)
{
  lua_pushstring(L, key);
  const char *s = lua_rawget(L, idx) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 1); /* the table holds it */
  return s;
}

static bool is_plain_table(lua_State *L, int idx)
{
  if (lua_type(L, idx) != LUA_TTABLE) return false;
  if (!lua_getmetatable(L, idx)) return true;
  lua_pop(L, 1);
  return false;
}

static void push_new(lua_State *L, int code)
{
  iflow_error err = { 0 };
  ifl_fail(&err, code, "%s", "");
  ifl_pusherrortable(L, &err);
}

/* error { code = "orders.empty", message = "…" } without iflow.error: what it says is taken over. */
static void push_of_table(lua_State *L, int value, int code)
{
  const char *name = string_field(L, value, "code"), *hint = string_field(L, value, "hint");
  const char *message = string_field(L, value, "message");
  int known = name != NULL ? code_of(name) : code;
  push_new(L, known != IFLOW_OK ? known : code);
  if (known == IFLOW_OK) {
    set_string(L, "code", name);
    set_string(L, "hint", NULL);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "retryable");
  }
  if (hint != NULL) set_string(L, "hint", hint);
  set_string(L, "message", message != NULL ? message : "a table without the field 'message'");
}

void ifl_wraperror(lua_State *L, int code)
{
  int value = lua_absindex(L, -2);
  if (!ifl_iserror(L, value)) {
    if (is_plain_table(L, value)) {
      push_of_table(L, value, code);
    } else {
      push_new(L, code);
      luaL_tolstring(L, value, NULL);
      lua_setfield(L, -2, "message");
    }
    if (lua_type(L, value) != LUA_TSTRING) {
      lua_pushvalue(L, value);
      lua_setfield(L, -2, "cause");
    }
    lua_replace(L, value);
  }
  ifl_settraceback(L, value, value + 1);
  lua_settop(L, value);
}

/* "code: message (hint)" */
static int error_tostring(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *code = string_field(L, 1, "code");
  const char *message = string_field(L, 1, "message");
  const char *hint = string_field(L, 1, "hint");
  lua_pushfstring(L, "%s: %s", code != NULL ? code : "error", message != NULL ? message : "?");
  if (hint == NULL || hint[0] == '\0') return 1;
  lua_pushfstring(L, "%s (%s)", lua_tostring(L, -1), hint);
  return 1;
}

static int error_concat(lua_State *L)
{
  luaL_tolstring(L, 1, NULL);
  luaL_tolstring(L, 2, NULL);
  lua_concat(L, 2);
  return 1;
}

static void default_field(lua_State *L, int idx, const char *key)
{
  lua_pushstring(L, key);
  if (lua_rawget(L, idx) == LUA_TNIL) {
    lua_pushvalue(L, -2);
    lua_setfield(L, idx, key);
  }
  lua_pop(L, 2);
}

static int f_make(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *name = string_field(L, 1, "code");
  if (name == NULL) luaL_argerror(L, 1, "an error needs a code");
  if (string_field(L, 1, "message") == NULL) luaL_argerror(L, 1, "an error needs a message");
  if (lua_getmetatable(L, 1)) luaL_argerror(L, 1, "an error is made of a plain table");
  int code = code_of(name);
  lua_pushboolean(L, iflow_error_retryable(code));
  default_field(L, 1, "retryable");
  if (code != IFLOW_OK) {
    lua_pushstring(L, iflow_error_hint(code));
    default_field(L, 1, "hint");
  }
  luaL_setmetatable(L, ERROR);
  return 1;
}

static int f_wrap(lua_State *L)
{
  luaL_checkany(L, 1);
  int code = code_of(luaL_optstring(L, 2, iflow_error_name(IFLOW_ESCRIPT)));
  if (code == IFLOW_OK) luaL_argerror(L, 2, "not a code of iflow");
  lua_settop(L, 1);
  lua_pushnil(L);
  ifl_wraperror(L, code);
  return 1;
}

static int f_is(lua_State *L)
{
  luaL_checkany(L, 1);
  lua_pushboolean(L, ifl_iserror(L, 1));
  return 1;
}

static int f_info(lua_State *L)
{
  int code = code_of(luaL_checkstring(L, 1));
  if (code == IFLOW_OK) return 0;
  lua_createtable(L, 0, 3);
  set_string(L, "hint", iflow_error_hint(code));
  lua_pushboolean(L, iflow_error_retryable(code));
  lua_setfield(L, -2, "retryable");
  lua_pushinteger(L, iflow_error_exit(code));
  lua_setfield(L, -2, "exit_code");
  return 1;
}

static int f_codes(lua_State *L)
{
  lua_newtable(L);
  for (int code = IFLOW_E_FIRST_ + 1; code < IFLOW_E_LAST_; code++) {
    lua_pushstring(L, iflow_error_name(code));
    lua_rawseti(L, -2, code - IFLOW_E_FIRST_);
  }
  return 1;
}

int ifl_open_error(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "make", f_make }, { "wrap", f_wrap },   { "is", f_is },
    { "info", f_info }, { "codes", f_codes }, { NULL, NULL },
  };
  static const luaL_Reg meta[] = {
    { "__tostring", error_tostring },
    { "__concat", error_concat },
    { NULL, NULL },
  };
  if (luaL_getmetatable(L, ERROR) == LUA_TNIL) {
    lua_newtable(L); /* not by ifl_newclass: without an __index of methods */
    lua_pushliteral(L, ERROR);
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    luaL_setfuncs(L, meta, 0);
    lua_setfield(L, LUA_REGISTRYINDEX, ERROR);
  }
  lua_pop(L, 1);
  luaL_newlib(L, funcs);
  return 1;
}
