/* probe.c -- Lua module iflow.core.probe: looks at a TLS server without trusting it.
 *   local seen, err = probe.tls { host =, port = 443, server_name = nil, proxy = nil (the
 *     environment's; "": none), proxy_userpwd = secret, timeout = 10, connect_timeout = timeout,
 *     identity = nil, cacert = nil (the system's), beside_system = false, min_tls = "1.2"|"1.3", max_tls = }   -- waits
 *   seen: { address = "10.0.0.1:443" (the proxy's if there is one), proxy = "host:port"|nil,
 *     times = { dns =, tcp =, proxy =, tls = } in seconds, of the stages that were reached,
 *     protocol = "TLSv1.3", cipher =, chain = { pem… } as served, leaf first, asked_client = bool,
 *     ca_names = { "CN=…" … } of the CertificateRequest, verified = bool, host_matches = bool,
 *     verify_reason = text|nil, trust = iflow.error|nil (tls.untrusted, tls.chain,
 *     tls.server_expired) }
 *   err: an iflow.error with stage = "dns"|"tcp"|"proxy"|"tls", alert = name of the fatal TLS alert
 *     that came, or nil, and seen = the same table, as far as it came. An error without a stage is
 *     one of the files: file.*, cert.*.
 * It sends no application data and refuses no certificate: nothing may be sent to whom it found by
 * its word alone. */
#include "net/probe.h"

#include "auth/certificate.h"
#include "bind/bind.h"

#include <string.h>

#define PROBE      "iflow.probe" /* internal: one in flight */
#define TIMEOUT_MS 10000
#define NAMES_MAX  256
#define CERTS_MAX  64
#define PEM_MAX    (256 * 1024)

struct op {
  struct ifl_wait wait;
  ifl_probe *probe;
  iflow_error err;
};

static const char *const stages[] = { "dns", "tcp", "proxy", "tls" };

static void on_done(void *payload, const iflow_error *err)
{
  struct op *op = payload;
  if (err != NULL) op->err = *err;
  ifl_wait_done(&op->wait);
}

/* ---- the result ---- */

static void set_string(lua_State *L, const char *key, const char *value)
{
  if (value == NULL || *value == '\0') return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_boolean(lua_State *L, const char *key, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

static void set_times(lua_State *L, const struct ifl_probe_seen *s)
{
  lua_createtable(L, 0, IFL_PROBE_STAGES);
  for (int i = 0; i < IFL_PROBE_STAGES; i++) {
    if (s->us[i] < 0) continue;
    lua_pushnumber(L, (lua_Number)s->us[i] / 1e6);
    lua_setfield(L, -2, stages[i]);
  }
  lua_setfield(L, -2, "times");
}

static void set_chain(lua_State *L, const struct ifl_probe_seen *s)
{
  int n = s->chain != NULL ? sk_X509_num(s->chain) : 0;
  lua_newtable(L);
  for (int i = 0; i < n && i < CERTS_MAX; i++) {
    iflow_error err = { 0 };
    struct ifl_buf *pem = ifl_newbuf(L, PEM_MAX);
    if (ifl_cert_pem(pem, sk_X509_value(s->chain, i), &err) < 0) {
      lua_pop(L, 1);
      break;
    }
    lua_pushlstring(L, pem->data, pem->len);
    lua_rawseti(L, -3, i + 1);
    lua_pop(L, 1);
  }
  lua_setfield(L, -2, "chain");
}

static void set_names(lua_State *L, const struct ifl_probe_seen *s)
{
  int n = s->ca_names != NULL ? sk_X509_NAME_num(s->ca_names) : 0;
  char name[512];
  lua_newtable(L);
  for (int i = 0; i < n && i < NAMES_MAX; i++) {
    lua_pushstring(L, ifl_tls_name(name, sizeof name, sk_X509_NAME_value(s->ca_names, i)));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "ca_names");
}

static void push_seen(lua_State *L, const struct ifl_probe_seen *s)
{
  lua_createtable(L, 0, 12);
  set_string(L, "address", s->address);
  set_string(L, "proxy", s->proxy);
  set_string(L, "protocol", s->protocol);
  set_string(L, "cipher", s->cipher);
  set_boolean(L, "asked_client", s->asked);
  set_boolean(L, "verified", s->verified);
  set_boolean(L, "host_matches", s->host_matches);
  set_times(L, s);
  set_chain(L, s);
  set_names(L, s);
  if (s->trust.code == IFLOW_OK) return;
  set_string(L, "verify_reason", s->trust.message);
  ifl_pusherrortable(L, &s->trust);
  lua_setfield(L, -2, "trust");
}

static int push_failure(lua_State *L, const struct op *op, const struct ifl_probe_seen *s)
{
  ifl_pusherror(L, &op->err);
  set_string(L, "stage", stages[s->stage]);
  if (s->alert >= 0) set_string(L, "alert", SSL_alert_desc_string_long(s->alert));
  push_seen(L, s);
  lua_setfield(L, -2, "seen");
  return 2;
}

static int tls_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct op *op = (const struct op *)ctx;
  (void)status;
  const struct ifl_probe_seen *s = ifl_probe_seen(op->probe);
  if (op->err.code != IFLOW_OK) return push_failure(L, op, s);
  push_seen(L, s);
  return 1;
}

/* ---- options; the table is at 1, the op at 2 ---- */

static int version_of(lua_State *L, const char *key)
{
  static const char *const words[] = { "1.2", "1.3", NULL };
  static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
  int i = ifl_optword(L, 1, key, -1, words);
  return i < 0 ? 0 : versions[i];
}

static void read_options(lua_State *L, struct ifl_probe_target *to)
{
  to->host = ifl_needstring(L, 1, "host");
  to->port = (int)ifl_optinteger(L, 1, "port", 443, 1, 65535);
  to->server_name = ifl_optstring(L, 1, "server_name", NULL);
  to->proxy = ifl_optstring(L, 1, "proxy", NULL);
  to->cafile = ifl_optstring(L, 1, "cacert", NULL);
  to->beside_system = ifl_optbool(L, 1, "beside_system", false);
  to->timeout_ms = ifl_optduration(L, 1, "timeout", TIMEOUT_MS);
  to->connect_timeout_ms = ifl_optduration(L, 1, "connect_timeout", to->timeout_ms);
  to->min_version = version_of(L, "min_tls");
  to->max_version = version_of(L, "max_tls");
  if (lua_getfield(L, 1, "identity") != LUA_TNIL) /* left on the stack, to pin it */
    to->credential = ifl_checkidentity(L, -1);
  to->proxy_userpwd = ifl_optsecret(L, 1, "proxy_userpwd");
}

static int f_tls(lua_State *L)
{
  static const char *const keys[] = { "host",     "port",          "server_name",
                                      "proxy",    "proxy_userpwd", "timeout",
                                      "identity", "cacert",        "connect_timeout",
                                      "min_tls",  "max_tls",       "beside_system",
                                      NULL };
  struct ifl_probe_target to = { 0 };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  struct op *op = ifl_newud(L, sizeof *op, PROBE, 0);
  lua_toclose(L, 2);
  read_options(L, &to);
  ifl_wait_begin(L, &op->wait);
  if (ifl_probe_start(&op->probe, ifl_loop(L), &to, on_done, op, &op->err) < 0)
    return ifl_pusherror(L, &op->err);
  return ifl_await(L, &op->wait, (lua_KContext)op, tls_k);
}

static int op_gc(lua_State *L) /* __gc and __close */
{
  struct op *op = luaL_checkudata(L, 1, PROBE);
  ifl_probe_free(op->probe); /* no callback can run after this */
  op->probe = NULL;
  return 0;
}

int ifl_open_probe(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "tls", f_tls }, { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", op_gc }, { "__close", op_gc }, { NULL, NULL } };
  ifl_newclass(L, PROBE, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
