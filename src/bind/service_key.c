/* service_key.c -- Lua class iflow.service_key: what a user downloads from the BTP cockpit.
 *   local key, err = service_key.open("orders-key.json")
 *   local key, err = service_key.parse(text [, name])     -- name stands in errors
 *   key.type         "client secret", "certificate" or "external certificate"
 *   key.client_id, key.token_url, key.url, key.created, key.valid_until, key.name
 *   key.warnings     a list of texts
 *   key:secret(), key:private_key_pem()   -- secrets, or nil
 *   key:certificate_pem()                 -- text, leaf first, or nil
 * url is nil for a plain XSUAA binding, which names no runtime. An unknown field raises. */
#include "bind/bind.h"

#include <string.h>

#define SERVICE_KEY "iflow.service_key"

struct box {
  ifl_service_key *key; /* NULL only until it is filled */
};

ifl_service_key *ifl_checkservicekey(lua_State *L, int arg)
{
  struct box *b = luaL_checkudata(L, arg, SERVICE_KEY);
  luaL_argcheck(L, b->key != NULL, arg, "the service key is closed");
  return b->key;
}

static int m_secret(lua_State *L)
{
  ifl_secret *s = ifl_service_key_secret(ifl_checkservicekey(L, 1));
  if (s == NULL) lua_pushnil(L);
  else ifl_pushsecret(L, ifl_secret_ref(s));
  return 1;
}

static int m_private_key_pem(lua_State *L)
{
  ifl_secret *s = ifl_service_key_private_key_pem(ifl_checkservicekey(L, 1));
  if (s == NULL) lua_pushnil(L);
  else ifl_pushsecret(L, ifl_secret_ref(s));
  return 1;
}

static int m_certificate_pem(lua_State *L)
{
  lua_pushstring(L, ifl_service_key_certificate_pem(ifl_checkservicekey(L, 1)));
  return 1;
}

static void push_warnings(lua_State *L, const ifl_service_key *k)
{
  const char *text;
  lua_newtable(L);
  for (size_t i = 0; (text = ifl_service_key_warning(k, i)) != NULL; i++) {
    lua_pushstring(L, text);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static const char *const fields[] = { "type",        "client_id", "token_url", "url", "created",
                                      "valid_until", "name",      "warnings",  NULL };

static const char *(*const getters[])(const ifl_service_key *k) = {
  ifl_service_key_type_name, ifl_service_key_client_id, ifl_service_key_token_url,
  ifl_service_key_url,       ifl_service_key_created,   ifl_service_key_valid_until,
  ifl_service_key_name,
};

static int unknown_field(lua_State *L, const char *name)
{
  const char *near = ifl_nearest(name, fields);
  if (near != NULL)
    return ifl_raise(L, "a service key has no field '%s', did you mean '%s'?", name, near);
  return ifl_raise(L, "a service key has no field '%s'", name);
}

/* Upvalue 1: the methods. */
static int key_index(lua_State *L)
{
  const ifl_service_key *k = ifl_checkservicekey(L, 1);
  const char *name = luaL_checkstring(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  for (size_t i = 0; i < sizeof getters / sizeof *getters; i++) {
    if (strcmp(name, fields[i]) != 0) continue;
    lua_pushstring(L, getters[i](k)); /* NULL pushes nil */
    return 1;
  }
  if (strcmp(name, "warnings") != 0) return unknown_field(L, name);
  push_warnings(L, k);
  return 1;
}

static int key_gc(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, SERVICE_KEY);
  ifl_service_key_unref(b->key);
  b->key = NULL;
  return 0;
}

static int key_tostring(lua_State *L)
{
  const ifl_service_key *k = ifl_checkservicekey(L, 1);
  lua_pushfstring(L, "service key '%s' (%s)", ifl_service_key_name(k),
                  ifl_service_key_type_name(k));
  return 1;
}

static int f_open(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  iflow_error err = { 0 };
  struct box *b = ifl_newud(L, sizeof *b, SERVICE_KEY, 0);
  return ifl_service_key_open(&b->key, path, &err) < 0 ? ifl_pusherror(L, &err) : 1;
}

static int f_parse(lua_State *L)
{
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  const char *name = luaL_optstring(L, 2, NULL);
  iflow_error err = { 0 };
  struct box *b = ifl_newud(L, sizeof *b, SERVICE_KEY, 0);
  return ifl_service_key_parse(&b->key, text, n, name, &err) < 0 ? ifl_pusherror(L, &err) : 1;
}

int ifl_open_service_key(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "open", f_open }, { "parse", f_parse }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "secret", m_secret },
                                      { "private_key_pem", m_private_key_pem },
                                      { "certificate_pem", m_certificate_pem },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = {
    { "__gc", key_gc }, { "__close", key_gc }, { "__tostring", key_tostring }, { NULL, NULL }
  };
  ifl_newclass(L, SERVICE_KEY, NULL, meta);
  luaL_getmetatable(L, SERVICE_KEY);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, key_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, funcs);
  return 1;
}
