/* stopped_disk.c -- a disk that stops answering, for spec/torture/stopped_disk_spec.lua: while the
 * file that STOPPED_DISK names is there, no sync ends. Preloaded. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_US 5000

static int when_it_goes_on(const char *name, int fd)
{
  const char *stopped = getenv("STOPPED_DISK");
  while (stopped != NULL && access(stopped, F_OK) == 0) usleep(LOOK_US);
  int (*sync_now)(int);
  *(void **)&sync_now = dlsym(RTLD_NEXT, name);
  return sync_now(fd);
}

int fsync(int fd)
{
  return when_it_goes_on("fsync", fd);
}

int fdatasync(int fd)
{
  return when_it_goes_on("fdatasync", fd);
}
