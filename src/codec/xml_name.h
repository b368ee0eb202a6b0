/* xml_name.h -- names of XML: how they are given to the caller, the path of a record, and a ceiling
 * on how many there are. For xml.c and the binding. */
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
/* How a name of the parser ("uri SEP local SEP prefix", "uri SEP local" or "local") is given: its
 * length in out, or 0 when it is too long. */
size_t ifl_xml_name_given(const struct ifl_xml_names *names, const char *raw, bool attribute,
                          char out[IFL_XML_NAME_MAX]);

/* "/a/b": absolute, "*" for any name; a step is a name as it is given, so "{uri}name" works. */
struct ifl_xml_path {
  char *text;
  size_t count;
  size_t at[IFL_XML_STEPS_MAX], len[IFL_XML_STEPS_MAX];
};
int ifl_xml_path_init(struct ifl_xml_path *path, const char *text, iflow_error *err);
void ifl_xml_path_done(struct ifl_xml_path *path);
bool ifl_xml_path_matches(const struct ifl_xml_path *path, size_t step, const char *name, size_t n);

/* A set of the names seen, by their hashes. */
struct ifl_xml_seen {
  uint64_t *slots;
  size_t count;
};
/* IFLOW_ETRANSFORMDATA when there are more than IFL_XML_NAMES_MAX, IFLOW_ENOMEM. */
int ifl_xml_seen_add(struct ifl_xml_seen *seen, const char *raw, iflow_error *err);
void ifl_xml_seen_done(struct ifl_xml_seen *seen);

#endif
