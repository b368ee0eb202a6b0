/* json.c -- fuzz target: the reader's events go straight into the writer. What was read must be
 * written as JSON that is read to the same text again. The first byte chooses how it is written. */
#include "codec/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_event(struct ifl_json_writer *w, const struct ifl_json_reader *r, int event)
{
  switch (event) {
  case IFL_JSON_NULL: return ifl_json_write_null(w, NULL);
  case IFL_JSON_FALSE:
  case IFL_JSON_TRUE: return ifl_json_write_bool(w, event == IFL_JSON_TRUE, NULL);
  case IFL_JSON_INTEGER: return ifl_json_write_integer(w, r->integer, NULL);
  case IFL_JSON_NUMBER: return ifl_json_write_number(w, r->number, NULL);
  case IFL_JSON_STRING: return ifl_json_write_string(w, r->text, r->len, NULL);
  case IFL_JSON_NAME: return ifl_json_write_name(w, r->text, r->len, NULL);
  case IFL_JSON_OBJECT: return ifl_json_write_begin(w, '{', NULL);
  case IFL_JSON_OBJECT_END: return ifl_json_write_end(w, '}', NULL);
  case IFL_JSON_ARRAY: return ifl_json_write_begin(w, '[', NULL);
  case IFL_JSON_ARRAY_END: return ifl_json_write_end(w, ']', NULL);
  default: abort();
  }
}

/* Whether text is JSON; then out is that JSON in our own words. */
static bool rewrite(struct ifl_buf *out, const char *text, size_t n, bool pretty)
{
  struct ifl_json_reader r;
  struct ifl_json_writer w;
  int event;
  ifl_json_reader_init(&r, text, n, 200, IFL_JSON_BIG_REFUSE);
  ifl_json_writer_init(&w, out, pretty);
  while ((event = ifl_json_reader_next(&r, NULL)) > IFL_JSON_END)
    if (write_event(&w, &r, event) < 0) abort();
  ifl_json_reader_done(&r);
  return event == IFL_JSON_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0) return 0;
  struct ifl_buf once = IFL_BUF_INIT(64u << 20), twice = IFL_BUF_INIT(64u << 20);
  bool pretty = (data[0] & 1) != 0;
  if (rewrite(&once, (const char *)data + 1, size - 1, pretty)) {
    if (!rewrite(&twice, once.data, once.len, pretty)) abort();
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0) abort();
  }
  ifl_buf_done(&once);
  ifl_buf_done(&twice);
  return 0;
}
