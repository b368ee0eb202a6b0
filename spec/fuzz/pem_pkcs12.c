/* pem_pkcs12.c -- fuzz target: any bytes as PEM, DER or PKCS#12, read, ordered, described and made
 * an identity of. The passphrase is "secret", which the corpus uses. */
#include "auth/certificate.h"
#include "auth/identity.h"
#include "auth/pem.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was repaired once is canonical: repairing it again changes nothing. */
static void check_repair(const uint8_t *data, size_t size)
{
  struct ifl_buf once = IFL_BUF_INIT(1 << 20), twice = IFL_BUF_INIT(1 << 20);
  if (ifl_pem_repair(&once, (const char *)data, size, NULL) == 0) {
    if (ifl_pem_repair(&twice, once.data, once.len, NULL) < 0) abort();
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0) abort();
  }
  ifl_buf_done(&once);
  ifl_buf_done(&twice);
}

static void describe(const struct ifl_bundle *b)
{
  struct ifl_cert_info info;
  struct ifl_buf text = IFL_BUF_INIT(1 << 20);
  char why[256];
  int n = b->certs != NULL ? sk_X509_num(b->certs) : 0;
  int leaf = ifl_chain_leaf(b->certs, b->key);
  if (n > IFL_CERTS_MAX || leaf >= n) abort();
  for (int i = 0; i < n; i++) {
    X509 *cert = sk_X509_value(b->certs, i);
    ifl_cert_info(&info, cert);
    if (strlen(info.sha256) != 64) abort();
    (void)ifl_cert_sans(&text, cert, NULL);
    (void)ifl_cert_usages(&text, cert, NULL);
    if (ifl_cert_pem(&text, cert, NULL) < 0) break;
  }
  if (n > 0) {
    (void)ifl_chain_order(b->certs, leaf < 0 ? 0 : leaf);
    (void)ifl_chain_verify(b->certs, b->certs, 1777881600, "client", why, sizeof why, NULL);
  }
  ifl_buf_done(&text);
}

static void identify(const uint8_t *data, size_t size, ifl_secret *pass)
{
  ifl_secret *bytes = ifl_secret_new(data, size);
  struct ifl_identity_opts opts = { .key_pem = bytes, .passphrase = pass };
  ifl_credential *c = NULL;
  iflow_error err = { 0 };
  int rc = ifl_identity_open(&c, &opts, &err);
  if ((rc == 0) != (c != NULL) || err.code != rc) abort();
  if (c != NULL && X509_check_private_key(c->leaf, c->key) != 1) abort();
  ifl_credential_unref(c);
  ifl_secret_unref(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct ifl_bundle b = { 0 };
  ifl_secret *pass = ifl_secret_new("secret", 6);
  iflow_error err = { 0 };
  check_repair(data, size);
  int rc = ifl_bundle_add(&b, data, size, "fuzz", pass, &err);
  if (err.code != rc) abort();
  if (rc == 0) describe(&b);
  ifl_bundle_done(&b);
  identify(data, size, pass);
  ifl_secret_unref(pass);
  ERR_clear_error();
  return 0;
}
