/* hardware.c -- see hardware.h. Provider and engine stay loaded once they were needed: the keys work
 * through them. */
#define OPENSSL_SUPPRESS_DEPRECATED /* engines: all that Debian 12 offers for PKCS#11 */
#include "auth/hardware.h"

#include "base/buffer.h"
#include "base/digest.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URI_MAX   1024
#define PIN_MAX   256
#define SCHEME    "pkcs11:"
#define MODULE_ID "pkcs11" /* of provider and engine */

bool ifl_hardware_named(const char *name)
{
  return name != NULL && strncasecmp(name, SCHEME, strlen(SCHEME)) == 0;
}

/* ---- the URI --------------------------------------------------------------------------------- */

/* What a URI says, apart: the object, and how to get there. */
struct place {
  char object[URI_MAX];      /* the URI without its query */
  char module_path[URI_MAX]; /* "" when it is not given */
  const ifl_secret *pin;     /* NULL: none was given */
  ifl_secret *own_pin;       /* that of pin-source */
  bool asked;                /* the token wanted a PIN */
  bool kept_back;            /* and did not get it, since it refused this one before */
};

static void place_done(struct place *p)
{
  ifl_secret_unref(p->own_pin);
  p->pin = p->own_pin = NULL;
}

static int hex_digit(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* "%2F" and the like; n is at most URI_MAX - 1. */
static void decode(char *out, const char *text, size_t n)
{
  size_t len = 0;
  for (size_t i = 0; i < n; i++) {
    int high = text[i] == '%' && i + 2 < n ? hex_digit(text[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    out[len++] = low >= 0 ? (char)(high * 16 + low) : text[i];
    if (low >= 0) i += 2;
  }
  out[len] = '\0';
}

/* The first line of the file. "file:/path", "file:///path" or "/path". */
static int read_pin(struct place *p, const char *source, iflow_error *err)
{
  struct ifl_buf text = IFL_BUF_INIT(64 * 1024);
  if (strncmp(source, "file:", 5) == 0) source += 5;
  if (strncmp(source, "///", 3) == 0) source += 2;
  int rc = ifl_file_read(&text, source, err);
  size_t n = rc == 0 && text.len > 0 ? strcspn(text.data, "\r\n") : 0;
  if (rc == 0 && (n == 0 || n > PIN_MAX))
    rc = ifl_fail(err, IFLOW_ECERTPASS, "'%.200s', the pin-source, has no PIN in its first line",
                  source);
  if (rc == 0 && (p->own_pin = ifl_secret_new(text.data, n)) == NULL) rc = ifl_fail_nomem(err);
  if (rc == 0) p->pin = p->own_pin;
  ifl_buf_wipe(&text);
  return rc;
}

static int take_attribute(struct place *p, const char *text, size_t n, iflow_error *err)
{
  size_t name = strcspn(text, "=");
  char value[URI_MAX];
  if (name >= n) return ifl_fail(err, IFLOW_EINVAL, "a PKCS#11 URI has name=value after its '?'");
  decode(value, text + name + 1, n - name - 1);
  if (name == 11 && memcmp(text, "module-path", 11) == 0) {
    memcpy(p->module_path, value, strlen(value) + 1);
  } else if (name == 10 && memcmp(text, "pin-source", 10) == 0 && p->pin == NULL) {
    return read_pin(p, value, err);
  } else if (name == 9 && memcmp(text, "pin-value", 9) == 0) {
    ifl_wipe(value, sizeof value);
    ifl_fail(err, IFLOW_EINVAL, "a PKCS#11 URI with a pin-value shows the PIN to everybody");
    ifl_hint(err, "write the PIN into a file that only you can read: pin-source=file:PATH, or "
                  "--pass-file PATH");
    return IFLOW_EINVAL;
  }
  return 0; /* others are for other programs, RFC 7512 says */
}

static int place_parse(struct place *p, const char *uri, const ifl_secret *pin, iflow_error *err)
{
  size_t n = strcspn(uri, "?");
  int rc = 0;
  if (strlen(uri) >= URI_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "a PKCS#11 URI of more than %d bytes", URI_MAX - 1);
  memcpy(p->object, uri, n);
  p->object[n] = '\0';
  if (strstr(p->object, "pin-value") != NULL)
    return take_attribute(p, "pin-value=", strlen("pin-value="), err);
  p->pin = pin;
  for (const char *s = uri + n; *s != '\0' && rc == 0; s += n) {
    n = strcspn(++s, "&");
    if (n > 0) rc = take_attribute(p, s, n, err);
  }
  return rc;
}

/* ---- PINs that were refused ------------------------------------------------------------------ */

/* After a few wrong PINs a token locks itself for good, and a service looks at its credentials again
 * and again: a PIN that a token refused is never given to it a second time. Of the whole process,
 * since several senders may have one token; the newest ones are kept. */
#define REFUSED_MAX 64
#define DIGEST      65

static pthread_mutex_t refused_mutex = PTHREAD_MUTEX_INITIALIZER;
static char refused[REFUSED_MAX][DIGEST];
static size_t refused_count;

/* The URI's path without what names an object in the token: a key and a certificate have one PIN. */
static size_t token_part(char *out, const char *object)
{
  static const char *const of_object[] = { "object=", "id=", "type=" };
  size_t len = 0, n;
  for (const char *s = object + strlen(SCHEME); *s != '\0'; s += n + (s[n] == ';')) {
    bool skipped = false;
    n = strcspn(s, ";");
    for (size_t i = 0; i < sizeof of_object / sizeof *of_object; i++)
      if (strncmp(s, of_object[i], strlen(of_object[i])) == 0) skipped = true;
    if (skipped) continue;
    memcpy(out + len, s, n);
    len += n;
    out[len++] = ';';
  }
  return len;
}

static void digest_of(const struct place *p, char digest[DIGEST])
{
  char token[URI_MAX + 1];
  size_t n = token_part(token, p->object);
  ifl_sha256_hex_parts(digest, token, n, ifl_secret_data(p->pin), ifl_secret_len(p->pin));
}

static bool was_refused(const struct place *p)
{
  char digest[DIGEST];
  bool found = false;
  digest_of(p, digest);
  pthread_mutex_lock(&refused_mutex);
  for (size_t i = 0; i < refused_count && i < REFUSED_MAX; i++)
    if (memcmp(refused[i], digest, DIGEST) == 0) found = true;
  pthread_mutex_unlock(&refused_mutex);
  return found;
}

static void note_refused(const struct place *p)
{
  char digest[DIGEST];
  digest_of(p, digest);
  pthread_mutex_lock(&refused_mutex);
  memcpy(refused[refused_count++ % REFUSED_MAX], digest, DIGEST);
  pthread_mutex_unlock(&refused_mutex);
}

/* ---- asking for the PIN ---------------------------------------------------------------------- */

static int answer_prompt(UI *ui, UI_STRING *prompt)
{
  struct place *p = UI_get0_user_data(ui);
  if (UI_get_string_type(prompt) != UIT_PROMPT && UI_get_string_type(prompt) != UIT_VERIFY)
    return 1;
  p->asked = true;
  p->kept_back = p->pin != NULL && was_refused(p);
  return p->pin != NULL && !p->kept_back && UI_set_result(ui, prompt, ifl_secret_data(p->pin)) == 0;
}

static UI_METHOD *new_ui(void)
{
  UI_METHOD *ui = UI_create_method("iflow");
  if (ui != NULL) UI_method_set_reader(ui, answer_prompt);
  return ui;
}

/* ---- provider -------------------------------------------------------------------------------- */

static bool has_provider(void)
{
  if (OSSL_PROVIDER_available(NULL, MODULE_ID)) return true;
  return OSSL_PROVIDER_try_load(NULL, MODULE_ID, 1) != NULL;
}

/* What the provider's store has under that name; both NULL when it has nothing. */
static void load_by_provider(EVP_PKEY **key, X509 **cert, struct place *p, const UI_METHOD *ui)
{
  OSSL_STORE_CTX *store = OSSL_STORE_open(p->object, ui, p, NULL, NULL);
  if (store == NULL) return;
  (void)OSSL_STORE_expect(store, key != NULL ? OSSL_STORE_INFO_PKEY : OSSL_STORE_INFO_CERT);
  while (!OSSL_STORE_eof(store)) {
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    if (info == NULL) break;
    if (key != NULL && *key == NULL) *key = OSSL_STORE_INFO_get1_PKEY(info);
    if (cert != NULL && *cert == NULL) *cert = OSSL_STORE_INFO_get1_CERT(info);
    OSSL_STORE_INFO_free(info);
    if ((key != NULL && *key != NULL) || (cert != NULL && *cert != NULL)) break;
  }
  OSSL_STORE_close(store);
}

/* ---- engine ---------------------------------------------------------------------------------- */

static ENGINE *open_engine(const struct place *p)
{
  ENGINE *e = ENGINE_by_id(MODULE_ID);
  if (e == NULL) return NULL;
  (void)ENGINE_ctrl_cmd_string(e, "QUIET", NULL, 0); /* it writes to standard error otherwise */
  bool ok =
      p->module_path[0] == '\0' || ENGINE_ctrl_cmd_string(e, "MODULE_PATH", p->module_path, 0) == 1;
  if (ok && ENGINE_init(e) == 1) return e;
  ENGINE_free(e);
  return NULL;
}

static void load_by_engine(ENGINE *e, EVP_PKEY **key, X509 **cert, struct place *p, UI_METHOD *ui)
{
  if (key != NULL) {
    *key = ENGINE_load_private_key(e, p->object, ui, p);
    return;
  }
  struct {
    const char *uri;
    X509 *cert;
  } asked = { p->object, NULL };
  if (ENGINE_ctrl_cmd(e, "LOAD_CERT_CTRL", 0, &asked, NULL, 1) == 1) *cert = asked.cert;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int fail_absent(iflow_error *err)
{
  ERR_clear_error();
  ifl_fail(err, IFLOW_ECERTHARDWARE,
           "OpenSSL has neither a provider nor an engine for PKCS#11, so the hardware cannot be "
           "asked");
  ifl_hint(err, "install one: on Debian the package libengine-pkcs11-openssl or pkcs11-provider");
  return IFLOW_ECERTHARDWARE;
}

/* What the module said, the first of what OpenSSL has noted. */
static int fail_nothing(const struct place *p, const char *what, iflow_error *err)
{
  char why[160] = "";
  unsigned long first = ERR_get_error();
  const char *reason = first != 0 ? ERR_reason_error_string(first) : NULL;
  if (reason != NULL) snprintf(why, sizeof why, " (%s)", reason);
  ERR_clear_error();
  if (p->kept_back) {
    ifl_fail(err, IFLOW_ECERTPASS,
             "the token of '%.300s' refused this PIN before, so it is not tried again", p->object);
    ifl_hint(err, "correct the PIN; when it was the token that was changed, start again");
    return IFLOW_ECERTPASS;
  }
  if (p->asked && p->pin != NULL && strncmp(why, " (PIN ", 6) == 0) { /* as PKCS#11 names them */
    note_refused(p);
    ifl_fail(err, IFLOW_ECERTPASS, "the token of '%.300s' refuses the PIN%s", p->object, why);
    ifl_hint(err, "correct the PIN before the next try: after a few wrong ones tokens lock "
                  "themselves");
    return IFLOW_ECERTPASS;
  }
  if (p->asked && p->pin == NULL) {
    ifl_fail(err, IFLOW_ECERTPASS, "the token of '%.300s' wants its PIN, and none was given",
             p->object);
    ifl_hint(err, "write the PIN into a file that only you can read: --pass-file PATH, or "
                  "?pin-source=file:PATH at the end of the URI");
    return IFLOW_ECERTPASS;
  }
  return ifl_fail(err, IFLOW_ECERTHARDWARE, "no %s under '%.300s'%s", what, p->object, why);
}

static int load(EVP_PKEY **key, X509 **cert, const char *uri, const ifl_secret *pin,
                iflow_error *err)
{
  struct place p = { .asked = false };
  int rc = place_parse(&p, uri, pin, err);
  UI_METHOD *ui = rc == 0 ? new_ui() : NULL;
  if (rc == 0 && ui == NULL) rc = ifl_fail_nomem(err);
  ERR_clear_error();
  if (rc == 0 && has_provider()) {
    load_by_provider(key, cert, &p, ui);
  } else if (rc == 0) {
    ENGINE *e = open_engine(&p);
    if (e == NULL) rc = fail_absent(err);
    else load_by_engine(e, key, cert, &p, ui);
    ENGINE_free(e);
  }
  if (rc == 0 && key != NULL && *key == NULL) rc = fail_nothing(&p, "private key", err);
  if (rc == 0 && cert != NULL && *cert == NULL) rc = fail_nothing(&p, "certificate", err);
  if (ui != NULL) UI_destroy_method(ui);
  place_done(&p);
  return rc;
}

int ifl_hardware_key(EVP_PKEY **out, const char *uri, const ifl_secret *pin, iflow_error *err)
{
  EVP_PKEY *key = NULL;
  int rc = load(&key, NULL, uri, pin, err);
  if (rc == 0) *out = key;
  return rc;
}

int ifl_hardware_certificate(X509 **out, const char *uri, const ifl_secret *pin, iflow_error *err)
{
  X509 *cert = NULL;
  int rc = load(NULL, &cert, uri, pin, err);
  if (rc == 0) *out = cert;
  return rc;
}
