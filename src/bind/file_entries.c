/* file_entries.c -- core.file.stat and core.file.scan: what is known of a file, and of all files of
 * a directory.
 *   file.stat(path [, { follow = true }]) -> { kind, size, mode, mtime, mtime_ns, device, inode }
 *                         | nil when nothing is there | nil, err
 *     kind    "file", "directory", "other"; "link" with follow = false
 *     mtime   seconds since 1970, mtime_ns: nanoseconds since then
 *   file.scan(directory) -> list of { name, size, mtime_ns, device, inode } | nil, err
 *     Its regular files, links and hidden files (".name") left out, in no order; at most 1,000,000.
 *     Waits inside a task: the directory is read on a thread. */
#include "base/error.h"
#include "bind/bind.h"
#include "bind/file_parts.h"
#include "bind/offload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCAN_MAX 1000000

static void set_integer(lua_State *L, const char *key, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

static lua_Integer nanoseconds(const struct timespec *t)
{
  return (lua_Integer)t->tv_sec * 1000000000 + (lua_Integer)t->tv_nsec;
}

/* Of the table at the top: what tells one file, and one state of it, from others. */
static void set_identity(lua_State *L, int64_t size, const struct timespec *mtime, dev_t device,
                         ino_t inode)
{
  set_integer(L, "size", (lua_Integer)size);
  set_integer(L, "mtime_ns", nanoseconds(mtime));
  set_integer(L, "device", (lua_Integer)device);
  set_integer(L, "inode", (lua_Integer)inode);
}

/* ---- stat ---- */

static const char *kind_of(mode_t mode)
{
  if (S_ISDIR(mode)) return "directory";
  if (S_ISREG(mode)) return "file";
  return S_ISLNK(mode) ? "link" : "other";
}

int ifl_file_stat(lua_State *L)
{
  static const char *const keys[] = { "follow", NULL };
  const char *path = luaL_checkstring(L, 1);
  bool follow = true;
  struct stat st;
  iflow_error err;
  char mode[8];
  if (!lua_isnoneornil(L, 2)) {
    ifl_checkkeys(L, 2, keys);
    follow = ifl_optbool(L, 2, "follow", true);
  }
  if ((follow ? stat(path, &st) : lstat(path, &st)) < 0) {
    if (errno != ENOENT && errno != ENOTDIR) {
      ifl_fail_errno(&err, errno, "cannot look at '%s'", path);
      return ifl_pusherror(L, &err);
    }
    lua_pushnil(L);
    return 1;
  }
  snprintf(mode, sizeof mode, "0%03o", (unsigned)(st.st_mode & 0777));
  lua_createtable(L, 0, 7);
  lua_pushstring(L, kind_of(st.st_mode));
  lua_setfield(L, -2, "kind");
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "mode");
  set_integer(L, "mtime", (lua_Integer)st.st_mtime);
  set_identity(L, (int64_t)st.st_size, &st.st_mtim, st.st_dev, st.st_ino);
  return 1;
}

/* ---- scan, on a thread ---- */

struct entry {
  char *name;
  int64_t size;
  struct timespec mtime;
  dev_t device;
  ino_t inode;
};

struct scan {
  struct ifl_job job;
  char *path;
  struct entry *items;
  size_t n, cap;
  int rc;
  iflow_error err;
};

static int add_entry(struct scan *s, const char *name, const struct stat *st)
{
  if (s->n == SCAN_MAX)
    return ifl_fail(&s->err, IFLOW_ELIMIT, "'%s' has more than %d files", s->path, SCAN_MAX);
  if (s->n == s->cap) {
    size_t cap = s->cap == 0 ? 64 : s->cap * 2;
    struct entry *items = realloc(s->items, cap * sizeof *items);
    if (items == NULL) return ifl_fail_nomem(&s->err);
    s->items = items;
    s->cap = cap;
  }
  char *copy = strdup(name);
  if (copy == NULL) return ifl_fail_nomem(&s->err);
  s->items[s->n++] = (struct entry) { .name = copy,
                                      .size = (int64_t)st->st_size,
                                      .mtime = st->st_mtim,
                                      .device = st->st_dev,
                                      .inode = st->st_ino };
  return 0;
}

static int scan_directory(struct scan *s, DIR *dir)
{
  struct dirent *e;
  struct stat st;
  int rc = 0;
  while (rc == 0 && (errno = 0, e = readdir(dir)) != NULL) {
    if (e->d_name[0] == '.' || (e->d_type != DT_REG && e->d_type != DT_UNKNOWN)) continue;
    if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
      if (errno == ENOENT) continue; /* gone since */
      return ifl_fail_errno(&s->err, errno, "cannot look at '%s/%s'", s->path, e->d_name);
    }
    if (S_ISREG(st.st_mode)) rc = add_entry(s, e->d_name, &st);
  }
  if (rc == 0 && errno != 0 && errno != ENOENT)
    rc = ifl_fail_errno(&s->err, errno, "cannot list '%s'", s->path);
  return rc;
}

static void scan_run(struct ifl_job *job)
{
  struct scan *s = (struct scan *)job;
  DIR *dir = opendir(s->path);
  if (dir == NULL) {
    s->rc = ifl_fail_errno(&s->err, errno, "cannot list '%s'", s->path);
    return;
  }
  s->rc = scan_directory(s, dir);
  closedir(dir);
}

static void scan_done(struct ifl_job *job)
{
  struct scan *s = (struct scan *)job;
  for (size_t i = 0; i < s->n; i++) free(s->items[i].name);
  free(s->items);
  free(s->path);
}

static int scan_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct scan *s = (const struct scan *)ctx;
  (void)status;
  if (s->rc < 0) return ifl_pusherror(L, &s->err);
  lua_createtable(L, (int)s->n, 0);
  for (size_t i = 0; i < s->n; i++) {
    const struct entry *e = &s->items[i];
    lua_createtable(L, 0, 5);
    lua_pushstring(L, e->name);
    lua_setfield(L, -2, "name");
    set_identity(L, e->size, &e->mtime, e->device, e->inode);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

int ifl_file_scan(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct scan *s = ifl_newjob(L, sizeof *s, scan_run, scan_done);
  s->path = strdup(path);
  if (s->path == NULL) return luaL_error(L, "not enough memory");
  return ifl_runjob(L, &s->job, true, scan_k);
}
