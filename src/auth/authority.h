/* authority.h -- a certificate authority and a token signer: what the sandbox tenant issues; and key
 * pairs, which `iflow cert request` makes, too. */
#ifndef IFL_AUTH_AUTHORITY_H
#define IFL_AUTH_AUTHORITY_H

#include "base/buffer.h"
#include "iflow.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>

/* A new key pair: type "rsa" with bits 2048…4096, or "ec" (P-384 with 384 bits, else P-256).
 * Blocking: RSA takes 50-500 ms. */
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

/* The parts of a name and of the alternative names, as in the request above; *out is the caller's.
 * Errors: IFLOW_EINVAL (a field or a kind of name that is unknown), IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_authority_subject(X509_NAME *name, const char *const *subject, iflow_error *err);
int ifl_authority_sans(GENERAL_NAMES **out, const char *const *sans, iflow_error *err);

/* Reading and writing PEM; nothing here asks for a passphrase, encrypted keys are refused. A public
 * key may come as PUBLIC KEY or inside a certificate. Errors: IFLOW_ECERT, IFLOW_ENOMEM. */
#define IFL_AUTHORITY_PEM_MAX (64 * 1024)
int ifl_authority_read_public(EVP_PKEY **out, const char *pem, size_t n, iflow_error *err);
int ifl_authority_read_private(EVP_PKEY **out, const char *pem, size_t n, iflow_error *err);
int ifl_authority_read_certificate(X509 **out, const char *pem, size_t n, iflow_error *err);
/* out grows by one PEM block; the caller wipes it when it was a private key. */
int ifl_authority_write_public(struct ifl_buf *out, EVP_PKEY *key, iflow_error *err);
/* pkcs1: RSA PRIVATE KEY or EC PRIVATE KEY, as SAP's keys have it; else PKCS#8. */
int ifl_authority_write_private(struct ifl_buf *out, EVP_PKEY *key, bool pkcs1, iflow_error *err);
int ifl_authority_write_certificate(struct ifl_buf *out, X509 *cert, iflow_error *err);
/* Modulus and exponent of an RSA key as base64url, for a JWK; both buffers grow. */
int ifl_authority_jwk(struct ifl_buf *n, struct ifl_buf *e, EVP_PKEY *key, iflow_error *err);

/* RS256 over "header.payload"; out grows by the base64url signature. */
int ifl_authority_sign(struct ifl_buf *out, EVP_PKEY *key, const char *data, size_t n,
                       iflow_error *err);
/* 0 when sig (base64url) fits, IFLOW_ETOKENANSWER when not. */
int ifl_authority_verify(EVP_PKEY *key, const char *data, size_t n, const char *sig,
                         iflow_error *err);

#endif
