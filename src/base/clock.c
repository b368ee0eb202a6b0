/* clock.c -- see clock.h. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_ms(clockid_t id)
{
  struct timespec ts;
  clock_gettime(id, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t ifl_clock_wall_ms(void)
{
  return read_ms(CLOCK_REALTIME);
}

int64_t ifl_clock_mono_ms(void)
{
  return read_ms(CLOCK_MONOTONIC);
}

void ifl_clock_iso8601(char out[25], int64_t wall_ms)
{
  int64_t secs = wall_ms / 1000, ms = wall_ms % 1000;
  if (ms < 0) ms += 1000, secs--;
  time_t t = (time_t)secs;
  struct tm tm;
  char text[80];
  if (gmtime_r(&t, &tm) == NULL) memset(&tm, 0, sizeof tm);
  snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
           tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)ms);
  memcpy(out, text, 24);
  out[24] = '\0';
}
