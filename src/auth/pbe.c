/* pbe.c -- see pbe.h. */
#include "auth/pbe.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>
#include <stdlib.h>

struct ifl_legacy {
  OSSL_LIB_CTX *ctx;
  OSSL_PROVIDER *base, *old;
};

static void legacy_free(struct ifl_legacy *l)
{
  if (l == NULL) return;
  if (l->old != NULL) OSSL_PROVIDER_unload(l->old);
  if (l->base != NULL) OSSL_PROVIDER_unload(l->base);
  OSSL_LIB_CTX_free(l->ctx);
  free(l);
}

/* NULL when the legacy provider is not installed (or memory is out). */
static struct ifl_legacy *legacy_new(void)
{
  struct ifl_legacy *l = calloc(1, sizeof *l);
  if (l == NULL) return NULL;
  l->ctx = OSSL_LIB_CTX_new();
  if (l->ctx != NULL) l->base = OSSL_PROVIDER_load(l->ctx, "default");
  if (l->base != NULL) l->old = OSSL_PROVIDER_load(l->ctx, "legacy");
  if (l->old != NULL) return l;
  legacy_free(l);
  return NULL;
}

void ifl_pbe_init(struct ifl_pbe *p, const ifl_secret *pass)
{
  *p = (struct ifl_pbe) { 0 };
  if (pass == NULL) return;
  p->pass = ifl_secret_data(pass);
  p->pass_len = ifl_secret_len(pass);
}

void ifl_pbe_done(struct ifl_pbe *p)
{
  legacy_free(p->legacy);
  p->legacy = NULL;
}

int ifl_pbe_spend(struct ifl_pbe *p, uint64_t rounds, iflow_error *err)
{
  if (rounds > IFL_PBE_ROUNDS_MAX || p->spent > IFL_PBE_ROUNDS_MAX - rounds) {
    ifl_fail(err, IFLOW_ELIMIT,
             "its key derivation asks for more than %d rounds, which looks like an attack",
             IFL_PBE_ROUNDS_MAX);
    ifl_hint(err, "export the file again with fewer rounds (openssl pkcs12 -export -iter 100000)");
    return IFLOW_ELIMIT;
  }
  p->spent += rounds;
  return 0;
}

bool ifl_pbe_unsupported(void)
{
  unsigned long e = ERR_peek_error();
  switch (ERR_GET_REASON(e)) {
  case ERR_R_UNSUPPORTED: return true;
  case EVP_R_UNKNOWN_CIPHER:
  case EVP_R_UNSUPPORTED_CIPHER:
  case EVP_R_UNSUPPORTED_ALGORITHM:
  case EVP_R_UNKNOWN_PBE_ALGORITHM: return ERR_GET_LIB(e) == ERR_LIB_EVP;
  default: return false;
  }
}

int ifl_pbe_fail_unsupported(iflow_error *err, const char *name)
{
  ifl_fail(err, IFLOW_ECERT,
           "it is encrypted with %s, which OpenSSL on this machine does not offer", name);
  ifl_hint(err, "write it again with AES-256, where its old cipher still works: openssl pkcs12 "
                "-export for a PKCS#12 file, openssl pkcs8 -topk8 for a key");
  return IFLOW_ECERT;
}

static void algorithm_name(char *out, int size, const X509_ALGOR *algorithm)
{
  const ASN1_OBJECT *oid = NULL;
  X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
  if (OBJ_obj2txt(out, size, oid, 0) <= 0) out[0] = '\0';
}

static int fail_unknown(iflow_error *err, const X509_ALGOR *algorithm)
{
  char name[80];
  algorithm_name(name, sizeof name, algorithm);
  return ifl_pbe_fail_unsupported(err, name);
}

static int fail_parameters(iflow_error *err)
{
  return ifl_fail(err, IFLOW_ECERT, "the parameters of its encryption are damaged");
}

/* What an algorithm will cost and need, read from its parameters. */
struct plan {
  uint64_t rounds;
  bool legacy;
};

static bool is_legacy_cipher(int nid)
{
  switch (nid) {
  case NID_pbe_WithSHA1And40BitRC2_CBC:
  case NID_pbe_WithSHA1And128BitRC2_CBC:
  case NID_pbe_WithSHA1And40BitRC4:
  case NID_pbe_WithSHA1And128BitRC4:
  case NID_pbeWithMD5AndDES_CBC:
  case NID_pbeWithSHA1AndDES_CBC:
  case NID_pbeWithMD5AndRC2_CBC:
  case NID_pbeWithSHA1AndRC2_CBC:
  case NID_des_cbc:
  case NID_rc2_cbc:
  case NID_rc2_64_cbc:
  case NID_rc2_40_cbc: return true;
  default: return false;
  }
}

/* The parameters of an algorithm, decoded as `item`; NULL when they are something else. */
static void *parameters(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
  const void *value = NULL;
  int type = V_ASN1_UNDEF;
  X509_ALGOR_get0(NULL, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE || value == NULL) return NULL;
  return ASN1_item_unpack(value, item);
}

static uint64_t times(uint64_t n, uint64_t factor)
{
  return n <= UINT64_MAX / factor ? n * factor : UINT64_MAX;
}

static int plan_pbe1(struct plan *out, const X509_ALGOR *algorithm, bool pkcs12, iflow_error *err)
{
  PBEPARAM *par = parameters(algorithm, ASN1_ITEM_rptr(PBEPARAM));
  uint64_t n = 1;
  bool ok = par != NULL && (par->iter == NULL || ASN1_INTEGER_get_uint64(&n, par->iter) == 1);
  PBEPARAM_free(par);
  if (!ok) return fail_parameters(err);
  out->rounds = times(n, pkcs12 ? 3 : 1); /* two blocks for the key, one for the iv */
  return 0;
}

static bool plan_pbkdf2(struct plan *out, const X509_ALGOR *kdf)
{
  PBKDF2PARAM *par = parameters(kdf, ASN1_ITEM_rptr(PBKDF2PARAM));
  uint64_t n = 0;
  bool ok = par != NULL && ASN1_INTEGER_get_uint64(&n, par->iter) == 1;
  PBKDF2PARAM_free(par);
  out->rounds = times(n, 2); /* a key of 256 bits is two blocks of SHA-1 */
  return ok;
}

/* scrypt's memory is limited by OpenSSL (32 MiB); its time is N * r * p. */
static bool plan_scrypt(struct plan *out, const X509_ALGOR *kdf)
{
  SCRYPT_PARAMS *par = parameters(kdf, ASN1_ITEM_rptr(SCRYPT_PARAMS));
  uint64_t n, r, p;
  bool ok = par != NULL && ASN1_INTEGER_get_uint64(&n, par->costParameter) == 1 &&
            ASN1_INTEGER_get_uint64(&r, par->blockSize) == 1 &&
            ASN1_INTEGER_get_uint64(&p, par->parallelizationParameter) == 1;
  SCRYPT_PARAMS_free(par);
  if (!ok) return false;
  bool huge = n > UINT32_MAX || r > UINT16_MAX || p > UINT16_MAX;
  out->rounds = huge ? UINT64_MAX : n * r * p;
  return true;
}

static int plan_pbes2(struct plan *out, const X509_ALGOR *algorithm, iflow_error *err)
{
  PBE2PARAM *par = parameters(algorithm, ASN1_ITEM_rptr(PBE2PARAM));
  if (par == NULL) return fail_parameters(err);
  int kdf = OBJ_obj2nid(par->keyfunc->algorithm), rc = 0;
  bool ok = kdf == NID_id_pbkdf2 ? plan_pbkdf2(out, par->keyfunc)
                                 : kdf == NID_id_scrypt && plan_scrypt(out, par->keyfunc);
  if (!ok) rc = fail_parameters(err);
  out->legacy = is_legacy_cipher(OBJ_obj2nid(par->encryption->algorithm));
  PBE2PARAM_free(par);
  return rc;
}

static int make_plan(struct plan *out, const X509_ALGOR *algorithm, iflow_error *err)
{
  const ASN1_OBJECT *oid = NULL;
  X509_ALGOR_get0(&oid, NULL, NULL, algorithm);
  int nid = OBJ_obj2nid(oid);
  *out = (struct plan) { .legacy = is_legacy_cipher(nid) };
  switch (nid) {
  case NID_pbes2: return plan_pbes2(out, algorithm, err);
  case NID_pbeWithMD5AndDES_CBC:
  case NID_pbeWithSHA1AndDES_CBC:
  case NID_pbeWithMD5AndRC2_CBC:
  case NID_pbeWithSHA1AndRC2_CBC: return plan_pbe1(out, algorithm, false, err);
  case NID_pbe_WithSHA1And3_Key_TripleDES_CBC:
  case NID_pbe_WithSHA1And2_Key_TripleDES_CBC:
  case NID_pbe_WithSHA1And40BitRC2_CBC:
  case NID_pbe_WithSHA1And128BitRC2_CBC:
  case NID_pbe_WithSHA1And40BitRC4:
  case NID_pbe_WithSHA1And128BitRC4: return plan_pbe1(out, algorithm, true, err);
  default: return fail_unknown(err, algorithm);
  }
}

static int decrypt(void **out, const struct ifl_pbe *p, const X509_ALGOR *algorithm,
                   const ASN1_OCTET_STRING *data, const ASN1_ITEM *item, OSSL_LIB_CTX *ctx,
                   iflow_error *err)
{
  const int wipe = 1; /* the decrypted bytes, once they are decoded */
  void *v =
      PKCS12_item_decrypt_d2i_ex(algorithm, item, p->pass, (int)p->pass_len, data, wipe, ctx, NULL);
  if (v == NULL && ifl_pbe_unsupported()) return fail_unknown(err, algorithm);
  if (v == NULL)
    return ifl_fail(err, IFLOW_ECERTPASS, "the passphrase is wrong, or the data is damaged");
  *out = v;
  return 0;
}

int ifl_pbe_decrypt(void **out, struct ifl_pbe *p, const X509_ALGOR *algorithm,
                    const ASN1_OCTET_STRING *data, const ASN1_ITEM *item, iflow_error *err)
{
  struct plan plan;
  if (algorithm == NULL || data == NULL) return fail_parameters(err);
  int rc = make_plan(&plan, algorithm, err);
  if (rc == 0) rc = ifl_pbe_spend(p, plan.rounds, err);
  if (rc < 0) return rc;
  ERR_clear_error();
  if (plan.legacy && p->legacy == NULL) p->legacy = legacy_new();
  if (plan.legacy && p->legacy == NULL) rc = fail_unknown(err, algorithm);
  else rc = decrypt(out, p, algorithm, data, item, plan.legacy ? p->legacy->ctx : NULL, err);
  ERR_clear_error();
  return rc;
}
