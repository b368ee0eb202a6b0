/* process_output.c -- core.process.output: runs a program for the secret that it prints, such as the
 * command of a password store.
 *   process.output { program, arg…, timeout = "30s" } -> secret: what it wrote to standard output
 *                                                      | nil, err: credential.unavailable when it
 *                       cannot be started, ends with another code than 0, writes more than 1 MiB or nothing,
 *                       or takes longer than the timeout, after which it is killed
 * The program is looked for in PATH. It reads nothing from standard input; its standard error is
 * ours. Waits inside a task: the work is done on a thread. */
#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "bind/bind.h"
#include "bind/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGS_MAX   64
#define OUTPUT_MAX (1024 * 1024)
#define TIMEOUT_MS 30000

extern char **environ;

struct asking {
  struct ifl_job job;
  char *argv[ARGS_MAX + 1];
  int64_t timeout_ms;
  struct ifl_buf text;
  int rc;
  iflow_error err;
};

/* ---- on the thread --------------------------------------------------------------------------- */

/* A process group of its own, so that all of it can be killed; signals as the system has them. */
static int spawn(struct asking *a, pid_t *pid, int output)
{
  posix_spawnattr_t attr;
  posix_spawn_file_actions_t files;
  sigset_t all, none;
  int rc = posix_spawnattr_init(&attr);
  if (rc != 0) return rc;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attr, &all);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setpgroup(&attr, 0);
  posix_spawnattr_setflags(&attr,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  rc = posix_spawn_file_actions_init(&files);
  if (rc == 0) {
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, 1);
    rc = posix_spawnp(pid, a->argv[0], &files, &attr, a->argv, environ);
    posix_spawn_file_actions_destroy(&files);
  }
  posix_spawnattr_destroy(&attr);
  return rc;
}

/* One piece of what it writes. 1: there may be more; 0: the end. */
static int read_piece(struct asking *a, int fd, int64_t deadline)
{
  struct pollfd wait = { .fd = fd, .events = POLLIN };
  char piece[4096];
  int64_t left = deadline - ifl_clock_mono_ms();
  int n = poll(&wait, 1, left > 0 ? (int)left : 0);
  if (n < 0 && errno == EINTR) return 1;
  if (n == 0)
    return ifl_fail(&a->err, IFLOW_ECOMMAND, "'%s' did not end within %.0f s", a->argv[0],
                    (double)a->timeout_ms / 1000);
  ssize_t got = read(fd, piece, sizeof piece);
  if (got < 0) return ifl_fail_errno(&a->err, errno, "cannot read what '%s' prints", a->argv[0]);
  int rc = got > 0 ? ifl_buf_add(&a->text, piece, (size_t)got, &a->err) : 0;
  ifl_wipe(piece, sizeof piece);
  return rc < 0 ? rc : got > 0;
}

static int end_of(struct asking *a, pid_t pid, int rc)
{
  int status = 0;
  if (rc < 0) kill(-pid, SIGKILL);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
  if (rc < 0) return rc;
  if (WIFSIGNALED(status))
    return ifl_fail(&a->err, IFLOW_ECOMMAND, "'%s' was ended by signal %d", a->argv[0],
                    WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return ifl_fail(&a->err, IFLOW_ECOMMAND, "'%s' ended with exit code %d", a->argv[0],
                    WEXITSTATUS(status));
  if (a->text.len == 0)
    return ifl_fail(&a->err, IFLOW_ECOMMAND, "'%s' printed nothing", a->argv[0]);
  return 0;
}

static int ask(struct asking *a)
{
  int fds[2], rc;
  pid_t pid;
  int64_t deadline = ifl_clock_mono_ms() + a->timeout_ms;
  if (pipe2(fds, O_CLOEXEC) < 0) return ifl_fail_errno(&a->err, errno, "cannot make a pipe");
  int failed = spawn(a, &pid, fds[1]);
  close(fds[1]);
  if (failed != 0) {
    close(fds[0]);
    ifl_fail_errno(&a->err, failed, "cannot start '%s'", a->argv[0]);
    return a->err.code = IFLOW_ECOMMAND;
  }
  while ((rc = read_piece(a, fds[0], deadline)) > 0) continue;
  close(fds[0]);
  return end_of(a, pid, rc);
}

static void asking_run(struct ifl_job *job)
{
  struct asking *a = (struct asking *)job;
  a->rc = ask(a);
}

/* ---- for Lua --------------------------------------------------------------------------------- */

static void asking_done(struct ifl_job *job)
{
  struct asking *a = (struct asking *)job;
  for (size_t i = 0; a->argv[i] != NULL; i++) free(a->argv[i]);
  ifl_buf_wipe(&a->text);
}

static int asked_k(lua_State *L, int status, lua_KContext ctx)
{
  struct asking *a = (struct asking *)ctx;
  (void)status;
  if (a->rc < 0) return ifl_pusherror(L, &a->err);
  ifl_secret *secret = ifl_secret_new(a->text.data, a->text.len);
  if (secret == NULL) return luaL_error(L, "not enough memory");
  ifl_pushsecret(L, secret);
  return 1;
}

int ifl_process_output(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_Integer n = luaL_len(L, 1);
  luaL_argcheck(L, n >= 1 && n <= ARGS_MAX, 1, "a program and at most 63 arguments are expected");
  struct asking *a = ifl_newjob(L, sizeof *a, asking_run, asking_done);
  ifl_buf_init(&a->text, OUTPUT_MAX);
  a->timeout_ms = ifl_optduration(L, 1, "timeout", TIMEOUT_MS);
  for (int i = 0; i < n; i++) {
    luaL_argcheck(L, lua_rawgeti(L, 1, i + 1) == LUA_TSTRING, 1, "arguments must be strings");
    if ((a->argv[i] = strdup(lua_tostring(L, -1))) == NULL) luaL_error(L, "not enough memory");
    lua_pop(L, 1);
  }
  return ifl_runjob(L, &a->job, true, asked_k);
}
