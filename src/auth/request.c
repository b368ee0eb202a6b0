/* request.c -- see request.h. */
#include "auth/request.h"

#include "auth/authority.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#define ROUNDS     210000 /* of PBKDF2: some 50 ms, what guessing a passphrase costs a try */
#define SALT_BYTES 16

static int fail_openssl(iflow_error *err, const char *what)
{
  char reason[160] = "no reason given";
  unsigned long e = ERR_peek_last_error();
  if (e != 0) ERR_error_string_n(e, reason, sizeof reason);
  ERR_clear_error();
  return ifl_fail(err, IFLOW_EINVAL, "%s: %s", what, reason);
}

/* ---- the request ---- */

static int add_names(STACK_OF(X509_EXTENSION) * *exts, const char *const *sans, iflow_error *err)
{
  GENERAL_NAMES *names = NULL;
  if (sans == NULL || sans[0] == NULL) return 0;
  int rc = ifl_authority_sans(&names, sans, err);
  if (rc == 0 && X509V3_add1_i2d(exts, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1)
    rc = fail_openssl(err, "the alternative names are not possible");
  sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
  return rc;
}

static int add_usage(STACK_OF(X509_EXTENSION) * exts, int nid, const char *value, iflow_error *err)
{
  X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
  if (ext != NULL && sk_X509_EXTENSION_push(exts, ext) > 0) return 0;
  X509_EXTENSION_free(ext);
  return ifl_fail_nomem(err);
}

static int add_extensions(X509_REQ *request, const char *const *sans, iflow_error *err)
{
  STACK_OF(X509_EXTENSION) *exts = sk_X509_EXTENSION_new_null();
  int rc = exts == NULL ? ifl_fail_nomem(err) : 0;
  if (rc == 0) rc = add_usage(exts, NID_key_usage, "critical,digitalSignature", err);
  if (rc == 0) rc = add_usage(exts, NID_ext_key_usage, "clientAuth", err);
  if (rc == 0) rc = add_names(&exts, sans, err);
  if (rc == 0 && X509_REQ_add_extensions(request, exts) != 1) rc = ifl_fail_nomem(err);
  sk_X509_EXTENSION_pop_free(exts, X509_EXTENSION_free);
  return rc;
}

static int fill(X509_REQ *request, EVP_PKEY *key, const char *const *subject,
                const char *const *sans, iflow_error *err)
{
  X509_NAME *name = X509_NAME_new();
  int rc = name == NULL ? ifl_fail_nomem(err) : ifl_authority_subject(name, subject, err);
  if (rc == 0 && X509_REQ_set_subject_name(request, name) != 1) rc = ifl_fail_nomem(err);
  X509_NAME_free(name);
  if (rc == 0 && X509_REQ_set_pubkey(request, key) != 1) rc = ifl_fail_nomem(err);
  if (rc == 0) rc = add_extensions(request, sans, err);
  if (rc == 0 && X509_REQ_sign(request, key, EVP_sha256()) <= 0)
    rc = fail_openssl(err, "the request cannot be signed");
  return rc;
}

static int append(struct ifl_buf *out, BIO *bio, iflow_error *err)
{
  char *text = NULL;
  long n = BIO_get_mem_data(bio, &text);
  return ifl_buf_add(out, text, (size_t)n, err);
}

int ifl_request_write(struct ifl_buf *out, EVP_PKEY *key, const char *const *subject,
                      const char *const *sans, iflow_error *err)
{
  X509_REQ *request = X509_REQ_new();
  BIO *bio = BIO_new(BIO_s_mem());
  int rc =
      request == NULL || bio == NULL ? ifl_fail_nomem(err) : fill(request, key, subject, sans, err);
  if (rc == 0 && PEM_write_bio_X509_REQ(bio, request) != 1) rc = ifl_fail_nomem(err);
  if (rc == 0) rc = append(out, bio, err);
  BIO_free(bio);
  X509_REQ_free(request);
  ERR_clear_error();
  return rc;
}

/* ---- the key ---- */

/* Not PEM_write_bio_PKCS8PrivateKey with a cipher: its 2,048 rounds are those of 1999. */
static X509_SIG *encrypt(EVP_PKEY *key, const ifl_secret *pass)
{
  X509_SIG *sealed = NULL;
  PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
  X509_ALGOR *how =
      PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), ROUNDS, NULL, SALT_BYTES, NULL, NID_hmacWithSHA256);
  if (info != NULL && how != NULL)
    sealed = PKCS8_set0_pbe(ifl_secret_data(pass), (int)ifl_secret_len(pass), info, how);
  if (sealed == NULL) X509_ALGOR_free(how); /* else it belongs to sealed */
  PKCS8_PRIV_KEY_INFO_free(info);
  return sealed;
}

int ifl_request_write_key(struct ifl_buf *out, EVP_PKEY *key, const ifl_secret *pass,
                          iflow_error *err)
{
  if (pass == NULL) return ifl_authority_write_private(out, key, false, err);
  if (ifl_secret_len(pass) == 0)
    return ifl_fail(err, IFLOW_EINVAL, "an empty passphrase protects no key");
  X509_SIG *sealed = encrypt(key, pass);
  BIO *bio = BIO_new(BIO_s_mem());
  int rc = sealed == NULL || bio == NULL || PEM_write_bio_PKCS8(bio, sealed) != 1
               ? fail_openssl(err, "the private key cannot be encrypted")
               : append(out, bio, err);
  BIO_free(bio);
  X509_SIG_free(sealed);
  ERR_clear_error();
  return rc;
}
