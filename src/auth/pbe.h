/* pbe.h -- decryption with a passphrase, under a limit. A file says by itself how many rounds its
 * key derivation takes; a hostile one says two billion. So the rounds of a whole file are counted
 * before they are run, and what exceeds the budget is refused. For key.c and pkcs12.c. */
#ifndef IFL_AUTH_PBE_H
#define IFL_AUTH_PBE_H

#include "base/secret.h"
#include "iflow.h"

#include <openssl/x509.h>

/* Of hashing, for all blocks that are derived. OpenSSL asks for some 10,000 in a file, Java for
 * 50,000, NSS for 3,000,000. This is some 3 seconds of work. */
#define IFL_PBE_ROUNDS_MAX 5000000

/* One file being opened. Zeroed, then pass set; ends with ifl_pbe_done. */
struct ifl_pbe {
  const char *pass; /* NULL: no passphrase, which for PKCS#12 differs from an empty one */
  size_t pass_len;
  uint64_t spent;            /* rounds so far */
  struct ifl_legacy *legacy; /* made for the first old cipher (RC2, DES, RC4), in a library context
                                of its own: the process's default context stays as it is */
};
void ifl_pbe_init(struct ifl_pbe *p, const ifl_secret *pass);
void ifl_pbe_done(struct ifl_pbe *p);

/* Counts rounds against the budget. Errors: IFLOW_ELIMIT. */
int ifl_pbe_spend(struct ifl_pbe *p, uint64_t rounds, iflow_error *err);

/* Decrypts data by the algorithm and decodes it as `item`. Errors: IFLOW_ELIMIT, IFLOW_ECERT (an
 * algorithm that is unknown or not available), IFLOW_ECERTPASS (wrong passphrase, or damaged). The
 * caller frees *out with ASN1_item_free or the type's own function. */
int ifl_pbe_decrypt(void **out, struct ifl_pbe *p, const X509_ALGOR *algorithm,
                    const ASN1_OCTET_STRING *data, const ASN1_ITEM *item, iflow_error *err);

/* Whether the first error in OpenSSL's queue, which must have been cleared before the call that
 * failed, says that an algorithm is not available. */
bool ifl_pbe_unsupported(void);
/* IFLOW_ECERT: what is encrypted with `name` cannot be opened here. */
int ifl_pbe_fail_unsupported(iflow_error *err, const char *name);

#endif
