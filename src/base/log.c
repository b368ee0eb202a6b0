/* log.c -- see log.h. */
#include "base/log.h"

#include "base/clock.h"
#include "base/secret.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 8192 /* longer texts are cut; a cut secret is redacted like a whole one */

/* One line an event, and nothing a terminal obeys: control characters (C1 in UTF-8 too) go. */
static void flatten(char *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c < 0x20 || c == 0x7f) s[i] = ' ';
    if (c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] >= 0x80 && (unsigned char)s[i + 1] < 0xa0)
      s[i] = s[i + 1] = ' ';
  }
}

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

static size_t format_text(char *out, size_t size, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static size_t format_text(char *out, size_t size, const char *fmt, va_list ap)
{
  int len = vsnprintf(out, size, fmt, ap);
  size_t n = len < 0 ? 0 : (size_t)len < size ? (size_t)len : size - 1;
  size_t kept = ifl_log_redact(out, n);
  flatten(out, kept);
  while (kept > 0 && out[kept - 1] == ' ') kept--;
  return kept;
}

void ifl_log_write(struct ifl_log *log, enum ifl_level level, const char *module, const char *fmt,
                   ...)
{
  static const char *const names[] = { "error", "warn", "info", "debug", "trace" };
  char line[LINE_MAX_BYTES], when[25];
  va_list ap;
  if (!ifl_log_on(log, level)) return;
  ifl_clock_iso8601(when, ifl_clock_wall_ms());
  size_t head = (size_t)snprintf(line, 128, "%s %s %.32s: ", when, names[level], module);
  va_start(ap, fmt);
  size_t n = head + format_text(line + head, sizeof line - head - 1, fmt, ap);
  va_end(ap);
  line[n++] = '\n';
  if (log->sink != NULL) log->sink(log->payload, line, n);
  else to_stderr(line, n);
  ifl_wipe(line + head, sizeof line - head); /* it held the text before redaction */
}
