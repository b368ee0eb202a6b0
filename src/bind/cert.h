/* cert.h -- what the files of iflow.core.cert lend each other, and identity.c. */
#ifndef IFL_BIND_CERT_H
#define IFL_BIND_CERT_H

#include <lua.h>
#include <openssl/x509.h>

/* Pushes the table that cert.read gives for one certificate. cert must be owned by a userdata. */
void ifl_pushcertificate(lua_State *L, X509 *cert);

/* Add their functions to the module's table, which is on top. */
void ifl_addcertchain(lua_State *L); /* cert_chain.c */
void ifl_addcertpack(lua_State *L);  /* cert_pack.c */

#endif
