/* service_key.c -- see service_key.h. A key is read in three steps: the JSON document and the object
 * in it that holds the fields (2.4: several wrappings), the fields with their checks, and what
 * can be said about them as a whole (type, PEM, warnings). */
#include "auth/service_key.h"

#include "auth/certificate.h"
#include "auth/pem.h"
#include "base/error.h"
#include "base/json.h"
#include "base/utf16.h"
#include "net/url.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARNINGS_MAX 8
#define WARNING_SIZE 384

struct ifl_service_key {
  size_t refs;
  enum ifl_key_type type;
  char *name, *client_id, *token_url, *url, *created, *valid_until, *certificate;
  ifl_secret *secret, *private_key;
  size_t n_warnings;
  char warnings[WARNINGS_MAX][WARNING_SIZE];
};

/* A document being read: where its fields are, and how to speak of them. */
struct doc {
  ifl_service_key *k;
  const ifl_json *fields, *outer; /* outer: the object around, for certificatedetails */
  const char *path;               /* "oauth.", "credentials.oauth.", "credentials." or "" */
};

static const char where_to_look[] =
    "compare with the BTP cockpit: Services > Instances and Subscriptions > your instance > "
    "Service Keys > View credentials, and download the key again";

/* What the cockpit shows at each field. */
static const char *shown(const char *field)
{
  static const struct {
    const char *field, *text;
  } fields[] = {
    { "clientid", "the client id, like sb-<uuid>!b4711|it-rt-<tenant>!b815" },
    { "clientsecret", "the secret, a UUID, '$' and 44 characters" },
    { "certificate", "a PEM chain that begins with -----BEGIN CERTIFICATE-----" },
    { "key", "a private key that begins with -----BEGIN RSA PRIVATE KEY-----" },
    { "tokenurl",
      "the token endpoint, like https://<tenant>.authentication.<region>.hana.ondemand.com"
      "/oauth/token" },
    { "url", "the runtime, like https://<tenant>.it-cpi018-rt.cfapps.<region>.hana.ondemand.com" },
  };
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
    if (strcmp(fields[i].field, field) == 0) return fields[i].text;
  return "a text";
}

static int fail_field(const struct doc *d, const char *field, iflow_error *err, const char *fmt,
                      ...) __attribute__((format(printf, 4, 5)));

static int fail_field(const struct doc *d, const char *field, iflow_error *err, const char *fmt,
                      ...)
{
  char what[IFLOW_MESSAGE_MAX];
  va_list ap;
  va_start(ap, fmt);
  vsnprintf(what, sizeof what, fmt, ap);
  va_end(ap);
  ifl_fail(err, IFLOW_EKEYFIELD, "'%.200s': %s%s %s; the cockpit shows there %s", d->k->name,
           d->path, field, what, shown(field));
  ifl_hint(err, "%s", where_to_look);
  return IFLOW_EKEYFIELD;
}

/* The place of a field is named once; what is wrong with it was said by a lower layer. */
static int fail_below(const struct doc *d, const char *field, const iflow_error *below,
                      iflow_error *err)
{
  if (below->code == IFLOW_ENOMEM) return ifl_fail_nomem(err);
  return fail_field(d, field, err, "cannot be used: %s", below->message);
}

static void warn(ifl_service_key *k, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(ifl_service_key *k, const char *fmt, ...)
{
  va_list ap;
  if (k->n_warnings >= WARNINGS_MAX) return;
  va_start(ap, fmt);
  vsnprintf(k->warnings[k->n_warnings++], WARNING_SIZE, fmt, ap);
  va_end(ap);
}

/* ---- the object with the fields ---- */

static int locate(struct doc *d, const ifl_json *root, iflow_error *err)
{
  const ifl_json *credentials = ifl_json_get(root, "credentials");
  const ifl_json *outer = ifl_json_is_object(credentials) ? credentials : root;
  const ifl_json *oauth = ifl_json_get(outer, "oauth");
  d->outer = outer;
  d->fields = ifl_json_is_object(oauth) ? oauth : outer;
  if (outer == credentials) d->path = d->fields == oauth ? "credentials.oauth." : "credentials.";
  else d->path = d->fields == oauth ? "oauth." : "";
  if (d->fields == oauth || outer == credentials || ifl_json_get(root, "clientid") != NULL)
    return 0;
  if (!ifl_json_is_object(root))
    ifl_fail(err, IFLOW_EKEYFIELD, "'%.200s': the document is a JSON %s, an object is expected",
             d->k->name, ifl_json_type(root));
  else if (oauth != NULL)
    ifl_fail(err, IFLOW_EKEYFIELD, "'%.200s': oauth is of type %s, an object is expected",
             d->k->name, ifl_json_type(oauth));
  else
    ifl_fail(
        err, IFLOW_EKEYFIELD,
        "'%.200s': oauth.clientid is missing, and so is the object oauth that the cockpit shows "
        "around all fields; is this a service key?",
        d->k->name);
  ifl_hint(err, "%s", where_to_look);
  return IFLOW_EKEYFIELD;
}

/* ---- the fields ---- */

static bool has(const struct doc *d, const char *field)
{
  return ifl_json_get(d->fields, field) != NULL;
}

static bool has_control(const char *s)
{
  for (; *s != '\0'; s++)
    if ((unsigned char)*s < 0x20 || *s == 0x7f) return true;
  return false;
}

/* The text of a field; borrowed from the document. */
static int get_text(const char **out, const struct doc *d, const char *field, iflow_error *err)
{
  const ifl_json *v = ifl_json_get(d->fields, field);
  const char *text = ifl_json_string(v);
  if (v == NULL) return fail_field(d, field, err, "is missing");
  if (text == NULL)
    return fail_field(d, field, err, "is of type %s, a string is expected", ifl_json_type(v));
  if (*text == '\0') return fail_field(d, field, err, "is empty");
  *out = text;
  return 0;
}

/* A field of one line, copied. */
static int get_line(char **out, const struct doc *d, const char *field, iflow_error *err)
{
  const char *text = NULL;
  int rc = get_text(&text, d, field, err);
  if (rc < 0) return rc;
  if (has_control(text))
    return fail_field(d, field, err, "holds a line break or another control character");
  *out = strdup(text);
  return *out != NULL ? 0 : ifl_fail_nomem(err);
}

/* A field that may be missing, or be anything: it is only shown. */
static int get_note(char **out, const ifl_json *v, iflow_error *err)
{
  const char *text = ifl_json_string(v);
  if (text == NULL || *text == '\0' || has_control(text)) return 0;
  *out = strdup(text);
  return *out != NULL ? 0 : ifl_fail_nomem(err);
}

static int get_secret(const struct doc *d, iflow_error *err)
{
  const char *text = NULL;
  int rc = get_text(&text, d, "clientsecret", err);
  if (rc < 0) return rc;
  d->k->secret = ifl_secret_new(text, strlen(text));
  return d->k->secret != NULL ? 0 : ifl_fail_nomem(err);
}

static bool ends_with(const char *s, const char *end)
{
  size_t n = strlen(s), len = strlen(end);
  return n >= len && strcmp(s + n - len, end) == 0;
}

/* A certificate is asked for on the .cert host alone; the other one answers 401 (2.4). */
static void look_at_token_host(const struct doc *d, const char *field, const struct ifl_url *u)
{
  bool cert_host = strstr(u->host, ".authentication.cert.") != NULL;
  if (!u->tls)
    warn(d->k, "%s%s begins with http:, so credential and token travel unencrypted", d->path,
         field);
  if (d->k->type == IFL_KEY_SECRET && cert_host)
    warn(d->k,
         "%s%s: the host %s has '.cert.' in it, where the token server wants a client "
         "certificate, but this key has a client secret",
         d->path, field, u->host);
  if (d->k->type != IFL_KEY_SECRET && !cert_host && strstr(u->host, ".authentication.") != NULL)
    warn(d->k,
         "%s%s: the host %s lacks '.cert.' after '.authentication', and only there the token "
         "server asks for a client certificate",
         d->path, field, u->host);
}

static int get_url(char **out, const struct doc *d, const char *field, bool is_token_url,
                   iflow_error *err)
{
  struct ifl_url u = { 0 };
  iflow_error below;
  char *text = NULL;
  int rc = get_line(&text, d, field, err);
  if (rc < 0) return rc;
  if (ifl_url_parse(&u, text, &below) < 0) {
    rc = fail_below(d, field, &below, err);
    free(text);
    return rc;
  }
  if (is_token_url) look_at_token_host(d, field, &u);
  ifl_url_done(&u);
  *out = text;
  return 0;
}

/* A plain XSUAA binding has the token server's address without a path, and no runtime at all. */
static bool is_xsuaa(const struct doc *d)
{
  if (has(d, "tokenurl")) return false;
  if (has(d, "certurl") || has(d, "uaadomain") || has(d, "xsappname") || has(d, "identityzone"))
    return true;
  const char *url = ifl_json_string(ifl_json_get(d->fields, "url"));
  return url != NULL && strstr(url, ".authentication.") != NULL;
}

static int get_xsuaa_url(const struct doc *d, iflow_error *err)
{
  static const char path[] = "/oauth/token";
  const char *field = d->k->type != IFL_KEY_SECRET && has(d, "certurl") ? "certurl" : "url";
  char *base = NULL;
  int rc = get_url(&base, d, field, true, err);
  if (rc < 0) return rc;
  size_t n = strlen(base);
  while (n > 0 && base[n - 1] == '/') base[--n] = '\0';
  const char *tail = ends_with(base, path) ? "" : path;
  if (asprintf(&d->k->token_url, "%s%s", base, tail) < 0) {
    d->k->token_url = NULL;
    rc = ifl_fail_nomem(err);
  }
  free(base);
  if (rc == 0)
    warn(d->k, "this is a plain XSUAA binding: it names no runtime, so calls need a full URL");
  return rc;
}

static int get_urls(const struct doc *d, iflow_error *err)
{
  if (is_xsuaa(d)) return get_xsuaa_url(d, err);
  int rc = get_url(&d->k->token_url, d, "tokenurl", true, err);
  return rc < 0 ? rc : get_url(&d->k->url, d, "url", false, err);
}

/* ---- certificate and private key ---- */

/* Repairs a PEM field into out and adds what it holds to the bundle. */
static int get_pem(struct ifl_buf *out, struct ifl_bundle *b, const struct doc *d,
                   const char *field, iflow_error *err)
{
  iflow_error below;
  const char *text = NULL;
  int rc = get_text(&text, d, field, err);
  if (rc < 0) return rc;
  rc = ifl_pem_repair(out, text, strlen(text), &below);
  if (rc == 0) rc = ifl_bundle_add(b, out->data, out->len, field, NULL, &below);
  return rc < 0 ? fail_below(d, field, &below, err) : 0;
}

/* Writes the certificates again, leaf first, when they are one chain in another order. */
static int reorder(struct ifl_buf *pem, const struct ifl_bundle *b, int leaf, iflow_error *err)
{
  const char *order = ifl_chain_order(b->certs, leaf);
  if (strcmp(order, "mixed") != 0 && strcmp(order, "root first") != 0) return 0;
  STACK_OF(X509) *chain = ifl_chain_build(b->certs, leaf);
  if (chain == NULL) return ifl_fail_nomem(err);
  ifl_buf_clear(pem);
  int rc = ifl_cert_pem(pem, sk_X509_value(b->certs, leaf), err);
  for (int i = 0; i < sk_X509_num(chain) && rc == 0; i++)
    rc = ifl_cert_pem(pem, sk_X509_value(chain, i), err);
  sk_X509_pop_free(chain, X509_free);
  return rc;
}

static int get_certificates(struct ifl_buf *pem, struct ifl_bundle *b, const struct doc *d,
                            iflow_error *err)
{
  int rc = get_pem(pem, b, d, "certificate", err);
  if (rc < 0) return rc;
  if (b->key != NULL || b->locked) return fail_field(d, "certificate", err, "holds a private key");
  if (sk_X509_num(b->certs) <= 0) return fail_field(d, "certificate", err, "holds no certificate");
  return 0;
}

/* The cockpit shows the one certificate that was uploaded for an external key, and a chain for a
 * key of its own: that one has lost its private key. */
static int check_external(const struct ifl_bundle *b, const struct doc *d, iflow_error *err)
{
  int n = sk_X509_num(b->certs);
  if (d->k->type != IFL_KEY_EXTERNAL || n < 2) return 0;
  return fail_field(d, "key", err,
                    "is missing, though %scertificate is a chain of %d as only a key of type "
                    "certificate has it",
                    d->path, n);
}

static int get_private_key(struct ifl_bundle *b, const struct doc *d, iflow_error *err)
{
  struct ifl_buf pem = IFL_BUF_INIT(IFL_SERVICE_KEY_MAX);
  int rc = get_pem(&pem, b, d, "key", err);
  if (rc == 0 && b->key == NULL && !b->locked)
    rc = fail_field(d, "key", err, "holds no private key");
  if (rc == 0 && (d->k->private_key = ifl_secret_new(pem.data, pem.len)) == NULL)
    rc = ifl_fail_nomem(err);
  ifl_buf_wipe(&pem);
  return rc;
}

static int get_pair(const struct doc *d, iflow_error *err)
{
  struct ifl_buf pem = IFL_BUF_INIT(IFL_SERVICE_KEY_MAX);
  struct ifl_bundle b = { 0 };
  int rc = get_certificates(&pem, &b, d, err);
  if (rc == 0) rc = check_external(&b, d, err);
  if (rc == 0 && d->k->type == IFL_KEY_CERTIFICATE) rc = get_private_key(&b, d, err);
  if (rc == 0 && b.key != NULL) {
    int leaf = ifl_chain_leaf(b.certs, b.key);
    if (leaf < 0)
      warn(d->k, "%skey belongs to none of the certificates in %scertificate", d->path, d->path);
    else rc = reorder(&pem, &b, leaf, err);
  }
  if (rc == 0) d->k->certificate = ifl_buf_take(&pem);
  ifl_buf_wipe(&pem); /* a private key that stood in the wrong field */
  ifl_bundle_done(&b);
  return rc;
}

/* ---- the whole key ---- */

static void find_type(const struct doc *d)
{
  bool secret = has(d, "clientsecret"), certificate = has(d, "certificate"), key = has(d, "key");
  d->k->type = key                      ? IFL_KEY_CERTIFICATE
               : certificate && !secret ? IFL_KEY_EXTERNAL
                                        : IFL_KEY_SECRET;
  if (key && secret)
    warn(d->k, "%sclientsecret stands beside a certificate with its key; the certificate is used",
         d->path);
}

static int read_fields(const struct doc *d, iflow_error *err)
{
  const ifl_json *details = ifl_json_get(d->fields, "certificatedetails");
  if (details == NULL) details = ifl_json_get(d->outer, "certificatedetails"); /* 2.4: either */
  find_type(d);
  int rc = get_line(&d->k->client_id, d, "clientid", err);
  if (rc == 0) rc = d->k->type == IFL_KEY_SECRET ? get_secret(d, err) : get_pair(d, err);
  if (rc == 0) rc = get_urls(d, err);
  if (rc == 0) rc = get_note(&d->k->created, ifl_json_get(d->fields, "createdate"), err);
  if (rc == 0) rc = get_note(&d->k->valid_until, ifl_json_get(details, "validuntil"), err);
  return rc;
}

static int parse_json(ifl_json **out, const char *text, size_t n, const char *name,
                      iflow_error *err)
{
  iflow_error below;
  if (ifl_utf16_found(text, n)) {
    ifl_fail_utf16(err, IFLOW_EKEYSYNTAX, text);
    ifl_prefix(err, "'%.200s'", name);
    return IFLOW_EKEYSYNTAX;
  }
  if (n == 0) {
    ifl_fail(err, IFLOW_EKEYSYNTAX, "'%.200s' is empty", name);
    return IFLOW_EKEYSYNTAX;
  }
  int rc = ifl_json_parse(out, text, n, IFL_SERVICE_KEY_MAX, &below);
  if (rc == 0) return 0;
  if (rc == IFLOW_ENOMEM) return ifl_fail_nomem(err);
  rc = rc == IFLOW_ELIMIT ? IFLOW_ELIMIT : IFLOW_EKEYSYNTAX;
  ifl_fail(err, rc, "'%.200s': %s", name, below.message);
  if (n > 10 && memcmp(text, "-----BEGIN", 10) == 0)
    ifl_hint(err,
             "this is a PEM file: give a certificate with --cert and its private key with --key, "
             "besides the service key, which is JSON");
  else
    ifl_hint(err,
             "a service key is the JSON text the cockpit offers for download, from '{' to '}'");
  return rc;
}

int ifl_service_key_parse(ifl_service_key **out, const char *text, size_t n, const char *name,
                          iflow_error *err)
{
  ifl_json *root = NULL;
  struct doc d = { .k = calloc(1, sizeof *d.k) };
  int rc = IFLOW_ENOMEM;
  if (name == NULL) name = "service key";
  if (d.k == NULL) return ifl_fail_nomem(err);
  d.k->refs = 1;
  d.k->name = strdup(name);
  if (d.k->name == NULL) rc = ifl_fail_nomem(err);
  else rc = parse_json(&root, text, n, name, err);
  if (rc == 0) rc = locate(&d, root, err);
  if (rc == 0) rc = read_fields(&d, err);
  ifl_json_free(root);
  if (rc == 0) *out = d.k;
  else ifl_service_key_unref(d.k);
  return rc;
}

int ifl_service_key_open(ifl_service_key **out, const char *path, iflow_error *err)
{
  struct ifl_buf raw = IFL_BUF_INIT(IFL_SERVICE_KEY_MAX);
  int rc = ifl_file_read(&raw, path, err);
  if (rc == 0) rc = ifl_service_key_parse(out, raw.data, raw.len, path, err);
  ifl_buf_wipe(&raw);
  return rc;
}

ifl_service_key *ifl_service_key_ref(ifl_service_key *k)
{
  if (k != NULL) k->refs++;
  return k;
}

void ifl_service_key_unref(ifl_service_key *k)
{
  if (k == NULL || --k->refs > 0) return;
  free(k->name);
  free(k->client_id);
  free(k->token_url);
  free(k->url);
  free(k->created);
  free(k->valid_until);
  free(k->certificate);
  ifl_secret_unref(k->secret);
  ifl_secret_unref(k->private_key);
  free(k);
}

enum ifl_key_type ifl_service_key_type(const ifl_service_key *k)
{
  return k->type;
}

const char *ifl_service_key_type_name(const ifl_service_key *k)
{
  static const char *const names[] = { "client secret", "certificate", "external certificate" };
  return names[k->type];
}

const char *ifl_service_key_name(const ifl_service_key *k)
{
  return k->name;
}

const char *ifl_service_key_client_id(const ifl_service_key *k)
{
  return k->client_id;
}

const char *ifl_service_key_token_url(const ifl_service_key *k)
{
  return k->token_url;
}

const char *ifl_service_key_url(const ifl_service_key *k)
{
  return k->url;
}

const char *ifl_service_key_created(const ifl_service_key *k)
{
  return k->created;
}

const char *ifl_service_key_valid_until(const ifl_service_key *k)
{
  return k->valid_until;
}

ifl_secret *ifl_service_key_secret(const ifl_service_key *k)
{
  return k->secret;
}

const char *ifl_service_key_certificate_pem(const ifl_service_key *k)
{
  return k->certificate;
}

ifl_secret *ifl_service_key_private_key_pem(const ifl_service_key *k)
{
  return k->private_key;
}

const char *ifl_service_key_warning(const ifl_service_key *k, size_t i)
{
  return i < k->n_warnings ? k->warnings[i] : NULL;
}
