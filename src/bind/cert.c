/* cert.c -- Lua module iflow.core.cert: what certificate files say.
 *   cert.read(path [, { passphrase = secret|string|nil }]) -> info | nil, err
 *   cert.parse(bytes [, { passphrase =, name = }])         -> info | nil, err
 *     info: { certificates = { { subject, issuer, serial, sans = {…}, key = "RSA 2048", eku = {…},
 *             not_before, not_after (epoch), sha256, ca, self_signed, pem }… }, format = "PEM",
 *             has_key, key_locked, order = "leaf first", leaf = index or nil, key_matches }
 *     order: "single", "leaf first", "root first", "mixed", "unrelated"; nil without certificates
 *     has_key: there is a private key; key_locked: an encrypted one that was not opened;
 *     key_matches: whether it belongs to one of the certificates, nil when that is not known
 *   cert.verify(chain, roots [, { at = epoch, purpose = "client"|"server" }]) -> true | false, reason
 *     chain (leaf first) and roots: a list of PEM texts, or one text with all of them */
#include "auth/certificate.h"

#include "base/clock.h"
#include "bind/bind.h"
#include "bind/cert.h"
#include "bind/offload.h"

#include <stdlib.h>
#include <string.h>

#define BUNDLE    "iflow.bundle" /* internal */
#define NAMES_MAX (64 * 1024)    /* text of one list of a certificate */
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
  char *bytes;
  size_t n;
  ifl_secret *pass;
  struct ifl_bundle bundle;
  int leaf;
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
  if (r->rc < 0 || sk_X509_num(b->certs) <= 0) return;
  r->leaf = ifl_chain_leaf(b->certs, b->key);
  int top = r->leaf >= 0 ? r->leaf : ifl_chain_leaf(b->certs, NULL); /* a stranger's key */
  r->order = ifl_chain_order(b->certs, top >= 0 ? top : 0);
}

static void reading_done(struct ifl_job *job)
{
  struct reading *r = (struct reading *)job;
  free(r->path);
  free(r->name);
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
  static const char *const keys[] = { "passphrase", "name", NULL };
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

/* ---- verify ---- */

static int bundle_gc(lua_State *L)
{
  ifl_bundle_done(luaL_checkudata(L, 1, BUNDLE));
  return 0;
}

static int add_pem(lua_State *L, struct ifl_bundle *b, int arg, int idx, iflow_error *err)
{
  size_t n;
  luaL_argcheck(L, lua_type(L, idx) == LUA_TSTRING, arg, "PEM texts are expected");
  const char *pem = lua_tolstring(L, idx, &n);
  return ifl_bundle_add(b, pem, n, arg == 1 ? "chain" : "roots", NULL, err);
}

/* The PEM text, or list of them, at arg as a bundle, whose userdata is pushed. */
static int check_pems(lua_State *L, struct ifl_bundle **out, int arg, int max, iflow_error *err)
{
  struct ifl_bundle *b = ifl_newud(L, sizeof *b, BUNDLE, 0);
  int rc = 0;
  b->max = max;
  *out = b;
  if (lua_type(L, arg) == LUA_TSTRING) return add_pem(L, b, arg, arg, err);
  luaL_checktype(L, arg, LUA_TTABLE);
  for (lua_Integer i = 1; rc == 0; i++) {
    if (lua_rawgeti(L, arg, i) == LUA_TNIL) break;
    rc = add_pem(L, b, arg, -1, err);
    lua_pop(L, 1);
  }
  return rc;
}

static int f_verify(lua_State *L)
{
  static const char *const keys[] = { "at", "purpose", NULL };
  static const char *const purposes[] = { "client", "server", NULL };
  struct ifl_bundle *chain, *roots;
  char why[256] = "";
  iflow_error err = { 0 };
  lua_settop(L, 3);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  ifl_checkkeys(L, 3, keys);
  lua_Integer now = (lua_Integer)(ifl_clock_wall_ms() / 1000);
  lua_Integer at = ifl_optinteger(L, 3, "at", now, 0, LUA_MAXINTEGER);
  int purpose = ifl_optword(L, 3, "purpose", -1, purposes);
  if (check_pems(L, &chain, 1, 0, &err) < 0) return ifl_pusherror(L, &err);
  if (check_pems(L, &roots, 2, IFL_ROOTS_MAX, &err) < 0) return ifl_pusherror(L, &err);
  luaL_argcheck(L, sk_X509_num(chain->certs) > 0, 1, "there is no certificate in it");
  int rc = ifl_chain_verify(chain->certs, roots->certs, at, purpose < 0 ? NULL : purposes[purpose],
                            why, sizeof why, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushboolean(L, rc);
  if (rc == 1) return 1;
  lua_pushstring(L, why);
  return 2;
}

int ifl_open_cert(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "read", f_read }, { "parse", f_parse }, { "verify", f_verify }, { NULL, NULL }
  };
  static const luaL_Reg meta[] = { { "__gc", bundle_gc }, { NULL, NULL } };
  ifl_offload_open(L);
  ifl_newclass(L, BUNDLE, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
