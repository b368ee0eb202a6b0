/* token_seal.c -- see token_seal.h. A sealed file is: magic, nonce, ciphertext, tag. */
#include "auth/token_seal.h"

#include "base/digest.h"
#include "base/error.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/x509.h>
#include <string.h>

#define NONCE 12
#define TAG   16

static const char magic[8] = "iflow-t1"; /* no room for a NUL, none is wanted */

/* ---- the key --------------------------------------------------------------------------------- */

static int derive(unsigned char key[IFL_SEAL_KEY], const void *from, size_t n, iflow_error *err)
{
  static const char info[] = "iflow token cache";
  EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
  EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {
    OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)from, n),
    OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)info,
                                      sizeof info - 1),
    OSSL_PARAM_construct_end(),
  };
  int ok = ctx != NULL && EVP_KDF_derive(ctx, key, IFL_SEAL_KEY, params) == 1;
  EVP_KDF_CTX_free(ctx);
  EVP_KDF_free(kdf);
  return ok ? 0 : ifl_fail(err, IFLOW_ESYSTEM, "OpenSSL cannot derive a key");
}

int ifl_seal_key(unsigned char key[IFL_SEAL_KEY], const struct ifl_token_opts *opts,
                 iflow_error *err)
{
  unsigned char *der = NULL;
  if (opts->secret != NULL)
    return derive(key, ifl_secret_data(opts->secret), ifl_secret_len(opts->secret), err);
  int n = i2d_PrivateKey(opts->credential->key, &der);
  if (n <= 0) return ifl_fail(err, IFLOW_ECERT, "the private key does not leave its hardware");
  int rc = derive(key, der, (size_t)n, err);
  OPENSSL_clear_free(der, (size_t)n);
  return rc;
}

/* ---- sealing --------------------------------------------------------------------------------- */

/* Both directions are one run of the cipher; `tag` is written when sealing, compared when not. */
static bool gcm(bool seal, unsigned char *out, const unsigned char *key, const unsigned char *nonce,
                const char *label, const unsigned char *in, size_t n, unsigned char *tag)
{
  EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
  int used = 0;
  bool ok =
      ctx != NULL &&
      EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal ? 1 : 0) == 1 &&
      EVP_CipherUpdate(ctx, NULL, &used, (const unsigned char *)magic, sizeof magic) == 1 &&
      EVP_CipherUpdate(ctx, NULL, &used, (const unsigned char *)label, (int)strlen(label)) == 1 &&
      EVP_CipherUpdate(ctx, out, &used, in, (int)n) == 1;
  if (ok && !seal) ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag) == 1;
  ok = ok && EVP_CipherFinal_ex(ctx, out + used, &used) == 1;
  if (ok && seal) ok = EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, tag) == 1;
  EVP_CIPHER_CTX_free(ctx);
  return ok;
}

int ifl_seal(struct ifl_buf *out, const unsigned char key[IFL_SEAL_KEY], const char *label,
             const void *data, size_t n, iflow_error *err)
{
  unsigned char nonce[NONCE], tag[TAG];
  int rc = ifl_random(nonce, sizeof nonce, err);
  if (rc == 0) rc = ifl_buf_add(out, magic, sizeof magic, err);
  if (rc == 0) rc = ifl_buf_add(out, nonce, sizeof nonce, err);
  if (rc == 0) rc = ifl_buf_reserve(out, n + TAG, err);
  if (rc < 0) return rc;
  if (!gcm(true, (unsigned char *)out->data + out->len, key, nonce, label, data, n, tag))
    return ifl_fail(err, IFLOW_ESYSTEM, "OpenSSL cannot encrypt");
  out->len += n;
  return ifl_buf_add(out, tag, sizeof tag, err);
}

int ifl_unseal(struct ifl_buf *out, const unsigned char key[IFL_SEAL_KEY], const char *label,
               const void *data, size_t n, iflow_error *err)
{
  const unsigned char *p = data;
  unsigned char tag[TAG];
  if (n < sizeof magic + NONCE + TAG || memcmp(p, magic, sizeof magic) != 0)
    return ifl_fail(err, IFLOW_ETOKENANSWER, "not a sealed token");
  size_t len = n - sizeof magic - NONCE - TAG;
  int rc = ifl_buf_reserve(out, len, err);
  if (rc < 0) return rc;
  memcpy(tag, p + n - TAG, TAG);
  if (!gcm(false, (unsigned char *)out->data + out->len, key, p + sizeof magic, label,
           p + sizeof magic + NONCE, len, tag))
    return ifl_fail(err, IFLOW_ETOKENANSWER, "sealed with another credential, or damaged");
  out->len += len;
  out->data[out->len] = '\0';
  return 0;
}
