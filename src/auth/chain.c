/* chain.c -- which certificate is the leaf, who issued whom, and whether a chain leads to a root.
 * See certificate.h. Bundles are at most IFL_CERTS_MAX long, so comparing all pairs is cheap. */
#include "auth/certificate.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 10

/* By names, key identifiers and key usage; then by the signature, since two intermediates may have
 * one name and different keys. */
static bool issued(X509 *issuer, X509 *cert)
{
  return X509_check_issued(issuer, cert) == X509_V_OK &&
         X509_verify(cert, X509_get0_pubkey(issuer)) == 1;
}

static int leaf_of_key(const STACK_OF(X509) * certs, EVP_PKEY *key)
{
  int best = -1;
  for (int i = 0; i < sk_X509_num(certs); i++) {
    X509 *cert = sk_X509_value(certs, i);
    if (EVP_PKEY_eq(X509_get0_pubkey(cert), key) != 1) continue;
    if (best < 0 || ASN1_TIME_compare(X509_get0_notAfter(cert),
                                      X509_get0_notAfter(sk_X509_value(certs, best))) > 0)
      best = i;
  }
  return best;
}

static bool issued_another(const STACK_OF(X509) * certs, int i)
{
  for (int k = 0; k < sk_X509_num(certs); k++)
    if (k != i && issued(sk_X509_value(certs, i), sk_X509_value(certs, k))) return true;
  return false;
}

/* Of several candidates the first that is no authority. */
static int leaf_by_structure(const STACK_OF(X509) * certs)
{
  int first = -1;
  for (int i = 0; i < sk_X509_num(certs); i++) {
    if (issued_another(certs, i)) continue;
    if (X509_check_ca(sk_X509_value(certs, i)) == 0) return i;
    if (first < 0) first = i;
  }
  return first;
}

int ifl_chain_leaf(const STACK_OF(X509) * certs, EVP_PKEY *key)
{
  int leaf = key != NULL ? leaf_of_key(certs, key) : leaf_by_structure(certs);
  ERR_clear_error();
  return leaf;
}

/* The position of cert's issuer, -1 when it is not there. Of two that fit (a renewed intermediate,
 * a cross-signed root) the one that ends last. */
static int issuer_of(const STACK_OF(X509) * certs, X509 *cert)
{
  int best = -1;
  if (X509_self_signed(cert, 0) == 1) return -1;
  for (int i = 0; i < sk_X509_num(certs); i++) {
    X509 *other = sk_X509_value(certs, i);
    if (other == cert || !issued(other, cert)) continue;
    if (best < 0 || ASN1_TIME_compare(X509_get0_notAfter(other),
                                      X509_get0_notAfter(sk_X509_value(certs, best))) > 0)
      best = i;
  }
  return best;
}

int ifl_chain_issuer(const STACK_OF(X509) * certs, int i)
{
  int issuer = issuer_of(certs, sk_X509_value(certs, i));
  ERR_clear_error();
  return issuer;
}

/* Positions of the chain from leaf on, leaf included; returns their number. Two certificates that
 * signed each other end it: no position comes twice. */
static int trace(int positions[IFL_CERTS_MAX], const STACK_OF(X509) * certs, int leaf)
{
  bool seen[IFL_CERTS_MAX] = { false };
  int n = 0;
  for (int i = leaf; i >= 0 && i < IFL_CERTS_MAX && !seen[i];) {
    seen[i] = true;
    positions[n++] = i;
    i = issuer_of(certs, sk_X509_value(certs, i));
  }
  ERR_clear_error();
  return n;
}

STACK_OF(X509) * ifl_chain_build(const STACK_OF(X509) * certs, int leaf)
{
  int positions[IFL_CERTS_MAX], n = trace(positions, certs, leaf);
  STACK_OF(X509) *chain = sk_X509_new_null();
  for (int i = 1; i < n && chain != NULL; i++) {
    X509 *cert = sk_X509_value(certs, positions[i]);
    if (sk_X509_push(chain, cert) > 0) {
      X509_up_ref(cert);
      continue;
    }
    sk_X509_pop_free(chain, X509_free);
    chain = NULL;
  }
  return chain;
}

const char *ifl_chain_order(const STACK_OF(X509) * certs, int leaf)
{
  int positions[IFL_CERTS_MAX], total = sk_X509_num(certs);
  bool up = true, down = true;
  if (total == 1) return "single";
  int n = trace(positions, certs, leaf);
  if (n < total) return "unrelated";
  for (int i = 1; i < n; i++) {
    up = up && positions[i] > positions[i - 1];
    down = down && positions[i] < positions[i - 1];
  }
  return up ? "leaf first" : down ? "root first" : "mixed";
}

static bool set_up(X509_STORE_CTX *ctx, X509_STORE *store, STACK_OF(X509) * chain, int64_t at,
                   const char *purpose)
{
  if (X509_STORE_CTX_init(ctx, store, sk_X509_value(chain, 0), chain) != 1) return false;
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
  X509_VERIFY_PARAM_set_time(param, (time_t)at);
  X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
  if (purpose == NULL) return true;
  int id = strcmp(purpose, "server") == 0 ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
  return X509_VERIFY_PARAM_set_purpose(param, id) == 1;
}

static X509_STORE *store_of(const STACK_OF(X509) * roots)
{
  X509_STORE *store = X509_STORE_new();
  bool ok = store != NULL && X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1;
  for (int i = 0; ok && i < sk_X509_num(roots); i++)
    ok = X509_STORE_add_cert(store, sk_X509_value(roots, i)) == 1;
  if (ok) return store;
  X509_STORE_free(store);
  return NULL;
}

int ifl_chain_verify(STACK_OF(X509) * chain, STACK_OF(X509) * roots, int64_t at,
                     const char *purpose, char *why, size_t size, iflow_error *err)
{
  X509_STORE *store = store_of(roots);
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();
  int rc;
  if (store == NULL || ctx == NULL || !set_up(ctx, store, chain, at, purpose)) {
    rc = ifl_fail_nomem(err);
  } else {
    rc = X509_verify_cert(ctx) == 1;
    if (rc == 0)
      snprintf(why, size, "%s, at depth %d",
               X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)),
               X509_STORE_CTX_get_error_depth(ctx));
  }
  X509_STORE_CTX_free(ctx);
  X509_STORE_free(store);
  ERR_clear_error();
  return rc;
}
