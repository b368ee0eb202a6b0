/* secret.c -- Lua class iflow.secret: a value that prints as its fingerprint.
 *   local s = secret.new("top")          -- from a string
 *   local s, err = secret.file("pass")   -- the first line of a file
 *   tostring(s)                          -- "secret:1f3a9c02", never the value
 *   s:reveal()                           -- the string, for who really needs it
 *   #s, s == other                       -- length; equality by value, in constant time          */
#include "base/buffer.h"
#include "base/error.h"
#include "bind/bind.h"

#include <openssl/crypto.h>
#include <string.h>

#define SECRET "iflow.secret"

struct box {
  ifl_secret *s; /* NULL only between creation and filling, and after __gc */
};

static ifl_secret *check(lua_State *L, int arg)
{
  struct box *b = luaL_checkudata(L, arg, SECRET);
  luaL_argcheck(L, b->s != NULL, arg, "secret is closed");
  return b->s;
}

static int box_secret(lua_State *L)
{
  void *s = lua_touserdata(L, 1);
  struct box *b = ifl_newud(L, sizeof *b, SECRET, 0);
  b->s = s;
  return 1;
}

/* In a protected call, so that the reference is not lost when memory is out. */
void ifl_pushsecret(lua_State *L, ifl_secret *s)
{
  lua_pushcfunction(L, box_secret);
  lua_pushlightuserdata(L, s);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return;
  ifl_secret_unref(s);
  lua_error(L);
}

/* Replaces the string at idx (absolute) by a secret. */
static ifl_secret *convert(lua_State *L, int idx)
{
  size_t n = 0;
  const char *text = lua_tolstring(L, idx, &n);
  struct box *b = ifl_newud(L, sizeof *b, SECRET, 0);
  b->s = ifl_secret_new(text, n);
  if (b->s == NULL) luaL_error(L, "not enough memory");
  lua_replace(L, idx);
  return b->s;
}

ifl_secret *ifl_checksecret(lua_State *L, int arg)
{
  arg = lua_absindex(L, arg);
  if (lua_type(L, arg) == LUA_TSTRING) return convert(L, arg);
  return check(L, arg);
}

ifl_secret *ifl_optsecret(lua_State *L, int arg, const char *key)
{
  arg = lua_absindex(L, arg);
  lua_pushstring(L, key);
  switch (lua_rawget(L, arg)) {
  case LUA_TNIL: return NULL;
  case LUA_TSTRING: return convert(L, lua_gettop(L));
  default: break;
  }
  struct box *b = luaL_testudata(L, -1, SECRET);
  if (b == NULL || b->s == NULL)
    ifl_raise(L, "option '%s' must be a secret or a string, got %s", key, luaL_typename(L, -1));
  return b->s;
}

static int m_reveal(lua_State *L)
{
  ifl_secret *s = check(L, 1);
  lua_pushlstring(L, ifl_secret_data(s), ifl_secret_len(s));
  return 1;
}

static int secret_tostring(lua_State *L)
{
  lua_pushstring(L, ifl_secret_fingerprint(check(L, 1)));
  return 1;
}

static int secret_len(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)ifl_secret_len(check(L, 1)));
  return 1;
}

static int secret_eq(lua_State *L)
{
  struct box *a = luaL_testudata(L, 1, SECRET), *b = luaL_testudata(L, 2, SECRET);
  bool same =
      a != NULL && b != NULL && a->s != NULL && b->s != NULL &&
      ifl_secret_len(a->s) == ifl_secret_len(b->s) &&
      CRYPTO_memcmp(ifl_secret_data(a->s), ifl_secret_data(b->s), ifl_secret_len(a->s)) == 0;
  lua_pushboolean(L, same);
  return 1;
}

static int secret_gc(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, SECRET);
  ifl_secret_unref(b->s);
  b->s = NULL;
  return 0;
}

static int f_new(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TSTRING);
  lua_settop(L, 1);
  convert(L, 1);
  return 1;
}

#define SECRET_FILE_MAX (64 * 1024)

static int f_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  iflow_error err = { 0 };
  struct ifl_buf *text = ifl_newbuf(L, SECRET_FILE_MAX);
  struct box *b = ifl_newud(L, sizeof *b, SECRET, 0);
  if (ifl_file_read(text, path, &err) < 0) return ifl_pusherror(L, &err);
  size_t n = 0;
  while (n < text->len && text->data[n] != '\n' && text->data[n] != '\r') n++;
  if (n == 0) {
    ifl_fail(&err, IFLOW_EINVAL, "the first line of '%s' is empty, a secret was expected there",
             path);
    ifl_hint(&err, "write the secret into the first line of the file");
    return ifl_pusherror(L, &err);
  }
  b->s = ifl_secret_new(text->data, n);
  ifl_buf_wipe(text); /* now, not when the collector comes by */
  if (b->s == NULL) {
    ifl_fail_nomem(&err);
    return ifl_pusherror(L, &err);
  }
  return 1;
}

int ifl_open_secret(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "new", f_new }, { "file", f_file }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "reveal", m_reveal }, { NULL, NULL } };
  static const luaL_Reg meta[] = {
    { "__tostring", secret_tostring },
    { "__len", secret_len },
    { "__eq", secret_eq },
    { "__gc", secret_gc },
    { NULL, NULL },
  };
  ifl_newclass(L, SECRET, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
