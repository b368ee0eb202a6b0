/* token_seal.h -- encryption of the disk cache: AES-256-GCM with a key that is derived (HKDF) from
 * the credential itself. Who can read the cached token could have asked for it anyway. */
#ifndef IFL_AUTH_TOKEN_SEAL_H
#define IFL_AUTH_TOKEN_SEAL_H

#include "auth/token.h"

#define IFL_SEAL_KEY 32

/* The key, from the client secret or the private key. IFLOW_ECERT when nothing can be derived: the
 * private key lives in hardware. */
int ifl_seal_key(unsigned char key[IFL_SEAL_KEY], const struct ifl_token_opts *opts,
                 iflow_error *err);
/* Adds the sealed bytes to out; label is bound to them but not stored. */
int ifl_seal(struct ifl_buf *out, const unsigned char key[IFL_SEAL_KEY], const char *label,
             const void *data, size_t n, iflow_error *err);
/* Adds the bytes to out (which should be wiped later). IFLOW_ETOKENANSWER: not ours, other
 * credential, damaged. */
int ifl_unseal(struct ifl_buf *out, const unsigned char key[IFL_SEAL_KEY], const char *label,
               const void *data, size_t n, iflow_error *err);

#endif
