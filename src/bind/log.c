/* log.c -- the log for Lua: one line an event, secrets redacted, to standard error.
 *   log.level()                        -- "warn"
 *   log.level("debug")                 -- sets it, returns the one before
 *   log.level("debug", "http")         -- sets that of one module; nothing is returned
 *   log.enabled("trace" [, "http"])    -- whether a line of this level would be written
 *   log.write("info", "sender", text [, { sender = "orders", attempt = 2 }])
 *                                      -- fields: texts, numbers, booleans, 16 at most; names of
 *                                         a-z and _; those of events first, the others by name
 *   log.format("json" [, priority])    -- or "text", or "color": text for a terminal; priority:
 *                                         lines begin as systemd's journal takes them
 *   log.capture(true)                  -- for tests: keeps lines in memory instead of writing them
 *   log.captured()                     -- what was kept since the last call, as one string
 *   log.redact(text) -> the text without the secrets that a line of the log would lose
 *   log.ring(500)                      -- the last lines, see log_ring.c                         */
#include "base/buffer.h"
#include "base/log.h"
#include "bind/bind.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CAPTURE     "iflow.log_capture" /* internal */
#define CAPTURE_MAX (4u << 20)          /* what is more is dropped */

static const char *const levels[] = { "error", "warn", "info", "debug", "trace", NULL };
static const char capture_key = 0; /* registry: the capture while it is on */

struct capture {
  struct ifl_buf lines;
  struct ifl_log *log;
};

static struct ifl_log *log_of(lua_State *L)
{
  return ifl_loop_log(ifl_loop(L));
}

static const char *check_module(lua_State *L, int arg, const char *otherwise)
{
  size_t n;
  const char *module = luaL_optlstring(L, arg, otherwise, &n);
  for (size_t i = 0; i < n; i++)
    luaL_argcheck(L, isalnum((unsigned char)module[i]) || strchr("_-.", module[i]) != NULL, arg,
                  "a module has letters, digits, '_', '-' and '.'");
  luaL_argcheck(L, n > 0 && n < IFL_LOG_MODULE_MAX, arg,
                "the name of a module has 1 to 31 letters");
  return module;
}

static int f_level(lua_State *L)
{
  struct ifl_log *log = log_of(L);
  const char *before = levels[log->level];
  if (!lua_isnoneornil(L, 2)) {
    int level = luaL_checkoption(L, 1, NULL, levels);
    if (!ifl_log_set_module(log, check_module(L, 2, NULL), (enum ifl_level)level))
      ifl_raise(L, "more than %d modules have a level of their own", IFL_LOG_MODULES);
    return 0;
  }
  if (!lua_isnoneornil(L, 1)) log->level = (enum ifl_level)luaL_checkoption(L, 1, NULL, levels);
  lua_pushstring(L, before);
  return 1;
}

static int f_enabled(lua_State *L)
{
  int level = luaL_checkoption(L, 1, NULL, levels);
  lua_pushboolean(L, ifl_log_on(log_of(L), (enum ifl_level)level, check_module(L, 2, "iflow")));
  return 1;
}

static int f_format(lua_State *L)
{
  static const char *const formats[] = { "text", "json", "color", NULL };
  struct ifl_log *log = log_of(L);
  int format = luaL_checkoption(L, 1, NULL, formats);
  log->json = format == 1;
  log->color = format == 2;
  log->priority = lua_toboolean(L, 2);
  return 0;
}

static bool fine_name(const char *s)
{
  size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz_");
  return n > 0 && s[n] == '\0';
}

/* Whose event it is, which message, how it went; in this order, so that the eye finds them. */
static size_t rank(const char *name)
{
  static const char *const first[] = { "event",      "sender",   "relay",   "files",   "stdin",
                                       "job",        "endpoint", "id",      "attempt", "status",
                                       "message_id", "code",     "seconds", "wait",    "trace_id" };
  size_t i = 0;
  while (i < sizeof first / sizeof *first && strcmp(first[i], name) != 0) i++;
  return i;
}

static int by_rank(const void *a, const void *b)
{
  const struct ifl_log_field *x = a, *y = b;
  size_t i = rank(x->name), j = rank(y->name);
  if (i != j) return i < j ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Fills fields of the table at idx; the texts that it makes of numbers stay on the stack, so that
 * they live as long as the call. */
static size_t collect(lua_State *L, int idx, struct ifl_log_field *fields)
{
  size_t n = 0;
  luaL_checkstack(L, IFL_LOG_FIELDS + 4, NULL);
  lua_pushnil(L);
  while (lua_next(L, idx) != 0 && n < IFL_LOG_FIELDS) {
    struct ifl_log_field *f = &fields[n++];
    int type = lua_type(L, -1);
    luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING && fine_name(lua_tostring(L, -2)), idx,
                  "the name of a field has a-z and '_'");
    luaL_argcheck(L, type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN, idx,
                  "a field is a text, a number or a boolean");
    f->name = lua_tostring(L, -2);
    f->bare = type != LUA_TSTRING;
    f->value = luaL_tolstring(L, -1, &f->n);
    if (type == LUA_TNUMBER && strpbrk(f->value, "in") != NULL) f->bare = false; /* inf, nan */
    lua_insert(L, -3); /* below key and value */
    lua_pop(L, 1);
  }
  qsort(fields, n, sizeof *fields, by_rank);
  return n;
}

static int f_write(lua_State *L)
{
  struct ifl_log_field fields[IFL_LOG_FIELDS];
  enum ifl_level level = (enum ifl_level)luaL_checkoption(L, 1, NULL, levels);
  const char *module = check_module(L, 2, NULL);
  size_t n, nfields = 0;
  const char *text = luaL_checklstring(L, 3, &n);
  if (!ifl_log_on(log_of(L), level, module)) return 0;
  if (!lua_isnoneornil(L, 4)) {
    luaL_checktype(L, 4, LUA_TTABLE);
    lua_settop(L, 4);
    nfields = collect(L, 4, fields);
  }
  ifl_log_event(log_of(L), level, module, text, n, fields, nfields);
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
  struct ifl_log *log = log_of(L);
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

static int f_redact(lua_State *L)
{
  size_t n;
  luaL_Buffer b;
  const char *text = luaL_checklstring(L, 1, &n);
  char *copy = luaL_buffinitsize(L, &b, n);
  memcpy(copy, text, n);
  luaL_pushresultsize(&b, ifl_log_redact(copy, n));
  return 1;
}

int ifl_open_log(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "level", f_level },     { "enabled", f_enabled }, { "write", f_write },
    { "format", f_format },   { "capture", f_capture }, { "captured", f_captured },
    { "ring", ifl_log_ring }, { "redact", f_redact },   { NULL, NULL },
  };
  static const luaL_Reg meta[] = { { "__gc", capture_gc }, { NULL, NULL } };
  ifl_log_ring_open(L);
  ifl_newclass(L, CAPTURE, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
