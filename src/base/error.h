/* error.h -- filling an iflow_error. For every C file. */
#ifndef IFL_BASE_ERROR_H
#define IFL_BASE_ERROR_H

#include "iflow.h"

/* No error. It writes what tells so, not the two texts, which are a kilobyte: for errors that are made
 * ready at every message. */
static inline void ifl_error_clear(iflow_error *err)
{
  err->code = IFLOW_OK;
  err->native = err->status = 0;
  err->retryable = false;
  err->retry_after_ms = -1;
  err->message[0] = err->hint[0] = '\0';
}

/* Fills *err (when not NULL) with code, its default retryable flag and the formatted message;
 * native, status and hint are reset. Control characters in the text become '?', so that a peer's
 * bytes cannot forge log lines. Always returns code, for: return ifl_fail(err, …). */
int ifl_fail(iflow_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As ifl_fail, for a failed system call: picks IFLOW_ENOENT, IFLOW_EACCESS, IFLOW_EEXISTS,
 * IFLOW_EINVAL (a directory), IFLOW_ENOMEM or IFLOW_EIO from errnum, sets native, and appends the system's text. */
int ifl_fail_errno(iflow_error *err, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Sets the next step of an error that was just filled. */
void ifl_hint(iflow_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* IFLOW_ENOMEM with its fixed text. */
int ifl_fail_nomem(iflow_error *err);

/* Puts "prefix: " before the message of a filled error; does nothing when err is NULL. */
void ifl_prefix(iflow_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
