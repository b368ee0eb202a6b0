/* cert_chain.c -- the part of iflow.core.cert that judges chains.
 *   cert.verify(chain, roots [, { at = epoch, purpose = "client"|"server" }]) -> true | false, reason
 *     chain (leaf first) and roots: a list of PEM texts, or one text with all of them
 *   cert.reach(chain [, { known = PEM texts | nil, directory = path }]) -> { certificate… } | nil, err
 *     the leaf and every authority it leads to by signatures, as cert.read describes certificates:
 *     among the chain, the known ones and those of the hashed directory ("": none; the system's by
 *     default). The first of chain is the leaf. At most 32. */
#include "auth/certificate.h"

#include "base/clock.h"
#include "bind/bind.h"
#include "bind/cert.h"
#include "net/trust.h"

#define BUNDLE "iflow.bundle" /* internal */

static int bundle_gc(lua_State *L)
{
  ifl_bundle_done(luaL_checkudata(L, 1, BUNDLE));
  return 0;
}

static int add_pem(lua_State *L, struct ifl_bundle *b, int arg, int idx, iflow_error *err)
{
  size_t n;
  luaL_argcheck(L, lua_type(L, idx) == LUA_TSTRING, arg, "PEM texts are expected");
  const char *pem = lua_tolstring(L, idx, &n);
  return ifl_bundle_add(b, pem, n, arg == 1 ? "chain" : "roots", NULL, err);
}

/* The PEM text, or list of them, at arg as a bundle, whose userdata is pushed. */
static int check_pems(lua_State *L, struct ifl_bundle **out, int arg, int max, iflow_error *err)
{
  struct ifl_bundle *b = ifl_newud(L, sizeof *b, BUNDLE, 0);
  int rc = 0;
  b->max = max;
  *out = b;
  if (lua_type(L, arg) == LUA_TSTRING) return add_pem(L, b, arg, arg, err);
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_Integer i = 1; rc == 0; i++) {
    if (lua_rawgeti(L, arg, i) == LUA_TNIL) break;
    rc = add_pem(L, b, arg, -1, err);
    lua_pop(L, 1);
  }
  return rc;
}

static int f_verify(lua_State *L)
{
  static const char *const keys[] = { "at", "purpose", NULL };
  static const char *const purposes[] = { "client", "server", NULL };
  struct ifl_bundle *chain, *roots;
  char why[256] = "";
  iflow_error err = { 0 };
  lua_settop(L, 3);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  ifl_checkkeys(L, 3, keys);
  lua_Integer now = (lua_Integer)(ifl_clock_wall_ms() / 1000);
  lua_Integer at = ifl_optinteger(L, 3, "at", now, 0, LUA_MAXINTEGER);
  int purpose = ifl_optword(L, 3, "purpose", -1, purposes);
  if (check_pems(L, &chain, 1, 0, &err) < 0) return ifl_pusherror(L, &err);
  if (check_pems(L, &roots, 2, IFL_ROOTS_MAX, &err) < 0) return ifl_pusherror(L, &err);
  luaL_argcheck(L, sk_X509_num(chain->certs) > 0, 1, "there is no certificate in it");
  int rc = ifl_chain_verify(chain->certs, roots->certs, at, purpose < 0 ? NULL : purposes[purpose],
                            why, sizeof why, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushboolean(L, rc);
  if (rc == 1) return 1;
  lua_pushstring(L, why);
  return 2;
}

static int f_reach(lua_State *L)
{
  static const char *const keys[] = { "known", "directory", NULL };
  struct ifl_bundle *chain, *known = NULL;
  iflow_error err = { 0 };
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  ifl_checkkeys(L, 2, keys);
  const char *directory = ifl_optstring(L, 2, "directory", IFL_TRUST_DIRECTORY);
  if (lua_getfield(L, 2, "known") != LUA_TNIL && check_pems(L, &known, 3, IFL_ROOTS_MAX, &err) < 0)
    return ifl_pusherror(L, &err);
  if (check_pems(L, &chain, 1, 0, &err) < 0) return ifl_pusherror(L, &err);
  luaL_argcheck(L, sk_X509_num(chain->certs) > 0, 1, "there is no certificate in it");
  struct ifl_bundle *found = ifl_newud(L, sizeof *found, BUNDLE, 0);
  if (ifl_chain_reach(&found->certs, chain->certs, 0, known != NULL ? known->certs : NULL,
                      *directory != '\0' ? directory : NULL, &err) < 0)
    return ifl_pusherror(L, &err);
  lua_newtable(L);
  for (int i = 0; i < sk_X509_num(found->certs); i++) {
    ifl_pushcertificate(L, sk_X509_value(found->certs, i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

void ifl_addcertchain(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "verify", f_verify }, { "reach", f_reach }, { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", bundle_gc }, { NULL, NULL } };
  ifl_newclass(L, BUNDLE, NULL, meta);
  luaL_setfuncs(L, funcs, 0);
}
