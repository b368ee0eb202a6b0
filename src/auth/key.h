/* key.h -- private keys: PKCS#1, PKCS#8, SEC 1, encrypted or not. For certificate.c and pkcs12.c. */
#ifndef IFL_AUTH_KEY_H
#define IFL_AUTH_KEY_H

#include "auth/pbe.h"
#include "auth/pem.h"

#include <openssl/evp.h>

#define IFL_KEY_BITS_MIN 2048 /* RSA; what OpenSSL and SAP accept in TLS */
#define IFL_KEY_BITS_MAX 8192

/* What a call has found. IFL_KEY_LOCKED: encrypted, and no passphrase was given. */
enum ifl_key_found { IFL_KEY_NONE, IFL_KEY_OPEN, IFL_KEY_LOCKED };

/* The private key in a PEM block or in DER bytes. IFL_KEY_OPEN: *out is the caller's
 * (EVP_PKEY_free). IFL_KEY_NONE: the block or the bytes are something else. Negative: IFLOW_ECERT,
 * IFLOW_ECERTPASS, IFLOW_ELIMIT. */
int ifl_key_of_block(EVP_PKEY **out, struct ifl_pem *block, struct ifl_pbe *pbe, iflow_error *err);
int ifl_key_of_der(EVP_PKEY **out, const void *der, size_t n, struct ifl_pbe *pbe,
                   iflow_error *err);
/* The same for parts of a PKCS#12 file, where no passphrase is one, too: never IFL_KEY_LOCKED. */
int ifl_key_of_info(EVP_PKEY **out, const PKCS8_PRIV_KEY_INFO *info, iflow_error *err);
int ifl_key_of_sig(EVP_PKEY **out, const X509_SIG *encrypted, struct ifl_pbe *pbe,
                   iflow_error *err);

/* "RSA 2048", "EC P-256", "ED25519", for people. Returns out. */
char *ifl_key_text(char *out, size_t size, EVP_PKEY *key);

/* Whether TLS can work with the key: RSA of 2048 to 8192 bits, EC P-256, P-384 or P-521, Ed25519;
 * and whether it signs what its own public part accepts (a copy damaged in one place does not).
 * IFLOW_ECERT says which. */
int ifl_key_check(EVP_PKEY *key, iflow_error *err);

#endif
