/* cert.c -- Lua module iflow.core.cert: what certificate files say. lua/iflow/cert.lua is its face.
 *   cert.read(path [, { passphrase = secret|string|nil, key = path }]) -> info | nil, err
 *   cert.parse(bytes [, { passphrase =, key =, name = }])              -> info | nil, err
 *     key: the file with the private key, when it is not in the same file
 *     info: { certificates = { { subject, issuer, serial, sans = {…}, key = "RSA 2048", eku = {…},
 *             not_before, not_after (epoch), sha256, sha1, ca, self_signed, pem, issued_by }… },
 *             format = "PEM", has_key, key_locked, order = "leaf first", leaf = index or nil,
 *             key_matches }
 *     format: "PEM", "DER", "PKCS#7", "PKCS#12", "zip", "service key"
 *     order: "single", "leaf first", "root first", "mixed", "unrelated"; nil without certificates
 *     issued_by: index of the certificate that issued this one; nil when it is not among them
 *     has_key: there is a private key; key_locked: an encrypted one that was not opened;
 *     key_matches: whether it belongs to one of the certificates, nil when that is not known
 *   cert.verify, cert.reach: see cert_chain.c    cert.der, cert.zip: see cert_pack.c */
#include "auth/certificate.h"

#include "bind/bind.h"
#include "bind/cert.h"
#include "bind/offload.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX (64 * 1024) /* text of one list of a certificate */
#define PEM_MAX   (256 * 1024)

/* ---- one certificate as a table ---- */

static void set_string(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/* The lines of the buffer as a list. */
static void set_lines(lua_State *L, int table, const char *key, const struct ifl_buf *b)
{
  const char *s = b->data, *end = s + b->len;
  lua_newtable(L);
  for (lua_Integer i = 1; s < end; i++) {
    const char *stop = memchr(s, '\n', (size_t)(end - s));
    lua_pushlstring(L, s, (size_t)(stop - s));
    lua_rawseti(L, -2, i);
    s = stop + 1;
  }
  lua_setfield(L, table, key);
}

typedef int (*writer)(struct ifl_buf *out, const X509 *cert, iflow_error *err);

static struct ifl_buf *written(lua_State *L, writer write, const X509 *cert, size_t max)
{
  iflow_error err = { 0 };
  struct ifl_buf *b = ifl_newbuf(L, max);
  if (write(b, cert, &err) < 0 && err.code == IFLOW_ENOMEM) luaL_error(L, "not enough memory");
  return b;
}

static void set_info(lua_State *L, X509 *cert)
{
  struct ifl_cert_info info;
  ifl_cert_info(&info, cert);
  set_string(L, "subject", info.subject);
  set_string(L, "issuer", info.issuer);
  set_string(L, "serial", info.serial);
  set_string(L, "key", info.key);
  set_string(L, "sha256", info.sha256);
  set_string(L, "sha1", info.sha1);
  set_integer(L, "not_before", info.not_before);
  set_integer(L, "not_after", info.not_after);
  set_boolean(L, "ca", info.ca);
  set_boolean(L, "self_signed", info.self_signed);
}

void ifl_pushcertificate(lua_State *L, X509 *cert)
{
  lua_createtable(L, 0, 12);
  int table = lua_gettop(L);
  set_info(L, cert);
  set_lines(L, table, "sans", written(L, ifl_cert_sans, cert, NAMES_MAX));
  set_lines(L, table, "eku", written(L, ifl_cert_usages, cert, NAMES_MAX));
  struct ifl_buf *pem = written(L, ifl_cert_pem, cert, PEM_MAX);
  lua_pushlstring(L, pem->data, pem->len);
  lua_setfield(L, table, "pem");
  lua_settop(L, table);
}

/* ---- read and parse ---- */

struct reading {
  struct ifl_job job;
  char *path, *name; /* path: read a file; else parse bytes */
  char *key;         /* file of the private key, or NULL    */
  char *bytes;
  size_t n;
  ifl_secret *pass;
  struct ifl_bundle bundle;
  int leaf, issuers[IFL_CERTS_MAX];
  const char *order;
  int rc;
  iflow_error err;
};

static void reading_run(struct ifl_job *job)
{
  struct reading *r = (struct reading *)job;
  struct ifl_bundle *b = &r->bundle;
  if (r->path != NULL) r->rc = ifl_bundle_add_file(b, r->path, r->pass, &r->err);
  else r->rc = ifl_bundle_add(b, r->bytes, r->n, r->name, r->pass, &r->err);
  const char *format = b->format;
  if (r->rc == 0 && r->key != NULL) r->rc = ifl_bundle_add_file(b, r->key, r->pass, &r->err);
  b->format = format;
  if (r->rc < 0 || sk_X509_num(b->certs) <= 0) return;
  for (int i = 0; i < sk_X509_num(b->certs); i++) r->issuers[i] = ifl_chain_issuer(b->certs, i);
  r->leaf = ifl_chain_leaf(b->certs, b->key);
  int top = r->leaf >= 0 ? r->leaf : ifl_chain_leaf(b->certs, NULL); /* a stranger's key */
  r->order = ifl_chain_order(b->certs, top >= 0 ? top : 0);
}

static void reading_done(struct ifl_job *job)
{
  struct reading *r = (struct reading *)job;
  free(r->path);
  free(r->name);
  free(r->key);
  ifl_wipe(r->bytes, r->n);
  free(r->bytes);
  ifl_secret_unref(r->pass);
  ifl_bundle_done(&r->bundle);
}

static int read_k(lua_State *L, int status, lua_KContext ctx)
{
  struct reading *r = (struct reading *)ctx;
  const struct ifl_bundle *b = &r->bundle;
  int n = sk_X509_num(b->certs) > 0 ? sk_X509_num(b->certs) : 0;
  (void)status;
  if (r->rc < 0) return ifl_pusherror(L, &r->err);
  lua_createtable(L, 0, 8);
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    ifl_pushcertificate(L, sk_X509_value(b->certs, i));
    if (r->issuers[i] >= 0) set_integer(L, "issued_by", r->issuers[i] + 1);
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "certificates");
  set_string(L, "format", b->format);
  set_boolean(L, "has_key", b->key != NULL || b->locked);
  set_boolean(L, "key_locked", b->key == NULL && b->locked);
  if (n == 0) return 1;
  set_string(L, "order", r->order);
  if (r->leaf >= 0) set_integer(L, "leaf", r->leaf + 1);
  if (b->key != NULL) set_boolean(L, "key_matches", r->leaf >= 0);
  return 1;
}

/* Fills the job's owned copies; the userdata that owns the job is on the stack already. */
static char *copy(lua_State *L, const char *s, size_t n)
{
  char *p = malloc(n + 1);
  if (p == NULL) luaL_error(L, "not enough memory");
  memcpy(p, s, n);
  p[n] = '\0';
  return p;
}

static struct reading *new_reading(lua_State *L)
{
  static const char *const keys[] = { "passphrase", "name", "key", NULL };
  ifl_secret *pass = NULL;
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 1);
    lua_newtable(L);
  }
  lua_settop(L, 2);
  ifl_checkkeys(L, 2, keys);
  pass = ifl_optsecret(L, 2, "passphrase");
  struct reading *r = ifl_newjob(L, sizeof *r, reading_run, reading_done);
  r->leaf = -1;
  r->pass = ifl_secret_ref(pass);
  const char *key = ifl_optstring(L, 2, "key", NULL);
  if (key != NULL) r->key = copy(L, key, strlen(key));
  return r;
}

static int f_read(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  struct reading *r = new_reading(L);
  r->path = copy(L, path, strlen(path));
  return ifl_runjob(L, &r->job, r->pass != NULL, read_k);
}

static int f_parse(lua_State *L)
{
  size_t n;
  const char *bytes = luaL_checklstring(L, 1, &n);
  struct reading *r = new_reading(L);
  const char *name = ifl_optstring(L, 2, "name", "certificate");
  r->name = copy(L, name, strlen(name));
  r->bytes = copy(L, bytes, n);
  r->n = n;
  return ifl_runjob(L, &r->job, r->pass != NULL, read_k);
}

int ifl_open_cert(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "read", f_read }, { "parse", f_parse }, { NULL, NULL } };
  ifl_offload_open(L);
  luaL_newlib(L, funcs);
  ifl_addcertchain(L);
  ifl_addcertpack(L);
  return 1;
}
