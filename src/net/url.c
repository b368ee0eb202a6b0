/* url.c -- see url.h. */
#include "net/url.h"

#include "base/error.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX (16 * 1024)

/* What is read of a URL before it is known to be good. */
struct parts {
  bool tls;
  int port;
  char host[256];
  char authority[272];
};

/* How the character at s is written in a URL: all bytes of it when it is UTF-8. */
static void hint_encoded(const unsigned char *s, iflow_error *err)
{
  char text[4 * 3 + 1];
  int n = snprintf(text, sizeof text, "%%%02X", *s);
  for (bool many = *s >= 0xc0; many && n < 4 * 3 && (s[1] & 0xc0) == 0x80; s++)
    n += snprintf(text + n, sizeof text - (size_t)n, "%%%02X", s[1]);
  ifl_hint(err, "percent-encode it: %s", text);
}

/* The URL is in no text: its query may carry a secret. The host is. */
static int check_bytes(const char *text, iflow_error *err)
{
  size_t n = strlen(text);
  if (n > URL_MAX)
    return ifl_fail(err, IFLOW_EURL, "the URL has %zu bytes, more than %d", n, URL_MAX);
  for (const char *s = text; *s != '\0'; s++) {
    unsigned char c = (unsigned char)*s;
    if (c > 0x20 && c < 0x7f) continue;
    const char *what = c >= 0x80 ? "a non-ASCII character" : "a blank or control character";
    int rc =
        ifl_fail(err, IFLOW_EURL, "the URL has %s at position %zu", what, (size_t)(s - text) + 1);
    hint_encoded((const unsigned char *)s, err);
    return rc;
  }
  return 0;
}

static int parse_scheme(struct parts *u, const char **text, iflow_error *err)
{
  if (strncasecmp(*text, "https://", 8) == 0) {
    u->tls = true;
    *text += 8;
  } else if (strncasecmp(*text, "http://", 7) == 0) {
    u->tls = false;
    *text += 7;
  } else {
    return ifl_fail(err, IFLOW_EURL, "the URL begins with neither https:// nor http://");
  }
  return 0;
}

static int parse_ipv6(struct parts *u, const char *s, size_t n, iflow_error *err)
{
  unsigned char address[16];
  if (n >= sizeof u->host) return ifl_fail(err, IFLOW_EURL, "the host in the URL is too long");
  memcpy(u->host, s, n);
  u->host[n] = '\0';
  if (inet_pton(AF_INET6, u->host, address) != 1)
    return ifl_fail(err, IFLOW_EURL, "'[%s]' in the URL is not an IPv6 address", u->host);
  return 0;
}

static int parse_name(struct parts *u, const char *s, size_t n, iflow_error *err)
{
  if (n == 0) return ifl_fail(err, IFLOW_EURL, "the URL has no host");
  if (n >= sizeof u->host) return ifl_fail(err, IFLOW_EURL, "the host in the URL is too long");
  for (size_t i = 0; i < n; i++) {
    if (!isalnum((unsigned char)s[i]) && strchr("-._", s[i]) == NULL)
      return ifl_fail(err, IFLOW_EURL, "the host in the URL has a '%c' in it", s[i]);
    u->host[i] = (char)tolower((unsigned char)s[i]);
  }
  u->host[n] = '\0';
  return 0;
}

static int parse_port(struct parts *u, const char *s, size_t n, iflow_error *err)
{
  u->port = 0;
  for (size_t i = 0; i < n; i++) {
    if (!isdigit((unsigned char)s[i]) || u->port > 65535)
      return ifl_fail(err, IFLOW_EURL, "the port in the URL is not a number from 1 to 65535");
    u->port = u->port * 10 + (s[i] - '0');
  }
  if (n == 0) u->port = u->tls ? 443 : 80; /* "https://host:/": RFC 3986 allows it */
  if (u->port < 1 || u->port > 65535)
    return ifl_fail(err, IFLOW_EURL, "the port in the URL is not a number from 1 to 65535");
  return 0;
}

/* s is "host", "host:port", "[::1]" or "[::1]:port". */
static int parse_authority(struct parts *u, const char *s, size_t n, iflow_error *err)
{
  const char *end = s + n, *host_end;
  int rc;
  if (memchr(s, '@', n) != NULL) {
    rc = ifl_fail(err, IFLOW_EURL, "the URL has a user name or password in it");
    ifl_hint(err, "take it out: credentials come from the service key or an option");
    return rc;
  }
  bool v6 = n > 0 && s[0] == '[';
  if (v6) {
    host_end = memchr(s, ']', n);
    if (host_end == NULL) return ifl_fail(err, IFLOW_EURL, "a ']' is missing in the URL");
    rc = parse_ipv6(u, s + 1, (size_t)(host_end - s - 1), err);
    host_end++;
  } else {
    host_end = memchr(s, ':', n);
    if (host_end == NULL) host_end = end;
    rc = parse_name(u, s, (size_t)(host_end - s), err);
  }
  if (rc < 0) return rc;
  if (host_end < end && *host_end != ':')
    return ifl_fail(err, IFLOW_EURL, "after the host in the URL a ':' or '/' is expected");
  const char *port = host_end < end ? host_end + 1 : end;
  rc = parse_port(u, port, (size_t)(end - port), err);
  if (rc < 0) return rc;
  bool usual = u->port == (u->tls ? 443 : 80);
  int used = snprintf(u->authority, sizeof u->authority, v6 ? "[%s]" : "%s", u->host);
  if (!usual) snprintf(u->authority + used, sizeof u->authority - (size_t)used, ":%d", u->port);
  return 0;
}

static char *put(char **at, const char *s, size_t n)
{
  char *start = *at;
  memcpy(start, s, n);
  start[n] = '\0';
  *at = start + n + 1;
  return start;
}

/* All texts in one block, which begins with the target. */
static int build(struct ifl_url *out, const struct parts *p, const char *target, size_t n,
                 iflow_error *err)
{
  bool slash = n > 0 && target[0] == '/';
  size_t hn = strlen(p->host), an = strlen(p->authority);
  char *at = malloc(n + hn + an + 4);
  if (at == NULL) return ifl_fail_nomem(err);
  out->tls = p->tls;
  out->port = p->port;
  out->target = at;
  if (!slash) *at++ = '/';
  put(&at, target, n);
  out->host = put(&at, p->host, hn);
  out->authority = put(&at, p->authority, an);
  return 0;
}

int ifl_url_parse(struct ifl_url *out, const char *text, iflow_error *err)
{
  struct parts p;
  int rc = check_bytes(text, err);
  if (rc == 0) rc = parse_scheme(&p, &text, err);
  if (rc < 0) return rc;
  size_t n = strcspn(text, "/?#");
  rc = parse_authority(&p, text, n, err);
  if (rc < 0) return rc;
  if (strchr(text, '\\') != NULL)
    return ifl_fail(err, IFLOW_EURL, "the URL has a backslash in it; write '/' or %%5C");
  return build(out, &p, text + n, strcspn(text + n, "#"), err);
}

int ifl_url_copy_path(struct ifl_url *out, const struct ifl_url *from, iflow_error *err)
{
  struct parts p = { .tls = from->tls, .port = from->port };
  snprintf(p.host, sizeof p.host, "%s", from->host);
  snprintf(p.authority, sizeof p.authority, "%s", from->authority);
  return build(out, &p, from->target, strcspn(from->target, "?"), err);
}

void ifl_url_done(struct ifl_url *u)
{
  free(u->target);
  memset(u, 0, sizeof *u);
}
