/* json.h -- JSON as a stream of events, for messages: no tree, exact numbers, nothing allocated
 * besides one buffer for strings with escapes. RFC 8259, strictly. Knows nothing of Lua; the
 * binding builds tables from the events (bind/json.c). Documents with a known shape, which C code
 * reads itself, are for base/json.h. */
#ifndef IFL_CODEC_JSON_H
#define IFL_CODEC_JSON_H

#include "base/buffer.h"
#include "iflow.h"

#define IFL_JSON_DEPTH_MAX  1000 /* nesting, whatever the caller allows */
#define IFL_JSON_NUMBER_MAX 1000 /* characters of a number */

enum ifl_json_event {
  IFL_JSON_END, /* of the text */
  IFL_JSON_NULL,
  IFL_JSON_FALSE,
  IFL_JSON_TRUE,
  IFL_JSON_INTEGER, /* r->integer */
  IFL_JSON_NUMBER,  /* r->number */
  IFL_JSON_DIGITS,  /* r->text: a number that neither can hold, with IFL_JSON_BIG_TEXT */
  IFL_JSON_STRING,  /* r->text */
  IFL_JSON_NAME,    /* r->text: a member's name; its value follows */
  IFL_JSON_OBJECT,
  IFL_JSON_OBJECT_END,
  IFL_JSON_ARRAY,
  IFL_JSON_ARRAY_END
};

/* What becomes of an integer beyond 64 bits that is no exact double either (or of a number beyond
 * the range of doubles): refused, handed over as text, or (only in range) rounded. Decimals are
 * rounded to the nearest double; those that would change by that are handed over as text, too. */
enum ifl_json_big { IFL_JSON_BIG_REFUSE, IFL_JSON_BIG_TEXT, IFL_JSON_BIG_ROUND };

struct ifl_json_reader {
  /* the last event; text is borrowed until the next one */
  const char *text;
  size_t len;
  int64_t integer;
  double number;
  /* private */
  const char *start, *at, *end;
  struct ifl_buf scratch;
  enum ifl_json_big big;
  int state;
  size_t depth, depth_max;
  unsigned char objects[IFL_JSON_DEPTH_MAX / 8 + 1]; /* a bit a level: object or array */
};

/* text must stay; a byte order mark at its start is skipped. depth_max: 1 to IFL_JSON_DEPTH_MAX. */
void ifl_json_reader_init(struct ifl_json_reader *r, const char *text, size_t n, size_t depth_max,
                          enum ifl_json_big big);
void ifl_json_reader_done(struct ifl_json_reader *r);
/* The next event, or IFLOW_EJSON, IFLOW_EJSONNUMBER, IFLOW_ENOMEM with line and column; the text
 * itself never appears in the error. After an error or IFL_JSON_END it must not be called again. */
int ifl_json_reader_next(struct ifl_json_reader *r, iflow_error *err);
/* Whether the innermost open container is an object. */
bool ifl_json_reader_in_object(const struct ifl_json_reader *r);
/* Fills an error of the caller's own with the position of the last event: returns code. */
int ifl_json_reader_fail(const struct ifl_json_reader *r, int code, const char *what,
                         iflow_error *err);

/* Writes to out. The caller keeps the order (a name before each value in an object); commas and
 * line breaks are the writer's. Errors: IFLOW_EENCODE (not a finite number, not UTF-8), IFLOW_ELIMIT,
 * IFLOW_ENOMEM. (json_write.c) */
struct ifl_json_writer {
  struct ifl_buf *out;
  bool pretty; /* two spaces a level, one value a line */
  /* private */
  size_t depth;
  bool after_name, after_value;
};
void ifl_json_writer_init(struct ifl_json_writer *w, struct ifl_buf *out, bool pretty);
int ifl_json_write_null(struct ifl_json_writer *w, iflow_error *err);
int ifl_json_write_bool(struct ifl_json_writer *w, bool value, iflow_error *err);
int ifl_json_write_integer(struct ifl_json_writer *w, int64_t value, iflow_error *err);
/* A text that reads back as the same double, of as few digits as needed (15, 16 or 17); always with
 * a point or an exponent. */
int ifl_json_write_number(struct ifl_json_writer *w, double value, iflow_error *err);
int ifl_json_write_string(struct ifl_json_writer *w, const char *s, size_t n, iflow_error *err);
int ifl_json_write_name(struct ifl_json_writer *w, const char *s, size_t n, iflow_error *err);
int ifl_json_write_begin(struct ifl_json_writer *w, char bracket, iflow_error *err); /* '{' '[' */
int ifl_json_write_end(struct ifl_json_writer *w, char bracket, iflow_error *err);   /* '}' ']' */

#endif
