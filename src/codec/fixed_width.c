/* fixed_width.c -- see fixed_width.h. */
#include "codec/fixed_width.h"

#include "base/error.h"
#include "base/utf8.h"

#include <string.h>

void ifl_cutter_init(struct ifl_cutter *c, const struct ifl_column *columns, size_t count,
                     bool bytes, bool pad)
{
  memset(c, 0, sizeof *c);
  c->columns = columns;
  c->count = count;
  c->bytes = bytes;
  c->pad = pad;
  for (size_t i = 0; i < count; i++)
    if (columns[i].from + columns[i].width > c->end) c->end = columns[i].from + columns[i].width;
  ifl_buf_init(&c->places, (IFL_FIXED_WIDTH_MAX + 1) * sizeof(size_t));
}

void ifl_cutter_done(struct ifl_cutter *c)
{
  ifl_buf_done(&c->places);
}

static bool is_ascii(const char *s, size_t n)
{
  unsigned char all = 0;
  for (size_t i = 0; i < n; i++) all |= (unsigned char)s[i];
  return all < 0x80;
}

static int too_short(const struct ifl_cutter *c, size_t length, iflow_error *err)
{
  if (c->pad) return 0;
  ifl_fail(err, IFLOW_ETRANSFORMDATA, "the line has %zu %s, the columns need %zu", length,
           c->bytes ? "bytes" : "characters", c->end);
  ifl_hint(err, "if blanks at the ends of lines were cut off, read with short = \"pad\"");
  return IFLOW_ETRANSFORMDATA;
}

static int not_utf8(size_t at, iflow_error *err)
{
  ifl_fail(err, IFLOW_ETRANSFORMDATA, "byte %zu of the line is not UTF-8", at + 1);
  ifl_hint(err, "put charset { from = \"CP1252\" } (or what the file is in) before fixed_width");
  return IFLOW_ETRANSFORMDATA;
}

/* Notes where each character begins, up to the end of the columns. */
static int note_places(struct ifl_cutter *c, const char *line, size_t n, iflow_error *err)
{
  size_t at = 0, chars = 0;
  int rc = ifl_buf_reserve(&c->places, (c->end + 1) * sizeof at, err);
  while (rc == 0 && at < n && chars < c->end) {
    rc = ifl_buf_add(&c->places, &at, sizeof at, err);
    size_t len = ifl_utf8_char(line + at, n - at);
    if (len == 0) return not_utf8(at, err);
    at += len;
    chars++;
  }
  if (rc < 0) return rc;
  if (chars < c->end && too_short(c, chars, err) < 0) return IFLOW_ETRANSFORMDATA;
  for (; rc == 0 && chars <= c->end; chars++) rc = ifl_buf_add(&c->places, &at, sizeof at, err);
  return rc;
}

int ifl_cutter_line(struct ifl_cutter *c, const char *line, size_t n, iflow_error *err)
{
  ifl_buf_clear(&c->places);
  c->length = n;
  if (!c->bytes && !is_ascii(line, n)) return note_places(c, line, n, err);
  return n < c->end ? too_short(c, n, err) : 0;
}

/* The byte at which character i begins, or the line ends. */
static size_t place(const struct ifl_cutter *c, size_t i)
{
  size_t at;
  if (c->places.len == 0) return i < c->length ? i : c->length;
  memcpy(&at, c->places.data + i * sizeof at, sizeof at);
  return at;
}

const char *ifl_cutter_column(const struct ifl_cutter *c, const char *line, size_t i, size_t *n)
{
  const struct ifl_column *column = &c->columns[i];
  size_t at = place(c, column->from), end = place(c, column->from + column->width);
  if (column->trim & IFL_TRIM_RIGHT)
    while (end > at && line[end - 1] == ' ') end--;
  if (column->trim & IFL_TRIM_LEFT)
    while (at < end && line[at] == ' ') at++;
  *n = end - at;
  return line + at;
}
