/* measure.c -- runs a program and says what it cost, for scripts/bench.
 *   measure REPORT CPU PROGRAM [ARGUMENT...]
 * The program runs on that processor only (-1: on any). REPORT gets one line: seconds that passed,
 * seconds in user mode, seconds in the kernel, most resident memory in KiB, exit code; all of the
 * program and of the children that it has waited for. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void become(int cpu, char **command)
{
  cpu_set_t set;

  CPU_ZERO(&set);
  if (cpu >= 0) CPU_SET(cpu, &set);
  if (cpu >= 0 && sched_setaffinity(0, sizeof(set), &set) < 0) perror("sched_setaffinity");
  execvp(command[0], command);
  perror(command[0]);
  _exit(127);
}

static int report(const char *path, double wall, int status, const struct rusage *use)
{
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  FILE *file = fopen(path, "w");

  if (!file) {
    perror(path);
    return 2;
  }
  fprintf(file, "%.6f %.6f %.6f %ld %d\n", wall, seconds(use->ru_utime), seconds(use->ru_stime),
          use->ru_maxrss, code);
  return fclose(file) == 0 ? code : 2;
}

int main(int argc, char **argv)
{
  struct rusage use;
  double began;
  pid_t child;
  int status;

  if (argc < 4) {
    fprintf(stderr, "usage: measure REPORT CPU PROGRAM [ARGUMENT...]\n");
    return 2;
  }
  began = now();
  child = fork();
  if (child == 0) become(atoi(argv[2]), argv + 3);
  if (child < 0 || wait4(child, &status, 0, &use) < 0) {
    perror("measure");
    return 2;
  }
  return report(argv[1], now() - began, status, &use);
}
