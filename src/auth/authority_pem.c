/* authority_pem.c -- PEM and JWK forms of what authority.c makes. */
#include "auth/authority.h"

#include "base/digest.h"
#include "base/error.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>

/* OpenSSL would ask on the terminal; an encrypted key is simply not readable here. */
static int no_passphrase(char *buf, int size, int writing, void *payload)
{
  (void)buf;
  (void)size;
  (void)writing;
  (void)payload;
  return -1;
}

static int open_pem(BIO **out, const char *pem, size_t n, iflow_error *err)
{
  if (n == 0 || n > IFL_AUTHORITY_PEM_MAX)
    return ifl_fail(err, IFLOW_ECERT, "a PEM text of %zu bytes: 1 to %d are possible", n,
                    IFL_AUTHORITY_PEM_MAX);
  BIO *bio = BIO_new_mem_buf(pem, (int)n);
  if (bio == NULL) return ifl_fail_nomem(err);
  *out = bio;
  return 0;
}

int ifl_authority_read_certificate(X509 **out, const char *pem, size_t n, iflow_error *err)
{
  BIO *bio = NULL;
  int rc = open_pem(&bio, pem, n, err);
  if (rc < 0) return rc;
  X509 *cert = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  ERR_clear_error();
  if (cert == NULL) return ifl_fail(err, IFLOW_ECERT, "the text is not a PEM certificate");
  *out = cert;
  return 0;
}

int ifl_authority_read_public(EVP_PKEY **out, const char *pem, size_t n, iflow_error *err)
{
  BIO *bio = NULL;
  X509 *cert = NULL;
  int rc = open_pem(&bio, pem, n, err);
  if (rc < 0) return rc;
  EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  if (key == NULL && ifl_authority_read_certificate(&cert, pem, n, NULL) == 0) {
    key = X509_get_pubkey(cert);
    X509_free(cert);
  }
  ERR_clear_error();
  if (key == NULL)
    return ifl_fail(err, IFLOW_ECERT, "the text is neither a PEM public key nor a certificate");
  *out = key;
  return 0;
}

int ifl_authority_read_private(EVP_PKEY **out, const char *pem, size_t n, iflow_error *err)
{
  BIO *bio = NULL;
  int rc = open_pem(&bio, pem, n, err);
  if (rc < 0) return rc;
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
  BIO_free(bio);
  ERR_clear_error();
  if (key == NULL)
    return ifl_fail(err, IFLOW_ECERT, "the text is not a PEM private key without passphrase");
  *out = key;
  return 0;
}

/* Moves what was written into out; a private key passes, so the BIO's memory is wiped by OpenSSL
 * (BIO_s_secmem). */
static int take(struct ifl_buf *out, BIO *bio, bool ok, iflow_error *err)
{
  char *data = NULL;
  long n = bio != NULL && ok ? BIO_get_mem_data(bio, &data) : 0;
  int rc = n > 0 ? ifl_buf_add(out, data, (size_t)n, err)
                 : ifl_fail(err, IFLOW_EINTERNAL, "a PEM text cannot be written");
  BIO_free(bio);
  ERR_clear_error();
  return rc;
}

int ifl_authority_write_public(struct ifl_buf *out, EVP_PKEY *key, iflow_error *err)
{
  BIO *bio = BIO_new(BIO_s_mem());
  return take(out, bio, bio != NULL && PEM_write_bio_PUBKEY(bio, key) == 1, err);
}

int ifl_authority_write_private(struct ifl_buf *out, EVP_PKEY *key, bool pkcs1, iflow_error *err)
{
  BIO *bio = BIO_new(BIO_s_secmem());
  bool ok = false;
  if (bio != NULL && pkcs1)
    ok = PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
  else if (bio != NULL)
    ok = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
  return take(out, bio, ok, err);
}

int ifl_authority_write_certificate(struct ifl_buf *out, X509 *cert, iflow_error *err)
{
  BIO *bio = BIO_new(BIO_s_mem());
  return take(out, bio, bio != NULL && PEM_write_bio_X509(bio, cert) == 1, err);
}

static int add_number(struct ifl_buf *out, EVP_PKEY *key, const char *name, iflow_error *err)
{
  unsigned char raw[1024];
  char text[(sizeof raw + 2) / 3 * 4 + 1];
  BIGNUM *number = NULL;
  int rc;
  if (EVP_PKEY_get_bn_param(key, name, &number) == 1 && BN_num_bytes(number) <= (int)sizeof raw) {
    size_t n = (size_t)BN_bn2bin(number, raw);
    rc = ifl_buf_add(out, text, ifl_base64url(text, raw, n), err);
  } else {
    rc = ifl_fail(err, IFLOW_EINVAL, "the key has no usable number '%s'", name);
  }
  BN_free(number);
  ERR_clear_error();
  return rc;
}

int ifl_authority_jwk(struct ifl_buf *n, struct ifl_buf *e, EVP_PKEY *key, iflow_error *err)
{
  if (!EVP_PKEY_is_a(key, "RSA")) return ifl_fail(err, IFLOW_EINVAL, "a JWK of RS256 is RSA");
  int rc = add_number(n, key, OSSL_PKEY_PARAM_RSA_N, err);
  return rc == 0 ? add_number(e, key, OSSL_PKEY_PARAM_RSA_E, err) : rc;
}
