/* xml.c -- the reader of codec/xml.h: expat's callbacks write the events of a record on a tape, an
 * ifl_buf of items, which is handed out when the record is complete. That way an element's start can
 * say what is in it, a record that breaks a limit is simply cut off the tape, and the caller (who may
 * longjmp) never runs inside a callback. */
#include "codec/xml.h"

#include "base/error.h"

#include <expat.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

#define SLICE      ((size_t)64 << 10) /* bytes the parser gets at once */
#define NONE       SIZE_MAX
#define TAPE_SLACK ((size_t)8 << 20) /* for other records of the same slice */

struct item { /* on the tape, followed by its text */
  uint8_t kind, flags;
  uint16_t name; /* its number */
  uint32_t n;    /* bytes of the text; of a start: its attributes and elements */
};

struct ifl_xml_reader {
  XML_Parser parser;
  struct ifl_xml_names names;
  struct ifl_xml_path path; /* count 0: the document is the record */
  struct ifl_xml_dict dict;
  size_t depth_max, max_attributes, max_text, max_record;

  struct ifl_buf tape;
  size_t taken, complete;  /* on the tape: what the caller has, and up to where it may take */
  struct ifl_buf open;     /* size_t: on the tape, the starts of the record's open elements */
  struct ifl_buf declared; /* items: declarations of namespaces that wait for their element */
  size_t text_at;          /* on the tape: the text that still grows, or NONE */

  size_t depth, matched; /* open elements, and how many of them fit the path */
  bool in_record, skipping, foreign;
  size_t record_tape;
  /* Bytes of the document; doctype_at: -1 outside of a DOCTYPE; seen_at: the last event, since expat
   * does not tell between events where it is. */
  XML_Index fed, record_at, doctype_at, seen_at;

  int rc; /* of the feed that is running */
  iflow_error *err;
};

/* ---- errors ---- */

static int position(const ifl_xml_reader *r, int code, const char *what, iflow_error *err)
{
  return ifl_fail(err, code, "XML, line %llu, column %llu: %s",
                  (unsigned long long)XML_GetCurrentLineNumber(r->parser),
                  (unsigned long long)XML_GetCurrentColumnNumber(r->parser) + 1, what);
}

/* Ends the parse from inside a callback. */
static void stop(ifl_xml_reader *r, int rc)
{
  if (r->rc < 0) return;
  r->rc = rc;
  XML_StopParser(r->parser, XML_FALSE);
}

static void refuse(ifl_xml_reader *r, const char *what)
{
  if (r->rc == 0) stop(r, position(r, IFLOW_ETRANSFORMDATA, what, r->err));
}

/* ---- the tape ---- */

static const char too_large[] = "the record is larger than max_record";

static void skip(ifl_xml_reader *r, const char *reason);

static bool grow_tape(ifl_xml_reader *r, size_t n)
{
  iflow_error err;
  ifl_error_clear(&err);
  int rc = ifl_buf_reserve(&r->tape, n, &err);
  if (rc == IFLOW_ELIMIT) skip(r, too_large);
  else if (rc < 0) stop(r, ifl_fail_nomem(r->err));
  return rc == 0;
}

/* Room for n bytes at the end of the tape; NULL: the record is skipped, or the parse ends. */
static char *add_room(ifl_xml_reader *r, size_t n)
{
  struct ifl_buf *tape = &r->tape;
  if (tape->cap - tape->len <= n && !grow_tape(r, n)) return NULL;
  char *at = tape->data + tape->len;
  tape->len += n;
  return at;
}

static void put(ifl_xml_reader *r, struct item item, const char *text)
{
  size_t n = item.kind == IFL_XML_START ? 0 : item.n;
  char *at = add_room(r, sizeof item + n);
  if (at == NULL) return;
  memcpy(at, &item, sizeof item);
  memcpy(at + sizeof item, text, n);
}

static void put_line(ifl_xml_reader *r, enum ifl_xml_kind kind, const char *reason)
{
  char text[128];
  uint64_t line = XML_GetCurrentLineNumber(r->parser);
  size_t n = strlen(reason);
  memcpy(text, &line, sizeof line);
  memcpy(text + sizeof line, reason, n);
  int rc = ifl_buf_reserve(&r->tape, sizeof(struct item) + sizeof text, r->err);
  if (rc < 0) stop(r, rc);
  else put(r, (struct item) { (uint8_t)kind, 0, 0, (uint32_t)(sizeof line + n) }, text);
}

/* The record breaks a limit: it leaves the tape, and what is left of it is not read. */
static void skip(ifl_xml_reader *r, const char *reason)
{
  r->tape.len = r->record_tape;
  r->text_at = NONE;
  r->open.len = 0;
  r->skipping = true;
  put_line(r, IFL_XML_FAILED, reason);
  r->complete = r->tape.len;
}

static struct item item_at(const ifl_xml_reader *r, size_t at)
{
  struct item item; /* a copy: items are not aligned */
  memcpy(&item, r->tape.data + at, sizeof item);
  return item;
}

static void set_item(ifl_xml_reader *r, size_t at, struct item item)
{
  memcpy(r->tape.data + at, &item, sizeof item);
}

/* Notes in the start of the innermost open element what is in it. */
static void flag_open(ifl_xml_reader *r, unsigned flag)
{
  size_t at;
  if (r->open.len == 0) return;
  memcpy(&at, r->open.data + r->open.len - sizeof at, sizeof at);
  struct item item = item_at(r, at);
  item.flags |= (uint8_t)flag;
  if (flag == IFL_XML_HAS_ELEMENTS) item.n++;
  set_item(r, at, item);
}

/* ---- text ---- */

static bool is_blank(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (s[i] != ' ' && s[i] != '\n' && s[i] != '\t' && s[i] != '\r') return false;
  return true;
}

/* Every callback that stands for bytes of the document notes how far it is. */
static void note(ifl_xml_reader *r)
{
  r->seen_at = XML_GetCurrentByteIndex(r->parser);
}

static bool reading(const ifl_xml_reader *r)
{
  return r->rc == 0 && r->in_record && !r->skipping;
}

static const char too_long[] = "a text is longer than max_text";

static bool record_fits(ifl_xml_reader *r)
{
  XML_Index size = r->seen_at - r->record_at;
  if (size >= 0 && (size_t)size <= r->max_record) return true;
  skip(r, too_large);
  return false;
}

/* More of a text whose beginning is the last thing on the tape. */
static void add_text(ifl_xml_reader *r, const char *s, size_t n)
{
  struct item item = item_at(r, r->text_at);
  if (n > r->max_text - item.n) {
    skip(r, too_long);
    return;
  }
  char *at = add_room(r, n);
  if (at == NULL) return;
  memcpy(at, s, n);
  item.n += (uint32_t)n;
  set_item(r, r->text_at, item);
}

static void on_text(void *payload, const XML_Char *s, int n)
{
  ifl_xml_reader *r = payload;
  note(r);
  if (!reading(r) || n <= 0 || !record_fits(r)) return;
  if (r->text_at != NONE) {
    add_text(r, s, (size_t)n);
  } else if ((size_t)n > r->max_text) {
    skip(r, too_long);
  } else {
    size_t at = r->tape.len;
    put(r, (struct item) { IFL_XML_TEXT, 0, 0, (uint32_t)n }, s);
    if (reading(r)) r->text_at = at;
  }
}

/* A tag follows: the text before it is complete. */
static void end_text(ifl_xml_reader *r)
{
  if (r->text_at == NONE) return;
  struct item item = item_at(r, r->text_at);
  if (!is_blank(r->tape.data + r->text_at + sizeof item, item.n)) flag_open(r, IFL_XML_HAS_TEXT);
  r->text_at = NONE;
}

/* ---- elements ---- */

/* expat takes U+AA, U+B5 and U+BA in names of documents in UTF-16 or Latin-1; XML does not. */
static bool is_name(const char *s, size_t n)
{
  for (const char *end = s + n; (s = memchr(s, 0xc2, (size_t)(end - s))) != NULL; s++)
    if (s + 1 < end && memchr("\xaa\xb5\xba", s[1], 3) != NULL) return false;
  return true;
}

static void stop_names(ifl_xml_reader *r, int rc)
{
  if (rc == IFLOW_ELIMIT) refuse(r, "more than 10000 different names of elements and attributes");
  else stop(r, ifl_fail_nomem(r->err));
}

/* The number of a new name; 0 (and the end of the parse) when it is none, or one too many. */
static uint16_t new_name(ifl_xml_reader *r, const char *name, size_t n, bool attribute)
{
  if (!is_name(name, n)) {
    refuse(r, "a name with a character that names cannot have");
    return 0;
  }
  int number = ifl_xml_dict_add(&r->dict, name, n, attribute);
  if (number < 0) stop_names(r, number);
  return number > 0 ? (uint16_t)number : 0;
}

/* The number of a name of the parser, as the caller wants it; 0 as above. */
static uint16_t number_of(ifl_xml_reader *r, const char *raw, bool attribute)
{
  char out[IFL_XML_NAME_MAX];
  size_t n;
  const char *name = ifl_xml_name_given(&r->names, raw, attribute, out, &n);
  if (name == NULL) {
    refuse(r, "a name of over 512 bytes, its namespace included");
    return 0;
  }
  uint16_t number = ifl_xml_dict_find(&r->dict, name, n, attribute);
  return number != 0 ? number : new_name(r, name, n, attribute);
}

static void on_namespace(void *payload, const XML_Char *prefix, const XML_Char *uri)
{
  ifl_xml_reader *r = payload;
  char name[IFL_XML_NAME_MAX + 1] = "xmlns";
  size_t n = 5, prefix_len = prefix != NULL ? strlen(prefix) : 0;
  if (r->rc < 0 || r->names.naming != IFL_XML_NAMES_WRITTEN) return;
  if (prefix_len > IFL_XML_NAME_MAX - 6 || (uri != NULL && strlen(uri) > r->max_text)) {
    refuse(r, "a declaration of a namespace that is too long");
    return;
  }
  if (prefix_len > 0) {
    name[n++] = ':';
    memcpy(name + n, prefix, prefix_len + 1);
  }
  if (uri == NULL) uri = ""; /* xmlns="" */
  struct item item = { IFL_XML_ATTRIBUTE, 0, number_of(r, name, true), (uint32_t)strlen(uri) };
  if (item.name == 0) return;
  int rc = ifl_buf_add(&r->declared, &item, sizeof item, r->err);
  if (rc == 0) rc = ifl_buf_add(&r->declared, uri, item.n, r->err);
  if (rc < 0) stop(r, rc);
}

/* Declarations with the same local name, which are two only as long as the prefixes are there. */
static bool has_attribute(const ifl_xml_reader *r, size_t from, uint16_t name)
{
  for (size_t at = from; at < r->tape.len;) {
    struct item item = item_at(r, at);
    if (item.name == name) return true;
    at += sizeof item + item.n;
  }
  return false;
}

/* Also of an element that is not read: the parser keeps the names of those, too. */
static void put_attributes(ifl_xml_reader *r, const XML_Char **atts)
{
  size_t first = r->tape.len, count = 0;
  for (; r->rc == 0 && *atts != NULL; atts += 2, count++) {
    size_t len = strlen(atts[1]);
    uint16_t name = number_of(r, atts[0], true);
    if (name == 0 || !reading(r)) continue;
    if (count == r->max_attributes) skip(r, "an element has more than max_attributes");
    else if (len > r->max_text) skip(r, "an attribute is longer than max_text");
    else if (r->names.naming == IFL_XML_NAMES_LOCAL && has_attribute(r, first, name))
      skip(r, "two attributes of an element differ in their namespaces only");
    else put(r, (struct item) { IFL_XML_ATTRIBUTE, 0, name, (uint32_t)len }, atts[1]);
  }
}

static void put_start(ifl_xml_reader *r, uint16_t name, const XML_Char **atts)
{
  bool attributes = *atts != NULL || r->declared.len > 0;
  size_t at = r->tape.len;
  end_text(r);
  flag_open(r, IFL_XML_HAS_ELEMENTS);
  struct item start = { IFL_XML_START, attributes ? IFL_XML_HAS_ATTRIBUTES : 0, name, 0 };
  for (const XML_Char **a = atts; *a != NULL; a += 2) start.n++;
  put(r, start, "");
  if (!reading(r)) return;
  int rc = ifl_buf_add(&r->open, &at, sizeof at, r->err);
  if (rc == 0 && r->declared.len > 0)
    rc = ifl_buf_add(&r->tape, r->declared.data, r->declared.len, r->err);
  if (rc < 0) stop(r, rc);
}

static void begin_record(ifl_xml_reader *r)
{
  r->in_record = true;
  r->skipping = false;
  r->record_at = r->seen_at;
  r->record_tape = r->tape.len;
  put_line(r, IFL_XML_RECORD, "");
}

/* Whether the element that starts at r->depth is a record; counts how far the path fits. */
static bool is_record(ifl_xml_reader *r, uint16_t number)
{
  size_t steps = r->path.count, n;
  if (steps == 0) return true;
  if (r->matched != r->depth - 1 || r->matched == steps) return false;
  const char *name = ifl_xml_dict_name(&r->dict, number, &n);
  if (!ifl_xml_path_matches(&r->path, r->matched, name, n)) return false;
  return ++r->matched == steps;
}

/* A document whose DOCTYPE names an external file may use entities from there. In text expat tells
 * of them, in attributes it drops them silently: look at the tag as it is written (NULs left out,
 * which makes ASCII of UTF-16). */
static bool has_foreign_entity(ifl_xml_reader *r)
{
  static const char *const own[] = { "amp;", "lt;", "gt;", "quot;", "apos;" };
  int offset = 0, size = 0, n = XML_GetCurrentByteCount(r->parser);
  const char *tag = XML_GetInputContext(r->parser, &offset, &size);
  if (tag == NULL || n > size - offset) return true; /* cannot be told */
  for (int i = offset; i < offset + n; i++) {
    char name[8];
    size_t len = 0;
    bool known = false;
    if (tag[i] != '&') continue;
    for (int k = i + 1; k < offset + n && len < sizeof name - 1; k++)
      if (tag[k] != '\0') name[len++] = tag[k];
    name[len] = '\0';
    for (size_t k = 0; k < sizeof own / sizeof *own; k++)
      if (strncmp(name, own[k], strlen(own[k])) == 0) known = true;
    if (!known && *name != '#') return true;
  }
  return false;
}

/* Names as written are all that the parser keeps; of others more may stand behind one that is given.
 * The first bytes of a document cannot bring too many; most documents are not longer. */
static void check_names(ifl_xml_reader *r, const XML_Char *raw, const XML_Char **atts)
{
  if (r->fed <= (XML_Index)SLICE || r->names.naming == IFL_XML_NAMES_WRITTEN) return;
  int rc = ifl_xml_dict_count(&r->dict, raw);
  for (; rc == 0 && *atts != NULL; atts += 2) rc = ifl_xml_dict_count(&r->dict, *atts);
  if (rc < 0) stop_names(r, rc);
}

static void on_start(void *payload, const XML_Char *raw, const XML_Char **atts)
{
  ifl_xml_reader *r = payload;
  if (r->rc < 0) return;
  note(r);
  r->depth++;
  if (r->depth > IFL_XML_DEPTH_MAX) refuse(r, "nested deeper than 1000 levels");
  if (r->foreign && *atts != NULL && has_foreign_entity(r))
    refuse(r, "an entity that only an external file could explain; those are never loaded");
  check_names(r, raw, atts);
  if (r->rc < 0) return;
  uint16_t name = number_of(r, raw, false);
  if (name == 0) return;
  if (!r->in_record && is_record(r, name)) begin_record(r);
  if (reading(r) && record_fits(r)) {
    if (r->depth > r->depth_max) skip(r, "the record is nested deeper than depth");
    else put_start(r, name, atts);
  }
  put_attributes(r, atts);
  ifl_buf_clear(&r->declared);
}

static void on_end(void *payload, const XML_Char *raw)
{
  ifl_xml_reader *r = payload;
  static const struct item end = { IFL_XML_END, 0, 0, 0 };
  (void)raw;
  if (r->rc < 0) return;
  note(r);
  if (reading(r) && record_fits(r)) {
    end_text(r);
    put(r, end, "");
    if (reading(r)) r->open.len -= sizeof(size_t);
  }
  if (r->in_record && r->depth == (r->path.count == 0 ? 1 : r->path.count)) {
    r->in_record = false;
    if (!r->skipping) r->complete = r->tape.len;
  }
  if (r->matched == r->depth) r->matched--;
  r->depth--;
}

/* Comments, instructions, white space around the root: dropped. */
static void on_other(void *payload, const XML_Char *s, int n)
{
  (void)s, (void)n;
  note(payload);
}

/* ---- what is refused ---- */

static void on_entity(void *payload, const XML_Char *name, int is_parameter, const XML_Char *value,
                      int len, const XML_Char *base, const XML_Char *system_id,
                      const XML_Char *public_id, const XML_Char *notation)
{
  (void)name, (void)is_parameter, (void)value, (void)len;
  (void)base, (void)system_id, (void)public_id, (void)notation;
  refuse(payload, "a declaration of an entity; they are refused, since a few make gigabytes");
}

static void on_attlist(void *payload, const XML_Char *element, const XML_Char *attribute,
                       const XML_Char *type, const XML_Char *value, int required)
{
  (void)element, (void)attribute, (void)type, (void)required;
  if (value != NULL) refuse(payload, "a declaration of an attribute's default; they are refused");
}

static void on_skipped(void *payload, const XML_Char *name, int is_parameter)
{
  (void)name, (void)is_parameter;
  refuse(payload, "an entity that only an external file could explain; those are never loaded");
}

static void on_doctype(void *payload, const XML_Char *name, const XML_Char *system_id,
                       const XML_Char *public_id, int internal)
{
  ifl_xml_reader *r = payload;
  (void)name, (void)internal;
  r->foreign = system_id != NULL || public_id != NULL;
  r->doctype_at = XML_GetCurrentByteIndex(r->parser);
}

static void on_doctype_end(void *payload)
{
  ((ifl_xml_reader *)payload)->doctype_at = -1;
}

/* ---- encodings ---- */

/* The characters of a byte each, for an encoding that expat does not know; false when it is no such
 * encoding. A document chooses the name, so it must look like one. */
static bool fill_map(iconv_t cd, int map[256])
{
  for (int i = 0; i < 256; i++) {
    char in[1] = { (char)i }, *from = in;
    unsigned char out[8];
    char *to = (char *)out;
    size_t from_len = 1, to_len = sizeof out;
    iconv(cd, NULL, NULL, NULL, NULL);
    size_t rc = iconv(cd, &from, &from_len, &to, &to_len);
    map[i] = -1;
    if (rc == (size_t)-1 && to_len == sizeof out && i < 128) return false;
    if (rc == (size_t)-1 || to_len != sizeof out - 4) continue;
    map[i] = (int)((unsigned)out[0] | (unsigned)out[1] << 8 | (unsigned)out[2] << 16);
  }
  return true;
}

/* Two bytes that only together are a character: the encoding has more than one byte for some. */
static bool has_pairs(iconv_t cd, const int map[256])
{
  for (int i = 128; i < 256; i++) {
    char in[2] = { (char)i, 'A' }, *from = in, out[16], *to = out;
    size_t from_len = 2, to_len = sizeof out;
    if (map[i] >= 0) continue;
    iconv(cd, NULL, NULL, NULL, NULL);
    if (iconv(cd, &from, &from_len, &to, &to_len) != (size_t)-1) return true;
  }
  return false;
}

static int on_encoding(void *payload, const XML_Char *name, XML_Encoding *info)
{
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  (void)payload;
  if (strlen(name) > 40 || name[strspn(name, allowed)] != '\0') return XML_STATUS_ERROR;
  iconv_t cd = iconv_open("UTF-32LE", name);
  if (cd == (iconv_t)-1) return XML_STATUS_ERROR;
  bool fine = fill_map(cd, info->map) && !has_pairs(cd, info->map);
  iconv_close(cd);
  info->data = NULL;
  info->convert = NULL;
  info->release = NULL;
  return fine ? XML_STATUS_OK : XML_STATUS_ERROR;
}

/* ---- the reader ---- */

static void set_handlers(XML_Parser p, ifl_xml_reader *r)
{
  XML_SetUserData(p, r);
  XML_SetReturnNSTriplet(p, 1);
  XML_SetElementHandler(p, on_start, on_end);
  XML_SetCharacterDataHandler(p, on_text);
  XML_SetDefaultHandlerExpand(p, on_other);
  XML_SetStartNamespaceDeclHandler(p, on_namespace);
  XML_SetEntityDeclHandler(p, on_entity);
  XML_SetAttlistDeclHandler(p, on_attlist);
  XML_SetSkippedEntityHandler(p, on_skipped);
  XML_SetDoctypeDeclHandler(p, on_doctype, on_doctype_end);
  XML_SetUnknownEncodingHandler(p, on_encoding, r);
  XML_SetParamEntityParsing(p, XML_PARAM_ENTITY_PARSING_NEVER);
}

int ifl_xml_reader_new(ifl_xml_reader **out, const struct ifl_xml_options *o, iflow_error *err)
{
  ifl_xml_reader *r = calloc(1, sizeof *r);
  if (r == NULL) return ifl_fail_nomem(err);
  r->depth_max = o->depth;
  r->max_attributes = o->max_attributes;
  r->max_text = o->max_text;
  r->max_record = o->max_record < IFL_XML_RECORD_MAX ? o->max_record : IFL_XML_RECORD_MAX;
  r->text_at = NONE;
  r->doctype_at = -1;
  ifl_buf_init(&r->tape, r->max_record * 5 + TAPE_SLACK); /* "<a/>x" makes three items */
  ifl_buf_init(&r->open, (IFL_XML_DEPTH_MAX + 1) * sizeof(size_t));
  ifl_buf_init(&r->declared, IFL_XML_TOKEN_MAX * 2);
  int rc = ifl_xml_names_init(&r->names, o->naming, o->namespaces, err);
  if (rc == 0) rc = ifl_xml_dict_init(&r->dict, err);
  if (rc == 0 && o->each != NULL) rc = ifl_xml_path_init(&r->path, o->each, err);
  if (rc < 0) goto done;
  r->parser = XML_ParserCreateNS(o->encoding, IFL_XML_SEPARATOR);
  if (r->parser == NULL) {
    rc = ifl_fail_nomem(err);
    goto done;
  }
  set_handlers(r->parser, r);
  *out = r;
  r = NULL;
done:
  ifl_xml_reader_free(r);
  return rc;
}

void ifl_xml_reader_free(ifl_xml_reader *r)
{
  if (r == NULL) return;
  if (r->parser != NULL) XML_ParserFree(r->parser);
  ifl_xml_names_done(&r->names);
  ifl_xml_path_done(&r->path);
  ifl_xml_dict_done(&r->dict);
  ifl_buf_done(&r->tape);
  ifl_buf_done(&r->open);
  ifl_buf_done(&r->declared);
  free(r);
}

/* What the caller has taken leaves the tape. */
static void compact(ifl_xml_reader *r)
{
  size_t n = r->taken;
  ifl_buf_consume(&r->tape, n);
  r->taken = 0;
  r->complete -= n;
  if (!r->in_record) return;
  if (r->record_tape >= n) r->record_tape -= n;
  if (r->text_at != NONE) r->text_at -= n;
  for (size_t i = 0; i + sizeof(size_t) <= r->open.len; i += sizeof(size_t)) {
    size_t at;
    memcpy(&at, r->open.data + i, sizeof at);
    at -= n;
    memcpy(r->open.data + i, &at, sizeof at);
  }
}

static int parser_error(ifl_xml_reader *r)
{
  enum XML_Error code = XML_GetErrorCode(r->parser);
  if (r->rc < 0) return r->rc; /* a callback has said why */
  if (code == XML_ERROR_NO_MEMORY) return ifl_fail_nomem(r->err);
  return position(r, IFLOW_ETRANSFORMDATA, XML_ErrorString(code), r->err);
}

/* What the parser holds back until it is complete has a ceiling, and so has a DOCTYPE. */
static int check_sizes(ifl_xml_reader *r)
{
  if (r->fed - r->seen_at > (XML_Index)(IFL_XML_TOKEN_MAX + SLICE))
    return position(r, IFLOW_ETRANSFORMDATA,
                    "a tag, comment or processing instruction of over 4 MiB", r->err);
  if (r->doctype_at >= 0 && r->fed - r->doctype_at > (XML_Index)(IFL_XML_DOCTYPE_MAX + SLICE))
    return position(r, IFLOW_ETRANSFORMDATA, "a DOCTYPE of over 64 KiB", r->err);
  return 0;
}

int ifl_xml_feed(ifl_xml_reader *r, const char *data, size_t n, bool last, iflow_error *err)
{
  r->err = err;
  r->rc = 0;
  compact(r);
  do {
    size_t slice = n < SLICE ? n : SLICE;
    bool final = last && slice == n;
    r->fed += (XML_Index)slice;
    if (XML_Parse(r->parser, data, (int)slice, final) != XML_STATUS_OK) return parser_error(r);
    if (r->rc == 0 && !final) r->rc = check_sizes(r);
    if (r->rc < 0) return r->rc;
    data += slice;
    n -= slice;
  } while (n > 0);
  return 0;
}

bool ifl_xml_next(ifl_xml_reader *r, struct ifl_xml_event *e)
{
  if (r->taken == r->complete) return false;
  struct item item = item_at(r, r->taken);
  e->kind = item.kind;
  e->flags = item.flags;
  e->name = item.name;
  e->inside = item.kind == IFL_XML_START ? item.n : 0;
  e->text = r->tape.data + r->taken + sizeof item;
  e->len = item.kind == IFL_XML_START ? 0 : item.n;
  e->line = 0;
  r->taken += sizeof item + e->len;
  if (item.kind == IFL_XML_RECORD || item.kind == IFL_XML_FAILED) {
    memcpy(&e->line, e->text, sizeof e->line);
    e->text += sizeof e->line;
    e->len -= sizeof e->line;
  }
  return true;
}

const char *ifl_xml_name(const ifl_xml_reader *r, unsigned number, size_t *n)
{
  return ifl_xml_dict_name(&r->dict, (uint16_t)number, n);
}

const char *ifl_xml_library(void)
{
  return XML_ExpatVersion();
}
