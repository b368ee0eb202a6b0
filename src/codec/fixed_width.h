/* fixed_width.h -- cuts a line into columns by position. Positions count characters of UTF-8, or
 * bytes. For bind/fixed_width.c. */
#ifndef IFL_CODEC_FIXED_WIDTH_H
#define IFL_CODEC_FIXED_WIDTH_H

#include "base/buffer.h"

#define IFL_FIXED_COLUMNS_MAX 16384
#define IFL_FIXED_WIDTH_MAX   1000000 /* the end of the last column */

enum { IFL_TRIM_LEFT = 1, IFL_TRIM_RIGHT = 2 };

struct ifl_column {
  size_t from, width; /* from 0 */
  int trim;           /* IFL_TRIM_…: blanks at these ends do not belong to the value */
};

struct ifl_cutter {
  const struct ifl_column *columns; /* borrowed */
  size_t count;
  bool bytes; /* positions count bytes */
  bool pad;   /* what a short line lacks counts as blanks, else the line is bad */
  /* private */
  struct ifl_buf places;
  size_t end;    /* of the columns */
  size_t length; /* of the line */
};

/* Columns may overlap and stand in any order. */
void ifl_cutter_init(struct ifl_cutter *c, const struct ifl_column *columns, size_t count,
                     bool bytes, bool pad);
void ifl_cutter_done(struct ifl_cutter *c);
/* Looks at a line: its columns can then be asked for. Errors: IFLOW_ETRANSFORMDATA (too short, or
 * not UTF-8), IFLOW_ENOMEM. */
int ifl_cutter_line(struct ifl_cutter *c, const char *line, size_t n, iflow_error *err);
/* Column i of that line; *n tells its length. */
const char *ifl_cutter_column(const struct ifl_cutter *c, const char *line, size_t i, size_t *n);

#endif
