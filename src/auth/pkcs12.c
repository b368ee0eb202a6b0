/* pkcs12.c -- see pkcs12.h. Not PKCS12_parse: it would run the key derivations a file asks for
 * without a look at their rounds, and knows only one key and the first matching certificate. */
#include "auth/pkcs12.h"

#include "auth/key.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

#define SAFES_MAX 16  /* bags of bags in one file           */
#define BAGS_MAX  256 /* entries, certificates or something else */
#define NEST_MAX  4

struct reading {
  struct ifl_pbe *pbe;
  const struct ifl_pkcs12_sink *sink;
  size_t bags;
};

/* SEQUENCE { INTEGER 3, SEQUENCE …: no certificate and no key begins so. */
bool ifl_pkcs12_found(const void *der, size_t n)
{
  const unsigned char *d = der;
  if (n < 8 || d[0] != 0x30) return false;
  size_t head = d[1] <= 0x80 ? 2 : 2 + (size_t)(d[1] & 0x7f);
  if (head + 4 > n) return false;
  d += head;
  return d[0] == 0x02 && d[1] == 1 && d[2] == 3 && d[3] == 0x30;
}

static int read_bags(struct reading *r, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth,
                     iflow_error *err);

static int read_cert(struct reading *r, const PKCS12_SAFEBAG *bag, iflow_error *err)
{
  if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate) return 0;
  X509 *cert = PKCS12_SAFEBAG_get1_cert(bag);
  if (cert == NULL) return ifl_fail(err, IFLOW_ECERT, "a certificate in it is damaged");
  return r->sink->cert(r->sink->payload, cert, err);
}

static int read_key(struct reading *r, const PKCS12_SAFEBAG *bag, iflow_error *err)
{
  EVP_PKEY *key = NULL;
  int rc = PKCS12_SAFEBAG_get_nid(bag) == NID_keyBag
               ? ifl_key_of_info(&key, PKCS12_SAFEBAG_get0_p8inf(bag), err)
               : ifl_key_of_sig(&key, PKCS12_SAFEBAG_get0_pkcs8(bag), r->pbe, err);
  return rc < 0 ? rc : r->sink->key(r->sink->payload, key, err);
}

static int read_bag(struct reading *r, const PKCS12_SAFEBAG *bag, int depth, iflow_error *err)
{
  if (++r->bags > BAGS_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "more than %d entries in it", BAGS_MAX);
  switch (PKCS12_SAFEBAG_get_nid(bag)) {
  case NID_keyBag:
  case NID_pkcs8ShroudedKeyBag: return read_key(r, bag, err);
  case NID_certBag: return read_cert(r, bag, err);
  case NID_safeContentsBag: return read_bags(r, PKCS12_SAFEBAG_get0_safes(bag), depth + 1, err);
  default: return 0; /* revocation lists and secrets are nothing to us */
  }
}

static int read_bags(struct reading *r, const STACK_OF(PKCS12_SAFEBAG) * bags, int depth,
                     iflow_error *err)
{
  int rc = 0;
  if (depth > NEST_MAX) return ifl_fail(err, IFLOW_ELIMIT, "its entries are nested too deep");
  for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags) && rc >= 0; i++)
    rc = read_bag(r, sk_PKCS12_SAFEBAG_value(bags, i), depth, err);
  return rc < 0 ? rc : 0;
}

static void free_bags(STACK_OF(PKCS12_SAFEBAG) * bags)
{
  sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
}

static int unlock(STACK_OF(PKCS12_SAFEBAG) * *out, struct reading *r, const PKCS7 *safe,
                  iflow_error *err)
{
  const PKCS7_ENCRYPT *e = safe->d.encrypted;
  void *bags = NULL;
  if (e == NULL || e->enc_data == NULL)
    return ifl_fail(err, IFLOW_ECERT, "an encrypted part of it is empty");
  int rc = ifl_pbe_decrypt(&bags, r->pbe, e->enc_data->algorithm, e->enc_data->enc_data,
                           ASN1_ITEM_rptr(PKCS12_SAFEBAGS), err);
  if (rc == 0) *out = bags;
  return rc;
}

static int read_safe(struct reading *r, PKCS7 *safe, iflow_error *err)
{
  STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
  int rc = 0;
  if (PKCS7_type_is_data(safe)) bags = PKCS12_unpack_p7data(safe);
  else if (PKCS7_type_is_encrypted(safe)) rc = unlock(&bags, r, safe, err);
  else
    return ifl_fail(err, IFLOW_ECERT,
                    "a part of it is encrypted for a public key, not by passphrase");
  if (rc == 0 && bags == NULL) rc = ifl_fail(err, IFLOW_ECERT, "a part of it is damaged");
  if (rc == 0) rc = read_bags(r, bags, 0, err);
  free_bags(bags);
  return rc;
}

static int read_safes(struct reading *r, const PKCS12 *file, iflow_error *err)
{
  STACK_OF(PKCS7) *safes = PKCS12_unpack_authsafes(file);
  int n = sk_PKCS7_num(safes), rc = 0;
  if (safes == NULL) return ifl_fail(err, IFLOW_ECERT, "its content is damaged");
  if (n > SAFES_MAX) rc = ifl_fail(err, IFLOW_ELIMIT, "more than %d parts in it", SAFES_MAX);
  for (int i = 0; i < n && rc == 0; i++) rc = read_safe(r, sk_PKCS7_value(safes, i), err);
  sk_PKCS7_pop_free(safes, PKCS7_free);
  return rc;
}

static int verify_fail(struct ifl_pbe *pbe, iflow_error *err)
{
  return pbe->pass == NULL
             ? ifl_fail(err, IFLOW_ECERTPASS, "it is protected by a passphrase, and none was given")
             : ifl_fail(err, IFLOW_ECERTPASS, "the passphrase is wrong, or the file is damaged");
}

/* The MAC proves passphrase and integrity at once. "No passphrase" and "an empty one" are different
 * keys in this format, and programs disagree on which they write: both are tried. */
static int verify(PKCS12 *file, struct ifl_pbe *pbe, iflow_error *err)
{
  const ASN1_INTEGER *iterations = NULL;
  const X509_ALGOR *algorithm = NULL;
  const ASN1_OBJECT *digest = NULL;
  uint64_t rounds = 1;
  if (!PKCS12_mac_present(file)) return 0; /* then decryption and the key's match must do */
  PKCS12_get0_mac(NULL, &algorithm, NULL, &iterations, file);
  X509_ALGOR_get0(&digest, NULL, NULL, algorithm);
  if (iterations != NULL && ASN1_INTEGER_get_uint64(&rounds, iterations) != 1)
    return ifl_fail(err, IFLOW_ECERT, "its integrity check is damaged");
  int rc = ifl_pbe_spend(pbe, rounds, err);
  if (rc < 0) return rc;
  if (PKCS12_verify_mac(file, pbe->pass, (int)pbe->pass_len) == 1) return 0;
  if (ifl_pbe_unsupported())
    return ifl_fail(err, IFLOW_ECERT,
                    "its integrity is checked with %s, which OpenSSL does not offer",
                    OBJ_nid2ln(OBJ_obj2nid(digest)));
  if (pbe->pass_len > 0) return verify_fail(pbe, err);
  const char *other = pbe->pass == NULL ? "" : NULL;
  rc = ifl_pbe_spend(pbe, rounds, err);
  if (rc < 0) return rc;
  if (PKCS12_verify_mac(file, other, 0) != 1) return verify_fail(pbe, err);
  pbe->pass = other;
  return 0;
}

int ifl_pkcs12_read(const void *der, size_t n, struct ifl_pbe *pbe,
                    const struct ifl_pkcs12_sink *sink, iflow_error *err)
{
  struct reading r = { .pbe = pbe, .sink = sink };
  const unsigned char *p = der;
  ERR_clear_error();
  PKCS12 *file = d2i_PKCS12(NULL, &p, (long)n);
  int rc = file != NULL ? verify(file, pbe, err)
                        : ifl_fail(err, IFLOW_ECERT, "it looks like PKCS#12, but is damaged");
  if (rc == 0) rc = read_safes(&r, file, err);
  PKCS12_free(file);
  ERR_clear_error();
  return rc;
}
