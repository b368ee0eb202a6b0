/* cert_pack.c -- the part of iflow.core.cert that makes files for others.
 *   cert.der(pem) -> bytes of the first block | nil, err
 *   cert.zip { { name = "1.cer", data = bytes }… } -> bytes of a zip archive | nil, err */
#include "auth/pem.h"
#include "bind/bind.h"
#include "bind/cert.h"
#include "codec/zip.h"

#define PEM     "iflow.pem_reading" /* internal */
#define ZIP_MAX (2 * IFL_ZIP_TOTAL_MAX)

static int pem_gc(lua_State *L)
{
  ifl_pem_done(luaL_checkudata(L, 1, PEM));
  return 0;
}

static int f_der(lua_State *L)
{
  size_t n;
  iflow_error err = { 0 };
  const char *text = luaL_checklstring(L, 1, &n);
  struct ifl_pem *p = ifl_newud(L, sizeof *p, PEM, 0);
  ifl_pem_init(p, text, n);
  int rc = ifl_pem_next(p, &err);
  luaL_argcheck(L, rc != 0, 1, "there is no PEM block in it");
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, p->der.data, p->der.len);
  return 1;
}

static int f_zip(lua_State *L)
{
  static const char *const keys[] = { "name", "data", NULL };
  struct ifl_zip_entry entries[IFL_ZIP_ENTRIES_MAX];
  iflow_error err = { 0 };
  size_t n = 0;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct ifl_buf *out = ifl_newbuf(L, ZIP_MAX);
  for (; lua_rawgeti(L, 1, (lua_Integer)n + 1) == LUA_TTABLE; n++) {
    luaL_argcheck(L, n < IFL_ZIP_ENTRIES_MAX, 1, "too many files");
    ifl_checkkeys(L, 3, keys);
    entries[n].name = ifl_needstring(L, 3, "name"); /* the strings stay in the tables */
    entries[n].data = ifl_optlstring(L, 3, "data", &entries[n].n);
    luaL_argcheck(L, entries[n].data != NULL, 1, "a file without data");
    lua_settop(L, 2);
  }
  if (ifl_zip_write(out, entries, n, &err) < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, out->data, out->len);
  return 1;
}

void ifl_addcertpack(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "der", f_der }, { "zip", f_zip }, { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", pem_gc }, { NULL, NULL } };
  ifl_newclass(L, PEM, NULL, meta);
  luaL_setfuncs(L, funcs, 0);
}
