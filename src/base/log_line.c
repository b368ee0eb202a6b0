/* log_line.c -- see log_line.h. Text for people, JSON objects for machines, with or without the
 * priority that systemd's journal takes. */
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

size_t ifl_log_flatten(char *s, size_t n)
{
  n = ifl_log_redact(s, n);
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c < 0x20 || c == 0x7f) s[i] = ' ';
    if (c == 0xc2 && i + 1 < n && (unsigned char)s[i + 1] >= 0x80 && (unsigned char)s[i + 1] < 0xa0)
      s[i] = s[i + 1] = ' ';
  }
  while (n > 0 && s[n - 1] == ' ') n--;
  return n;
}

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

/* A JSON string; bytes that are no UTF-8 become U+FFFD. The text is flat. */
static bool put_json(struct out *o, const char *s, size_t n)
{
  bool fits = put_text(o, "\"");
  while (n > 0 && fits) {
    size_t len = ifl_utf8_char(s, n);
    if (len == 0) fits = put_text(o, "\xef\xbf\xbd");
    else if (*s == '"' || *s == '\\') fits = put_text(o, "\\") && put(o, s, 1);
    else fits = put(o, s, len);
    len = len == 0 ? 1 : len;
    s += len;
    n -= len;
  }
  return fits && put_text(o, "\"");
}

/* A value in text: in quotes when it would not be seen where it ends. */
static bool put_value(struct out *o, const char *s, size_t n)
{
  bool plain = n > 0;
  for (size_t i = 0; i < n && plain; i++) plain = strchr(" \"=", s[i]) == NULL;
  return plain ? put(o, s, n) : put_json(o, s, n);
}

static bool put_field(struct out *o, const struct ifl_log *log, const struct ifl_log_field *f)
{
  char value[IFL_LOG_VALUE_MAX];
  size_t n = f->n < sizeof value ? f->n : sizeof value;
  memcpy(value, f->value, n);
  n = ifl_log_flatten(value, n);
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

/* The text leaves room for the fields, so it always fits. */
static void put_event(struct out *o, const struct ifl_log *log, const struct ifl_log_line *line)
{
  char when[25], head[128];
  ifl_clock_iso8601(when, ifl_clock_wall_ms());
  snprintf(head, sizeof head,
           log->json ? "{\"time\":\"%s\",\"level\":\"%s\",\"module\":\"%.32s\"" : "%s %s %.32s: ",
           when, names[line->level], line->module);
  put_text(o, head);
  if (!log->json) {
    put(o, line->text, line->n);
    put_fields(o, log, line);
    return;
  }
  put_text(o, ",\"message\":");
  put_json(o, line->text, line->n);
  put_fields(o, log, line);
  o->max++; /* the place that was kept for it */
  put_text(o, "}");
}

size_t ifl_log_line(char *out, const struct ifl_log *log, const struct ifl_log_line *line)
{
  struct out o = { out, 0, IFL_LOG_LINE_MAX - 2 };
  if (log->priority) put_text(&o, priorities[line->level]);
  put_event(&o, log, line);
  out[o.n++] = '\n';
  return o.n;
}
