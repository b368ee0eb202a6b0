/* offload.c -- see offload.h. */
#include "bind/offload.h"

#include "bind/lua_util.h"

#include <stdlib.h>

#define BOX "iflow.job" /* internal: never reaches a script */

struct ifl_job_box {
  struct ifl_wait wait;
  struct ifl_job *job;
  bool running; /* on a thread: then whoever comes last frees the job */
  lua_KFunction k;
};

static void job_free(struct ifl_job *job)
{
  job->done(job);
  free(job);
}

static int box_gc(lua_State *L)
{
  struct ifl_job_box *box = luaL_checkudata(L, 1, BOX);
  if (box->job != NULL && box->running && !box->job->ended) box->job->box = NULL;
  else if (box->job != NULL) job_free(box->job);
  box->job = NULL;
  return 0;
}

void *ifl_newjob(lua_State *L, size_t size, void (*run)(struct ifl_job *job),
                 void (*done)(struct ifl_job *job))
{
  struct ifl_job_box *box = ifl_newud(L, sizeof *box, BOX, 0);
  struct ifl_job *job = calloc(1, size);
  if (job == NULL) luaL_error(L, "not enough memory");
  box->job = job;
  job->run = run;
  job->done = done;
  job->box = box;
  return job;
}

static void on_thread(void *payload)
{
  struct ifl_job *job = payload;
  job->run(job);
}

static void on_ended(void *payload)
{
  struct ifl_job *job = payload;
  job->ended = true;
  if (job->box == NULL) job_free(job);
  else ifl_wait_done(&job->box->wait);
}

static int ended_k(lua_State *L, int status, lua_KContext ctx)
{
  struct ifl_job_box *box = (struct ifl_job_box *)ctx;
  return box->k(L, status, (lua_KContext)box->job);
}

int ifl_runjob(lua_State *L, struct ifl_job *job, bool wait, lua_KFunction k)
{
  struct ifl_job_box *box = job->box;
  iflow_error err = { 0 };
  box->k = k;
  if (!wait || !lua_isyieldable(L)) {
    job->run(job);
    return k(L, LUA_OK, (lua_KContext)job);
  }
  ifl_wait_begin(L, &box->wait);
  if (ifl_work(ifl_loop(L), on_thread, on_ended, job, &err) < 0) return ifl_pusherror(L, &err);
  box->running = true;
  return ifl_await(L, &box->wait, (lua_KContext)box, ended_k);
}

void ifl_offload_open(lua_State *L)
{
  static const luaL_Reg meta[] = { { "__gc", box_gc }, { "__cancel", box_gc }, { NULL, NULL } };
  ifl_newclass(L, BOX, NULL, meta);
}
