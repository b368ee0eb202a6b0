/* xml_write.c -- the writer of codec/xml.h. */
#include "codec/xml.h"

#include "base/error.h"
#include "base/utf8.h"

#include <string.h>

#define NO_TEXT SIZE_MAX

void ifl_xml_writer_init(struct ifl_xml_writer *w, struct ifl_buf *out, bool pretty)
{
  *w = (struct ifl_xml_writer) { .out = out, .pretty = pretty, .text_depth = NO_TEXT };
}

int ifl_xml_write_declaration(struct ifl_xml_writer *w, iflow_error *err)
{
  int rc = ifl_buf_adds(w->out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>", err);
  w->after_end = true;
  return rc < 0 || w->pretty ? rc : ifl_buf_add(w->out, "\n", 1, err);
}

/* ---- characters ---- */

static bool is_noncharacter(const char *s, size_t n) /* U+FFFE and U+FFFF */
{
  return n == 3 && memcmp(s, "\xef\xbf", 2) == 0 && (unsigned char)s[2] >= 0xbe;
}

/* What a byte below 0x80 becomes: itself (NULL), an escape, or "" when XML has no way to hold it.
 * A carriage return, and in attributes any white space, would be read back as something else. */
static const char *escape_of(unsigned char c, bool attribute)
{
  switch (c) {
  case '&': return "&amp;";
  case '<': return "&lt;";
  case '>': return "&gt;";
  case '\r': return "&#13;";
  case '"': return attribute ? "&quot;" : NULL;
  case '\t': return attribute ? "&#9;" : NULL;
  case '\n': return attribute ? "&#10;" : NULL;
  default: return c < 0x20 ? "" : NULL;
  }
}

int ifl_xml_escape(struct ifl_buf *out, const char *s, size_t n, bool attribute, iflow_error *err)
{
  size_t plain = 0; /* the first byte that is not yet written */
  int rc = 0;
  for (size_t i = 0; rc == 0 && i < n;) {
    size_t len = ifl_utf8_char(s + i, n - i);
    if (len == 0) return ifl_fail(err, IFLOW_ETRANSFORMDATA, "a text is not UTF-8");
    const char *escape = len == 1 ? escape_of((unsigned char)s[i], attribute) : NULL;
    if (is_noncharacter(s + i, len) || (escape != NULL && *escape == '\0'))
      return ifl_fail(err, IFLOW_ETRANSFORMDATA,
                      "a text has a control character, which XML cannot hold");
    if (escape != NULL) {
      rc = ifl_buf_add(out, s + plain, i - plain, err);
      if (rc == 0) rc = ifl_buf_adds(out, escape, err);
      plain = i + 1;
    }
    i += len;
  }
  return rc < 0 ? rc : ifl_buf_add(out, s + plain, n - plain, err);
}

/* ---- elements ---- */

static int check_name(const char *name, size_t n, iflow_error *err)
{
  if (ifl_xml_is_qname(name, n)) return 0;
  return ifl_fail(err, IFLOW_ETRANSFORMDATA, "'%.*s' cannot be a name in XML",
                  n < 100 ? (int)n : 100, name);
}

static int close_tag(struct ifl_xml_writer *w, iflow_error *err)
{
  if (!w->open) return 0;
  w->open = false;
  return ifl_buf_add(w->out, ">", 1, err);
}

static int new_line(struct ifl_xml_writer *w, iflow_error *err)
{
  int rc = ifl_buf_add(w->out, "\n", 1, err);
  for (size_t i = 0; rc == 0 && i < w->depth; i++) rc = ifl_buf_add(w->out, "  ", 2, err);
  return rc;
}

int ifl_xml_write_start(struct ifl_xml_writer *w, const char *name, size_t n, iflow_error *err)
{
  int rc = check_name(name, n, err);
  if (rc == 0) rc = close_tag(w, err);
  if (rc == 0 && w->pretty && w->text_depth == NO_TEXT && w->out->len > 0) rc = new_line(w, err);
  if (rc == 0) rc = ifl_buf_add(w->out, "<", 1, err);
  if (rc == 0) rc = ifl_buf_add(w->out, name, n, err);
  w->depth++;
  w->open = true;
  w->after_end = false;
  return rc;
}

int ifl_xml_write_attribute(struct ifl_xml_writer *w, const char *name, size_t n, const char *value,
                            size_t value_len, iflow_error *err)
{
  int rc = check_name(name, n, err);
  if (rc == 0) rc = ifl_buf_add(w->out, " ", 1, err);
  if (rc == 0) rc = ifl_buf_add(w->out, name, n, err);
  if (rc == 0) rc = ifl_buf_add(w->out, "=\"", 2, err);
  if (rc == 0) rc = ifl_xml_escape(w->out, value, value_len, true, err);
  return rc < 0 ? rc : ifl_buf_add(w->out, "\"", 1, err);
}

int ifl_xml_write_text(struct ifl_xml_writer *w, const char *s, size_t n, iflow_error *err)
{
  if (w->text_depth == NO_TEXT) w->text_depth = w->depth;
  if (n == 0) return 0;
  int rc = close_tag(w, err);
  return rc < 0 ? rc : ifl_xml_escape(w->out, s, n, false, err);
}

int ifl_xml_write_end(struct ifl_xml_writer *w, const char *name, size_t n, iflow_error *err)
{
  bool has_text = w->text_depth != NO_TEXT;
  int rc = 0;
  if (w->text_depth == w->depth) w->text_depth = NO_TEXT;
  w->depth--;
  if (w->open) {
    w->open = false;
    rc = ifl_buf_add(w->out, "/>", 2, err);
  } else {
    if (w->pretty && !has_text && w->after_end) rc = new_line(w, err);
    if (rc == 0) rc = ifl_buf_add(w->out, "</", 2, err);
    if (rc == 0) rc = ifl_buf_add(w->out, name, n, err);
    if (rc == 0) rc = ifl_buf_add(w->out, ">", 1, err);
  }
  w->after_end = true;
  return rc;
}
