/* exchange_head.c -- the head of a request as bytes, and heads in the log. */
#include "base/error.h"
#include "net/exchange.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define METHOD_MAX 32
#define EXPECT     "Expect: 100-continue\r\n"

/* Framing and connection are ours alone: a second Content-Length is how requests are smuggled. */
static bool is_own(const char *name)
{
  static const char *const own[] = { "Host",       "Content-Length",   "Transfer-Encoding",
                                     "Connection", "Expect",           "Accept-Encoding",
                                     "Keep-Alive", "Proxy-Connection", "TE",
                                     "Upgrade",    "Trailer" };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if ((name[0] | 0x20) == (own[i][0] | 0x20) && strcasecmp(name, own[i]) == 0) return true;
  return false;
}

/* The blocks of a request's fields: NULL for one that is missing. */
#define BLOCKS 3
static const struct ifl_headers *block(const struct ifl_request *r, size_t i)
{
  return i == 0 ? r->headers : r->more[i - 1];
}

static int add_fields(struct ifl_buf *b, const struct ifl_headers *h, iflow_error *err)
{
  int rc = 0;
  for (size_t i = 0; rc == 0 && h != NULL && i < h->count; i++) {
    const char *name = ifl_headers_name(h, i), *value = ifl_headers_value(h, i);
    if (is_own(name))
      return ifl_fail(err, IFLOW_EHEADER, "the header field '%s' is set by iflow itself", name);
    rc = ifl_buf_adds(b, name, err);
    if (rc == 0) rc = ifl_buf_add(b, ": ", 2, err);
    if (rc == 0) rc = ifl_buf_adds(b, value, err);
    if (rc == 0) rc = ifl_buf_add(b, "\r\n", 2, err);
  }
  return rc;
}

static int check_credentials(const struct ifl_request *r, iflow_error *err)
{
  if (r->scheme == NULL ||
      ifl_http1_is_value(ifl_secret_data(r->credentials), ifl_secret_len(r->credentials)))
    return 0;
  return ifl_fail(
      err, IFLOW_EHEADER,
      "the value of the header field 'Authorization' has a line break, a NUL or another "
      "control character in it");
}

/* A name and its value are kept with a NUL each; here they are followed by ": " and CR LF. */
static size_t fields_size(const struct ifl_request *r)
{
  size_t n = 0;
  for (size_t i = 0; i < BLOCKS; i++) {
    const struct ifl_headers *h = block(r, i);
    if (h != NULL) n += h->bytes.len + 2 * h->count;
  }
  return n;
}

static bool has_user_agent(const struct ifl_request *r)
{
  for (size_t i = 0; i < BLOCKS; i++)
    if (block(r, i) != NULL && ifl_headers_get(block(r, i), "User-Agent") != NULL) return true;
  return false;
}

static bool wants_length(const char *method)
{
  /* SAP answers 411 to a POST without one. */
  return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static int add_framing(struct ifl_buf *b, const struct ifl_request *r, iflow_error *err)
{
  int64_t length = -1;
  if (r->body.kind == IFL_BODY_STREAM)
    return ifl_buf_adds(b, "Transfer-Encoding: chunked\r\n", err);
  if (r->body.kind == IFL_BODY_BYTES) length = (int64_t)r->body.len;
  else if (r->body.kind == IFL_BODY_FILE) length = r->body.size > 0 ? r->body.size : 0;
  else if (wants_length(r->method)) length = 0;
  if (length < 0) return 0;
  char text[24], *start = text + sizeof text;
  do *--start = (char)('0' + length % 10);
  while ((length /= 10) > 0);
  int rc = ifl_buf_add(b, "Content-Length: ", 16, err);
  if (rc == 0) rc = ifl_buf_add(b, start, (size_t)(text + sizeof text - start), err);
  return rc < 0 ? rc : ifl_buf_add(b, "\r\n", 2, err);
}

static int check_method(const char *method, iflow_error *err)
{
  size_t n = strlen(method);
  if (n > METHOD_MAX || !ifl_http1_is_token(method, n) || strcmp(method, "CONNECT") == 0)
    return ifl_fail(err, IFLOW_EINVAL, "'%.40s' is not a method for a request", method);
  return 0;
}

static bool has_body(const struct ifl_request *r)
{
  if (r->body.kind == IFL_BODY_BYTES) return r->body.len > 0;
  if (r->body.kind == IFL_BODY_FILE) return r->body.size > 0;
  return r->body.kind == IFL_BODY_STREAM;
}

static int write_fields(struct ifl_buf *b, const struct ifl_request *r, iflow_error *err)
{
  int rc = ifl_buf_reserve(b, 256 + strlen(r->url->target) + fields_size(r), err);
  if (rc == 0) rc = ifl_buf_adds(b, r->method, err);
  if (rc == 0) rc = ifl_buf_add(b, " ", 1, err);
  if (rc == 0) rc = ifl_buf_adds(b, r->url->target, err);
  if (rc == 0) rc = ifl_buf_adds(b, " HTTP/1.1\r\nHost: ", err);
  if (rc == 0) rc = ifl_buf_adds(b, r->url->authority, err);
  if (rc == 0) rc = ifl_buf_adds(b, "\r\n", err);
  for (size_t i = 0; rc == 0 && i < BLOCKS; i++) rc = add_fields(b, block(r, i), err);
  if (rc == 0 && !has_user_agent(r))
    rc = ifl_buf_adds(b, "User-Agent: iflow/" IFLOW_VERSION "\r\n", err);
  if (rc == 0) rc = ifl_buf_adds(b, "Accept-Encoding: gzip, deflate\r\n", err);
  return rc < 0 ? rc : add_framing(b, r, err);
}

static int fail_long(const struct ifl_buf *b, iflow_error *err)
{
  return ifl_fail(err, IFLOW_EHEADER, "the head of the request has more than %zu bytes", b->max);
}

int ifl_exchange_write_head(ifl_exchange *x, const struct ifl_request *r, iflow_error *err)
{
  struct ifl_buf *b = &x->head;
  int rc = check_method(r->method, err);
  if (rc == 0) rc = check_credentials(r, err);
  if (rc == 0) rc = write_fields(b, r, err);
  x->expect = r->expect_continue && has_body(r);
  if (rc == 0 && x->expect) rc = ifl_buf_adds(b, EXPECT, err);
  if (rc == IFLOW_ELIMIT) rc = fail_long(b, err);
  x->fields_len = b->len;
  x->scheme = r->scheme;
  if (r->scheme != NULL) x->credentials = ifl_secret_ref((ifl_secret *)(uintptr_t)r->credentials);
  x->is_head = strcmp(r->method, "HEAD") == 0;
  return rc;
}

int ifl_exchange_end_head(ifl_exchange *x, iflow_error *err)
{
  struct ifl_buf *b = &x->head;
  int rc = 0;
  b->len = x->fields_len;
  if (x->scheme != NULL) {
    size_t n = ifl_secret_len(x->credentials);
    rc = ifl_buf_reserve(b, 64 + strlen(x->scheme) + n, err);
    if (rc == 0) rc = ifl_buf_add(b, "Authorization: ", 15, err);
    if (rc == 0) rc = ifl_buf_adds(b, x->scheme, err);
    if (rc == 0) rc = ifl_buf_add(b, " ", 1, err);
    if (rc == 0) rc = ifl_buf_add(b, ifl_secret_data(x->credentials), n, err);
    if (rc == 0) rc = ifl_buf_add(b, "\r\n", 2, err);
  }
  if (rc == 0) rc = ifl_buf_add(b, "\r\n", 2, err);
  if (rc == IFLOW_ELIMIT) rc = fail_long(b, err);
  x->head_len = b->len;
  return rc;
}

void ifl_exchange_drop_expect(ifl_exchange *x)
{
  x->expect = false;
  x->fields_len -= strlen(EXPECT);
}

/* A line an event, so that the log can tell secrets by the field's name. */
static void log_lines(ifl_exchange *x, char mark, const char *s, size_t n)
{
  struct ifl_log *log = ifl_loop_log(x->client->loop);
  while (n > 2) {
    const char *end = memchr(s, '\r', n);
    size_t len = end != NULL ? (size_t)(end - s) : n;
    ifl_log_write(log, IFL_LOG_DEBUG, "http", "%c %.*s", mark, (int)len, s);
    len = len + 2 < n ? len + 2 : n;
    s += len;
    n -= len;
  }
}

void ifl_exchange_log_request(ifl_exchange *x)
{
  if (!x->verbose || !ifl_log_on(ifl_loop_log(x->client->loop), IFL_LOG_DEBUG, "http")) return;
  log_lines(x, '>', x->head.data, x->head_len);
}

void ifl_exchange_log_answer(ifl_exchange *x)
{
  struct ifl_log *log = ifl_loop_log(x->client->loop);
  const ifl_http1 *p = x->link->parser;
  const struct ifl_headers *h = ifl_http1_headers(x->link->parser);
  if (!x->verbose || !ifl_log_on(log, IFL_LOG_DEBUG, "http")) return;
  ifl_log_write(log, IFL_LOG_DEBUG, "http", "< HTTP/1.1 %d %s", ifl_http1_status(p),
                ifl_http1_reason(p));
  for (size_t i = 0; i < h->count; i++)
    ifl_log_write(log, IFL_LOG_DEBUG, "http", "< %s: %s", ifl_headers_name(h, i),
                  ifl_headers_value(h, i));
}
