/* bodies.c -- see bodies.h. */
#include "outbox/bodies.h"

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE ((size_t)256 * 1024)

int ifl_outbox_errno(iflow_error *err, int errnum, const char *what, const char *path)
{
  int code = 0;
  if (errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG) code = IFLOW_EOUTBOXDISK;
  if (errnum == EROFS) code = IFLOW_EOUTBOXREADONLY;
  if (code == 0) return ifl_fail_errno(err, errnum, "cannot %s '%s'", what, path);
  ifl_fail(err, code, "cannot %s '%s': %s", what, path, strerror(errnum));
  if (err != NULL) err->native = errnum;
  return code;
}

static int sync_directory(const char *dir, iflow_error *err)
{
  int rc = 0;
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ifl_outbox_errno(err, errno, "open", dir);
  if (fsync(fd) < 0) rc = ifl_outbox_errno(err, errno, "sync", dir);
  close(fd);
  return rc;
}

/* The names of the database and of its directory of bodies must survive a loss of power, too. */
static int sync_parent(const char *path, iflow_error *err)
{
  struct ifl_buf parent = IFL_BUF_INIT(8192);
  const char *slash = strrchr(path, '/');
  int rc = slash == NULL ? ifl_buf_adds(&parent, ".", err)
                         : ifl_buf_add(&parent, path, (size_t)(slash - path) + 1, err);
  if (rc == 0) rc = sync_directory(parent.data, err);
  ifl_buf_done(&parent);
  return rc;
}

int ifl_bodies_open(struct ifl_buf *dir, const char *database, iflow_error *err)
{
  int rc = ifl_buf_addf(dir, err, "%s" IFL_BODIES_SUFFIX, database);
  if (rc < 0) return rc;
  if (mkdir(dir->data, 0700) < 0 && errno != EEXIST)
    return ifl_outbox_errno(err, errno, "create", dir->data);
  return sync_parent(database, err);
}

static int copy_pieces(int to, const char *path, int in, char *piece, const char *from,
                       int64_t *size, iflow_error *err)
{
  for (;;) {
    ssize_t n = read(in, piece, PIECE);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ifl_fail_errno(err, errno, "cannot read '%s'", from);
    if (n == 0) return 0;
    if (ifl_write_all(to, piece, (size_t)n) < 0) return ifl_outbox_errno(err, errno, "write", path);
    *size += n;
  }
}

static int copy_file(int to, const char *path, const char *from, int64_t *size, iflow_error *err)
{
  int in = open(from, O_RDONLY | O_CLOEXEC);
  if (in < 0) return ifl_fail_errno(err, errno, "cannot open '%s'", from);
  char *piece = malloc(PIECE);
  int rc = piece == NULL ? ifl_fail_nomem(err) : copy_pieces(to, path, in, piece, from, size, err);
  free(piece);
  close(in);
  return rc;
}

static int random_name(char name[IFL_BODY_NAME], iflow_error *err)
{
  unsigned char bytes[(IFL_BODY_NAME - 1) / 2];
  int rc = ifl_random(bytes, sizeof bytes, err);
  if (rc < 0) return rc;
  for (size_t i = 0; i < sizeof bytes; i++) snprintf(name + 2 * i, 3, "%02x", bytes[i]);
  return 0;
}

int ifl_bodies_store(char name[IFL_BODY_NAME], int64_t *size, const char *dir, const char *from,
                     const void *data, size_t n, iflow_error *err)
{
  struct ifl_buf path = IFL_BUF_INIT(8192);
  int64_t written = 0;
  int rc = random_name(name, err);
  if (rc == 0) rc = ifl_buf_addf(&path, err, "%s/%s", dir, name);
  if (rc < 0) goto done;
  int fd = open(path.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    rc = ifl_outbox_errno(err, errno, "create", path.data);
    goto done;
  }
  if (from != NULL) {
    rc = copy_file(fd, path.data, from, &written, err);
  } else {
    if (ifl_write_all(fd, data, n) < 0) rc = ifl_outbox_errno(err, errno, "write", path.data);
    written = (int64_t)n;
  }
  if (rc == 0 && fsync(fd) < 0) rc = ifl_outbox_errno(err, errno, "sync", path.data);
  if (close(fd) < 0 && rc == 0) rc = ifl_outbox_errno(err, errno, "write", path.data);
  if (rc == 0) rc = sync_directory(dir, err);
  if (rc < 0) unlink(path.data);
  else *size = written;
done:
  ifl_buf_done(&path);
  return rc;
}

void ifl_bodies_remove(const char *dir, const char *name)
{
  struct ifl_buf path = IFL_BUF_INIT(8192);
  if (ifl_buf_addf(&path, NULL, "%s/%s", dir, name) == 0) unlink(path.data);
  ifl_buf_done(&path);
}

static bool is_body(const char *name)
{
  return strlen(name) == IFL_BODY_NAME - 1 && strspn(name, "0123456789abcdef") == IFL_BODY_NAME - 1;
}

int ifl_bodies_collect(const char *dir,
                       int (*owned)(void *payload, const char *name, bool *is, iflow_error *err),
                       void *payload, size_t *removed, iflow_error *err)
{
  int rc = 0;
  DIR *d = opendir(dir);
  if (d == NULL) return ifl_outbox_errno(err, errno, "list", dir);
  for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
    bool is = true;
    if (!is_body(e->d_name)) continue; /* somebody else's: not ours to remove */
    rc = owned(payload, e->d_name, &is, err);
    if (rc < 0 || is) continue;
    ifl_bodies_remove(dir, e->d_name);
    (*removed)++;
  }
  closedir(d);
  return rc;
}
