/* build.c -- Lua module core.build: what this binary is made of, for the bundle of iflow check.
 *   build.info() -> { version = "0.1.0", compiler = "12.2.0", sanitized = false,
 *                     libraries = { Lua = "5.4.4", libcurl = "libcurl/7.88.1 …", … } }
 * The versions are those of the libraries that are loaded now, where they can say it. */
#include "base/json.h"
#include "bind/bind.h"
#include "codec/gzip.h"
#include "codec/xml.h"
#include "net/connection.h"
#include "net/http1.h"
#include "net/loop.h"
#include "outbox/driver.h"

#include <openssl/crypto.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static void add(lua_State *L, const char *name, const char *version)
{
  lua_pushstring(L, version);
  lua_setfield(L, -2, name);
}

static void push_libraries(lua_State *L)
{
  lua_createtable(L, 0, 10);
  add(L, "Lua", LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE);
  add(L, "libcurl", ifl_connection_library());
  add(L, "libuv", ifl_loop_library());
  add(L, "OpenSSL", OpenSSL_version(OPENSSL_VERSION));
  add(L, "llhttp", ifl_http1_library());
  add(L, "cJSON", ifl_json_library());
  add(L, "expat", ifl_xml_library());
  add(L, "zlib", ifl_gzip_library());
  add(L, "SQLite", ifl_outbox_sqlite_library());
#ifdef __GLIBC__
  add(L, "glibc", gnu_get_libc_version());
#endif
}

static int f_info(lua_State *L)
{
  lua_createtable(L, 0, 4);
  add(L, "version", iflow_version());
  add(L, "compiler", __VERSION__);
  lua_pushboolean(L, SANITIZED);
  lua_setfield(L, -2, "sanitized");
  push_libraries(L);
  lua_setfield(L, -2, "libraries");
  return 1;
}

int ifl_open_build(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "info", f_info }, { NULL, NULL } };
  luaL_newlib(L, funcs);
  return 1;
}
