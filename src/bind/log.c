/* log.c -- the log for Lua: one line an event, secrets redacted, to standard error.
 *   log.level()                        -- "warn"
 *   log.level("debug")                 -- sets it, returns the one before
 *   log.enabled("trace")               -- whether a line of this level would be written
 *   log.write("info", "sender", text)
 *   log.capture(true)                  -- for tests: keeps lines in memory instead of writing them
 *   log.captured()                     -- what was kept since the last call, as one string       */
#include "base/buffer.h"
#include "base/log.h"
#include "bind/bind.h"

#define CAPTURE     "iflow.log_capture" /* internal */
#define CAPTURE_MAX (4u << 20)          /* what is more is dropped */

static const char *const levels[] = { "error", "warn", "info", "debug", "trace", NULL };
static const char capture_key = 0; /* registry: the capture while it is on */

struct capture {
  struct ifl_buf lines;
  struct ifl_log *log;
};

static int f_level(lua_State *L)
{
  struct ifl_log *log = ifl_loop_log(ifl_loop(L));
  const char *before = levels[log->level];
  if (!lua_isnoneornil(L, 1)) log->level = (enum ifl_level)luaL_checkoption(L, 1, NULL, levels);
  lua_pushstring(L, before);
  return 1;
}

static int f_enabled(lua_State *L)
{
  int level = luaL_checkoption(L, 1, NULL, levels);
  lua_pushboolean(L, ifl_log_on(ifl_loop_log(ifl_loop(L)), (enum ifl_level)level));
  return 1;
}

static int f_write(lua_State *L)
{
  int level = luaL_checkoption(L, 1, NULL, levels);
  const char *module = luaL_checkstring(L, 2);
  const char *text = luaL_checkstring(L, 3);
  ifl_log_write(ifl_loop_log(ifl_loop(L)), (enum ifl_level)level, module, "%s", text);
  return 0;
}

static void on_line(void *payload, const char *line, size_t n)
{
  struct capture *c = payload;
  (void)ifl_buf_add(&c->lines, line, n, NULL); /* a test that logs megabytes loses the tail */
}

static int capture_gc(lua_State *L)
{
  struct capture *c = luaL_checkudata(L, 1, CAPTURE);
  if (c->log != NULL && c->log->payload == c) {
    c->log->sink = NULL;
    c->log->payload = NULL;
  }
  c->log = NULL;
  ifl_buf_wipe(&c->lines);
  return 0;
}

static int f_capture(lua_State *L)
{
  bool on = lua_toboolean(L, 1);
  struct ifl_log *log = ifl_loop_log(ifl_loop(L));
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &capture_key) != LUA_TNIL) {
    lua_pushcfunction(L, capture_gc);
    lua_insert(L, -2);
    lua_call(L, 1, 0);
  }
  lua_settop(L, 0);
  lua_pushnil(L);
  if (on) {
    struct capture *c = ifl_newud(L, sizeof *c, CAPTURE, 0);
    ifl_buf_init(&c->lines, CAPTURE_MAX);
    c->log = log;
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &capture_key);
    log->payload = c;
    log->sink = on_line;
    return 0;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &capture_key);
  return 0;
}

static int f_captured(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &capture_key);
  struct capture *c = luaL_testudata(L, -1, CAPTURE);
  if (c == NULL) ifl_raise(L, "log.capture(true) comes first");
  lua_pushlstring(L, c->lines.len > 0 ? c->lines.data : "", c->lines.len);
  ifl_buf_clear(&c->lines);
  return 1;
}

int ifl_open_log(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "level", f_level },     { "enabled", f_enabled },   { "write", f_write },
    { "capture", f_capture }, { "captured", f_captured }, { NULL, NULL },
  };
  static const luaL_Reg meta[] = { { "__gc", capture_gc }, { NULL, NULL } };
  ifl_newclass(L, CAPTURE, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
