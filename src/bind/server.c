/* server.c -- Lua class iflow.server: an HTTP or HTTPS server whose requests are handled in Lua,
 * each in a task of its own (see incoming.c for what the handler gets).
 *   local server, err = core.server.new { host = "127.0.0.1", port = 0, tls = true, identity = id,
 *     ask_client = true, ca_names = { pem, … }, refuse_without_eku = true, refuse_expired = true,
 *     min_tls = "1.2", max_tls = "1.3", max_connections = 2000, head_timeout = "20s",
 *     body_gap = "20s", idle_timeout = "60s", total_timeout = "10m", request = function(req) … end }
 *   server:port()  server:stats()  server:refuse_expired(bool)
 *   server:set_identity(id [, { ca_names = { pem, … } }])   for handshakes from now on
 *   server:refusals()         the last certificates it refused in the handshake since the last time:
 *                             { { subject =, reason = "expired"|"no clientAuth" } … }, at most 16
 *   server:recycle()          idle connections end now, the others after their answer
 *   server:close([grace])     stops listening, waits for the requests at work, then cuts them
 *
 * The engine queues requests; a task of the server takes them and starts the handlers. It lives
 * until the server is closed, so iflow.run does not end before. */
#include "auth/authority.h"
#include "base/error.h"
#include "bind/bind.h"
#include "bind/incoming.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define SERVER        "iflow.server"
#define CA_NAMES_MAX  1000
#define DEFAULT_GRACE 5000 /* ms; of close inside a task */
#define REFUSALS_MAX  16

struct queued {
  ifl_incoming *in;
  struct queued *next;
};

/* A client certificate that the handshake refused. */
struct refusal {
  char subject[256];
  bool expired; /* else it is not for clients */
};

struct server {
  ifl_server *h; /* NULL: closed */
  iflow_loop *loop;
  int port;
  struct queued *first, *last; /* never more than there are connections */
  struct ifl_wait acceptor, closer;
  bool closing, closed;
  bool refuse_without_eku, refuse_expired;
  STACK_OF(X509_NAME) * ca_names;
  struct refusal refusals[REFUSALS_MAX]; /* the newer ones take the place of the older */
  unsigned refused;                      /* of them, since m_refusals was called */
};

static struct server *check(lua_State *L)
{
  return luaL_checkudata(L, 1, SERVER);
}

static struct server *check_open(lua_State *L)
{
  struct server *s = check(L);
  luaL_argcheck(L, s->h != NULL, 1, "the server is closed");
  return s;
}

/* ---- from the engine ------------------------------------------------------------------------- */

static void on_request(void *payload, ifl_incoming *in)
{
  struct server *s = payload;
  struct queued *q = malloc(sizeof *q);
  if (q == NULL) {
    ifl_incoming_release(in); /* answers 500 */
    return;
  }
  q->in = in;
  q->next = NULL;
  if (s->last != NULL) s->last->next = q;
  else s->first = q;
  s->last = q;
  ifl_wait_done(&s->acceptor);
}

static void on_closed(void *payload)
{
  struct server *s = payload;
  s->closed = true;
  ifl_wait_done(&s->closer);
}

static bool may_authenticate(X509 *leaf)
{
  uint32_t flags = X509_get_extension_flags(leaf);
  return (flags & EXFLAG_XKUSAGE) != 0 && (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT) != 0;
}

/* What SAP's load balancer refuses in the handshake; an unknown issuer is not among it. */
static int on_client(void *payload, STACK_OF(X509) * chain)
{
  struct server *s = payload;
  X509 *leaf = sk_X509_value(chain, 0);
  bool unfit = s->refuse_without_eku && !may_authenticate(leaf);
  bool expired = s->refuse_expired && (X509_cmp_current_time(X509_get0_notAfter(leaf)) < 0 ||
                                       X509_cmp_current_time(X509_get0_notBefore(leaf)) > 0);
  if (!unfit && !expired) return 0;
  struct refusal *r = &s->refusals[s->refused++ % REFUSALS_MAX];
  r->expired = !unfit;
  X509_NAME_oneline(X509_get_subject_name(leaf), r->subject, sizeof r->subject);
  return unfit ? SSL_AD_BAD_CERTIFICATE : SSL_AD_CERTIFICATE_EXPIRED;
}

/* ---- the end --------------------------------------------------------------------------------- */

static ifl_incoming *take(void *payload)
{
  struct server *s = payload;
  struct queued *q = s->first;
  if (q == NULL) return NULL;
  ifl_incoming *in = q->in;
  s->first = q->next;
  if (s->first == NULL) s->last = NULL;
  free(q);
  return in;
}

static void shut(struct server *s)
{
  ifl_incoming *in;
  while ((in = take(s)) != NULL) ifl_incoming_release(in);
  ifl_server_free(s->h);
  s->h = NULL;
  ifl_wait_done(&s->acceptor);
  ifl_wait_done(&s->closer);
}

static int server_gc(lua_State *L)
{
  struct server *s = check(L);
  shut(s);
  sk_X509_NAME_pop_free(s->ca_names, X509_NAME_free);
  s->ca_names = NULL;
  return 0;
}

static int close_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  (void)ctx;
  shut(check(L));
  return 0;
}

/* A second close, or one outside of a task, does not wait. */
static int m_close(lua_State *L)
{
  struct server *s = check(L);
  int64_t grace = lua_isnoneornil(L, 2) ? DEFAULT_GRACE : ifl_checkduration(L, 2);
  if (s->h == NULL) return 0;
  if (s->closing || grace == 0 || !lua_isyieldable(L)) {
    shut(s);
    return 0;
  }
  ifl_wait_begin(L, &s->closer);
  s->closing = true;
  ifl_server_close(s->h, grace, on_closed, s);
  return ifl_await(L, &s->closer, (lua_KContext)s, close_k);
}

/* ---- the task that starts handlers ----------------------------------------------------------- */

/* Protected: (handler, lightuserdata server). When memory is out the request is gone with its
 * userdata, or released here, and the server goes on. */
static int start_handler(lua_State *L)
{
  struct server *s = lua_touserdata(L, 2);
  lua_settop(L, 1);
  lua_pushcfunction(L, ifl_serve_incoming);
  lua_insert(L, 1);
  ifl_pushincoming(L, take, s);
  ifl_task_spawn(L, 2);
  return 0;
}

/* Stack: server, handler. */
static int accept_k(lua_State *L, int status, lua_KContext ctx)
{
  struct server *s = (struct server *)ctx;
  (void)status;
  while (s->first != NULL) {
    const struct queued *q = s->first;
    lua_settop(L, 2);
    lua_pushcfunction(L, start_handler);
    lua_pushvalue(L, 2);
    lua_pushlightuserdata(L, s);
    if (lua_pcall(L, 2, 0, 0) == LUA_OK) continue;
    const char *why = lua_tostring(L, -1);
    ifl_log_write(ifl_loop_log(s->loop), IFL_LOG_ERROR, "server", "a handler cannot start: %s",
                  why != NULL ? why : "(no text)");
    if (s->first == q) ifl_incoming_release(take(s)); /* it failed before it was taken */
  }
  lua_settop(L, 2);
  if (s->h == NULL) return 0;
  ifl_wait_begin(L, &s->acceptor);
  return ifl_await(L, &s->acceptor, ctx, accept_k);
}

static int run_acceptor(lua_State *L)
{
  return accept_k(L, LUA_OK, (lua_KContext)luaL_checkudata(L, 1, SERVER));
}

/* ---- making one ------------------------------------------------------------------------------ */

static int add_ca_name(struct server *s, const char *pem, size_t n, iflow_error *err)
{
  X509 *cert;
  int rc = ifl_authority_read_certificate(&cert, pem, n, err);
  if (rc < 0) return rc;
  X509_NAME *name = X509_NAME_dup(X509_get_subject_name(cert));
  X509_free(cert);
  if (name != NULL && sk_X509_NAME_push(s->ca_names, name)) return 0;
  X509_NAME_free(name);
  return ifl_fail_nomem(err);
}

/* Of the table at `index`. The stack belongs to the server, since what follows may raise. */
static int read_ca_names(lua_State *L, int index, struct server *s, iflow_error *err)
{
  int rc = 0;
  sk_X509_NAME_pop_free(s->ca_names, X509_NAME_free);
  s->ca_names = NULL;
  if (lua_getfield(L, index, "ca_names") == LUA_TNIL) {
    lua_pop(L, 1);
    return 0;
  }
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_Unsigned n = lua_rawlen(L, -1);
  if (n > CA_NAMES_MAX) return ifl_fail(err, IFLOW_ELIMIT, "more than %d ca_names", CA_NAMES_MAX);
  s->ca_names = sk_X509_NAME_new_null();
  if (s->ca_names == NULL) return ifl_fail_nomem(err);
  for (lua_Unsigned i = 1; i <= n && rc == 0; i++) {
    size_t len;
    lua_rawgeti(L, -1, (lua_Integer)i);
    const char *pem = luaL_checklstring(L, -1, &len);
    rc = add_ca_name(s, pem, len, err);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return rc;
}

static int tls_version(lua_State *L, const char *key, int def)
{
  const char *text = ifl_optstring(L, 1, key, NULL);
  if (text == NULL) return def;
  if (strcmp(text, "1.2") == 0) return TLS1_2_VERSION;
  if (strcmp(text, "1.3") == 0) return TLS1_3_VERSION;
  ifl_raise(L, "%s = '%s': \"1.2\" and \"1.3\" are possible", key, text);
}

static void read_limits(lua_State *L, struct ifl_server_opts *o)
{
  o->max_connections =
      (size_t)ifl_optinteger(L, 1, "max_connections", (lua_Integer)o->max_connections, 1, 100000);
  o->head_timeout_ms = ifl_optduration(L, 1, "head_timeout", o->head_timeout_ms);
  o->body_gap_ms = ifl_optduration(L, 1, "body_gap", o->body_gap_ms);
  o->idle_timeout_ms = ifl_optduration(L, 1, "idle_timeout", o->idle_timeout_ms);
  o->total_timeout_ms = ifl_optduration(L, 1, "total_timeout", o->total_timeout_ms);
}

static void read_options(lua_State *L, struct server *s, struct ifl_server_opts *o)
{
  static const char *const keys[] = { "host",
                                      "port",
                                      "tls",
                                      "identity",
                                      "ask_client",
                                      "ca_names",
                                      "min_tls",
                                      "max_tls",
                                      "request",
                                      "max_connections",
                                      "body_gap",
                                      "head_timeout",
                                      "idle_timeout",
                                      "total_timeout",
                                      "refuse_expired",
                                      "refuse_without_eku",
                                      NULL };
  ifl_checkkeys(L, 1, keys);
  ifl_server_opts_init(o);
  o->host = ifl_optstring(L, 1, "host", o->host);
  o->port = (int)ifl_optinteger(L, 1, "port", 0, 0, 65535);
  o->tls = ifl_optbool(L, 1, "tls", false);
  o->ask_client = ifl_optbool(L, 1, "ask_client", false);
  o->min_tls = tls_version(L, "min_tls", TLS1_2_VERSION);
  o->max_tls = tls_version(L, "max_tls", TLS1_3_VERSION);
  s->refuse_without_eku = ifl_optbool(L, 1, "refuse_without_eku", false);
  s->refuse_expired = ifl_optbool(L, 1, "refuse_expired", false);
  read_limits(L, o);
  o->request = on_request;
  o->verify_client = on_client;
  o->payload = s;
}

static int f_new(lua_State *L)
{
  struct ifl_server_opts o;
  iflow_error err = { 0 };
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  struct server *s = ifl_newud(L, sizeof *s, SERVER, 0); /* index 2 */
  read_options(L, s, &o);
  if (lua_getfield(L, 1, "request") != LUA_TFUNCTION) /* 3 */
    ifl_raise(L, "option 'request' must be the function that handles a request");
  if (lua_getfield(L, 1, "identity") != LUA_TNIL) o.credential = ifl_checkidentity(L, 4);
  s->loop = ifl_loop(L);
  int rc = read_ca_names(L, 1, s, &err);
  o.client_ca_names = s->ca_names;
  if (rc == 0) rc = ifl_server_new(&s->h, s->loop, &o, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  s->port = ifl_server_port(s->h);
  lua_pushcfunction(L, run_acceptor);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  ifl_task_spawn(L, 2);
  lua_settop(L, 2);
  return 1;
}

/* ---- methods --------------------------------------------------------------------------------- */

static int m_port(lua_State *L)
{
  lua_pushinteger(L, check(L)->port);
  return 1;
}

/* Also { ca_names = { pem, … } }: which authorities a client is told of. */
static int m_set_identity(lua_State *L)
{
  struct server *s = check_open(L);
  iflow_error err = { 0 };
  if (!lua_isnoneornil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    if (read_ca_names(L, 3, s, &err) < 0 ||
        ifl_server_set_client_ca_names(s->h, s->ca_names, &err) < 0)
      return ifl_pusherror(L, &err);
  }
  if (ifl_server_set_credential(s->h, ifl_checkidentity(L, 2), &err) < 0)
    return ifl_pusherror(L, &err);
  lua_pushboolean(L, 1);
  return 1;
}

/* For handshakes from now on. */
static int m_refuse_expired(lua_State *L)
{
  struct server *s = check_open(L);
  luaL_checktype(L, 2, LUA_TBOOLEAN);
  s->refuse_expired = lua_toboolean(L, 2);
  return 0;
}

static int m_refusals(lua_State *L)
{
  struct server *s = check_open(L);
  unsigned count = s->refused < REFUSALS_MAX ? s->refused : REFUSALS_MAX;
  lua_createtable(L, (int)count, 0);
  for (unsigned i = 0; i < count; i++) {
    const struct refusal *r = &s->refusals[(s->refused - count + i) % REFUSALS_MAX];
    lua_createtable(L, 0, 2);
    lua_pushstring(L, r->subject);
    lua_setfield(L, -2, "subject");
    lua_pushstring(L, r->expired ? "expired" : "no clientAuth");
    lua_setfield(L, -2, "reason");
    lua_rawseti(L, -2, i + 1);
  }
  s->refused = 0;
  return 1;
}

static int m_recycle(lua_State *L)
{
  ifl_server_recycle(check_open(L)->h);
  return 0;
}

static int m_stats(lua_State *L)
{
  struct ifl_server_stats st = ifl_server_get_stats(check_open(L)->h);
  const struct {
    const char *name;
    uint64_t value;
  } fields[] = { { "accepted", st.accepted },     { "open", st.open },
                 { "requests", st.requests },     { "malformed", st.malformed },
                 { "handshakes", st.handshakes }, { "handshakes_failed", st.handshakes_failed },
                 { "resumed", st.resumed } };
  lua_createtable(L, 0, 7);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushinteger(L, (lua_Integer)fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  return 1;
}

int ifl_open_server(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "new", f_new }, { NULL, NULL } };
  static const luaL_Reg methods[] = { { "port", m_port },
                                      { "stats", m_stats },
                                      { "set_identity", m_set_identity },
                                      { "refuse_expired", m_refuse_expired },
                                      { "refusals", m_refusals },
                                      { "recycle", m_recycle },
                                      { "close", m_close },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = {
    { "__gc", server_gc }, { "__close", server_gc }, { "__cancel", server_gc }, { NULL, NULL }
  };
  ifl_newclass(L, SERVER, methods, meta);
  ifl_incoming_open(L);
  luaL_newlib(L, funcs);
  return 1;
}
