/* certificate.h -- certificates from files, what they say, and their order. For identity.c,
 * service_key.c and the bindings. */
#ifndef IFL_AUTH_CERTIFICATE_H
#define IFL_AUTH_CERTIFICATE_H

#include "base/buffer.h"
#include "base/secret.h"

#include <openssl/x509.h>

#define IFL_CERT_FILE_MAX (1024 * 1024) /* bytes of a file with certificates or a key */
#define IFL_CERTS_MAX     32            /* certificates in a bundle                   */
#define IFL_ROOTS_MAX     512           /* in a list of roots, which is not searched for chains */

/* Certificates, and at most one private key, in the order they were found. Several sources may be
 * added; zero it first, ifl_bundle_done afterwards, also after an error. */
struct ifl_bundle {
  STACK_OF(X509) * certs;
  EVP_PKEY *key;
  bool locked;        /* there is a key, encrypted, and no passphrase was given */
  int max;            /* certificates; 0: IFL_CERTS_MAX */
  const char *format; /* of what was added last: "PEM", "DER", "PKCS#7", "PKCS#12",
                         "zip", "service key"                                   */
};
void ifl_bundle_done(struct ifl_bundle *b);

/* Adds what the bytes hold, told by content: PEM (repaired as in pem.h, also inside of a service
 * key's JSON), DER (certificate or key), PKCS#7, PKCS#12, or a zip archive of such files. The same certificate twice is taken once. name stands in errors. Errors: IFLOW_ECERT,
 * IFLOW_ECERTPASS, IFLOW_ELIMIT. May take seconds when something is encrypted. */
int ifl_bundle_add(struct ifl_bundle *b, const void *data, size_t n, const char *name,
                   const ifl_secret *pass, iflow_error *err);
/* The same for a file; also IFLOW_ENOENT, IFLOW_EACCESS. */
int ifl_bundle_add_file(struct ifl_bundle *b, const char *path, const ifl_secret *pass,
                        iflow_error *err);

/* Adds a certificate or a key that was found elsewhere; takes it over also when it fails. Errors:
 * IFLOW_ELIMIT, IFLOW_ECERT (a second key). */
int ifl_bundle_add_cert(struct ifl_bundle *b, X509 *cert, iflow_error *err);
int ifl_bundle_add_key(struct ifl_bundle *b, EVP_PKEY *key, iflow_error *err);

/* What one certificate says. Names are cut at their size, control characters are gone. */
struct ifl_cert_info {
  char subject[1024], issuer[1024]; /* RFC 2253 order */
  char serial[128];                 /* upper-case hex */
  char key[64];                     /* "RSA 2048" */
  char sha256[65], sha1[41];        /* upper-case hex */
  int64_t not_before, not_after;    /* seconds since 1970 */
  bool ca, self_signed;
};
void ifl_cert_info(struct ifl_cert_info *out, X509 *cert);
/* Append one line each: subject alternative names ("DNS:a", "IP:127.0.0.1", "URI:…"), extended key
 * usages ("clientAuth", unknown ones as OID). */
int ifl_cert_sans(struct ifl_buf *out, const X509 *cert, iflow_error *err);
int ifl_cert_usages(struct ifl_buf *out, const X509 *cert, iflow_error *err);
int ifl_cert_pem(struct ifl_buf *out, const X509 *cert, iflow_error *err);

/* These take at most IFL_CERTS_MAX certificates.
 * The position of the leaf: the certificate the key belongs to (of several the one that ends last),
 * -1 when there is none. Without a key the one that issued none of the others. */
int ifl_chain_leaf(const STACK_OF(X509) * certs, EVP_PKEY *key);
/* The issuers of certs[leaf], nearest first, as far as they are among certs; in a new stack that
 * holds references. NULL when memory is out. Caller: sk_X509_pop_free(…, X509_free). */
STACK_OF(X509) * ifl_chain_build(const STACK_OF(X509) * certs, int leaf);
/* "single", "leaf first", "root first", "mixed" (one chain, shuffled) or "unrelated" (some
 * certificates do not belong to the leaf's chain). */
const char *ifl_chain_order(const STACK_OF(X509) * certs, int leaf);

/* The position of the certificate among certs that issued certs[i], by signature; -1: none of them
 * did, or it signed itself. Of several the one that ends last. */
int ifl_chain_issuer(const STACK_OF(X509) * certs, int i);
/* The certificates that certs[leaf] leads to over every way that signatures show: those of certs,
 * then those of known (may be NULL), then those of the hashed directory (NULL: none). *out, the
 * caller's, holds the leaf first and at most IFL_CERTS_MAX. Errors: IFLOW_ENOMEM. */
int ifl_chain_reach(STACK_OF(X509) * *out, const STACK_OF(X509) * certs, int leaf,
                    const STACK_OF(X509) * known, const char *directory, iflow_error *err);

/* Whether chain (leaf first, then any others) leads to one of the roots at that time; a root may be
 * an intermediate. purpose: "client", "server", or NULL for any. Returns 1; 0 with the reason in
 * why; IFLOW_ENOMEM. */
int ifl_chain_verify(STACK_OF(X509) * chain, STACK_OF(X509) * roots, int64_t at,
                     const char *purpose, char *why, size_t size, iflow_error *err);

#endif
