/* headers.c -- a block of header fields (http1.h): one buffer, one table of offsets. */
#include "net/http1.h"

#include "base/error.h"
#include "base/secret.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void ifl_headers_init(struct ifl_headers *h)
{
  memset(h, 0, sizeof *h);
  ifl_buf_init(&h->bytes, IFL_HEADER_BYTES_MAX);
}

void ifl_headers_done(struct ifl_headers *h)
{
  ifl_buf_wipe(&h->bytes);
  free(h->at);
  ifl_headers_init(h);
}

void ifl_headers_clear(struct ifl_headers *h)
{
  ifl_wipe(h->bytes.data, h->bytes.len);
  ifl_buf_clear(&h->bytes);
  h->count = 0;
}

/* The characters of RFC 9110's token: letters, digits and !#$%&'*+-.^_`|~ */
bool ifl_http1_is_token(const char *s, size_t n)
{
  static const unsigned char allowed[32] = {
    [0x21 >> 3] = 0xfa, [0x28 >> 3] = 0x6c, [0x30 >> 3] = 0xff, [0x38 >> 3] = 0x03,
    [0x40 >> 3] = 0xfe, [0x48 >> 3] = 0xff, [0x50 >> 3] = 0xff, [0x58 >> 3] = 0xc7,
    [0x60 >> 3] = 0xff, [0x68 >> 3] = 0xff, [0x70 >> 3] = 0xff, [0x78 >> 3] = 0x57,
  };
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if ((allowed[c >> 3] & 1u << (c & 7)) == 0) return false;
  }
  return n > 0;
}

/* Without a way out of the loop, so that the compiler takes 16 bytes at a time: a token has a
 * thousand. */
bool ifl_http1_is_value(const char *s, size_t n)
{
  unsigned char bad = 0;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    bad |= (unsigned char)((c < 0x20) & (c != '\t')) | (unsigned char)(c == 0x7f);
  }
  return bad == 0;
}

static int make_room(struct ifl_headers *h, iflow_error *err)
{
  if (h->count == IFL_HEADERS_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d header fields", IFL_HEADERS_MAX);
  if (h->count < h->cap) return 0;
  size_t cap = h->cap == 0 ? 16 : h->cap * 2;
  uint32_t *at = realloc(h->at, 2 * cap * sizeof *at);
  if (at == NULL) return ifl_fail_nomem(err);
  h->at = at;
  h->cap = cap;
  return 0;
}

/* A text and its NUL; room was made. */
static void put(struct ifl_buf *b, const char *s, size_t n)
{
  if (n > 0) memcpy(b->data + b->len, s, n);
  b->data[b->len + n] = '\0';
  b->len += n + 1;
}

int ifl_headers_add(struct ifl_headers *h, const char *name, size_t nn, const char *value,
                    size_t vn, iflow_error *err)
{
  while (vn > 0 && (value[0] == ' ' || value[0] == '\t')) value++, vn--;
  while (vn > 0 && (value[vn - 1] == ' ' || value[vn - 1] == '\t')) vn--;
  if (!ifl_http1_is_token(name, nn))
    return ifl_fail(err, IFLOW_EHEADER, "'%.*s' is not allowed as the name of a header field",
                    nn > 60 ? 60 : (int)nn, name);
  if (!ifl_http1_is_value(value, vn))
    return ifl_fail(err, IFLOW_EHEADER,
                    "the value of the header field '%.*s' has a line break, a NUL or another "
                    "control character in it",
                    nn > 60 ? 60 : (int)nn, name);
  int rc = make_room(h, err);
  if (rc < 0) return rc;
  /* One reservation, so that a failure leaves no half of a field. */
  rc = ifl_buf_reserve(&h->bytes, nn + vn + 2, err);
  if (rc < 0) return rc;
  h->at[2 * h->count] = (uint32_t)h->bytes.len;
  h->at[2 * h->count + 1] = (uint32_t)(h->bytes.len + nn + 1);
  h->count++;
  put(&h->bytes, name, nn);
  put(&h->bytes, value, vn);
  return 0;
}

const char *ifl_headers_name(const struct ifl_headers *h, size_t i)
{
  return h->bytes.data + h->at[2 * i];
}

const char *ifl_headers_value(const struct ifl_headers *h, size_t i)
{
  return h->bytes.data + h->at[2 * i + 1];
}

/* Most names differ in the first letter already. */
static bool is_named(const struct ifl_headers *h, size_t i, const char *name)
{
  const char *is = ifl_headers_name(h, i);
  return (is[0] | 0x20) == (name[0] | 0x20) && strcasecmp(is, name) == 0;
}

const char *ifl_headers_get(const struct ifl_headers *h, const char *name)
{
  for (size_t i = 0; i < h->count; i++)
    if (is_named(h, i, name)) return ifl_headers_value(h, i);
  return NULL;
}

static bool list_has(const char *list, const char *token)
{
  size_t n = strlen(token);
  for (const char *s = list; *s != '\0';) {
    s += strspn(s, " \t,");
    size_t len = strcspn(s, ",");
    size_t used = len;
    while (used > 0 && (s[used - 1] == ' ' || s[used - 1] == '\t')) used--;
    if (used == n && strncasecmp(s, token, n) == 0) return true;
    s += len;
  }
  return false;
}

bool ifl_headers_has_token(const struct ifl_headers *h, const char *name, const char *token)
{
  for (size_t i = 0; i < h->count; i++)
    if (is_named(h, i, name) && list_has(ifl_headers_value(h, i), token)) return true;
  return false;
}
