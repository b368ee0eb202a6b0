/* file.c -- Lua module core.file: the few file operations that stock Lua lacks, for the sandbox's
 * directory and for commands that write keys. Writing, moving and scanning wait on a thread
 * inside a task; everything else is done at once.
 *   file.read(path [, max]) -> text               file.write(path, text [, "0600"]) -> true
 *   file.mkdir(path [, "0700"]) -> true           file.rename(from, to), see file_rename.c
 *   file.sync(path) -> true, see file_sync.c
 *   file.reserve(path, bytes) -> true, see file_reserve.c
 *   file.stat(path), file.scan(directory), see file_entries.c
 *   file.watch(directory) -> watcher, see file_watch.c
 *   file.list(path) -> sorted names               file.remove(path [, {recursive=true}]) -> true
 *   file.tempdir([prefix]) -> path                file.lock(path) -> lock (lock:close())
 *   file.absolute(path) -> path without links, of what exists
 *   file.writable(directory) -> true, when this process may make files in it
 *   file.is_terminal(descriptor) -> whether a person looks at it: 1 standard output, 2 error
 *   file.reader(path) -> reader, see file_reader.c
 * Each returns nil, err when the system refuses. */
#include "base/buffer.h"
#include "base/error.h"
#include "bind/bind.h"
#include "bind/file_parts.h"
#include "bind/file_reader.h"
#include "bind/offload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK           "iflow.lock"
#define READ_MAX       (64 * 1024 * 1024) /* default ceiling of file.read */
#define LIST_MAX       100000             /* names file.list returns at most */
#define DEFAULT_PREFIX "iflow-"

struct lock {
  bool open;
  int fd;
};

static int refuse(lua_State *L, int errnum, const char *what, const char *path)
{
  iflow_error err;
  ifl_fail_errno(&err, errnum, "cannot %s '%s'", what, path);
  return ifl_pusherror(L, &err);
}

static int done(lua_State *L)
{
  lua_pushboolean(L, 1);
  return 1;
}

/* A mode as chmod takes it: "0600". */
static unsigned check_mode(lua_State *L, int arg, const char *def)
{
  const char *text = luaL_optstring(L, arg, def);
  char *end = NULL;
  unsigned long mode = strtoul(text, &end, 8);
  luaL_argcheck(L, *text != '\0' && *end == '\0' && mode <= 0777, arg,
                "a mode such as \"0600\" is expected");
  return (unsigned)mode;
}

static int f_read(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  lua_Integer max = luaL_optinteger(L, 2, READ_MAX);
  iflow_error err = { 0 };
  luaL_argcheck(L, max > 0, 2, "must be positive");
  struct ifl_buf *b = ifl_newbuf(L, (size_t)max);
  if (ifl_file_read(b, path, &err) < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, b->data != NULL ? b->data : "", b->len);
  ifl_buf_wipe(b);
  return 1;
}

/* ---- writing, on a thread ---- */

struct writing {
  struct ifl_job job;
  char *path;
  ifl_secret *data; /* wiped: keys are written here */
  unsigned mode;
  int rc;
  iflow_error err;
};

static void write_run(struct ifl_job *job)
{
  struct writing *w = (struct writing *)job;
  w->rc =
      ifl_file_write(w->path, ifl_secret_data(w->data), ifl_secret_len(w->data), w->mode, &w->err);
}

static void write_done(struct ifl_job *job)
{
  struct writing *w = (struct writing *)job;
  free(w->path);
  ifl_secret_unref(w->data);
}

static int write_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct writing *w = (const struct writing *)ctx;
  (void)status;
  return w->rc < 0 ? ifl_pusherror(L, &w->err) : done(L);
}

static int f_write(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  unsigned mode = check_mode(L, 3, "0600");
  struct writing *w = ifl_newjob(L, sizeof *w, write_run, write_done);
  w->path = strdup(path);
  w->data = ifl_secret_new(data, n);
  w->mode = mode;
  if (w->path == NULL || w->data == NULL) return luaL_error(L, "not enough memory");
  return ifl_runjob(L, &w->job, true, write_k);
}

/* ---- directories ---- */

static bool is_directory(const char *path)
{
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* With its parents, as mkdir -p; the mode is for the last one and those it needs. */
static int f_mkdir(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  mode_t mode = (mode_t)check_mode(L, 2, "0700");
  char part[PATH_MAX];
  size_t n = strlen(path);
  if (n == 0 || n >= sizeof part) return refuse(L, ENAMETOOLONG, "create", path);
  for (size_t i = 1; i <= n; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    memcpy(part, path, i);
    part[i] = '\0';
    if (mkdir(part, mode) < 0 && (errno != EEXIST || (i == n && !is_directory(part))))
      return refuse(L, errno, "create", part);
  }
  return done(L);
}

static int f_writable(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  return access(path, W_OK | X_OK) < 0 ? refuse(L, errno, "write in", path) : done(L);
}

/* Closes the directory whatever happens while its names become Lua strings. */
static int push_names(lua_State *L)
{
  DIR *dir = lua_touserdata(L, 1);
  lua_Integer n = 0;
  lua_newtable(L);
  for (struct dirent *e; n < LIST_MAX && (e = readdir(dir)) != NULL;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    lua_pushstring(L, e->d_name);
    lua_rawseti(L, -2, ++n);
  }
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  return 1;
}

static int f_list(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  lua_pushcfunction(L, push_names);
  DIR *dir = opendir(path);
  if (dir == NULL) return refuse(L, errno, "list", path);
  lua_pushlightuserdata(L, dir);
  int rc = lua_pcall(L, 1, 1, 0);
  closedir(dir);
  return rc == LUA_OK ? 1 : lua_error(L);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
  (void)st, (void)type, (void)at;
  return remove(path);
}

/* What is not there is removed. Links are removed, never followed. */
static int f_remove(lua_State *L)
{
  static const char *const keys[] = { "recursive", NULL };
  const char *path = luaL_checkstring(L, 1);
  bool recursive = false;
  if (!lua_isnoneornil(L, 2)) {
    ifl_checkkeys(L, 2, keys);
    recursive = ifl_optbool(L, 2, "recursive", false);
  }
  int rc = recursive ? nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) : remove(path);
  if (rc != 0 && errno != ENOENT) return refuse(L, errno, "remove", path);
  return done(L);
}

static int f_tempdir(lua_State *L)
{
  const char *prefix = luaL_optstring(L, 1, DEFAULT_PREFIX);
  const char *base = getenv("TMPDIR");
  char path[PATH_MAX];
  if (base == NULL || *base == '\0') base = "/tmp";
  int n = snprintf(path, sizeof path, "%s/%sXXXXXX", base, prefix);
  if (n < 0 || (size_t)n >= sizeof path) return refuse(L, ENAMETOOLONG, "create below", base);
  if (mkdtemp(path) == NULL) return refuse(L, errno, "create", path);
  lua_pushstring(L, path);
  return 1;
}

static int f_absolute(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  char full[PATH_MAX];
  if (realpath(path, full) == NULL) return refuse(L, errno, "find", path);
  lua_pushstring(L, full);
  return 1;
}

/* One holder at a time, across processes and within one; gone with the process that held it. */
static int f_lock(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  iflow_error err;
  struct lock *l = ifl_newud(L, sizeof *l, LOCK, 0);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return refuse(L, errno, "open", path);
  l->open = true;
  l->fd = fd;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return 1;
  if (errno != EWOULDBLOCK) return refuse(L, errno, "lock", path);
  ifl_fail(&err, IFLOW_ELOCKED, "'%s' is held by another process or object", path);
  return ifl_pusherror(L, &err);
}

static int lock_close(lua_State *L)
{
  struct lock *l = luaL_checkudata(L, 1, LOCK);
  if (l->open) close(l->fd);
  l->open = false;
  return 0;
}

static int f_is_terminal(lua_State *L)
{
  lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
  return 1;
}

int ifl_open_file(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "read", f_read },
                                    { "write", f_write },
                                    { "mkdir", f_mkdir },
                                    { "stat", ifl_file_stat },
                                    { "scan", ifl_file_scan },
                                    { "rename", ifl_file_rename },
                                    { "sync", ifl_file_sync },
                                    { "reserve", ifl_file_reserve },
                                    { "watch", ifl_file_watch },
                                    { "list", f_list },
                                    { "remove", f_remove },
                                    { "tempdir", f_tempdir },
                                    { "lock", f_lock },
                                    { "absolute", f_absolute },
                                    { "writable", f_writable },
                                    { "is_terminal", f_is_terminal },
                                    { "reader", ifl_file_reader },
                                    { NULL, NULL } };
  static const luaL_Reg methods[] = { { "close", lock_close }, { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", lock_close },
                                   { "__close", lock_close },
                                   { NULL, NULL } };
  ifl_newclass(L, LOCK, methods, meta);
  ifl_offload_open(L);
  ifl_file_reader_open(L);
  ifl_file_watch_open(L);
  luaL_newlib(L, funcs);
  return 1;
}
