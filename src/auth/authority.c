/* authority.c -- see authority.h: key pairs, certificates, RS256 signatures. */
#include "auth/authority.h"

#include "base/digest.h"
#include "base/error.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>

#define SERIAL_BYTES 16
#define SANS_MAX     64

/* OpenSSL's reason goes into the text: it names what was wrong with a name or a key. */
static int fail_ssl(iflow_error *err, int code, const char *what)
{
  char reason[160] = "no reason given";
  unsigned long e = ERR_peek_last_error();
  if (e != 0) ERR_error_string_n(e, reason, sizeof reason);
  bool nomem = ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
  ERR_clear_error();
  if (nomem) return ifl_fail_nomem(err);
  return ifl_fail(err, code, "%s: %s", what, reason);
}

int ifl_authority_keypair(EVP_PKEY **out, const char *type, int bits, iflow_error *err)
{
  EVP_PKEY *key;
  if (strcmp(type, "rsa") == 0) {
    if (bits < 2048 || bits > 4096)
      return ifl_fail(err, IFLOW_EINVAL, "an RSA key of %d bits: 2048 to 4096 are possible", bits);
    key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits);
  } else if (strcmp(type, "ec") == 0) {
    key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", bits == 384 ? "P-384" : "P-256");
  } else {
    return ifl_fail(err, IFLOW_EINVAL, "key type '%s' is unknown: \"rsa\" or \"ec\"", type);
  }
  if (key == NULL) return fail_ssl(err, IFLOW_EINTERNAL, "a key pair cannot be made");
  *out = key;
  return 0;
}

/* The two mistakes that people make, in plain words. */
static int subject_refused(iflow_error *err, const char *field, const char *value)
{
  const int reason = ERR_GET_REASON(ERR_peek_last_error());

  if (OBJ_txt2nid(field) == NID_undef) {
    ERR_clear_error();
    return ifl_fail(err, IFLOW_EINVAL,
                    "the subject field '%.60s' is unknown; CN, OU, O, L, ST and C are usual",
                    field);
  }
  if (reason == ASN1_R_STRING_TOO_LONG || reason == ASN1_R_STRING_TOO_SHORT) {
    ERR_clear_error();
    return ifl_fail(err, IFLOW_EINVAL, "the value '%.100s' of the subject field %.60s is too %s%s",
                    value, field, reason == ASN1_R_STRING_TOO_LONG ? "long" : "short",
                    strcmp(field, "C") == 0 ? ": a country has two letters" : "");
  }
  return fail_ssl(err, IFLOW_EINVAL, "a field of the subject is not possible");
}

int ifl_authority_subject(X509_NAME *name, const char *const *subject, iflow_error *err)
{
  for (; subject != NULL && subject[0] != NULL; subject += 2) {
    const unsigned char *value = (const unsigned char *)subject[1];
    if (value == NULL)
      return ifl_fail(err, IFLOW_EINVAL, "subject field %s has no value", subject[0]);
    if (!X509_NAME_add_entry_by_txt(name, subject[0], MBSTRING_UTF8, value, -1, -1, 0))
      return subject_refused(err, subject[0], subject[1]);
  }
  return 0;
}

/* Built by hand and not through OpenSSL's configuration syntax, in which a comma in a name would
 * add a second name. NULL when the text is not one of the known kinds or memory is out. */
static GENERAL_NAME *general_name(const char *text)
{
  GENERAL_NAME *g = GENERAL_NAME_new();
  if (g == NULL) return NULL;
  if (strncmp(text, "IP:", 3) == 0) {
    ASN1_OCTET_STRING *ip = a2i_IPADDRESS(text + 3);
    if (ip != NULL) GENERAL_NAME_set0_value(g, GEN_IPADD, ip);
    else goto bad;
  } else {
    static const struct {
      const char *prefix;
      int type;
    } kinds[] = { { "DNS:", GEN_DNS }, { "URI:", GEN_URI }, { "email:", GEN_EMAIL } };
    ASN1_IA5STRING *s = NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds && s == NULL; i++) {
      size_t n = strlen(kinds[i].prefix);
      if (strncmp(text, kinds[i].prefix, n) != 0 || text[n] == '\0') continue;
      s = ASN1_IA5STRING_new();
      if (s == NULL || !ASN1_STRING_set(s, text + n, -1)) {
        ASN1_IA5STRING_free(s);
        goto bad;
      }
      GENERAL_NAME_set0_value(g, kinds[i].type, s);
    }
    if (s == NULL) goto bad;
  }
  return g;
bad:
  GENERAL_NAME_free(g);
  return NULL;
}

int ifl_authority_sans(GENERAL_NAMES **out, const char *const *sans, iflow_error *err)
{
  GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
  int rc = names == NULL ? ifl_fail_nomem(err) : 0;
  for (size_t i = 0; rc == 0 && sans[i] != NULL; i++) {
    GENERAL_NAME *g = i < SANS_MAX ? general_name(sans[i]) : NULL;
    if (i >= SANS_MAX) {
      rc = ifl_fail(err, IFLOW_ELIMIT, "more than %d alternative names", SANS_MAX);
    } else if (g == NULL) {
      rc = ifl_fail(err, IFLOW_EINVAL,
                    "alternative name '%.80s': DNS:host, IP:address, URI:… or email:… is expected",
                    sans[i]);
    } else if (!sk_GENERAL_NAME_push(names, g)) {
      GENERAL_NAME_free(g);
      rc = ifl_fail_nomem(err);
    }
  }
  ERR_clear_error();
  if (rc == 0) *out = names;
  else sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
  return rc;
}

static int add_sans(X509 *cert, const char *const *sans, iflow_error *err)
{
  GENERAL_NAMES *names = NULL;
  if (sans == NULL || sans[0] == NULL) return 0;
  int rc = ifl_authority_sans(&names, sans, err);
  if (rc == 0 && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) != 1)
    rc = fail_ssl(err, IFLOW_EINVAL, "the alternative names are not possible");
  sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
  return rc;
}

/* value is a constant of ours, never a caller's text. */
static int add_ext(X509 *cert, X509 *issuer, int nid, const char *value, iflow_error *err)
{
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
  int ok = ext != NULL && X509_add_ext(cert, ext, -1);
  X509_EXTENSION_free(ext);
  return ok ? 0 : fail_ssl(err, IFLOW_EINTERNAL, "a certificate extension cannot be made");
}

static int add_extensions(X509 *cert, const struct ifl_certificate_request *r, iflow_error *err)
{
  X509 *issuer = r->issuer != NULL ? r->issuer : cert;
  /* Key agreement and encipherment by kind of key: an EC key cannot encipher. */
  const char *usage = r->ca                          ? "critical,keyCertSign,cRLSign"
                      : EVP_PKEY_is_a(r->key, "RSA") ? "critical,digitalSignature,keyEncipherment"
                                                     : "critical,digitalSignature";
  const char *purpose = r->client_auth && r->server_auth ? "clientAuth,serverAuth"
                        : r->client_auth                 ? "clientAuth"
                                                         : "serverAuth";
  int rc = add_ext(cert, issuer, NID_basic_constraints,
                   r->ca ? "critical,CA:TRUE" : "critical,CA:FALSE", err);
  if (rc == 0) rc = add_ext(cert, issuer, NID_key_usage, usage, err);
  if (rc == 0) rc = add_ext(cert, issuer, NID_subject_key_identifier, "hash", err);
  if (rc == 0) rc = add_ext(cert, issuer, NID_authority_key_identifier, "keyid:always", err);
  if (rc == 0 && (r->client_auth || r->server_auth))
    rc = add_ext(cert, issuer, NID_ext_key_usage, purpose, err);
  if (rc == 0) rc = add_sans(cert, r->sans, err);
  return rc;
}

static int set_serial(X509 *cert, iflow_error *err)
{
  unsigned char bytes[SERIAL_BYTES];
  int rc = ifl_random(bytes, sizeof bytes, err);
  if (rc < 0) return rc;
  bytes[0] = (unsigned char)((bytes[0] & 0x3f) | 0x40); /* positive, and always the same length */
  BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
  int ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
  BN_free(n);
  return ok ? 0 : ifl_fail_nomem(err);
}

static int fill(X509 *cert, const struct ifl_certificate_request *r, iflow_error *err)
{
  int rc = set_serial(cert, err);
  if (rc == 0) rc = ifl_authority_subject(X509_get_subject_name(cert), r->subject, err);
  if (rc < 0) return rc;
  const X509_NAME *issuer =
      r->issuer != NULL ? X509_get_subject_name(r->issuer) : X509_get_subject_name(cert);
  if (!X509_set_version(cert, X509_VERSION_3) || !X509_set_issuer_name(cert, issuer) ||
      !X509_set_pubkey(cert, r->key))
    return fail_ssl(err, IFLOW_EINTERNAL, "a certificate cannot be filled");
  if (ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)r->not_before) == NULL ||
      ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)r->not_after) == NULL)
    return fail_ssl(err, IFLOW_EINVAL, "the dates of validity are not possible");
  return add_extensions(cert, r, err);
}

int ifl_authority_issue(X509 **out, const struct ifl_certificate_request *r, iflow_error *err)
{
  EVP_PKEY *signer = r->issuer_key != NULL ? r->issuer_key : r->key;
  if ((r->issuer == NULL) != (r->issuer_key == NULL))
    return ifl_fail(err, IFLOW_EINVAL, "issuer and issuer key belong together: give both or none");
  if (r->not_after <= r->not_before)
    return ifl_fail(err, IFLOW_EINVAL, "the certificate would end before it begins");
  if (r->issuer != NULL && !X509_check_private_key(r->issuer, r->issuer_key)) {
    ERR_clear_error();
    return ifl_fail(err, IFLOW_ECERTMATCH, "the issuer's key is not that of its certificate");
  }
  X509 *cert = X509_new();
  if (cert == NULL) return ifl_fail_nomem(err);
  int rc = fill(cert, r, err);
  if (rc == 0 && X509_sign(cert, signer, EVP_sha256()) == 0)
    rc = fail_ssl(err, IFLOW_EINVAL, "a certificate cannot be signed with this key");
  if (rc == 0) *out = cert;
  else X509_free(cert);
  return rc;
}

int ifl_authority_sign(struct ifl_buf *out, EVP_PKEY *key, const char *data, size_t n,
                       iflow_error *err)
{
  unsigned char sig[512]; /* RSA 4096 */
  char text[(sizeof sig + 2) / 3 * 4 + 1];
  size_t sn = sizeof sig;
  if (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_size(key) > (int)sizeof sig)
    return ifl_fail(err, IFLOW_EINVAL, "RS256 needs an RSA key of at most 4096 bits");
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  bool ok = ctx != NULL && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
            EVP_DigestSign(ctx, sig, &sn, (const unsigned char *)data, n) == 1;
  EVP_MD_CTX_free(ctx);
  if (!ok) return fail_ssl(err, IFLOW_EINVAL, "this key cannot sign");
  return ifl_buf_add(out, text, ifl_base64url(text, sig, sn), err);
}

int ifl_authority_verify(EVP_PKEY *key, const char *data, size_t n, const char *sig,
                         iflow_error *err)
{
  unsigned char raw[1024];
  size_t sn = strlen(sig);
  long rn = sn <= sizeof raw ? ifl_base64_decode(raw, sig, sn) : -1;
  bool ok = false;
  if (rn > 0 && EVP_PKEY_is_a(key, "RSA")) {
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL) return ifl_fail_nomem(err);
    ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
         EVP_DigestVerify(ctx, raw, (size_t)rn, (const unsigned char *)data, n) == 1;
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
  }
  return ok ? 0 : ifl_fail(err, IFLOW_ETOKENANSWER, "the signature does not fit");
}
