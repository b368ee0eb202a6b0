/* csv.c -- fuzz target: the CSV reader must find the same in a text however it is cut into pieces,
 * and what the writer makes of the records must be read as the same records. The first two bytes
 * choose the options and the size of the pieces. */
#include "base/buffer.h"
#include "codec/csv.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_MAX 256 /* small, so that it is met */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ifl_csv_options plain = { .delimiter = ',', .quote = '"' };

static void add(struct ifl_buf *b, const void *s, size_t n)
{
  if (ifl_buf_add(b, s, n, NULL) < 0) abort();
}

/* Writes what was found: records as CSV when `out` is wanted, and a note of everything. */
static void note(struct ifl_csv_reader *r, int rc, struct ifl_buf *notes, struct ifl_buf *out)
{
  struct {
    int rc;
    uint64_t line;
    size_t count, length;
  } head;
  memset(&head, 0, sizeof head);
  head.rc = rc;
  head.line = r->line;
  if (rc > 0) head.count = r->count;
  head.length = r->length;
  add(notes, &head, sizeof head);
  if (r->text != NULL) add(notes, r->text, r->length);
  for (size_t i = 0; i < head.count; i++) {
    size_t n = 0;
    const char *s = ifl_csv_reader_field(r, i, &n, NULL);
    if (s == NULL) abort();
    add(notes, s, n);
    if (i > 0) add(out, ",", 1);
    /* An empty line would be no record. */
    if (ifl_csv_write_field(out, &plain, s, n, head.count == 1 && n == 0, NULL) < 0) abort();
  }
  if (rc > 0) add(out, "\r\n", 2);
}

static void read_all(const struct ifl_csv_options *options, const char *s, size_t n, size_t piece,
                     struct ifl_buf *notes, struct ifl_buf *out)
{
  struct ifl_csv_reader r;
  ifl_csv_reader_init(&r, options);
  bool ended = false;
  for (;;) {
    int rc = ifl_csv_reader_next(&r, NULL);
    if (rc == IFLOW_ENOMEM) abort();
    if (rc != 0) {
      note(&r, rc, notes, out);
    } else if (n > 0) {
      size_t take = n < piece ? n : piece;
      n -= take;
      while (take > 0)
        if (ifl_csv_reader_feed(&r, &s, &take, NULL) < 0) abort();
    } else {
      if (ended) break;
      ifl_csv_reader_end(&r);
      ended = true;
    }
  }
  ifl_csv_reader_done(&r);
}

static void must_be_same(const struct ifl_buf *a, const struct ifl_buf *b)
{
  if (a->len != b->len || (a->len > 0 && memcmp(a->data, b->data, a->len) != 0)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2) return 0;
  unsigned how = data[0];
  struct ifl_csv_options options = {
    .delimiter = (how & 1) != 0 ? ';' : ',',
    .quote = (how & 2) != 0 ? IFL_CSV_NO_QUOTE : '"',
    .trim = (how & 4) != 0,
    .skip = (how >> 3) & 1,
    .record_max = (how & 16) != 0 ? RECORD_MAX : 0,
  };
  struct ifl_buf whole = IFL_BUF_INIT(1u << 30), pieces = IFL_BUF_INIT(1u << 30),
                 written = IFL_BUF_INIT(1u << 30), again = IFL_BUF_INIT(1u << 30),
                 twice = IFL_BUF_INIT(1u << 30);
  const char *text = (const char *)data + 2;
  read_all(&options, text, size - 2, size, &whole, &written);
  ifl_buf_clear(&again);
  read_all(&options, text, size - 2, (size_t)data[1] % 8 + 1, &pieces, &again);
  must_be_same(&whole, &pieces);
  if (written.len > 0) {
    ifl_buf_clear(&again);
    read_all(&plain, written.data, written.len, size, &again, &twice);
    must_be_same(&written, &twice);
  }
  ifl_buf_done(&whole);
  ifl_buf_done(&pieces);
  ifl_buf_done(&written);
  ifl_buf_done(&again);
  ifl_buf_done(&twice);
  return 0;
}
