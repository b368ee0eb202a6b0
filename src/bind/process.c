/* process.c -- Lua module core.process: starting a program that outlives this one, for
 * `iflow sandbox start --detach`.
 *   process.executable() -> path of the running program | nil, err
 *   process.pid() -> number
 *   process.detach { program, arg…, log = path } -> pid | nil, err
 *   process.output { program, arg… } -> what it prints, see process_output.c
 *   process.environment() -> { NAME = value }
 *   process.status(pid) -> "running" | "ended", exit code (128 + n after signal n)  of a detached one */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX 64

extern char **environ;

static int f_executable(lua_State *L)
{
  char path[PATH_MAX];
  iflow_error err;
  ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n < 0 || (size_t)n >= sizeof path) {
    ifl_fail_errno(&err, n < 0 ? errno : ENAMETOOLONG, "cannot read '/proc/self/exe'");
    return ifl_pusherror(L, &err);
  }
  lua_pushlstring(L, path, (size_t)n);
  return 1;
}

static int f_pid(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)getpid());
  return 1;
}

static int f_environment(lua_State *L)
{
  lua_newtable(L);
  for (char **each = environ; each != NULL && *each != NULL; each++) {
    const char *equals = strchr(*each, '=');
    if (equals == NULL) continue;
    lua_pushlstring(L, *each, (size_t)(equals - *each));
    lua_pushstring(L, equals + 1);
    lua_rawset(L, -3);
  }
  return 1;
}

/* Signals start out as the system's defaults, none blocked, in a session of its own. */
static int set_attributes(posix_spawnattr_t *attr)
{
  sigset_t all, none;
  int rc = posix_spawnattr_init(attr);
  if (rc != 0) return rc;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(attr, &all);
  posix_spawnattr_setsigmask(attr, &none);
  rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
                                          POSIX_SPAWN_SETSIGMASK);
  if (rc != 0) posix_spawnattr_destroy(attr);
  return rc;
}

static int start(pid_t *pid, char *const argv[], const char *log)
{
  posix_spawnattr_t attr;
  posix_spawn_file_actions_t files;
  int rc = set_attributes(&attr);
  if (rc != 0) return rc;
  rc = posix_spawn_file_actions_init(&files);
  if (rc == 0) {
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    rc = posix_spawn_file_actions_adddup2(&files, 1, 2);
    if (rc == 0) rc = posix_spawn(pid, argv[0], &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
  }
  posix_spawnattr_destroy(&attr);
  return rc;
}

static int f_detach(lua_State *L)
{
  char *argv[ARGS_MAX + 1] = { NULL };
  iflow_error err;
  pid_t pid;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *log = ifl_needstring(L, 1, "log");
  lua_Integer n = luaL_len(L, 1);
  luaL_argcheck(L, n >= 1 && n <= ARGS_MAX, 1, "a program and at most 63 arguments are expected");
  luaL_checkstack(L, (int)n, "too many arguments");
  for (int i = 0; i < n; i++) { /* the strings stay on the stack, so the pointers stay valid */
    luaL_argcheck(L, lua_rawgeti(L, 1, i + 1) == LUA_TSTRING, 1, "arguments must be strings");
    argv[i] = (char *)(uintptr_t)lua_tostring(L, -1); /* execve does not write to them */
  }
  int rc = start(&pid, argv, log);
  if (rc != 0) {
    ifl_fail_errno(&err, rc, "cannot start '%s'", argv[0]);
    return ifl_pusherror(L, &err);
  }
  lua_pushinteger(L, (lua_Integer)pid);
  return 1;
}

static int f_status(lua_State *L)
{
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  int status = 0;
  luaL_argcheck(L, pid > 0, 1, "a process id is expected");
  if (waitpid(pid, &status, WNOHANG) == 0) {
    lua_pushliteral(L, "running");
    return 1;
  }
  lua_pushliteral(L, "ended");
  lua_pushinteger(L, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
  return 2;
}

int ifl_open_process(lua_State *L)
{
  ifl_offload_open(L);
  static const luaL_Reg funcs[] = { { "executable", f_executable },
                                    { "pid", f_pid },
                                    { "detach", f_detach },
                                    { "output", ifl_process_output },
                                    { "status", f_status },
                                    { "environment", f_environment },
                                    { NULL, NULL } };
  luaL_newlib(L, funcs);
  return 1;
}
