/* file_move.c -- see file_move.h. */
#include "base/file_move.h"

#include "base/buffer.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_PIECE (256 * 1024)
#define NAME_LIMIT 8192 /* of a path with a temporary name */

struct move {
  const char *from, *to;
  bool replace;
  int from_dir, to_dir; /* open before anything changes, so that nothing fails halfway */
};

static int failed(iflow_error *err, int errnum, const struct move *m)
{
  return ifl_fail_errno(err, errnum, "cannot move '%s' to '%s'", m->from, m->to);
}

/* ---- names and directories ---- */

/* The directory part, "." or "/" included; to be freed. NULL: no memory. */
static char *directory_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return strdup(".");
  return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static const char *name_of(const char *path)
{
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

/* The directory of a file, to be synced when its names have changed; *fd is -1 for one that may not
 * be read, which is none of the caller's concern. */
static int open_directory(int *fd, const char *path, iflow_error *err)
{
  char *dir = directory_of(path);
  if (dir == NULL) return ifl_fail_nomem(err);
  *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(dir);
  return 0;
}

/* Its names survive a loss of power. Some file systems sync no directories. */
static int sync_directory(int fd, const char *path, iflow_error *err)
{
  if (fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == EROFS) return 0;
  return ifl_fail_errno(err, errno, "cannot sync the directory of '%s'", path);
}

/* Never replaces, where the file system knows neither flags nor hard links: looks first. */
static int rename_if_free(const char *from, const char *to)
{
  struct stat st;
  if (link(from, to) == 0) return unlink(from);
  if (errno == EEXIST || errno == EXDEV || errno == ENOENT) return -1;
  if (lstat(to, &st) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename(from, to);
}

/* As rename(2). */
static int rename_file(const char *from, const char *to, bool replace)
{
  if (replace) return rename(from, to);
  if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
  return errno == EINVAL || errno == ENOSYS ? rename_if_free(from, to) : -1;
}

/* ---- copying ---- */

static int copy_bytes(int in, int out)
{
  char *piece = malloc(COPY_PIECE);
  ssize_t n;
  if (piece == NULL) {
    errno = ENOMEM;
    return -1;
  }
  while ((n = read(in, piece, COPY_PIECE)) != 0) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || ifl_write_all(out, piece, (size_t)n) < 0) break;
  }
  int kept = errno;
  free(piece);
  errno = kept;
  return n == 0 ? 0 : -1;
}

static bool changed(const struct stat *a, const struct stat *b)
{
  return a->st_size != b->st_size || a->st_ino != b->st_ino || a->st_dev != b->st_dev ||
         a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

/* Into out, with mode and times, on disk. *before: what was copied. As write(2). */
static int copy_file(int in, int out, struct stat *before)
{
  if (fstat(in, before) < 0) return -1;
  if (!S_ISREG(before->st_mode)) {
    errno = EXDEV;
    return -1;
  }
  const struct timespec times[2] = { before->st_atim, before->st_mtim };
  if (copy_bytes(in, out) < 0 || fchmod(out, before->st_mode & 0777) < 0) return -1;
  if (futimens(out, times) < 0) return -1;
  return fsync(out);
}

/* Gives the copy its name and takes the original away, unless that has changed meanwhile. What
 * fails then takes the copy away: one file in one place. */
static int put_in_place(const struct move *m, const char *tmp, const struct stat *before,
                        iflow_error *err)
{
  struct stat now;
  if (lstat(m->from, &now) < 0) return failed(err, errno, m);
  if (changed(before, &now))
    return ifl_fail(err, IFLOW_EIO, "'%s' changed while it was copied to '%s'", m->from, m->to);
  if (rename_file(tmp, m->to, m->replace) < 0) return failed(err, errno, m);
  int rc = sync_directory(m->to_dir, m->to, err);
  if (rc == 0 && unlink(m->from) < 0) rc = failed(err, errno, m);
  if (rc < 0) unlink(m->to);
  return rc;
}

/* A hidden name beside `to`, so that nobody who watches that directory takes it for a file. */
static int temporary_name(struct ifl_buf *tmp, const char *to, iflow_error *err)
{
  int rc = ifl_buf_add(tmp, to, (size_t)(name_of(to) - to), err);
  return rc < 0 ? rc : ifl_buf_adds(tmp, ".iflow-XXXXXX", err);
}

static int move_by_copy(const struct move *m, iflow_error *err)
{
  struct ifl_buf tmp = IFL_BUF_INIT(NAME_LIMIT);
  struct stat before;
  int out = -1, in = -1, rc = temporary_name(&tmp, m->to, err);
  if (rc < 0) goto done;
  in = open(m->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  out = in < 0 ? -1 : mkostemp(tmp.data, O_CLOEXEC);
  if (out < 0) {
    rc = failed(err, errno, m);
    goto done;
  }
  if (copy_file(in, out, &before) < 0) rc = failed(err, errno, m);
  if (close(out) < 0 && rc == 0) rc = failed(err, errno, m);
  if (rc == 0) rc = put_in_place(m, tmp.data, &before, err);
  if (rc < 0) unlink(tmp.data);
done:
  if (in >= 0) close(in);
  ifl_buf_done(&tmp);
  return rc;
}

static int move_file(const struct move *m, iflow_error *err)
{
  int rc = 0;
  if (rename_file(m->from, m->to, m->replace) == 0) rc = sync_directory(m->to_dir, m->to, err);
  else if (errno == EXDEV) rc = move_by_copy(m, err);
  else rc = failed(err, errno, m);
  return rc < 0 ? rc : sync_directory(m->from_dir, m->from, err);
}

int ifl_file_move(const char *from, const char *to, bool replace, iflow_error *err)
{
  struct move m = { .from = from, .to = to, .replace = replace, .from_dir = -1, .to_dir = -1 };
  int rc = open_directory(&m.from_dir, from, err);
  if (rc == 0) rc = open_directory(&m.to_dir, to, err);
  if (rc == 0) rc = move_file(&m, err);
  if (m.from_dir >= 0) close(m.from_dir);
  if (m.to_dir >= 0) close(m.to_dir);
  return rc;
}
