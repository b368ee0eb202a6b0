/* offload.h -- blocking work of a binding: on a thread inside a task, at once outside of one. */
#ifndef IFL_BIND_OFFLOAD_H
#define IFL_BIND_OFFLOAD_H

#include "bind/task.h"

/* First member of a job. A job owns all it works on, since it outlives a waiter that was cancelled. */
struct ifl_job {
  void (*run)(struct ifl_job *job); /* on the thread: no Lua, no counted objects */
  void (*done)(
      struct ifl_job *job); /* frees what the job owns, not the job; on the loop's thread */
  struct ifl_job_box *box;  /* NULL: nobody wants the result any more */
  bool ended;
};

/* A zeroed job of size bytes in a userdata, which is pushed. Raises when memory is out. */
void *ifl_newjob(lua_State *L, size_t size, void (*run)(struct ifl_job *job),
                 void (*done)(struct ifl_job *job));
/* Runs the job, whose userdata is on top of the stack, then k with the job as ctx. To be returned:
 * return ifl_runjob(L, &j->job, k). Waits only when `wait` says so and there is a task. */
int ifl_runjob(lua_State *L, struct ifl_job *job, bool wait, lua_KFunction k);

/* Makes the class; an opener that uses jobs calls it. */
void ifl_offload_open(lua_State *L);

#endif
