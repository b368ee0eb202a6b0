/* pkcs12.h -- certificates and the private key of a PKCS#12 file (.p12, .pfx). For certificate.c. */
#ifndef IFL_AUTH_PKCS12_H
#define IFL_AUTH_PKCS12_H

#include "auth/pbe.h"

#include <openssl/x509.h>

/* Whether the bytes are a PKCS#12 file, by their first elements. */
bool ifl_pkcs12_found(const void *der, size_t n);

struct ifl_pkcs12_sink {
  /* Takes over what it gets, also when it fails; a negative result ends the reading. */
  int (*cert)(void *payload, X509 *cert, iflow_error *err);
  int (*key)(void *payload, EVP_PKEY *key, iflow_error *err);
  void *payload;
};
/* Checks the integrity and hands out everything. Errors: IFLOW_ECERT, IFLOW_ECERTPASS (wrong, or
 * needed and not given), IFLOW_ELIMIT. */
int ifl_pkcs12_read(const void *der, size_t n, struct ifl_pbe *pbe,
                    const struct ifl_pkcs12_sink *sink, iflow_error *err);

#endif
