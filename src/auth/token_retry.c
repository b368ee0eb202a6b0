/* token_retry.c -- see token_retry.h. */
#include "auth/token_retry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES_MAX 4 /* one request and three retries */

/* "Wed, 21 Oct 2015 07:28:00 GMT", the one form that senders may produce. -1: something else. */
static int64_t date_ms(const char *text)
{
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm = { 0 };
  char month[4] = "";
  int day, year, hour, min, sec, used = 0;
  if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour,
             &min, &sec, &used) != 6 ||
      used == 0)
    return -1;
  const char *m = strlen(month) == 3 ? strstr(months, month) : NULL;
  if (m == NULL || (m - months) % 3 != 0 || day < 1 || day > 31 || year < 1970) return -1;
  tm.tm_mday = day;
  tm.tm_mon = (int)((m - months) / 3);
  tm.tm_year = year - 1900;
  tm.tm_hour = hour;
  tm.tm_min = min;
  tm.tm_sec = sec;
  return (int64_t)timegm(&tm) * 1000;
}

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
  int64_t at = date_ms(text);
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
  case 0: break;
  default: return false;
  }
  switch (err->code) { /* no answer came: connection errors */
  case IFLOW_EDNS:
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
