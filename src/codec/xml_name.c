/* xml_name.c -- see xml_name.h. */
#include "codec/xml_name.h"

#include "base/digest.h"
#include "base/error.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is a name ---- */

static unsigned code_point(const char *s, size_t n)
{
  static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
  unsigned cp = (unsigned char)s[0] & mask[n];
  for (size_t i = 1; i < n; i++) cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
  return cp;
}

/* NameStartChar of XML 1.0 (fifth edition), without the colon. */
static bool starts_name(unsigned c)
{
  static const unsigned ranges[][2] = {
    { 'A', 'Z' },       { '_', '_' },       { 'a', 'z' },         { 0xc0, 0xd6 },
    { 0xd8, 0xf6 },     { 0xf8, 0x2ff },    { 0x370, 0x37d },     { 0x37f, 0x1fff },
    { 0x200c, 0x200d }, { 0x2070, 0x218f }, { 0x2c00, 0x2fef },   { 0x3001, 0xd7ff },
    { 0xf900, 0xfdcf }, { 0xfdf0, 0xfffd }, { 0x10000, 0xeffff },
  };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
  return false;
}

static bool continues_name(unsigned c)
{
  return starts_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == 0xb7 ||
         (c >= 0x300 && c <= 0x36f) || c == 0x203f || c == 0x2040;
}

bool ifl_xml_is_ncname(const char *s, size_t n)
{
  if (n == 0 || n > IFL_XML_NAME_MAX) return false;
  for (size_t i = 0; i < n;) {
    size_t len = ifl_utf8_char(s + i, n - i);
    if (len == 0) return false;
    unsigned c = code_point(s + i, len);
    if (i == 0 ? !starts_name(c) : !continues_name(c)) return false;
    i += len;
  }
  return true;
}

bool ifl_xml_is_qname(const char *s, size_t n)
{
  const char *colon = memchr(s, ':', n);
  if (colon == NULL) return ifl_xml_is_ncname(s, n);
  size_t prefix = (size_t)(colon - s);
  return ifl_xml_is_ncname(s, prefix) && ifl_xml_is_ncname(colon + 1, n - prefix - 1);
}

/* ---- how a name is given ---- */

int ifl_xml_names_init(struct ifl_xml_names *names, enum ifl_xml_naming naming,
                       const char *const *namespaces, iflow_error *err)
{
  names->naming = naming;
  ifl_buf_init(&names->map, (size_t)64 << 10);
  for (; namespaces != NULL && *namespaces != NULL; namespaces += 2) {
    const char *prefix = namespaces[0], *uri = namespaces[1];
    if (*prefix != '\0' && !ifl_xml_is_ncname(prefix, strlen(prefix)))
      return ifl_fail(err, IFLOW_EINVAL, "'%s' cannot be the prefix of a namespace", prefix);
    int rc = ifl_buf_add(&names->map, prefix, strlen(prefix) + 1, err);
    if (rc == 0) rc = ifl_buf_add(&names->map, uri, strlen(uri) + 1, err);
    if (rc < 0) return rc;
  }
  return 0;
}

void ifl_xml_names_done(struct ifl_xml_names *names)
{
  ifl_buf_done(&names->map);
}

/* The caller's prefix for the namespace of n bytes, or NULL. */
static const char *mapped_prefix(const struct ifl_xml_names *names, const char *uri, size_t n,
                                 bool attribute)
{
  if (names->map.len == 0) return NULL;
  const char *end = names->map.data + names->map.len;
  for (const char *prefix = names->map.data; prefix < end;) {
    const char *known = prefix + strlen(prefix) + 1;
    size_t len = strlen(known);
    bool fits = !attribute || *prefix != '\0'; /* without a prefix an attribute has no namespace */
    if (fits && len == n && memcmp(known, uri, n) == 0) return prefix;
    prefix = known + len + 1;
  }
  return NULL;
}

static bool has_default(const struct ifl_xml_names *names)
{
  if (names->map.len == 0) return false;
  const char *end = names->map.data + names->map.len;
  for (const char *s = names->map.data; s < end; s += strlen(s) + 1) {
    if (*s == '\0') return true;
    s += strlen(s) + 1; /* past the prefix; the loop goes past the URI */
  }
  return false;
}

struct text {
  char *out;
  size_t len;
  bool full;
};

static void add(struct text *t, const char *s, size_t n)
{
  if (n > IFL_XML_NAME_MAX - t->len) {
    t->full = true;
    return;
  }
  memcpy(t->out + t->len, s, n);
  t->len += n;
}

static void add_prefixed(struct text *t, const char *prefix, size_t n, const char *local,
                         size_t local_len)
{
  if (n > 0) {
    add(t, prefix, n);
    add(t, ":", 1);
  }
  add(t, local, local_len);
}

static void add_mapped(struct text *t, const struct ifl_xml_names *names, const char *uri, size_t n,
                       const char *local, size_t local_len, bool attribute)
{
  const char *prefix = n > 0 ? mapped_prefix(names, uri, n, attribute) : NULL;
  if (prefix != NULL) {
    add_prefixed(t, prefix, strlen(prefix), local, local_len);
    return;
  }
  /* A bare name would be taken for one of the default namespace. */
  if (n > 0 || (!attribute && has_default(names))) {
    add(t, "{", 1);
    add(t, uri, n);
    add(t, "}", 1);
  }
  add(t, local, local_len);
}

const char *ifl_xml_name_given(const struct ifl_xml_names *names, const char *raw, bool attribute,
                               char out[IFL_XML_NAME_MAX], size_t *n)
{
  static const char xml_uri[] = "http://www.w3.org/XML/1998/namespace";
  struct text t = { out, 0, false };
  size_t raw_len = strlen(raw);
  const char *local = memchr(raw, IFL_XML_SEPARATOR, raw_len), *uri = raw, *prefix = NULL;
  if (local == NULL && names->map.len == 0) {
    *n = raw_len;
    return raw_len <= IFL_XML_NAME_MAX ? raw : NULL;
  }
  size_t uri_len = local != NULL ? (size_t)(local - raw) : 0;
  local = local != NULL ? local + 1 : raw;
  const char *end = strchr(local, IFL_XML_SEPARATOR);
  if (end != NULL) prefix = end + 1;
  else end = raw + raw_len;
  size_t local_len = (size_t)(end - local);
  bool xml = uri_len == sizeof xml_uri - 1 && memcmp(uri, xml_uri, uri_len) == 0;

  if (xml) add_prefixed(&t, "xml", 3, local, local_len);
  else if (names->naming == IFL_XML_NAMES_LOCAL) add(&t, local, local_len);
  else if (names->naming == IFL_XML_NAMES_MAPPED)
    add_mapped(&t, names, uri, uri_len, local, local_len, attribute);
  else add_prefixed(&t, prefix, prefix != NULL ? strlen(prefix) : 0, local, local_len);
  *n = t.len;
  return t.full ? NULL : out;
}

/* ---- numbers of names ---- */

#define RAWS ((size_t)1 << 15) /* slots: over three times IFL_XML_NAMES_MAX */

struct ifl_xml_entry {
  size_t at; /* in the text */
  uint16_t n;
  bool attribute;
};

int ifl_xml_dict_init(struct ifl_xml_dict *d, iflow_error *err)
{
  memset(d, 0, sizeof *d);
  ifl_buf_init(&d->text, (size_t)IFL_XML_NAMES_MAX * IFL_XML_NAME_MAX);
  return ifl_random(&d->seed, sizeof d->seed, err);
}

void ifl_xml_dict_done(struct ifl_xml_dict *d)
{
  ifl_buf_done(&d->text);
  free(d->entries);
  free(d->slots);
  free(d->raws);
  memset(d, 0, sizeof *d);
}

static uint64_t hash(const struct ifl_xml_dict *d, const char *s, size_t n) /* FNV-1a */
{
  uint64_t h = d->seed;
  for (const char *end = s + n; s < end; s++) h = (h ^ (unsigned char)*s) * 0x100000001b3u;
  return h ^ h >> 32;
}

/* The slot of the name, or the free one where it would go. */
static size_t slot_of(const struct ifl_xml_dict *d, const char *name, size_t n, bool attribute)
{
  size_t i = (size_t)hash(d, name, n) + attribute;
  for (;; i++) {
    i &= d->cap - 1;
    if (d->slots[i] == 0) return i;
    const struct ifl_xml_entry *e = &d->entries[d->slots[i] - 1];
    if (e->n == n && e->attribute == attribute && memcmp(d->text.data + e->at, name, n) == 0)
      return i;
  }
}

uint16_t ifl_xml_dict_find(const struct ifl_xml_dict *d, const char *name, size_t n, bool attribute)
{
  return d->cap > 0 ? d->slots[slot_of(d, name, n, attribute)] : 0;
}

const char *ifl_xml_dict_name(const struct ifl_xml_dict *d, uint16_t number, size_t *n)
{
  const struct ifl_xml_entry *e = &d->entries[number - 1];
  *n = e->n;
  return d->text.data + e->at;
}

/* Twice the slots, of which half may be taken. */
static int grow(struct ifl_xml_dict *d)
{
  size_t cap = d->cap > 0 ? d->cap * 2 : 32;
  uint16_t *slots = calloc(cap, sizeof *slots);
  struct ifl_xml_entry *entries = realloc(d->entries, cap / 2 * sizeof *entries);
  if (entries != NULL) d->entries = entries;
  if (slots == NULL || entries == NULL) {
    free(slots);
    return IFLOW_ENOMEM;
  }
  free(d->slots);
  d->slots = slots;
  d->cap = cap;
  for (size_t i = 0; i < d->count; i++) {
    const struct ifl_xml_entry *e = &entries[i];
    slots[slot_of(d, d->text.data + e->at, e->n, e->attribute)] = (uint16_t)(i + 1);
  }
  return 0;
}

int ifl_xml_dict_add(struct ifl_xml_dict *d, const char *name, size_t n, bool attribute)
{
  if (d->count == IFL_XML_NAMES_MAX) return IFLOW_ELIMIT;
  int rc = d->count * 2 == d->cap ? grow(d) : 0;
  if (rc == 0) rc = ifl_buf_add(&d->text, name, n, NULL);
  if (rc < 0) return rc;
  d->entries[d->count] = (struct ifl_xml_entry) { d->text.len - n, (uint16_t)n, attribute };
  uint16_t number = (uint16_t)++d->count;
  d->slots[slot_of(d, name, n, attribute)] = number;
  return number;
}

int ifl_xml_dict_count(struct ifl_xml_dict *d, const char *raw)
{
  uint64_t h = hash(d, raw, strlen(raw));
  if (h == 0) h = 1; /* 0 is a free slot */
  if (d->raws == NULL) {
    d->raws = calloc(RAWS, sizeof *d->raws);
    if (d->raws == NULL) return IFLOW_ENOMEM;
  }
  size_t at = (size_t)h & (RAWS - 1);
  for (; d->raws[at] != 0; at = (at + 1) & (RAWS - 1))
    if (d->raws[at] == h) return 0;
  if (d->raw_count == IFL_XML_NAMES_MAX) return IFLOW_ELIMIT;
  d->raws[at] = h;
  d->raw_count++;
  return 0;
}

/* ---- the path of a record ---- */

/* The end of the step at s: the next slash that does not stand in a "{uri}". */
static const char *step_end(const char *s)
{
  if (*s == '{') {
    const char *close = strchr(s, '}');
    if (close != NULL) s = close;
  }
  return s + strcspn(s, "/");
}

int ifl_xml_path_init(struct ifl_xml_path *path, const char *text, iflow_error *err)
{
  memset(path, 0, sizeof *path);
  path->text = strdup(text);
  if (path->text == NULL) return ifl_fail_nomem(err);
  const char *s = path->text;
  while (*s == '/' && s[1] != '/' && s[1] != '\0' && path->count < IFL_XML_STEPS_MAX) {
    const char *end = step_end(++s);
    path->at[path->count] = (size_t)(s - path->text);
    path->len[path->count++] = (size_t)(end - s);
    s = end;
  }
  if (*s == '\0' && path->count > 0) return 0;
  return ifl_fail(err, IFLOW_EINVAL, "'%s' is no path of elements like /Orders/Order", text);
}

void ifl_xml_path_done(struct ifl_xml_path *path)
{
  free(path->text);
  path->text = NULL;
}

bool ifl_xml_path_matches(const struct ifl_xml_path *path, size_t step, const char *name, size_t n)
{
  const char *s = path->text + path->at[step];
  size_t len = path->len[step];
  return (len == 1 && *s == '*') || (len == n && memcmp(s, name, n) == 0);
}
