/* cookies.c -- see cookies.h. RFC 6265, section 5, as far as one endpoint needs it: Domain is not
 * read, because nothing is ever sent to another host. */
#include "call/cookies.h"

#include "auth/token_retry.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOREVER INT64_MAX

struct ifl_cookie {
  struct ifl_cookie *next;
  size_t name_len;
  bool secure;
  int64_t expires_at_ms;
  char *path;  /* "" for the default: the endpoint itself */
  char pair[]; /* name=value, as it came */
};

/* A piece of the line, without its surrounding blanks. */
struct span {
  const char *s;
  size_t n;
};

static struct span trim(const char *s, size_t n)
{
  while (n > 0 && (*s == ' ' || *s == '\t')) s++, n--;
  while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t')) n--;
  return (struct span) { s, n };
}

static bool is(struct span name, const char *word)
{
  return name.n == strlen(word) && strncasecmp(name.s, word, name.n) == 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

struct attributes {
  struct span path;
  bool secure, has_max_age;
  int64_t expires_at_ms;
};

/* Optional '-', then digits; -1: something else, which is ignored. 0: gone. */
static int64_t max_age(struct span value, int64_t now_ms)
{
  bool negative = value.n > 0 && value.s[0] == '-';
  int64_t seconds = 0;
  if (value.n == (negative ? 1u : 0u)) return -1;
  for (size_t i = negative ? 1 : 0; i < value.n; i++) {
    if (value.s[i] < '0' || value.s[i] > '9') return -1;
    if (seconds < INT32_MAX) seconds = seconds * 10 + (value.s[i] - '0');
  }
  return negative || seconds == 0 ? 0 : now_ms + seconds * 1000;
}

static void take_attribute(struct attributes *a, struct span name, struct span value,
                           int64_t now_ms)
{
  int64_t at;
  if (is(name, "secure")) {
    a->secure = true;
  } else if (is(name, "path")) {
    if (value.n > 0 && value.s[0] == '/') a->path = value;
  } else if (is(name, "max-age")) {
    at = max_age(value, now_ms);
    if (at < 0) return;
    a->has_max_age = true; /* wins over Expires, whatever the order */
    a->expires_at_ms = at;
  } else if (is(name, "expires") && !a->has_max_age) {
    at = ifl_http_date_ms(value.s, value.n);
    if (at >= 0) a->expires_at_ms = at;
  }
}

static void take_attributes(struct attributes *a, const char *s, size_t n, int64_t now_ms)
{
  while (n > 0) {
    const char *end = memchr(s, ';', n);
    size_t len = end != NULL ? (size_t)(end - s) : n;
    const char *eq = memchr(s, '=', len);
    size_t name_len = eq != NULL ? (size_t)(eq - s) : len;
    struct span value = { "", 0 };
    if (eq != NULL) value = trim(eq + 1, len - name_len - 1);
    take_attribute(a, trim(s, name_len), value, now_ms);
    s += len;
    n -= len;
    if (n > 0) s++, n--;
  }
}

/* ---- the list -------------------------------------------------------------------------------- */

static void cookie_free(struct ifl_cookie *c)
{
  ifl_wipe_free(c->path);
  ifl_wipe(c->pair, strlen(c->pair));
  free(c);
}

static void remove_at(struct ifl_cookies *c, struct ifl_cookie **at)
{
  struct ifl_cookie *gone = *at;
  *at = gone->next;
  c->count--;
  cookie_free(gone);
}

/* The same cookie has the same name and path. */
static void remove_same(struct ifl_cookies *c, struct span name, struct span path)
{
  struct ifl_cookie **at = &c->first;
  while (*at != NULL) {
    const struct ifl_cookie *o = *at;
    if (o->name_len == name.n && memcmp(o->pair, name.s, name.n) == 0 &&
        strlen(o->path) == path.n && memcmp(o->path, path.s, path.n) == 0)
      remove_at(c, at);
    else at = &(*at)->next;
  }
}

static int append(struct ifl_cookies *c, struct span pair, size_t name_len,
                  const struct attributes *a, iflow_error *err)
{
  struct ifl_cookie *new = calloc(1, sizeof *new + pair.n + 1);
  if (new == NULL) return ifl_fail_nomem(err);
  new->path = strndup(a->path.s, a->path.n);
  if (new->path == NULL) {
    free(new);
    return ifl_fail_nomem(err);
  }
  memcpy(new->pair, pair.s, pair.n);
  new->name_len = name_len;
  new->secure = a->secure;
  new->expires_at_ms = a->expires_at_ms;
  if (c->count == IFL_COOKIES_MAX) remove_at(c, &c->first);
  struct ifl_cookie **at = &c->first;
  while (*at != NULL) at = &(*at)->next;
  *at = new;
  c->count++;
  return 0;
}

void ifl_cookies_done(struct ifl_cookies *c)
{
  while (c->first != NULL) remove_at(c, &c->first);
}

static bool has_control(struct span s)
{
  for (size_t i = 0; i < s.n; i++)
    if (((unsigned char)s.s[i] < 0x20 && s.s[i] != '\t') || s.s[i] == 0x7f) return true;
  return false;
}

int ifl_cookies_set(struct ifl_cookies *c, const char *line, size_t n, int64_t now_ms,
                    iflow_error *err)
{
  struct attributes a = { .path = { "", 0 }, .expires_at_ms = FOREVER };
  const char *semicolon = memchr(line, ';', n);
  size_t len = semicolon != NULL ? (size_t)(semicolon - line) : n;
  struct span pair = trim(line, len);
  const char *eq = memchr(pair.s, '=', pair.n);
  if (eq == NULL || eq == pair.s || pair.n > IFL_COOKIE_BYTES_MAX || has_control(pair)) return 0;
  struct span name = trim(pair.s, (size_t)(eq - pair.s));
  if (semicolon != NULL) take_attributes(&a, semicolon + 1, n - len - 1, now_ms);
  if (a.path.n > IFL_COOKIE_BYTES_MAX) return 0;
  remove_same(c, name, a.path);
  return a.expires_at_ms > now_ms ? append(c, pair, name.n, &a, err) : 0;
}

int ifl_cookies_take(struct ifl_cookies *c, const struct ifl_headers *answer, int64_t now_ms,
                     iflow_error *err)
{
  int rc = 0;
  for (size_t i = 0; i < answer->count && rc == 0; i++) {
    const char *value = ifl_headers_value(answer, i);
    if (strcasecmp(ifl_headers_name(answer, i), "Set-Cookie") == 0)
      rc = ifl_cookies_set(c, value, strlen(value), now_ms, err);
  }
  return rc;
}

/* ---- sending --------------------------------------------------------------------------------- */

/* RFC 6265, 5.1.4: equal, or a prefix that ends at a slash. */
static bool path_fits(const char *path, const char *target)
{
  size_t n = strlen(path), len = strcspn(target, "?");
  if (n == 0) return true;
  if (n > len || memcmp(path, target, n) != 0) return false;
  return n == len || path[n - 1] == '/' || target[n] == '/';
}

int ifl_cookies_write(struct ifl_buf *out, const struct ifl_cookies *c, const struct ifl_url *url,
                      int64_t now_ms, iflow_error *err)
{
  bool any = false;
  for (const struct ifl_cookie *o = c->first; o != NULL; o = o->next) {
    if (o->expires_at_ms <= now_ms || (o->secure && !url->tls) || !path_fits(o->path, url->target))
      continue;
    int rc = ifl_buf_addf(out, err, "%s%s", any ? "; " : "", o->pair);
    if (rc < 0) return rc;
    any = true;
  }
  return 0;
}
