/* http1.h -- HTTP/1.1 messages, for both sides. http1.c is the only file that sees llhttp. */
#ifndef IFL_NET_HTTP1_H
#define IFL_NET_HTTP1_H

#include "base/buffer.h"
#include "iflow.h"

/* A header block: names and values in one buffer, in order, spelling kept. */
struct ifl_headers {
  struct ifl_buf bytes; /* name NUL value NUL name NUL … */
  uint32_t *at;         /* offset of each name, then of each value */
  size_t count, cap;
};
#define IFL_HEADERS_MAX      128          /* fields a message; CF's router takes 101 */
#define IFL_HEADER_BYTES_MAX (128 * 1024) /* bytes a header block */

void ifl_headers_init(struct ifl_headers *h);
void ifl_headers_done(struct ifl_headers *h); /* wipes: cookies and tokens pass here */
void ifl_headers_clear(struct ifl_headers *h);
/* Copies. Errors: IFLOW_EHEADER (name not a token; CR, LF or NUL in the value), IFLOW_ELIMIT. */
int ifl_headers_add(struct ifl_headers *h, const char *name, size_t nn, const char *value,
                    size_t vn, iflow_error *err);
const char *ifl_headers_name(const struct ifl_headers *h, size_t i);
const char *ifl_headers_value(const struct ifl_headers *h, size_t i);
/* First value of a name (any case), or NULL. */
const char *ifl_headers_get(const struct ifl_headers *h, const char *name);
/* Whether a comma-separated field contains token (any case), over all its lines. */
bool ifl_headers_has_token(const struct ifl_headers *h, const char *name, const char *token);

enum ifl_http1_side { IFL_HTTP1_REQUEST, IFL_HTTP1_RESPONSE };

/* Callbacks of a parser. A negative return stops the parser with that code; its text is the
 * callback's own business. They must not free or reset the parser. */
struct ifl_http1_events {
  int (*head)(void *payload); /* all of the head is in p->… ; 1xx answers come here too */
  int (*body)(void *payload, const char *data, size_t n); /* decoded from chunks; borrowed */
  int (*complete)(void *payload); /* end of the message (for 1xx: right after head) */
};

typedef struct ifl_http1 ifl_http1;

/* Parses one message after the other. Refuses what RFC 9112 lets smuggle: blank in a field name,
 * bare LF, length with chunked, two different lengths, obs-fold, NUL, and the limits above. */
int ifl_http1_new(ifl_http1 **out, enum ifl_http1_side side, const struct ifl_http1_events *events,
                  void *payload, iflow_error *err);
void ifl_http1_free(ifl_http1 *p);
/* Ready for the next message of the connection; head_request: the next answer has no body. */
void ifl_http1_reset(ifl_http1 *p, bool head_request);

/* Eats bytes; *used tells how many. It stops behind the end of a message, 1xx too: reset, then feed
 * the rest. Errors: IFLOW_EHTTP, IFLOW_EHTTPLIMIT, IFLOW_ENOMEM (err is filled), or what a callback
 * returned (err is untouched). After an error the parser takes nothing until it is reset. */
int ifl_http1_feed(ifl_http1 *p, const char *data, size_t n, size_t *used, iflow_error *err);
/* The connection ended: completes a close-delimited answer, else IFLOW_ERESET (cut). */
int ifl_http1_eof(ifl_http1 *p, iflow_error *err);

/* Of the current message; strings are borrowed until the next reset. */
int ifl_http1_status(const ifl_http1 *p);
const char *ifl_http1_reason(const ifl_http1 *p);
const char *ifl_http1_method(const ifl_http1 *p);
int ifl_http1_minor(const ifl_http1 *p); /* 0 or 1: HTTP/1.0 or HTTP/1.1 */
const char *ifl_http1_target(const ifl_http1 *p);
struct ifl_headers *ifl_http1_headers(ifl_http1 *p);
struct ifl_headers *ifl_http1_trailers(ifl_http1 *p);
bool ifl_http1_keep_alive(const ifl_http1 *p); /* after complete: may the connection be reused? */
int64_t ifl_http1_length(const ifl_http1 *p);  /* Content-Length, -1 when there is none */
bool ifl_http1_chunked(const ifl_http1 *p);
/* Bytes of the current message's head and body were seen. */
bool ifl_http1_started(const ifl_http1 *p);

/* Writing. A chunk's frame: "1f\r\n" into out (20 bytes), returns its length; the data and "\r\n"
 * follow. The last one is "0\r\n\r\n". */
size_t ifl_http1_chunk_head(char out[20], size_t n);
/* Whether s is a token of RFC 9110 (method or field name). */
bool ifl_http1_is_token(const char *s, size_t n);
/* Whether s may be the value of a field: tabs and bytes above 0x7f are fine, other control
 * characters could end a line somewhere. */
bool ifl_http1_is_value(const char *s, size_t n);

/* The version of llhttp. */
const char *ifl_http1_library(void);

#endif
