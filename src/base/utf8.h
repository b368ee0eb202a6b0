/* utf8.h -- one check of UTF-8 for everybody. */
#ifndef IFL_BASE_UTF8_H
#define IFL_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character that starts at s (n > 0 bytes are there), or 0 when they are not UTF-8 as
 * RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. */
size_t ifl_utf8_char(const char *s, size_t n);

/* Writes the character cp (no surrogate, up to U+10FFFF) to out; returns its length. */
size_t ifl_utf8_put(char out[4], unsigned cp);

#endif
