/* key.c -- see key.h. */
#include "auth/key.h"

#include "base/error.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <stdio.h>
#include <string.h>

/* A number inside a key that is longer than the key would make the first signature take hours. */
static bool parts_fit(EVP_PKEY *key)
{
  static const char *const parts[] = {
    OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,   OSSL_PKEY_PARAM_RSA_FACTOR2,
    OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
    OSSL_PKEY_PARAM_RSA_E,         OSSL_PKEY_PARAM_RSA_FACTOR3,   NULL
  };
  int limit = EVP_PKEY_get_bits(key);
  for (const char *const *name = parts; *name != NULL; name++) {
    BIGNUM *part = NULL;
    if (EVP_PKEY_get_bn_param(key, *name, &part) != 1) continue;
    bool third = strcmp(*name, OSSL_PKEY_PARAM_RSA_FACTOR3) == 0; /* nobody issues such keys */
    bool fits = BN_num_bits(part) <= limit && !third;
    BN_clear_free(part);
    if (!fits) return false;
  }
  return true;
}

static int check_size(EVP_PKEY *key, iflow_error *err)
{
  int bits = EVP_PKEY_get_bits(key);
  if (!EVP_PKEY_is_a(key, "RSA")) return 0;
  if (bits < 512 || bits > IFL_KEY_BITS_MAX)
    return ifl_fail(err, IFLOW_ECERT, "the RSA key has %d bits, at most %d are accepted", bits,
                    IFL_KEY_BITS_MAX);
  if (!parts_fit(key)) return ifl_fail(err, IFLOW_ECERT, "the parts of the RSA key do not fit");
  return 0;
}

/* Takes over key. */
static int accept(EVP_PKEY **out, EVP_PKEY *key, iflow_error *err)
{
  if (key == NULL)
    return ifl_fail(err, IFLOW_ECERT, "the private key is damaged, or of no known type");
  int rc = check_size(key, err);
  if (rc < 0) {
    EVP_PKEY_free(key);
    return rc;
  }
  *out = key;
  return IFL_KEY_OPEN;
}

int ifl_key_of_info(EVP_PKEY **out, const PKCS8_PRIV_KEY_INFO *info, iflow_error *err)
{
  return accept(out, info != NULL ? EVP_PKCS82PKEY(info) : NULL, err);
}

int ifl_key_of_sig(EVP_PKEY **out, const X509_SIG *encrypted, struct ifl_pbe *pbe, iflow_error *err)
{
  const X509_ALGOR *algorithm = NULL;
  const ASN1_OCTET_STRING *data = NULL;
  void *info = NULL;
  if (encrypted != NULL) X509_SIG_get0(encrypted, &algorithm, &data);
  int rc = ifl_pbe_decrypt(&info, pbe, algorithm, data, ASN1_ITEM_rptr(PKCS8_PRIV_KEY_INFO), err);
  if (rc < 0) return rc;
  rc = ifl_key_of_info(out, info, err);
  PKCS8_PRIV_KEY_INFO_free(info);
  return rc;
}

/* d2i reads from the front: what is left over would be somebody else's bytes. */
static bool whole(const void *der, const unsigned char *end, size_t n)
{
  return end == (const unsigned char *)der + n;
}

static X509_SIG *read_sig(const void *der, size_t n)
{
  const unsigned char *p = der;
  X509_SIG *sig = d2i_X509_SIG(NULL, &p, (long)n);
  if (sig != NULL && whole(der, p, n)) return sig;
  X509_SIG_free(sig);
  return NULL;
}

static EVP_PKEY *read_plain(const void *der, size_t n)
{
  const unsigned char *p = der;
  EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, (long)n);
  if (key != NULL && whole(der, p, n)) return key;
  EVP_PKEY_free(key);
  return NULL;
}

int ifl_key_of_der(EVP_PKEY **out, const void *der, size_t n, struct ifl_pbe *pbe, iflow_error *err)
{
  X509_SIG *sig = read_sig(der, n);
  if (sig != NULL) {
    int rc = pbe->pass == NULL ? IFL_KEY_LOCKED : ifl_key_of_sig(out, sig, pbe, err);
    X509_SIG_free(sig);
    return rc;
  }
  EVP_PKEY *key = read_plain(der, n);
  return key == NULL ? IFL_KEY_NONE : accept(out, key, err);
}

static int give_pass(char *buf, int size, int writing, void *payload)
{
  const struct ifl_pbe *pbe = payload;
  (void)writing;
  if (pbe->pass_len > (size_t)size) return -1;
  memcpy(buf, pbe->pass, pbe->pass_len);
  return (int)pbe->pass_len;
}

/* Old-style encryption: one MD5 round, the cipher named in the text ("DES-EDE3-CBC,<iv>"). Decrypts
 * block->der in place. */
static int unlock_old(struct ifl_pem *block, struct ifl_pbe *pbe, iflow_error *err)
{
  char header[160], cipher[48];
  EVP_CIPHER_INFO info;
  long n = (long)block->der.len;
  snprintf(header, sizeof header, "Proc-Type: 4,ENCRYPTED\nDEK-Info: %s\n", block->dek_info);
  snprintf(cipher, sizeof cipher, "%.*s", (int)strcspn(block->dek_info, ","), block->dek_info);
  if (PEM_get_EVP_CIPHER_INFO(header, &info) != 1) return ifl_pbe_fail_unsupported(err, cipher);
  ERR_clear_error();
  if (PEM_do_header(&info, (unsigned char *)block->der.data, &n, give_pass, pbe) != 1)
    return ifl_pbe_unsupported()
               ? ifl_pbe_fail_unsupported(err, cipher)
               : ifl_fail(err, IFLOW_ECERTPASS, "the passphrase of the private key is wrong");
  block->der.len = (size_t)n;
  return 0;
}

static int key_of_old(EVP_PKEY **out, struct ifl_pem *block, struct ifl_pbe *pbe, iflow_error *err)
{
  if (pbe->pass == NULL) return IFL_KEY_LOCKED;
  int rc = unlock_old(block, pbe, err);
  if (rc < 0) return rc;
  EVP_PKEY *key = read_plain(block->der.data, block->der.len);
  if (key == NULL) /* a wrong passphrase may leave padding that looks right, one time in 256 */
    return ifl_fail(err, IFLOW_ECERTPASS, "the passphrase of the private key is wrong");
  return accept(out, key, err);
}

int ifl_key_of_block(EVP_PKEY **out, struct ifl_pem *block, struct ifl_pbe *pbe, iflow_error *err)
{
  static const char suffix[] = "PRIVATE KEY";
  size_t n = strlen(block->label), len = sizeof suffix - 1;
  if (n < len || strcmp(block->label + n - len, suffix) != 0) return IFL_KEY_NONE;
  if (block->dek_info[0] != '\0') return key_of_old(out, block, pbe, err);
  int rc = ifl_key_of_der(out, block->der.data, block->der.len, pbe, err);
  return rc == IFL_KEY_NONE ? accept(out, NULL, err) : rc;
}

static const char *curve_name(char *group, size_t size, EVP_PKEY *key)
{
  if (EVP_PKEY_get_group_name(key, group, size, NULL) != 1) return "of its own";
  const char *nist = EC_curve_nid2nist(OBJ_sn2nid(group));
  return nist != NULL ? nist : group;
}

char *ifl_key_text(char *out, size_t size, EVP_PKEY *key)
{
  char group[64];
  const char *type = key != NULL ? EVP_PKEY_get0_type_name(key) : NULL;
  if (type == NULL) snprintf(out, size, "unknown");
  else if (strcmp(type, "EC") == 0)
    snprintf(out, size, "EC %s", curve_name(group, sizeof group, key));
  else if (strncmp(type, "ED", 2) == 0) snprintf(out, size, "%s", type);
  else snprintf(out, size, "%s %d", type, EVP_PKEY_get_bits(key));
  return out;
}

static bool is_tls_curve(EVP_PKEY *key)
{
  char group[64];
  const char *name = curve_name(group, sizeof group, key);
  return strcmp(name, "P-256") == 0 || strcmp(name, "P-384") == 0 || strcmp(name, "P-521") == 0;
}

static bool is_usable(EVP_PKEY *key)
{
  if (EVP_PKEY_is_a(key, "RSA")) return EVP_PKEY_get_bits(key) >= IFL_KEY_BITS_MIN;
  if (EVP_PKEY_is_a(key, "EC")) return is_tls_curve(key);
  return EVP_PKEY_is_a(key, "ED25519");
}

/* NULL as digest: the key's own (SHA-256 for RSA and EC, none for Ed25519). */
static bool signs(EVP_PKEY *key)
{
  static const unsigned char text[] = "iflow: does this key belong to itself?";
  unsigned char sig[IFL_KEY_BITS_MAX / 8];
  size_t n = sizeof sig;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new(), *back = EVP_MD_CTX_new();
  bool ok = ctx != NULL && back != NULL && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
            EVP_DigestSign(ctx, sig, &n, text, sizeof text) == 1 &&
            EVP_DigestVerifyInit(back, NULL, NULL, NULL, key) == 1 &&
            EVP_DigestVerify(back, sig, n, text, sizeof text) == 1;
  EVP_MD_CTX_free(ctx);
  EVP_MD_CTX_free(back);
  return ok;
}

int ifl_key_check(EVP_PKEY *key, iflow_error *err)
{
  char text[80];
  int rc = 0;
  ERR_clear_error();
  if (!is_usable(key)) {
    rc = ifl_fail(err, IFLOW_ECERT, "a key of type %s cannot be used for TLS here",
                  ifl_key_text(text, sizeof text, key));
    ifl_hint(err, "use RSA of %d to %d bits, or EC P-256, P-384 or P-521", IFL_KEY_BITS_MIN,
             IFL_KEY_BITS_MAX);
  } else if (!signs(key)) {
    rc = ifl_fail(err, IFLOW_ECERT, "the private key is damaged: its parts do not fit together");
  }
  ERR_clear_error();
  return rc;
}
