/* runtime.h -- what runtime.c, task.c, task_wait.c and task_class.c share; no other file needs it. */
#ifndef IFL_BIND_RUNTIME_H
#define IFL_BIND_RUNTIME_H

#include "bind/task.h"

#define IFL_TASK           "iflow.task"
#define IFL_TASK_LABEL_MAX 128        /* with the NUL */
#define IFL_TASKS_MAX      (1u << 20) /* living tasks of a state */

/* A task moves READY -> RUNNING -> WAITING -> READY … and ends from RUNNING. CLOSING: it swallowed
 * its cancellation too often and is ended at the next chance. */
enum ifl_task_state { IFL_TASK_READY, IFL_TASK_RUNNING, IFL_TASK_WAITING, IFL_TASK_CLOSING };

/* The control block: plain memory that stays valid until the state is closed, so that a late
 * completion may always look at the generation. Everything it needs to be woken is inside. */
struct ifl_task {
  struct ifl_runtime *rt;
  lua_State *co; /* anchored by the handle's first user value */
  struct ifl_task_handle *handle;
  uint64_t generation; /* of the current wait; a new one for every wait and every resume */
  lua_KFunction k;     /* what the wait continues with */
  lua_KContext ctx;
  enum ifl_task_state state;
  bool started;
  bool canceled;    /* somebody asked it to end */
  bool interrupted; /* the cancellation hit a wait: it must raise */
  bool woken;       /* done between ifl_wait_begin and ifl_await */
  bool timed_out;
  bool parked; /* in park(): may be woken by wake() */
  unsigned swallowed;
  int nargs; /* values on top of co for the next resume */
  char label[IFL_TASK_LABEL_MAX];
  struct ifl_timer timer;
  struct ifl_task *next;              /* ready queue or free list */
  struct ifl_task *older, *newer;     /* living tasks */
  struct ifl_task *joiners;           /* tasks that wait for this one */
  struct ifl_task *joins, *join_next; /* whom this one waits for; its neighbour in that list */
};

enum ifl_outcome { IFL_RUNNING, IFL_RETURNED, IFL_FAILED, IFL_CANCELED };

/* What a script holds. User value 1: the coroutine (its stack keeps the results), 2: the error,
 * 3: the error's traceback. */
struct ifl_task_handle {
  struct ifl_task *task; /* NULL once it ended */
  enum ifl_outcome outcome;
  bool no_memory; /* that was why it failed */
  int nresults;
};

#define IFL_SIGNALS_MAX 65

struct ifl_runtime {
  iflow_loop *loop;
  ifl_client *client;
  struct ifl_task *current;
  struct ifl_task *ready_first, *ready_last;
  size_t ready;
  struct ifl_task *newest, *unused;
  size_t tasks;
  bool running;  /* inside iflow.run or iflow.step */
  bool stepping; /* it is iflow.step */
  bool held;     /* there were tasks left after the last iflow.step */
  bool driven;   /* iflow.run or iflow.step was called */
  bool failed;   /* an error ends the run */
  bool ending;   /* for which the tasks have been cancelled */
  bool signaled[IFL_SIGNALS_MAX], any_signal;
  uint64_t slice;   /* counts resumes */
  lua_State *inner; /* the coroutine that the current task resumes itself, NULL for none */
  int overrun;      /* seconds that the current slice took when it was stopped */
};

/* ---- runtime.c ---- */

void ifl_runtime_open(lua_State *L);           /* once a state, before any other userdata */
struct ifl_runtime *ifl_runtime(lua_State *L); /* raises once the state is being closed */
/* Puts the handle at the top of the stack into the table of living tasks, or takes it out (any
 * value at the top then). Taking out cannot raise. */
void ifl_task_anchor(lua_State *L, struct ifl_task_handle *h, bool alive);
void ifl_task_push_handle(lua_State *L, const struct ifl_task_handle *h); /* of a living task */
/* The function (top of the stack, popped; nil: none) that a signal starts as a task, and back. */
void ifl_task_set_signal(lua_State *L, int signum);
int ifl_task_push_signal(lua_State *L, int signum); /* returns its type */

/* ---- task_wait.c ---- */

/* For the waits of task_class.c, which need no op: begins one, or raises. */
struct ifl_task *ifl_task_begin(lua_State *L);
int ifl_task_await(lua_State *L, struct ifl_task *t, lua_KContext ctx, lua_KFunction k);
void ifl_task_set_timer(struct ifl_task *t, int64_t ms); /* wakes with timed_out; < 0: none */
void ifl_task_wake(struct ifl_task *t);
void ifl_task_cancel(struct ifl_task *t);
void ifl_task_enqueue(struct ifl_task *t);
/* The wait is over, however: nothing may reach it any more. */
void ifl_task_end_wait(struct ifl_task *t);

/* ---- task_guard.c ---- */

int ifl_task_f_inner(lua_State *L);
int ifl_task_m_label(lua_State *L);

/* ---- task.c ---- */

/* As ifl_task_spawn, but leaves the handle on the stack. */
void ifl_task_new(lua_State *L, int nargs);
/* iflow.run(fn, ...), iflow.step([timeout]), iflow.pollfd(), iflow.next_timeout() */
int ifl_task_run(lua_State *L);
int ifl_task_step(lua_State *L);
int ifl_task_pollfd(lua_State *L);
int ifl_task_next_timeout(lua_State *L);
/* Pushes the outcome of the ended task at idx: results, or nil and the error. */
int ifl_task_push_outcome(lua_State *L, int idx);

#endif
