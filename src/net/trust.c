/* trust.c -- see trust.h. */
#include "net/trust.h"

#include "base/buffer.h"
#include "base/digest.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#define TRUST_MAX (8u << 20) /* all authorities of a system are 200 KiB */

/* As curl does: an intermediate that is named here is trusted like a root. */
static const unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST;

/* How many certificates it added; -1: something went wrong. */
static int add_all(X509_STORE *store, STACK_OF(X509_INFO) * list)
{
  int count = 0;
  for (int i = 0; i < sk_X509_INFO_num(list); i++) {
    const X509_INFO *item = sk_X509_INFO_value(list, i);
    if (item->x509 != NULL && X509_STORE_add_cert(store, item->x509) != 1) return -1;
    if (item->crl != NULL && X509_STORE_add_crl(store, item->crl) != 1) return -1;
    count += item->x509 != NULL;
  }
  return count;
}

static int fill(ifl_trust *t, const struct ifl_buf *text, iflow_error *err)
{
  BIO *bio = BIO_new_mem_buf(text->len > 0 ? text->data : "", (int)text->len);
  STACK_OF(X509_INFO) *list = bio != NULL ? PEM_X509_INFO_read_bio(bio, NULL, NULL, NULL) : NULL;
  t->store = X509_STORE_new();
  int count = -1;
  if (t->store != NULL && X509_STORE_set_flags(t->store, flags) == 1)
    count = list != NULL ? add_all(t->store, list) : 0;
  sk_X509_INFO_pop_free(list, X509_INFO_free);
  BIO_free(bio);
  ERR_clear_error();
  if (count > 0) return 0;
  if (count < 0) return ifl_fail_nomem(err);
  ifl_fail(err, IFLOW_ECERT,
           "the trust file '%s' holds no certificate in PEM form, or a broken one", t->path);
  ifl_hint(err,
           "a trust file is PEM; `iflow trust add FILE --trust trust.pem` makes one of DER files "
           "and of the archive of SAP's connectivity test");
  return IFLOW_ECERT;
}

/* The directory is looked into when a chain needs it, as without a file. */
static int add_system(ifl_trust *t, iflow_error *err)
{
  if (X509_STORE_load_path(t->store, IFL_TRUST_DIRECTORY) == 1) return 0;
  ERR_clear_error();
  return ifl_fail_nomem(err);
}

int ifl_trust_open(ifl_trust **out, const char *path, bool beside_system, iflow_error *err)
{
  struct ifl_buf text = IFL_BUF_INIT(TRUST_MAX);
  ifl_trust *t = calloc(1, sizeof *t);
  if (t == NULL) return ifl_fail_nomem(err);
  t->refs = 1;
  t->path = strdup(path);
  int rc = t->path != NULL ? ifl_file_read(&text, path, err) : ifl_fail_nomem(err);
  if (rc == 0) rc = fill(t, &text, err);
  if (rc == 0 && beside_system) rc = add_system(t, err);
  if (rc == 0 && beside_system) rc = ifl_buf_adds(&text, "\n+ " IFL_TRUST_DIRECTORY, err);
  if (rc == 0) ifl_sha256_hex(t->fingerprint, text.data, text.len);
  ifl_buf_done(&text);
  if (rc < 0) ifl_trust_unref(t);
  else *out = t;
  return rc;
}

ifl_trust *ifl_trust_ref(ifl_trust *t)
{
  if (t != NULL) t->refs++;
  return t;
}

void ifl_trust_unref(ifl_trust *t)
{
  if (t == NULL || --t->refs > 0) return;
  X509_STORE_free(t->store);
  free(t->path);
  free(t);
}

bool ifl_trust_use(const ifl_trust *t, SSL_CTX *ctx)
{
  return SSL_CTX_set1_verify_cert_store(ctx, t->store) == 1;
}
