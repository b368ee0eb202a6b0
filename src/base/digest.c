/* digest.c -- see digest.h. */
#include "base/digest.h"

#include "base/error.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <string.h>

static void to_hex(char *hex, const unsigned char *d, size_t n)
{
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < n; i++) {
    hex[2 * i] = digits[d[i] >> 4];
    hex[2 * i + 1] = digits[d[i] & 15];
  }
  hex[2 * n] = '\0';
}

void ifl_sha256(unsigned char out[32], const void *data, size_t n)
{
  SHA256(n > 0 ? data : (const unsigned char *)"", n, out);
}

void ifl_sha256_hex(char hex[65], const void *data, size_t n)
{
  unsigned char d[32];
  ifl_sha256(d, data, n);
  to_hex(hex, d, sizeof d);
}

void ifl_sha256_hex_parts(char hex[65], const void *a, size_t an, const void *b, size_t bn)
{
  unsigned char parts[64], d[32];
  ifl_sha256(parts, a, an); /* hashing each part first separates them without a length field */
  ifl_sha256(parts + 32, b, bn);
  ifl_sha256(d, parts, sizeof parts);
  to_hex(hex, d, sizeof d);
}

size_t ifl_base64_size(size_t n)
{
  return (n + 2) / 3 * 4 + 1;
}

static size_t encode(char *out, const void *data, size_t n, const char *abc, bool pad)
{
  const unsigned char *p = data;
  char *o = out;
  for (; n >= 3; n -= 3, p += 3) {
    *o++ = abc[p[0] >> 2];
    *o++ = abc[(p[0] & 3) << 4 | p[1] >> 4];
    *o++ = abc[(p[1] & 15) << 2 | p[2] >> 6];
    *o++ = abc[p[2] & 63];
  }
  if (n > 0) {
    unsigned second = n == 2 ? p[1] : 0;
    *o++ = abc[p[0] >> 2];
    *o++ = abc[(p[0] & 3) << 4 | second >> 4];
    if (n == 2) *o++ = abc[(second & 15) << 2];
    for (size_t i = n; pad && i < 3; i++) *o++ = '=';
  }
  *o = '\0';
  return (size_t)(o - out);
}

size_t ifl_base64(char *out, const void *data, size_t n)
{
  static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return encode(out, data, n, abc, true);
}

size_t ifl_base64url(char *out, const void *data, size_t n)
{
  static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return encode(out, data, n, abc, false);
}

static int value_of(char c)
{
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

long ifl_base64_decode(unsigned char *out, const char *text, size_t n)
{
  unsigned long acc = 0;
  int bits = 0;
  long len = 0;
  size_t pads = 0;
  while (n > 0 && pads < 2 && text[n - 1] == '=') n--, pads++;
  if (n % 4 == 1 || (pads > 0 && (n + pads) % 4 != 0)) return -1;
  for (size_t i = 0; i < n; i++) {
    int v = value_of(text[i]);
    if (v < 0) return -1;
    acc = (acc << 6 | (unsigned long)v) & 0xffffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out[len++] = (unsigned char)(acc >> bits & 0xff);
  }
  return len;
}

int ifl_random(void *out, size_t n, iflow_error *err)
{
  if (n > 1u << 20 || RAND_bytes(out, (int)n) != 1)
    return ifl_fail(err, IFLOW_ESYSTEM, "the system's random source gives nothing");
  return 0;
}
