/* lines.h -- a push parser that gives one line at a time, or one stretch of fixed length where there
 * are no line breaks. For fixed_width and lines (bind/lines.c, bind/fixed_width.c). Lines end with
 * LF, CRLF or CR; a byte order mark at the start of the input is left out. */
#ifndef IFL_CODEC_LINES_H
#define IFL_CODEC_LINES_H

#include "codec/feed.h"

#define IFL_LINES_MAX  ((size_t)16 << 20) /* bytes of a line by default */
#define IFL_LINES_CEIL ((size_t)1 << 30)  /* at most */

struct ifl_lines {
  /* the line last returned, without its end; void after the next call. NULL when it is too long */
  const char *text;
  size_t n;
  uint64_t number; /* from 1 */
  /* private */
  struct ifl_feed feed;
  size_t max, length, counted;
  bool bytes, marked, after_cr, in_line, too_long;
};

/* max: bytes of a line, 0 for IFL_LINES_MAX. length: 0 for lines, else the characters (of UTF-8) or
 * bytes of each stretch; the last one may be shorter. */
void ifl_lines_init(struct ifl_lines *l, size_t max, size_t length, bool bytes);
void ifl_lines_done(struct ifl_lines *l);
/* See feed.h. To be called when next() returned 0; ifl_lines_end() when nothing is left. */
int ifl_lines_feed(struct ifl_lines *l, const char **s, size_t *n, iflow_error *err);
void ifl_lines_end(struct ifl_lines *l);
/* 1: a line; 0: more bytes are needed, or the end; IFLOW_ELIMIT: a line is too long, the next one
 * follows. */
int ifl_lines_next(struct ifl_lines *l, iflow_error *err);

#endif
