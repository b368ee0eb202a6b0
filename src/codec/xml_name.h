/* xml_name.h -- names of XML: how they are given to the caller, their numbers, the path of a record,
 * and a ceiling on how many there are. For xml.c and the binding. */
#ifndef IFL_CODEC_XML_NAME_H
#define IFL_CODEC_XML_NAME_H

#include "base/buffer.h"
#include "iflow.h"

#define IFL_XML_NAME_MAX  512   /* bytes of a name, with its prefix or namespace */
#define IFL_XML_NAMES_MAX 10000 /* different names in one document: the parser keeps them all */
#define IFL_XML_STEPS_MAX 32    /* of a path */
#define IFL_XML_SEPARATOR '\x01'

enum ifl_xml_naming {
  IFL_XML_NAMES_WRITTEN, /* "prefix:name", and the declarations among the attributes */
  IFL_XML_NAMES_LOCAL,   /* "name", without the declarations */
  /* "prefix:name" with the prefix that the caller chose for the namespace ("" for none before an
   * element), "{uri}name" for other namespaces; without the declarations */
  IFL_XML_NAMES_MAPPED
};

/* Whether the n bytes are a name without a colon (an NCName of Namespaces in XML), or one with at
 * most one colon in between (a QName). */
bool ifl_xml_is_ncname(const char *s, size_t n);
bool ifl_xml_is_qname(const char *s, size_t n);

struct ifl_xml_names {
  enum ifl_xml_naming naming;
  struct ifl_buf map; /* prefix NUL URI NUL … */
};
/* namespaces: prefix, URI, …, NULL. Errors: IFLOW_EINVAL, IFLOW_ENOMEM. */
int ifl_xml_names_init(struct ifl_xml_names *names, enum ifl_xml_naming naming,
                       const char *const *namespaces, iflow_error *err);
void ifl_xml_names_done(struct ifl_xml_names *names);
/* How a name of the parser ("uri SEP local SEP prefix", "uri SEP local" or "local") is given: raw
 * itself, or text that was written to out; n: its length. NULL when it is too long. */
const char *ifl_xml_name_given(const struct ifl_xml_names *names, const char *raw, bool attribute,
                               char out[IFL_XML_NAME_MAX], size_t *n);

/* The names of a document as they are given, numbered from 1 in the order they come; an element's
 * and an attribute's name are two. */
struct ifl_xml_dict {
  uint64_t seed; /* of the hashes: a document must not choose where its names go */
  struct ifl_buf text;
  struct ifl_xml_entry *entries; /* by number */
  uint16_t *slots;               /* numbers by hash; 0: free */
  size_t count, cap;             /* names; slots */
  uint64_t *raws;                /* hashes of the parser's names; 0: free */
  size_t raw_count;
};
/* IFLOW_ESYSTEM. */
int ifl_xml_dict_init(struct ifl_xml_dict *d, iflow_error *err);
void ifl_xml_dict_done(struct ifl_xml_dict *d);
/* The number of a name; 0 when it is new. */
uint16_t ifl_xml_dict_find(const struct ifl_xml_dict *d, const char *name, size_t n,
                           bool attribute);
/* Returns the number of a new name of 1 to IFL_XML_NAME_MAX bytes; IFLOW_ELIMIT when there are
 * IFL_XML_NAMES_MAX already, IFLOW_ENOMEM. */
int ifl_xml_dict_add(struct ifl_xml_dict *d, const char *name, size_t n, bool attribute);
/* The name of a number, not NUL-terminated; borrowed until the next one is added. */
const char *ifl_xml_dict_name(const struct ifl_xml_dict *d, uint16_t number, size_t *n);
/* Counts a name of the parser, which has more of them than are given: of several prefixes or
 * namespaces. IFLOW_ELIMIT and IFLOW_ENOMEM as above. */
int ifl_xml_dict_count(struct ifl_xml_dict *d, const char *raw);

/* "/a/b": absolute, "*" for any name; a step is a name as it is given, so "{uri}name" works. */
struct ifl_xml_path {
  char *text;
  size_t count;
  size_t at[IFL_XML_STEPS_MAX], len[IFL_XML_STEPS_MAX];
};
int ifl_xml_path_init(struct ifl_xml_path *path, const char *text, iflow_error *err);
void ifl_xml_path_done(struct ifl_xml_path *path);
bool ifl_xml_path_matches(const struct ifl_xml_path *path, size_t step, const char *name, size_t n);

#endif
