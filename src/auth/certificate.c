/* certificate.c -- reading certificates and keys by content, and telling what a certificate says.
 * See certificate.h; chains are in chain.c. */
#include "auth/certificate.h"

#include "auth/key.h"
#include "auth/pem.h"
#include "auth/pkcs12.h"
#include "auth/pkcs7.h"
#include "base/error.h"
#include "base/utf16.h"
#include "codec/zip.h"
#include "net/tls.h"

#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void ifl_bundle_done(struct ifl_bundle *b)
{
  sk_X509_pop_free(b->certs, X509_free);
  EVP_PKEY_free(b->key);
  *b = (struct ifl_bundle) { 0 };
}

static bool holds(const STACK_OF(X509) * certs, const X509 *cert)
{
  for (int i = 0; i < sk_X509_num(certs); i++)
    if (X509_cmp(sk_X509_value(certs, i), cert) == 0) return true;
  return false;
}

/* Takes over cert. */
static int add_cert(void *payload, X509 *cert, iflow_error *err)
{
  struct ifl_bundle *b = payload;
  int rc = 0, max = b->max > 0 ? b->max : IFL_CERTS_MAX;
  if (b->certs == NULL) b->certs = sk_X509_new_null();
  if (b->certs == NULL) rc = ifl_fail_nomem(err);
  else if (holds(b->certs, cert)) X509_free(cert), cert = NULL;
  else if (sk_X509_num(b->certs) >= max)
    rc = ifl_fail(err, IFLOW_ELIMIT, "more than %d certificates", max);
  else if (sk_X509_push(b->certs, cert) <= 0) rc = ifl_fail_nomem(err);
  if (rc < 0) X509_free(cert);
  return rc;
}

/* Takes over key. The same key twice (in the certificate's file and in its own) is one. */
static int add_key(void *payload, EVP_PKEY *key, iflow_error *err)
{
  struct ifl_bundle *b = payload;
  int rc = 0;
  if (b->key == NULL) {
    b->key = key;
    return 0;
  }
  if (EVP_PKEY_eq(b->key, key) != 1) {
    rc = ifl_fail(err, IFLOW_ECERT, "there is more than one private key");
    ifl_hint(err, "leave only the key pair that is to be used; keytool and openssl pkcs12 export "
                  "a single entry");
  }
  EVP_PKEY_free(key);
  return rc;
}

int ifl_bundle_add_cert(struct ifl_bundle *b, X509 *cert, iflow_error *err)
{
  return add_cert(b, cert, err);
}

int ifl_bundle_add_key(struct ifl_bundle *b, EVP_PKEY *key, iflow_error *err)
{
  return add_key(b, key, err);
}

static int add_found_key(struct ifl_bundle *b, int found, EVP_PKEY *key, iflow_error *err)
{
  if (found == IFL_KEY_LOCKED) b->locked = true;
  return found == IFL_KEY_OPEN ? add_key(b, key, err) : found < 0 ? found : 0;
}

/* NULL when the bytes are no certificate, to the last one. */
static X509 *read_cert(const void *der, size_t n, bool trusted)
{
  const unsigned char *p = der;
  X509 *cert = trusted ? d2i_X509_AUX(NULL, &p, (long)n) : d2i_X509(NULL, &p, (long)n);
  if (cert != NULL && p == (const unsigned char *)der + n && X509_get0_pubkey(cert) != NULL)
    return cert;
  X509_free(cert);
  return NULL;
}

/* 1: a certificate or key; 0: something else, such as parameters or a request. */
static int add_block(struct ifl_bundle *b, struct ifl_pem *p, struct ifl_pbe *pbe, iflow_error *err)
{
  bool trusted = strcmp(p->label, "TRUSTED CERTIFICATE") == 0;
  EVP_PKEY *key = NULL;
  if (trusted || strcmp(p->label, "CERTIFICATE") == 0 ||
      strcmp(p->label, "X509 CERTIFICATE") == 0) {
    X509 *cert = read_cert(p->der.data, p->der.len, trusted);
    int rc = cert != NULL
                 ? add_cert(b, cert, err)
                 : ifl_fail(err, IFLOW_ECERT, "PEM block %zu is no certificate, or a damaged one",
                            p->blocks);
    return rc < 0 ? rc : 1;
  }
  if (strcmp(p->label, "PKCS7") == 0 || strcmp(p->label, "CMS") == 0 ||
      strcmp(p->label, "PKCS #7 SIGNED DATA") == 0) {
    int rc = ifl_pkcs7_read(p->der.data, p->der.len, add_cert, b, err);
    b->format = "PKCS#7";
    return rc < 0 ? rc : 1;
  }
  int found = ifl_key_of_block(&key, p, pbe, err);
  if (found == IFL_KEY_NONE) return 0;
  int rc = add_found_key(b, found, key, err);
  return rc < 0 ? rc : 1;
}

/* There are only blocks that are of no use here; the last one has the label. */
static int fail_without(const char *label, iflow_error *err)
{
  ifl_fail(err, IFLOW_ECERT, "a PEM block '%s', but no certificate and no private key", label);
  if (strstr(label, "CERTIFICATE REQUEST") != NULL)
    ifl_hint(err, "this is a signing request: send it to your authority, and use the certificate "
                  "that comes back");
  return IFLOW_ECERT;
}

static int add_pem(struct ifl_bundle *b, const char *text, size_t n, struct ifl_pbe *pbe,
                   iflow_error *err)
{
  struct ifl_pem p;
  int rc, added = 0;
  b->format = "PEM";
  ifl_pem_init(&p, text, n);
  while ((rc = ifl_pem_next(&p, err)) > 0) {
    if ((rc = add_block(b, &p, pbe, err)) < 0) break;
    added += rc;
  }
  if (rc == 0 && added == 0) rc = fail_without(p.label, err);
  ifl_pem_done(&p);
  return rc;
}

static int add_der(struct ifl_bundle *b, const void *der, size_t n, struct ifl_pbe *pbe,
                   iflow_error *err)
{
  EVP_PKEY *key = NULL;
  X509 *cert = read_cert(der, n, false);
  b->format = "DER";
  if (cert != NULL) return add_cert(b, cert, err);
  int found = ifl_key_of_der(&key, der, n, pbe, err);
  if (found == IFL_KEY_NONE)
    return ifl_fail(err, IFLOW_ECERT,
                    "neither PEM, DER, PKCS#7, PKCS#12 nor a zip archive with "
                    "certificates or keys");
  return add_found_key(b, found, key, err);
}

static int add_pkcs12(struct ifl_bundle *b, const void *der, size_t n, struct ifl_pbe *pbe,
                      iflow_error *err)
{
  struct ifl_pkcs12_sink sink = { add_cert, add_key, b };
  b->format = "PKCS#12";
  return ifl_pkcs12_read(der, n, pbe, &sink, err);
}

/* A service key document: its PEM texts stand in JSON, which ifl_pem_next can read. */
static bool is_document(const char *text, size_t n)
{
  size_t i = 0;
  while (i < n && strchr(" \t\r\n", text[i]) != NULL) i++;
  return i < n && text[i] == '{';
}

static int add_document(struct ifl_bundle *b, const char *text, size_t n, struct ifl_pbe *pbe,
                        iflow_error *err)
{
  int rc = ifl_pem_found(text, n) ? add_pem(b, text, n, pbe, err)
                                  : ifl_fail(err, IFLOW_ECERT,
                                             "a JSON document without a certificate; a service key "
                                             "with a client secret has none");
  b->format = "service key";
  return rc;
}

/* What is no archive. */
static int add_plain(struct ifl_bundle *b, const char *data, size_t n, struct ifl_pbe *pbe,
                     iflow_error *err)
{
  if (ifl_utf16_found(data, n)) return ifl_fail_utf16(err, IFLOW_ECERT, data);
  if (is_document(data, n)) return add_document(b, data, n, pbe, err);
  if (ifl_pem_found(data, n)) return add_pem(b, data, n, pbe, err);
  if (ifl_pkcs12_found(data, n)) return add_pkcs12(b, data, n, pbe, err);
  if (!ifl_pkcs7_found(data, n)) return add_der(b, data, n, pbe, err);
  b->format = "PKCS#7";
  return ifl_pkcs7_read(data, n, add_cert, b, err);
}

struct archive {
  struct ifl_bundle *b;
  struct ifl_pbe *pbe;
  bool found;
};

/* A file of an archive: what is no certificate by its first bytes is something else, such as a note
 * to the reader. */
static int add_entry(void *payload, const char *name, const void *data, size_t n, iflow_error *err)
{
  struct archive *a = payload;
  if (n == 0 || (((const unsigned char *)data)[0] != 0x30 && !ifl_pem_found(data, n))) return 0;
  int rc = add_plain(a->b, data, n, a->pbe, err);
  if (rc < 0) ifl_prefix(err, "'%s' in the zip archive", name);
  a->found = true;
  return rc;
}

static int add_zip(struct ifl_bundle *b, const void *data, size_t n, struct ifl_pbe *pbe,
                   iflow_error *err)
{
  struct archive a = { b, pbe, false };
  struct ifl_zip_sink sink = { add_entry, &a };
  int rc = ifl_zip_read(data, n, &sink, err);
  b->format = "zip";
  if (rc == 0 && !a.found) rc = ifl_fail(err, IFLOW_ECERT, "no certificate in the zip archive");
  return rc;
}

int ifl_bundle_add(struct ifl_bundle *b, const void *data, size_t n, const char *name,
                   const ifl_secret *pass, iflow_error *err)
{
  struct ifl_pbe pbe;
  int rc;
  ifl_pbe_init(&pbe, pass);
  if (n > IFL_CERT_FILE_MAX)
    rc = ifl_fail(err, IFLOW_ELIMIT, "larger than %d bytes", IFL_CERT_FILE_MAX);
  else if (n == 0) rc = ifl_fail(err, IFLOW_ECERT, "it is empty");
  else if (ifl_zip_found(data, n)) rc = add_zip(b, data, n, &pbe, err);
  else rc = add_plain(b, data, n, &pbe, err);
  if (rc < 0) ifl_prefix(err, "'%s'", name);
  ifl_pbe_done(&pbe);
  ERR_clear_error(); /* a stale entry would be taken for the next TLS error */
  return rc;
}

int ifl_bundle_add_file(struct ifl_bundle *b, const char *path, const ifl_secret *pass,
                        iflow_error *err)
{
  struct ifl_buf raw = IFL_BUF_INIT(IFL_CERT_FILE_MAX);
  int rc = ifl_file_read(&raw, path, err);
  if (rc == 0) rc = ifl_bundle_add(b, raw.data, raw.len, path, pass, err);
  ifl_buf_wipe(&raw);
  return rc;
}

/* ---- what a certificate says ---- */

static int64_t epoch(const ASN1_TIME *t)
{
  struct tm tm;
  return t != NULL && ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static void serial_text(char *out, size_t size, const X509 *cert)
{
  BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
  char *hex = bn != NULL ? BN_bn2hex(bn) : NULL;
  snprintf(out, size, "%s", hex != NULL ? hex : "");
  OPENSSL_free(hex);
  BN_free(bn);
}

/* Older lists of roots have no other fingerprint. */
static void sha1_text(char out[41], const X509 *cert)
{
  unsigned char md[EVP_MAX_MD_SIZE];
  unsigned n = 0;
  if (X509_digest(cert, EVP_sha1(), md, &n) != 1) n = 0;
  for (unsigned i = 0; i < n && i < 20; i++) snprintf(out + 2 * i, 3, "%02X", md[i]);
}

void ifl_cert_info(struct ifl_cert_info *out, X509 *cert)
{
  *out = (struct ifl_cert_info) { 0 };
  ifl_tls_name(out->subject, sizeof out->subject, X509_get_subject_name(cert));
  ifl_tls_name(out->issuer, sizeof out->issuer, X509_get_issuer_name(cert));
  serial_text(out->serial, sizeof out->serial, cert);
  ifl_key_text(out->key, sizeof out->key, X509_get0_pubkey(cert));
  ifl_tls_sha256(out->sha256, cert);
  sha1_text(out->sha1, cert);
  out->not_before = epoch(X509_get0_notBefore(cert));
  out->not_after = epoch(X509_get0_notAfter(cert));
  out->ca = X509_check_ca(cert) > 0;
  out->self_signed = X509_self_signed(cert, 1) == 1;
  ERR_clear_error();
}

/* One line of a list; a control character in a name must not make two of it. */
static int add_line(struct ifl_buf *out, const char *prefix, const char *text, size_t n,
                    iflow_error *err)
{
  int rc = ifl_buf_adds(out, prefix, err);
  size_t from = out->len;
  if (rc == 0) rc = ifl_buf_add(out, text, n, err);
  for (size_t i = from; rc == 0 && i < out->len; i++)
    if ((unsigned char)out->data[i] < 0x20 || out->data[i] == 0x7f) out->data[i] = '?';
  return rc < 0 ? rc : ifl_buf_adds(out, "\n", err);
}

static int add_name(struct ifl_buf *out, GENERAL_NAME *name, iflow_error *err)
{
  static const char ip[] = "IP Address:"; /* what OpenSSL prints; "IP:" is what it reads */
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = NULL;
  if (bio == NULL) return ifl_fail_nomem(err);
  int rc = 0;
  GENERAL_NAME_print(bio, name);
  long n = BIO_get_mem_data(bio, &text);
  bool is_ip = n > (long)sizeof ip - 1 && memcmp(text, ip, sizeof ip - 1) == 0;
  size_t skip = is_ip ? sizeof ip - 1 : 0;
  if (n > 0) rc = add_line(out, is_ip ? "IP:" : "", text + skip, (size_t)n - skip, err);
  BIO_free(bio);
  return rc;
}

int ifl_cert_sans(struct ifl_buf *out, const X509 *cert, iflow_error *err)
{
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  int rc = 0;
  for (int i = 0; i < sk_GENERAL_NAME_num(names) && rc == 0; i++)
    rc = add_name(out, sk_GENERAL_NAME_value(names, i), err);
  GENERAL_NAMES_free(names);
  ERR_clear_error();
  return rc;
}

int ifl_cert_usages(struct ifl_buf *out, const X509 *cert, iflow_error *err)
{
  EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
  int rc = 0;
  for (int i = 0; i < sk_ASN1_OBJECT_num(usages) && rc == 0; i++) {
    const ASN1_OBJECT *oid = sk_ASN1_OBJECT_value(usages, i);
    char number[128];
    int nid = OBJ_obj2nid(oid);
    const char *text = nid != NID_undef ? OBJ_nid2sn(nid) : number;
    if (nid == NID_undef && OBJ_obj2txt(number, sizeof number, oid, 1) <= 0) continue;
    rc = add_line(out, "", text, strlen(text), err);
  }
  EXTENDED_KEY_USAGE_free(usages);
  ERR_clear_error();
  return rc;
}

int ifl_cert_pem(struct ifl_buf *out, const X509 *cert, iflow_error *err)
{
  BIO *bio = BIO_new(BIO_s_mem());
  char *text = NULL;
  int rc = 0;
  if (bio == NULL || PEM_write_bio_X509(bio, cert) != 1) rc = ifl_fail_nomem(err);
  if (rc == 0) {
    long n = BIO_get_mem_data(bio, &text);
    rc = ifl_buf_add(out, text, (size_t)n, err);
  }
  BIO_free(bio);
  return rc;
}
