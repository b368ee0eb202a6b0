/* xml_encode.c -- xml.encode(value [, options]): a Lua value in the shape of xml.c as XML.
 *   root         the root element's name; the value is what is in it. Without it the value is a
 *                table with one name, the root's, as decode gives it
 *   item         with root: the value is a list, and every item an element of this name
 *   order        names in the order their elements are written: of the root, { "Id", "Item" }, and
 *                of others by their name, { Item = { "Sku", "Qty" } }. Else the order in which the
 *                table was read; what has none comes last, sorted
 *   namespaces   { prefix = uri }, declared at the root; "{uri}name" becomes prefix:name
 *   null         json.null as element: "omit" (the default) or "empty"
 *   pretty       two spaces a level;  declaration = false: without the line <?xml … ?>
 *   depth        nesting, 128 by default, at most 1000
 * Errors (nil, err) name the path: what is no name in XML, a prefix that is not declared, a text
 * with control characters, a table with holes, mixed text and names.                            */
#include "codec/xml.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/xml.h"
#include "codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENCODER  "iflow.xml_encoder"
#define DEPTH    128
#define TEXT_MAX ((size_t)1 << 30)

/* On the stack; of the option namespaces uri -> prefix, and attribute -> uri to declare them. */
enum { OPTIONS = 2, ORDER = 3, PREFIXES = 4, DECLARATIONS = 5 };

struct name { /* a key of a table that is being written */
  const char *s;
  size_t n;
  lua_Integer used, left; /* elements written; times that the order still names it */
  bool ordered;
};

struct encoder {
  struct ifl_xml_writer writer;
  struct ifl_buf out, number;
  struct ifl_buf names;    /* struct name: of every open element, sorted */
  struct ifl_buf prefixes; /* NUL-terminated: declared in the open elements */
  size_t depth, depth_max;
  bool write_null;
  char path[160]; /* where an error is, built from the inside out */
};

static int encode_one(lua_State *L, struct encoder *e, const char *name, size_t n,
                      iflow_error *err);

static int encoder_gc(lua_State *L)
{
  struct encoder *e = luaL_checkudata(L, 1, ENCODER);
  ifl_buf_done(&e->out);
  ifl_buf_done(&e->number);
  ifl_buf_done(&e->names);
  ifl_buf_done(&e->prefixes);
  return 0;
}

/* ---- errors ---- */

int ifl_xml_pushrefusal(lua_State *L, const char *reason)
{
  iflow_error err = { 0 };
  ifl_fail(&err, IFLOW_ETRANSFORMDATA, "XML: %s", reason);
  return ifl_pusherror(L, &err);
}

static int at_step(struct encoder *e, const char *name, size_t n, lua_Integer i, int rc)
{
  if (rc != IFLOW_ETRANSFORMDATA) return rc;
  char old[sizeof e->path], index[24] = "";
  memcpy(old, e->path, sizeof old);
  if (i > 0) snprintf(index, sizeof index, "[%lld]", (long long)i);
  int len = snprintf(e->path, sizeof e->path, "/%.*s%s%s", n < 60 ? (int)n : 60, name, index, old);
  (void)len; /* a long path loses its end */
  return rc;
}

static int refuse(iflow_error *err, const char *what)
{
  return ifl_fail(err, IFLOW_ETRANSFORMDATA, "%s", what);
}

/* ---- texts ---- */

static bool is_null(lua_State *L)
{
  ifl_pushnull(L);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 1);
  return same;
}

/* The text of the scalar at the top; it is borrowed from the value or from e->number. */
static int to_text(lua_State *L, struct encoder *e, const char **s, size_t *n, iflow_error *err)
{
  struct ifl_json_writer w;
  int rc = 0;
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: *s = lua_tolstring(L, -1, n); return 0;
  case LUA_TBOOLEAN: *s = lua_toboolean(L, -1) ? "true" : "false"; break;
  case LUA_TNUMBER:
    ifl_buf_clear(&e->number);
    ifl_json_writer_init(&w, &e->number, false);
    if (lua_isinteger(L, -1)) rc = ifl_json_write_integer(&w, lua_tointeger(L, -1), err);
    else rc = ifl_json_write_number(&w, lua_tonumber(L, -1), err);
    if (rc == IFLOW_EENCODE) rc = refuse(err, "infinity and NaN cannot be written");
    if (rc < 0) return rc;
    *s = e->number.data;
    break;
  default:
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "a %s cannot be written as text",
                    luaL_typename(L, -1));
  }
  *n = strlen(*s);
  return 0;
}

static int write_text(lua_State *L, struct encoder *e, iflow_error *err)
{
  const char *s = NULL;
  size_t n = 0;
  int rc = to_text(L, e, &s, &n, err);
  return rc < 0 ? rc : ifl_xml_write_text(&e->writer, s, n, err);
}

/* ---- names ---- */

/* A name as it is written: "{uri}local" gets its prefix. The result stays on the Lua stack (pushes
 * one value, in any case). */
static int write_name(lua_State *L, const char **name, size_t *n, bool attribute, iflow_error *err)
{
  const char *close = **name == '{' ? memchr(*name, '}', *n) : NULL;
  if (close == NULL) {
    lua_pushnil(L);
    return 0;
  }
  lua_pushlstring(L, *name + 1, (size_t)(close - *name) - 1);
  bool known = lua_rawget(L, PREFIXES) == LUA_TSTRING;
  if (!known || (attribute && lua_rawlen(L, -1) == 0))
    return refuse(err, "the option namespaces has no prefix for the namespace of this name");
  lua_pushstring(L, lua_rawlen(L, -1) > 0 ? ":" : "");
  lua_pushlstring(L, close + 1, *n - (size_t)(close - *name) - 1);
  lua_concat(L, 3);
  *name = lua_tolstring(L, -1, n);
  return 0;
}

static bool is_declared(const struct encoder *e, const char *prefix, size_t n)
{
  if (n == 3 && memcmp(prefix, "xml", 3) == 0) return true;
  if (e->prefixes.len == 0) return false;
  const char *end = e->prefixes.data + e->prefixes.len;
  for (const char *s = e->prefixes.data; s < end; s += strlen(s) + 1)
    if (strlen(s) == n && memcmp(s, prefix, n) == 0) return true;
  return false;
}

static int check_prefix(const struct encoder *e, const char *name, size_t n, iflow_error *err)
{
  const char *colon = memchr(name, ':', n);
  if (colon == NULL || (n > 6 && memcmp(name, "xmlns:", 6) == 0)) return 0;
  if (is_declared(e, name, (size_t)(colon - name))) return 0;
  return ifl_fail(err, IFLOW_ETRANSFORMDATA,
                  "the prefix of '%.*s' is not declared; the option namespaces does that",
                  n < 100 ? (int)n : 100, name);
}

static int declare(struct encoder *e, const char *attribute, size_t n, iflow_error *err)
{
  if (n <= 6 || memcmp(attribute, "xmlns:", 6) != 0) return 0;
  int rc = ifl_buf_add(&e->prefixes, attribute + 6, n - 6, err);
  return rc < 0 ? rc : ifl_buf_add(&e->prefixes, "", 1, err);
}

/* ---- the keys of a table ---- */

static int compare(const char *a, size_t n, const char *b, size_t m)
{
  int order = memcmp(a, b, n < m ? n : m);
  return order != 0 ? order : (n > m) - (n < m);
}

static int compare_names(const void *a, const void *b)
{
  const struct name *x = a, *y = b;
  return compare(x->s, x->n, y->s, y->n);
}

static struct name name_at(const struct encoder *e, size_t at)
{
  struct name name; /* a copy: what is written inside may move the buffer */
  memcpy(&name, e->names.data + at, sizeof name);
  return name;
}

static void set_name(struct encoder *e, size_t at, struct name name)
{
  memcpy(e->names.data + at, &name, sizeof name);
}

/* Adds the keys of the table at the top to e->names, sorted. */
static int collect(lua_State *L, struct encoder *e, iflow_error *err)
{
  size_t first = e->names.len;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) {
    struct name name = { 0 };
    int rc = 0;
    if (lua_type(L, -2) == LUA_TSTRING) name.s = lua_tolstring(L, -2, &name.n);
    else rc = refuse(err, "a table with both items and names, or with keys that are not strings");
    if (rc == 0) rc = ifl_buf_add(&e->names, &name, sizeof name, err);
    if (rc == 0) continue;
    lua_pop(L, 2);
    return rc;
  }
  if (e->names.len > first)
    qsort(e->names.data + first, (e->names.len - first) / sizeof(struct name), sizeof(struct name),
          compare_names);
  return 0;
}

/* Where the name is in the sorted ones from first to end, or end. */
static size_t find(const struct encoder *e, size_t first, size_t end, const char *s, size_t n)
{
  size_t low = 0, high = (end - first) / sizeof(struct name);
  while (low < high) {
    size_t middle = (low + high) / 2;
    struct name name = name_at(e, first + middle * sizeof name);
    int order = compare(s, n, name.s, name.n);
    if (order == 0) return first + middle * sizeof name;
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return end;
}

static bool is_element(struct name name)
{
  return name.n == 0 || (*name.s != '@' && *name.s != '#');
}

/* ---- elements of one name ---- */

/* Whether the value at the top is a list of elements. */
static bool is_list(lua_State *L)
{
  return lua_istable(L, -1) && (lua_rawlen(L, -1) > 0 || ifl_isarray(L, -1));
}

static size_t count_keys(lua_State *L)
{
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) n++;
  return n;
}

static int check_list(lua_State *L, iflow_error *err)
{
  if (count_keys(L) == lua_rawlen(L, -1)) return 0;
  return refuse(err, "a table with both items and names, or with holes");
}

/* One element or null at the top. */
static int encode_item(lua_State *L, struct encoder *e, const char *name, size_t n, lua_Integer i,
                       iflow_error *err)
{
  if (is_null(L) && !e->write_null) return 0;
  if (is_list(L)) return at_step(e, name, n, i, refuse(err, "a list inside a list"));
  return at_step(e, name, n, i, encode_one(L, e, name, n, err));
}

/* The elements of a name in the table at the top: from the one after `used`, one or all that are
 * left. */
static int encode_some(lua_State *L, struct encoder *e, struct name name, bool all,
                       iflow_error *err)
{
  int rc = 0;
  lua_pushlstring(L, name.s, name.n);
  lua_rawget(L, -2);
  if (!is_list(L)) {
    if (name.used == 0) rc = encode_item(L, e, name.s, name.n, 0, err);
  } else {
    if (name.used == 0) rc = at_step(e, name.s, name.n, 0, check_list(L, err));
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1), last = all ? n : name.used + 1;
    for (lua_Integer i = name.used + 1; rc == 0 && i <= last && i <= n; i++) {
      lua_rawgeti(L, -1, i);
      rc = encode_item(L, e, name.s, name.n, i, err);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
  return rc;
}

/* ---- the content of an element ---- */

/* Pushes the order for the element whose table is at the top, and returns true; or nothing. */
static bool push_order(lua_State *L, const struct encoder *e, const char *name, size_t n)
{
  if (lua_istable(L, ORDER)) {
    lua_pushlstring(L, name, n);
    if (lua_rawget(L, ORDER) == LUA_TTABLE) return true;
    lua_pop(L, 1);
    if (e->depth == 1 && lua_rawlen(L, ORDER) > 0) {
      lua_pushvalue(L, ORDER);
      return true;
    }
  }
  return ifl_xml_pushorder(L, -1);
}

/* Counts how often the order at the top names each element. */
static void count_order(lua_State *L, struct encoder *e, size_t first, size_t end)
{
  size_t n = 0;
  for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    if (lua_type(L, -1) != LUA_TSTRING) ifl_raise(L, "an order is a list of names");
    const char *s = lua_tolstring(L, -1, &n);
    size_t at = find(e, first, end, s, n);
    lua_pop(L, 1);
    if (at == end) continue;
    struct name name = name_at(e, at);
    name.ordered = true;
    name.left++;
    set_name(e, at, name);
  }
  lua_pop(L, 1);
}

/* The table below, the order at the top. */
static int encode_ordered(lua_State *L, struct encoder *e, size_t first, size_t end,
                          iflow_error *err)
{
  int rc = 0;
  size_t n = 0;
  count_order(L, e, first, end);
  for (lua_Integer i = 1; rc == 0 && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    const char *s = lua_tolstring(L, -1, &n);
    size_t at = find(e, first, end, s, n);
    lua_pop(L, 1);
    if (at == end) continue;
    struct name name = name_at(e, at);
    if (!is_element(name)) continue;
    name.left--;
    lua_pushvalue(L, -2);
    rc = encode_some(L, e, name, name.left == 0, err);
    lua_pop(L, 1);
    name.used++;
    set_name(e, at, name);
  }
  if (rc == 0) lua_pop(L, 1); /* the nil at the end of the order */
  return rc;
}

static int encode_elements(lua_State *L, struct encoder *e, const char *name, size_t n,
                           size_t first, size_t end, iflow_error *err)
{
  int rc = 0;
  if (push_order(L, e, name, n)) {
    rc = encode_ordered(L, e, first, end, err);
    lua_pop(L, 1);
  }
  for (size_t at = first; rc == 0 && at < end; at += sizeof(struct name)) {
    struct name member = name_at(e, at);
    if (is_element(member) && !member.ordered) rc = encode_some(L, e, member, true, err);
  }
  return rc;
}

/* One piece of mixed content at the top: a text, or { name = element }. */
static int encode_piece(lua_State *L, struct encoder *e, iflow_error *err)
{
  static const char what[] = "mixed content is a list of texts and { name = element }";
  const char *name = NULL;
  size_t n = 0;
  if (!lua_istable(L, -1)) return write_text(L, e, err);
  if (count_keys(L) != 1) return refuse(err, what);
  lua_pushnil(L);
  lua_next(L, -2);
  int rc = 0;
  if (lua_type(L, -2) == LUA_TSTRING) name = lua_tolstring(L, -2, &n);
  if (name != NULL) rc = encode_item(L, e, name, n, 0, err);
  else rc = refuse(err, what);
  lua_pop(L, 2);
  return rc;
}

/* The list at the top. */
static int encode_mixed(lua_State *L, struct encoder *e, iflow_error *err)
{
  if (!lua_istable(L, -1)) return refuse(err, "'#mixed' is a list of texts and elements");
  int rc = check_list(L, err);
  if (rc == 0)
    rc = ifl_xml_write_text(&e->writer, "", 0, err); /* from here on white space counts */
  for (lua_Integer i = 1; rc == 0 && lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
    rc = at_step(e, "#mixed", 6, i, encode_piece(L, e, err));
    lua_pop(L, 1);
  }
  if (rc == 0) lua_pop(L, 1);
  return rc;
}

/* The attributes of the table at the top: names from first to end that start with "@". */
static int encode_attributes(lua_State *L, struct encoder *e, size_t first, size_t end,
                             iflow_error *err)
{
  int rc = 0;
  for (size_t at = first; rc == 0 && at < end; at += sizeof(struct name)) {
    struct name key = name_at(e, at);
    const char *value = NULL, *name = key.s + 1;
    size_t len = 0, n = key.n - 1;
    if (key.n == 0 || *key.s != '@') continue;
    rc = write_name(L, &name, &n, true, err);
    if (rc == 0) rc = check_prefix(e, name, n, err);
    lua_pushlstring(L, key.s, key.n);
    lua_rawget(L, -3);
    if (rc == 0 && !is_null(L)) {
      rc = to_text(L, e, &value, &len, err);
      if (rc == 0) rc = ifl_xml_write_attribute(&e->writer, name, n, value, len, err);
    }
    lua_pop(L, 2);
    rc = at_step(e, key.s, key.n, 0, rc);
  }
  return rc;
}

/* What stands in the table at the top besides attributes: elements, or one of "#text", "#mixed". */
static int encode_content(lua_State *L, struct encoder *e, const char *name, size_t n, size_t first,
                          size_t end, iflow_error *err)
{
  size_t elements = 0, others = 0;
  struct name special = { 0 };
  for (size_t at = first; at < end; at += sizeof(struct name)) {
    struct name key = name_at(e, at);
    if (is_element(key)) elements++;
    else if (*key.s == '#') special = key, others++;
  }
  if (others == 0) return encode_elements(L, e, name, n, first, end, err);
  bool text = strcmp(special.s, "#text") == 0, mixed = strcmp(special.s, "#mixed") == 0;
  if (others > 1 || elements > 0 || (!text && !mixed))
    return refuse(err, "text and elements in one table; mixed content goes into '#mixed'");
  lua_pushlstring(L, special.s, special.n);
  lua_rawget(L, -2);
  int rc = mixed ? encode_mixed(L, e, err) : write_text(L, e, err);
  lua_pop(L, 1);
  return rc;
}

/* ---- an element ---- */

/* Declares at the root what the option namespaces says. */
static int declare_options(lua_State *L, struct encoder *e, iflow_error *err)
{
  size_t first = e->names.len, len = 0;
  lua_pushvalue(L, DECLARATIONS);
  int rc = collect(L, e, err);
  for (size_t at = first; rc == 0 && at < e->names.len; at += sizeof(struct name)) {
    struct name key = name_at(e, at);
    lua_pushlstring(L, key.s, key.n);
    lua_rawget(L, -2);
    const char *uri = lua_tolstring(L, -1, &len);
    rc = ifl_xml_write_attribute(&e->writer, key.s, key.n, uri, len, err);
    if (rc == 0) rc = declare(e, key.s, key.n, err);
    lua_pop(L, 1);
  }
  e->names.len = first;
  lua_pop(L, 1);
  return rc;
}

static int declare_attributes(struct encoder *e, size_t first, size_t end, iflow_error *err)
{
  int rc = 0;
  for (size_t at = first; rc == 0 && at < end; at += sizeof(struct name)) {
    struct name key = name_at(e, at);
    if (key.n > 0 && *key.s == '@') rc = declare(e, key.s + 1, key.n - 1, err);
  }
  return rc;
}

/* What is in the element: the scalar or table at the top. raw, n: its name in the data. */
static int encode_inside(lua_State *L, struct encoder *e, const char *raw, size_t n,
                         const char *written, size_t written_len, iflow_error *err)
{
  size_t first = e->names.len, declared = e->prefixes.len;
  bool table = lua_istable(L, -1);
  int rc = table ? collect(L, e, err) : 0;
  size_t end = e->names.len;
  if (rc == 0 && e->depth == 1) rc = declare_options(L, e, err);
  if (rc == 0) rc = declare_attributes(e, first, end, err);
  if (rc == 0) rc = check_prefix(e, written, written_len, err);
  if (rc == 0) rc = encode_attributes(L, e, first, end, err);
  if (rc == 0 && table) rc = encode_content(L, e, raw, n, first, end, err);
  else if (rc == 0 && !is_null(L)) rc = write_text(L, e, err);
  e->names.len = first;
  e->prefixes.len = declared;
  return rc;
}

/* The value at the top, no list, as an element. */
static int encode_one(lua_State *L, struct encoder *e, const char *name, size_t n, iflow_error *err)
{
  const char *written = name;
  size_t len = n;
  if (e->depth == e->depth_max)
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "nested more than %zu levels (a table in itself?)",
                    e->depth_max);
  luaL_checkstack(L, 12, "XML");
  e->depth++;
  int rc = write_name(L, &written, &len, false, err);
  lua_insert(L, -2); /* below the value */
  if (rc == 0) rc = ifl_xml_write_start(&e->writer, written, len, err);
  if (rc == 0) rc = encode_inside(L, e, name, n, written, len, err);
  if (rc == 0) rc = ifl_xml_write_end(&e->writer, written, len, err);
  lua_remove(L, -2);
  e->depth--;
  return rc;
}

/* ---- the document ---- */

/* The list at the top as the items of the root. */
static int encode_items(lua_State *L, struct encoder *e, const char *root, const char *item,
                        iflow_error *err)
{
  if (item == NULL)
    return refuse(err, "the value is a list; the options root and item name its elements");
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, item);
  int rc = encode_item(L, e, root, strlen(root), 0, err);
  lua_pop(L, 1);
  return rc;
}

/* The table at the top, which has one name: the root's. */
static int encode_only(lua_State *L, struct encoder *e, iflow_error *err)
{
  static const char what[] =
      "the value must have one name, the root element's (or the option root gives it)";
  const char *name = NULL;
  size_t n = 0;
  if (!lua_istable(L, -1) || count_keys(L) != 1) return refuse(err, what);
  lua_pushnil(L);
  lua_next(L, -2);
  if (lua_type(L, -2) == LUA_TSTRING) name = lua_tolstring(L, -2, &n);
  if (is_list(L)) name = NULL; /* a document has one root */
  int rc =
      name != NULL ? at_step(e, name, n, 0, encode_one(L, e, name, n, err)) : refuse(err, what);
  lua_pop(L, 2);
  return rc;
}

static int encode_document(lua_State *L, struct encoder *e, iflow_error *err)
{
  const char *root = ifl_optstring(L, OPTIONS, "root", NULL);
  const char *item = ifl_optstring(L, OPTIONS, "item", NULL);
  int rc = 0;
  if (ifl_optbool(L, OPTIONS, "declaration", true)) rc = ifl_xml_write_declaration(&e->writer, err);
  lua_pushvalue(L, 1);
  if (rc < 0) return rc;
  if (root == NULL) return encode_only(L, e, err);
  if (is_list(L)) return encode_items(L, e, root, item, err);
  return at_step(e, root, strlen(root), 0, encode_one(L, e, root, strlen(root), err));
}

/* Pushes PREFIXES and DECLARATIONS. */
static void push_namespaces(lua_State *L)
{
  static const char what[] = "option 'namespaces' must be a table { prefix = uri }";
  bool bare = false;
  lua_createtable(L, 0, 4);
  lua_createtable(L, 0, 4);
  int type = lua_getfield(L, OPTIONS, "namespaces");
  if (type != LUA_TNIL && type != LUA_TTABLE) ifl_raise(L, "%s", what);
  if (type == LUA_TTABLE) lua_pushnil(L);
  for (; type == LUA_TTABLE && lua_next(L, -2) != 0; lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING) ifl_raise(L, "%s", what);
    if (lua_rawlen(L, -2) == 0) bare = true;
    lua_pushvalue(L, -1);
    lua_pushvalue(L, -3);
    lua_rawset(L, PREFIXES);
    lua_pushfstring(L, lua_rawlen(L, -2) == 0 ? "xmlns%s" : "xmlns:%s", lua_tostring(L, -2));
    lua_pushvalue(L, -2);
    lua_rawset(L, DECLARATIONS);
  }
  lua_pop(L, 1);
  if (bare) return; /* a name without a namespace cannot be told from one of the default one */
  lua_pushliteral(L, "");
  lua_setfield(L, PREFIXES, "");
}

int ifl_xml_encode(lua_State *L)
{
  static const char *const keys[] = { "root",   "item",        "order", "namespaces", "null",
                                      "pretty", "declaration", "depth", NULL };
  static const char *const nulls[] = { "omit", "empty", NULL };
  iflow_error err = { 0 };
  luaL_checkany(L, 1);
  lua_settop(L, OPTIONS);
  if (lua_isnil(L, OPTIONS)) {
    lua_newtable(L);
    lua_replace(L, OPTIONS);
  }
  ifl_checkkeys(L, OPTIONS, keys);
  int type = lua_getfield(L, OPTIONS, "order");
  if (type != LUA_TNIL && type != LUA_TTABLE) ifl_raise(L, "option 'order' must be a table");
  push_namespaces(L);
  struct encoder *e = ifl_newud(L, sizeof *e, ENCODER, 0);
  ifl_buf_init(&e->out, TEXT_MAX);
  ifl_buf_init(&e->number, 64);
  ifl_buf_init(&e->names, TEXT_MAX);
  ifl_buf_init(&e->prefixes, (size_t)1 << 20);
  ifl_xml_writer_init(&e->writer, &e->out, ifl_optbool(L, OPTIONS, "pretty", false));
  e->write_null = ifl_optword(L, OPTIONS, "null", 0, nulls) == 1;
  e->depth_max = (size_t)ifl_optinteger(L, OPTIONS, "depth", DEPTH, 1, IFL_XML_DEPTH_MAX);
  int rc = encode_document(L, e, &err);
  if (rc == IFLOW_ETRANSFORMDATA) ifl_prefix(&err, "XML, at %s", *e->path != '\0' ? e->path : "/");
  if (rc < 0) return ifl_pusherror(L, &err);
  lua_pushlstring(L, e->out.data, e->out.len);
  lua_replace(L, 1);
  lua_settop(L, 1);
  ifl_buf_done(&e->out); /* now, not when the collector comes by */
  return 1;
}

void ifl_xml_openencode(lua_State *L)
{
  static const luaL_Reg meta[] = { { "__gc", encoder_gc }, { NULL, NULL } };
  ifl_newclass(L, ENCODER, NULL, meta);
}
