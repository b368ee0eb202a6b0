/* crypto.c -- Lua module iflow.core.crypto: random bytes, digests, encodings.
 *   random(n) -> n bytes      sha256(s) -> hex      uuid() -> "6f1c…" (version 4)
 *   uuid7([ms]) -> "0190…" (version 7: begins with the time, in milliseconds since 1970)
 *   base64(s), base64url(s) -> text      unbase64(text) -> bytes, or nil when it is neither */
#include "bind/bind.h"

#include "base/clock.h"
#include "base/digest.h"

#include <string.h>
#include <unistd.h>

#define RANDOM_MAX (1 << 20)

static int f_random(lua_State *L)
{
  iflow_error err = { 0 };
  lua_Integer n = luaL_checkinteger(L, 1);
  luaL_argcheck(L, n >= 0 && n <= RANDOM_MAX, 1, "0 to 1048576 bytes are possible");
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, (size_t)n);
  if (ifl_random(out, (size_t)n, &err) < 0) return ifl_pusherror(L, &err);
  luaL_pushresultsize(&b, (size_t)n);
  return 1;
}

static int f_sha256(lua_State *L)
{
  char hex[65];
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  ifl_sha256_hex(hex, s, n);
  lua_pushlstring(L, hex, 64);
  return 1;
}

static int encode(lua_State *L, size_t (*encoder)(char *out, const void *data, size_t n))
{
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, ifl_base64_size(n));
  luaL_pushresultsize(&b, encoder(out, s, n));
  return 1;
}

static int f_base64(lua_State *L)
{
  return encode(L, ifl_base64);
}

static int f_base64url(lua_State *L)
{
  return encode(L, ifl_base64url);
}

static int f_unbase64(lua_State *L)
{
  size_t n;
  const char *s = luaL_checklstring(L, 1, &n);
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, n + 1);
  long decoded = ifl_base64_decode((unsigned char *)out, s, n);
  if (decoded < 0) {
    lua_pushnil(L);
    return 1;
  }
  luaL_pushresultsize(&b, (size_t)decoded);
  return 1;
}

/* ---- UUIDs ---- */

/* Random bytes in store for UUIDs: OpenSSL's generator costs as much for 16 bytes as for hundreds.
 * The one of a Lua state, in upvalue 1. Not for secrets. */
struct store {
  unsigned char bytes[1024];
  size_t left;
  pid_t owner; /* a child of fork must not give out the same */
};

static int take_random(struct store *s, unsigned char *out, size_t n, iflow_error *err)
{
  pid_t self = getpid();
  if (s->left < n || s->owner != self) {
    int rc = ifl_random(s->bytes, sizeof s->bytes, err);
    if (rc < 0) return rc;
    s->left = sizeof s->bytes;
    s->owner = self;
  }
  s->left -= n;
  memcpy(out, s->bytes + s->left, n);
  return 0;
}

/* RFC 9562: version and variant into 16 bytes, and their text onto the stack. */
static int push_uuid(lua_State *L, unsigned char b[16], int version)
{
  static const char digits[] = "0123456789abcdef";
  char text[36], *out = text;
  b[6] = (unsigned char)((b[6] & 0x0f) | version << 4);
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
    *out++ = digits[b[i] >> 4];
    *out++ = digits[b[i] & 15];
  }
  lua_pushlstring(L, text, sizeof text);
  return 1;
}

static int f_uuid(lua_State *L)
{
  iflow_error err = { 0 };
  unsigned char b[16];
  struct store *s = lua_touserdata(L, lua_upvalueindex(1));
  if (take_random(s, b, sizeof b, &err) < 0) return ifl_pusherror(L, &err);
  return push_uuid(L, b, 4);
}

static int f_uuid7(lua_State *L)
{
  iflow_error err = { 0 };
  unsigned char b[16];
  struct store *s = lua_touserdata(L, lua_upvalueindex(1));
  int64_t ms = luaL_optinteger(L, 1, ifl_clock_wall_ms());
  luaL_argcheck(L, ms >= 0 && ms >> 48 == 0, 1, "milliseconds since 1970 are expected");
  if (take_random(s, b + 6, sizeof b - 6, &err) < 0) return ifl_pusherror(L, &err);
  for (int i = 0; i < 6; i++) b[i] = (unsigned char)(ms >> (40 - 8 * i));
  return push_uuid(L, b, 7);
}

int ifl_open_crypto(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "random", f_random },     { "sha256", f_sha256 },
                                    { "base64", f_base64 },     { "base64url", f_base64url },
                                    { "unbase64", f_unbase64 }, { NULL, NULL } };
  static const luaL_Reg ids[] = { { "uuid", f_uuid }, { "uuid7", f_uuid7 }, { NULL, NULL } };
  luaL_newlib(L, funcs);
  struct store *s = lua_newuserdatauv(L, sizeof *s, 0);
  memset(s, 0, sizeof *s);
  luaL_setfuncs(L, ids, 1);
  return 1;
}
