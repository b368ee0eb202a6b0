/* digest.h -- SHA-256, base64 and hex: the few encodings that every rank needs. */
#ifndef IFL_BASE_DIGEST_H
#define IFL_BASE_DIGEST_H

#include "iflow.h"

/* hex gets 64 lower-case digits and a NUL. These cannot fail (OpenSSL's default provider). */
void ifl_sha256(unsigned char out[32], const void *data, size_t n);
void ifl_sha256_hex(char hex[65], const void *data, size_t n);
/* The digest of a's length, a, and b: two parts that cannot be shifted into each other. */
void ifl_sha256_hex_parts(char hex[65], const void *a, size_t an, const void *b, size_t bn);

/* Base64 (RFC 4648, section 4). out needs ifl_base64_size(n) bytes, NUL included. */
size_t ifl_base64_size(size_t n);
size_t ifl_base64(char *out, const void *data, size_t n);
/* URL-safe alphabet without padding (section 5). Same size rule. */
size_t ifl_base64url(char *out, const void *data, size_t n);
/* Decodes either alphabet, padding optional, white space refused. out needs n bytes. Returns the
 * number of bytes, or -1. */
long ifl_base64_decode(unsigned char *out, const char *text, size_t n);

/* Bytes from the system's random source. Errors: IFLOW_ESYSTEM. */
int ifl_random(void *out, size_t n, iflow_error *err);

#endif
