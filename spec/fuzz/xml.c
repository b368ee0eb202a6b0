/* xml.c -- fuzz target: the reader's events go straight into the writer. A document must come out the
 * same when it is fed in small pieces, and what was written must be read to the same text again. The
 * first byte chooses the options, the second the size of the pieces. */
#include "codec/xml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct writer {
  struct ifl_xml_writer w;
  unsigned open[IFL_XML_DEPTH_MAX + 1]; /* the names of open elements */
  size_t depth;
};

static int write_event(struct writer *w, const ifl_xml_reader *r, const struct ifl_xml_event *e)
{
  size_t n = 0;
  const char *name = e->name != 0 ? ifl_xml_name(r, e->name, &n) : NULL;
  switch (e->kind) {
  case IFL_XML_START:
    if (w->depth == IFL_XML_DEPTH_MAX) abort();
    w->open[w->depth++] = e->name;
    return ifl_xml_write_start(&w->w, name, n, NULL);
  case IFL_XML_ATTRIBUTE: return ifl_xml_write_attribute(&w->w, name, n, e->text, e->len, NULL);
  case IFL_XML_TEXT: return ifl_xml_write_text(&w->w, e->text, e->len, NULL);
  case IFL_XML_END:
    if (w->depth == 0) abort();
    name = ifl_xml_name(r, w->open[--w->depth], &n);
    return ifl_xml_write_end(&w->w, name, n, NULL);
  default: return 0;
  }
}

/* Names that the writer takes are only there when they are given as written. */
static void drain(ifl_xml_reader *r, struct writer *w, bool written)
{
  struct ifl_xml_event e;
  while (ifl_xml_next(r, &e))
    if (written && write_event(w, r, &e) < 0) abort();
  if (w->depth != 0) abort(); /* records are given as a whole */
}

/* Whether text is XML; then out is that XML in our own words. */
static bool rewrite(struct ifl_buf *out, const struct ifl_xml_options *o, const char *text,
                    size_t n, size_t piece)
{
  static struct writer w; /* too large for the stack */
  ifl_xml_reader *r = NULL;
  int rc = 0;
  if (ifl_xml_reader_new(&r, o, NULL) < 0) abort();
  ifl_xml_writer_init(&w.w, out, false);
  w.depth = 0;
  bool written = o->naming == IFL_XML_NAMES_WRITTEN;
  do {
    size_t some = n < piece ? n : piece;
    rc = ifl_xml_feed(r, text, some, some == n, NULL);
    drain(r, &w, written);
    text += some;
    n -= some;
  } while (rc == 0 && n > 0);
  ifl_xml_reader_free(r);
  return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const char *const namespaces[] = { "", "urn:a", "b", "urn:b", NULL };
  if (size < 2) return 0;
  struct ifl_xml_options o = { .each = (data[0] & 4) != 0 ? "/a/*" : NULL,
                               .naming = (enum ifl_xml_naming)(data[0] % 4 % 3),
                               .namespaces = (data[0] & 8) != 0 ? namespaces : NULL,
                               .depth = 50,
                               .max_attributes = 20,
                               .max_text = 1000,
                               .max_record = 4000 };
  const char *text = (const char *)data + 2;
  struct ifl_buf once = IFL_BUF_INIT(64u << 20), pieces = IFL_BUF_INIT(64u << 20);
  bool good = rewrite(&once, &o, text, size - 2, SIZE_MAX);
  if (rewrite(&pieces, &o, text, size - 2, 1 + data[1] % 32u) != good) abort();
  if (once.len != pieces.len) abort();
  if (once.len > 0 && memcmp(once.data, pieces.data, once.len) != 0) abort();
  ifl_buf_clear(&pieces);
  if (good && o.each == NULL && once.len > 0) {
    o.max_record = 1u << 20; /* escapes make it longer */
    if (!rewrite(&pieces, &o, once.data, once.len, SIZE_MAX)) abort();
    if (once.len != pieces.len || memcmp(once.data, pieces.data, once.len) != 0) abort();
  }
  ifl_buf_done(&once);
  ifl_buf_done(&pieces);
  return 0;
}
