/* xml.h -- XML in records and back, for messages. The reader is fed bytes and gives each record (the
 * whole document, or every element that a path names) as a row of events once it is complete; so it
 * holds one record, however long the document. Namespaces are checked; comments and processing
 * instructions are dropped; nothing outside of the document is ever loaded, and entities and
 * attribute defaults cannot be declared: a document cannot grow. Knows nothing of Lua; the binding
 * makes tables of the events (bind/xml.c). xml.c is the only file that sees expat. */
#ifndef IFL_CODEC_XML_H
#define IFL_CODEC_XML_H

#include "base/buffer.h"
#include "codec/xml_name.h"
#include "iflow.h"

#define IFL_XML_DEPTH_MAX   1000              /* nesting, whatever the caller allows */
#define IFL_XML_TOKEN_MAX   ((size_t)4 << 20) /* bytes of one tag, comment or instruction */
#define IFL_XML_DOCTYPE_MAX ((size_t)64 << 10)
#define IFL_XML_RECORD_MAX  ((size_t)1 << 30) /* bytes of a record, whatever the caller allows */

enum ifl_xml_kind {
  IFL_XML_START,     /* name, flags: an element; its attributes follow, then text and elements */
  IFL_XML_ATTRIBUTE, /* name, text; a declaration of a namespace is the attribute xmlns or xmlns:… */
  IFL_XML_TEXT,      /* text: all there is up to the next tag, never empty */
  IFL_XML_END,
  IFL_XML_RECORD, /* line: a record follows, from its start to its end */
  IFL_XML_FAILED  /* line, text: a record that broke a limit and is left out, and which one */
};

/* What is known of an element when it starts, since a record is given as a whole. */
#define IFL_XML_HAS_ATTRIBUTES 1u
#define IFL_XML_HAS_ELEMENTS   2u
#define IFL_XML_HAS_TEXT       4u /* that is not only white space */

struct ifl_xml_event {
  enum ifl_xml_kind kind;
  unsigned flags;
  unsigned name;    /* its number, see ifl_xml_name */
  unsigned inside;  /* of a start: attributes and elements in it, without the declarations */
  const char *text; /* borrowed until the reader is fed again; not NUL-terminated */
  size_t len;
  uint64_t line;
};

struct ifl_xml_options {
  const char *each;     /* "/Orders/Order": every such element is a record; NULL: the document is */
  const char *encoding; /* instead of what the document says; NULL: as it says */
  enum ifl_xml_naming naming;
  const char *const *namespaces; /* prefix, URI, …, NULL: for IFL_XML_NAMES_MAPPED */
  size_t depth;                  /* 1 to IFL_XML_DEPTH_MAX */
  size_t max_attributes;         /* of an element */
  size_t max_text;               /* bytes of an attribute, or of a text up to the next tag */
  size_t max_record;             /* bytes of a record as it is written in the document */
};

typedef struct ifl_xml_reader ifl_xml_reader;

/* Copies the options. Errors: IFLOW_EINVAL (the path or a namespace), IFLOW_ENOMEM. */
int ifl_xml_reader_new(ifl_xml_reader **out, const struct ifl_xml_options *o, iflow_error *err);
void ifl_xml_reader_free(ifl_xml_reader *r);
/* Reads the next bytes; records that are complete are taken with ifl_xml_next before the next feed,
 * also when there was an error. last: the document ends here (n may be 0). Errors, after which it
 * must not be fed again: IFLOW_ETRANSFORMDATA with line and column, IFLOW_ENOMEM. */
int ifl_xml_feed(ifl_xml_reader *r, const char *data, size_t n, bool last, iflow_error *err);
/* The next event of the complete records; false when there is none left. */
bool ifl_xml_next(ifl_xml_reader *r, struct ifl_xml_event *e);
/* The name with the number of an event: small ones, from 1 on, the same for the whole document; an
 * element and an attribute have two. Not NUL-terminated; borrowed until the reader is fed again. */
const char *ifl_xml_name(const ifl_xml_reader *r, unsigned number, size_t *n);

/* Writes to out. The caller keeps the order: an element's start, its attributes, its content, its
 * end. Errors: IFLOW_ETRANSFORMDATA (not a name, not UTF-8, characters that XML cannot hold),
 * IFLOW_ELIMIT, IFLOW_ENOMEM. (xml_write.c) */
struct ifl_xml_writer {
  struct ifl_buf *out;
  bool pretty; /* two spaces a level, but no white space is added where there is text */
  /* private */
  size_t depth, text_depth;
  bool open, after_end;
};
void ifl_xml_writer_init(struct ifl_xml_writer *w, struct ifl_buf *out, bool pretty);
int ifl_xml_write_declaration(struct ifl_xml_writer *w, iflow_error *err);
int ifl_xml_write_start(struct ifl_xml_writer *w, const char *name, size_t n, iflow_error *err);
int ifl_xml_write_attribute(struct ifl_xml_writer *w, const char *name, size_t n, const char *value,
                            size_t value_len, iflow_error *err);
int ifl_xml_write_text(struct ifl_xml_writer *w, const char *s, size_t n, iflow_error *err);
int ifl_xml_write_end(struct ifl_xml_writer *w, const char *name, size_t n, iflow_error *err);
/* The text with what must be escaped in content and in attributes. */
int ifl_xml_escape(struct ifl_buf *out, const char *s, size_t n, bool attribute, iflow_error *err);

/* The version of expat: "expat_2.5.0". */
const char *ifl_xml_library(void);

#endif
