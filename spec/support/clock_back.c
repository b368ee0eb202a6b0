/* clock_back.c -- preloaded into a service under test: while the file named in IFLOW_CLOCK_BACK is
 * there, the wall clock is three hours behind. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *out)
{
  const char *file = getenv("IFLOW_CLOCK_BACK");
  int rc = (int)syscall(SYS_clock_gettime, which, out);
  if (which == CLOCK_REALTIME && file != NULL && access(file, F_OK) == 0)
    out->tv_sec -= (time_t)3 * 3600;
  return rc;
}
