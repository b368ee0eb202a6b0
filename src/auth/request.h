/* request.h -- signing requests (PKCS#10) and private keys under a passphrase, for certificates that
 * somebody else's authority signs. For bind/request.c. */
#ifndef IFL_AUTH_REQUEST_H
#define IFL_AUTH_REQUEST_H

#include "base/buffer.h"
#include "base/secret.h"

#include <openssl/x509.h>

/* Appends the request as PEM, signed with key. subject: "CN", "x", NULL; sans: "DNS:a", NULL, or
 * NULL; as in authority.h. It asks for the key usage digitalSignature and the extended key usage
 * clientAuth, which SAP's load balancer demands. Errors: IFLOW_EINVAL, IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_request_write(struct ifl_buf *out, EVP_PKEY *key, const char *const *subject,
                      const char *const *sans, iflow_error *err);
/* Appends the key as PKCS#8 PEM, encrypted (AES-256-CBC, PBKDF2 with HMAC-SHA-256) when there is a
 * passphrase. The caller wipes out. */
int ifl_request_write_key(struct ifl_buf *out, EVP_PKEY *key, const ifl_secret *pass,
                          iflow_error *err);

#endif
