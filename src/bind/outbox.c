/* outbox.c -- Lua module core.outbox: durable messages; lua/iflow/outbox.lua is the face, and says
 * what the methods mean. All of them wait, so they need a task.
 *   outbox.open { path =, backend =, durability = "full"|"normal", max_messages =, max_bytes =,
 *                 inline_max =, retention =, lock_wait = } -> box | nil, err
 *   box:enqueue { sender =, id =, key =, about =, body = text | { file = path }, not_before =,
 *                 wait = } -> "accepted" | "known" | nil, err
 *   box:claim(sender [, max [, now]]) -> list of messages, when the next one is due or nil | nil, err
 *   box:change(action, what [, outcome]) -> number of messages changed | nil, err
 *     what      a number, a table with a field number, or a list of these; a table's field outcome
 *               goes before the one given for all
 *     outcome   { began =, ended =, status =, message_id =, error = text | iflow.error, code =,
 *                 not_before =, attempted = bool, about =, body = }  (the last two: requeue)
 *   box:note(name) -> text | nil    box:note(name, text | false) -> true | nil, err
 *   box:release(what)   box:list { … }   box:show(number)   box:stats()   box:counts()
 *   box:close() */
#include "outbox/outbox.h"

#include "base/clock.h"
#include "base/error.h"
#include "bind/bind.h"
#include "bind/outbox_values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BOX    "iflow.outbox"
#define ASKING "iflow.outbox_request" /* internal: a request in flight */

#define MAX_MESSAGES 10000000
#define MAX_BYTES    ((lua_Integer)64 << 30)
#define INLINE_MAX   ((lua_Integer)1 << 20)
#define INLINE_CEIL  ((lua_Integer)256 << 20)
#define RETENTION    ((int64_t)7 * 86400000)
#define LOCK_WAIT    2000

struct box {
  ifl_outbox *h;
  bool closing;
};

struct asking {
  struct ifl_wait wait;
  struct ifl_outbox_request *r;
  lua_KFunction answered; /* pushes what came of it */
  bool submitted, done;
};

static struct box *check_open(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, BOX);
  luaL_argcheck(L, b->h != NULL && !b->closing, 1, "the outbox is closed");
  return b;
}

/* ---- asking ---- */

static void on_done(void *payload)
{
  struct asking *a = payload;
  a->done = true;
  ifl_wait_done(&a->wait);
}

static int asking_gc(lua_State *L)
{
  struct asking *a = luaL_checkudata(L, 1, ASKING);
  if (a->r != NULL && a->submitted && !a->done) ifl_outbox_forget(a->r);
  else ifl_outbox_request_free(a->r);
  a->r = NULL;
  return 0;
}

/* Pushes a request in its userdata, which pins the box at idx. */
static struct asking *new_asking(lua_State *L, int idx, enum ifl_outbox_kind kind)
{
  idx = lua_absindex(L, idx);
  struct asking *a = ifl_newud(L, sizeof *a, ASKING, 1);
  lua_pushvalue(L, idx);
  lua_setiuservalue(L, -2, 1);
  a->r = ifl_outbox_request_new(kind);
  if (a->r == NULL) luaL_error(L, "not enough memory");
  return a;
}

/* The request goes at once, not when its userdata is collected: lists may be large, and a finalizer
 * does not run where the stack of a script has just overflowed. */
static int answered_k(lua_State *L, int status, lua_KContext ctx)
{
  struct asking *a = (struct asking *)ctx;
  int n = a->answered(L, status, ctx);
  ifl_outbox_request_free(a->r);
  a->r = NULL;
  return n;
}

/* The request's userdata must be on the stack. */
static int ask(lua_State *L, struct box *b, struct asking *a, lua_KFunction k)
{
  iflow_error err = { 0 };
  ifl_wait_begin(L, &a->wait);
  if (ifl_outbox_submit(b->h, a->r, on_done, a, &err) < 0) return ifl_pusherror(L, &err);
  a->submitted = true;
  a->answered = k;
  return ifl_await(L, &a->wait, (lua_KContext)a, answered_k);
}

static char *copy(lua_State *L, const char *s, size_t n)
{
  char *to = malloc(n + 1);
  if (to == NULL) luaL_error(L, "not enough memory");
  memcpy(to, s, n);
  to[n] = '\0';
  return to;
}

/* Seconds since 1970 in the table at idx, as milliseconds; def when absent. */
static int64_t opt_time(lua_State *L, int idx, const char *key, int64_t def)
{
  int64_t ms = def;
  idx = lua_absindex(L, idx);
  if (lua_getfield(L, idx, key) != LUA_TNIL) {
    lua_Number seconds = lua_tonumber(L, -1);
    if (lua_type(L, -1) != LUA_TNUMBER || !(seconds >= 0 && seconds < 1e11))
      ifl_raise(L, "option '%s' must be a time in seconds since 1970", key);
    ms = (int64_t)floor((double)seconds * 1000 + 0.5);
  }
  lua_pop(L, 1);
  return ms;
}

/* A name: not empty, without NUL, of limited length. NULL when absent. */
static char *opt_name(lua_State *L, int idx, const char *key)
{
  const char *s = ifl_optstring(L, idx, key, NULL);
  if (s == NULL) return NULL;
  size_t n = strlen(s);
  if (n == 0 || n > IFL_OUTBOX_NAME_MAX)
    ifl_raise(L, "option '%s' must have 1 to %d bytes", key, IFL_OUTBOX_NAME_MAX);
  return copy(L, s, n);
}

static char *need_name(lua_State *L, int idx, const char *key)
{
  char *s = opt_name(L, idx, key);
  if (s == NULL) ifl_raise(L, "option '%s' is missing", key);
  return s;
}

/* about and body of the table at idx; with body = { file = path } the request's `from`. */
static void read_payload(lua_State *L, int idx, struct ifl_outbox_request *r)
{
  size_t n = 0;
  const char *s = ifl_optstring(L, idx, "about", NULL);
  if (s != NULL && strlen(s) > IFL_OUTBOX_ABOUT_MAX)
    ifl_raise(L, "option 'about' has more than %d bytes", IFL_OUTBOX_ABOUT_MAX);
  if (s != NULL) r->message.about = copy(L, s, strlen(s));
  lua_getfield(L, idx, "body");
  if (lua_istable(L, -1)) {
    s = ifl_needstring(L, lua_gettop(L), "file");
    r->from = copy(L, s, strlen(s));
  } else {
    if (lua_type(L, -1) != LUA_TSTRING)
      ifl_raise(L, "option 'body' must be a string or { file = path }");
    s = lua_tolstring(L, -1, &n);
    r->message.body = copy(L, s, n);
    r->message.body_size = n;
  }
  lua_pop(L, 1);
}

/* ---- open and close ---- */

static int opened_k(lua_State *L, int status, lua_KContext ctx)
{
  struct asking *a = (struct asking *)ctx;
  (void)status;
  struct box *b = luaL_checkudata(L, 2, BOX); /* options, box, asking */
  if (a->r->rc == 0) {
    lua_pushvalue(L, 2);
    return 1;
  }
  ifl_outbox_free(b->h); /* its thread has nothing left to do */
  b->h = NULL;
  return ifl_pusherror(L, &a->r->err);
}

static void read_options(lua_State *L, struct ifl_outbox_options *o)
{
  static const char *const levels[] = { "full", "normal", NULL };
  static const char *const keys[] = { "path",         "backend",   "durability",
                                      "max_messages", "max_bytes", "inline_max",
                                      "retention",    "lock_wait", NULL };
  ifl_checkkeys(L, 1, keys);
  o->path = ifl_needstring(L, 1, "path");
  if (*o->path == '\0') ifl_raise(L, "option 'path' is empty");
  o->full = ifl_optword(L, 1, "durability", 0, levels) == 0;
  o->max_messages =
      ifl_optinteger(L, 1, "max_messages", MAX_MESSAGES, 1, (lua_Integer)1000 * MAX_MESSAGES);
  o->max_bytes = ifl_optinteger(L, 1, "max_bytes", MAX_BYTES, 1, LUA_MAXINTEGER / 2);
  o->inline_max = ifl_optinteger(L, 1, "inline_max", INLINE_MAX, 0, INLINE_CEIL);
  o->retention_ms = ifl_optduration(L, 1, "retention", RETENTION);
  o->lock_wait_ms = ifl_optduration(L, 1, "lock_wait", LOCK_WAIT);
  if (o->lock_wait_ms > INT32_MAX) o->lock_wait_ms = INT32_MAX;
}

static int f_open(lua_State *L)
{
  struct ifl_outbox_options o = { 0 };
  iflow_error err = { 0 };
  read_options(L, &o);
  const char *backend = ifl_optstring(L, 1, "backend", "sqlite");
  lua_settop(L, 1);
  struct box *b = ifl_newud(L, sizeof *b, BOX, 0);
  struct asking *a = new_asking(L, 2, IFL_OUTBOX_OPENED);
  ifl_wait_begin(L, &a->wait); /* raises before a thread is started */
  if (ifl_outbox_new(&b->h, ifl_loop(L), backend, &o, &err) < 0) return ifl_pusherror(L, &err);
  return ask(L, b, a, opened_k);
}

static int box_gc(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, BOX);
  ifl_outbox_free(b->h);
  b->h = NULL;
  return 0;
}

static int closed_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  (void)ctx;
  return box_gc(L);
}

/* Where it cannot wait it is closed at once, and the loop waits for the disk. A task that was
 * cancelled does not wait, either: the thread ends on its own. */
static int m_close(lua_State *L)
{
  struct box *b = luaL_checkudata(L, 1, BOX);
  iflow_error err = { 0 };
  if (b->h == NULL || b->closing) return 0;
  if (!lua_isyieldable(L)) return box_gc(L);
  lua_settop(L, 1);
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_CLOSE);
  if (ifl_outbox_submit(b->h, a->r, on_done, a, &err) < 0) return ifl_pusherror(L, &err);
  a->submitted = true;
  b->closing = true;
  ifl_wait_begin(L, &a->wait);
  return ifl_await(L, &a->wait, (lua_KContext)a, closed_k);
}

/* ---- accepting ---- */

static int enqueued_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  lua_pushstring(L, a->r->known ? "known" : "accepted");
  return 1;
}

static int m_enqueue(lua_State *L)
{
  static const char *const keys[] = { "sender", "id",         "key",  "about",
                                      "body",   "not_before", "wait", NULL };
  struct box *b = check_open(L);
  lua_settop(L, 2);
  ifl_checkkeys(L, 2, keys);
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_ENQUEUE);
  struct ifl_outbox_message *m = &a->r->message;
  m->sender = need_name(L, 2, "sender");
  m->id = need_name(L, 2, "id");
  m->key = opt_name(L, 2, "key");
  m->not_before = opt_time(L, 2, "not_before", 0);
  a->r->wait_ms = ifl_optduration(L, 2, "wait", 0);
  read_payload(L, 2, a->r);
  return ask(L, b, a, enqueued_k);
}

/* ---- messages ---- */

static void push_list(lua_State *L, const struct asking *a, int box)
{
  const struct box *b = lua_touserdata(L, box);
  ifl_push_outbox_list(L, &a->r->list, ifl_outbox_bodies(b->h));
}

static int listed_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  push_list(L, a, 1);
  if (a->r->kind != IFL_OUTBOX_CLAIM || a->r->next == 0) return 1;
  lua_pushnumber(L, (lua_Number)a->r->next / 1000);
  return 2;
}

static int m_claim(lua_State *L)
{
  struct box *b = check_open(L);
  size_t n = 0;
  const char *sender = luaL_checklstring(L, 2, &n);
  lua_Integer max = luaL_optinteger(L, 3, 1);
  luaL_argcheck(L, n > 0 && n <= IFL_OUTBOX_NAME_MAX, 2, "is no name of a sender");
  luaL_argcheck(L, max >= 1 && max <= IFL_OUTBOX_LIST_MAX, 3, "must be 1 to 1000");
  lua_Number now = luaL_optnumber(L, 4, 0);
  luaL_argcheck(L, now >= 0 && now < 1e11, 4, "is no time in seconds since 1970");
  lua_settop(L, 3);
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_CLAIM);
  a->r->sender = copy(L, sender, n);
  a->r->max = (size_t)max;
  a->r->now = (int64_t)((double)now * 1000);
  return ask(L, b, a, listed_k);
}

static unsigned state_bit(lua_State *L, int idx)
{
  static const char *const words[] = { "ready",    "started",   "in_doubt",
                                       "rejected", "delivered", "blocked" };
  const char *name = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : "";
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    if (strcmp(words[i], name) == 0) return IFL_OUTBOX_BIT(i);
  ifl_raise(L, "option 'state' must be ready, blocked, started, in_doubt, rejected or delivered,"
               " a list of these, or any");
}

/* One state or a list of them: the bits; 0 for any. */
static unsigned state_filter(lua_State *L, int idx)
{
  unsigned bits = 0;
  int kind = lua_getfield(L, idx, "state"), at = lua_gettop(L);
  if (kind == LUA_TTABLE) {
    for (lua_Integer i = 1; lua_rawgeti(L, at, i) != LUA_TNIL; i++, lua_settop(L, at))
      bits |= state_bit(L, -1);
    if (bits == 0) ifl_raise(L, "option 'state' is an empty list");
  } else if (kind != LUA_TNIL && (kind != LUA_TSTRING || strcmp(lua_tostring(L, at), "any") != 0)) {
    bits = state_bit(L, at);
  }
  lua_settop(L, at - 1);
  return bits;
}

/* When a message of the age in the field was created; 0: the field is absent. */
static int64_t age_filter(lua_State *L, int idx, const char *key)
{
  int64_t age = ifl_optduration(L, idx, key, -1);
  return age >= 0 ? ifl_clock_wall_ms() - age : 0;
}

static int m_list(lua_State *L)
{
  static const char *const keys[] = { "sender", "id",         "key",        "state",
                                      "code",   "older_than", "newer_than", "after",
                                      "limit",  "bodies",     NULL };
  struct box *b = check_open(L);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  ifl_checkkeys(L, 2, keys);
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_LIST);
  struct ifl_outbox_filter *f = &a->r->filter;
  f->sender = opt_name(L, 2, "sender");
  f->id = opt_name(L, 2, "id");
  f->key = opt_name(L, 2, "key");
  f->code = opt_name(L, 2, "code");
  f->states = state_filter(L, 2);
  f->after = ifl_optinteger(L, 2, "after", 0, 0, LUA_MAXINTEGER);
  f->limit = (size_t)ifl_optinteger(L, 2, "limit", 100, 1, IFL_OUTBOX_LIST_MAX);
  f->bodies = ifl_optbool(L, 2, "bodies", false);
  f->created_before = age_filter(L, 2, "older_than");
  f->created_after = age_filter(L, 2, "newer_than");
  return ask(L, b, a, listed_k);
}

static int shown_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  push_list(L, a, 1);
  if (lua_rawgeti(L, -1, 1) == LUA_TNIL) return 1;
  ifl_push_outbox_history(L, &a->r->history);
  lua_setfield(L, -2, "history");
  return 1;
}

static int m_show(lua_State *L)
{
  struct box *b = check_open(L);
  lua_Integer number = luaL_checkinteger(L, 2);
  luaL_argcheck(L, number >= 1, 2, "is no number of a message");
  lua_settop(L, 2);
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_HISTORY);
  a->r->filter.number = number;
  a->r->filter.after = number - 1;
  a->r->filter.limit = 1;
  a->r->filter.bodies = true;
  return ask(L, b, a, shown_k);
}

/* ---- changes ---- */

static int changed_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  lua_pushinteger(L, (lua_Integer)a->r->changed);
  return 1;
}

/* Text of any length, cut to what is kept; without NUL. */
static char *cut(lua_State *L, int idx)
{
  size_t n = 0;
  const char *s = luaL_tolstring(L, idx, &n);
  n = strlen(s);
  char *text = copy(L, s, n < IFL_OUTBOX_TEXT_MAX ? n : IFL_OUTBOX_TEXT_MAX);
  lua_pop(L, 1);
  return text;
}

/* error = text, or an iflow.error, whose code and status count where none are given. */
static void read_error(lua_State *L, int idx, struct ifl_outbox_attempt *to)
{
  if (lua_getfield(L, idx, "error") == LUA_TTABLE) {
    int at = lua_gettop(L);
    if (to->code == NULL && lua_getfield(L, at, "code") == LUA_TSTRING) to->code = cut(L, -1);
    if (to->status == 0 && lua_getfield(L, at, "status") == LUA_TNUMBER)
      to->status = (int)lua_tointeger(L, -1);
    if (to->message_id == NULL && lua_getfield(L, at, "message_id") == LUA_TSTRING)
      to->message_id = cut(L, -1);
    if (lua_getfield(L, at, "message") == LUA_TSTRING) to->text = cut(L, -1);
    lua_settop(L, at);
  } else if (!lua_isnil(L, -1)) {
    to->text = cut(L, -1);
  }
  lua_pop(L, 1);
}

/* The outcome at idx, which may be nil. */
static void read_outcome(lua_State *L, int idx, struct ifl_outbox_change *c)
{
  static const char *const keys[] = { "began", "ended", "status",     "message_id",
                                      "error", "code",  "not_before", "attempted",
                                      "about", "body",  NULL };
  c->attempt.ended = ifl_clock_wall_ms();
  if (lua_isnil(L, idx)) return;
  ifl_checkkeys(L, idx, keys);
  c->attempt.began = opt_time(L, idx, "began", 0);
  c->attempt.ended = opt_time(L, idx, "ended", c->attempt.ended);
  c->attempt.status = (int)ifl_optinteger(L, idx, "status", 0, 0, 999);
  c->attempt.message_id = opt_name(L, idx, "message_id");
  c->attempt.code = opt_name(L, idx, "code");
  c->not_before = opt_time(L, idx, "not_before", 0);
  if (!ifl_optbool(L, idx, "attempted", true)) c->attempt.ended = 0;
  read_error(L, idx, &c->attempt);
}

/* The item at the top: a number, or a table with one. The outcome for all is at 4. */
static void read_item(lua_State *L, struct ifl_outbox_change *c)
{
  int item = lua_gettop(L), whole = 0;
  lua_pushvalue(L, 4);
  if (lua_istable(L, item)) {
    if (lua_getfield(L, item, "outcome") != LUA_TNIL) lua_replace(L, -2);
    else lua_pop(L, 1);
    lua_getfield(L, item, "number");
    lua_replace(L, item);
  }
  c->number = lua_tointegerx(L, item, &whole);
  if (!whole || c->number < 1) ifl_raise(L, "a number of a message is expected");
  read_outcome(L, item + 1, c);
  lua_settop(L, item);
}

/* What is at 3 becomes the request's changes. */
static void read_items(lua_State *L, struct asking *a, enum ifl_outbox_action action)
{
  bool list = lua_istable(L, 3) && lua_getfield(L, 3, "number") == LUA_TNIL;
  size_t n = list ? lua_rawlen(L, 3) : 1;
  if (n > IFL_OUTBOX_LIST_MAX) ifl_raise(L, "more than %d messages at once", IFL_OUTBOX_LIST_MAX);
  a->r->changes = calloc(n > 0 ? n : 1, sizeof *a->r->changes);
  if (a->r->changes == NULL) luaL_error(L, "not enough memory");
  a->r->nchanges = n;
  for (size_t i = 0; i < n; i++) {
    if (list) lua_rawgeti(L, 3, (lua_Integer)i + 1);
    else lua_pushvalue(L, 3);
    a->r->changes[i].action = action;
    read_item(L, &a->r->changes[i]);
    lua_pop(L, 1);
  }
}

/* An edited message: the new body comes with the outcome at 4. */
static void read_edit(lua_State *L, struct asking *a)
{
  if (!lua_istable(L, 4)) return;
  bool edited = lua_getfield(L, 4, "body") != LUA_TNIL;
  lua_pop(L, 1);
  if (!edited) return;
  if (a->r->nchanges != 1 || a->r->changes[0].action != IFL_OUTBOX_REQUEUE)
    ifl_raise(L, "a body can be given to one message that is sent again");
  read_payload(L, 4, a->r);
  a->r->changes[0].edited = &a->r->message;
}

static int m_change(lua_State *L)
{
  static const char *const actions[] = { "start",    "delivered", "rejected", "retry",
                                         "in_doubt", "requeue",   "drop",     NULL };
  struct box *b = check_open(L);
  int action = luaL_checkoption(L, 2, NULL, actions);
  lua_settop(L, 4);
  luaL_argcheck(L, lua_isinteger(L, 3) || lua_istable(L, 3), 3, "a number or table is expected");
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_CHANGE);
  read_items(L, a, (enum ifl_outbox_action)action);
  read_edit(L, a);
  return ask(L, b, a, changed_k);
}

static int released_k(lua_State *L, int status, lua_KContext ctx)
{
  (void)status;
  (void)ctx;
  lua_pushboolean(L, 1);
  return 1;
}

static int m_release(lua_State *L)
{
  struct box *b = check_open(L);
  lua_settop(L, 2);
  lua_pushnil(L);
  lua_insert(L, 2); /* the places of change(): action, what, outcome */
  lua_pushnil(L);
  luaL_argcheck(L, lua_isinteger(L, 3) || lua_istable(L, 3), 2, "a number or table is expected");
  struct asking *a = new_asking(L, 1, IFL_OUTBOX_RELEASE);
  read_items(L, a, IFL_OUTBOX_START);
  return ask(L, b, a, released_k);
}

/* ---- notes ---- */

static int note_read_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  if (a->r->text == NULL) lua_pushnil(L);
  else lua_pushlstring(L, a->r->text, a->r->size);
  return 1;
}

static int note_written_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  lua_pushboolean(L, 1);
  return 1;
}

static int m_note(lua_State *L)
{
  struct box *b = check_open(L);
  size_t n = 0, size = 0;
  const char *name = luaL_checklstring(L, 2, &n), *text = NULL;
  luaL_argcheck(L, n > 0 && n <= IFL_OUTBOX_NAME_MAX && strlen(name) == n, 2,
                "is no name of a note");
  bool write = !lua_isnoneornil(L, 3);
  if (lua_type(L, 3) == LUA_TSTRING) text = lua_tolstring(L, 3, &size);
  luaL_argcheck(L, !write || text != NULL || (lua_isboolean(L, 3) && !lua_toboolean(L, 3)), 3,
                "a text or false is expected");
  luaL_argcheck(L, size <= IFL_OUTBOX_NOTE_MAX, 3, "a note has 65536 bytes at most");
  lua_settop(L, 3);
  struct asking *a = new_asking(L, 1, write ? IFL_OUTBOX_WRITE_NOTE : IFL_OUTBOX_READ_NOTE);
  a->r->note = copy(L, name, n);
  if (text != NULL) a->r->text = copy(L, text, size);
  a->r->size = size;
  return ask(L, b, a, write ? note_written_k : note_read_k);
}

/* ---- statistics ---- */

static int stats_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  ifl_push_outbox_stats(L, &a->r->stats);
  return 1;
}

static int counts_k(lua_State *L, int status, lua_KContext ctx)
{
  const struct asking *a = (const struct asking *)ctx;
  (void)status;
  if (a->r->rc < 0) return ifl_pusherror(L, &a->r->err);
  ifl_push_outbox_counts(L, &a->r->counts);
  return 1;
}

static int m_stats(lua_State *L)
{
  struct box *b = check_open(L);
  lua_settop(L, 1);
  return ask(L, b, new_asking(L, 1, IFL_OUTBOX_STATS), stats_k);
}

static int m_counts(lua_State *L)
{
  struct box *b = check_open(L);
  lua_settop(L, 1);
  return ask(L, b, new_asking(L, 1, IFL_OUTBOX_COUNTS), counts_k);
}

int ifl_open_outbox(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "open", f_open }, { NULL, NULL } };
  static const luaL_Reg methods[] = {
    { "enqueue", m_enqueue }, { "claim", m_claim },   { "change", m_change },
    { "release", m_release }, { "list", m_list },     { "show", m_show },
    { "stats", m_stats },     { "counts", m_counts }, { "note", m_note },
    { "close", m_close },     { NULL, NULL }
  };
  static const luaL_Reg meta[] = { { "__gc", box_gc }, { "__close", m_close }, { NULL, NULL } };
  static const luaL_Reg asking_meta[] = { { "__gc", asking_gc },
                                          { "__cancel", asking_gc },
                                          { NULL, NULL } };
  ifl_newclass(L, BOX, methods, meta);
  ifl_newclass(L, ASKING, NULL, asking_meta);
  luaL_newlib(L, funcs);
  return 1;
}
