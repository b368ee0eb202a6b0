/* authority.c -- Lua module iflow.core.authority: key pairs, certificates and RS256 signatures, for
 * the sandbox tenant and for tests.
 *   keypair { type = "rsa"|"ec", bits = 2048 } -> keypair | nil, err   (on a thread inside a task)
 *     bits: 2048 to 4096 of RSA, 256 (the default) or 384 of EC
 *   keypair_from_pem(pem | secret) -> keypair | nil, err
 *   keypair:private_pem([ "pkcs1" | "pkcs8" ])  keypair:public_pem()  keypair:jwk() -> { n, e }
 *   keypair:private_secret([ passphrase ]) -> secret: PKCS#8 PEM, encrypted with a passphrase
 *   keypair:request { subject =, sans = } -> PEM of a signing request (PKCS#10) | nil, err
 *   issue { subject = { { "CN", "x" }, … }, sans = { "DNS:a" }, key = keypair | pem, issuer = pem,
 *           issuer_key = keypair, ca =, client_auth =, server_auth =, not_before =, not_after = }
 *     -> pem | nil, err
 *   sign(keypair, data) -> base64url | nil, err      verify(keypair | pem, data, signature) -> bool */
#include "auth/authority.h"
#include "auth/request.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/offload.h"

#include <string.h>
#include <time.h>

#define KEYPAIR    "iflow.keypair"
#define FIELDS_MAX 32 /* of a subject */
#define SANS_MAX   64
#define YEAR       ((lua_Integer)365 * 24 * 3600)

struct keypair {
  EVP_PKEY *key;
};

/* A key pair being made, on a thread inside a task. */
struct making {
  struct ifl_job job; /* first */
  const char *type;   /* static */
  int bits;
  EVP_PKEY *key;
  int rc;
  iflow_error err;
};

static EVP_PKEY *check_key(lua_State *L, int arg)
{
  struct keypair *k = luaL_checkudata(L, arg, KEYPAIR);
  luaL_argcheck(L, k->key != NULL, arg, "the key pair is closed");
  return k->key;
}

/* ---- making key pairs ------------------------------------------------------------------------ */

static void make(struct ifl_job *job)
{
  struct making *m = (struct making *)job;
  m->rc = ifl_authority_keypair(&m->key, m->type, m->bits, &m->err);
}

static void forget(struct ifl_job *job)
{
  EVP_PKEY_free(((struct making *)job)->key);
}

static int made_k(lua_State *L, int status, lua_KContext ctx)
{
  struct making *m = (struct making *)ctx;
  (void)status;
  if (m->rc < 0) return ifl_pusherror(L, &m->err);
  struct keypair *k = ifl_newud(L, sizeof *k, KEYPAIR, 0);
  k->key = m->key;
  m->key = NULL;
  return 1;
}

static int f_keypair(lua_State *L)
{
  static const char *const keys[] = { "type", "bits", NULL };
  static const char *const types[] = { "rsa", "ec", NULL };
  luaL_checktype(L, 1, LUA_TTABLE);
  ifl_checkkeys(L, 1, keys);
  const char *type = types[ifl_optword(L, 1, "type", 0, types)];
  bool rsa = type == types[0];
  int bits = (int)(rsa ? ifl_optinteger(L, 1, "bits", 2048, 2048, 4096)
                       : ifl_optinteger(L, 1, "bits", 256, 256, 384));
  struct making *m = ifl_newjob(L, sizeof *m, make, forget);
  m->type = type;
  m->bits = bits;
  return ifl_runjob(L, &m->job, true, made_k);
}

static int f_keypair_from_pem(lua_State *L)
{
  iflow_error err = { 0 };
  ifl_secret *pem = ifl_checksecret(L, 1);
  struct keypair *k = ifl_newud(L, sizeof *k, KEYPAIR, 0);
  if (ifl_authority_read_private(&k->key, ifl_secret_data(pem), ifl_secret_len(pem), &err) < 0)
    return ifl_pusherror(L, &err);
  return 1;
}

/* ---- key pairs ------------------------------------------------------------------------------- */

static int push_pem(lua_State *L, const struct ifl_buf *pem, int rc, const iflow_error *err)
{
  if (rc < 0) return ifl_pusherror(L, err);
  lua_pushlstring(L, pem->data, pem->len);
  return 1;
}

static int m_private_pem(lua_State *L)
{
  static const char *const formats[] = { "pkcs1", "pkcs8", NULL };
  EVP_PKEY *key = check_key(L, 1);
  bool pkcs1 = luaL_checkoption(L, 2, "pkcs8", formats) == 0;
  iflow_error err = { 0 };
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  int rc = ifl_authority_write_private(pem, key, pkcs1, &err);
  int n = push_pem(L, pem, rc, &err);
  ifl_buf_wipe(pem);
  return n;
}

static int m_private_secret(lua_State *L)
{
  EVP_PKEY *key = check_key(L, 1);
  iflow_error err = { 0 };
  ifl_secret *pass = lua_isnoneornil(L, 2) ? NULL : ifl_checksecret(L, 2);
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  if (ifl_request_write_key(pem, key, pass, &err) < 0) return ifl_pusherror(L, &err);
  ifl_secret *secret = ifl_secret_new(pem->data, pem->len);
  ifl_buf_wipe(pem);
  if (secret == NULL) luaL_error(L, "not enough memory");
  ifl_pushsecret(L, secret);
  return 1;
}

static int m_public_pem(lua_State *L)
{
  EVP_PKEY *key = check_key(L, 1);
  iflow_error err = { 0 };
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  int rc = ifl_authority_write_public(pem, key, &err);
  return push_pem(L, pem, rc, &err);
}

static int m_jwk(lua_State *L)
{
  EVP_PKEY *key = check_key(L, 1);
  iflow_error err = { 0 };
  struct ifl_buf *n = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  struct ifl_buf *e = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  if (ifl_authority_jwk(n, e, key, &err) < 0) return ifl_pusherror(L, &err);
  lua_createtable(L, 0, 2);
  lua_pushlstring(L, n->data, n->len);
  lua_setfield(L, -2, "n");
  lua_pushlstring(L, e->data, e->len);
  lua_setfield(L, -2, "e");
  return 1;
}

static int keypair_gc(lua_State *L)
{
  struct keypair *k = luaL_checkudata(L, 1, KEYPAIR);
  EVP_PKEY_free(k->key);
  k->key = NULL;
  return 0;
}

/* ---- certificates ---------------------------------------------------------------------------- */

/* What issue builds, in a userdata: everything is freed also when an option raises. */
#define ISSUING "iflow.issuing"
struct issuing {
  const char *subject[2 * FIELDS_MAX + 1];
  const char *sans[SANS_MAX + 1];
  EVP_PKEY *key;
  X509 *issuer, *cert;
};

static int issuing_gc(lua_State *L)
{
  struct issuing *i = luaL_checkudata(L, 1, ISSUING);
  EVP_PKEY_free(i->key);
  X509_free(i->issuer);
  X509_free(i->cert);
  memset(i, 0, sizeof *i);
  return 0;
}

/* The strings stay in the tables of the caller, which argument 1 holds. */
static void read_subject(lua_State *L, struct issuing *out)
{
  size_t n = 0;
  if (lua_getfield(L, 1, "subject") != LUA_TNIL) {
    if (!lua_istable(L, -1)) ifl_raise(L, "option 'subject' must be a list of { name, value }");
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++, n++) {
      if (n == FIELDS_MAX) ifl_raise(L, "a subject has at most %d fields", FIELDS_MAX);
      if (!lua_istable(L, -1) || lua_rawgeti(L, -1, 1) != LUA_TSTRING ||
          lua_rawgeti(L, -2, 2) != LUA_TSTRING)
        ifl_raise(L, "option 'subject' must be a list of { name, value }");
      out->subject[2 * n] = lua_tostring(L, -2);
      out->subject[2 * n + 1] = lua_tostring(L, -1);
      lua_pop(L, 3);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_sans(lua_State *L, struct issuing *out)
{
  if (lua_getfield(L, 1, "sans") != LUA_TNIL) {
    if (!lua_istable(L, -1)) ifl_raise(L, "option 'sans' must be a list of strings");
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
      if (i > SANS_MAX) ifl_raise(L, "a certificate has at most %d alternative names", SANS_MAX);
      if (lua_type(L, -1) != LUA_TSTRING) ifl_raise(L, "option 'sans' must be a list of strings");
      out->sans[i - 1] = lua_tostring(L, -1);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* A key pair, or the PEM of a public key or certificate. Caller: EVP_PKEY_free. */
static int read_key(lua_State *L, int arg, EVP_PKEY **out, iflow_error *err)
{
  size_t n;
  if (lua_type(L, arg) != LUA_TSTRING) {
    EVP_PKEY *key = check_key(L, arg);
    EVP_PKEY_up_ref(key);
    *out = key;
    return 0;
  }
  const char *pem = lua_tolstring(L, arg, &n);
  return ifl_authority_read_public(out, pem, n, err);
}

static int issue(lua_State *L, struct issuing *i, iflow_error *err)
{
  lua_Integer now = (lua_Integer)time(NULL);
  struct ifl_certificate_request r = { .subject = i->subject, .sans = i->sans };
  size_t n;
  r.ca = ifl_optbool(L, 1, "ca", false);
  r.client_auth = ifl_optbool(L, 1, "client_auth", false);
  r.server_auth = ifl_optbool(L, 1, "server_auth", false);
  r.not_before = ifl_optinteger(L, 1, "not_before", now, 0, LUA_MAXINTEGER);
  r.not_after = ifl_optinteger(L, 1, "not_after", now + YEAR, 0, LUA_MAXINTEGER);
  lua_getfield(L, 1, "key");
  int rc = read_key(L, lua_gettop(L), &i->key, err);
  if (rc < 0) return rc;
  const char *issuer = ifl_optlstring(L, 1, "issuer", &n);
  if (issuer != NULL && (rc = ifl_authority_read_certificate(&i->issuer, issuer, n, err)) < 0)
    return rc;
  if (lua_getfield(L, 1, "issuer_key") != LUA_TNIL) r.issuer_key = check_key(L, lua_gettop(L));
  r.key = i->key;
  r.issuer = i->issuer;
  return ifl_authority_issue(&i->cert, &r, err);
}

static int f_issue(lua_State *L)
{
  static const char *const keys[] = { "subject",    "sans",      "key",         "issuer",
                                      "issuer_key", "ca",        "client_auth", "server_auth",
                                      "not_before", "not_after", NULL };
  iflow_error err = { 0 };
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  ifl_checkkeys(L, 1, keys);
  struct issuing *i = ifl_newud(L, sizeof *i, ISSUING, 0);
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  read_subject(L, i);
  read_sans(L, i);
  int rc = issue(L, i, &err);
  if (rc == 0) rc = ifl_authority_write_certificate(pem, i->cert, &err);
  return push_pem(L, pem, rc, &err);
}

static int m_request(lua_State *L)
{
  static const char *const keys[] = { "subject", "sans", NULL };
  iflow_error err = { 0 };
  EVP_PKEY *key = check_key(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_insert(L, 1); /* the readers want the options at 1 */
  ifl_checkkeys(L, 1, keys);
  struct issuing *i = ifl_newud(L, sizeof *i, ISSUING, 0);
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  read_subject(L, i);
  read_sans(L, i);
  return push_pem(L, pem, ifl_request_write(pem, key, i->subject, i->sans, &err), &err);
}

/* ---- signatures ------------------------------------------------------------------------------ */

static int f_sign(lua_State *L)
{
  EVP_PKEY *key = check_key(L, 1);
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  iflow_error err = { 0 };
  struct ifl_buf *sig = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  int rc = ifl_authority_sign(sig, key, data, n, &err);
  return push_pem(L, sig, rc, &err);
}

static int f_verify(lua_State *L)
{
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  const char *sig = luaL_checkstring(L, 3);
  iflow_error err = { 0 };
  struct keypair *k = ifl_newud(L, sizeof *k, KEYPAIR, 0);
  if (read_key(L, 1, &k->key, &err) < 0) return ifl_pusherror(L, &err);
  lua_pushboolean(L, ifl_authority_verify(k->key, data, n, sig, &err) == 0);
  return 1;
}

int ifl_open_authority(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "keypair", f_keypair }, { "keypair_from_pem", f_keypair_from_pem },
    { "issue", f_issue },     { "sign", f_sign },
    { "verify", f_verify },   { NULL, NULL }
  };
  static const luaL_Reg methods[] = { { "private_pem", m_private_pem },
                                      { "private_secret", m_private_secret },
                                      { "request", m_request },
                                      { "public_pem", m_public_pem },
                                      { "jwk", m_jwk },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", keypair_gc },
                                   { "__close", keypair_gc },
                                   { NULL, NULL } };
  static const luaL_Reg issuing_meta[] = { { "__gc", issuing_gc }, { NULL, NULL } };
  ifl_newclass(L, KEYPAIR, methods, meta);
  ifl_offload_open(L);
  ifl_newclass(L, ISSUING, NULL, issuing_meta);
  luaL_newlib(L, funcs);
  return 1;
}
