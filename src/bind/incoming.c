/* incoming.c -- Lua class iflow.request: what the handler of a server gets.
 *   req.method .target .headers .peer .tls_version .length .has_body
 *   req:read() -> piece | nil (end) | nil, err            req:body([max]) -> string | nil, err
 *   req:client_chain() -> { pem, … } leaf first | nil
 *   req:answer(status [, headers [, body]]) -> true | nil, err
 *   req:begin(status [, headers [, length]]), req:write(piece) (waits), req:finish(), req:abort()
 * Once answered, finished or aborted the request is given back; its fields stay readable. */
#include "bind/incoming.h"

#include "auth/authority.h"
#include "base/error.h"
#include "bind/bind.h"

#include <string.h>

#define REQUEST   "iflow.request"
#define WAITER    "iflow.request_wait" /* internal: one read or write in flight */
#define BODY_MAX  (16 * 1024 * 1024)   /* default of req:body */
#define BODY_TOP  ((lua_Integer)1 << 31)
#define PIECE_MAX ((size_t)256 * 1024) /* the engine hands out less at a time */

struct waiter {
  struct ifl_wait wait;
  struct waiter **slot; /* in the request; NULL when nothing may come any more */
};

/* User value 1: the fields. */
struct request {
  ifl_incoming *in; /* NULL: answered or given up */
  STACK_OF(X509) * chain;
  struct ifl_headers headers; /* of the answer */

  struct waiter *reader; /* NULL: nobody waits; the engine may still be reading */
  bool reading;          /* the engine owes a piece */
  bool have;             /* a piece, the end or an error came */
  struct ifl_buf piece, body;
  iflow_error read_err;

  struct waiter *writer;
  int sent_rc;
};

static struct request *check(lua_State *L)
{
  return luaL_checkudata(L, 1, REQUEST);
}

static struct request *check_open(lua_State *L)
{
  struct request *r = check(L);
  luaL_argcheck(L, r->in != NULL, 1, "the request is answered already");
  return r;
}

static void give_back(struct request *r)
{
  if (r->in != NULL) ifl_incoming_release(r->in);
  r->in = NULL;
}

/* ---- from the engine ------------------------------------------------------------------------- */

static void on_piece(void *payload, const char *data, size_t n, const iflow_error *err)
{
  struct request *r = payload;
  r->reading = false;
  r->have = true;
  r->read_err.code = 0;
  if (err != NULL) r->read_err = *err;
  else (void)ifl_buf_add(&r->piece, data, n, &r->read_err);
  if (r->reader != NULL) ifl_wait_done(&r->reader->wait);
}

static void on_sent(void *payload, int rc)
{
  struct request *r = payload;
  r->sent_rc = rc;
  if (r->writer != NULL) ifl_wait_done(&r->writer->wait);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static int waiter_gc(lua_State *L)
{
  struct waiter *w = luaL_checkudata(L, 1, WAITER);
  if (w->slot != NULL && *w->slot == w) *w->slot = NULL;
  w->slot = NULL;
  return 0;
}

/* Pushes a waiter and puts it into slot; raises when another task waits there. */
static struct waiter *new_waiter(lua_State *L, struct waiter **slot, const char *verb)
{
  if (*slot != NULL) ifl_raise(L, "another task waits to %s this request", verb);
  struct waiter *w = ifl_newud(L, sizeof *w, WAITER, 1);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* the request lives as long as the wait */
  ifl_wait_begin(L, &w->wait);
  w->slot = slot;
  *slot = w;
  return w;
}

static void end_waiter(struct waiter *w)
{
  *w->slot = NULL;
  w->slot = NULL;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Starts a read unless one is under way, left by a cancelled task. */
static int start_read(struct request *r, iflow_error *err)
{
  if (r->reading || r->have) return 0;
  int rc = ifl_incoming_read(r->in, on_piece, r, err);
  r->reading = rc == 0;
  return rc;
}

/* Waits for a piece, then goes on in k with the waiter on top of the stack. */
static int await_piece(lua_State *L, struct request *r, lua_KFunction k)
{
  iflow_error err = { 0 };
  struct waiter *w = new_waiter(L, &r->reader, "read");
  if (start_read(r, &err) < 0) {
    end_waiter(w);
    return ifl_pusherror(L, &err);
  }
  if (r->have) ifl_wait_done(&w->wait);
  return ifl_await(L, &w->wait, (lua_KContext)w, k);
}

static int read_k(lua_State *L, int status, lua_KContext ctx)
{
  struct request *r = check(L);
  (void)status;
  end_waiter((struct waiter *)ctx);
  r->have = false;
  if (r->read_err.code != 0) return ifl_pusherror(L, &r->read_err);
  if (r->piece.len == 0) lua_pushnil(L);
  else lua_pushlstring(L, r->piece.data, r->piece.len);
  ifl_buf_done(&r->piece);
  return 1;
}

static int m_read(lua_State *L)
{
  return await_piece(L, check_open(L), read_k);
}

static int body_k(lua_State *L, int status, lua_KContext ctx)
{
  struct request *r = check(L);
  size_t n = r->piece.len;
  (void)status;
  end_waiter((struct waiter *)ctx);
  r->have = false;
  lua_settop(L, 1);
  if (r->read_err.code == 0) (void)ifl_buf_add(&r->body, r->piece.data, n, &r->read_err);
  ifl_buf_done(&r->piece);
  if (r->read_err.code != 0) {
    ifl_buf_done(&r->body);
    return ifl_pusherror(L, &r->read_err);
  }
  if (n > 0) return await_piece(L, r, body_k);
  lua_pushlstring(L, r->body.data != NULL ? r->body.data : "", r->body.len);
  ifl_buf_done(&r->body);
  return 1;
}

static int m_body(lua_State *L)
{
  struct request *r = check_open(L);
  lua_Integer max = luaL_optinteger(L, 2, BODY_MAX);
  luaL_argcheck(L, max >= 0 && max <= BODY_TOP, 2, "0 to 2147483648 bytes are possible");
  lua_settop(L, 1);
  ifl_buf_done(&r->body);
  ifl_buf_init(&r->body, (size_t)max);
  return await_piece(L, r, body_k);
}

/* ---- answering ------------------------------------------------------------------------------- */

/* Gives it back; another task that still reads or writes it learns that it is over. */
static void end_request(struct request *r)
{
  give_back(r);
  if (r->reader != NULL) {
    ifl_fail(&r->read_err, IFLOW_ECLOSED, "the request was answered meanwhile");
    r->have = true;
    ifl_wait_done(&r->reader->wait);
  }
  if (r->writer != NULL) {
    r->sent_rc = IFLOW_ERESET;
    ifl_wait_done(&r->writer->wait);
  }
}

/* The arguments status and headers; the headers are in r afterwards. */
static int read_head(lua_State *L, struct request *r, int *status, iflow_error *err)
{
  *status = (int)luaL_checkinteger(L, 2);
  ifl_headers_clear(&r->headers);
  if (lua_isnoneornil(L, 3)) return 0;
  luaL_checktype(L, 3, LUA_TTABLE);
  return ifl_readheaders(L, 3, &r->headers, err);
}

static int result(lua_State *L, int rc, const iflow_error *err)
{
  if (rc < 0) return ifl_pusherror(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

static int m_answer(lua_State *L)
{
  struct request *r = check_open(L);
  iflow_error err = { 0 };
  int status;
  size_t n;
  const char *body = luaL_optlstring(L, 4, "", &n);
  int rc = read_head(L, r, &status, &err);
  if (rc == 0) rc = ifl_incoming_answer(r->in, status, &r->headers, body, n, &err);
  if (rc == 0) end_request(r);
  return result(L, rc, &err);
}

static int m_begin(lua_State *L)
{
  struct request *r = check_open(L);
  iflow_error err = { 0 };
  int status;
  lua_Integer length = luaL_optinteger(L, 4, -1);
  int rc = read_head(L, r, &status, &err);
  if (rc == 0) rc = ifl_incoming_begin(r->in, status, &r->headers, length, &err);
  return result(L, rc, &err);
}

static int write_k(lua_State *L, int status, lua_KContext ctx)
{
  struct request *r = check(L);
  iflow_error err = { 0 };
  (void)status;
  end_waiter((struct waiter *)ctx);
  if (r->sent_rc < 0) ifl_fail(&err, r->sent_rc, "the peer did not take the answer to its end");
  return result(L, r->sent_rc, &err);
}

static int m_write(lua_State *L)
{
  struct request *r = check_open(L);
  iflow_error err = { 0 };
  size_t n;
  const char *data = luaL_checklstring(L, 2, &n);
  if (n == 0) return result(L, 0, NULL); /* an empty piece would be the end */
  struct waiter *w = new_waiter(L, &r->writer, "write");
  int rc = ifl_incoming_write(r->in, data, n, on_sent, r, &err);
  if (rc == 0) return ifl_await(L, &w->wait, (lua_KContext)w, write_k);
  end_waiter(w);
  return ifl_pusherror(L, &err);
}

static int m_finish(lua_State *L)
{
  struct request *r = check_open(L);
  iflow_error err = { 0 };
  int rc = ifl_incoming_write(r->in, NULL, 0, NULL, NULL, &err);
  if (rc == 0) end_request(r);
  return result(L, rc, &err);
}

static int m_abort(lua_State *L)
{
  struct request *r = check(L);
  if (r->in != NULL) ifl_incoming_abort(r->in);
  end_request(r);
  return 0;
}

/* ---- what came with the request -------------------------------------------------------------- */

static int m_client_chain(lua_State *L)
{
  struct request *r = check(L);
  iflow_error err = { 0 };
  if (r->chain == NULL) {
    lua_pushnil(L);
    return 1;
  }
  struct ifl_buf *pem = ifl_newbuf(L, IFL_AUTHORITY_PEM_MAX);
  lua_createtable(L, sk_X509_num(r->chain), 0);
  for (int i = 0; i < sk_X509_num(r->chain); i++) {
    ifl_buf_clear(pem);
    if (ifl_authority_write_certificate(pem, sk_X509_value(r->chain, i), &err) < 0)
      return ifl_pusherror(L, &err);
    lua_pushlstring(L, pem->data, pem->len);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void set_string(lua_State *L, const char *name, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

void ifl_pushincoming(lua_State *L, ifl_incoming *(*take)(void *payload), void *payload)
{
  struct request *r = ifl_newud(L, sizeof *r, REQUEST, 1);
  ifl_incoming *in = r->in = take(payload);
  STACK_OF(X509) *chain = ifl_incoming_client_chain(in);
  ifl_headers_init(&r->headers);
  ifl_buf_init(&r->piece, PIECE_MAX);
  ifl_buf_init(&r->body, BODY_MAX);
  if (chain != NULL) r->chain = X509_chain_up_ref(chain);
  lua_createtable(L, 0, 8);
  set_string(L, "method", ifl_incoming_method(in));
  set_string(L, "target", ifl_incoming_target(in));
  set_string(L, "peer", ifl_incoming_peer(in));
  set_string(L, "tls_version", ifl_incoming_tls_version(in));
  lua_pushboolean(L, ifl_incoming_has_body(in));
  lua_setfield(L, -2, "has_body");
  if (ifl_incoming_length(in) >= 0) {
    lua_pushinteger(L, ifl_incoming_length(in));
    lua_setfield(L, -2, "length");
  }
  ifl_pushheaders(L, ifl_incoming_headers(in));
  lua_setfield(L, -2, "headers");
  lua_setiuservalue(L, -2, 1);
}

/* upvalue 1: the methods */
static int request_index(lua_State *L)
{
  check(L);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL) return 1;
  lua_getiuservalue(L, 1, 1);
  if (lua_type(L, -1) != LUA_TTABLE) return 0; /* not filled yet */
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

static int request_gc(lua_State *L)
{
  struct request *r = check(L);
  give_back(r);
  sk_X509_pop_free(r->chain, X509_free);
  r->chain = NULL;
  ifl_headers_done(&r->headers);
  ifl_buf_wipe(&r->piece);
  ifl_buf_wipe(&r->body);
  return 0;
}

/* ---- running the handler --------------------------------------------------------------------- */

static int describe(lua_State *L)
{
  const char *text = luaL_tolstring(L, 1, NULL);
  luaL_traceback(L, L, text, 1);
  return 1;
}

static bool is_canceled(lua_State *L, int idx)
{
  bool same = false;
  if (!ifl_iserror(L, idx)) return false;
  lua_getfield(L, idx, "code");
  if (lua_type(L, -1) == LUA_TSTRING)
    same = strcmp(lua_tostring(L, -1), iflow_error_name(IFLOW_ECANCELED)) == 0;
  lua_pop(L, 1);
  return same;
}

/* Cancellation passes as it is; everything else becomes text with a traceback. */
static int on_error(lua_State *L)
{
  if (is_canceled(L, 1)) return 1;
  return describe(L);
}

/* A client that left is everyday, a handler that does not answer is a defect. */
static void complain(lua_State *L, const struct request *r, const char *what, const char *why)
{
  bool failed = r->in != NULL && ifl_incoming_failed(r->in);
  ifl_log_write(ifl_loop_log(ifl_loop(L)), failed ? IFL_LOG_DEBUG : IFL_LOG_ERROR, "server",
                "a request handler %s%s", what, why);
}

/* Stack: message handler, request, then the error if there was one. */
static int served(lua_State *L, int status, lua_KContext ctx)
{
  struct request *r = luaL_checkudata(L, 2, REQUEST);
  (void)ctx;
  if (status == LUA_OK || status == LUA_YIELD) {
    if (r->in != NULL) complain(L, r, "ended without an answer", "");
  } else if (!is_canceled(L, -1)) {
    const char *text = lua_tostring(L, -1);
    complain(L, r, "failed: ", text != NULL ? text : "(no text)");
  } else if (r->in != NULL) {
    ifl_incoming_abort(r->in);
  }
  give_back(r);
  return 0;
}

int ifl_serve_incoming(lua_State *L)
{
  luaL_checkudata(L, 2, REQUEST);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  lua_insert(L, 1);
  lua_pushcfunction(L, on_error);
  lua_insert(L, 1); /* message handler, request, handler, request */
  return served(L, lua_pcallk(L, 1, 0, 1, 0, served), 0);
}

void ifl_incoming_open(lua_State *L)
{
  static const luaL_Reg methods[] = { { "read", m_read },     { "body", m_body },
                                      { "answer", m_answer }, { "begin", m_begin },
                                      { "write", m_write },   { "finish", m_finish },
                                      { "abort", m_abort },   { "client_chain", m_client_chain },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", request_gc }, { NULL, NULL } };
  static const luaL_Reg wait_meta[] = { { "__gc", waiter_gc },
                                        { "__cancel", waiter_gc },
                                        { NULL, NULL } };
  ifl_newclass(L, REQUEST, NULL, meta);
  ifl_newclass(L, WAITER, NULL, wait_meta);
  luaL_getmetatable(L, REQUEST);
  luaL_newlib(L, methods);
  lua_pushcclosure(L, request_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}
