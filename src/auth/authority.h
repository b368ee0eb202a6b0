/* authority.h -- a certificate authority and a token signer: what the sandbox tenant issues, and
 * key pairs for users later (`iflow cert request`). */
#ifndef IFL_AUTH_AUTHORITY_H
#define IFL_AUTH_AUTHORITY_H

#include "iflow.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* A new key pair: type "rsa" with bits 2048…4096, or "ec" (P-256). Blocking: RSA takes 50-500 ms. */
int ifl_authority_keypair(EVP_PKEY **out, const char *type, int bits, iflow_error *err);

struct ifl_certificate_request {
  const char *const *subject; /* "C", "DE", "O", "SAP SE", "CN", "…", NULL: in this order */
  const char *const *sans;    /* "DNS:localhost", "IP:127.0.0.1", NULL; may be NULL */
  EVP_PKEY *key;              /* the subject's; only its public part is used */
  X509 *issuer;               /* NULL: self-signed with key */
  EVP_PKEY *issuer_key;       /* NULL: self-signed with key */
  bool ca;
  bool client_auth, server_auth; /* extended key usage; none of both: no such extension */
  int64_t not_before, not_after; /* seconds since 1970 */
};
int ifl_authority_issue(X509 **out, const struct ifl_certificate_request *r, iflow_error *err);

/* RS256 over "header.payload"; out gets the base64url signature (malloc'd, caller frees). */
int ifl_authority_sign(char **out, EVP_PKEY *key, const char *data, size_t n, iflow_error *err);
/* 0 when sig (base64url) fits, IFLOW_ETOKENANSWER when not. */
int ifl_authority_verify(EVP_PKEY *key, const char *data, size_t n, const char *sig,
                         iflow_error *err);

#endif
