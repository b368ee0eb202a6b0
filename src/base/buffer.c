/* buffer.c -- see buffer.h. */
#include "base/buffer.h"

#include "base/error.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void ifl_buf_init(struct ifl_buf *b, size_t max)
{
  *b = (struct ifl_buf)IFL_BUF_INIT(max);
}

void ifl_buf_done(struct ifl_buf *b)
{
  free(b->data);
  ifl_buf_init(b, b->max);
}

void ifl_buf_wipe(struct ifl_buf *b)
{
  ifl_wipe(b->data, b->cap);
  ifl_buf_done(b);
}

void ifl_buf_clear(struct ifl_buf *b)
{
  b->len = 0;
}

/* Not realloc: what it leaves behind in the old place may be a private key. */
static int grow(struct ifl_buf *b, size_t cap, iflow_error *err)
{
  char *data = malloc(cap);
  if (data == NULL) return ifl_fail_nomem(err);
  if (b->len > 0) memcpy(data, b->data, b->len);
  ifl_wipe(b->data, b->cap);
  free(b->data);
  b->data = data;
  b->cap = cap;
  return 0;
}

int ifl_buf_reserve(struct ifl_buf *b, size_t n, iflow_error *err)
{
  if (n > b->max || b->len > b->max - n)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %zu bytes", b->max);
  size_t need = b->len + n + 1;
  if (need <= b->cap) return 0;
  size_t cap = b->cap < 128 ? 256 : b->cap * 2;
  if (cap < need) cap = need;
  if (cap > b->max + 1) cap = b->max + 1;
  return grow(b, cap, err);
}

int ifl_buf_add(struct ifl_buf *b, const void *data, size_t n, iflow_error *err)
{
  int rc = ifl_buf_reserve(b, n, err);
  if (rc < 0) return rc;
  if (n > 0) memcpy(b->data + b->len, data, n);
  b->len += n;
  b->data[b->len] = '\0';
  return 0;
}

int ifl_buf_adds(struct ifl_buf *b, const char *s, iflow_error *err)
{
  return ifl_buf_add(b, s, strlen(s), err);
}

int ifl_buf_addf(struct ifl_buf *b, iflow_error *err, const char *fmt, ...)
{
  va_list ap, again;
  va_start(ap, fmt);
  va_copy(again, ap);
  int n = vsnprintf(NULL, 0, fmt, ap);
  va_end(ap);
  int rc = n < 0 ? ifl_fail(err, IFLOW_EINTERNAL, "a text cannot be formatted")
                 : ifl_buf_reserve(b, (size_t)n, err);
  if (rc == 0) {
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
  }
  va_end(again);
  return rc;
}

void ifl_buf_consume(struct ifl_buf *b, size_t n)
{
  if (n >= b->len) {
    b->len = 0;
    return;
  }
  memmove(b->data, b->data + n, b->len - n);
  b->len -= n;
}

char *ifl_buf_take(struct ifl_buf *b)
{
  char *data = b->data;
  ifl_buf_init(b, b->max);
  return data;
}

static int read_all(struct ifl_buf *b, int fd, const char *path, iflow_error *err)
{
  for (;;) {
    char chunk[8192];
    ssize_t n = read(fd, chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ifl_fail_errno(err, errno, "cannot read '%s'", path);
    if (n == 0) return 0;
    int rc = ifl_buf_add(b, chunk, (size_t)n, err);
    ifl_wipe(chunk, sizeof chunk);
    if (rc == IFLOW_ELIMIT)
      return ifl_fail(err, IFLOW_ELIMIT, "'%s' is larger than %zu bytes", path, b->max);
    if (rc < 0) return rc;
  }
}

/* What is no file may be a secret that stands where its path belongs: a JSON text or PEM. */
static int fail_open(const char *path, iflow_error *err)
{
  int number = errno;
  if (path[strspn(path, " \t\r\n")] != '{' && strstr(path, "-----BEGIN") == NULL)
    return ifl_fail_errno(err, number, "cannot open '%s'", path);
  ifl_fail(err, IFLOW_EINVAL,
           "the text of a service key or of a PEM file stands where the path of "
           "the file is expected");
  ifl_hint(err, "write it into a file that only you can read, and name that one");
  return IFLOW_EINVAL;
}

int ifl_file_read(struct ifl_buf *b, const char *path, iflow_error *err)
{
  struct stat st;
  int rc;
  /* O_NONBLOCK: opening a FIFO nobody writes to must not hang; it changes nothing for files. */
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail_open(path, err);
  if (fstat(fd, &st) < 0) {
    rc = ifl_fail_errno(err, errno, "cannot read '%s'", path);
  } else if (S_ISDIR(st.st_mode)) {
    rc = ifl_fail(err, IFLOW_EINVAL, "'%s' is a directory, a file is expected", path);
  } else {
    if (!S_ISREG(st.st_mode)) (void)fcntl(fd, F_SETFL, 0); /* a pipe (<(…)) is read blocking */
    rc = read_all(b, fd, path, err);
  }
  close(fd);
  return rc;
}

int ifl_write_all(int fd, const void *data, size_t n)
{
  const char *p = data;
  while (n > 0) {
    ssize_t k = write(fd, p, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return -1;
    p += k;
    n -= (size_t)k;
  }
  return 0;
}

/* A device or a pipe is written to: a file in its place would be the end of it. */
static int write_special(const char *path, const void *data, size_t n, iflow_error *err)
{
  int rc = 0;
  int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO may have no reader */
  if (fd < 0) return ifl_fail_errno(err, errno, "cannot open '%s'", path);
  if (fcntl(fd, F_SETFL, 0) < 0 || ifl_write_all(fd, data, n) < 0)
    rc = ifl_fail_errno(err, errno, "cannot write '%s'", path);
  if (close(fd) < 0 && rc == 0) rc = ifl_fail_errno(err, errno, "cannot write '%s'", path);
  return rc;
}

int ifl_file_write(const char *path, const void *data, size_t n, unsigned mode, iflow_error *err)
{
  struct ifl_buf tmp = IFL_BUF_INIT(8192);
  struct stat st;
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
    return write_special(path, data, n, err);
  int rc = ifl_buf_addf(&tmp, err, "%s.XXXXXX", path);
  if (rc < 0) return rc;
  int fd = mkstemp(tmp.data); /* created 0600: nobody else can open it before the mode is set */
  if (fd < 0) {
    rc = ifl_fail_errno(err, errno, "cannot create a file beside '%s'", path);
    goto done;
  }
  if (ifl_write_all(fd, data, n) < 0 || fchmod(fd, (mode_t)mode) < 0 || fsync(fd) < 0)
    rc = ifl_fail_errno(err, errno, "cannot write '%s'", path);
  if (close(fd) < 0 && rc == 0) rc = ifl_fail_errno(err, errno, "cannot write '%s'", path);
  if (rc == 0 && rename(tmp.data, path) < 0)
    rc = ifl_fail_errno(err, errno, "cannot replace '%s'", path);
  if (rc < 0) unlink(tmp.data);
done:
  ifl_buf_done(&tmp);
  return rc;
}
