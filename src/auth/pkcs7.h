/* pkcs7.h -- certificates of a PKCS#7 file (.p7b, .p7c). For certificate.c. */
#ifndef IFL_AUTH_PKCS7_H
#define IFL_AUTH_PKCS7_H

#include "iflow.h"

#include <openssl/x509.h>

/* Whether the bytes are a PKCS#7 file, by their first elements. */
bool ifl_pkcs7_found(const void *der, size_t n);
/* Hands out the certificates of signed data; whether and by whom anything in it is signed is not
 * asked: such a file is a bag. add takes over what it gets, a negative result ends the reading.
 * Errors: IFLOW_ECERT. */
int ifl_pkcs7_read(const void *der, size_t n,
                   int (*add)(void *payload, X509 *cert, iflow_error *err), void *payload,
                   iflow_error *err);

#endif
