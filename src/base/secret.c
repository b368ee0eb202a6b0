/* secret.c -- see secret.h. */
#include "base/secret.h"

#include "base/digest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ifl_secret {
  size_t refs, len;
  char fingerprint[24];
  char data[];
};

void ifl_wipe(void *p, size_t n)
{
  if (p != NULL && n > 0) explicit_bzero(p, n);
}

void ifl_wipe_free(char *s)
{
  if (s == NULL) return;
  ifl_wipe(s, strlen(s));
  free(s);
}

ifl_secret *ifl_secret_new(const void *data, size_t n)
{
  char hex[65];
  if (n > SIZE_MAX - sizeof(ifl_secret) - 1) return NULL;
  ifl_secret *s = malloc(sizeof *s + n + 1);
  if (s == NULL) return NULL;
  s->refs = 1;
  s->len = n;
  if (n > 0) memcpy(s->data, data, n);
  s->data[n] = '\0';
  ifl_sha256_hex_parts(hex, "iflow secret", 12, data, n);
  snprintf(s->fingerprint, sizeof s->fingerprint, "secret:%.8s", hex);
  return s;
}

ifl_secret *ifl_secret_ref(ifl_secret *s)
{
  if (s != NULL) s->refs++;
  return s;
}

void ifl_secret_unref(ifl_secret *s)
{
  if (s == NULL || --s->refs > 0) return;
  ifl_wipe(s, sizeof *s + s->len);
  free(s);
}

const char *ifl_secret_data(const ifl_secret *s)
{
  return s->data;
}

size_t ifl_secret_len(const ifl_secret *s)
{
  return s->len;
}

const char *ifl_secret_fingerprint(const ifl_secret *s)
{
  return s->fingerprint;
}
