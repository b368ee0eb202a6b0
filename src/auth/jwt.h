/* jwt.h -- looking into an access token for diagnosis; sending treats it as opaque (4.3). */
#ifndef IFL_AUTH_JWT_H
#define IFL_AUTH_JWT_H

#include "base/json.h"
#include "iflow.h"

#define IFL_JWT_MAX (64 * 1024)

/* The claims of a JWT, not verified. IFLOW_ETOKENANSWER when it is not one (opaque tokens).
 * Caller: ifl_json_free. */
int ifl_jwt_claims(ifl_json **out, const char *token, size_t n, iflow_error *err);
/* The roles in scope: "it-rt-acme!b8.Orders.send" is role "Orders.send" (after the first '.' that
 * follows !b<n>). Writes them blank-separated into out, cut at size; returns their number. */
size_t ifl_jwt_roles(char *out, size_t size, const ifl_json *claims);

#endif
