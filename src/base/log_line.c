/* log_line.c -- see log_line.h. Text for people, in columns and on a terminal in colours; JSON objects
 * for machines; both with or without the priority that systemd's journal takes. */
#include "base/log_line.h"

#include "base/clock.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

struct out {
  char *data;
  size_t n, max;
};

static const char *const names[] = { "error", "warn", "info", "debug", "trace" };
static const char *const priorities[] = { "<3>", "<4>", "<6>", "<7>", "<7>" }; /* syslog(3) */

/* Of the level, and for what one reads second: time and fields. */
static const char *const colours[] = { "\x1b[1;31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[2m" };
static const char dim[] = "\x1b[2m", plain[] = "\x1b[0m";

static bool put(struct out *o, const char *s, size_t n)
{
  if (n > o->max - o->n) return false;
  memcpy(o->data + o->n, s, n);
  o->n += n;
  return true;
}

static bool put_text(struct out *o, const char *s)
{
  return put(o, s, strlen(s));
}

static bool is_control(const char *s, size_t len)
{
  unsigned char c = (unsigned char)s[0];
  return c < 0x20 || c == 0x7f || (len == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0);
}

/* A control character as JSON and Lua write it; bytes that are no UTF-8 become U+FFFD. */
static bool put_escape(struct out *o, const char *s, size_t len)
{
  static const char short_forms[] = "\n\r\t", letters[] = "nrt";
  char text[8];
  const char *found = strchr(short_forms, s[0]);
  if (len == 0) return put_text(o, "\xef\xbf\xbd");
  if (s[0] != '\0' && found != NULL)
    snprintf(text, sizeof text, "\\%c", letters[found - short_forms]);
  else
    snprintf(text, sizeof text, "\\u%04x", (unsigned char)s[len - 1]); /* of C1 the same number */
  return put_text(o, text);
}

/* One line, and nothing that a terminal obeys. quoted: the inside of a JSON string. */
static bool put_flat(struct out *o, const char *s, size_t n, bool quoted)
{
  bool fits = true;
  while (n > 0 && fits) {
    size_t len = ifl_utf8_char(s, n);
    if (len == 0 || is_control(s, len)) fits = put_escape(o, s, len);
    else if (quoted && (*s == '"' || *s == '\\')) fits = put_text(o, "\\") && put(o, s, 1);
    else fits = put(o, s, len);
    len = len == 0 ? 1 : len;
    s += len;
    n -= len;
  }
  return fits;
}

static bool put_json(struct out *o, const char *s, size_t n)
{
  return put_text(o, "\"") && put_flat(o, s, n, true) && put_text(o, "\"");
}

/* A value in text: in quotes when it would not be seen where it ends. */
static bool put_value(struct out *o, const char *s, size_t n)
{
  bool simple = n > 0;
  for (size_t i = 0; i < n && simple; i++)
    simple = (unsigned char)s[i] > ' ' && strchr("\"=", s[i]) == NULL;
  return simple ? put_flat(o, s, n, false) : put_json(o, s, n);
}

static bool put_field(struct out *o, const struct ifl_log *log, const struct ifl_log_field *f)
{
  char value[IFL_LOG_VALUE_MAX];
  size_t n = f->n < sizeof value ? f->n : sizeof value;
  memcpy(value, f->value, n);
  n = ifl_log_redact(value, n);
  bool fits = put_text(o, log->json ? ",\"" : " ") && put_text(o, f->name) &&
              put_text(o, log->json ? "\":" : "=");
  if (fits && f->bare) fits = put(o, value, n);
  else if (fits) fits = log->json ? put_json(o, value, n) : put_value(o, value, n);
  ifl_wipe(value, sizeof value);
  return fits;
}

/* One that does not fit is left out as a whole. In text the word for the event is left out: the text
 * says the same. */
static void put_fields(struct out *o, const struct ifl_log *log, const struct ifl_log_line *line)
{
  for (size_t i = 0; i < line->nfields && i < IFL_LOG_FIELDS; i++) {
    size_t before = o->n;
    if (!log->json && strcmp(line->fields[i].name, "event") == 0) continue;
    if (!put_field(o, log, &line->fields[i])) o->n = before;
  }
}

static void put_object(struct out *o, const struct ifl_log *log, const struct ifl_log_line *line,
                       const char *when)
{
  char head[128];
  snprintf(head, sizeof head,
           "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%.32s\",\"message\":", when,
           names[line->level], line->module);
  put_text(o, head);
  put_json(o, line->text, line->n);
  put_fields(o, log, line);
  o->max++; /* the place that was kept for it */
  put_text(o, "}");
}

static void put_columns(struct out *o, const struct ifl_log *log, const struct ifl_log_line *line,
                        const char *when)
{
  char head[128], module[IFL_LOG_MODULE_MAX + 1];
  const char *colour = log->color ? colours[line->level] : "", *faint = log->color ? dim : "";
  const char *end = log->color ? plain : "";
  snprintf(module, sizeof module, "%.31s:", line->module);
  snprintf(head, sizeof head, "%s%s%s %s%-5s%s %-12s ", faint, when, end, colour,
           names[line->level], end, module);
  put_text(o, head);
  put_flat(o, line->text, line->n, false);
  if (line->nfields == 0) return;
  put_text(o, faint);
  put_fields(o, log, line);
  o->max += sizeof plain; /* the place that was kept for it */
  put_text(o, end);
}

size_t ifl_log_line(char *out, const struct ifl_log *log, const struct ifl_log_line *line)
{
  struct out o = { out, 0, IFL_LOG_LINE_MAX - 1 - sizeof plain };
  char when[25];
  ifl_clock_iso8601(when, ifl_clock_wall_ms());
  if (log->priority) put_text(&o, priorities[line->level]);
  if (log->json) put_object(&o, log, line, when);
  else put_columns(&o, log, line, when);
  out[o.n++] = '\n';
  return o.n;
}
