/* json.c -- see json.h. Bytes from outside meet our own strict check (RFC 8259 plus the limits)
 * before cJSON sees them: cJSON takes some texts that are no JSON, and what it frees after a failed
 * parse it does not wipe. So cJSON only gets texts it can build, and fails for lack of memory alone.
 * For service_key.c, token.c, jwt.c and configuration. */
#include "base/json.h"

#include "base/error.h"
#include "base/secret.h"
#include "base/utf8.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  32
#define VALUES_MAX 10000

/* ---- the check before: one pass, recursion bounded by DEPTH_MAX ---- */

struct scan {
  const unsigned char *text;
  size_t n, pos, values;
  unsigned depth;
  const char *why; /* what is wrong at pos; NULL while all is well */
};

static bool refuse(struct scan *s, const char *why)
{
  if (s->why == NULL) s->why = why;
  return false;
}

static int peek(const struct scan *s)
{
  return s->pos < s->n ? s->text[s->pos] : -1;
}

static void skip_space(struct scan *s)
{
  int c;
  while ((c = peek(s)) == ' ' || c == '\t' || c == '\n' || c == '\r') s->pos++;
}

/* Four hex digits at pos, or -1. */
static long hex4(const struct scan *s)
{
  long v = 0;
  if (s->n - s->pos < 4) return -1;
  for (size_t i = 0; i < 4; i++) {
    int c = s->text[s->pos + i];
    if (c >= '0' && c <= '9') v = v * 16 + c - '0';
    else if ((c | 32) >= 'a' && (c | 32) <= 'f') v = v * 16 + (c | 32) - 'a' + 10;
    else return -1;
  }
  return v;
}

/* After "\u". A high surrogate must be followed by a low one. */
static bool unicode_escape(struct scan *s)
{
  long v = hex4(s);
  if (v < 0) return refuse(s, "\\u needs four hexadecimal digits");
  if (v == 0) return refuse(s, "a NUL character in a string");
  s->pos += 4;
  if (v < 0xd800 || v > 0xdfff) return true;
  if (v > 0xdbff || s->n - s->pos < 6 || memcmp(s->text + s->pos, "\\u", 2) != 0)
    return refuse(s, "half of a surrogate pair");
  s->pos += 2;
  v = hex4(s);
  if (v < 0xdc00 || v > 0xdfff) return refuse(s, "half of a surrogate pair");
  s->pos += 4;
  return true;
}

static bool escape(struct scan *s)
{
  int c = peek(s);
  s->pos++;
  if (c == 'u') return unicode_escape(s);
  return (c > 0 && strchr("\"\\/bfnrt", c) != NULL) || refuse(s, "an unknown escape in a string");
}

static bool string(struct scan *s)
{
  for (s->pos++; s->pos < s->n;) {
    unsigned char c = s->text[s->pos];
    if (c == '"') {
      s->pos++;
      return true;
    }
    if (c == '\\') {
      s->pos++;
      if (!escape(s)) return false;
      continue;
    }
    if (c == 0) return refuse(s, "a NUL byte");
    if (c < 0x20) return refuse(s, "a control character in a string");
    size_t len = ifl_utf8_char((const char *)s->text + s->pos, s->n - s->pos);
    if (len == 0) return refuse(s, "a string is not UTF-8");
    s->pos += len;
  }
  return refuse(s, "the text ends inside a string");
}

static size_t digits(struct scan *s)
{
  size_t from = s->pos;
  int c;
  while ((c = peek(s)) >= '0' && c <= '9') s->pos++;
  return s->pos - from;
}

/* 63: what cJSON copies of a number before strtod. */
static bool number(struct scan *s)
{
  size_t from = s->pos;
  if (peek(s) == '-') s->pos++;
  bool zero = peek(s) == '0';
  size_t whole = digits(s);
  if (whole == 0 || (zero && whole > 1)) return refuse(s, "not a number");
  if (peek(s) == '.') {
    s->pos++;
    if (digits(s) == 0) return refuse(s, "not a number");
  }
  if ((peek(s) | 32) == 'e') {
    s->pos++;
    if (peek(s) == '+' || peek(s) == '-') s->pos++;
    if (digits(s) == 0) return refuse(s, "not a number");
  }
  return s->pos - from < 63 || refuse(s, "a number with too many digits");
}

static bool literal(struct scan *s, const char *word)
{
  size_t len = strlen(word);
  if (s->n - s->pos < len || memcmp(s->text + s->pos, word, len) != 0)
    return refuse(s, "a value is expected");
  s->pos += len;
  return true;
}

static bool value(struct scan *s);

static bool member_name(struct scan *s)
{
  skip_space(s);
  if (peek(s) != '"') return refuse(s, "a member name in quotes is expected");
  if (!string(s)) return false;
  skip_space(s);
  if (peek(s) != ':') return refuse(s, "':' is expected");
  s->pos++;
  return true;
}

/* An object or array; pos is at its first byte. */
static bool container(struct scan *s, char close)
{
  s->pos++;
  skip_space(s);
  if (peek(s) == close) {
    s->pos++;
    return true;
  }
  for (;;) {
    if (close == '}' && !member_name(s)) return false;
    if (!value(s)) return false;
    int c = peek(s);
    if (c != ',' && c != close) return refuse(s, "',' or the end of the list is expected");
    s->pos++;
    if (c == close) return true;
  }
}

static bool nested(struct scan *s, char close)
{
  if (++s->depth > DEPTH_MAX) return refuse(s, "nesting is too deep");
  bool ok = container(s, close);
  s->depth--;
  return ok;
}

static bool any(struct scan *s)
{
  switch (peek(s)) {
  case '{': return nested(s, '}');
  case '[': return nested(s, ']');
  case '"': return string(s);
  case 't': return literal(s, "true");
  case 'f': return literal(s, "false");
  case 'n': return literal(s, "null");
  case -1: return refuse(s, "the text ends where a value is expected");
  case 0: return refuse(s, "a NUL byte");
  default: break;
  }
  if (peek(s) == '-' || (peek(s) >= '0' && peek(s) <= '9')) return number(s);
  return refuse(s, "a value is expected");
}

static bool value(struct scan *s)
{
  skip_space(s);
  if (++s->values > VALUES_MAX) return refuse(s, "too many values");
  if (!any(s)) return false;
  skip_space(s);
  return true;
}

static int fail_at(const struct scan *s, size_t skipped, iflow_error *err)
{
  size_t line = 1, column = 1;
  for (size_t i = 0; i < s->pos && i < s->n; i++) {
    column++;
    if (s->text[i] == '\n') line++, column = 1;
  }
  return ifl_fail(err, IFLOW_EJSON, "not valid JSON at byte %zu (line %zu, column %zu): %s",
                  s->pos + skipped, line, column, s->why);
}

/* ---- the check after: what only the decoded tree shows ---- */

static int compare_names(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, because pair by pair 10,000 members would take 50 million comparisons. */
static int check_members(const cJSON *object, iflow_error *err)
{
  size_t n = (size_t)cJSON_GetArraySize(object), i = 0;
  const cJSON *m;
  int rc = 0;
  if (n < 2) return 0;
  const char **names = malloc(n * sizeof *names);
  if (names == NULL) return ifl_fail_nomem(err);
  cJSON_ArrayForEach(m, object) names[i++] = m->string;
  qsort(names, n, sizeof *names, compare_names);
  for (i = 1; i < n && rc == 0; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      rc = ifl_fail(err, IFLOW_EJSON, "not valid JSON: an object has the same member twice");
  free(names);
  return rc;
}

static int check_tree(const cJSON *v, iflow_error *err)
{
  const cJSON *child;
  int rc = cJSON_IsObject(v) ? check_members(v, err) : 0;
  if (cJSON_IsNumber(v) && !isfinite(v->valuedouble))
    return ifl_fail(err, IFLOW_EJSON, "not valid JSON: a number is out of range");
  for (child = v->child; child != NULL && rc == 0; child = child->next) rc = check_tree(child, err);
  return rc;
}

/* ---- the interface: an ifl_json is a cJSON item under another name ---- */

static const cJSON *item(const ifl_json *v)
{
  return (const cJSON *)v;
}

int ifl_json_parse(ifl_json **out, const char *text, size_t n, size_t max_bytes, iflow_error *err)
{
  if (n > max_bytes)
    return ifl_fail(err, IFLOW_ELIMIT, "the JSON document has %zu bytes, at most %zu are accepted",
                    n, max_bytes);
  size_t bom = n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
  struct scan s = { .text = (const unsigned char *)text + bom, .n = n - bom };
  if (!value(&s) || (s.pos < s.n && !refuse(&s, "text after the end of the document")))
    return fail_at(&s, bom, err);
  cJSON *tree = cJSON_ParseWithLength(text + bom, s.n);
  if (tree == NULL) return ifl_fail_nomem(err);
  int rc = check_tree(tree, err);
  if (rc < 0) {
    ifl_json_free((ifl_json *)tree);
    return rc;
  }
  *out = (ifl_json *)tree;
  return 0;
}

static void wipe_tree(cJSON *v)
{
  for (cJSON *child = v->child; child != NULL; child = child->next) wipe_tree(child);
  if (v->valuestring != NULL) ifl_wipe(v->valuestring, strlen(v->valuestring));
  if (v->string != NULL) ifl_wipe(v->string, strlen(v->string));
}

void ifl_json_free(ifl_json *doc)
{
  if (doc == NULL) return;
  wipe_tree((cJSON *)doc);
  cJSON_Delete((cJSON *)doc);
}

const ifl_json *ifl_json_get(const ifl_json *parent, const char *name)
{
  if (!ifl_json_is_object(parent)) return NULL;
  return (const ifl_json *)cJSON_GetObjectItemCaseSensitive(item(parent), name);
}

bool ifl_json_is_object(const ifl_json *v)
{
  return cJSON_IsObject(item(v));
}

bool ifl_json_is_string(const ifl_json *v)
{
  return cJSON_IsString(item(v));
}

bool ifl_json_is_number(const ifl_json *v)
{
  return cJSON_IsNumber(item(v));
}

const char *ifl_json_type(const ifl_json *v)
{
  const cJSON *c = item(v);
  if (c == NULL) return "nothing";
  if (cJSON_IsObject(c)) return "object";
  if (cJSON_IsArray(c)) return "array";
  if (cJSON_IsString(c)) return "string";
  if (cJSON_IsNumber(c)) return "number";
  return cJSON_IsNull(c) ? "null" : "boolean";
}

const char *ifl_json_string(const ifl_json *v)
{
  return ifl_json_is_string(v) ? item(v)->valuestring : NULL;
}

double ifl_json_number(const ifl_json *v)
{
  return ifl_json_is_number(v) ? item(v)->valuedouble : 0;
}

static const cJSON *nth(const cJSON *parent, size_t i)
{
  const cJSON *m = parent->child;
  while (m != NULL && i-- > 0) m = m->next;
  return m;
}

const ifl_json *ifl_json_item(const ifl_json *array, size_t i)
{
  return cJSON_IsArray(item(array)) ? (const ifl_json *)nth(item(array), i) : NULL;
}

const char *ifl_json_member(const ifl_json *object, size_t i, const ifl_json **value_out)
{
  if (!ifl_json_is_object(object)) return NULL;
  const cJSON *m = nth(item(object), i);
  if (m == NULL) return NULL;
  if (value_out != NULL) *value_out = (const ifl_json *)m;
  return m->string;
}

const char *ifl_json_library(void)
{
  return cJSON_Version();
}
