/* identity.c -- see identity.h. Everything that was given goes into one bundle; the private key
 * then says which certificate is the leaf, and the rest is searched for its issuers. So the order of
 * files and of certificates in them does not matter, and an external certificate's service key may
 * complete what a file lacks. */
#include "auth/identity.h"

#include "auth/certificate.h"
#include "auth/hardware.h"
#include "auth/key.h"
#include "base/error.h"

#include <openssl/err.h>
#include <string.h>

static int add_text(struct ifl_bundle *b, const char *text, size_t n, const char *name,
                    const struct ifl_identity_opts *o, iflow_error *err)
{
  return ifl_bundle_add(b, text, n, name, o->passphrase, err);
}

static int add_hardware_key(struct ifl_bundle *b, const char *uri,
                            const struct ifl_identity_opts *o, iflow_error *err)
{
  EVP_PKEY *key = NULL;
  int rc = ifl_hardware_key(&key, uri, o->passphrase, err);
  return rc < 0 ? rc : ifl_bundle_add_key(b, key, err);
}

static int add_hardware_certificate(struct ifl_bundle *b, const char *uri,
                                    const struct ifl_identity_opts *o, iflow_error *err)
{
  X509 *cert = NULL;
  int rc = ifl_hardware_certificate(&cert, uri, o->passphrase, err);
  return rc < 0 ? rc : ifl_bundle_add_cert(b, cert, err);
}

/* One URI for both names a certificate with its key. */
static int add_certificate(struct ifl_bundle *b, const struct ifl_identity_opts *o,
                           iflow_error *err)
{
  if (!ifl_hardware_named(o->cert_file))
    return ifl_bundle_add_file(b, o->cert_file, o->passphrase, err);
  int rc = add_hardware_certificate(b, o->cert_file, o, err);
  if (rc == 0 && o->key_file == NULL) rc = add_hardware_key(b, o->cert_file, o, err);
  return rc;
}

static int add_key(struct ifl_bundle *b, const struct ifl_identity_opts *o, iflow_error *err)
{
  if (ifl_hardware_named(o->key_file)) return add_hardware_key(b, o->key_file, o, err);
  return ifl_bundle_add_file(b, o->key_file, o->passphrase, err);
}

static bool is_in_hardware(const struct ifl_identity_opts *o)
{
  return ifl_hardware_named(o->key_file != NULL ? o->key_file : o->cert_file);
}

/* What the user gave besides a service key. */
static int add_given(struct ifl_bundle *b, const struct ifl_identity_opts *o, iflow_error *err)
{
  int rc = 0;
  if (o->cert_file != NULL) rc = add_certificate(b, o, err);
  if (rc == 0 && o->cert_pem != NULL)
    rc = add_text(b, o->cert_pem, strlen(o->cert_pem), "cert_pem", o, err);
  if (rc == 0 && o->key_file != NULL) rc = add_key(b, o, err);
  if (rc == 0 && o->key_pem != NULL)
    rc = add_text(b, ifl_secret_data(o->key_pem), ifl_secret_len(o->key_pem), "key_pem", o, err);
  return rc;
}

/* The service key's certificates complete the chain; its private key counts only when the user
 * gave neither certificate nor key. */
static int add_service_key(struct ifl_bundle *b, const struct ifl_identity_opts *o,
                           iflow_error *err)
{
  const char *certificate = ifl_service_key_certificate_pem(o->service_key);
  const ifl_secret *key = ifl_service_key_private_key_pem(o->service_key);
  const char *name = ifl_service_key_name(o->service_key);
  bool alone =
      o->cert_file == NULL && o->cert_pem == NULL && o->key_file == NULL && o->key_pem == NULL;
  int rc = 0;
  if (certificate != NULL) rc = add_text(b, certificate, strlen(certificate), name, o, err);
  if (rc == 0 && alone && key != NULL)
    rc = add_text(b, ifl_secret_data(key), ifl_secret_len(key), name, o, err);
  return rc;
}

/* The source to name in an error. */
static const char *source(const struct ifl_identity_opts *o)
{
  if (o->cert_file != NULL) return o->cert_file;
  if (o->cert_pem != NULL) return "cert_pem";
  if (o->service_key != NULL) return ifl_service_key_name(o->service_key);
  return o->key_file != NULL ? o->key_file : "key_pem";
}

static int fail_no_certificate(const struct ifl_identity_opts *o, iflow_error *err)
{
  bool secret = o->service_key != NULL && ifl_service_key_type(o->service_key) == IFL_KEY_SECRET;
  if (secret)
    return ifl_fail(err, IFLOW_ECERTNONE,
                    "'%s' has a client secret, so there is no certificate in it", source(o));
  return ifl_fail(err, IFLOW_ECERTNONE, "'%s' holds no certificate", source(o));
}

static int fail_no_key(const struct ifl_bundle *b, const struct ifl_identity_opts *o,
                       iflow_error *err)
{
  const char *key_source = o->key_file != NULL ? o->key_file : source(o);
  if (b->locked)
    return ifl_fail(err, IFLOW_ECERTPASS,
                    "'%s': the private key is encrypted, and no passphrase was given", key_source);
  ifl_fail(err, IFLOW_ECERTNONE, "'%s' holds no private key", key_source);
  if (o->service_key != NULL && ifl_service_key_type(o->service_key) == IFL_KEY_EXTERNAL)
    ifl_hint(err,
             "with an external certificate the private key stays with you: name its file (--key, "
             "or --cert for a PKCS#12 file)");
  return IFLOW_ECERTNONE;
}

static int fail_match(const struct ifl_bundle *b, const struct ifl_identity_opts *o,
                      iflow_error *err)
{
  struct ifl_cert_info info;
  char key[64];
  ifl_cert_info(&info, sk_X509_value(b->certs, 0));
  return ifl_fail(
      err, IFLOW_ECERTMATCH,
      "the private key (%s) belongs to none of the %d certificates in '%s'; the first is "
      "%.120s (%s)",
      ifl_key_text(key, sizeof key, b->key), sk_X509_num(b->certs), source(o), info.subject,
      info.key);
}

static int build(ifl_credential **out, const struct ifl_bundle *b, int leaf, iflow_error *err)
{
  STACK_OF(X509) *chain = ifl_chain_build(b->certs, leaf);
  X509 *cert = sk_X509_value(b->certs, leaf);
  if (chain == NULL) return ifl_fail_nomem(err);
  X509_up_ref(cert);
  EVP_PKEY_up_ref(b->key);
  *out = ifl_credential_new(cert, chain, b->key);
  return *out != NULL ? 0 : ifl_fail_nomem(err);
}

static int choose(ifl_credential **out, const struct ifl_bundle *b,
                  const struct ifl_identity_opts *o, iflow_error *err)
{
  if (sk_X509_num(b->certs) <= 0) return fail_no_certificate(o, err);
  if (b->key == NULL) return fail_no_key(b, o, err);
  int leaf = ifl_chain_leaf(b->certs, b->key);
  if (leaf < 0) return fail_match(b, o, err);
  int rc = ifl_key_check(b->key, err);
  if (rc < 0) {
    ifl_prefix(err, "'%s'", source(o));
    return rc;
  }
  rc = build(out, b, leaf, err);
  if (rc == 0) (*out)->in_hardware = is_in_hardware(o);
  return rc;
}

int ifl_identity_open(ifl_credential **out, const struct ifl_identity_opts *opts, iflow_error *err)
{
  struct ifl_bundle b = { 0 };
  int rc = add_given(&b, opts, err);
  if (rc == 0 && opts->service_key != NULL) rc = add_service_key(&b, opts, err);
  if (rc == 0) rc = choose(out, &b, opts, err);
  ifl_bundle_done(&b);
  ERR_clear_error();
  return rc;
}
