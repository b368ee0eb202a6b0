/* tls.h -- what both sides of TLS share: a credential, served chains, reasons of alerts. */
#ifndef IFL_NET_TLS_H
#define IFL_NET_TLS_H

#include "iflow.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

/* A certificate with its private key and the rest of the chain, leaf first. Counted; auth/identity
 * makes them from files, the net folder only uses them. */
typedef struct ifl_credential {
  size_t refs;
  X509 *leaf;
  STACK_OF(X509) * chain; /* intermediates, and the root if it was given; never the leaf */
  EVP_PKEY *key;
  bool in_hardware;     /* the key does not leave it: nothing can be derived from it */
  char fingerprint[65]; /* SHA-256 of the leaf, lower-case hex */
} ifl_credential;

/* Takes over leaf, chain and key also when it fails. NULL when out of memory. */
ifl_credential *ifl_credential_new(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key);
ifl_credential *ifl_credential_ref(ifl_credential *c);
void ifl_credential_unref(ifl_credential *c);
/* Puts leaf, chain and key into ctx. Errors: IFLOW_ECERTMATCH, IFLOW_ENOMEM. */
int ifl_credential_use(ifl_credential *c, SSL_CTX *ctx, iflow_error *err);

/* "CN=…, O=…" of a name in RFC 2253 order, UTF-8, control characters escaped; out is filled up to
 * its size. Returns out. */
char *ifl_tls_name(char *out, size_t size, const X509_NAME *name);
/* "AB12…" SHA-256 of a certificate in upper-case hex, as SAP's lists print it. */
void ifl_tls_sha256(char out[65], const X509 *cert);

#endif
