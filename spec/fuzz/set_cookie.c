/* set_cookie.c -- fuzz target: lines of Set-Cookie, one after the other, into one list; what is sent
 * back must be fit for a header field, and the list must stay within its bounds. */
#include "call/cookies.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const int64_t now = 1777881600000;
  struct ifl_cookies cookies = { 0 };
  struct ifl_headers headers;
  struct ifl_buf line = IFL_BUF_INIT(512 * 1024);
  struct ifl_url url = { .tls = true, .target = (char[]) { "/http/orders?x=1" } };
  const char *text = (const char *)data;
  while (size > 0) {
    const char *end = memchr(text, '\n', size);
    size_t n = end != NULL ? (size_t)(end - text) : size;
    ifl_cookies_set(&cookies, text, n, now, NULL);
    text += n + (end != NULL);
    size -= n + (end != NULL);
  }
  if (cookies.count > IFL_COOKIES_MAX) abort();
  if (ifl_cookies_write(&line, &cookies, &url, now, NULL) < 0) abort();
  ifl_headers_init(&headers);
  if (line.len > 0 && line.len < IFL_HEADER_BYTES_MAX / 2 &&
      ifl_headers_add(&headers, "Cookie", 6, line.data, line.len, NULL) < 0)
    abort();
  ifl_headers_done(&headers);
  ifl_buf_done(&line);
  ifl_cookies_done(&cookies);
  return 0;
}
