/* csv.c -- the CSV reader; see csv.h. Every byte is looked at once: what a field is made of is only
 * noted, its text stays where it is until somebody asks for it. */
#include "codec/csv.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

/* What a byte means; in a field without quotes all up to QUOTE are data. */
enum { OTHER, BLANK, QUOTE, DELIMITER, CR, LF };

enum {
  START,  /* of a record */
  FIELD,  /* start of a field */
  PLAIN,  /* in one without quotes */
  QUOTED, /* in one with quotes */
  CLOSED, /* right behind a quote in it: the end, or the first of a pair */
  BEHIND  /* blanks behind the closing quote */
};

enum { FINE, TEXT_BEHIND, UNCLOSED, TOO_LONG, TOO_MANY };

static void classify(struct ifl_csv_reader *r, const struct ifl_csv_options *o)
{
  if (o->trim) r->class[' '] = r->class['\t'] = BLANK;
  if (o->quote != IFL_CSV_NO_QUOTE) r->class[o->quote & 0xff] = QUOTE;
  r->class[o->delimiter] = DELIMITER;
  r->class['\r'] = CR;
  r->class['\n'] = LF;
}

void ifl_csv_reader_init(struct ifl_csv_reader *r, const struct ifl_csv_options *options)
{
  memset(r, 0, sizeof *r);
  r->options = *options;
  if (r->options.record_max == 0) r->options.record_max = IFL_CSV_RECORD_MAX;
  r->skip = options->skip;
  r->line_now = 1;
  classify(r, options);
  ifl_feed_init(&r->feed, r->options.record_max + IFL_FEED_PIECE);
  ifl_buf_init(&r->scratch, r->options.record_max + IFL_FEED_PIECE);
}

void ifl_csv_reader_done(struct ifl_csv_reader *r)
{
  ifl_feed_done(&r->feed);
  free(r->fields);
  r->fields = NULL;
  r->fields_cap = r->count = 0;
  ifl_buf_done(&r->scratch);
}

int ifl_csv_reader_feed(struct ifl_csv_reader *r, const char **s, size_t *n, iflow_error *err)
{
  return ifl_feed_add(&r->feed, s, n, err);
}

void ifl_csv_reader_end(struct ifl_csv_reader *r)
{
  r->feed.ended = true;
}

/* ---- fields ---- */

static size_t position(const struct ifl_csv_reader *r)
{
  return r->feed.at - r->feed.start;
}

static size_t without_blanks(const struct ifl_csv_reader *r, size_t at, size_t end)
{
  const unsigned char *text = (const unsigned char *)r->feed.buf.data + r->feed.start;
  while (end > at && r->class[text[end - 1]] == BLANK) end--;
  return end;
}

static int more_fields(struct ifl_csv_reader *r, iflow_error *err)
{
  size_t cap = r->fields_cap > 0 ? r->fields_cap * 2 : 64;
  struct ifl_csv_field *fields = realloc(r->fields, cap * sizeof *fields);
  if (fields == NULL) return ifl_fail_nomem(err);
  r->fields = fields;
  r->fields_cap = cap;
  return 0;
}

/* The field from field_at to end is complete. */
static int add_field(struct ifl_csv_reader *r, size_t end, iflow_error *err)
{
  if (r->bad != FINE) return 0;
  if (r->count == IFL_CSV_FIELDS_MAX) {
    r->bad = TOO_MANY;
    return 0;
  }
  if (!r->quoted && r->options.trim) end = without_blanks(r, r->field_at, end);
  if (r->count == r->fields_cap && more_fields(r, err) < 0) return IFLOW_ENOMEM;
  struct ifl_csv_field *field = &r->fields[r->count++];
  field->at = r->field_at;
  field->n = end - r->field_at;
  field->quoted = r->quoted;
  field->escaped = r->escaped;
  return 0;
}

/* At a delimiter or the end of a line, which it steps over: 1 when the record ends with it. */
static int end_field(struct ifl_csv_reader *r, size_t end, iflow_error *err)
{
  int rc = add_field(r, end, err);
  unsigned char class = r->class[(unsigned char)r->feed.buf.data[r->feed.at]];
  r->length = position(r);
  r->feed.at++;
  r->state = class == DELIMITER ? FIELD : START;
  r->after_cr = class == CR;
  if (rc < 0 || class == DELIMITER) return rc;
  r->line_now++;
  return 1;
}

/* ---- the states ---- */

static void in_field_start(struct ifl_csv_reader *r)
{
  unsigned char class = r->class[(unsigned char)r->feed.buf.data[r->feed.at]];
  r->field_at = position(r);
  r->quoted = r->escaped = false;
  if (class == BLANK) {
    r->feed.at++;
  } else if (class == QUOTE) {
    r->feed.at++;
    r->field_at++;
    r->quoted = true;
    r->in_cr = false;
    r->quote_line = r->line_now;
    r->state = QUOTED;
  } else {
    r->state = PLAIN;
  }
}

/* Adds the plain fields that follow each other, as most do. The one it stops in is in_plain()'s. */
static void plain_fields(struct ifl_csv_reader *r)
{
  const unsigned char *s = (const unsigned char *)r->feed.buf.data + r->feed.start;
  size_t at = position(r), end = r->feed.buf.len - r->feed.start;
  size_t from = r->field_at, count = r->count, room = r->fields_cap;
  struct ifl_csv_field *fields = r->fields;
  for (;;) {
    while (at < end && r->class[s[at]] < DELIMITER) at++;
    if (end - at < 2 || count == room) break;
    if (r->class[s[at]] != DELIMITER || r->class[s[at + 1]] == QUOTE) break;
    fields[count++] = (struct ifl_csv_field) { from, at - from, false, false };
    from = ++at;
  }
  r->field_at = from;
  r->count = count;
  r->feed.at = r->feed.start + at;
}

static int in_plain(struct ifl_csv_reader *r, iflow_error *err)
{
  const unsigned char *s = (const unsigned char *)r->feed.buf.data;
  if (r->bad == FINE && !r->options.trim) plain_fields(r);
  size_t at = r->feed.at, end = r->feed.buf.len;
  while (at < end && r->class[s[at]] < DELIMITER) at++;
  r->feed.at = at;
  return at < end ? end_field(r, position(r), err) : 0;
}

static void in_quoted(struct ifl_csv_reader *r)
{
  const unsigned char *s = (const unsigned char *)r->feed.buf.data;
  size_t at = r->feed.at, end = r->feed.buf.len;
  bool in_cr = r->in_cr;
  for (; at < end; at++) {
    unsigned char class = r->class[s[at]];
    if (class == QUOTE) {
      if (at + 1 == end || r->class[s[at + 1]] != QUOTE) break;
      r->escaped = true;
      at++;
    }
    if (class == CR || (class == LF && !in_cr)) r->line_now++;
    in_cr = class == CR;
  }
  r->in_cr = in_cr;
  r->feed.at = at;
  if (at == end) return;
  r->field_end = position(r);
  r->feed.at++;
  r->state = CLOSED;
}

static int in_closed(struct ifl_csv_reader *r, iflow_error *err)
{
  unsigned char class = r->class[(unsigned char)r->feed.buf.data[r->feed.at]];
  if (class >= DELIMITER) return end_field(r, r->field_end, err);
  if (class == QUOTE && r->state == CLOSED) {
    r->escaped = true;
    r->in_cr = false;
    r->state = QUOTED;
    r->feed.at++;
  } else if (class == BLANK) {
    r->state = BEHIND;
    r->feed.at++;
  } else {
    if (r->bad == FINE) r->bad = TEXT_BEHIND;
    r->state = PLAIN;
  }
  return 0;
}

/* The LF of a CRLF belongs to the record before. */
static void in_start(struct ifl_csv_reader *r)
{
  if (r->after_cr && r->feed.buf.data[r->feed.at] == '\n') r->feed.at++;
  else r->state = FIELD;
  r->after_cr = false;
  r->feed.start = r->feed.at;
  r->line = r->line_now;
}

/* 1: a record is complete; 0: the bytes are used up. */
static int scan(struct ifl_csv_reader *r, iflow_error *err)
{
  int rc = 0;
  while (rc == 0 && r->feed.at < r->feed.buf.len) {
    switch (r->state) {
    case START: in_start(r); break;
    case FIELD: in_field_start(r); break;
    case PLAIN: rc = in_plain(r, err); break;
    case QUOTED: in_quoted(r); break;
    default: rc = in_closed(r, err); break;
    }
  }
  return rc;
}

/* ---- records ---- */

static void drop_record(struct ifl_csv_reader *r)
{
  r->feed.start = r->feed.at;
  r->text = NULL;
  r->length = r->count = 0;
  r->bad = FINE;
}

/* The input ends inside a record: 1. */
static int last_record(struct ifl_csv_reader *r, iflow_error *err)
{
  int rc = 0;
  if (r->state == FIELD) {
    r->field_at = position(r);
    r->quoted = r->escaped = false;
  }
  if (r->state == QUOTED) r->bad = r->bad == TOO_LONG ? TOO_LONG : UNCLOSED;
  else rc = add_field(r, r->quoted ? r->field_end : position(r), err);
  r->length = position(r);
  r->state = START;
  return rc < 0 ? rc : 1;
}

/* What is kept of a record that never ends must not grow: only its end is still looked for. */
static void check_length(struct ifl_csv_reader *r)
{
  if (r->state != START && position(r) > r->options.record_max) r->bad = TOO_LONG;
  if (r->bad == TOO_LONG) r->feed.start = r->feed.at;
}

static bool is_empty_line(const struct ifl_csv_reader *r)
{
  return r->bad == FINE && r->count == 1 && r->fields[0].n == 0 && !r->fields[0].quoted;
}

static int fail_record(struct ifl_csv_reader *r, iflow_error *err)
{
  switch (r->bad) {
  case TEXT_BEHIND:
    ifl_fail(err, IFLOW_ETRANSFORMDATA, "text follows a closing quote");
    ifl_hint(err, "a quote inside a quoted field is written twice");
    return IFLOW_ETRANSFORMDATA;
  case UNCLOSED:
    ifl_fail(err, IFLOW_ETRANSFORMDATA, "the quote opened in line %llu is never closed",
             (unsigned long long)r->quote_line);
    ifl_hint(err, "close it, or read with quote = false when quotes have no meaning here");
    return IFLOW_ETRANSFORMDATA;
  case TOO_MANY:
    return ifl_fail(err, IFLOW_ELIMIT, "a record of more than %d fields", IFL_CSV_FIELDS_MAX);
  default:
    r->text = NULL;
    r->length = 0;
    ifl_fail(err, IFLOW_ELIMIT, "a record of more than %zu bytes", r->options.record_max);
    ifl_hint(err, "look for a quote that is never closed, or raise max_record");
    return IFLOW_ELIMIT;
  }
}

/* Steps over a byte order mark and the lines to skip: false when more bytes are needed. */
static bool begin_input(struct ifl_csv_reader *r)
{
  struct ifl_feed *f = &r->feed;
  if (!r->marked && !ifl_feed_skip_mark(f)) return false;
  r->marked = true;
  for (; r->skip > 0 && f->at < f->buf.len; f->at++) {
    char c = f->buf.data[f->at];
    bool second = r->after_cr && c == '\n';
    r->after_cr = c == '\r';
    if (second || (c != '\r' && c != '\n')) continue;
    r->skip--;
    r->line_now++;
  }
  f->start = f->at;
  return r->skip == 0;
}

int ifl_csv_reader_next(struct ifl_csv_reader *r, iflow_error *err)
{
  if (r->state == START) drop_record(r);
  if ((!r->marked || r->skip > 0) && !begin_input(r)) return 0;
  for (;;) {
    int rc = scan(r, err);
    if (rc == 0 && r->feed.ended && r->state != START) rc = last_record(r, err);
    if (rc < 0) return rc;
    if (rc == 0) {
      check_length(r);
      return 0;
    }
    if (r->length > r->options.record_max) r->bad = TOO_LONG;
    r->text = r->feed.buf.data + r->feed.start;
    if (r->bad != FINE) return fail_record(r, err);
    if (!is_empty_line(r)) return 1;
    drop_record(r);
  }
}

const char *ifl_csv_reader_unescape(struct ifl_csv_reader *r, size_t i, size_t *n, iflow_error *err)
{
  const struct ifl_csv_field *field = &r->fields[i];
  const char *s = r->text + field->at, *end = s + field->n;
  ifl_buf_clear(&r->scratch);
  if (ifl_buf_reserve(&r->scratch, field->n, err) < 0) return NULL;
  char *out = r->scratch.data, quote = (char)r->options.quote;
  while (s < end) { /* the first quote of each pair stays, the second goes */
    char c = *out++ = *s++;
    if (c == quote) s++;
  }
  *n = (size_t)(out - r->scratch.data);
  return r->scratch.data;
}
