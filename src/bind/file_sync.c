/* file_sync.c -- core.file.sync: what was written to a file, by whatever means, survives a loss of
 * power.
 *   file.sync(path) -> true | nil, err       waits inside a task */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/file_parts.h"
#include "bind/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct syncing {
  struct ifl_job job;
  char *path;
  int rc;
  iflow_error err;
};

static void sync_run(struct ifl_job *job)
{
  struct syncing *s = (struct syncing *)job;
  int fd = open(s->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) < 0) s->rc = ifl_fail_errno(&s->err, errno, "cannot sync '%s'", s->path);
  if (fd >= 0) close(fd);
}

static void sync_done(struct ifl_job *job)
{
  struct syncing *s = (struct syncing *)job;
  free(s->path);
}

static int sync_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct syncing *s = (const struct syncing *)ctx;
  (void)status;
  if (s->rc < 0) return ifl_pusherror(L, &s->err);
  lua_pushboolean(L, 1);
  return 1;
}

int ifl_file_sync(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct syncing *s = ifl_newjob(L, sizeof *s, sync_run, sync_done);
  s->path = strdup(path);
  if (s->path == NULL) return luaL_error(L, "not enough memory");
  return ifl_runjob(L, &s->job, true, sync_k);
}
