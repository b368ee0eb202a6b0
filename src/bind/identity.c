/* identity.c -- Lua class iflow.identity: a certificate with its private key.
 *   local id, err = identity.open {
 *     service_key = key|path, cert = path, key = path, cert_pem = text, key_pem = secret|text,
 *     passphrase = secret|text|function }
 *   id:fingerprint()   -- SHA-256 of the leaf, lower-case hex
 *   id:info()          -- the leaf as in cert.read
 *   id:close()         -- optional: __gc and __close do the same
 * A function as passphrase is called only when something is encrypted, and may wait; it returns a
 * secret, a text or nil (then the error stands). With a passphrase and inside a task the work is done
 * on a thread: a key derivation takes its time. */
#include "auth/identity.h"

#include "bind/bind.h"
#include "bind/cert.h"
#include "bind/offload.h"

#include <stdlib.h>
#include <string.h>

#define IDENTITY "iflow.identity"

struct box {
  ifl_credential *credential; /* NULL means closed */
};

ifl_credential *ifl_checkidentity(lua_State *L, int arg)
{
  struct box *b = luaL_checkudata(L, arg, IDENTITY);
  luaL_argcheck(L, b->credential != NULL, arg, "the identity is closed");
  return b->credential;
}

static int m_fingerprint(lua_State *L)
{
  lua_pushstring(L, ifl_checkidentity(L, 1)->fingerprint);
  return 1;
}

static int m_info(lua_State *L)
{
  ifl_pushcertificate(L, ifl_checkidentity(L, 1)->leaf);
  return 1;
}

static int m_close(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, IDENTITY);
  ifl_credential_unref(b->credential);
  b->credential = NULL;
  return 0;
}

/* ---- opening: options at index 1; a job that owns copies of what they say ---- */

struct opening {
  struct ifl_job job;
  struct ifl_identity_opts opts;
  char *strings[3];
  ifl_secret *key_pem, *passphrase;
  ifl_service_key *service_key;
  ifl_credential *credential;
  int rc;
  iflow_error err;
};

static void opening_run(struct ifl_job *job)
{
  struct opening *o = (struct opening *)job;
  o->rc = ifl_identity_open(&o->credential, &o->opts, &o->err);
}

static void opening_done(struct ifl_job *job)
{
  struct opening *o = (struct opening *)job;
  for (size_t i = 0; i < sizeof o->strings / sizeof *o->strings; i++) free(o->strings[i]);
  ifl_secret_unref(o->key_pem);
  ifl_secret_unref(o->passphrase);
  ifl_service_key_unref(o->service_key);
  ifl_credential_unref(o->credential);
}

static const char *copy_option(lua_State *L, char **out, const char *name)
{
  const char *s = ifl_optstring(L, 1, name, NULL);
  if (s != NULL && (*out = strdup(s)) == NULL) luaL_error(L, "not enough memory");
  return *out;
}

static void set_passphrase(struct opening *o, ifl_secret *pass)
{
  o->passphrase = ifl_secret_ref(pass);
  o->opts.passphrase = o->passphrase;
}

/* A key, or the path of one. False: the error is in o->err. */
static bool take_service_key(lua_State *L, struct opening *o)
{
  switch (lua_getfield(L, 1, "service_key")) {
  case LUA_TNIL: break;
  case LUA_TSTRING:
    if (ifl_service_key_open(&o->service_key, lua_tostring(L, -1), &o->err) < 0) return false;
    break;
  default: o->service_key = ifl_service_key_ref(ifl_checkservicekey(L, lua_gettop(L))); break;
  }
  lua_pop(L, 1);
  o->opts.service_key = o->service_key;
  return true;
}

static struct opening *new_opening(lua_State *L)
{
  struct opening *o = ifl_newjob(L, sizeof *o, opening_run, opening_done);
  int top = lua_gettop(L);
  o->opts.cert_file = copy_option(L, &o->strings[0], "cert");
  o->opts.key_file = copy_option(L, &o->strings[1], "key");
  o->opts.cert_pem = copy_option(L, &o->strings[2], "cert_pem");
  o->key_pem = ifl_secret_ref(ifl_optsecret(L, 1, "key_pem"));
  o->opts.key_pem = o->key_pem;
  lua_settop(L, top);
  return o;
}

static int opened_k(lua_State *L, int status, lua_KContext ctx)
{
  struct opening *o = (struct opening *)ctx;
  struct box *b = ifl_newud(L, sizeof *b, IDENTITY, 0);
  (void)status;
  if (o->rc < 0) return ifl_pusherror(L, &o->err);
  b->credential = o->credential;
  o->credential = NULL;
  return 1;
}

/* The function has returned; ctx is the job of the first attempt, still on the stack below. */
static int asked_k(lua_State *L, int status, lua_KContext ctx)
{
  struct opening *first = (struct opening *)ctx;
  (void)status;
  if (lua_isnil(L, -1)) return ifl_pusherror(L, &first->err);
  int type = lua_type(L, -1);
  if (type != LUA_TSTRING && type != LUA_TUSERDATA)
    ifl_raise(L, "the function 'passphrase' must return a secret, a string or nil, got %s",
              luaL_typename(L, -1));
  ifl_secret *pass = ifl_checksecret(L, -1);
  struct opening *o = new_opening(L);
  o->service_key = ifl_service_key_ref(first->service_key);
  o->opts.service_key = o->service_key;
  set_passphrase(o, pass);
  return ifl_runjob(L, &o->job, true, opened_k);
}

/* Without a passphrase nothing takes long. Only when one is missing the function is asked. */
static int try_k(lua_State *L, int status, lua_KContext ctx)
{
  struct opening *o = (struct opening *)ctx;
  if (o->rc != IFLOW_ECERTPASS) return opened_k(L, status, ctx);
  lua_getfield(L, 1, "passphrase");
  lua_callk(L, 0, 1, ctx, asked_k);
  return asked_k(L, LUA_OK, ctx);
}

static int f_open(lua_State *L)
{
  static const char *const keys[] = { "service_key", "cert",       "key", "cert_pem",
                                      "key_pem",     "passphrase", NULL };
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  ifl_checkkeys(L, 1, keys);
  bool ask = lua_getfield(L, 1, "passphrase") == LUA_TFUNCTION;
  lua_pop(L, 1);
  ifl_secret *pass = ask ? NULL : ifl_optsecret(L, 1, "passphrase");
  struct opening *o = new_opening(L);
  if (!take_service_key(L, o)) return ifl_pusherror(L, &o->err);
  if (o->opts.cert_file == NULL && o->opts.cert_pem == NULL && o->opts.service_key == NULL)
    ifl_raise(L, "an identity needs one of: service_key, cert, cert_pem");
  if (pass != NULL) set_passphrase(o, pass);
  return ask ? ifl_runjob(L, &o->job, false, try_k)
             : ifl_runjob(L, &o->job, pass != NULL, opened_k);
}

static int identity_tostring(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, IDENTITY);
  lua_pushfstring(L, "identity %s",
                  b->credential != NULL ? b->credential->fingerprint : "(closed)");
  return 1;
}

int ifl_open_identity(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "open", f_open }, { NULL, NULL } };
  static const luaL_Reg methods[] = {
    { "fingerprint", m_fingerprint }, { "info", m_info }, { "close", m_close }, { NULL, NULL }
  };
  static const luaL_Reg meta[] = {
    { "__gc", m_close }, { "__close", m_close }, { "__tostring", identity_tostring }, { NULL, NULL }
  };
  ifl_offload_open(L);
  ifl_newclass(L, IDENTITY, methods, meta);
  luaL_newlib(L, funcs);
  return 1;
}
