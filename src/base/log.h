/* log.h -- one line an event, secrets redacted. The engine logs at debug and trace only; what an
 * operator reads at info and above is written by Lua through the same object. */
#ifndef IFL_BASE_LOG_H
#define IFL_BASE_LOG_H

#include "iflow.h"

enum ifl_level { IFL_LOG_ERROR, IFL_LOG_WARN, IFL_LOG_INFO, IFL_LOG_DEBUG, IFL_LOG_TRACE };

/* A log: level and where lines go. Embedded in the loop (ifl_loop_log). */
struct ifl_log {
  enum ifl_level level;
  void (*sink)(void *payload, const char *line, size_t n); /* NULL: standard error */
  void *payload;
};

/* Writes "2026-05-04T08:15:30.123Z debug net: text\n" when the level is on. module is short
 * ("token", "net"). The text passes ifl_log_redact and loses control characters. */
void ifl_log_write(struct ifl_log *log, enum ifl_level level, const char *module, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));
#define ifl_log_on(log, l) ((log)->level >= (l))

/* Replaces, in place, what looks like a secret by "***": values of the header fields Authorization,
 * Proxy-Authorization, Cookie, Set-Cookie and X-CSRF-Token; client_secret=, password=, assertion=
 * and client_assertion= in forms; "access_token", "clientsecret", "client_secret", "key", "password"
 * in JSON; user:password@ in URLs; anything of the shape of a JWT; PEM private keys. Case-insensitive. Text never
 * grows. n is the length, a new length is returned. */
size_t ifl_log_redact(char *text, size_t n);

#endif
