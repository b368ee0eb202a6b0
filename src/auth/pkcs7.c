/* pkcs7.c -- see pkcs7.h. */
#include "auth/pkcs7.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <string.h>

/* SEQUENCE { OBJECT IDENTIFIER 1.2.840.113549.1.7…: no certificate and no key begins so. */
bool ifl_pkcs7_found(const void *der, size_t n)
{
  static const unsigned char oid[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07 };
  const unsigned char *d = der;
  if (n < 2 || d[0] != 0x30) return false;
  size_t head = d[1] <= 0x80 ? 2 : 2 + (size_t)(d[1] & 0x7f);
  return head + sizeof oid <= n && memcmp(d + head, oid, sizeof oid) == 0;
}

static int hand_out(const STACK_OF(X509) * certs,
                    int (*add)(void *payload, X509 *cert, iflow_error *err), void *payload,
                    iflow_error *err)
{
  int rc = 0;
  for (int i = 0; i < sk_X509_num(certs) && rc >= 0; i++) {
    X509 *cert = sk_X509_value(certs, i);
    X509_up_ref(cert);
    rc = X509_get0_pubkey(cert) != NULL
             ? add(payload, cert, err)
             : (X509_free(cert), ifl_fail(err, IFLOW_ECERT, "a certificate in it is damaged"));
  }
  return rc;
}

int ifl_pkcs7_read(const void *der, size_t n,
                   int (*add)(void *payload, X509 *cert, iflow_error *err), void *payload,
                   iflow_error *err)
{
  const unsigned char *p = der;
  int rc;
  ERR_clear_error();
  PKCS7 *file = d2i_PKCS7(NULL, &p, (long)n);
  if (file == NULL) rc = ifl_fail(err, IFLOW_ECERT, "it looks like PKCS#7, but is damaged");
  else if (!PKCS7_type_is_signed(file) || file->d.sign == NULL ||
           sk_X509_num(file->d.sign->cert) <= 0)
    rc = ifl_fail(err, IFLOW_ECERT, "there is no certificate in the PKCS#7 file");
  else rc = hand_out(file->d.sign->cert, add, payload, err);
  PKCS7_free(file);
  ERR_clear_error();
  return rc;
}
