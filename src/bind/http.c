/* http.c -- plain HTTP requests for the layers above, for tests and for tools.
 *   local answer, err = http.request { url = "https://…", method = "GET", headers = {…},
 *     body = "…" | iterator of pieces | { file = path }, cacert = path, identity = identity,
 *     proxy = url, proxy_userpwd = secret, connect_timeout =, timeout =, stall_timeout =,
 *     queue_timeout =, max_body =, save = path, idempotent =, expect_continue =, connections =,
 *     verbose = }                               -- waits; answer: { status, headers, body, saved }
 *   err.sent: "nothing", "some" or "answered" says how far a failed request got
 *   http.stats()                                -- counters since the start
 *   http.drop_idle([identity])                  -- closes idle connections */
#include "bind/bind.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST      "iflow.http_request" /* internal: one request in flight */
#define MAX_BODY_MAX ((lua_Integer)1 << 31)
#define ITERATOR     1 /* user values */
#define OPTIONS      2

struct op {
  struct ifl_wait wait;
  ifl_exchange *exchange;
  struct ifl_request request;
  struct ifl_url url;
  struct ifl_headers headers;
  int body_fd, save_fd; /* -1: none */
  bool wanted, pause, done, opened;
  iflow_error err;
};

/* ---- engine side ---- */

static void on_done(void *payload, ifl_exchange *x, const iflow_error *err)
{
  struct op *op = payload;
  (void)x;
  if (err != NULL) op->err = *err;
  op->done = true;
  ifl_wait_done(&op->wait);
}

static void on_want(void *payload)
{
  struct op *op = payload;
  op->wanted = true;
  ifl_wait_done(&op->wait);
}

/* ---- the result; the op is at 2 ---- */

static int push_failure(lua_State *L, const struct op *op)
{
  static const char *const sent[] = { "nothing", "some", "answered" };
  ifl_pusherror(L, &op->err);
  lua_pushstring(L, sent[ifl_exchange_sent(op->exchange)]);
  lua_setfield(L, -2, "sent");
  return 2;
}

static int push_answer(lua_State *L, const struct op *op)
{
  if (op->err.code != IFLOW_OK) return push_failure(L, op);
  const struct ifl_buf *body = ifl_exchange_body(op->exchange);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, ifl_exchange_status(op->exchange));
  lua_setfield(L, -2, "status");
  ifl_pushheaders(L, ifl_exchange_headers(op->exchange));
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, body->len > 0 ? body->data : "", body->len);
  lua_setfield(L, -2, "body");
  if (op->save_fd >= 0) {
    lua_pushinteger(L, ifl_exchange_saved(op->exchange));
    lua_setfield(L, -2, "saved");
  }
  return 1;
}

/* ---- a body that is an iterator: its pieces are pulled here, in the task ---- */

static int step(lua_State *L, struct op *op);

/* The piece is on top. */
static void take_piece(lua_State *L, struct op *op)
{
  iflow_error err = { 0 };
  size_t n = 0;
  if (!lua_isnil(L, -1) && lua_type(L, -1) != LUA_TSTRING)
    ifl_raise(L, "a body's iterator must give strings, got %s", luaL_typename(L, -1));
  const char *piece = lua_tolstring(L, -1, &n);
  op->wanted = piece != NULL && n == 0; /* an empty piece says nothing: the next one is asked for */
  op->pause = op->wanted;               /* … when others had their turn */
  if (!op->wanted && !op->done &&
      ifl_exchange_feed(op->exchange, piece, n, piece == NULL, &err) < 0) {
    ifl_pusherrortable(L, &err);
    lua_error(L);
  }
  lua_pop(L, 1);
}

static int piece_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  take_piece(L, (struct op *)ctx);
  return step(L, (struct op *)ctx);
}

static int step_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  return step(L, (struct op *)ctx);
}

static int step(lua_State *L, struct op *op)
{
  while (!op->done) {
    if (!op->wanted) {
      ifl_wait_begin(L, &op->wait);
      return ifl_await(L, &op->wait, (lua_KContext)op, step_k);
    }
    if (op->pause) {
      op->pause = false;
      return ifl_pause(L, (lua_KContext)op, step_k);
    }
    lua_getiuservalue(L, 2, ITERATOR);
    lua_callk(L, 0, 1, (lua_KContext)op, piece_k);
    take_piece(L, op);
  }
  return push_answer(L, op);
}

/* ---- options; the table is at 1, the op at 2 ---- */

static int open_body(struct op *op, const char *path, iflow_error *err)
{
  struct stat st;
  op->body_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block the loop */
  if (op->body_fd < 0 || fstat(op->body_fd, &st) < 0)
    return ifl_fail_errno(err, errno, "cannot read the body from '%s'", path);
  if (!S_ISREG(st.st_mode))
    return ifl_fail(err, IFLOW_EINVAL, "'%s' is no regular file, so it cannot be a body", path);
  op->request.body =
      (struct ifl_body) { .kind = IFL_BODY_FILE, .fd = op->body_fd, .size = st.st_size };
  return 0;
}

static int read_body(lua_State *L, struct op *op, iflow_error *err)
{
  struct ifl_body *b = &op->request.body;
  static const char *const keys[] = { "file", NULL };
  int rc = 0;
  switch (lua_getfield(L, 1, "body")) {
  case LUA_TNIL: break;
  case LUA_TSTRING:
    b->kind = IFL_BODY_BYTES;
    b->data = lua_tolstring(L, -1, &b->len);
    break;
  case LUA_TFUNCTION:
    b->kind = IFL_BODY_STREAM;
    b->want = on_want;
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 2, ITERATOR);
    break;
  case LUA_TTABLE:
    ifl_checkkeys(L, lua_gettop(L), keys);
    rc = open_body(op, ifl_needstring(L, -1, "file"), err);
    break;
  default:
    ifl_raise(L, "option 'body' must be a string, a function or { file = path }, got %s",
              luaL_typename(L, -1));
  }
  lua_pop(L, 1);
  return rc;
}

static int open_save(lua_State *L, struct op *op, iflow_error *err)
{
  const char *path = ifl_optstring(L, 1, "save", NULL);
  if (path == NULL) return 0;
  op->save_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (op->save_fd < 0) return ifl_fail_errno(err, errno, "cannot write the answer to '%s'", path);
  op->request.save_fd = op->save_fd;
  return 0;
}

static void read_identity(lua_State *L, struct ifl_request *r)
{
  if (lua_getfield(L, 1, "identity") != LUA_TNIL) {
    r->credential = ifl_checkidentity(L, -1); /* pinned by the options */
    r->identity = r->credential->fingerprint;
  }
  lua_pop(L, 1);
}

static void read_plain(lua_State *L, struct ifl_request *r)
{
  r->method = ifl_optstring(L, 1, "method", "GET");
  r->cafile = ifl_optstring(L, 1, "cacert", NULL);
  r->proxy = ifl_optstring(L, 1, "proxy", NULL);
  r->connect_timeout_ms = ifl_optduration(L, 1, "connect_timeout", r->connect_timeout_ms);
  r->timeout_ms = ifl_optduration(L, 1, "timeout", r->timeout_ms);
  r->stall_timeout_ms = ifl_optduration(L, 1, "stall_timeout", r->stall_timeout_ms);
  r->queue_timeout_ms = ifl_optduration(L, 1, "queue_timeout", r->queue_timeout_ms);
  r->max_body = (size_t)ifl_optinteger(L, 1, "max_body", (lua_Integer)r->max_body, 0, MAX_BODY_MAX);
  r->connections = (size_t)ifl_optinteger(L, 1, "connections", 0, 0, 256);
  r->idempotent = ifl_optbool(L, 1, "idempotent", false);
  r->expect_continue = ifl_optbool(L, 1, "expect_continue", false);
  r->verbose = ifl_optbool(L, 1, "verbose", false);
}

static int read_options(lua_State *L, struct op *op, iflow_error *err)
{
  struct ifl_request *r = &op->request;
  ifl_request_init(r);
  read_plain(L, r);
  read_identity(L, r);
  int rc = ifl_url_parse(&op->url, ifl_needstring(L, 1, "url"), err);
  r->url = &op->url;
  if (rc == 0 && lua_getfield(L, 1, "headers") != LUA_TNIL)
    rc = ifl_readheaders(L, -1, &op->headers, err);
  r->headers = &op->headers;
  if (rc == 0) rc = read_body(L, op, err);
  if (rc == 0) rc = open_save(L, op, err);
  lua_settop(L, 2);
  if (rc == 0) r->proxy_userpwd = ifl_optsecret(L, 1, "proxy_userpwd"); /* at 3, to pin it */
  return rc;
}

static int f_request(lua_State *L)
{
  static const char *const keys[] = { "url",
                                      "method",
                                      "headers",
                                      "body",
                                      "cacert",
                                      "identity",
                                      "proxy",
                                      "proxy_userpwd",
                                      "timeout",
                                      "connect_timeout",
                                      "stall_timeout",
                                      "queue_timeout",
                                      "max_body",
                                      "save",
                                      "idempotent",
                                      "expect_continue",
                                      "connections",
                                      "verbose",
                                      NULL };
  ifl_checkkeys(L, 1, keys);
  lua_settop(L, 1);
  struct op *op = ifl_newud(L, sizeof *op, REQUEST, 2);
  op->body_fd = op->save_fd = -1;
  op->opened = true;
  ifl_headers_init(&op->headers);
  lua_toclose(L, 2); /* freed at once, also when it is cancelled or an iterator raises */
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, OPTIONS); /* what is borrowed lives as long as the request */
  if (read_options(L, op, &op->err) < 0) return ifl_pusherror(L, &op->err);
  ifl_wait_begin(L, &op->wait);
  if (ifl_exchange_start(&op->exchange, ifl_http_client(L), &op->request, on_done, op, &op->err) <
      0)
    return ifl_pusherror(L, &op->err);
  return ifl_await(L, &op->wait, (lua_KContext)op, step_k);
}

static int op_gc(lua_State *L) /* __gc and __close */
{
  struct op *op = luaL_checkudata(L, 1, REQUEST);
  if (!op->opened) return 0;
  op->opened = false;
  ifl_exchange_free(op->exchange); /* no callback can run after this */
  op->exchange = NULL;
  ifl_url_done(&op->url);
  ifl_headers_done(&op->headers);
  if (op->body_fd >= 0) close(op->body_fd);
  if (op->save_fd >= 0) close(op->save_fd);
  return 0;
}

static int f_stats(lua_State *L)
{
  struct ifl_client_stats s = ifl_client_get_stats(ifl_http_client(L));
  const struct {
    const char *name;
    uint64_t value;
  } fields[] = { { "opened", s.opened },
                 { "resumed", s.resumed },
                 { "reused", s.reused },
                 { "requests", s.requests },
                 { "in_flight", s.in_flight },
                 { "waiting", s.waiting },
                 { "idle", s.idle },
                 { "token_requests", s.token_requests },
                 { "token_failures", s.token_failures } };
  lua_createtable(L, 0, 9);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushinteger(L, (lua_Integer)fields[i].value);
    lua_setfield(L, -2, fields[i].name);
  }
  return 1;
}

static int f_drop_idle(lua_State *L)
{
  const char *identity = lua_isnoneornil(L, 1) ? NULL : ifl_checkidentity(L, 1)->fingerprint;
  ifl_client_drop_idle(ifl_http_client(L), identity);
  return 0;
}

int ifl_open_http(lua_State *L)
{
  static const luaL_Reg funcs[] = {
    { "request", f_request }, { "stats", f_stats }, { "drop_idle", f_drop_idle }, { NULL, NULL }
  };
  static const luaL_Reg meta[] = { { "__gc", op_gc }, { "__close", op_gc }, { NULL, NULL } };
  ifl_newclass(L, REQUEST, NULL, meta);
  luaL_newlib(L, funcs);
  return 1;
}
