/* csv.h -- CSV (RFC 4180) in both directions: a push parser that gives one record at a time and
 * keeps no more than that one, and a writer of fields. Knows nothing of Lua (bind/csv.c does).
 *
 * Lines end with LF, CRLF or CR. Empty lines are no records. A quote inside a field that does not
 * begin with one is data; text behind a closing quote makes the record bad. A bad record does not
 * end the reading: the next one follows. */
#ifndef IFL_CODEC_CSV_H
#define IFL_CODEC_CSV_H

#include "codec/feed.h"

#define IFL_CSV_RECORD_MAX  ((size_t)16 << 20) /* bytes of a record by default */
#define IFL_CSV_RECORD_CEIL ((size_t)1 << 30)  /* at most */
#define IFL_CSV_FIELDS_MAX  16384              /* fields of a record */

#define IFL_CSV_NO_QUOTE (-1)

struct ifl_csv_options {
  unsigned char delimiter;
  int quote;         /* a byte, or IFL_CSV_NO_QUOTE */
  bool trim;         /* blanks and tabs around a field do not belong to it */
  size_t skip;       /* lines before the first record */
  size_t record_max; /* bytes; 0: IFL_CSV_RECORD_MAX */
};

struct ifl_csv_field {
  size_t at, n;         /* in the record's text, without the quotes around it */
  bool quoted, escaped; /* escaped: with doubled quotes in it */
};

struct ifl_csv_reader {
  /* the record last returned, good or bad; void after the next call */
  const char *text; /* as it stands in the input, without the end of its line; NULL when too long */
  size_t length;
  size_t count; /* of fields */
  struct ifl_csv_field *fields;
  uint64_t line; /* its first, from 1 */
  /* private */
  struct ifl_csv_options options;
  struct ifl_feed feed;
  size_t fields_cap;
  struct ifl_buf scratch;
  size_t field_at, field_end, skip;
  uint64_t line_now, quote_line;
  int state, bad;
  bool marked, after_cr, quoted, escaped, in_cr;
  unsigned char class[256];
};

void ifl_csv_reader_init(struct ifl_csv_reader *r, const struct ifl_csv_options *options);
void ifl_csv_reader_done(struct ifl_csv_reader *r);
/* See feed.h. To be called when next() returned 0; ifl_csv_reader_end() when nothing is left. */
int ifl_csv_reader_feed(struct ifl_csv_reader *r, const char **s, size_t *n, iflow_error *err);
void ifl_csv_reader_end(struct ifl_csv_reader *r);
/* 1: a record; 0: more bytes are needed, or the end; negative: IFLOW_ETRANSFORMDATA or IFLOW_ELIMIT
 * for a bad record, after which reading goes on, or IFLOW_ENOMEM. */
int ifl_csv_reader_next(struct ifl_csv_reader *r, iflow_error *err);
/* The text of field i of the last record, which is `escaped`; see ifl_csv_reader_field(). */
const char *ifl_csv_reader_unescape(struct ifl_csv_reader *r, size_t i, size_t *n,
                                    iflow_error *err);

/* Field i of the last record, quotes undone, borrowed until the next call; *n is its length. NULL:
 * IFLOW_ENOMEM. Whether it was in quotes: r->fields[i].quoted. */
static inline const char *ifl_csv_reader_field(struct ifl_csv_reader *r, size_t i, size_t *n,
                                               iflow_error *err)
{
  if (r->fields[i].escaped) return ifl_csv_reader_unescape(r, i, n, err);
  *n = r->fields[i].n;
  return r->text + r->fields[i].at;
}

/* Adds a field's text, in quotes where they are needed or asked for. Separators and ends of lines
 * are the caller's. IFLOW_ETRANSFORMDATA when it needs quotes and there are none. (csv_write.c) */
int ifl_csv_write_field(struct ifl_buf *out, const struct ifl_csv_options *options, const char *s,
                        size_t n, bool in_quotes, iflow_error *err);

#endif
