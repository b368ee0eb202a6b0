/* main.c -- the iflow binary: a Lua state that has our modules, and argv handed to
 * lua/iflow/cli.lua, whose result is the exit code. Whatever can fail in Lua runs inside one
 * protected call. What concerns the whole process (signals, core dumps) is done here and only
 * here; the module leaves the process of its host application alone. */
#include "bind/task.h"
#include "host/embedded.h"
#include "host/limits.h"
#include "iflow.h"

#include <lauxlib.h>
#include <lualib.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define TRACEABLE 1 /* the leak sanitizer looks at its own process from outside */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TRACEABLE 1
#endif
#endif

enum { EXIT_USAGE = 2, EXIT_TEMPORARY = 4 };

int luaopen_iflow_core(lua_State *L);

struct arguments {
  int argc;
  char **argv;
};

/* Only for a failure outside the protected call: memory ran out while the state was closed or
 * made. Touches nothing of Lua, and leaves without abort(). */
static int panic(lua_State *L)
{
  static const char text[] = "iflow: out of memory\n";
  (void)L;
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(EXIT_TEMPORARY);
  _exit(EXIT_TEMPORARY);
}

/* Keys and tokens live in this process: no core file, and no other process of the user reads it. */
static void protect_memory(void)
{
  const struct rlimit none = { 0, 0 };
  setrlimit(RLIMIT_CORE, &none);
#ifndef TRACEABLE
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

/* The one thing a signal handler can know of: the process has one state and one script. */
static struct {
  struct ifl_runtime *runtime;
  void (*loops)(int); /* the loop's handler, which cancels the run at its next turn */
  bool gently;
  volatile sig_atomic_t last;
} on_stop;

static void handle_stop(int number)
{
  on_stop.last = number;
  on_stop.loops(number);
  if (on_stop.gently) {
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
  } else {
    ifl_task_interrupt(on_stop.runtime);
  }
}

/* once(name [, gently]): the handler that the loop has installed for SIGINT or SIGTERM serves one
 * signal, and stops a script that does not come back to the loop, too; another signal ends the
 * process. Gently: scripts are not stopped, since a service ends what it has begun; and any second
 * signal ends the process, be it the other one. */
static int f_once(lua_State *L)
{
  static const char *const names[] = { "INT", "TERM", NULL };
  static const int numbers[] = { SIGINT, SIGTERM };
  const int number = numbers[luaL_checkoption(L, 1, NULL, names)];
  struct sigaction action;

  on_stop.gently = lua_toboolean(L, 2);

  if (sigaction(number, NULL, &action) == 0 && action.sa_handler != handle_stop) {
    on_stop.runtime = ifl_task_interruptible(L);
    on_stop.loops = action.sa_handler;
    action.sa_handler = handle_stop;
    action.sa_flags |= (int)SA_RESETHAND;
    sigaction(number, &action, NULL);
  }
  return 0;
}

/* ignore_hangup(): a SIGHUP ends nothing from here on. */
static int f_ignore_hangup(lua_State *L)
{
  (void)L;
  signal(SIGHUP, SIG_IGN);
  return 0;
}

/* stopped() -> "INT", "TERM" or nil: the last signal that came. */
static int f_stopped(lua_State *L)
{
  if (on_stop.last == 0) return 0;
  lua_pushstring(L, on_stop.last == SIGINT ? "INT" : "TERM");
  return 1;
}

/* What cli.lua needs and a module has no business with. */
static void push_host(lua_State *L)
{
  static const luaL_Reg functions[] = { { "commands", ifl_embedded_commands },
                                        { "once", f_once },
                                        { "stopped", f_stopped },
                                        { "ignore_hangup", f_ignore_hangup },
                                        { "limit", ifl_limits_set },
                                        { "memory", ifl_limits_memory },
                                        { NULL, NULL } };
  luaL_newlib(L, functions);
  lua_pushstring(L, iflow_version());
  lua_setfield(L, -2, "version");
}

static void push_arguments(lua_State *L, const struct arguments *a)
{
  int i;
  lua_createtable(L, a->argc, 1);
  for (i = 0; i < a->argc; i++) {
    lua_pushstring(L, a->argv[i]);
    lua_rawseti(L, -2, i);
  }
}

/* return require "iflow.cli" (argv, host) */
static int protected_main(lua_State *L)
{
  const struct arguments *a = lua_touserdata(L, 1);

  lua_gc(L, LUA_GCSTOP); /* until the command begins: what is loaded stays */
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_iflow_core);
  lua_setfield(L, -2, "iflow.core");
  ifl_embedded_install(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "iflow.cli");
  lua_call(L, 1, 1);
  push_arguments(L, a);
  push_host(L);
  lua_call(L, 2, 1);
  lua_pushinteger(L, luaL_checkinteger(L, -1));
  return 1;
}

static int run(lua_State *L, struct arguments *a)
{
  int code = EXIT_TEMPORARY;

  lua_atpanic(L, panic);
  lua_pushcfunction(L, protected_main);
  lua_pushlightuserdata(L, a);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) {
    code = (int)lua_tointeger(L, -1);
  } else { /* cli.lua reports errors itself; this is one in cli.lua, or no memory for it */
    const char *text = lua_tostring(L, -1);
    fprintf(stderr, "iflow: %s\n", text != NULL ? text : "failed");
  }
  return code;
}

/* Whoever read has seen enough: iflow outbox list | head. */
static bool reader_is_gone(void)
{
  struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/* A full disk must not look like success. Not worth repeating: what the command did is done. */
static int flush_output(int code)
{
  if ((fflush(stdout) != 0 || ferror(stdout)) && code == 0 && !reader_is_gone()) {
    fputs("iflow: standard output could not be written completely\n", stderr);
    return EXIT_USAGE;
  }
  return code;
}

static bool is_service(int argc, char **argv)
{
  int at = argc > 1 && strcmp(argv[1], "--json") == 0 ? 2 : 1;
  return at < argc && strcmp(argv[at], "serve") == 0;
}

int main(int argc, char **argv)
{
  struct arguments a = { argc, argv };
  lua_State *L;
  int code;

  protect_memory();
  /* What OpenSSL would free in the end goes with the process, at once. Its first call decides. */
  OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error to be told, no end */
  if (is_service(argc, argv)) signal(SIGHUP, SIG_IGN); /* must not end it before it can reload */
  L = luaL_newstate();
  if (L == NULL) {
    fputs("iflow: out of memory\n", stderr);
    return EXIT_TEMPORARY;
  }
  ifl_limits_begin(L);
  code = run(L, &a);
  ifl_limits_end();
  lua_close(L);
  return flush_output(code);
}
