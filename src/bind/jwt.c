/* jwt.c -- Lua module iflow.core.jwt: looks into an access token, for diagnosis alone.
 *   jwt.inspect(secret | text) -> { client_id, expires_at, issued_at, roles = {…} } | nil, err
 * What the token does not say is nil. Nothing is verified: sending treats a token as opaque. */
#include "auth/jwt.h"

#include "bind/bind.h"

#include <string.h>

#define CLAIMS    "iflow.jwt_claims" /* internal */
#define ROLES_MAX 16384

struct claims {
  ifl_json *doc;
};

static int claims_gc(lua_State *L)
{
  struct claims *c = luaL_checkudata(L, 1, CLAIMS);
  ifl_json_free(c->doc);
  c->doc = NULL;
  return 0;
}

static void set_time(lua_State *L, const char *key, const ifl_json *v)
{
  double seconds = ifl_json_number(v);
  if (!ifl_json_is_number(v) || seconds < 0 || seconds > 1e15) return;
  lua_pushinteger(L, (lua_Integer)seconds);
  lua_setfield(L, -2, key);
}

static void set_roles(lua_State *L, const ifl_json *claims)
{
  char text[ROLES_MAX];
  ifl_jwt_roles(text, sizeof text, claims);
  lua_newtable(L);
  const char *s = text;
  for (lua_Integer i = 1; *s != '\0'; i++) {
    size_t n = strcspn(s, " ");
    lua_pushlstring(L, s, n);
    lua_rawseti(L, -2, i);
    s += n + strspn(s + n, " ");
  }
  lua_setfield(L, -2, "roles");
}

static int f_inspect(lua_State *L)
{
  ifl_secret *token = ifl_checksecret(L, 1);
  iflow_error err = { 0 };
  struct claims *c = ifl_newud(L, sizeof *c, CLAIMS, 0);
  if (ifl_jwt_claims(&c->doc, ifl_secret_data(token), ifl_secret_len(token), &err) < 0)
    return ifl_pusherror(L, &err);
  lua_createtable(L, 0, 4);
  lua_pushstring(L, ifl_json_string(ifl_json_get(c->doc, "client_id")));
  lua_setfield(L, -2, "client_id");
  set_time(L, "expires_at", ifl_json_get(c->doc, "exp"));
  set_time(L, "issued_at", ifl_json_get(c->doc, "iat"));
  set_roles(L, c->doc);
  return 1;
}

int ifl_open_jwt(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "inspect", f_inspect }, { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", claims_gc }, { NULL, NULL } };
  ifl_newclass(L, CLAIMS, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
