/* token_answer.c -- fuzz target: whatever a token server answers becomes a token fit for a header
 * field, or an error. First byte: the status; then header lines up to an empty one, then the body. */
#include "auth/token_request.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int statuses[] = { 200, 201, 204, 302, 400, 401, 403, 404, 405, 408, 429, 500, 503 };

/* Adds "Name: value" lines; returns where the body begins. */
static size_t take_headers(struct ifl_headers *h, const char *text, size_t n)
{
  size_t at = 0;
  while (at < n) {
    const char *end = memchr(text + at, '\n', n - at);
    size_t len = end != NULL ? (size_t)(end - (text + at)) : n - at;
    const char *colon = memchr(text + at, ':', len);
    if (len == 0) return at + 1;
    if (colon != NULL) {
      size_t name = (size_t)(colon - (text + at));
      ifl_headers_add(h, text + at, name, colon + 1, len - name - 1, NULL);
    }
    at += len + (end != NULL);
  }
  return n;
}

static void check(const struct ifl_token_answer *a)
{
  const char *s = ifl_secret_data(a->access);
  for (size_t i = 0; i < ifl_secret_len(a->access); i++)
    if (s[i] < 0x21 || s[i] > 0x7e) abort();
  if (a->lifetime_ms <= 0 && a->lifetime_ms != 0) abort();
  if (ifl_secret_len(a->access) == 0 || ifl_secret_len(a->access) > IFL_TOKEN_MAX) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct ifl_token_opts opts = { 0 };
  struct ifl_headers headers;
  struct ifl_token_answer answer;
  iflow_error err = { 0 };
  if (size < 1) return 0;
  opts.token_url = "https://acme.authentication.example.com/oauth/token";
  opts.client_id = "sb-1!b2|it-rt-acme!b3";
  opts.secret = ifl_secret_new("s3cret", 6);
  ifl_headers_init(&headers);
  const char *text = (const char *)data + 1;
  size_t body = take_headers(&headers, text, size - 1);
  if (body > size - 1) body = size - 1;
  struct ifl_token_reply reply = { .status =
                                       statuses[data[0] % (sizeof statuses / sizeof *statuses)],
                                   .headers = &headers,
                                   .body = text + body,
                                   .len = size - 1 - body };
  if (ifl_token_answer_read(&answer, &reply, &opts, &err) == 0) {
    check(&answer);
    ifl_secret_unref(answer.access);
  } else if (strstr(err.message, "s3cret") != NULL || strstr(err.hint, "s3cret") != NULL) {
    abort();
  }
  ifl_headers_done(&headers);
  ifl_secret_unref(opts.secret);
  return 0;
}
