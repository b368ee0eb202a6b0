/* charset_gzip.c -- fuzz target for the converters of bodies. With an odd first byte: gunzip of the
 * bytes, and gzip undone by gunzip. Else: the bytes from one character set into another, the same
 * however they are cut into pieces. The second byte chooses the sets or the size of the pieces. */
#include "base/buffer.h"
#include "codec/charset.h"
#include "codec/gunzip.h"
#include "codec/gzip.h"

#include <stdlib.h>
#include <string.h>

#define OUT_MAX   256
#define BOMB_STOP ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct ifl_buf *b, const void *s, size_t n)
{
  if (ifl_buf_add(b, s, n, NULL) < 0) abort();
}

/* ---- gzip ---- */

static bool unpack(struct ifl_buf *out, const char *s, size_t n, size_t cap)
{
  ifl_gunzip *g = NULL;
  char room[OUT_MAX];
  size_t made = 0;
  int rc = ifl_gunzip_new(&g, IFL_CODING_GZIP, NULL);
  do {
    if (rc == 0) rc = ifl_gunzip_step(g, &s, &n, room, cap, &made, NULL);
    if (rc == 0) add(out, room, made);
  } while (rc == 0 && (n > 0 || made == cap) && out->len < BOMB_STOP);
  bool complete = rc == 0 && n == 0 && ifl_gunzip_ended(g);
  ifl_gunzip_free(g);
  return complete;
}

static void pack(struct ifl_buf *out, const char *s, size_t n, size_t piece)
{
  ifl_gzip *g = NULL;
  char room[OUT_MAX];
  size_t made = 0;
  if (ifl_gzip_new(&g, 6, NULL) < 0) abort();
  while (n > 0) {
    size_t take = n < piece ? n : piece;
    n -= take;
    do {
      if (ifl_gzip_step(g, &s, &take, false, room, sizeof room, &made, NULL) < 0) abort();
      add(out, room, made);
    } while (take > 0 || made == sizeof room);
  }
  do {
    if (ifl_gzip_step(g, &s, &n, true, room, sizeof room, &made, NULL) < 0) abort();
    add(out, room, made);
  } while (made == sizeof room);
  ifl_gzip_free(g);
}

static void try_gzip(const char *s, size_t n, size_t piece)
{
  struct ifl_buf out = IFL_BUF_INIT(1u << 30), packed = IFL_BUF_INIT(1u << 30);
  unpack(&out, s, n, piece);
  pack(&packed, s, n, piece);
  ifl_buf_clear(&out);
  if (!unpack(&out, packed.data, packed.len, OUT_MAX) || out.len != n) abort();
  if (n > 0 && memcmp(out.data, s, n) != 0) abort();
  ifl_buf_done(&out);
  ifl_buf_done(&packed);
}

/* ---- character sets ---- */

static const char *const sets[][2] = {
  { "UTF-8", "UTF-8" },   { "CP1252", "UTF-8" }, { "UTF-8", "ISO-8859-1" },  { "UTF-16", "UTF-8" },
  { "UTF-8", "UTF-16" },  { "IBM037", "UTF-8" }, { "SHIFT_JIS", "UTF-8" },   { "GB18030", "UTF-8" },
  { "UTF-8", "GB18030" }, { "UTF-7", "UTF-8" },  { "ISO-2022-JP", "UTF-8" }, { "IBM930", "UTF-8" },
};
#define SETS (sizeof sets / sizeof *sets)
#define WITH_SHIFTS                                                                                \
  9 /* from here on: after an error the C library's own state is anybody's guess */

/* The code of the end goes into out, too. */
static void convert(struct ifl_buf *out, const uint8_t how, const char *s, size_t n, size_t piece)
{
  ifl_charset *c = NULL;
  char room[OUT_MAX];
  size_t made = 0;
  const char *const *set = sets[(how >> 1) % SETS];
  int rc = ifl_charset_new(&c, set[1], set[0], (how & 1) != 0, NULL);
  if (rc < 0) abort();
  while (rc == 0 && n > 0) {
    size_t take = n < piece ? n : piece;
    n -= take;
    while (rc == 0 && take > 0) {
      rc = ifl_charset_step(c, &s, &take, room, sizeof room, &made, NULL);
      add(out, room, made);
    }
  }
  if (rc == 0) {
    rc = ifl_charset_finish(c, room, sizeof room, &made, NULL);
    if (rc == 0) add(out, room, made);
  }
  add(out, &rc, sizeof rc);
  ifl_charset_free(c);
}

static void try_charset(uint8_t how, const char *s, size_t n)
{
  struct ifl_buf whole = IFL_BUF_INIT(1u << 30), pieces = IFL_BUF_INIT(1u << 30);
  convert(&whole, how, s, n, n);
  convert(&pieces, how, s, n, 1);
  bool same = whole.len == pieces.len && memcmp(whole.data, pieces.data, whole.len) == 0;
  bool replacing = (how & 1) != 0;
  if (!same && !(replacing && (how >> 1) % SETS >= WITH_SHIFTS)) abort();
  ifl_buf_done(&whole);
  ifl_buf_done(&pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2) return 0;
  const char *s = (const char *)data + 2;
  if ((data[0] & 1) != 0) try_gzip(s, size - 2, data[1] % 64u + 1);
  else try_charset(data[1], s, size - 2);
  return 0;
}
