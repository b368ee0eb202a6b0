/* tls.c -- see tls.h. For the client (connection.c), the server and the identities of auth. */
#include "net/tls.h"

#include "base/error.h"
#include "base/secret.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hex(char *out, const unsigned char *bytes, size_t n, const char *digits)
{
  for (size_t i = 0; i < n; i++) {
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

static bool digest(char out[65], const X509 *cert, const char *digits)
{
  unsigned char md[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  out[0] = '\0';
  if (X509_digest(cert, EVP_sha256(), md, &n) != 1 || n != 32) return false;
  hex(out, md, n, digits);
  return true;
}

void ifl_tls_sha256(char out[65], const X509 *cert)
{
  (void)digest(out, cert, "0123456789ABCDEF");
}

static void free_parts(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key)
{
  X509_free(leaf);
  sk_X509_pop_free(chain, X509_free);
  EVP_PKEY_free(key);
}

ifl_credential *ifl_credential_new(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key)
{
  ifl_credential *c = calloc(1, sizeof *c);
  if (c == NULL || !digest(c->fingerprint, leaf, "0123456789abcdef")) {
    free_parts(leaf, chain, key);
    free(c);
    return NULL;
  }
  c->refs = 1;
  c->leaf = leaf;
  c->chain = chain;
  c->key = key;
  return c;
}

ifl_credential *ifl_credential_ref(ifl_credential *c)
{
  if (c != NULL) c->refs++;
  return c;
}

void ifl_credential_unref(ifl_credential *c)
{
  if (c == NULL || --c->refs > 0) return;
  free_parts(c->leaf, c->chain, c->key);
  ifl_wipe(c, sizeof *c);
  free(c);
}

static int use_failed(iflow_error *err)
{
  unsigned long e = ERR_get_error();
  int reason = ERR_GET_REASON(e);
  const char *why = ERR_reason_error_string(e);
  ERR_clear_error();
  if (reason == ERR_R_MALLOC_FAILURE) return ifl_fail_nomem(err);
  if (reason == X509_R_KEY_VALUES_MISMATCH || reason == X509_R_KEY_TYPE_MISMATCH)
    return ifl_fail(err, IFLOW_ECERTMATCH, "the private key does not belong to the certificate");
  int rc = ifl_fail(err, IFLOW_ECERT, "TLS does not take the certificate: %s",
                    why != NULL ? why : "no reason given");
  if (err != NULL) err->native = reason;
  return rc;
}

int ifl_credential_use(ifl_credential *c, SSL_CTX *ctx, iflow_error *err)
{
  ERR_clear_error();
  if (SSL_CTX_use_certificate(ctx, c->leaf) != 1 || SSL_CTX_use_PrivateKey(ctx, c->key) != 1 ||
      SSL_CTX_check_private_key(ctx) != 1 || SSL_CTX_set1_chain(ctx, c->chain) != 1)
    return use_failed(err);
  /* What the user gave and nothing else: OpenSSL would fill up the chain from the trust store. */
  SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
  return 0;
}

char *ifl_tls_name(char *out, size_t size, const X509_NAME *name)
{
  unsigned long flags = (ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) |
                        XN_FLAG_SEP_CPLUS_SPC | XN_FLAG_DN_REV | XN_FLAG_FN_SN;
  BIO *bio = BIO_new(BIO_s_mem());
  int n = 0;
  if (size == 0) return out;
  if (bio != NULL && X509_NAME_print_ex(bio, name, 0, flags) >= 0)
    n = BIO_read(bio, out, size > INT32_MAX ? INT32_MAX : (int)size - 1);
  out[n > 0 ? n : 0] = '\0';
  BIO_free(bio);
  return out;
}
