/* csv_write.c -- the CSV writer; see csv.h. */
#include "codec/csv.h"

#include "base/error.h"

#include <string.h>

static bool is_blank(char c)
{
  return c == ' ' || c == '\t';
}

static bool has_special(const struct ifl_csv_options *o, const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)s[i];
    if (c == o->delimiter || c == '\n' || c == '\r' || c == o->quote) return true;
  }
  return false;
}

/* Also what a reader could trim away, or take for a byte order mark. */
static bool needs_quotes(const struct ifl_csv_options *o, const char *s, size_t n)
{
  if (n == 0) return false;
  return is_blank(s[0]) || is_blank(s[n - 1]) || s[0] == '\xef' || has_special(o, s, n);
}

static int write_quoted(struct ifl_buf *out, char quote, const char *s, size_t n, iflow_error *err)
{
  const char *end = s + n;
  int rc = ifl_buf_add(out, &quote, 1, err);
  while (rc == 0 && s < end) {
    const char *inner = memchr(s, quote, (size_t)(end - s));
    size_t part = inner != NULL ? (size_t)(inner - s) + 1 : (size_t)(end - s);
    rc = ifl_buf_add(out, s, part, err);
    if (rc == 0 && inner != NULL) rc = ifl_buf_add(out, &quote, 1, err);
    s += part;
  }
  return rc < 0 ? rc : ifl_buf_add(out, &quote, 1, err);
}

int ifl_csv_write_field(struct ifl_buf *out, const struct ifl_csv_options *options, const char *s,
                        size_t n, bool in_quotes, iflow_error *err)
{
  bool quoting = options->quote != IFL_CSV_NO_QUOTE;
  if (quoting && (in_quotes || needs_quotes(options, s, n)))
    return write_quoted(out, (char)options->quote, s, n, err);
  if (!quoting && has_special(options, s, n))
    return ifl_fail(err, IFLOW_ETRANSFORMDATA,
                    "a field with a delimiter or a line break, and quotes are off");
  return ifl_buf_add(out, s, n, err);
}
