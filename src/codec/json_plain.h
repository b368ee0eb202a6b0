/* json_plain.h -- what needs no look in a JSON text, eight bytes at a time: for reader and writer. */
#ifndef IFL_CODEC_JSON_PLAIN_H
#define IFL_CODEC_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IFL_EACH(byte) (0x0101010101010101u * (byte))

/* How many of the eight bytes come before the first control character, '"', '\\' or byte beyond
 * ASCII. A difference borrows only from the bytes behind one that was found: the first is right. */
static inline size_t ifl_json_plain_bytes(const char *s)
{
  uint64_t x;
  memcpy(&x, s, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x); /* the first byte is the lowest */
#endif
  uint64_t quote = x ^ IFL_EACH('"'), slash = x ^ IFL_EACH('\\');
  uint64_t found = x | (x - IFL_EACH(0x20)) | (quote - IFL_EACH(1)) | (slash - IFL_EACH(1));
  found &= IFL_EACH(0x80);
  return found == 0 ? 8 : (size_t)__builtin_ctzll(found) / 8;
}

/* Whether none of the eight bytes is such. */
static inline bool ifl_json_plain8(const char *s)
{
  return ifl_json_plain_bytes(s) == 8;
}

#endif
