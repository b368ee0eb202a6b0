/* secret.h -- bytes that must not outlive their use or reach a log: passwords, keys, tokens.
 * A secret is counted, wiped when the last reference goes, and knows its fingerprint, which is what
 * may be shown. */
#ifndef IFL_BASE_SECRET_H
#define IFL_BASE_SECRET_H

#include "iflow.h"

/* Overwrites memory in a way the compiler keeps. NULL and 0 are fine. */
void ifl_wipe(void *p, size_t n);
/* Wipes and frees a NUL-terminated string. NULL is fine. */
void ifl_wipe_free(char *s);

typedef struct ifl_secret ifl_secret;

/* A copy of n bytes, NUL-terminated inside. NULL when out of memory. Caller: ifl_secret_unref. */
ifl_secret *ifl_secret_new(const void *data, size_t n);
ifl_secret *ifl_secret_ref(ifl_secret *s); /* NULL gives NULL */
void ifl_secret_unref(ifl_secret *s);
/* Borrowed; valid while the caller holds a reference. */
const char *ifl_secret_data(const ifl_secret *s);
size_t ifl_secret_len(const ifl_secret *s);
/* "secret:1f3a9c02": the first 32 bits of a SHA-256 over a fixed label and the bytes; borrowed. */
const char *ifl_secret_fingerprint(const ifl_secret *s);

#endif
