/* tenant.c -- Lua class iflow.tenant: one tenant through one credential. lua/iflow/tenant.lua is the
 * face that users see: it knows files, defaults and friendlier forms of the options.
 *   local t, err = tenant.new { service_key = key, identity = id, url =, cacert =,
 *     beside_system = (the system's authorities are trusted, too), proxy =,
 *     proxy_userpwd = secret, cache_dir =, scope =, grant_in_query =, secret_in_body =,
 *     connections =, connect_timeout =, timeout =, stall_timeout =, queue_timeout =, verbose = }
 *   local tok, err = t:token { refresh = true }  -- waits; { access = secret, expires_at, fetched_at,
 *                                                   roles = { … } or nil, client_id }
 *   local call, err = t:prepare { … }            -- see call.c
 *   t:stats()                                    -- { token_requests }
 *   t:close()                                    -- optional: __gc and __close do the same         */
#include "bind/tenant.h"

#include "auth/jwt.h"
#include "bind/bind.h"

#include <string.h>

#define TENANT          "iflow.tenant"
#define FETCH           "iflow.token_fetch" /* internal: one token() in flight */
#define ROLES_MAX       (16 * 1024)
#define CONNECTIONS_MAX 256

struct box {
  ifl_tenant *t; /* NULL: closed */
};

struct fetch {
  struct ifl_wait wait;
  ifl_token_wait *op;
  iflow_error err;
  ifl_secret *access;
  int64_t expires_at, fetched_at;
  bool refresh, from_disk;
};

ifl_tenant *ifl_checktenant(lua_State *L, int arg)
{
  struct box *b = luaL_checkudata(L, arg, TENANT);
  luaL_argcheck(L, b->t != NULL, arg, "tenant is closed");
  return b->t;
}

/* ---- token ----------------------------------------------------------------------------------- */

static void on_token(void *payload, const struct ifl_token *tok, const iflow_error *err)
{
  struct fetch *f = payload;
  if (err != NULL) {
    f->err = *err;
  } else {
    f->access = ifl_secret_ref((ifl_secret *)(uintptr_t)tok->access);
    f->expires_at = tok->expires_at;
    f->fetched_at = tok->fetched_at;
    f->from_disk = tok->from_disk;
  }
  ifl_wait_done(&f->wait);
}

/* "a b c" at the top of the stack becomes { "a", "b", "c" }. */
static void split_words(lua_State *L)
{
  const char *s = lua_tostring(L, -1);
  lua_newtable(L);
  for (lua_Integer i = 1; *s != '\0'; i++) {
    size_t n = strcspn(s, " ");
    lua_pushlstring(L, s, n);
    lua_rawseti(L, -2, i);
    s += n + strspn(s + n, " ");
  }
  lua_remove(L, -2);
}

/* A list of the token's roles, or nil for a token that cannot be looked into. */
static void push_roles(lua_State *L, const ifl_secret *access)
{
  struct ifl_buf *b = ifl_newbuf(L, ROLES_MAX);
  ifl_json *claims = NULL;
  if (ifl_buf_reserve(b, ROLES_MAX - 1, NULL) < 0 ||
      ifl_jwt_claims(&claims, ifl_secret_data(access), ifl_secret_len(access), NULL) < 0) {
    lua_pushnil(L);
  } else {
    b->data[0] = '\0';
    ifl_jwt_roles(b->data, ROLES_MAX - 1, claims);
    ifl_json_free(claims); /* before anything may raise */
    lua_pushstring(L, b->data);
    split_words(L);
  }
  lua_remove(L, -2);
}

static void push_token(lua_State *L, const struct fetch *f)
{
  lua_createtable(L, 0, 5);
  ifl_pushsecret(L, ifl_secret_ref(f->access));
  lua_setfield(L, -2, "access");
  lua_pushinteger(L, f->expires_at);
  lua_setfield(L, -2, "expires_at");
  lua_pushinteger(L, f->fetched_at);
  lua_setfield(L, -2, "fetched_at");
  push_roles(L, f->access);
  lua_setfield(L, -2, "roles");
}

static int token_k(lua_State *L, int status, lua_KContext ctx);

static int wait_for_token(lua_State *L, struct fetch *f, ifl_token_source *source)
{
  ifl_wait_begin(L, &f->wait);
  if (ifl_token_get(&f->op, source, on_token, f, &f->err) < 0) return ifl_pusherror(L, &f->err);
  return ifl_await(L, &f->wait, (lua_KContext)f, token_k);
}

/* What another run had kept on the disk is not the new token that was asked for. */
static int fetch_again(lua_State *L, struct fetch *f, ifl_token_source *source)
{
  ifl_token_invalidate(source, f->access);
  ifl_secret_unref(f->access);
  ifl_token_wait_free(f->op);
  f->access = NULL;
  f->op = NULL;
  f->refresh = false;
  return wait_for_token(L, f, source);
}

static int token_k(lua_State *L, int status, lua_KContext ctx)
{
  struct fetch *f = (struct fetch *)ctx; /* its userdata is still on this stack */
  (void)status;
  if (f->err.code != IFLOW_OK) return ifl_pusherror(L, &f->err);
  struct box *b = luaL_checkudata(L, 1, TENANT);
  if (f->refresh && f->from_disk && b->t != NULL) return fetch_again(L, f, ifl_tenant_tokens(b->t));
  push_token(L, f);
  if (b->t != NULL) {
    lua_pushstring(L, ifl_tenant_client_id(b->t));
    lua_setfield(L, -2, "client_id");
  }
  return 1;
}

static int m_token(lua_State *L)
{
  static const char *const keys[] = { "refresh", NULL };
  ifl_token_source *source = ifl_tenant_tokens(ifl_checktenant(L, 1));
  struct ifl_token now;
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 1);
    lua_newtable(L);
  }
  ifl_checkkeys(L, 2, keys);
  bool refresh = ifl_optbool(L, 2, "refresh", false);
  struct fetch *f = ifl_newud(L, sizeof *f, FETCH, 0);
  lua_toclose(L, -1);
  f->refresh = refresh;
  if (refresh && ifl_token_peek(source, &now) > 0) ifl_token_invalidate(source, now.access);
  return wait_for_token(L, f, source);
}

static int fetch_gc(lua_State *L)
{
  struct fetch *f = luaL_checkudata(L, 1, FETCH);
  ifl_token_wait_free(f->op); /* on_token cannot run after this */
  ifl_secret_unref(f->access);
  memset(f, 0, sizeof *f);
  return 0;
}

/* ---- the tenant ------------------------------------------------------------------------------ */

static int m_stats(lua_State *L)
{
  ifl_tenant *t = ifl_checktenant(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, (lua_Integer)ifl_token_requests(ifl_tenant_tokens(t)));
  lua_setfield(L, -2, "token_requests");
  return 1;
}

/* close, __gc and __close: safe to repeat. Calls in flight keep what they need and go on. */
static int m_close(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, TENANT);
  ifl_tenant_unref(b->t);
  b->t = NULL;
  return 0;
}

static void read_opts(lua_State *L, struct ifl_tenant_opts *o)
{
  o->url = ifl_optstring(L, 1, "url", NULL);
  o->cafile = ifl_optstring(L, 1, "cacert", NULL);
  o->beside_system = ifl_optbool(L, 1, "beside_system", false);
  o->proxy = ifl_optstring(L, 1, "proxy", NULL);
  o->cache_dir = ifl_optstring(L, 1, "cache_dir", NULL);
  o->scope = ifl_optstring(L, 1, "scope", NULL);
  o->grant_in_query = ifl_optbool(L, 1, "grant_in_query", false);
  o->secret_in_body = ifl_optbool(L, 1, "secret_in_body", false);
  o->connections = (size_t)ifl_optinteger(L, 1, "connections", 0, 1, CONNECTIONS_MAX);
  o->connect_timeout_ms = ifl_optduration(L, 1, "connect_timeout", 0);
  o->timeout_ms = ifl_optduration(L, 1, "timeout", 0);
  o->stall_timeout_ms = ifl_optduration(L, 1, "stall_timeout", 0);
  o->queue_timeout_ms = ifl_optduration(L, 1, "queue_timeout", 0);
  o->verbose = ifl_optbool(L, 1, "verbose", false);
}

static int f_new(lua_State *L)
{
  static const char *const keys[] = {
    "service_key",     "connections", "identity",       "url",
    "beside_system",   "cacert",      "proxy",          "proxy_userpwd",
    "cache_dir",       "scope",       "grant_in_query", "secret_in_body",
    "connect_timeout", "timeout",     "stall_timeout",  "queue_timeout",
    "verbose",         NULL
  };
  struct ifl_tenant_opts o = { 0 };
  iflow_error err = { 0 };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  read_opts(L, &o);
  lua_getfield(L, 1, "service_key"); /* 2 and 3 stay on the stack: they pin what is borrowed */
  o.service_key = ifl_checkservicekey(L, 2);
  if (lua_getfield(L, 1, "identity") != LUA_TNIL) o.credential = ifl_checkidentity(L, 3);
  o.proxy_userpwd = ifl_optsecret(L, 1, "proxy_userpwd");
  ifl_client *client = ifl_http_client(L);
  struct box *b = ifl_newud(L, sizeof *b, TENANT, 0); /* owner first, resource second */
  if (ifl_tenant_new(&b->t, client, ifl_loop(L), &o, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

int ifl_open_tenant(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "new", f_new }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "token", m_token },
                                      { "prepare", ifl_tenant_prepare },
                                      { "stats", m_stats },
                                      { "close", m_close },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", m_close }, { "__close", m_close }, { NULL, NULL } };
  static const luaL_Reg fetch_meta[] = { { "__gc", fetch_gc },
                                         { "__close", fetch_gc },
                                         { NULL, NULL } };
  ifl_newclass(L, TENANT, methods, meta);
  ifl_newclass(L, FETCH, NULL, fetch_meta);
  ifl_call_classes(L);
  luaL_newlib(L, funcs);
  return 1;
}
