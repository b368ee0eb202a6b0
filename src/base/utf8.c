/* utf8.c -- see utf8.h. */
#include "base/utf8.h"

#include <stdbool.h>

static bool is_tail(unsigned char c)
{
  return (c & 0xc0) == 0x80;
}

size_t ifl_utf8_char(const char *text, size_t n)
{
  const unsigned char *s = (const unsigned char *)text;
  if (s[0] < 0x80) return 1;
  if (s[0] < 0xc2) return 0; /* a tail byte, or an overlong form of ASCII */
  if (s[0] < 0xe0) return n >= 2 && is_tail(s[1]) ? 2 : 0;
  if (s[0] < 0xf0) {
    if (n < 3 || !is_tail(s[1]) || !is_tail(s[2])) return 0;
    if (s[0] == 0xe0 && s[1] < 0xa0) return 0;  /* overlong */
    if (s[0] == 0xed && s[1] >= 0xa0) return 0; /* a surrogate */
    return 3;
  }
  if (s[0] > 0xf4 || n < 4 || !is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3])) return 0;
  if (s[0] == 0xf0 && s[1] < 0x90) return 0;  /* overlong */
  if (s[0] == 0xf4 && s[1] >= 0x90) return 0; /* above U+10FFFF */
  return 4;
}

size_t ifl_utf8_put(char out[4], unsigned cp)
{
  if (cp < 0x80) {
    out[0] = (char)cp;
    return 1;
  }
  size_t n = cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
  for (size_t i = n - 1; i > 0; i--, cp >>= 6) out[i] = (char)(0x80 | (cp & 0x3f));
  out[0] = (char)(lead[n] | cp);
  return n;
}
