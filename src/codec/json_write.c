/* json_write.c -- the writer of codec/json.h. */
#include "codec/json.h"

#include "base/error.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ifl_json_writer_init(struct ifl_json_writer *w, struct ifl_buf *out, bool pretty)
{
  *w = (struct ifl_json_writer) { .out = out, .pretty = pretty };
}

static int new_line(struct ifl_json_writer *w, iflow_error *err)
{
  static const char spaces[] = "                                ";
  int rc = ifl_buf_add(w->out, "\n", 1, err);
  for (size_t left = w->depth * 2; rc == 0 && left > 0;) {
    size_t n = left < sizeof spaces - 1 ? left : sizeof spaces - 1;
    rc = ifl_buf_add(w->out, spaces, n, err);
    left -= n;
  }
  return rc;
}

/* What stands before a value or a name. */
static int separate(struct ifl_json_writer *w, iflow_error *err)
{
  int rc = 0;
  if (w->after_name) {
    w->after_name = false;
    return 0;
  }
  if (w->after_value) rc = ifl_buf_add(w->out, ",", 1, err);
  if (rc == 0 && w->pretty && w->depth > 0) rc = new_line(w, err);
  return rc;
}

static int put(struct ifl_json_writer *w, const char *text, size_t n, iflow_error *err)
{
  int rc = separate(w, err);
  if (rc == 0) rc = ifl_buf_add(w->out, text, n, err);
  w->after_value = true;
  return rc;
}

int ifl_json_write_null(struct ifl_json_writer *w, iflow_error *err)
{
  return put(w, "null", 4, err);
}

int ifl_json_write_bool(struct ifl_json_writer *w, bool value, iflow_error *err)
{
  return value ? put(w, "true", 4, err) : put(w, "false", 5, err);
}

int ifl_json_write_integer(struct ifl_json_writer *w, int64_t value, iflow_error *err)
{
  char text[24];
  int n = snprintf(text, sizeof text, "%" PRId64, value);
  return put(w, text, (size_t)n, err);
}

/* Amounts: at most three decimals and 15 digits. The division below is correctly rounded, so when
 * it gives the value back, reading the text does too. Returns the length, 0 for other values. */
static int short_decimal(char text[24], double value)
{
  if (!(fabs(value) < 1e12) || (value == 0 && signbit(value))) return 0;
  long long thousandths = llround(value * 1000);
  if ((double)thousandths / 1000 != value) return 0;
  unsigned long long size = (unsigned long long)llabs(thousandths);
  int n = snprintf(text, 24, "%s%llu.%03llu", value < 0 ? "-" : "", size / 1000, size % 1000);
  while (text[n - 1] == '0' && text[n - 2] != '.') n--;
  return n;
}

int ifl_json_write_number(struct ifl_json_writer *w, double value, iflow_error *err)
{
  char text[40];
  if (!isfinite(value)) return ifl_fail(err, IFLOW_EENCODE, "JSON has no infinity and no NaN");
  int n = short_decimal(text, value);
  if (n > 0) return put(w, text, (size_t)n, err);
  for (int digits = 15; digits <= 17; digits++) {
    n = snprintf(text, sizeof text - 2, "%.*g", digits, value);
    if (strtod(text, NULL) == value) break; /* in the same locale, so its point does not matter */
  }
  bool whole = true;
  for (int i = 0; i < n; i++) {
    if (strchr("0123456789-", text[i]) != NULL) continue;
    whole = false;
    if (strchr("eE+", text[i]) == NULL) text[i] = '.'; /* the locale's point */
  }
  if (whole) memcpy(text + n, ".0", 2), n += 2; /* reads back as a float, not as an integer */
  return put(w, text, (size_t)n, err);
}

/* Bytes at s that need no escape; stops at the first that does or that is not UTF-8. */
static size_t plain_length(const char *s, size_t n)
{
  size_t i = 0;
  while (i < n) {
    unsigned char c = (unsigned char)s[i];
    if (c == '"' || c == '\\' || c < 0x20) break;
    size_t len = c < 0x80 ? 1 : ifl_utf8_char(s + i, n - i);
    if (len == 0) break;
    i += len;
  }
  return i;
}

static int add_escape(struct ifl_buf *out, char c, iflow_error *err)
{
  static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
  const char *found = c != '\0' ? strchr(from, c) : NULL;
  if (found == NULL) return ifl_buf_addf(out, err, "\\u%04x", (unsigned)(unsigned char)c);
  char text[2] = { '\\', to[found - from] };
  return ifl_buf_add(out, text, 2, err);
}

static int add_quoted(struct ifl_buf *out, const char *s, size_t n, iflow_error *err)
{
  int rc = ifl_buf_add(out, "\"", 1, err);
  while (rc == 0 && n > 0) {
    size_t plain = plain_length(s, n);
    rc = ifl_buf_add(out, s, plain, err);
    s += plain, n -= plain;
    if (rc < 0 || n == 0) break;
    if ((unsigned char)*s >= 0x80) return ifl_fail(err, IFLOW_EENCODE, "a text is not UTF-8");
    rc = add_escape(out, *s, err);
    s++, n--;
  }
  return rc < 0 ? rc : ifl_buf_add(out, "\"", 1, err);
}

int ifl_json_write_string(struct ifl_json_writer *w, const char *s, size_t n, iflow_error *err)
{
  int rc = separate(w, err);
  if (rc == 0) rc = add_quoted(w->out, s, n, err);
  w->after_value = true;
  return rc;
}

int ifl_json_write_name(struct ifl_json_writer *w, const char *s, size_t n, iflow_error *err)
{
  int rc = ifl_json_write_string(w, s, n, err);
  if (rc == 0) rc = ifl_buf_add(w->out, ": ", w->pretty ? 2 : 1, err);
  w->after_name = true;
  return rc;
}

int ifl_json_write_begin(struct ifl_json_writer *w, char bracket, iflow_error *err)
{
  int rc = put(w, &bracket, 1, err);
  w->depth++;
  w->after_value = false;
  return rc;
}

int ifl_json_write_end(struct ifl_json_writer *w, char bracket, iflow_error *err)
{
  int rc = 0;
  w->depth--;
  if (w->pretty && w->after_value) rc = new_line(w, err);
  w->after_value = true;
  return rc < 0 ? rc : ifl_buf_add(w->out, &bracket, 1, err);
}
