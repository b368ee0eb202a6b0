/* tls_watch.c -- see tls_watch.h. */
#include "net/tls_watch.h"

#include "base/error.h"

#include <string.h>

void ifl_tls_watch_init(struct ifl_tls_watch *w)
{
  memset(w, 0, sizeof *w);
  w->alert = -1;
}

static struct ifl_tls_watch *watch_of(const SSL *ssl)
{
  return SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
}

/* Runs once a certificate of the chain and once an error; the first error is the telling one. */
static int on_verify(int ok, X509_STORE_CTX *ctx)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
  struct ifl_tls_watch *w = watch_of(ssl);
  if (ok || w->verify_error != 0) return ok;
  X509 *cert = X509_STORE_CTX_get_current_cert(ctx), *leaf = X509_STORE_CTX_get0_cert(ctx);
  w->verify_error = X509_STORE_CTX_get_error(ctx);
  w->depth = X509_STORE_CTX_get_error_depth(ctx);
  w->served = sk_X509_num(X509_STORE_CTX_get0_untrusted(ctx));
  if (leaf != NULL) ifl_tls_name(w->leaf, sizeof w->leaf, X509_get_subject_name(leaf));
  if (cert == NULL) cert = leaf;
  if (cert == NULL) return ok;
  ifl_tls_name(w->subject, sizeof w->subject, X509_get_subject_name(cert));
  ifl_tls_name(w->issuer, sizeof w->issuer, X509_get_issuer_name(cert));
  ifl_tls_sha256(w->sha256, cert);
  return ok;
}

static void on_info(const SSL *ssl, int where, int value)
{
  struct ifl_tls_watch *w = watch_of(ssl);
  if ((where & SSL_CB_HANDSHAKE_DONE) != 0 && !w->done) {
    w->done = true;
    w->resumed = SSL_session_reused(ssl) == 1;
  }
  if ((where & SSL_CB_READ_ALERT) != SSL_CB_READ_ALERT) return;
  if ((value & 0xff) == SSL_AD_CLOSE_NOTIFY) w->closed = true;
  else if (value >> 8 == SSL3_AL_FATAL && w->alert < 0) {
    w->alert = value & 0xff;
    w->late = SSL_version(ssl) < TLS1_3_VERSION ? w->done : w->heard;
  }
}

/* OpenSSL asks for a certificate when the server did; the SSL_CTX has it already, if there is one. */
static int on_asked(SSL *ssl, void *arg)
{
  struct ifl_tls_watch *w = arg;
  (void)ssl;
  w->asked = true;
  return 1;
}

void ifl_tls_watch_install(struct ifl_tls_watch *w, SSL_CTX *ctx)
{
  SSL_CTX_set_app_data(ctx, w);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, on_verify);
  SSL_CTX_set_info_callback(ctx, on_info);
  SSL_CTX_set_cert_cb(ctx, on_asked, w);
}

/* Whether the server refused our client certificate, or the lack of one, with a fatal alert; it has
 * read nothing of a request then. */
static bool refused_credentials(const struct ifl_tls_watch *w)
{
  if (w->late) return false; /* a renegotiation was wanted, or worse: the request may be taken */
  switch (w->alert) {
  case SSL_AD_BAD_CERTIFICATE:
  case SSL_AD_UNSUPPORTED_CERTIFICATE:
  case SSL_AD_CERTIFICATE_REVOKED:
  case SSL_AD_CERTIFICATE_EXPIRED:
  case SSL_AD_CERTIFICATE_UNKNOWN:
  case SSL_AD_UNKNOWN_CA:
  case SSL_AD_CERTIFICATE_REQUIRED: return true;
  /* These have other causes too, unless the server had asked for a certificate: then TLS 1.2 says
   * handshake_failure for a missing one, and policies say access_denied. */
  case SSL_AD_HANDSHAKE_FAILURE:
  case SSL_AD_ACCESS_DENIED:
  case SSL_AD_DECRYPT_ERROR: return w->asked;
  default: return false;
  }
}

static int explain_alert(const struct ifl_tls_watch *w, const char *where, bool had_certificate,
                         iflow_error *err)
{
  const char *alert = SSL_alert_desc_string_long(w->alert);
  if (!refused_credentials(w))
    return ifl_fail(err, IFLOW_ETLS, "%s ended the TLS %s with the alert '%s'", where,
                    w->done ? "connection" : "handshake", alert);
  if (had_certificate)
    return ifl_fail(err, IFLOW_ETLSCREDENTIALS, "%s refused our client certificate: '%s'", where,
                    alert);
  int rc = ifl_fail(err, IFLOW_ETLSCREDENTIALS,
                    "%s wants a client certificate, and none was given: '%s'", where, alert);
  ifl_hint(err, "use a service key of type certificate, or give --cert and --key");
  return rc;
}

static int explain_trust(const struct ifl_tls_watch *w, const char *where, const char *trust,
                         iflow_error *err)
{
  bool self_signed = w->verify_error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                     w->verify_error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
  const char *file = trust != NULL ? trust : "the system's trust directory";
  if (self_signed)
    return ifl_fail(err, IFLOW_ETLSTRUST,
                    "the certificate of %s (%s) is not trusted: its root %s (SHA-256 %s) is not in "
                    "%s",
                    where, w->leaf, w->subject, w->sha256, file);
  return ifl_fail(err, IFLOW_ETLSTRUST,
                  "the certificate of %s (%s) is not trusted: the root %s, which issued %s, is not "
                  "in %s",
                  where, w->leaf, w->issuer, w->subject, file);
}

static bool issuer_missing(int verify_error)
{
  switch (verify_error) {
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
  case X509_V_ERR_CERT_UNTRUSTED: return true;
  default: return false;
  }
}

static int explain_chain(const struct ifl_tls_watch *w, const char *where, const char *trust,
                         iflow_error *err)
{
  int rc;
  if (w->verify_error == X509_V_ERR_CERT_HAS_EXPIRED)
    return ifl_fail(err, IFLOW_ETLSEXPIRED, "the certificate %s of %s has expired", w->subject,
                    where);
  if (w->verify_error == X509_V_ERR_CERT_NOT_YET_VALID)
    return ifl_fail(err, IFLOW_ETLSEXPIRED, "the certificate %s of %s is not valid yet", w->subject,
                    where);
  if (!issuer_missing(w->verify_error))
    return ifl_fail(err, IFLOW_ETLSTRUST, "the certificate %s of %s is not acceptable: %s",
                    w->subject, where, X509_verify_cert_error_string(w->verify_error));
  if (w->depth > 0 || w->verify_error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT)
    return explain_trust(w, where, trust, err);
  /* Nobody above the server's own certificate is known: an intermediate was not sent, or it was
   * issued by a root directly. From here the two look the same. */
  rc = ifl_fail(
      err, IFLOW_ETLSCHAIN,
      "%s sent its certificate %s without that of its issuer %s, which is not in %s either", where,
      w->leaf, w->issuer, trust != NULL ? trust : "the system's trust directory");
  return rc;
}

int ifl_tls_watch_explain(const struct ifl_tls_watch *w, const char *where, const char *trust,
                          bool had_certificate, iflow_error *err)
{
  int rc = 0;
  if (w->verify_error != 0) rc = explain_chain(w, where, trust, err);
  else if (w->alert >= 0) rc = explain_alert(w, where, had_certificate, err);
  if (rc < 0 && err != NULL) err->native = w->verify_error != 0 ? w->verify_error : w->alert;
  return rc;
}
