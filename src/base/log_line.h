/* log_line.h -- how a line of the log looks. For log.c. */
#ifndef IFL_BASE_LOG_LINE_H
#define IFL_BASE_LOG_LINE_H

#include "base/log.h"

#define IFL_LOG_TEXT_MAX  8192 /* longer texts are cut; a cut secret is redacted like a whole one */
#define IFL_LOG_VALUE_MAX 512  /* of a field */
#define IFL_LOG_LINE_MAX  65536 /* room for the text, whatever has to be escaped, and for fields */

/* An event whose text is redacted. */
struct ifl_log_line {
  enum ifl_level level;
  const char *module;
  const char *text;
  size_t n;
  const struct ifl_log_field *fields; /* not redacted yet */
  size_t nfields;
};

/* Writes the line with its newline to out (IFL_LOG_LINE_MAX bytes); returns its length. */
size_t ifl_log_line(char *out, const struct ifl_log *log, const struct ifl_log_line *line);

#endif
