/* lines.c -- fuzz target: lines, or stretches of one length, and the columns cut out of them must be
 * the same however the text is cut into pieces. The first bytes choose the options. */
#include "base/buffer.h"
#include "codec/fixed_width.h"
#include "codec/lines.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_HERE 64 /* small, so that it is met */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct options {
  size_t max, length;
  bool bytes, pad;
};

static const struct ifl_column columns[] = {
  { 0, 3, IFL_TRIM_LEFT | IFL_TRIM_RIGHT }, { 2, 4, IFL_TRIM_RIGHT }, { 7, 1, 0 }, { 5, 9, 0 }
};
#define COLUMNS (sizeof columns / sizeof *columns)

static void add(struct ifl_buf *b, const void *s, size_t n)
{
  if (ifl_buf_add(b, s, n, NULL) < 0) abort();
}

static void note(const struct ifl_lines *l, struct ifl_cutter *c, int rc, struct ifl_buf *notes)
{
  int cut = rc > 0 ? ifl_cutter_line(c, l->text, l->n, NULL) : 0;
  add(notes, &rc, sizeof rc);
  add(notes, &cut, sizeof cut);
  add(notes, &l->number, sizeof l->number);
  if (l->text != NULL) add(notes, l->text, l->n);
  for (size_t i = 0; rc > 0 && cut == 0 && i < COLUMNS; i++) {
    size_t n = 0;
    const char *s = ifl_cutter_column(c, l->text, i, &n);
    if (s < l->text || s + n > l->text + l->n) abort();
    add(notes, s, n);
  }
}

static void read_all(const struct options *o, const char *s, size_t n, size_t piece,
                     struct ifl_buf *notes)
{
  struct ifl_lines l;
  struct ifl_cutter c;
  bool ended = false;
  ifl_lines_init(&l, o->max, o->length, o->bytes);
  ifl_cutter_init(&c, columns, COLUMNS, o->bytes, o->pad);
  for (;;) {
    int rc = ifl_lines_next(&l, NULL);
    if (rc != 0) {
      note(&l, &c, rc, notes);
    } else if (n > 0) {
      size_t take = n < piece ? n : piece;
      n -= take;
      while (take > 0)
        if (ifl_lines_feed(&l, &s, &take, NULL) < 0) abort();
    } else {
      if (ended) break;
      ifl_lines_end(&l);
      ended = true;
    }
  }
  ifl_lines_done(&l);
  ifl_cutter_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2) return 0;
  struct options o = {
    .max = (data[0] & 1) != 0 ? LINE_MAX_HERE : 0,
    .bytes = (data[0] & 2) != 0,
    .pad = (data[0] & 4) != 0,
    .length = (data[0] & 8) != 0 ? (data[0] >> 4) + 1u : 0,
  };
  struct ifl_buf whole = IFL_BUF_INIT(1u << 30), pieces = IFL_BUF_INIT(1u << 30);
  const char *text = (const char *)data + 2;
  read_all(&o, text, size - 2, size, &whole);
  read_all(&o, text, size - 2, (size_t)data[1] % 8 + 1, &pieces);
  if (whole.len != pieces.len || (whole.len > 0 && memcmp(whole.data, pieces.data, whole.len) != 0))
    abort();
  ifl_buf_done(&whole);
  ifl_buf_done(&pieces);
  return 0;
}
