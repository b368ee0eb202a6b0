/* json_write.c -- the writer of codec/json.h. */
#include "codec/json.h"

#include "base/error.h"
#include "base/utf8.h"
#include "codec/json_plain.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ifl_json_writer_init(struct ifl_json_writer *w, struct ifl_buf *out, bool pretty)
{
  *w = (struct ifl_json_writer) { .out = out, .pretty = pretty };
}

/* Room for n more bytes. Here for the usual case, since a message has a hundred small pieces. */
static inline int room(struct ifl_buf *b, size_t n, iflow_error *err)
{
  return b->cap > b->len + n ? 0 : ifl_buf_reserve(b, n, err);
}

/* These have room. */
static inline void add_char(struct ifl_buf *b, char c)
{
  b->data[b->len++] = c;
}

static inline void add_bytes(struct ifl_buf *b, const char *s, size_t n)
{
  memcpy(b->data + b->len, s, n);
  b->len += n;
}

static int new_line(struct ifl_json_writer *w, iflow_error *err)
{
  size_t n = w->depth * 2;
  int rc = room(w->out, n + 1, err);
  if (rc < 0) return rc;
  add_char(w->out, '\n');
  memset(w->out->data + w->out->len, ' ', n);
  w->out->len += n;
  return 0;
}

/* What stands before a value or a name; afterwards there is room for n bytes and the final NUL. */
static int separate(struct ifl_json_writer *w, size_t n, iflow_error *err)
{
  int rc = room(w->out, n + 1, err);
  if (rc < 0 || w->after_name) {
    w->after_name = false;
    return rc;
  }
  if (w->after_value) add_char(w->out, ',');
  if (!w->pretty || w->depth == 0) return 0;
  rc = new_line(w, err);
  return rc < 0 ? rc : room(w->out, n, err);
}

static int put(struct ifl_json_writer *w, const char *text, size_t n, iflow_error *err)
{
  int rc = separate(w, n, err);
  w->after_value = true;
  if (rc < 0) return rc;
  add_bytes(w->out, text, n);
  w->out->data[w->out->len] = '\0';
  return 0;
}

int ifl_json_write_null(struct ifl_json_writer *w, iflow_error *err)
{
  return put(w, "null", 4, err);
}

int ifl_json_write_bool(struct ifl_json_writer *w, bool value, iflow_error *err)
{
  return value ? put(w, "true", 4, err) : put(w, "false", 5, err);
}

/* The digits of a number, at least so many, in front of `end`: where they begin. */
static char *write_digits(char *end, uint64_t value, int least)
{
  for (; value > 0 || least > 0; value /= 10, least--) *--end = (char)('0' + value % 10);
  return end;
}

int ifl_json_write_integer(struct ifl_json_writer *w, int64_t value, iflow_error *err)
{
  char text[24], *end = text + sizeof text;
  uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  char *start = write_digits(end, size, 1);
  if (value < 0) *--start = '-';
  return put(w, start, (size_t)(end - start), err);
}

/* Amounts: at most three decimals and 15 digits. The division below is correctly rounded, so when
 * it gives the value back, reading the text does too. Returns the length, 0 for other values. */
static int short_decimal(char text[24], double value)
{
  if (!(fabs(value) < 1e12) || (value == 0 && signbit(value))) return 0;
  long long thousandths = llround(value * 1000);
  if ((double)thousandths / 1000 != value) return 0;
  uint64_t size = (uint64_t)llabs(thousandths);
  char *end = write_digits(text + 24, size % 1000, 3);
  *--end = '.';
  char *start = write_digits(end, size / 1000, 1);
  if (value < 0) *--start = '-';
  int n = (int)(text + 24 - start);
  memmove(text, start, (size_t)n);
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
    if (n - i >= 8 && ifl_json_plain8(s + i)) {
      i += 8;
      continue;
    }
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

/* There is room for the text and its quotes. */
static int add_quoted(struct ifl_buf *out, const char *s, size_t n, iflow_error *err)
{
  add_char(out, '"');
  while (n > 0) {
    size_t plain = plain_length(s, n);
    add_bytes(out, s, plain);
    s += plain, n -= plain;
    if (n == 0) break;
    if ((unsigned char)*s >= 0x80) return ifl_fail(err, IFLOW_EENCODE, "a text is not UTF-8");
    int rc = add_escape(out, *s, err);
    s++, n--;
    if (rc == 0) rc = room(out, n + 2, err); /* an escape is longer than what it stands for */
    if (rc < 0) return rc;
  }
  add_char(out, '"');
  out->data[out->len] = '\0';
  return 0;
}

int ifl_json_write_string(struct ifl_json_writer *w, const char *s, size_t n, iflow_error *err)
{
  int rc = separate(w, n + 2, err);
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
