/* json_plain.h -- what needs no look in a JSON text, eight bytes at a time: for reader and writer. */
#ifndef IFL_CODEC_JSON_PLAIN_H
#define IFL_CODEC_JSON_PLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define IFL_EACH(byte) (0x0101010101010101u * (byte))

/* Whether none of the eight bytes is a control character, '"', '\' or beyond ASCII. */
static inline bool ifl_json_plain8(const char *s)
{
  uint64_t x;
  memcpy(&x, s, sizeof x);
  uint64_t quote = x ^ IFL_EACH('"'), slash = x ^ IFL_EACH('\\');
  uint64_t found = x | (x - IFL_EACH(0x20)) | (quote - IFL_EACH(1)) | (slash - IFL_EACH(1));
  return (found & IFL_EACH(0x80)) == 0;
}

#endif
