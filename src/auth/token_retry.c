/* token_retry.c -- see token_retry.h. */
#include "auth/token_retry.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define TRIES_MAX 4 /* one request and three retries */

/* ---- dates ----------------------------------------------------------------------------------- */

struct parts {
  int day, month, year, hour, min, sec; /* -1: not seen yet */
};

static int month_of(const char *word, size_t n)
{
  static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
  for (int i = 0; n >= 3 && i < 12; i++)
    if (strncasecmp(word, names + 3 * i, 3) == 0) return i;
  return -1;
}

/* One word of a date, by RFC 6265, 5.1.1: its form tells which part it is. */
static void take_word(struct parts *p, const char *word, size_t n)
{
  char text[16] = "";
  int h, m, s;
  if (n >= sizeof text) return;
  memcpy(text, word, n);
  size_t digits = strspn(text, "0123456789");
  if (digits < n && p->hour < 0 && sscanf(text, "%2d:%2d:%2d", &h, &m, &s) == 3) {
    p->hour = h, p->min = m, p->sec = s;
  } else if (digits == n && n <= 2 && p->day < 0) {
    p->day = atoi(text);
  } else if (digits == n && (n == 2 || n == 4) && p->year < 0) {
    p->year = atoi(text);
    if (n == 2) p->year += p->year < 70 ? 2000 : 1900;
  } else if (digits == 0 && p->month < 0) {
    p->month = month_of(text, n);
  }
}

int64_t ifl_http_date_ms(const char *text, size_t n)
{
  struct parts p = { -1, -1, -1, -1, -1, -1 };
  for (size_t i = 0, start; i < n; i++) {
    for (start = i; i < n && (isalnum((unsigned char)text[i]) || text[i] == ':'); i++) continue;
    if (i > start) take_word(&p, text + start, i - start);
  }
  if (p.day < 1 || p.day > 31 || p.month < 0 || p.year < 1601 || p.hour < 0 || p.hour > 23 ||
      p.min > 59 || p.sec > 60)
    return -1;
  struct tm tm = { .tm_mday = p.day,
                   .tm_mon = p.month,
                   .tm_year = p.year - 1900,
                   .tm_hour = p.hour,
                   .tm_min = p.min,
                   .tm_sec = p.sec };
  int64_t ms = (int64_t)timegm(&tm) * 1000;
  return ms < 0 ? 0 : ms; /* before 1970: long ago is all that matters */
}

/* ---- waits ----------------------------------------------------------------------------------- */

static int64_t capped(int64_t ms)
{
  if (ms < 0) return 0;
  return ms < IFL_RETRY_AFTER_MAX_MS ? ms : IFL_RETRY_AFTER_MAX_MS;
}

int64_t ifl_retry_after_ms(const struct ifl_headers *headers, int64_t now_ms)
{
  const char *text = headers != NULL ? ifl_headers_get(headers, "Retry-After") : NULL;
  if (text == NULL || text[0] == '\0') return -1;
  size_t digits = strspn(text, "0123456789");
  if (text[digits] == '\0')
    return digits > 9 ? IFL_RETRY_AFTER_MAX_MS : capped((int64_t)strtol(text, NULL, 10) * 1000);
  int64_t at = ifl_http_date_ms(text, strlen(text));
  return at < 0 ? -1 : capped(at - now_ms);
}

/* The table's rows: where the waits begin and how they grow. */
static bool row_of(const iflow_error *err, int64_t *first_ms, int64_t *factor)
{
  switch (err->status) {
  case 429:
  case 500:
  case 503: *first_ms = 1000, *factor = 3; return true;
  case 408:
  case 502:
  case 504: *first_ms = 300, *factor = 2; return true;
  default:
    if (err->status >= 300) return false;
  }
  switch (err->code) { /* no answer came, or a good one broke off: connection errors */
  case IFLOW_EDNS:
  case IFLOW_EDNSTIMEOUT:
  case IFLOW_ECONNECT:
  case IFLOW_ECONNECTTIMEOUT:
  case IFLOW_EPROXY:
  case IFLOW_ERESET:
  case IFLOW_ESTALLED:
  case IFLOW_ETLS: *first_ms = 300, *factor = 2; return true;
  default: return false;
  }
}

int64_t ifl_token_retry_ms(const iflow_error *err, int tries)
{
  int64_t wait, factor;
  if (tries >= TRIES_MAX || !err->retryable || !row_of(err, &wait, &factor)) return -1;
  for (int i = 1; i < tries; i++) wait *= factor;
  if (err->retry_after_ms > wait || (err->status == 429 && err->retry_after_ms >= 0))
    wait = err->retry_after_ms;
  return wait <= IFL_TOKEN_WAIT_MAX_MS ? wait : -1;
}
