/* redact.c -- ifl_log_redact of log.h. Redaction is by shape, not by trust in the caller: whatever a line is made of
 * (a request head, a form, a token answer, a proxy URL, a key file), the secret in it is replaced.
 * When in doubt a line loses a harmless word; it never keeps a secret. */
#include "base/log.h"

#include <string.h>
#include <strings.h>

#define LOOKAHEAD_MAX  512 /* how far user:password@ is looked for: keeps the work linear */
#define JWT_HEADER_MAX 2048

/* The part of the text that is secret: [from, to). What stands before `from` stays. */
struct span {
  size_t from, to;
};

struct text {
  const char *s;
  size_t n;
};

static char at(struct text t, size_t i)
{
  return i < t.n ? t.s[i] : '\0';
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static bool is_word(char c)
{
  return is_alnum(c) || c == '_' || c == '-';
}

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
  return c == '\r' || c == '\n';
}

static size_t skip_blanks(struct text t, size_t i)
{
  while (is_blank(at(t, i))) i++;
  return i;
}

static bool starts(struct text t, size_t i, const char *word)
{
  size_t len = strlen(word);
  return t.n - i >= len && strncasecmp(t.s + i, word, len) == 0;
}

static size_t word_end(struct text t, size_t i)
{
  while (is_word(at(t, i))) i++;
  return i;
}

/* Whether the word [from, to) ends with one of the names: proxy_password is a password too. */
static bool ends_with(struct text t, size_t from, size_t to, const char *const *names)
{
  for (; *names != NULL; names++) {
    size_t len = strlen(*names);
    if (to - from >= len && strncasecmp(t.s + to - len, *names, len) == 0) return true;
  }
  return false;
}

static bool is_secret_name(struct text t, size_t from, size_t to)
{
  static const char *const names[] = { "secret",        "password",  "passwd",
                                       "passphrase",    "assertion", "token",
                                       "authorization", "cookie",    NULL };
  static const char *const keys[] = { "key", "private_key", "privatekey", NULL };
  for (const char *const *k = keys; *k != NULL; k++)
    if (to - from == strlen(*k) && strncasecmp(t.s + from, *k, to - from) == 0) return true;
  return ends_with(t, from, to, names);
}

/* Quotes may be escaped (JSON within JSON: \"). `depth` is the number of backslashes before the
 * opening one; the closing one has as many, apart from pairs that stand for a backslash. */
static size_t quoted_end(struct text t, size_t i, size_t depth)
{
  size_t slashes = 0;
  for (; i < t.n; i++) {
    if (t.s[i] == '\\') {
      slashes++;
      continue;
    }
    if (t.s[i] == '"' && slashes % (2 * (depth + 1)) == depth) return i - depth;
    slashes = 0;
  }
  return t.n;
}

/* At a quote, escaped or not: what follows it, and its depth. */
static bool quote(struct text t, size_t i, size_t *after, size_t *depth)
{
  size_t k = i;
  while (at(t, k) == '\\') k++;
  if (at(t, k) != '"') return false;
  *depth = k - i;
  *after = k + 1;
  return true;
}

/* Up to the end of the line, folded continuation lines included. */
static size_t line_end(struct text t, size_t i)
{
  while (i < t.n) {
    if (!is_break(t.s[i])) {
      i++;
      continue;
    }
    size_t next = i + (t.s[i] == '\r' && at(t, i + 1) == '\n' ? 2 : 1);
    if (!is_blank(at(t, next))) return i;
    i = next;
  }
  return t.n;
}

/* Authorization: … and the like: everything up to the end of the line. */
static bool header(struct text t, size_t i, struct span *out)
{
  static const char *const names[] = { "authorization", "cookie", "x-csrf-token", NULL };
  size_t k = word_end(t, i);
  if (!ends_with(t, i, k, names)) return false;
  while (at(t, k) == '"' || at(t, k) == '\'' || at(t, k) == ']') k++;
  k = skip_blanks(t, k);
  if (at(t, k) != ':' && at(t, k) != '=') return false;
  *out = (struct span) { skip_blanks(t, k + 1), line_end(t, k) };
  return true;
}

/* A value ends at its closing quote, or unquoted at any of the bytes in `ends`. */
static struct span value(struct text t, size_t i, const char *ends)
{
  size_t from = i, depth;
  if (quote(t, i, &from, &depth)) return (struct span) { from, quoted_end(t, from, depth) };
  for (i = from; i < t.n && strchr(ends, t.s[i]) == NULL;) i++;
  return (struct span) { from, i };
}

/* client_secret=… in a form, a query or an option. */
static bool form(struct text t, size_t i, struct span *out)
{
  size_t k = word_end(t, i);
  if (!is_secret_name(t, i, k)) return false;
  k = skip_blanks(t, k);
  if (at(t, k) != '=') return false;
  *out = value(t, skip_blanks(t, k + 1), "&\"' \t\r\n");
  return true;
}

static size_t skip_space(struct text t, size_t i)
{
  while (is_blank(at(t, i)) || is_break(at(t, i))) i++;
  return i;
}

/* "access_token": "…" in JSON. The members of an object or array are looked at one by one. */
static bool member(struct text t, size_t i, struct span *out)
{
  size_t depth, from, k;
  if (!quote(t, i, &from, &depth)) return false;
  k = word_end(t, from);
  if (!is_secret_name(t, from, k) || !quote(t, k, &k, &depth)) return false;
  k = skip_space(t, k);
  if (at(t, k) != ':') return false;
  k = skip_space(t, k + 1);
  if (at(t, k) == '{' || at(t, k) == '[') return false;
  *out = value(t, k, ",}] \t\r\n");
  return true;
}

/* The last '@' before one of the bytes in `ends`, 0 when there is none near. */
static size_t last_at(struct text t, size_t from, const char *ends, bool *colon)
{
  size_t last = 0;
  for (size_t k = from; k < t.n && k - from < LOOKAHEAD_MAX; k++) {
    if (t.s[k] == '\0' || strchr(ends, t.s[k]) != NULL) break;
    if (t.s[k] == '@') last = k;
    if (t.s[k] == ':' && last == 0 && !is_digit(at(t, k + 1))) *colon = true;
  }
  return last;
}

/* user:password@ and token@ of a URL. A password that should have been percent-encoded may hold
 * '/', '?' or '#': then what looks like the port is not a number. */
static bool url_userinfo(struct text t, size_t i, struct span *out)
{
  bool colon = false;
  if (!starts(t, i, "://")) return false;
  size_t from = i + 3, last = last_at(t, from, "/?#\"'<> \t\r\n", &colon);
  if (last == 0 && colon) last = last_at(t, from, "\"'<> \t\r\n", &colon);
  *out = (struct span) { from, last };
  return last > from;
}

/* user:password@host without a scheme, as curl takes a proxy. */
static bool bare_userinfo(struct text t, size_t i, struct span *out)
{
  size_t colon = i, last;
  bool ignored = false;
  while (colon < t.n && colon - i < LOOKAHEAD_MAX &&
         strchr(":@/?#\"'<> \t\r\n", t.s[colon]) == NULL)
    colon++;
  if (at(t, colon) != ':') return false;
  last = last_at(t, i, "/?#\"'<> \t\r\n", &ignored);
  *out = (struct span) { i, last };
  return last > colon && is_alnum(at(t, last + 1));
}

/* Base64 text of some length has capitals or digits; a host name or a word of prose rarely does. */
static bool looks_random(struct text t, size_t from, size_t to)
{
  for (; from < to; from++)
    if ((t.s[from] >= 'A' && t.s[from] <= 'Z') || (t.s[from] >= '0' && t.s[from] <= '9'))
      return true;
  return false;
}

/* A JWT: base64url of '{' and a quote or white space, a dot, and the rest, also cut. */
static bool jwt(struct text t, size_t i, struct span *out)
{
  size_t k = i;
  if (at(t, i + 1) != 'y' && at(t, i + 1) != 'w') return false;
  while (is_word(at(t, k)) && k - i < JWT_HEADER_MAX) k++;
  if (k - i < 12 || at(t, k) != '.' || !looks_random(t, i, k)) return false;
  while (is_word(at(t, k)) || at(t, k) == '.') k++;
  *out = (struct span) { i, k };
  return true;
}

/* "Bearer …" and "Basic …" outside of a header line. */
static bool scheme_token(struct text t, size_t i, struct span *out)
{
  static const char *const names[] = { "bearer", "basic", NULL };
  size_t k = word_end(t, i);
  if (!ends_with(t, i, k, names) || at(t, k) != ' ') return false;
  size_t from = skip_blanks(t, k);
  for (k = from; is_word(at(t, k)) || (k < t.n && strchr("./+~=", t.s[k]) != NULL);) k++;
  if (k - from < 8 || !looks_random(t, from, k)) return false;
  *out = (struct span) { from, k };
  return true;
}

/* A PEM private key of any kind, up to its END line; without one (cut) up to the end. */
static bool pem(struct text t, size_t i, struct span *out)
{
  static const char begin[] = "-----BEGIN ", end[] = "-----END ";
  size_t label = i + sizeof begin - 1;
  if (!starts(t, i, begin)) return false;
  size_t room = t.n - label < 64 ? t.n - label : 64;
  const char *word = memmem(t.s + label, room, "PRIVATE KEY", 11);
  const char *dashes = memmem(t.s + label, room, "-----", 5);
  if (word == NULL || (dashes != NULL && dashes < word)) return false;
  const char *stop = memmem(word, t.n - (size_t)(word - t.s), end, sizeof end - 1);
  *out = (struct span) { label, stop == NULL ? t.n : (size_t)(stop - t.s) };
  return true;
}

static bool find(struct text t, size_t i, char before, struct span *out)
{
  char c = t.s[i];
  if (c == '-' && pem(t, i, out)) return true;
  if ((c == '"' || c == '\\') && member(t, i, out)) return true;
  if (c == ':' && url_userinfo(t, i, out)) return true;
  if (c == 'e' && jwt(t, i, out)) return true;
  if (!is_word(c) || is_word(before)) return false;
  return header(t, i, out) || form(t, i, out) || scheme_token(t, i, out) ||
         bare_userinfo(t, i, out);
}

size_t ifl_log_redact(char *text, size_t n)
{
  struct text t = { text, n };
  size_t i = 0, o = 0; /* o <= i: what was read is written over, what comes is still whole */
  char before = '\0';
  while (i < n) {
    struct span s;
    if (!find(t, i, before, &s)) {
      before = text[i];
      text[o++] = text[i++];
      continue;
    }
    memmove(text + o, text + i, s.from - i);
    o += s.from - i;
    size_t stars = s.to - s.from < 3 ? s.to - s.from : 3; /* the text must not grow */
    memset(text + o, '*', stars);
    o += stars;
    before = '*';
    i = s.to;
  }
  return o;
}
