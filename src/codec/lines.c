/* lines.c -- see lines.h. */
#include "codec/lines.h"

#include "base/error.h"

#include <string.h>

void ifl_lines_init(struct ifl_lines *l, size_t max, size_t length, bool bytes)
{
  memset(l, 0, sizeof *l);
  l->max = max > 0 ? max : IFL_LINES_MAX;
  l->length = length;
  l->bytes = bytes;
  ifl_feed_init(&l->feed, l->max + IFL_FEED_PIECE);
}

void ifl_lines_done(struct ifl_lines *l)
{
  ifl_feed_done(&l->feed);
}

int ifl_lines_feed(struct ifl_lines *l, const char **s, size_t *n, iflow_error *err)
{
  return ifl_feed_add(&l->feed, s, n, err);
}

void ifl_lines_end(struct ifl_lines *l)
{
  l->feed.ended = true;
}

/* Moves to the end of the line, or of the bytes; true at the end of the line. */
static bool find_break(struct ifl_lines *l)
{
  struct ifl_feed *f = &l->feed;
  const char *s = f->buf.data + f->at;
  size_t n = f->buf.len - f->at;
  const char *lf = memchr(s, '\n', n);
  if (lf != NULL) n = (size_t)(lf - s);
  const char *cr = memchr(s, '\r', n);
  if (cr != NULL) n = (size_t)(cr - s);
  f->at += n;
  return lf != NULL || cr != NULL;
}

/* The same for a stretch of fixed length: its end is where the next character begins. */
static bool find_length(struct ifl_lines *l)
{
  struct ifl_feed *f = &l->feed;
  for (; f->at < f->buf.len; f->at++) {
    if (!l->bytes && ((unsigned char)f->buf.data[f->at] & 0xc0) == 0x80) continue;
    if (l->counted == l->length) return true;
    l->counted++;
  }
  return l->bytes && l->counted == l->length;
}

/* Steps over the line break that the text ends at. */
static void pass_break(struct ifl_lines *l)
{
  l->after_cr = l->feed.buf.data[l->feed.at] == '\r';
  l->feed.at++;
}

static void begin_line(struct ifl_lines *l)
{
  struct ifl_feed *f = &l->feed;
  if (l->after_cr && f->buf.data[f->at] == '\n') f->at++;
  l->after_cr = false;
  f->start = f->at;
  l->counted = 0;
  l->too_long = false;
  l->in_line = f->at < f->buf.len;
  if (l->in_line) l->number++;
}

static int end_line(struct ifl_lines *l, bool at_break, iflow_error *err)
{
  l->in_line = false;
  l->n = l->feed.at - l->feed.start;
  l->text = l->feed.buf.data + l->feed.start;
  if (at_break && l->length == 0) pass_break(l);
  if (!l->too_long && l->n <= l->max) return 1;
  l->text = NULL;
  l->n = 0;
  return ifl_fail(err, IFLOW_ELIMIT, "a line of more than %zu bytes", l->max);
}

int ifl_lines_next(struct ifl_lines *l, iflow_error *err)
{
  struct ifl_feed *f = &l->feed;
  l->text = NULL;
  l->n = 0;
  if (!l->marked && !ifl_feed_skip_mark(f)) return 0;
  l->marked = true;
  if (!l->in_line) {
    f->start = f->at;
    if (f->at < f->buf.len) begin_line(l);
    if (!l->in_line) return 0;
  }
  bool at_break = l->length > 0 ? find_length(l) : find_break(l);
  if (at_break || f->ended) return end_line(l, at_break, err);
  if (l->too_long || f->at - f->start > l->max) {
    l->too_long = true;
    f->start = f->at; /* only its end is still looked for */
  }
  return 0;
}
