/* lock.c -- see lock.h. The lock is the kernel's: it ends with its holder, however that ends. */
#include "outbox/lock.h"

#include "base/buffer.h"
#include "base/clock.h"
#include "base/error.h"
#include "outbox/bodies.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define HOLDER_MAX 200
#define PAUSE_MS   20

static int refuse(int fd, const char *path, iflow_error *err)
{
  char holder[HOLDER_MAX] = "";
  ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
  holder[n > 0 ? n : 0] = '\0';
  holder[strcspn(holder, "\n")] = '\0';
  return ifl_fail(err, IFLOW_EOUTBOXLOCKED, "outbox '%s' is held by %s", path,
                  *holder != '\0' ? holder : "another process");
}

/* For the one who is refused; not worth failing for. */
static void sign(int fd)
{
  char text[HOLDER_MAX], since[25];
  ifl_clock_iso8601(since, ifl_clock_wall_ms());
  int n = snprintf(text, sizeof text, "process %ld (%s) since %s\n", (long)getpid(),
                   program_invocation_short_name, since);
  if (n > 0 && ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) < 0) return;
}

int ifl_outbox_lock(int *fd, const char *path, int64_t wait_ms, iflow_error *err)
{
  struct ifl_buf name = IFL_BUF_INIT(8192);
  const struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };
  int64_t end = ifl_clock_mono_ms() + wait_ms;
  int rc = ifl_buf_addf(&name, err, "%s-lock", path), handle = -1;
  if (rc < 0) goto done;
  handle = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (handle < 0) {
    rc = errno == EACCES || errno == EROFS
             ? ifl_fail(err, IFLOW_EOUTBOXREADONLY, "outbox '%s' cannot be locked: '%s': %s", path,
                        name.data, strerror(errno))
             : ifl_outbox_errno(err, errno, "open", name.data);
    goto done;
  }
  while (flock(handle, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      rc = ifl_outbox_errno(err, errno, "lock", name.data);
    else if (ifl_clock_mono_ms() >= end) rc = refuse(handle, path, err);
    if (rc < 0) goto done;
    nanosleep(&pause, NULL);
  }
  sign(handle);
  *fd = handle;
  handle = -1;
done:
  ifl_outbox_unlock(handle);
  ifl_buf_done(&name);
  return rc;
}

void ifl_outbox_unlock(int fd)
{
  if (fd >= 0) close(fd);
}
