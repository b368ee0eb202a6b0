/* reach.c -- which authorities a certificate leads to, by signatures alone: a certificate may be
 * issued by several (a root and its cross-signed twin), and lists of roots are compared with all of
 * them. See certificate.h. */
#include "auth/certificate.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

/* The system's directory is read by OpenSSL, name by name. */
struct directory {
  X509_STORE *store;
  X509_STORE_CTX *ctx;
};

static void close_directory(struct directory *d)
{
  X509_STORE_CTX_free(d->ctx);
  X509_STORE_free(d->store);
}

static int open_directory(struct directory *d, const char *path, iflow_error *err)
{
  if (path == NULL) return 0;
  d->store = X509_STORE_new();
  d->ctx = X509_STORE_CTX_new();
  if (d->store != NULL && d->ctx != NULL && X509_STORE_load_path(d->store, path) == 1 &&
      X509_STORE_CTX_init(d->ctx, d->store, NULL, NULL) == 1)
    return 0;
  return ifl_fail_nomem(err);
}

/* Takes cert into out unless it is there or out is full. */
static int take(STACK_OF(X509) * out, X509 *cert, iflow_error *err)
{
  for (int i = 0; i < sk_X509_num(out); i++)
    if (X509_cmp(sk_X509_value(out, i), cert) == 0) return 0;
  if (sk_X509_num(out) >= IFL_CERTS_MAX) return 0;
  if (sk_X509_push(out, cert) <= 0) return ifl_fail_nomem(err);
  X509_up_ref(cert);
  return 0;
}

static int take_issuers(STACK_OF(X509) * out, X509 *cert, const STACK_OF(X509) * among,
                        iflow_error *err)
{
  int rc = 0;
  for (int i = 0; i < sk_X509_num(among) && rc == 0; i++) {
    X509 *issuer = sk_X509_value(among, i);
    if (X509_check_issued(issuer, cert) == X509_V_OK &&
        X509_verify(cert, X509_get0_pubkey(issuer)) == 1)
      rc = take(out, issuer, err);
  }
  return rc;
}

static int take_from_directory(STACK_OF(X509) * out, X509 *cert, const struct directory *d,
                               iflow_error *err)
{
  if (d->ctx == NULL) return 0;
  STACK_OF(X509) *named = X509_STORE_CTX_get1_certs(d->ctx, X509_get_issuer_name(cert));
  int rc = take_issuers(out, cert, named, err);
  sk_X509_pop_free(named, X509_free);
  return rc;
}

static int reach(STACK_OF(X509) * out, const STACK_OF(X509) * certs, const STACK_OF(X509) * known,
                 const struct directory *d, iflow_error *err)
{
  int rc = 0;
  for (int i = 0; i < sk_X509_num(out) && rc == 0; i++) { /* it grows meanwhile */
    X509 *cert = sk_X509_value(out, i);
    if (X509_self_signed(cert, 0) == 1) continue;
    rc = take_issuers(out, cert, certs, err);
    if (rc == 0) rc = take_issuers(out, cert, known, err);
    if (rc == 0) rc = take_from_directory(out, cert, d, err);
  }
  return rc;
}

int ifl_chain_reach(STACK_OF(X509) * *out, const STACK_OF(X509) * certs, int leaf,
                    const STACK_OF(X509) * known, const char *path, iflow_error *err)
{
  struct directory d = { 0 };
  STACK_OF(X509) *found = sk_X509_new_null();
  int rc = found != NULL ? open_directory(&d, path, err) : ifl_fail_nomem(err);
  if (rc == 0) rc = take(found, sk_X509_value(certs, leaf), err);
  if (rc == 0) rc = reach(found, certs, known, &d, err);
  if (rc == 0) *out = found;
  else sk_X509_pop_free(found, X509_free);
  close_directory(&d);
  ERR_clear_error();
  return rc;
}
