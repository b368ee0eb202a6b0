/* xml.c -- iflow.xml: between XML text and Lua tables. An element is
 *   a string                  when it has text only, "" when it is empty
 *   a table                   otherwise: its attributes as ["@name"]; the elements in it under their
 *                             names, several of one name as a list; text beside attributes as
 *                             ["#text"]. Text between elements (mixed content) is kept in order:
 *                             ["#mixed"] = { "some ", { b = "bold" }, " text" }
 * White space between elements is dropped. A table remembers the order of its elements, so that it
 * is written as it was read; order() reads and sets that.
 *
 *   xml.decode(text [, options])    -> { root = element }, or nil, err
 *   xml.encode(value [, options])   -> text, or nil, err (xml_encode.c)
 *   xml.escape(text)                -> with what must be escaped in content and attributes; nil, err
 *   xml.order(table [, names])      -> the table's order: a list of names, or nil; or sets it
 *   xml.reader(options)             -> for documents of any size:
 *     reader:feed(piece), reader:finish()
 *     reader:next()    -> data, line of the next record; false, line, err of one that broke a limit
 *                         and is left out; nil when there is none yet; nil, err when it cannot go on
 *
 * Options of reading: each (a path such as "/Orders/Order": every such element is a record, and its
 * data what is in it), namespaces ({ prefix = uri }: names get these prefixes; false: names without
 * prefixes), lists (names that are lists even when there is one), encoding, depth, max_attributes,
 * max_text, max_record.                                                                            */
#include "codec/xml.h"

#include "bind/bind.h"
#include "bind/piece.h"
#include "bind/xml.h"

#include <string.h>

#define READER "iflow.xml_reader"

/* Options' defaults. */
#define DEPTH      128
#define ATTRIBUTES 256
#define TEXT       ((lua_Integer)8 << 20)
#define RECORD     ((lua_Integer)16 << 20)

#define SLICE ((size_t)64 << 10) /* bytes the parser gets before its records are taken */

#define ROOM_MAX 16 /* fields that a table is made with: more are mostly of one name, a list */

#define INTERN_MAX  128 /* names of an order that tables may share */
#define INTERN_SETS 1000

/* User values besides the piece: names that are lists; orders by the numbers of their names; the
 * names by their numbers, an attribute's with its "@". */
enum { LISTS = IFL_PIECE_UV + 1, ORDERS, NAMES, USER_VALUES = NAMES };

/* On the stack while a record is made. */
enum { READER_AT = 1, NAMES_AT };

struct reader {
  ifl_xml_reader *h;
  bool named; /* a record's data is { name = element }, not the element */
  bool lists; /* some names are lists */
  struct ifl_piece piece;
  bool ended; /* the parser knows that the document ends */
  int rc;     /* with err: why it cannot go on */
  iflow_error err;
  size_t orders;
  struct ifl_buf names; /* uint16_t: the elements of every open element, in order */
};

static const char order_key = 0;

/* ---- order ---- */

/* Makes of the list at the top a metatable that says in what order the elements of its table are
 * written: names with repetitions; the last one of a name stands for all that are left. */
static void make_order(lua_State *L)
{
  lua_createtable(L, 0, 2);
  lua_pushliteral(L, "iflow.xml_element");
  lua_setfield(L, -2, "__name");
  lua_insert(L, -2);
  lua_rawsetp(L, -2, &order_key);
}

bool ifl_xml_pushorder(lua_State *L, int idx)
{
  if (!lua_getmetatable(L, idx)) return false;
  bool has = lua_rawgetp(L, -1, &order_key) == LUA_TTABLE;
  lua_remove(L, -2);
  if (!has) lua_pop(L, 1);
  return has;
}

/* Pushes the name with that number. */
static void push_name(lua_State *L, struct reader *r, unsigned number, bool attribute)
{
  char text[IFL_XML_NAME_MAX + 1] = "@";
  size_t n;
  if (lua_rawgeti(L, NAMES_AT, (lua_Integer)number) == LUA_TSTRING) return;
  lua_pop(L, 1);
  const char *name = ifl_xml_name(r->h, number, &n);
  memcpy(text + 1, name, n);
  if (attribute) lua_pushlstring(L, text, n + 1);
  else lua_pushlstring(L, name, n);
  lua_pushvalue(L, -1);
  lua_rawseti(L, NAMES_AT, (lua_Integer)number);
}

static void push_order(lua_State *L, struct reader *r, const uint16_t *names, size_t n)
{
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    push_name(L, r, names[i], false);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  make_order(L);
}

/* Sets the order of the table at the top; most records of a file share one. */
static void set_order(lua_State *L, struct reader *r, const uint16_t *names, size_t n)
{
  bool shared = n <= INTERN_MAX;
  if (shared) {
    lua_getiuservalue(L, READER_AT, ORDERS);
    lua_pushlstring(L, (const char *)names, n * sizeof *names);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) == LUA_TNIL && r->orders < INTERN_SETS) {
      lua_pop(L, 1);
      push_order(L, r, names, n);
      lua_pushvalue(L, -2);
      lua_pushvalue(L, -2);
      lua_rawset(L, -5);
      r->orders++;
    }
    lua_replace(L, -3);
    lua_pop(L, 1);
    shared = lua_istable(L, -1);
    if (!shared) lua_pop(L, 1);
  }
  if (!shared) push_order(L, r, names, n);
  lua_setmetatable(L, -2);
}

/* From the names of all elements to one name a run; how many are left. */
static size_t one_a_run(uint16_t *names, size_t n)
{
  size_t left = 1;
  for (size_t i = 1; i < n; i++)
    if (names[i] != names[i - 1]) names[left++] = names[i];
  return left;
}

/* ---- from events to tables ---- */

/* Reader at 1. The next event of a record; its tape holds it as a whole. */
static void next(lua_State *L, struct reader *r, struct ifl_xml_event *e)
{
  if (!ifl_xml_next(r->h, e)) luaL_error(L, "the record ends too early");
}

static void push_element(lua_State *L, struct reader *r, const struct ifl_xml_event *start);

/* Into the table at the top. e: the attribute, then what follows the last one. */
static void set_attributes(lua_State *L, struct reader *r, struct ifl_xml_event *e)
{
  for (; e->kind == IFL_XML_ATTRIBUTE; next(L, r, e)) {
    push_name(L, r, e->name, true);
    lua_pushlstring(L, e->text, e->len);
    lua_rawset(L, -3);
  }
}

/* Text only: e is what follows the start. Pushes the value. */
static void push_leaf(lua_State *L, struct reader *r, struct ifl_xml_event *e, int inside)
{
  bool table = e->kind == IFL_XML_ATTRIBUTE;
  if (table) {
    lua_createtable(L, 0, inside + 1); /* and its text */
    set_attributes(L, r, e);
  }
  bool text = e->kind == IFL_XML_TEXT;
  if (text || !table) lua_pushlstring(L, e->text, text ? e->len : 0);
  if (text && table) lua_setfield(L, -2, "#text");
  if (text) next(L, r, e); /* the end */
}

/* Whether the name at that index is one of those that are lists. */
static bool is_list(lua_State *L, const struct reader *r, int name)
{
  if (!r->lists) return false;
  lua_pushvalue(L, name);
  lua_getiuservalue(L, READER_AT, LISTS);
  lua_insert(L, -2);
  bool is = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return is;
}

/* Makes one list of the n values at the top. */
static void make_list(lua_State *L, int n)
{
  lua_createtable(L, n, 0);
  lua_insert(L, -n - 1);
  for (int i = n; i > 0; i--) lua_rawseti(L, -i - 1, i);
  ifl_markarray(L);
}

/* Adds the element whose value is at the top to its parent below it; the value goes. Whether it is
 * the first of its name. */
static bool add_element(lua_State *L, struct reader *r, unsigned number)
{
  push_name(L, r, number, false);
  lua_insert(L, -2); /* parent, name, value */
  lua_pushvalue(L, -2);
  int before = lua_rawget(L, -4);
  if (before == LUA_TNIL) {
    lua_pop(L, 1);
    if (is_list(L, r, -2)) make_list(L, 1);
    lua_rawset(L, -3);
    return true;
  }
  lua_insert(L, -2); /* parent, name, what was there, value */
  if (before == LUA_TTABLE && lua_rawlen(L, -2) > 0) {
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
  } else {
    make_list(L, 2);
    lua_rawset(L, -3);
  }
  return false;
}

/* Elements only: their parent at the top; e is the first event after the attributes. */
static void add_elements(lua_State *L, struct reader *r, struct ifl_xml_event *e)
{
  size_t from = r->names.len, runs = 0, different = 0;
  unsigned last = 0;
  for (; e->kind != IFL_XML_END; next(L, r, e)) {
    if (e->kind == IFL_XML_TEXT) continue; /* white space */
    uint16_t name = (uint16_t)e->name;
    if (ifl_buf_add(&r->names, &name, sizeof name, NULL) < 0) luaL_error(L, "not enough memory");
    if (name != last) runs++;
    last = name;
    push_element(L, r, e);
    if (add_element(L, r, name)) different++;
  }
  uint16_t *names = (uint16_t *)(void *)(r->names.data + from);
  size_t n = (r->names.len - from) / sizeof *names;
  if (different > 1) set_order(L, r, names, runs == different ? one_a_run(names, n) : n);
  r->names.len = from;
}

/* Text and elements, as a list in the field "#mixed" of the table at the top. */
static void add_mixed(lua_State *L, struct reader *r, struct ifl_xml_event *e)
{
  lua_newtable(L);
  for (lua_Integer i = 1; e->kind != IFL_XML_END; next(L, r, e), i++) {
    if (e->kind == IFL_XML_TEXT) {
      lua_pushlstring(L, e->text, e->len);
    } else {
      lua_createtable(L, 0, 1);
      push_name(L, r, e->name, false);
      push_element(L, r, e);
      lua_rawset(L, -3);
    }
    lua_rawseti(L, -2, i);
  }
  ifl_markarray(L);
  lua_setfield(L, -2, "#mixed");
}

static void push_element(lua_State *L, struct reader *r, const struct ifl_xml_event *start)
{
  struct ifl_xml_event e;
  luaL_checkstack(L, 10, "XML");
  unsigned flags = start->flags;
  int inside = start->inside < ROOM_MAX ? (int)start->inside : ROOM_MAX;
  next(L, r, &e);
  if ((flags & IFL_XML_HAS_ELEMENTS) == 0) {
    push_leaf(L, r, &e, inside);
    return;
  }
  lua_createtable(L, 0, inside);
  set_attributes(L, r, &e);
  if ((flags & IFL_XML_HAS_TEXT) != 0) add_mixed(L, r, &e);
  else add_elements(L, r, &e);
}

/* Pushes the data of a record, whose start is the next event. */
static void push_data(lua_State *L, struct reader *r)
{
  struct ifl_xml_event e;
  next(L, r, &e);
  if (!r->named) {
    push_element(L, r, &e);
    return;
  }
  lua_createtable(L, 0, 1);
  push_name(L, r, e.name, false);
  push_element(L, r, &e);
  lua_rawset(L, -3);
}

/* The next record, as reader:next() gives it, if there is one: how many values. The reader is all
 * that is on the stack. */
static int push_record(lua_State *L, struct reader *r)
{
  struct ifl_xml_event e;
  r->names.len = 0;
  if (!ifl_xml_next(r->h, &e)) return 0;
  if (e.kind == IFL_XML_FAILED) {
    lua_pushboolean(L, 0);
    lua_pushinteger(L, (lua_Integer)e.line);
    lua_pushlstring(L, e.text, e.len);
    ifl_xml_pushrefusal(L, lua_tostring(L, -1));
    lua_replace(L, -3); /* the error over the text; the nil goes */
    lua_pop(L, 1);
    return 3;
  }
  lua_getiuservalue(L, READER_AT, NAMES);
  push_data(L, r);
  lua_pushinteger(L, (lua_Integer)e.line);
  return 2;
}

/* ---- the reader ---- */

static int m_gc(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  ifl_xml_reader_free(r->h);
  r->h = NULL;
  ifl_buf_done(&r->names);
  return 0;
}

static int m_feed(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  return ifl_piece_feed(L, &r->piece);
}

static int m_finish(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  return ifl_piece_finish(L, &r->piece);
}

/* Gives the parser some of the piece, or the end; false when there is nothing to give. */
static bool feed_some(struct reader *r)
{
  struct ifl_piece *piece = &r->piece;
  size_t n = piece->n < SLICE ? piece->n : SLICE;
  bool last = n == 0 && piece->ended;
  if (r->rc < 0 || r->ended || (n == 0 && !last)) return false;
  r->rc = ifl_xml_feed(r->h, last ? "" : piece->s, n, last, &r->err);
  r->ended = last;
  piece->s += n;
  piece->n -= n;
  if (r->rc < 0) *piece = (struct ifl_piece) { .ended = true };
  return true;
}

static int m_next(lua_State *L)
{
  struct reader *r = luaL_checkudata(L, 1, READER);
  luaL_argcheck(L, r->h != NULL, 1, "the reader is closed");
  lua_settop(L, 1);
  do {
    int count = push_record(L, r);
    if (count > 0) return count;
  } while (feed_some(r));
  if (r->rc < 0) return ifl_pusherror(L, &r->err);
  lua_pushnil(L);
  return 1;
}

/* The set of names in the option, or nothing, as the user value of the reader at the top. */
static void take_lists(lua_State *L, struct reader *r, int options)
{
  int type = lua_getfield(L, options, "lists");
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return;
  }
  if (type != LUA_TTABLE) ifl_raise(L, "option 'lists' must be a list of names");
  lua_newtable(L);
  for (lua_Integer i = 1; lua_rawgeti(L, -2, i) != LUA_TNIL; i++) {
    if (lua_type(L, -1) != LUA_TSTRING) ifl_raise(L, "option 'lists' must be a list of names");
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, -3, LISTS);
  lua_pop(L, 1);
  r->lists = true;
}

/* Prefixes and URIs of the option; pins them by the options at arg. Pushes a userdata. */
static const char *const *namespaces(lua_State *L, int options, enum ifl_xml_naming *naming)
{
  int type = lua_getfield(L, options, "namespaces");
  *naming = IFL_XML_NAMES_WRITTEN;
  if (type == LUA_TNIL) return NULL;
  if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
    *naming = IFL_XML_NAMES_LOCAL;
    return NULL;
  }
  if (type != LUA_TTABLE)
    ifl_raise(L, "option 'namespaces' must be a table { prefix = uri } or false");
  size_t count = 0, i = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      ifl_raise(L, "option 'namespaces' must be a table { prefix = uri } or false");
    count++;
  }
  const char **list = lua_newuserdatauv(L, (2 * count + 1) * sizeof *list, 0);
  for (lua_pushnil(L); lua_next(L, -3) != 0; lua_pop(L, 1)) {
    list[i++] = lua_tostring(L, -2);
    list[i++] = lua_tostring(L, -1);
  }
  list[i] = NULL;
  *naming = IFL_XML_NAMES_MAPPED;
  return list;
}

/* Whether data is given with its name: a document, or a path that ends in "*". */
static bool is_named(const char *each)
{
  size_t n = each != NULL ? strlen(each) : 0;
  return n == 0 || (n >= 2 && strcmp(each + n - 2, "/*") == 0);
}

/* Pushes a reader with the options at arg (a table or nil). */
static struct reader *new_reader(lua_State *L, int arg)
{
  static const char *const keys[] = { "each",       "namespaces",     "lists",
                                      "encoding",   "depth",          "max_text",
                                      "max_record", "max_attributes", NULL };
  struct ifl_xml_options o = { 0 };
  iflow_error err = { 0 };
  if (lua_isnoneornil(L, arg)) {
    lua_newtable(L);
    lua_replace(L, arg);
  }
  ifl_checkkeys(L, arg, keys);
  o.each = ifl_optstring(L, arg, "each", NULL);
  o.encoding = ifl_optstring(L, arg, "encoding", NULL);
  o.depth = (size_t)ifl_optinteger(L, arg, "depth", DEPTH, 1, IFL_XML_DEPTH_MAX);
  o.max_attributes = (size_t)ifl_optinteger(L, arg, "max_attributes", ATTRIBUTES, 0, 10000);
  o.max_text = (size_t)ifl_optinteger(L, arg, "max_text", TEXT, 0, IFL_XML_RECORD_MAX);
  o.max_record = (size_t)ifl_optinteger(L, arg, "max_record", RECORD, 1, IFL_XML_RECORD_MAX);
  struct reader *r = ifl_newud(L, sizeof *r, READER, USER_VALUES);
  ifl_buf_init(&r->names, IFL_XML_RECORD_MAX);
  r->named = is_named(o.each);
  take_lists(L, r, arg);
  lua_newtable(L);
  lua_setiuservalue(L, -2, ORDERS);
  lua_newtable(L);
  lua_setiuservalue(L, -2, NAMES);
  int top = lua_gettop(L);
  o.namespaces = namespaces(L, arg, &o.naming);
  int rc = ifl_xml_reader_new(&r->h, &o, &err);
  lua_settop(L, top);
  if (rc < 0) ifl_raise(L, "%s", rc == IFLOW_ENOMEM ? "not enough memory" : err.message);
  return r;
}

static int f_reader(lua_State *L)
{
  lua_settop(L, 1);
  new_reader(L, 1);
  return 1;
}

/* ---- whole documents ---- */

static int f_decode(lua_State *L)
{
  size_t n = 0;
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, &n);
  lua_settop(L, 2);
  if (lua_istable(L, 2) && lua_getfield(L, 2, "each") != LUA_TNIL)
    ifl_raise(L, "option 'each' is for xml.reader");
  lua_settop(L, 2);
  lua_insert(L, 1);
  lua_pushnil(L);
  lua_insert(L, 1); /* nil, options, text: the reader becomes the first */
  struct reader *r = new_reader(L, 2);
  lua_replace(L, 1);
  r->rc = ifl_xml_feed(r->h, text, n, true, &r->err);
  if (r->rc < 0) return ifl_pusherror(L, &r->err);
  lua_settop(L, READER_AT);
  int count = push_record(L, r);
  ifl_xml_reader_free(r->h); /* now, not when the collector comes by */
  r->h = NULL;
  if (count == 2) { /* data, line */
    lua_pop(L, 1);
    return 1;
  }
  lua_pushnil(L); /* false, line, err */
  lua_insert(L, -2);
  return 2;
}

static int f_escape(lua_State *L)
{
  size_t n = 0;
  iflow_error err = { 0 };
  luaL_checktype(L, 1, LUA_TSTRING);
  const char *text = lua_tolstring(L, 1, &n);
  struct ifl_buf *out = ifl_newbuf(L, IFL_XML_RECORD_MAX);
  int rc = ifl_xml_escape(out, text, n, true, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, out->data != NULL ? out->data : "", out->len);
  ifl_buf_done(out);
  return 1;
}

static int f_order(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    if (!ifl_xml_pushorder(L, 1)) return 0;
    lua_createtable(L, (int)lua_rawlen(L, -1), 0); /* a copy: tables share their orders */
    for (lua_Integer i = 1; lua_rawgeti(L, -2, i) != LUA_TNIL; i++) lua_rawseti(L, -2, i);
    lua_pop(L, 1);
    return 1;
  }
  luaL_checktype(L, 2, LUA_TTABLE);
  if (lua_getmetatable(L, 1) && lua_rawgetp(L, -1, &order_key) == LUA_TNIL)
    luaL_argerror(L, 1, "the table has a metatable of its own");
  lua_Integer n = luaL_len(L, 2);
  lua_settop(L, 2);
  lua_newtable(L); /* a copy, which nobody changes */
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_geti(L, 2, i) != LUA_TSTRING) luaL_argerror(L, 2, "a list of names is expected");
    lua_rawseti(L, -2, i);
  }
  make_order(L);
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  return 1;
}

int ifl_open_xml(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "decode", f_decode }, { "encode", ifl_xml_encode },
                                    { "escape", f_escape }, { "order", f_order },
                                    { "reader", f_reader }, { NULL, NULL } };
  static const luaL_Reg methods[] = {
    { "feed", m_feed }, { "finish", m_finish }, { "next", m_next }, { NULL, NULL }
  };
  static const luaL_Reg meta[] = { { "__gc", m_gc }, { "__close", m_gc }, { NULL, NULL } };
  ifl_newclass(L, READER, methods, meta);
  ifl_xml_openencode(L);
  luaL_newlib(L, funcs);
  return 1;
}
