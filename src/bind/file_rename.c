/* file_rename.c -- core.file.rename: moves a file, also between file systems, so that no crash and
 * no loss of power loses it (base/file_move.h).
 *   file.rename(from, to [, { replace = false }]) -> true | nil, err       waits inside a task
 * Without replace = true what is at `to` stays, and err.code is file.exists. */
#include "base/file_move.h"
#include "bind/bind.h"
#include "bind/file_parts.h"
#include "bind/offload.h"

#include <stdlib.h>
#include <string.h>

struct moving {
  struct ifl_job job;
  char *from, *to;
  bool replace;
  int rc;
  iflow_error err;
};

static void move_run(struct ifl_job *job)
{
  struct moving *m = (struct moving *)job;
  m->rc = ifl_file_move(m->from, m->to, m->replace, &m->err);
}

static void move_done(struct ifl_job *job)
{
  struct moving *m = (struct moving *)job;
  free(m->from);
  free(m->to);
}

static int move_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct moving *m = (const struct moving *)ctx;
  (void)status;
  if (m->rc < 0) return ifl_pusherror(L, &m->err);
  lua_pushboolean(L, 1);
  return 1;
}

int ifl_file_rename(lua_State *L)
{
  static const char *const keys[] = { "replace", NULL };
  const char *from = luaL_checkstring(L, 1), *to = luaL_checkstring(L, 2);
  bool replace = false;
  if (!lua_isnoneornil(L, 3)) {
    ifl_checkkeys(L, 3, keys);
    replace = ifl_optbool(L, 3, "replace", false);
  }
  struct moving *m = ifl_newjob(L, sizeof *m, move_run, move_done);
  m->from = strdup(from);
  m->to = strdup(to);
  m->replace = replace;
  if (m->from == NULL || m->to == NULL) return luaL_error(L, "not enough memory");
  return ifl_runjob(L, &m->job, true, move_k);
}
