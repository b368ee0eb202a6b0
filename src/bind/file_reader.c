/* file_reader.c -- core.file.reader: files, pipes and terminals read piece by piece, without holding
 * up the loop: each read happens on a thread when a task asks for it.
 *   file.reader(path) -> reader | nil, err       path "-": standard input
 *   reader:read([n]) -> 1 to n bytes (256 KiB), nil at the end | nil, err    (waits in a task)
 *   reader:size() -> bytes of a regular file, or nil;  reader:position() -> bytes read so far
 *   reader:close()                               also when it is collected or its variable is closed
 * One read at a time. Opening a named pipe does not wait for its writer, and a silent writer keeps
 * nobody from ending: the thread looks every fifth of a second whether it is still wanted. */
#include "bind/file_reader.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/offload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER    "iflow.reader"
#define PIECE     (256 * 1024)       /* default of read */
#define PIECE_MAX (16 * 1024 * 1024) /* and its limit */
#define LOOK_MS   200

/* Shared by the reader and a read that is under way; the last one frees it. */
struct source {
  atomic_int users;
  atomic_bool closed;
  int fd;
};

struct reader {
  struct source *source; /* NULL: closed */
  int64_t size;          /* -1: not known */
  int64_t position;
  bool busy;
};

struct reading {
  struct ifl_job job;
  struct source *source;
  char *data;
  size_t max;
  ssize_t n;
  int errnum;
};

static void source_unref(struct source *s)
{
  if (s == NULL || atomic_fetch_sub(&s->users, 1) > 1) return;
  if (s->fd > STDERR_FILENO) close(s->fd);
  free(s);
}

static struct reader *check(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  if (r->source == NULL) luaL_error(L, "the reader is closed");
  return r;
}

/* ---- reading ---- */

static void read_run(struct ifl_job *job)
{
  struct reading *j = (struct reading *)job;
  struct pollfd look = { .fd = j->source->fd, .events = POLLIN };
  for (;;) {
    if (atomic_load(&j->source->closed)) {
      j->n = 0;
      return;
    }
    int ready = poll(&look, 1, LOOK_MS);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    j->n = read(j->source->fd, j->data, j->max);
    if (j->n >= 0 || (errno != EINTR && errno != EAGAIN)) break;
  }
  j->errnum = j->n < 0 ? errno : 0;
}

static void read_done(struct ifl_job *job)
{
  struct reading *j = (struct reading *)job;
  free(j->data);
  source_unref(j->source);
}

static int read_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct reading *j = (const struct reading *)ctx;
  struct reader *r = luaL_checkudata(L, 1, READER);
  iflow_error err = { 0 };
  (void)status;
  r->busy = false;
  if (j->n < 0) {
    ifl_fail_errno(&err, j->errnum, "cannot read the input");
    return ifl_pusherror(L, &err);
  }
  if (j->n > 0) lua_pushlstring(L, j->data, (size_t)j->n);
  else lua_pushnil(L);
  r->position += j->n;
  return 1;
}

static int m_read(lua_State *L)
{
  struct reader *r = check(L);
  lua_Integer max = luaL_optinteger(L, 2, PIECE);
  luaL_argcheck(L, max > 0 && max <= PIECE_MAX, 2, "1 to 16777216 bytes are possible");
  if (r->busy) return luaL_error(L, "another task reads from this reader");
  struct reading *j = ifl_newjob(L, sizeof *j, read_run, read_done);
  j->data = malloc((size_t)max);
  if (j->data == NULL) return luaL_error(L, "not enough memory");
  atomic_fetch_add(&r->source->users, 1);
  j->source = r->source;
  j->max = (size_t)max;
  r->busy = true;
  return ifl_runjob(L, &j->job, true, read_k);
}

/* ---- the object ---- */

static int m_size(lua_State *L)
{
  const struct reader *r = check(L);
  if (r->size < 0) lua_pushnil(L);
  else lua_pushinteger(L, r->size);
  return 1;
}

static int m_position(lua_State *L)
{
  lua_pushinteger(L, check(L)->position);
  return 1;
}

static int reader_close(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  if (r->source != NULL) atomic_store(&r->source->closed, true);
  source_unref(r->source);
  r->source = NULL;
  return 0;
}

int ifl_file_reader(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct reader *r = ifl_newud(L, sizeof *r, READER, 0);
  struct stat st;
  iflow_error err = { 0 };
  int fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat(fd, &st) < 0 || (S_ISDIR(st.st_mode) && (errno = EISDIR))) {
    ifl_fail_errno(&err, errno, "cannot read '%s'", path);
    if (fd > STDERR_FILENO) close(fd);
    return ifl_pusherror(L, &err);
  }
  r->source = calloc(1, sizeof *r->source);
  if (r->source == NULL) {
    if (fd > STDERR_FILENO) close(fd);
    return luaL_error(L, "not enough memory");
  }
  atomic_init(&r->source->users, 1);
  r->source->fd = fd;
  r->size = S_ISREG(st.st_mode) ? (int64_t)st.st_size : -1;
  return 1;
}

void ifl_file_reader_open(lua_State *L)
{
  static const luaL_Reg methods[] = { { "read", m_read },
                                      { "size", m_size },
                                      { "position", m_position },
                                      { "close", reader_close },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", reader_close },
                                   { "__close", reader_close },
                                   { NULL, NULL } };
  ifl_newclass(L, READER, methods, meta);
}
