/* limits.c -- see limits.h. Time is looked at by a timer that interrupts the main thread a few times
 * in the span of the limit, so that code within it costs nothing; memory by the allocator. */
#include "host/limits.h"

#include "base/log_line.h"
#include "bind/lua_util.h"
#include "bind/task.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOKS 4 /* at the clock in the span of the time limit */
#define TOLD  3 /* time limits until it is told that a call cannot be stopped */

/* A process has one Lua state, and a signal handler can know of nothing else. */
static struct {
  struct ifl_runtime *runtime; /* NULL: no limits yet */
  /* time */
  timer_t timer;
  bool timed;
  int seconds;
  uint64_t seen;
  int looks, overruns; /* of the turn that was seen */
  struct ifl_log *log;
  /* memory */
  size_t used, max;
  size_t before, turn_max; /* what was used when the turn began; it may take so much more */
  uint64_t turn;
  uint64_t refused;
} limits;

/* ---- memory ---- */

static bool allowed(size_t more)
{
  if (limits.max > 0 && limits.used + more > limits.max) return false;
  if (limits.runtime == NULL || limits.turn_max == 0) return true;
  uint64_t turn = ifl_task_slice(limits.runtime);
  if (turn == 0) return true; /* the engine's own */
  if (turn != limits.turn) {
    limits.turn = turn;
    limits.before = limits.used;
  }
  return limits.used + more <= limits.before + limits.turn_max;
}

static void *count_alloc(void *ud, void *block, size_t old_size, size_t new_size)
{
  (void)ud;
  if (block == NULL) old_size = 0; /* it says what is to be made */
  if (new_size == 0) {
    free(block);
    limits.used -= old_size;
    return NULL;
  }
  if (new_size > old_size && !allowed(new_size - old_size)) {
    limits.refused++;
    return NULL; /* Lua collects garbage and asks once more */
  }
  void *moved = realloc(block, new_size);
  if (moved != NULL) limits.used = limits.used - old_size + new_size;
  return moved;
}

void ifl_limits_begin(lua_State *L)
{
  limits.used = (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
  lua_setallocf(L, count_alloc, NULL); /* Lua's own is realloc and free, too */
}

int ifl_limits_memory(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)limits.used);
  lua_pushinteger(L, (lua_Integer)limits.refused);
  return 2;
}

/* ---- time ---- */

/* What runs is one call of C or a finalizer: no instruction of Lua comes that could be stopped. Then
 * it is at least told whose it is, while it still runs. Straight to the descriptor: whatever else
 * the log feeds must not be entered from a signal handler. */
static void tell_held_up(void)
{
  char out[IFL_LOG_LINE_MAX], text[512];
  const struct ifl_log_field event = { .name = "event", .value = "held_up", .n = 7 };
  const char *who = ifl_task_label(limits.runtime);
  int n = snprintf(text, sizeof text,
                   "everything has been held up for %d s by one call that cannot be stopped (a "
                   "pattern that matches for ever, a finalizer without end), of: %s",
                   limits.overruns * limits.seconds, *who != '\0' ? who : "a script");
  struct ifl_log_line line = { IFL_LOG_ERROR, "serve", text, (size_t)n, &event, 1 };
  size_t left = ifl_log_line(out, limits.log, &line);
  if (left > 0 && write(STDERR_FILENO, out, left) < 0) return; /* no better place to complain */
}

static void on_look(int number)
{
  int kept = errno;
  uint64_t turn = ifl_task_slice(limits.runtime);
  (void)number;
  if (turn == 0 || turn != limits.seen) {
    limits.seen = turn;
    limits.looks = limits.overruns = 0;
  } else if (++limits.looks >= LOOKS) {
    limits.looks = 0;
    ifl_task_overrun(limits.runtime, limits.seconds);
    if (++limits.overruns == TOLD) tell_held_up();
  }
  errno = kept;
}

/* The signal goes to this thread, so that no worker's system call is interrupted by it. */
static int make_timer(void)
{
  struct sigevent event;
  struct sigaction action;
  memset(&event, 0, sizeof event);
  memset(&action, 0, sizeof action);
  action.sa_handler = on_look;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGALRM, &action, NULL) < 0) return -1;
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGALRM;
  event._sigev_un._tid = gettid();
  if (timer_create(CLOCK_MONOTONIC, &event, &limits.timer) < 0) return -1;
  limits.timed = true;
  return 0;
}

static int set_time(int64_t ms)
{
  struct itimerspec spec;
  int64_t look = ms / LOOKS;
  if (ms == 0 && !limits.timed) return 0;
  if (!limits.timed && make_timer() < 0) return -1;
  limits.seconds = (int)((ms + 999) / 1000);
  spec.it_interval.tv_sec = spec.it_value.tv_sec = look / 1000;
  spec.it_interval.tv_nsec = spec.it_value.tv_nsec = look % 1000 * 1000000;
  return timer_settime(limits.timer, 0, &spec, NULL);
}

void ifl_limits_end(void)
{
  set_time(0);
  limits.runtime = NULL;
}

int ifl_limits_set(lua_State *L)
{
  static const char *const keys[] = { "seconds", "turn_bytes", "bytes", NULL };
  luaL_checktype(L, 1, LUA_TTABLE);
  ifl_checkkeys(L, 1, keys);
  int64_t ms = ifl_optduration(L, 1, "seconds", 0);
  limits.turn_max = (size_t)ifl_optinteger(L, 1, "turn_bytes", 0, 0, LUA_MAXINTEGER / 4);
  limits.max = (size_t)ifl_optinteger(L, 1, "bytes", 0, 0, LUA_MAXINTEGER / 4);
  limits.runtime = ifl_task_interruptible(L);
  limits.log = ifl_loop_log(ifl_loop(L));
  if (set_time(ms) < 0) return luaL_error(L, "no timer: %s", strerror(errno));
  return 0;
}
