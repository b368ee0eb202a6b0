/* trust.h -- the authorities of a file, read once: connections trust what was read, whatever becomes
 * of the file. For those who keep a credential for long (call/tenant.c); an ifl_request may name the
 * file alone, and then it is read for the connection. */
#ifndef IFL_NET_TRUST_H
#define IFL_NET_TRUST_H

#include "net/tls.h"

/* The system's authorities, hashed; never its bundle (DESIGN, section 2). */
#define IFL_TRUST_DIRECTORY "/etc/ssl/certs"

typedef struct ifl_trust {
  size_t refs;
  char *path;
  char fingerprint[65]; /* of the content */
  X509_STORE *store;
} ifl_trust;

/* Reads it (PEM; certificates and revocation lists). beside_system: the system's authorities are
 * trusted, too. Blocks shortly. Expected errors: file.*, IFLOW_ECERT (no certificate in it, or a
 * broken one). */
int ifl_trust_open(ifl_trust **out, const char *path, bool beside_system, iflow_error *err);
ifl_trust *ifl_trust_ref(ifl_trust *t); /* NULL ok */
void ifl_trust_unref(ifl_trust *t);     /* NULL ok */
/* Connections of this context trust what was read, and nothing else. */
bool ifl_trust_use(const ifl_trust *t, SSL_CTX *ctx);

#endif
