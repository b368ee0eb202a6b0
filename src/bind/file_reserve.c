/* file_reserve.c -- core.file.reserve: a file that has so many bytes of the disk, whatever is in it,
 * to be removed when that room is needed.
 *   file.reserve(path, bytes) -> true | nil, err    waits inside a task; nothing is left when there
 *                                                   is no room */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/file_parts.h"
#include "bind/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reserving {
  struct ifl_job job;
  char *path;
  off_t bytes;
  int rc;
  iflow_error err;
};

static bool is_there(const struct reserving *r)
{
  struct stat st;
  return lstat(r->path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= r->bytes &&
         (off_t)st.st_blocks * 512 >= r->bytes;
}

static void reserve_run(struct ifl_job *job)
{
  struct reserving *r = (struct reserving *)job;
  if (is_there(r)) return;
  int fd = open(r->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  int rc = fd < 0 ? errno : posix_fallocate(fd, 0, r->bytes);
  if (fd >= 0) close(fd);
  if (rc == 0) return;
  if (fd >= 0) unlink(r->path);
  r->rc = ifl_fail_errno(&r->err, rc, "cannot reserve room in '%s'", r->path);
}

static void reserve_done(struct ifl_job *job)
{
  struct reserving *r = (struct reserving *)job;
  free(r->path);
}

static int reserve_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct reserving *r = (const struct reserving *)ctx;
  (void)status;
  if (r->rc < 0) return ifl_pusherror(L, &r->err);
  lua_pushboolean(L, 1);
  return 1;
}

int ifl_file_reserve(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  lua_Integer bytes = luaL_checkinteger(L, 2);
  luaL_argcheck(L, bytes > 0, 2, "a number of bytes is expected");
  struct reserving *r = ifl_newjob(L, sizeof *r, reserve_run, reserve_done);
  r->bytes = (off_t)bytes;
  r->path = strdup(path);
  if (r->path == NULL) return luaL_error(L, "not enough memory");
  return ifl_runjob(L, &r->job, true, reserve_k);
}
