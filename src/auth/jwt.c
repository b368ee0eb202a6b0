/* jwt.c -- see jwt.h. */
#include "auth/jwt.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

static int fail(iflow_error *err, const char *why)
{
  return ifl_fail(err, IFLOW_ETOKENANSWER, "the access token is no JWT: %s", why);
}

/* The middle of three parts; NULL when there are not three. */
static const char *payload(const char *token, size_t n, size_t *len)
{
  const char *first = memchr(token, '.', n);
  if (first == NULL) return NULL;
  const char *from = first + 1, *end = token + n;
  const char *second = memchr(from, '.', (size_t)(end - from));
  if (second == NULL || memchr(second + 1, '.', (size_t)(end - second - 1)) != NULL) return NULL;
  *len = (size_t)(second - from);
  return from;
}

int ifl_jwt_claims(ifl_json **out, const char *token, size_t n, iflow_error *err)
{
  size_t len = 0;
  if (n > IFL_JWT_MAX) return fail(err, "it is too long");
  const char *part = payload(token, n, &len);
  if (part == NULL) return fail(err, "it does not have three parts");
  unsigned char *text = malloc(len + 1);
  if (text == NULL) return ifl_fail_nomem(err);
  ifl_json *claims = NULL;
  iflow_error below;
  long size = ifl_base64_decode(text, part, len);
  int rc = size < 0
               ? fail(err, "its second part is no base64")
               : ifl_json_parse(&claims, (const char *)text, (size_t)size, IFL_JWT_MAX, &below);
  if (size >= 0 && rc < 0) rc = rc == IFLOW_ENOMEM ? ifl_fail_nomem(err) : fail(err, below.message);
  if (rc == 0 && !ifl_json_is_object(claims)) rc = fail(err, "its claims are no object");
  ifl_wipe(text, len + 1);
  free(text);
  if (rc == 0) *out = claims;
  else ifl_json_free(claims);
  return rc;
}

/* "it-rt-acme!b8.Orders.send" is role "Orders.send"; NULL for scopes of another shape ("uaa.resource"). */
static const char *role_of(const char *scope, size_t n)
{
  const char *end = scope + n, *p = scope;
  while ((p = memmem(p, (size_t)(end - p), "!b", 2)) != NULL) {
    const char *digits = p += 2;
    while (p < end && *p >= '0' && *p <= '9') p++;
    if (p > digits && p + 1 < end && *p == '.') return p + 1;
  }
  return NULL;
}

struct roles {
  char *out;
  size_t size, used, count;
};

static void add_role(struct roles *r, const char *scope, size_t n)
{
  const char *role = role_of(scope, n);
  if (role == NULL) return;
  size_t len = n - (size_t)(role - scope), gap = r->used > 0 ? 1 : 0;
  r->count++;
  if (r->used + gap + len >= r->size) return; /* a role that does not fit is counted, not cut */
  if (gap > 0) r->out[r->used++] = ' ';
  memcpy(r->out + r->used, role, len);
  r->used += len;
  r->out[r->used] = '\0';
}

size_t ifl_jwt_roles(char *out, size_t size, const ifl_json *claims)
{
  struct roles r = { .out = out, .size = size };
  const ifl_json *scope = ifl_json_get(claims, "scope"), *item;
  if (size > 0) out[0] = '\0';
  for (size_t i = 0; (item = ifl_json_item(scope, i)) != NULL; i++) {
    const char *text = ifl_json_string(item);
    if (text != NULL) add_role(&r, text, strlen(text));
  }
  const char *list = ifl_json_string(scope); /* one text, blank-separated: RFC 9068 */
  while (list != NULL && *list != '\0') {
    size_t n = strcspn(list, " ");
    add_role(&r, list, n);
    list += n + strspn(list + n, " ");
  }
  return r.count;
}
