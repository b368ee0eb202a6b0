/* cert.h -- what cert.c lends to identity.c. */
#ifndef IFL_BIND_CERT_H
#define IFL_BIND_CERT_H

#include <lua.h>
#include <openssl/x509.h>

/* Pushes the table that cert.read gives for one certificate. cert must be owned by a userdata. */
void ifl_pushcertificate(lua_State *L, X509 *cert);

#endif
