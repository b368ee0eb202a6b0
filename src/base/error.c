/* error.c -- one list of codes, one way to fill an error. Nothing here allocates. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct entry {
  const char *dotted;
  bool retryable;
  int exit_code;
  const char *hint;
};

static const struct entry entries[] = {
#define X(name, dotted, retryable, exit_code, hint) { dotted, retryable, exit_code, hint },
#include "base/error.def"
#undef X
};

static const struct entry *find(int code)
{
  static const struct entry unknown = { "unknown", false, 4, "" };
  static const struct entry ok = { "ok", false, 0, "" };
  if (code == IFLOW_OK) return &ok;
  if (code <= IFLOW_E_FIRST_ || code >= IFLOW_E_LAST_) return &unknown;
  return &entries[code - IFLOW_E_FIRST_ - 1];
}

const char *iflow_error_name(int code)
{
  return find(code)->dotted;
}

const char *iflow_error_hint(int code)
{
  return find(code)->hint;
}

int iflow_error_exit(int code)
{
  return find(code)->exit_code;
}

bool iflow_error_retryable(int code)
{
  return find(code)->retryable;
}

const char *iflow_version(void)
{
  return IFLOW_VERSION;
}

/* Texts carry bytes of peers and files: nothing in them may move a terminal's cursor. */
static void clean(char *s)
{
  for (; *s != '\0'; s++)
    if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
}

static void begin(iflow_error *err, int code)
{
  err->code = code;
  err->native = 0;
  err->status = 0;
  err->retryable = find(code)->retryable;
  err->retry_after_ms = -1;
  err->hint[0] = '\0';
}

int ifl_fail(iflow_error *err, int code, const char *fmt, ...)
{
  va_list ap;
  if (err == NULL) return code;
  begin(err, code);
  va_start(ap, fmt);
  vsnprintf(err->message, sizeof err->message, fmt, ap);
  va_end(ap);
  clean(err->message);
  return code;
}

static int code_of_errno(int errnum)
{
  switch (errnum) {
  case ENOENT:
  case ENOTDIR: return IFLOW_ENOENT;
  case EACCES:
  case EPERM:
  case EROFS: return IFLOW_EACCESS;
  case EEXIST: return IFLOW_EEXISTS;
  case EISDIR: return IFLOW_EINVAL;
  case ENOMEM: return IFLOW_ENOMEM;
  default: return IFLOW_EIO;
  }
}

int ifl_fail_errno(iflow_error *err, int errnum, const char *fmt, ...)
{
  int code = code_of_errno(errnum);
  va_list ap;
  if (err == NULL) return code;
  begin(err, code);
  err->native = errnum;
  va_start(ap, fmt);
  vsnprintf(err->message, sizeof err->message, fmt, ap);
  va_end(ap);
  size_t used = strlen(err->message);
  snprintf(err->message + used, sizeof err->message - used, ": %s", strerror(errnum));
  clean(err->message);
  return code;
}

void ifl_hint(iflow_error *err, const char *fmt, ...)
{
  va_list ap;
  if (err == NULL) return;
  va_start(ap, fmt);
  vsnprintf(err->hint, sizeof err->hint, fmt, ap);
  va_end(ap);
  clean(err->hint);
}

int ifl_fail_nomem(iflow_error *err)
{
  return ifl_fail(err, IFLOW_ENOMEM, "out of memory");
}

void ifl_prefix(iflow_error *err, const char *fmt, ...)
{
  char old[IFLOW_MESSAGE_MAX], head[IFLOW_MESSAGE_MAX];
  va_list ap;
  if (err == NULL) return;
  memcpy(old, err->message, sizeof old);
  va_start(ap, fmt);
  vsnprintf(head, sizeof head, fmt, ap);
  va_end(ap);
  int n = snprintf(err->message, sizeof err->message, "%s: %s", head, old);
  (void)n; /* a cut tail is fine: the front says more */
  clean(err->message);
}
