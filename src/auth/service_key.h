/* service_key.h -- the JSON a user downloads from the BTP cockpit (sap-reference 2.4). */
#ifndef IFL_AUTH_SERVICE_KEY_H
#define IFL_AUTH_SERVICE_KEY_H

#include "base/secret.h"
#include "iflow.h"

#define IFL_SERVICE_KEY_MAX (256 * 1024) /* bytes of a service key document */

enum ifl_key_type { IFL_KEY_SECRET, IFL_KEY_CERTIFICATE, IFL_KEY_EXTERNAL };

typedef struct ifl_service_key ifl_service_key; /* immutable, counted */

/* From a file or from text (name stands in errors, "service key" for NULL). Wrappings: oauth,
 * credentials.oauth, credentials, flat, XSUAA bindings with url/certurl and no tokenurl. Errors name
 * file, JSON path, and what the cockpit shows there: IFLOW_EKEYSYNTAX, IFLOW_EKEYFIELD, IFLOW_ELIMIT,
 * IFLOW_ENOENT. Caller: ifl_service_key_unref. */
int ifl_service_key_open(ifl_service_key **out, const char *path, iflow_error *err);
int ifl_service_key_parse(ifl_service_key **out, const char *text, size_t n, const char *name,
                          iflow_error *err);
ifl_service_key *ifl_service_key_ref(ifl_service_key *k);
void ifl_service_key_unref(ifl_service_key *k);

/* All borrowed. */
enum ifl_key_type ifl_service_key_type(const ifl_service_key *k);
const char *ifl_service_key_type_name(
    const ifl_service_key *k); /* "client secret", "certificate", "external certificate" */
const char *ifl_service_key_name(const ifl_service_key *k); /* file name, for errors */
const char *ifl_service_key_client_id(const ifl_service_key *k);
const char *ifl_service_key_token_url(const ifl_service_key *k);   /* verbatim */
const char *ifl_service_key_url(const ifl_service_key *k);         /* verbatim */
const char *ifl_service_key_created(const ifl_service_key *k);     /* or NULL */
const char *ifl_service_key_valid_until(const ifl_service_key *k); /* certificatedetails, or NULL */
ifl_secret *ifl_service_key_secret(const ifl_service_key *k);      /* client secret, or NULL */
const char *ifl_service_key_certificate_pem(const ifl_service_key *k); /* repaired PEM, or NULL */
ifl_secret *ifl_service_key_private_key_pem(const ifl_service_key *k); /* repaired PEM, or NULL */
/* i-th warning (".cert. is missing in the host", unknown shape …), NULL past the end. */
const char *ifl_service_key_warning(const ifl_service_key *k, size_t i);

#endif
