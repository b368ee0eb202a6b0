/* json.c -- the reader of codec/json.h: one event a call, by a small state machine whose only stack
 * is a bit a level. */
#include "codec/json.h"

#include "base/error.h"
#include "base/utf8.h"
#include "codec/json_plain.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state {
  WANT_VALUE,     /* at the start, and after a name */
  WANT_ELEMENT,   /* after '[': a value or ']' */
  WANT_MEMBER,    /* after '{': a name or '}' */
  WANT_SEPARATOR, /* after a value: a comma, a closing bracket, or the end */
};

void ifl_json_reader_init(struct ifl_json_reader *r, const char *text, size_t n, size_t depth_max,
                          enum ifl_json_big big)
{
  memset(r, 0, sizeof *r);
  r->start = r->at = text;
  r->end = text + n;
  r->big = big;
  r->depth_max = depth_max < IFL_JSON_DEPTH_MAX ? depth_max : IFL_JSON_DEPTH_MAX;
  r->state = WANT_VALUE;
  ifl_buf_init(&r->scratch, n); /* unescaped text is never longer than the document */
  if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) r->at += 3;
}

void ifl_json_reader_done(struct ifl_json_reader *r)
{
  ifl_buf_done(&r->scratch);
}

/* ---- errors ---- */

static int fail_at(const struct ifl_json_reader *r, const char *at, int code, const char *what,
                   iflow_error *err)
{
  size_t line = 1, column = 1;
  for (const char *p = r->start; p < at; p++) {
    if (*p == '\n') line++, column = 1;
    else if (((unsigned char)*p & 0xc0) != 0x80) column++; /* characters, not bytes */
  }
  return ifl_fail(err, code, "JSON, line %zu, column %zu: %s", line, column, what);
}

int ifl_json_reader_fail(const struct ifl_json_reader *r, int code, const char *what,
                         iflow_error *err)
{
  return fail_at(r, r->at, code, what, err);
}

static int fail(const struct ifl_json_reader *r, const char *what, iflow_error *err)
{
  return fail_at(r, r->at, IFLOW_EJSON, r->at == r->end ? "the text ends too early" : what, err);
}

/* ---- strings ---- */

static int hex4(const char *s, const char *end)
{
  int value = 0;
  if (end - s < 4) return -1;
  for (int i = 0; i < 4; i++) {
    int c = (unsigned char)s[i], digit;
    if (c >= '0' && c <= '9') digit = c - '0';
    else if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    else if (c >= 'A' && c <= 'F') digit = c - 'A' + 10;
    else return -1;
    value = value << 4 | digit;
  }
  return value;
}

/* \uXXXX, also as a surrogate pair; r->at is behind the 'u'. */
static int unicode_escape(struct ifl_json_reader *r, iflow_error *err)
{
  char out[4];
  int cp = hex4(r->at, r->end);
  if (cp < 0) return fail(r, "\\u takes four hexadecimal digits", err);
  if (cp >= 0xdc00 && cp <= 0xdfff) return fail(r, "half of a surrogate pair", err);
  r->at += 4;
  if (cp >= 0xd800 && cp <= 0xdbff) {
    int low =
        r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u' ? hex4(r->at + 2, r->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) return fail(r, "half of a surrogate pair", err);
    cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
    r->at += 6;
  }
  return ifl_buf_add(&r->scratch, out, ifl_utf8_put(out, (unsigned)cp), err);
}

static int escape(struct ifl_json_reader *r, iflow_error *err)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  char c = ++r->at < r->end ? *r->at : '\0';
  const char *found = c != '\0' ? strchr(from, c) : NULL;
  if (c != 'u' && found == NULL) return fail(r, "an unknown escape in a string", err);
  r->at++;
  if (c == 'u') return unicode_escape(r, err);
  return ifl_buf_add(&r->scratch, &to[found - from], 1, err);
}

/* Moves r->at over plain characters of a string: up to a quote, a backslash, or what is wrong. */
static void skip_plain(struct ifl_json_reader *r)
{
  while (r->at < r->end) {
    if (r->end - r->at >= 8) {
      size_t plain = ifl_json_plain_bytes(r->at);
      r->at += plain;
      if (plain == 8) continue;
    }
    unsigned char c = (unsigned char)*r->at;
    if (c == '"' || c == '\\' || c < 0x20) return;
    size_t n = c < 0x80 ? 1 : ifl_utf8_char(r->at, (size_t)(r->end - r->at));
    if (n == 0) return;
    r->at += n;
  }
}

static int string_end(struct ifl_json_reader *r, const char *plain, iflow_error *err)
{
  if (r->scratch.len == 0) { /* nothing was unescaped: borrow from the document */
    r->text = plain;
    r->len = (size_t)(r->at - plain);
  } else {
    int rc = ifl_buf_add(&r->scratch, plain, (size_t)(r->at - plain), err);
    if (rc < 0) return rc;
    r->text = r->scratch.data;
    r->len = r->scratch.len;
  }
  r->at++;
  return 0;
}

/* r->at is at the opening quote. */
static int read_string(struct ifl_json_reader *r, iflow_error *err)
{
  ifl_buf_clear(&r->scratch);
  const char *plain = ++r->at;
  for (;;) {
    skip_plain(r);
    if (r->at == r->end) return fail(r, "", err);
    if (*r->at == '"') return string_end(r, plain, err);
    if ((unsigned char)*r->at >= 0x80) return fail(r, "a byte that is not UTF-8", err);
    if (*r->at != '\\') return fail(r, "a control character in a string; escape it", err);
    int rc = ifl_buf_add(&r->scratch, plain, (size_t)(r->at - plain), err);
    if (rc == 0) rc = escape(r, err);
    if (rc < 0) return rc;
    plain = r->at;
  }
}

/* ---- numbers ---- */

static const char *skip_digits(const char *s, const char *end)
{
  while (s < end && *s >= '0' && *s <= '9') s++;
  return s;
}

/* The text of a number for strtod: NUL-terminated, with the decimal point of the process's locale,
 * which an application we are loaded into may have set. */
static double to_double(const char *s, size_t n)
{
  char text[IFL_JSON_NUMBER_MAX + 1];
  memcpy(text, s, n);
  text[n] = '\0';
  char *point = strchr(text, '.');
  if (point != NULL) *point = localeconv()->decimal_point[0];
  return strtod(text, NULL);
}

/* A number of at most 15 digits with few decimals is one exact division; most amounts are. */
static bool simple_decimal(const char *s, const char *end, double *out)
{
  static const double ten[] = { 1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
  bool negative = *s == '-';
  int64_t digits = 0;
  int decimals = -1;
  if (negative) s++;
  if (end - s > 16) return false;
  for (; s < end; s++) {
    if (*s == 'e' || *s == 'E') return false;
    if (decimals >= 0) decimals++;
    if (*s == '.') decimals = 0;
    else digits = digits * 10 + (*s - '0');
  }
  double value = (double)digits / ten[decimals];
  *out = negative ? -value : value;
  return true;
}

/* Digits with an optional minus to 64 bits; false when they do not fit. "-0" does not either. */
static bool to_integer(const char *s, const char *end, int64_t *out)
{
  bool negative = *s == '-';
  int64_t value = 0;
  if (negative && s[1] == '0') return false;
  for (s += negative; s < end; s++)
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_sub_overflow(value, *s - '0', &value)) /* below zero there is room for one more */
      return false;
  if (!negative && value == INT64_MIN) return false;
  *out = negative ? value : -value;
  return true;
}

/* Whether the double is exactly the integer that the digits say. */
static bool is_exact(double d, const char *s, size_t n)
{
  char text[400]; /* the largest double has 309 digits */
  if (!isfinite(d)) return false;
  int len = snprintf(text, sizeof text, "%.0f", d);
  return len > 0 && (size_t)len == n && memcmp(text, s, n) == 0;
}

/* The digits of a decimal number that count, without leading and trailing zeros, up to cap of them;
 * returns how many there are. */
static size_t significant(const char *s, size_t n, char *out, size_t cap)
{
  size_t count = 0, zeros = 0;
  for (size_t i = 0; i < n && s[i] != 'e' && s[i] != 'E'; i++) {
    if (s[i] < '0' || s[i] > '9' || (s[i] == '0' && count == 0)) continue;
    if (count < cap) out[count] = s[i];
    count++;
    zeros = s[i] == '0' ? zeros + 1 : 0;
  }
  return count - zeros;
}

/* Whether the double says what the decimal number says: written with as many digits it is the same.
 * No double is known by more than 17. */
static bool is_faithful(double d, const char *s, size_t n)
{
  char digits[17], ours[17], text[40];
  size_t count = significant(s, n, digits, sizeof digits);
  if (count == 0) return true;
  if (count > sizeof digits) return false;
  int len = snprintf(text, sizeof text, "%.*e", (int)count - 1, d);
  return len > 0 && significant(text, (size_t)len, ours, sizeof ours) == count &&
         memcmp(digits, ours, count) == 0;
}

static int big_number(struct ifl_json_reader *r, const char *s, bool whole, iflow_error *err)
{
  size_t n = (size_t)(r->at - s);
  r->number = to_double(s, n);
  bool text = r->big == IFL_JSON_BIG_TEXT;
  bool fits = whole ? r->big == IFL_JSON_BIG_ROUND || is_exact(r->number, s, n)
                    : !text || is_faithful(r->number, s, n);
  if (isfinite(r->number) && fits) return IFL_JSON_NUMBER;
  if (!text)
    return fail_at(r, s, IFLOW_EJSONNUMBER,
                   "a number that neither a 64-bit integer nor a double can hold exactly", err);
  r->text = s;
  r->len = n;
  return IFL_JSON_DIGITS;
}

/* Moves r->at behind the number; *whole tells whether it has neither point nor exponent. */
static int scan_number(struct ifl_json_reader *r, bool *whole, iflow_error *err)
{
  const char *s = r->at + (*r->at == '-');
  const char *digits = s;
  s = s < r->end && *s == '0' ? s + 1 : skip_digits(s, r->end);
  const char *mark = s;
  bool good = s > digits;
  if (good && s < r->end && *s == '.') {
    digits = s + 1;
    s = skip_digits(digits, r->end);
    good = s > digits;
  }
  if (good && s < r->end && (*s == 'e' || *s == 'E')) {
    digits = s + 1;
    if (digits < r->end && (*digits == '+' || *digits == '-')) digits++;
    s = skip_digits(digits, r->end);
    good = s > digits;
  }
  if (good && s - r->at > IFL_JSON_NUMBER_MAX)
    return fail(r, "a number of over 1000 characters", err);
  *whole = s == mark;
  r->at = s;
  return good ? 0 : fail(r, "a digit is missing in a number", err);
}

static int read_number(struct ifl_json_reader *r, iflow_error *err)
{
  const char *s = r->at;
  bool whole = true;
  int rc = scan_number(r, &whole, err);
  if (rc < 0) return rc;
  if (whole && to_integer(s, r->at, &r->integer)) return IFL_JSON_INTEGER;
  if (!whole && simple_decimal(s, r->at, &r->number)) return IFL_JSON_NUMBER;
  return big_number(r, s, whole, err);
}

/* ---- structure ---- */

bool ifl_json_reader_in_object(const struct ifl_json_reader *r)
{
  return r->depth > 0 && (r->objects[r->depth / 8] >> r->depth % 8 & 1) != 0;
}

static void skip_space(struct ifl_json_reader *r)
{
  while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\r' || *r->at == '\t'))
    r->at++;
}

static int open_container(struct ifl_json_reader *r, bool object, iflow_error *err)
{
  if (r->depth == r->depth_max) return fail(r, "nested too deeply", err);
  r->at++;
  r->depth++;
  unsigned char bit = (unsigned char)(1u << r->depth % 8);
  if (object) r->objects[r->depth / 8] |= bit;
  else r->objects[r->depth / 8] &= (unsigned char)~bit;
  r->state = object ? WANT_MEMBER : WANT_ELEMENT;
  return object ? IFL_JSON_OBJECT : IFL_JSON_ARRAY;
}

static int close_container(struct ifl_json_reader *r)
{
  int event = ifl_json_reader_in_object(r) ? IFL_JSON_OBJECT_END : IFL_JSON_ARRAY_END;
  r->at++;
  r->depth--;
  r->state = WANT_SEPARATOR;
  return event;
}

static int read_word(struct ifl_json_reader *r, const char *word, int event, iflow_error *err)
{
  size_t n = strlen(word);
  if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
    return fail(r, "expected a value", err);
  r->at += n;
  return event;
}

static int read_value(struct ifl_json_reader *r, iflow_error *err)
{
  if (r->at == r->end) return fail(r, "", err);
  r->state = WANT_SEPARATOR;
  switch (*r->at) {
  case '{': return open_container(r, true, err);
  case '[': return open_container(r, false, err);
  case 'n': return read_word(r, "null", IFL_JSON_NULL, err);
  case 't': return read_word(r, "true", IFL_JSON_TRUE, err);
  case 'f': return read_word(r, "false", IFL_JSON_FALSE, err);
  case '"': {
    int rc = read_string(r, err);
    return rc < 0 ? rc : IFL_JSON_STRING;
  }
  default: break;
  }
  if (*r->at != '-' && (*r->at < '0' || *r->at > '9')) return fail(r, "expected a value", err);
  return read_number(r, err);
}

static int read_name(struct ifl_json_reader *r, iflow_error *err)
{
  if (r->at == r->end || *r->at != '"') return fail(r, "expected a member's name in quotes", err);
  int rc = read_string(r, err);
  if (rc < 0) return rc;
  skip_space(r);
  if (r->at == r->end || *r->at != ':') return fail(r, "expected ':'", err);
  r->at++;
  r->state = WANT_VALUE;
  return IFL_JSON_NAME;
}

static int read_separator(struct ifl_json_reader *r, iflow_error *err)
{
  bool object = ifl_json_reader_in_object(r);
  if (r->depth == 0) {
    if (r->at == r->end) return IFL_JSON_END;
    return fail(r, "something follows the end of the document", err);
  }
  if (r->at == r->end) return fail(r, "", err);
  if (*r->at == (object ? '}' : ']')) return close_container(r);
  if (*r->at != ',') return fail(r, object ? "expected ',' or '}'" : "expected ',' or ']'", err);
  r->at++;
  skip_space(r);
  return object ? read_name(r, err) : read_value(r, err);
}

int ifl_json_reader_next(struct ifl_json_reader *r, iflow_error *err)
{
  skip_space(r);
  bool more = r->at < r->end;
  switch ((enum state)r->state) {
  case WANT_ELEMENT:
    if (more && *r->at == ']') return close_container(r);
    return read_value(r, err);
  case WANT_MEMBER:
    if (more && *r->at == '}') return close_container(r);
    return read_name(r, err);
  case WANT_SEPARATOR: return read_separator(r, err);
  case WANT_VALUE: break;
  }
  return read_value(r, err);
}
