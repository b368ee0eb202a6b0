/* hardware.h -- private keys that never leave their hardware (a token, an HSM, a smart card), named
 * by a PKCS#11 URI (RFC 7512), and certificates kept beside them. For identity.c. */
#ifndef IFL_AUTH_HARDWARE_H
#define IFL_AUTH_HARDWARE_H

#include "base/error.h"
#include "base/secret.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* Whether it names something in hardware instead of a file: "pkcs11:…". */
bool ifl_hardware_named(const char *name);

/* The key or the certificate of a URI. The PIN: `pin`, or the first line of the file that the URI's
 * pin-source names; a pin-value is refused, since a secret does not belong into a name. OpenSSL's
 * provider "pkcs11" is used where the system has it, else its engine "pkcs11"; the module is the
 * URI's module-path or what the system has set up (p11-kit, PKCS11_MODULE_PATH), one for the whole
 * process. May take seconds: call it on a worker. A PIN that a token refused is not given to it
 * again by this process: after a few wrong ones tokens lock themselves.
 * Errors: IFLOW_ECERTHARDWARE (neither provider nor engine, nothing of that name), IFLOW_ECERTPASS
 * (the PIN is missing or wrong), IFLOW_EINVAL (the URI), and those of reading a file.
 * Caller: EVP_PKEY_free, X509_free. */
int ifl_hardware_key(EVP_PKEY **out, const char *uri, const ifl_secret *pin, iflow_error *err);
int ifl_hardware_certificate(X509 **out, const char *uri, const ifl_secret *pin, iflow_error *err);

#endif
