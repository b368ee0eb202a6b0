/* iflow.h -- the public C interface of iflow, the sender runtime for SAP Cloud Integration.
 *
 * Conventions, kept everywhere:
 *  - A function returns 0 or a negative IFLOW_E… code and fills *err when it fails; outputs are
 *    written only on success. err may be NULL.
 *  - out parameters come first, err last. Strings passed in are borrowed for the call.
 *  - Every object has its own _free (or _unref), which takes NULL and cannot fail.
 *  - Durations are milliseconds (_ms), instants are seconds since 1970 (_at).
 *  - Nothing here is safe to use from two threads at once: one loop, one thread.            */
#ifndef IFLOW_H
#define IFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IFLOW_VERSION "0.1.0"

#if defined(__GNUC__)
#define IFLOW_API __attribute__((visibility("default")))
#else
#define IFLOW_API
#endif

/* IFLOW_OK is 0; every IFLOW_E… is negative and listed in base/error.def. */
enum iflow_code {
  IFLOW_OK = 0,
  IFLOW_E_FIRST_ = -10000,
#define X(name, dotted, retryable, exit_code, hint) IFLOW_##name,
#include "base/error.def"
#undef X
  IFLOW_E_LAST_
};

#define IFLOW_MESSAGE_MAX 512
#define IFLOW_HINT_MAX    384

/* An error: owned by the caller, filled by the callee, nothing to free. No secret is ever in it. */
typedef struct iflow_error {
  int code;               /* IFLOW_OK or IFLOW_E…                                               */
  int native;             /* errno, CURLcode, OpenSSL reason; 0 when there is none              */
  int status;             /* HTTP status, or 0                                                  */
  bool retryable;         /* worth repeating unchanged; default from error.def                  */
  int64_t retry_after_ms; /* what the server asked for; -1 when it asked for nothing            */
  char message[IFLOW_MESSAGE_MAX]; /* one line: what failed, where, and why likely              */
  char hint[IFLOW_HINT_MAX];       /* what to do next; empty: iflow_error_hint(code) applies    */
} iflow_error;

/* The stable dotted name of a code ("token.rejected"); "ok" for 0, "unknown" for a foreign value. */
IFLOW_API const char *iflow_error_name(int code);
/* The default next step for a code; never NULL. */
IFLOW_API const char *iflow_error_hint(int code);
/* The exit code of the command line for a code (DESIGN: 0 fine … 5 in doubt). */
IFLOW_API int iflow_error_exit(int code);
/* Whether a code is worth repeating by default. */
IFLOW_API bool iflow_error_retryable(int code);
/* The version of the library, "1.2.3". */
IFLOW_API const char *iflow_version(void);

#endif
