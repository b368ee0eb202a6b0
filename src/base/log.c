/* log.c -- see log.h. */
#include "base/log.h"

#include "base/log_line.h"
#include "base/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void to_stderr(const char *line, size_t n)
{
  while (n > 0) {
    ssize_t k = write(STDERR_FILENO, line, n);
    if (k < 0 && errno == EINTR) continue;
    if (k < 0) return; /* there is no better place to complain */
    line += k;
    n -= (size_t)k;
  }
}

/* The place of the module's own level, nmodules when it has none. */
static size_t find(const struct ifl_log *log, const char *module)
{
  size_t i = 0;
  while (i < log->nmodules && strcmp(log->modules[i].name, module) != 0) i++;
  return i;
}

bool ifl_log_on(const struct ifl_log *log, enum ifl_level level, const char *module)
{
  size_t i = find(log, module);
  return (i < log->nmodules ? log->modules[i].level : log->level) >= level;
}

bool ifl_log_set_module(struct ifl_log *log, const char *module, enum ifl_level level)
{
  size_t i = find(log, module);
  if (i == IFL_LOG_MODULES || strlen(module) >= IFL_LOG_MODULE_MAX) return false;
  strcpy(log->modules[i].name, module);
  log->modules[i].level = level;
  if (i == log->nmodules) log->nmodules++;
  return true;
}

/* Redacted, and without blanks and line ends at its end. */
static size_t clean(char *text, size_t n)
{
  n = ifl_log_redact(text, n);
  while (n > 0 && strchr(" \r\n\t", text[n - 1]) != NULL && text[n - 1] != '\0') n--;
  return n;
}

static void write_line(struct ifl_log *log, struct ifl_log_line *line)
{
  char out[IFL_LOG_LINE_MAX];
  size_t n = ifl_log_line(out, log, line);
  if (log->sink != NULL) log->sink(log->payload, out, n);
  else to_stderr(out, n);
  if (log->tap == NULL) return;
  struct ifl_log as_json = { .json = true };
  log->tap(log->tap_payload, out, ifl_log_line(out, &as_json, line));
}

void ifl_log_write(struct ifl_log *log, enum ifl_level level, const char *module, const char *fmt,
                   ...)
{
  char text[IFL_LOG_TEXT_MAX];
  va_list ap;
  if (!ifl_log_on(log, level, module)) return;
  va_start(ap, fmt);
  int len = vsnprintf(text, sizeof text, fmt, ap);
  va_end(ap);
  size_t n = len < 0 ? 0 : (size_t)len < sizeof text ? (size_t)len : sizeof text - 1;
  struct ifl_log_line line = { level, module, text, clean(text, n), NULL, 0 };
  write_line(log, &line);
  ifl_wipe(text, sizeof text);
}

void ifl_log_event(struct ifl_log *log, enum ifl_level level, const char *module, const char *text,
                   size_t n, const struct ifl_log_field *fields, size_t nfields)
{
  char copy[IFL_LOG_TEXT_MAX];
  if (!ifl_log_on(log, level, module)) return;
  if (n > sizeof copy) n = sizeof copy;
  memcpy(copy, text, n);
  struct ifl_log_line line = { level, module, copy, clean(copy, n), fields, nfields };
  write_line(log, &line);
  ifl_wipe(copy, sizeof copy);
}
