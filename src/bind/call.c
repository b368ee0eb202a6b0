/* call.c -- one iFlow call, driven from the Lua task that makes it.
 *   local call, err = tenant:prepare { to = "/http/orders", method =, headers =, query = "a=b",
 *     body = "…" | function, body_file = path, save = path, max_body =, expect = { 404 },
 *     auth = "token" | "certificate" | "basic", csrf = nil | true | false, idempotent =,
 *     connect_timeout =, timeout =, stall_timeout =, queue_timeout = }
 *   local answer, err = call:perform()   -- waits; once
 *   answer: { status, headers, body, message_id, outcome = "delivered", saved, repairs }
 *   local plan, err = call:plan(id_name) -- instead, of one without a body: for any number of calls
 *   local answer, err = plan:send(body, id, content_type, brief) -- waits; content_type and the field
 *     id_name are added where the plan has none; brief: an answer without headers and body
 *   err also has: outcome, status, headers, body (64 KiB), message_id, repairs, cause
 *
 * A body function is an iterator of pieces; one whose first result is a function again makes a fresh
 * iterator at every call of it, so that the body can be repeated. Pieces are pulled here, in the
 * task, never from an engine callback, so an iterator may wait like any other code. */
#include "bind/tenant.h"

#include "base/digest.h"
#include "base/error.h"
#include "bind/bind.h"
#include "call/call.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CALL         "iflow.call"
#define PLAN         "iflow.call_plan"
#define ERROR_BODY   (64 * 1024)
#define EXPECT_MAX   32
#define MAX_BODY_MAX ((lua_Integer)1 << 31)

/* User values of a call: what it borrows. */
enum { UV_TENANT = 1, UV_OPTIONS, UV_BODY, UV_ITERATOR, UV_PIECE, UV_FAILURE };
/* … and of a plan. */
enum { UV_ID_NAME = 2 };

struct op {
  struct ifl_wait wait;
  ifl_call *call;
  ifl_call_plan *plan;       /* a reference; NULL until the call begins, if it is the only one */
  struct ifl_call_opts opts; /* its strings are those of UV_OPTIONS */
  struct ifl_headers headers;
  struct ifl_call_own own;
  int expect[EXPECT_MAX];
  int body_fd, save_fd;   /* 0: none (never a standard stream of ours) */
  char *save_path, *part; /* the answer is written to part, then renamed; NULL: written in place */
  bool has_piece;         /* the first piece waits in UV_PIECE */
  bool pause;             /* the iterator gave an empty piece: others first */
  bool performed, rewound, done;
  bool brief;  /* nobody looks at fields and body of an answer */
  bool failed; /* the script's iterator gave an error, which is in UV_FAILURE */
};

/* ---- engine side: called from the loop, never touches Lua ------------------------------------ */

static void on_done(void *payload, ifl_call *call, const iflow_error *err)
{
  struct op *op = payload;
  (void)call;
  (void)err;
  op->done = true;
  ifl_wait_done(&op->wait);
}

static void on_want(void *payload)
{
  struct op *op = payload;
  ifl_wait_done(&op->wait);
}

static void on_rewind(void *payload)
{
  struct op *op = payload;
  op->rewound = true;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* A regular file: its size is sent first, and a repair reads it again. */
static int open_body(struct op *op, struct ifl_body *body, const char *path, iflow_error *err)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block the loop */
  if (fd < 0 || fstat(fd, &st) < 0) {
    int rc = ifl_fail_errno(err, errno, "cannot read the body from '%s'", path);
    if (fd >= 0) close(fd);
    return rc;
  }
  op->body_fd = fd;
  if (!S_ISREG(st.st_mode)) {
    ifl_fail(err, IFLOW_EINVAL, "'%s' is no regular file, so it cannot be a body", path);
    ifl_hint(err, "give an iterator over its content, for example file:lines(65536)");
    return IFLOW_EINVAL;
  }
  *body = (struct ifl_body) { .kind = IFL_BODY_FILE, .fd = fd, .size = st.st_size };
  return 0;
}

/* The answer goes beside its place and is moved there when it is whole, so that an error leaves what
 * was there before. Devices and pipes are written in place. */
static int open_save(struct op *op, const char *path, iflow_error *err)
{
  struct stat st;
  unsigned char tag[6];
  if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
    op->save_fd = open(path, O_WRONLY | O_CLOEXEC);
  } else {
    if (ifl_random(tag, sizeof tag, err) < 0) return IFLOW_ESYSTEM;
    op->save_path = strdup(path);
    if (op->save_path == NULL || asprintf(&op->part, "%s.%02x%02x%02x%02x%02x%02x.part", path,
                                          tag[0], tag[1], tag[2], tag[3], tag[4], tag[5]) < 0) {
      op->part = NULL;
      return ifl_fail_nomem(err);
    }
    op->save_fd = open(op->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  }
  if (op->save_fd >= 0) return 0;
  op->save_fd = 0;
  free(op->part); /* nothing to remove later */
  op->part = NULL;
  return ifl_fail_errno(err, errno, "cannot write the answer to '%s'", path);
}

static int keep_saved(struct op *op, iflow_error *err)
{
  int fd = op->save_fd;
  op->save_fd = 0;
  int rc = close(fd) < 0 ? ifl_fail_errno(err, errno, "cannot write the answer") : 0;
  if (rc == 0 && op->part != NULL && rename(op->part, op->save_path) < 0)
    rc = ifl_fail_errno(err, errno, "cannot move the answer to '%s'", op->save_path);
  if (rc == 0) {
    free(op->part);
    op->part = NULL;
  }
  return rc;
}

/* ---- what came of it ------------------------------------------------------------------------- */

static void set_outcome(lua_State *L, const struct op *op)
{
  static const char *const names[] = { "delivered", "rejected", "retryable", "in_doubt" };
  lua_pushstring(L, names[ifl_call_outcome(op->call)]);
  lua_setfield(L, -2, "outcome");
}

static void set_content(lua_State *L, const struct op *op, size_t max)
{
  const struct ifl_headers *headers = ifl_call_headers(op->call);
  const struct ifl_buf *body = ifl_call_body(op->call);
  if (headers == NULL) return;
  ifl_pushheaders(L, headers);
  lua_setfield(L, -2, "headers");
  if (body == NULL) return;
  lua_pushlstring(L, body->len > 0 ? body->data : "", body->len < max ? body->len : max);
  lua_setfield(L, -2, "body");
}

static void set_answer(lua_State *L, const struct op *op)
{
  set_outcome(L, op);
  lua_pushinteger(L, ifl_call_repairs(op->call));
  lua_setfield(L, -2, "repairs");
  if (ifl_call_message_id(op->call) != NULL) {
    lua_pushstring(L, ifl_call_message_id(op->call));
    lua_setfield(L, -2, "message_id");
  }
  if (ifl_call_status(op->call) != 0) {
    lua_pushinteger(L, ifl_call_status(op->call));
    lua_setfield(L, -2, "status");
  }
}

static int push_failure(lua_State *L, const struct op *op, const iflow_error *err)
{
  lua_pushnil(L);
  ifl_pusherrortable(L, err);
  set_answer(L, op);
  set_content(L, op, ERROR_BODY);
  if (ifl_call_cause(op->call) != NULL) {
    ifl_pusherrortable(L, ifl_call_cause(op->call));
    lua_setfield(L, -2, "cause");
  }
  return 2;
}

/* The script's own iterator failed. The flow has not got a whole message, so it cannot have run with
 * one; whether to try again is what the cause says. */
static int push_body_failure(lua_State *L, const struct op *op)
{
  iflow_error err = { 0 };
  (void)op;
  ifl_fail(&err, IFLOW_EBODYFAILED, "%s", "");
  lua_pushnil(L);
  ifl_pusherrortable(L, &err);
  lua_getiuservalue(L, 1, UV_FAILURE);
  lua_pushfstring(L, "the body's iterator failed: %s", luaL_tolstring(L, -1, NULL));
  lua_setfield(L, -4, "message");
  lua_pop(L, 1);
  lua_setfield(L, -2, "cause");
  lua_pushliteral(L, "rejected");
  lua_setfield(L, -2, "outcome");
  return 2;
}

static int push_end(lua_State *L, struct op *op)
{
  iflow_error err;
  if (op->failed) return push_body_failure(L, op);
  if (ifl_call_error(op->call) != NULL) return push_failure(L, op, ifl_call_error(op->call));
  int status = ifl_call_status(op->call);
  bool saved = op->save_fd != 0 && status >= 200 && status < 300;
  if (saved && keep_saved(op, &err) < 0)
    return push_failure(L, op, &err); /* delivered all the same, which the outcome says */
  lua_createtable(L, 0, op->brief ? 4 : 8);
  set_answer(L, op);
  if (!op->brief) set_content(L, op, SIZE_MAX);
  if (saved) {
    lua_pushinteger(L, ifl_call_saved(op->call));
    lua_setfield(L, -2, "saved");
  }
  return 1;
}

/* ---- the body's pieces ----------------------------------------------------------------------- */

static int step(lua_State *L, struct op *op);

static void fail(lua_State *L, struct op *op)
{
  lua_setiuservalue(L, 1, UV_FAILURE);
  op->failed = op->done = true;
}

/* Feeds the piece in UV_PIECE: a string, or nil for the end. */
static void feed(lua_State *L, struct op *op)
{
  iflow_error err = { 0 };
  size_t n = 0;
  lua_getiuservalue(L, 1, UV_PIECE);
  const char *piece = lua_tolstring(L, -1, &n);
  op->has_piece = false;
  if (ifl_call_feed(op->call, piece, n, piece == NULL, &err) < 0) {
    ifl_pusherrortable(L, &err);
    fail(L, op);
  }
  lua_pop(L, 1);
}

/* At the script's line, which is two up: it called tenant:call, and that called perform. */
static int raise_at_script(lua_State *L, const char *expected, int arg)
{
  const char *got = luaL_typename(L, arg);
  luaL_where(L, 2);
  lua_pushfstring(L, "a body's %s, got %s", expected, got);
  lua_concat(L, 2);
  return lua_error(L);
}

/* What the iterator gave is on top: piece and, after a nil, perhaps an error. Both are popped. */
static void take_piece(lua_State *L, struct op *op)
{
  if (op->done || op->rewound) { /* while the iterator waited: the piece is of no use any more */
    lua_pop(L, 2);
  } else if (lua_isnil(L, -2) && !lua_isnil(L, -1)) {
    fail(L, op);
    lua_pop(L, 1);
  } else if (lua_isnil(L, -2) || lua_type(L, -2) == LUA_TSTRING) {
    op->has_piece = lua_isnil(L, -2) || lua_rawlen(L, -2) > 0;
    op->pause = !op->has_piece; /* an empty one says nothing; nobody may be kept waiting by them */
    lua_pop(L, 1);
    lua_setiuservalue(L, 1, UV_PIECE);
  } else {
    raise_at_script(L, "iterator must give strings", -2);
  }
}

static int piece_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  take_piece(L, (struct op *)ctx);
  return step(L, (struct op *)ctx);
}

static void take_iterator(lua_State *L, struct op *op)
{
  if (lua_type(L, -1) != LUA_TFUNCTION)
    raise_at_script(L, "function must give a fresh iterator again", -1);
  lua_setiuservalue(L, 1, UV_ITERATOR);
  op->rewound = op->has_piece = false;
}

static int fresh_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  take_iterator(L, (struct op *)ctx);
  return step(L, (struct op *)ctx);
}

static int step_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  return step(L, (struct op *)ctx);
}

/* Goes on until the call is done or has to wait. The op is at 1, nothing stands above it. */
static int step(lua_State *L, struct op *op)
{
  while (!op->done) {
    if (op->rewound) {
      lua_getiuservalue(L, 1, UV_BODY);
      lua_callk(L, 0, 1, (lua_KContext)op, fresh_k);
      take_iterator(L, op);
    } else if (!ifl_call_wants(op->call)) {
      ifl_wait_begin(L, &op->wait);
      return ifl_await(L, &op->wait, (lua_KContext)op, step_k);
    } else if (op->has_piece) {
      feed(L, op);
    } else if (op->pause) {
      op->pause = false;
      return ifl_pause(L, (lua_KContext)op, step_k);
    } else {
      lua_getiuservalue(L, 1, UV_ITERATOR);
      lua_callk(L, 0, 2, (lua_KContext)op, piece_k);
      take_piece(L, op);
    }
  }
  return push_end(L, op);
}

/* ---- performing ------------------------------------------------------------------------------ */

/* A body that is a function: its first result tells what it is. It is on top, with the second. */
static void sort_out_body(lua_State *L, struct op *op)
{
  if (lua_type(L, -2) == LUA_TFUNCTION) {
    op->own.body_repeatable = true;
    lua_pop(L, 1);
  } else {
    take_piece(L, op);
    lua_getiuservalue(L, 1, UV_BODY);
  }
  lua_setiuservalue(L, 1, UV_ITERATOR);
}

static int start(lua_State *L, struct op *op)
{
  iflow_error err;
  if (op->failed) return push_end(L, op);
  lua_getiuservalue(L, 1, UV_TENANT);
  ifl_tenant *t = ifl_checktenant(L, -1);
  ifl_wait_begin(L, &op->wait); /* raises outside a task, before anything is sent */
  if (op->plan == NULL) {
    if (ifl_call_plan_new(&op->plan, t, &op->opts, &err) < 0) return ifl_pusherror(L, &err);
    ifl_headers_done(&op->headers); /* the plan has them */
  }
  if (ifl_call_start(&op->call, op->plan, &op->own, on_done, op, &err) < 0)
    return ifl_pusherror(L, &err);
  lua_settop(L, 1);
  return ifl_await(L, &op->wait, (lua_KContext)op, step_k);
}

static int first_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  sort_out_body(L, (struct op *)ctx);
  return start(L, (struct op *)ctx);
}

static int m_perform(lua_State *L)
{
  struct op *op = luaL_checkudata(L, 1, CALL);
  luaL_argcheck(L, !op->performed, 1, "a call is performed once");
  lua_settop(L, 1);
  op->performed = true;
  lua_toclose(L, 1); /* a cancelled call ends at once, not when the collector comes by */
  if (op->own.body.kind != IFL_BODY_STREAM) return start(L, op);
  lua_getiuservalue(L, 1, UV_BODY);
  lua_callk(L, 0, 2, (lua_KContext)op, first_k);
  return first_k(L, LUA_OK, (lua_KContext)op);
}

/* ---- preparing: the options are at 2, the op is at 3 ----------------------------------------- */

static void read_expect(lua_State *L, struct op *op)
{
  struct ifl_call_opts *o = &op->opts;
  if (lua_getfield(L, 2, "expect") != LUA_TNIL) {
    if (lua_type(L, -1) != LUA_TTABLE) ifl_raise(L, "option 'expect' must be a list of statuses");
    lua_Integer n = luaL_len(L, -1);
    if (n > EXPECT_MAX) ifl_raise(L, "option 'expect' takes at most %d statuses", EXPECT_MAX);
    for (lua_Integer i = 1; i <= n; i++) {
      lua_Integer status = lua_geti(L, -1, i) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;
      if (status < 200 || status > 599) ifl_raise(L, "option 'expect': statuses are 200 to 599");
      op->expect[o->expect_count++] = (int)status;
      lua_pop(L, 1);
    }
  }
  o->expect = op->expect;
  lua_pop(L, 1);
}

static enum ifl_csrf read_csrf(lua_State *L)
{
  enum ifl_csrf csrf = IFL_CSRF_AUTO;
  if (lua_getfield(L, 2, "csrf") != LUA_TNIL)
    csrf = ifl_optbool(L, 2, "csrf", false) ? IFL_CSRF_ALWAYS : IFL_CSRF_NEVER;
  lua_pop(L, 1);
  return csrf;
}

static void read_plain(lua_State *L, struct ifl_call_opts *o)
{
  static const char *const ways[] = { "token", "certificate", "basic", NULL };
  o->to = ifl_needstring(L, 2, "to");
  o->method = ifl_optstring(L, 2, "method", o->method);
  o->query = ifl_optstring(L, 2, "query", NULL);
  o->auth = (enum ifl_auth)ifl_optword(L, 2, "auth", IFL_AUTH_TOKEN, ways);
  o->csrf = read_csrf(L);
  o->idempotent = ifl_optbool(L, 2, "idempotent", false);
  o->max_body = (size_t)ifl_optinteger(L, 2, "max_body", 0, 0, MAX_BODY_MAX);
  o->connect_timeout_ms = ifl_optduration(L, 2, "connect_timeout", 0);
  o->timeout_ms = ifl_optduration(L, 2, "timeout", 0);
  o->stall_timeout_ms = ifl_optduration(L, 2, "stall_timeout", 0);
  o->queue_timeout_ms = ifl_optduration(L, 2, "queue_timeout", 0);
}

static void read_body(lua_State *L, struct ifl_call_own *own)
{
  switch (lua_getfield(L, 2, "body")) {
  case LUA_TNIL: break;
  case LUA_TSTRING:
    own->body.kind = IFL_BODY_BYTES;
    own->body.data = lua_tolstring(L, -1, &own->body.len);
    break;
  case LUA_TFUNCTION:
    own->body.kind = IFL_BODY_STREAM;
    own->body.want = on_want;
    own->rewind = on_rewind;
    break;
  default:
    ifl_raise(L, "option 'body' must be a string or a function, got %s", luaL_typename(L, -1));
  }
  lua_setiuservalue(L, 3, UV_BODY);
}

static int read_headers(lua_State *L, struct op *op, iflow_error *err)
{
  int rc = 0;
  if (lua_getfield(L, 2, "headers") != LUA_TNIL) rc = ifl_readheaders(L, -1, &op->headers, err);
  op->opts.headers = &op->headers;
  lua_pop(L, 1);
  return rc;
}

static int open_files(lua_State *L, struct op *op, iflow_error *err)
{
  const char *file = ifl_optstring(L, 2, "body_file", NULL);
  const char *save = ifl_optstring(L, 2, "save", NULL);
  int rc = 0;
  if (file != NULL) rc = open_body(op, &op->own.body, file, err);
  if (rc == 0 && save != NULL) rc = open_save(op, save, err);
  if (op->save_fd != 0) op->own.save_fd = op->save_fd;
  return rc;
}

static struct op *new_op(lua_State *L)
{
  struct op *op = ifl_newud(L, sizeof *op, CALL, UV_FAILURE);
  ifl_headers_init(&op->headers);
  ifl_call_opts_init(&op->opts);
  ifl_call_own_init(&op->own);
  return op;
}

int ifl_tenant_prepare(lua_State *L)
{
  static const char *const keys[] = {
    "to",        "method",          "headers",       "query",         "body", "save",
    "body_file", "max_body",        "expect",        "auth",          "csrf", "idempotent",
    "timeout",   "connect_timeout", "stall_timeout", "queue_timeout", NULL
  };
  iflow_error err;
  ifl_checktenant(L, 1);
  ifl_checkkeys(L, 2, keys);
  lua_settop(L, 2);
  struct op *op = new_op(L);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 3, UV_TENANT);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, UV_OPTIONS);
  read_plain(L, &op->opts);
  read_expect(L, op);
  read_body(L, &op->own);
  if (read_headers(L, op, &err) < 0 || open_files(L, op, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

static int op_gc(lua_State *L) /* __gc and __close */
{
  struct op *op = luaL_checkudata(L, 1, CALL);
  ifl_call_free(op->call); /* no callback can run after this */
  op->call = NULL;
  ifl_call_plan_unref(op->plan);
  op->plan = NULL;
  ifl_headers_done(&op->headers);
  ifl_headers_done(&op->own.headers);
  if (op->body_fd > 0) close(op->body_fd);
  if (op->save_fd > 0) close(op->save_fd);
  if (op->part != NULL) unlink(op->part);
  free(op->part);
  free(op->save_path);
  op->body_fd = op->save_fd = 0;
  op->part = op->save_path = NULL;
  return 0;
}

/* ---- many calls of one kind ------------------------------------------------------------------ */

struct plan {
  ifl_call_plan *plan;
  const char *id_name; /* the field that carries the message's id, or NULL; UV_ID_NAME pins it */
  bool wants_type;     /* the fields have no Content-Type: a message may bring its own */
};

static int m_plan(lua_State *L)
{
  struct op *op = luaL_checkudata(L, 1, CALL);
  iflow_error err;
  luaL_argcheck(L, !op->performed && op->own.body.kind == IFL_BODY_NONE && op->save_fd == 0, 1,
                "a plan has neither body nor file, and is not performed");
  const char *id_name = luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  struct plan *p = ifl_newud(L, sizeof *p, PLAN, UV_ID_NAME);
  lua_getiuservalue(L, 1, UV_TENANT);
  ifl_tenant *t = ifl_checktenant(L, -1);
  lua_setiuservalue(L, 3, UV_TENANT);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, UV_ID_NAME);
  if (id_name != NULL && ifl_headers_get(&op->headers, id_name) == NULL) p->id_name = id_name;
  p->wants_type = ifl_headers_get(&op->headers, "Content-Type") == NULL;
  if (ifl_call_plan_new(&p->plan, t, &op->opts, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

/* Adds the text at idx, if there is one. */
static int add_text(lua_State *L, int idx, struct ifl_headers *h, const char *name,
                    iflow_error *err)
{
  size_t n;
  if (name == NULL || lua_isnil(L, idx)) return 0;
  const char *text = luaL_checklstring(L, idx, &n);
  return ifl_headers_add(h, name, strlen(name), text, n, err);
}

/* plan, body, id, content type, brief */
static int plan_send(lua_State *L)
{
  struct plan *p = luaL_checkudata(L, 1, PLAN);
  iflow_error err;
  luaL_checktype(L, 2, LUA_TSTRING);
  lua_settop(L, 5);
  struct op *op = new_op(L);
  op->own.body.kind = IFL_BODY_BYTES;
  op->own.body.data = lua_tolstring(L, 2, &op->own.body.len);
  op->brief = lua_toboolean(L, 5);
  op->plan = ifl_call_plan_ref(p->plan);
  if (add_text(L, 4, &op->own.headers, p->wants_type ? "Content-Type" : NULL, &err) < 0 ||
      add_text(L, 3, &op->own.headers, p->id_name, &err) < 0)
    return ifl_pusherror(L, &err);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 6, UV_BODY);
  lua_getiuservalue(L, 1, UV_TENANT);
  lua_setiuservalue(L, 6, UV_TENANT);
  lua_replace(L, 1);
  return m_perform(L);
}

static int plan_gc(lua_State *L)
{
  struct plan *p = luaL_checkudata(L, 1, PLAN);
  ifl_call_plan_unref(p->plan);
  p->plan = NULL;
  return 0;
}

void ifl_call_classes(lua_State *L)
{
  static const luaL_Reg methods[] = { { "perform", m_perform },
                                      { "plan", m_plan },
                                      { NULL, NULL } };
  static const luaL_Reg meta[] = { { "__gc", op_gc }, { "__close", op_gc }, { NULL, NULL } };
  static const luaL_Reg plan_methods[] = { { "send", plan_send }, { NULL, NULL } };
  static const luaL_Reg plan_meta[] = { { "__gc", plan_gc }, { NULL, NULL } };
  ifl_newclass(L, CALL, methods, meta);
  ifl_newclass(L, PLAN, plan_methods, plan_meta);
}
