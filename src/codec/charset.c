/* charset.c -- see charset.h. */
#include "codec/charset.h"

#include "base/error.h"
#include "base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NO_DESCRIPTOR ((iconv_t)-1)
#define UTF8_MAX      4  /* bytes of a character */
#define HELD_MAX      16 /* bytes of a character (or an escape sequence) at the end of a piece */
#define SIGN_MAX      16 /* bytes of a replacement */

struct ifl_charset {
  iconv_t convert, probe; /* probe: from -> UTF-32, opened when it is needed */
  char to[IFL_CHARSET_NAME_MAX], from[IFL_CHARSET_NAME_MAX];
  char held[HELD_MAX];
  size_t held_len;
  uint64_t offset; /* bytes converted so far */
  uint64_t replaced;
  bool replace;
  bool utf8;           /* the source is UTF-8 */
  bool simple;         /* characters of the source stand alone, in units of one byte */
  size_t unit;         /* bytes left out when they are no character */
  char sign[SIGN_MAX]; /* what stands for a character that cannot be converted */
  size_t sign_len;
};

/* iconv takes more than names: a suffix such as //IGNORE would change what errors mean. */
static bool is_name(const char *name)
{
  size_t n = strlen(name);
  if (n == 0 || n >= IFL_CHARSET_NAME_MAX) return false;
  for (size_t i = 0; i < n; i++) {
    unsigned char c = (unsigned char)name[i];
    if (!isalnum(c) && strchr("-_.:+()", c) == NULL) return false;
  }
  return true;
}

static int unknown(const char *name, iflow_error *err)
{
  ifl_fail(err, IFLOW_EINVAL, "there is no character set '%.64s'", name);
  ifl_hint(err, "the command `iconv -l` lists them");
  return IFLOW_EINVAL;
}

/* Which of the two names it is that iconv does not know. */
static int cannot_open(const char *to, const char *from, iflow_error *err)
{
  if (errno == ENOMEM) return ifl_fail_nomem(err);
  iconv_t cd = iconv_open("UTF-8", from);
  if (cd == NO_DESCRIPTOR) return unknown(from, err);
  iconv_close(cd);
  return unknown(to, err);
}

/* Converts s (at most 3 bytes of UTF-8): the bytes written, or 0. */
static size_t convert_sign(iconv_t cd, const char *s, char out[SIGN_MAX])
{
  char in[4] = "", *from = in, *to = out;
  size_t left = strlen(s), room = SIGN_MAX;
  memcpy(in, s, left);
  return iconv(cd, &from, &left, &to, &room) == (size_t)-1 ? 0 : SIGN_MAX - room;
}

/* Whether characters of the target depend on what was written before them. */
static bool has_shifts(iconv_t cd)
{
  char out[SIGN_MAX], *to = out;
  size_t room = SIGN_MAX;
  convert_sign(cd, "\xe3\x81\x82", out); /* a kana: it is in all sets that have shifts */
  iconv(cd, NULL, NULL, &to, &room);
  return room < SIGN_MAX;
}

/* How the source is made: of units of how many bytes, with shifts or not. */
static void look_at_source(ifl_charset *c)
{
  char out[SIGN_MAX];
  iconv_t cd = iconv_open(c->from, "UTF-8");
  c->utf8 = strcasecmp(c->from, "UTF-8") == 0 || strcasecmp(c->from, "UTF8") == 0;
  c->unit = 1;
  if (cd == NO_DESCRIPTOR) return;
  convert_sign(cd, "A", out);
  size_t n = convert_sign(cd, "A", out); /* the second: the first may have a byte order mark */
  c->unit = n == 2 || n == 4 ? n : 1;
  c->simple = c->unit == 1 && !has_shifts(cd);
  iconv_close(cd);
}

/* The replacement in the target: the second of two, for the first may have a byte order mark. */
static int make_sign(ifl_charset *c, iflow_error *err)
{
  static const char *const signs[] = { "\xef\xbf\xbd", "?" };
  iconv_t cd = iconv_open(c->to, "UTF-8");
  if (cd == NO_DESCRIPTOR) return unknown(c->to, err);
  bool shifts = has_shifts(cd);
  for (size_t i = 0; c->sign_len == 0 && i < 2; i++) {
    convert_sign(cd, signs[i], c->sign);
    c->sign_len = convert_sign(cd, signs[i], c->sign);
  }
  iconv_close(cd);
  if (!shifts) return 0;
  return ifl_fail(err, IFLOW_EINVAL, "nothing can be replaced in %s, which has shift states",
                  c->to);
}

int ifl_charset_new(ifl_charset **out, const char *to, const char *from, bool replace,
                    iflow_error *err)
{
  if (!is_name(from)) return unknown(from, err);
  if (!is_name(to)) return unknown(to, err);
  ifl_charset *c = calloc(1, sizeof *c);
  if (c == NULL) return ifl_fail_nomem(err);
  c->probe = NO_DESCRIPTOR;
  c->replace = replace;
  memcpy(c->to, to, strlen(to));
  memcpy(c->from, from, strlen(from));
  c->convert = iconv_open(to, from);
  int rc = c->convert == NO_DESCRIPTOR ? cannot_open(to, from, err) : 0;
  if (rc == 0) look_at_source(c);
  if (rc == 0 && replace) rc = make_sign(c, err);
  if (rc == 0) *out = c;
  else ifl_charset_free(c);
  return rc;
}

void ifl_charset_free(ifl_charset *c)
{
  if (c == NULL) return;
  if (c->convert != NO_DESCRIPTOR) iconv_close(c->convert);
  if (c->probe != NO_DESCRIPTOR) iconv_close(c->probe);
  free(c);
}

uint64_t ifl_charset_replaced(const ifl_charset *c)
{
  return c->replaced;
}

/* ---- what cannot be converted ---- */

/* How many bytes at s are one character of the source, or 0 when they are none. */
static size_t character_at(ifl_charset *c, const char *s, size_t n)
{
  if (!c->simple) return 0; /* it depends on what came before */
  if (c->probe == NO_DESCRIPTOR) c->probe = iconv_open("UTF-32LE", c->from);
  if (c->probe == NO_DESCRIPTOR) return 0;
  for (size_t len = 1; len <= n && len <= HELD_MAX; len++) {
    char in[HELD_MAX], out[64];
    char *from = in, *to = out;
    size_t left = len, room = sizeof out;
    memcpy(in, s, len);
    iconv(c->probe, NULL, NULL, NULL, NULL);
    errno = 0;
    if (iconv(c->probe, &from, &left, &to, &room) != (size_t)-1 && room < sizeof out) return len;
    if (errno == EILSEQ) return 0;
  }
  return 0;
}

static int fail_at(const ifl_charset *c, bool character, iflow_error *err)
{
  unsigned long long place = (unsigned long long)c->offset + 1;
  if (character) {
    ifl_fail(err, IFLOW_ETRANSFORMDATA, "the character at byte %llu does not exist in %s", place,
             c->to);
    ifl_hint(err, "choose another target, or read with invalid = \"replace\"");
  } else {
    ifl_fail(err, IFLOW_ETRANSFORMDATA, "byte %llu is not valid in %s%s%s", place, c->from,
             c->simple ? "" : ", or does not exist in ", c->simple ? "" : c->to);
    ifl_hint(err, "check what character set the data is in, or read with invalid = \"replace\"");
  }
  return IFLOW_ETRANSFORMDATA;
}

/* False: no room. */
static bool write_sign(ifl_charset *c, char *out, size_t cap, size_t *made)
{
  if (cap - *made < c->sign_len) return false;
  memcpy(out + *made, c->sign, c->sign_len);
  *made += c->sign_len;
  c->replaced++;
  return true;
}

/* ---- conversion ---- */

enum { TAKEN, FULL, PARTIAL, REFUSED };

/* How much of the source iconv may see. It takes characters above U+10FFFF, which RFC 3629 does not
 * have, so it gets only what is good; and the beginning of a character, which it knows as such. */
static size_t trusted(const ifl_charset *c, const char *s, size_t n)
{
  size_t good = 0, len = 1;
  if (!c->utf8) return n;
  while (good < n && (len = ifl_utf8_char(s + good, n - good)) > 0) good += len;
  return good == 0 && n < UTF8_MAX ? n : good;
}

/* One run of iconv: why it stopped. */
static int run(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap, size_t *made)
{
  char *from = (char *)(uintptr_t)*in, *to = out + *made; /* iconv does not write there */
  size_t room = cap - *made, given = trusted(c, *in, *n), left = given;
  if (given == 0) return REFUSED;
  size_t rc = iconv(c->convert, &from, &left, &to, &room);
  int errnum = rc == (size_t)-1 ? errno : 0;
  *in = from;
  *made = cap - room;
  *n -= given - left;
  c->offset += given - left;
  if (errnum == 0) return TAKEN;
  if (errnum == E2BIG) return FULL;
  return errnum == EINVAL ? PARTIAL : REFUSED;
}

/* The bytes at *in are refused: an error, or a replacement. FULL when it finds no room. */
static int refused(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap, size_t *made,
                   iflow_error *err)
{
  size_t len = character_at(c, *in, *n);
  if (!c->replace) return fail_at(c, len > 0, err);
  if (!write_sign(c, out, cap, made)) return FULL;
  if (len == 0) len = c->unit < *n ? c->unit : *n;
  *in += len;
  *n -= len;
  c->offset += len;
  return TAKEN;
}

/* Converts until the input is taken, ends within a character, or out is full. */
static int convert(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap, size_t *made,
                   iflow_error *err)
{
  int why = TAKEN;
  while (*n > 0) {
    why = run(c, in, n, out, cap, made);
    if (why == REFUSED) why = refused(c, in, n, out, cap, made, err);
    if (why != TAKEN) break;
  }
  return why;
}

/* Completes the held character with bytes of the next piece, one at a time. */
static int convert_held(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap,
                        size_t *made, iflow_error *err)
{
  int why = PARTIAL;
  while (why == PARTIAL && *n > 0) {
    if (c->held_len == HELD_MAX) return fail_at(c, false, err);
    c->held[c->held_len++] = *(*in)++;
    --*n;
    const char *from = c->held;
    size_t left = c->held_len;
    why = convert(c, &from, &left, out, cap, made, err);
    memmove(c->held, from, left);
    c->held_len = left;
  }
  return why < 0 || why == FULL ? why : 0;
}

int ifl_charset_step(ifl_charset *c, const char **in, size_t *n, char *out, size_t cap,
                     size_t *made, iflow_error *err)
{
  int why = TAKEN;
  *made = 0;
  while (c->held_len > 0 && *n > 0) {
    why = convert_held(c, in, n, out, cap, made, err);
    if (why != 0) return why < 0 ? why : 0;
  }
  if (*n > 0) why = convert(c, in, n, out, cap, made, err);
  if (why < 0) return why;
  if (why == FULL && *made == 0)
    return ifl_fail(err, IFLOW_EINTERNAL, "a character that needs more than %zu bytes", cap);
  if (why != PARTIAL) return 0;
  if (*n > HELD_MAX) return fail_at(c, false, err);
  memcpy(c->held, *in, *n);
  c->held_len = *n;
  *in += *n;
  *n = 0;
  return 0;
}

int ifl_charset_finish(ifl_charset *c, char *out, size_t cap, size_t *made, iflow_error *err)
{
  *made = 0;
  if (c->held_len > 0) {
    if (!c->replace) {
      ifl_fail(err, IFLOW_ETRANSFORMDATA, "the data ends within a character of %s, at byte %llu",
               c->from, (unsigned long long)c->offset + 1);
      return IFLOW_ETRANSFORMDATA;
    }
    write_sign(c, out, cap, made);
    c->held_len = 0;
  }
  char *to = out + *made;
  size_t room = cap - *made;
  if (iconv(c->convert, NULL, NULL, &to, &room) == (size_t)-1)
    return ifl_fail(err, IFLOW_EINTERNAL, "the end of the text needs more than %zu bytes", cap);
  *made = cap - room;
  return 0;
}
