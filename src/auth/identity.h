/* identity.h -- who calls: a client secret, or a certificate with its private key. */
#ifndef IFL_AUTH_IDENTITY_H
#define IFL_AUTH_IDENTITY_H

#include "auth/service_key.h"
#include "net/tls.h"

/* Where certificate and key come from. Give a service key, or files; files win over the key's own
 * certificate (external certificates: the key holds only the public part). */
struct ifl_identity_opts {
  ifl_service_key *service_key; /* may be NULL */
  const char *cert_file;        /* PEM, DER or PKCS#12 (by content); NULL: from the service key */
  const char *key_file;         /* PEM or DER, PKCS#8 encrypted or not; NULL: in cert_file */
                                /* both may be PKCS#11 URIs (hardware.h) */
  const char *cert_pem;         /* instead of files: text */
  const ifl_secret *key_pem;
  const ifl_secret *passphrase; /* for key or PKCS#12, or the PIN; NULL: none */
};

/* Reads, matches key and leaf (whatever the order of the chain), orders and completes the chain
 * from what was given. Errors: IFLOW_ECERT, IFLOW_ECERTPASS, IFLOW_ECERTMATCH, IFLOW_ECERTNONE,
 * IFLOW_ENOENT, IFLOW_ELIMIT, IFLOW_ECERTHARDWARE. Expired is not an error here. Caller: ifl_credential_unref.
 * Decrypting may take a while (PBKDF2): call it at start-up or on a worker. */
int ifl_identity_open(ifl_credential **out, const struct ifl_identity_opts *opts, iflow_error *err);

#endif
