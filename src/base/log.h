/* log.h -- one line an event, secrets redacted. The engine logs at debug and trace only; what an
 * operator reads at info and above is written by Lua through the same object. */
#ifndef IFL_BASE_LOG_H
#define IFL_BASE_LOG_H

#include "iflow.h"

enum ifl_level { IFL_LOG_ERROR, IFL_LOG_WARN, IFL_LOG_INFO, IFL_LOG_DEBUG, IFL_LOG_TRACE };

/* A level of one module's own. */
#define IFL_LOG_MODULES    16
#define IFL_LOG_MODULE_MAX 32 /* with the NUL */
struct ifl_log_module {
  char name[IFL_LOG_MODULE_MAX];
  enum ifl_level level;
};

/* A log: levels, form, and where lines go. Embedded in the loop (ifl_loop_log). */
struct ifl_log {
  enum ifl_level level; /* of every module that has none of its own */
  struct ifl_log_module modules[IFL_LOG_MODULES];
  size_t nmodules;
  bool json;     /* a JSON object a line (RFC 8259) instead of text */
  bool color;    /* text with the colours of a terminal */
  bool priority; /* "<4>" and so on before each line, as systemd's journal takes it: sd-daemon(3) */
  void (*sink)(void *payload, const char *line, size_t n); /* NULL: standard error */
  void *payload;
  /* Besides, each line as a JSON object, for whoever looks at the log from inside; NULL: nobody. */
  void (*tap)(void *payload, const char *json, size_t n);
  void *tap_payload;
};

/* What is known of an event besides its text. name is plain: a-z and '_'. */
struct ifl_log_field {
  const char *name;
  const char *value;
  size_t n;
  bool bare; /* a number, true or false: JSON has it without quotes */
};
#define IFL_LOG_FIELDS 16

/* Whether a line of that level and module would be written. module: short ("token", "http"). */
bool ifl_log_on(const struct ifl_log *log, enum ifl_level level, const char *module);
/* Gives a module a level of its own. False: there are too many, or the name is too long. */
bool ifl_log_set_module(struct ifl_log *log, const char *module, enum ifl_level level);

/* Writes, when the level is on, "2026-05-04T08:15:30.123Z info  http:        text\n", or the same as
 * a JSON object with time, level, module and message. The text passes ifl_log_redact; control
 * characters are escaped ("\n", "\u001b"); what is too long is cut. */
void ifl_log_write(struct ifl_log *log, enum ifl_level level, const char *module, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));
/* The same with fields: " sender=orders attempt=2" after the text, or members of the object. A value
 * is cut at 512 bytes; of more than IFL_LOG_FIELDS the rest is left out. */
void ifl_log_event(struct ifl_log *log, enum ifl_level level, const char *module, const char *text,
                   size_t n, const struct ifl_log_field *fields, size_t nfields);

/* Replaces, in place, what looks like a secret by "***": values of the header fields Authorization,
 * Proxy-Authorization, Cookie, Set-Cookie and X-CSRF-Token; client_secret=, password=, assertion=
 * and client_assertion= in forms; "access_token", "clientsecret", "client_secret", "key", "password"
 * in JSON; user:password@ in URLs; anything of the shape of a JWT; PEM private keys. Case-insensitive. Text never
 * grows. n is the length, a new length is returned. */
size_t ifl_log_redact(char *text, size_t n);

#endif
