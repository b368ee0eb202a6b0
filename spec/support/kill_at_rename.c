/* kill_at_rename.c -- preloaded into a service under test: the process is killed, as by SIGKILL, at
 * the moment when it would move a file into a directory named in IFLOW_KILL_AT. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
  const char *at = getenv("IFLOW_KILL_AT");
  if (at != NULL && strstr(to, at) != NULL) raise(SIGKILL);
  return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
