/* service_key.c -- fuzz target: any text becomes a service key whose parts hold what the reference
 * promises, or an error of a known code. */
#include "auth/service_key.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *text)
{
  if (text == NULL || *text == '\0') abort();
  for (; *text != '\0'; text++)
    if ((unsigned char)*text < 0x20) abort();
}

static void check_parts(const ifl_service_key *k)
{
  const char *pem = ifl_service_key_certificate_pem(k);
  ifl_secret *key = ifl_service_key_private_key_pem(k);
  bool secret = ifl_service_key_type(k) == IFL_KEY_SECRET;
  if (secret != (ifl_service_key_secret(k) != NULL) || secret != (pem == NULL)) abort();
  if ((ifl_service_key_type(k) == IFL_KEY_CERTIFICATE) != (key != NULL)) abort();
  if (pem != NULL && strncmp(pem, "-----BEGIN ", 11) != 0) abort();
  if (pem != NULL && strstr(pem, "PRIVATE KEY") != NULL) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  ifl_service_key *k = NULL;
  iflow_error err = { 0 };
  int rc = ifl_service_key_parse(&k, (const char *)data, size, "fuzz.json", &err);
  if (rc < 0) {
    if (rc != IFLOW_EKEYSYNTAX && rc != IFLOW_EKEYFIELD && rc != IFLOW_ELIMIT) abort();
    if (err.code != rc || err.message[0] == '\0' || k != NULL) abort();
    return 0;
  }
  check_line(ifl_service_key_client_id(k));
  check_line(ifl_service_key_token_url(k));
  if (ifl_service_key_url(k) != NULL) check_line(ifl_service_key_url(k));
  check_parts(k);
  for (size_t i = 0; ifl_service_key_warning(k, i) != NULL; i++)
    check_line(ifl_service_key_warning(k, i));
  ifl_service_key_unref(k);
  return 0;
}
