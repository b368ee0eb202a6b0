/* http1.c -- see http1.h: llhttp, with the strictness it lacks. For client and server.
 *
 * llhttp 8.1 lets through a bare CR, folded lines and long chunk extensions, and it calls back for
 * the head before its last line could be judged. So every byte that is not body passes
 * check_lines first: lines end in CR LF and in nothing else, hold no NUL, and none begins with a
 * blank. A head is checked before llhttp sees it, chunk lines and trailers as they come. */
#include "net/http1.h"

#include "base/error.h"
#include "base/secret.h"

#include <ctype.h>
#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEAD_MAX       (IFL_HEADER_BYTES_MAX + 16 * 1024) /* start line and fields together */
#define CHUNK_LINE_MAX 4096                               /* a chunk's size and its extensions */
#define START_MAX      (16 * 1024 + 64)                   /* the start line: a target of 16 KiB */
#define BLANK_MAX      2 /* empty lines before a request, as old clients send them */

/* Where it is in the line with a chunk's size. */
enum size_line { NOT_THERE, DIGITS, BLANKS, EXTENSION };

struct ifl_http1 {
  llhttp_t ll;
  enum ifl_http1_side side;
  struct ifl_http1_events events;
  void *payload;
  struct ifl_headers headers, trailers;
  struct ifl_buf start; /* the start line; a request's is cut behind its target */
  size_t target_at;     /* in start: a request's target, an answer's reason */
  struct ifl_buf field; /* name and value of the field that is being read */
  size_t name_len;      /* length of the name in field */
  int64_t length;
  bool chunked, keep_alive, head_request;
  bool started, head_done, complete, failed;
  enum size_line size_line;

  /* check_lines */
  char last;         /* byte before the next one, 0 at the start of a message */
  size_t line_len;   /* of the current line */
  size_t head_bytes; /* checked so far */
  unsigned blanks;   /* empty lines before the start line */
  bool start_seen, head_scanned;
  const char *mark; /* up to here the bytes of this feed are checked or are body */

  int rc; /* why a callback stopped llhttp */
  iflow_error *err;
};

static const char *what(const struct ifl_http1 *p)
{
  return p->side == IFL_HTTP1_REQUEST ? "the request" : "the answer";
}

static int refuse(struct ifl_http1 *p, const char *why)
{
  return ifl_fail(p->err, IFLOW_EHTTP, "%s is not valid HTTP/1.1: %s", what(p), why);
}

static int too_large(struct ifl_http1 *p, const char *part, size_t max)
{
  int rc =
      ifl_fail(p->err, IFLOW_EHTTPLIMIT, "%s of %s has more than %zu bytes", part, what(p), max);
  ifl_hint(p->err, "something in between adds data, or this is not the server that was meant");
  return rc;
}

/* ---- lines ---- */

/* One line ended. Returns 1 when it was the empty line after the head. */
static int line_ended(struct ifl_http1 *p)
{
  bool empty = p->line_len == 0;
  p->line_len = 0;
  if (p->head_scanned) return 0;
  if (!empty) {
    p->start_seen = true;
    return 0;
  }
  if (p->start_seen) return 1;
  if (p->side == IFL_HTTP1_RESPONSE || ++p->blanks > BLANK_MAX)
    return refuse(p, "it begins with empty lines");
  return 0;
}

static int check_piece(struct ifl_http1 *p, const char *s, size_t n)
{
  if (p->last == '\n' && (*s == ' ' || *s == '\t'))
    return refuse(p, "a line begins with a blank (folded header fields are not accepted)");
  if (memchr(s, '\n', n) != NULL) return refuse(p, "a line ends in LF without CR");
  if (memchr(s, '\0', n) != NULL) return refuse(p, "it has a NUL outside of the body");
  if (!p->start_seen) {
    int rc = ifl_buf_add(&p->start, s, n, p->err);
    if (rc < 0) return rc == IFLOW_ELIMIT ? too_large(p, "the first line", START_MAX) : rc;
  }
  p->line_len += n;
  if (p->head_scanned && !(p->ll.flags & F_TRAILING) && p->line_len > CHUNK_LINE_MAX)
    return too_large(p, "a chunk's line", CHUNK_LINE_MAX);
  return 0;
}

/* Checks bytes that are not body. Returns 1 behind the empty line that ends a head, else 0 with
 * *stop = end, or an error. */
static int check_lines(struct ifl_http1 *p, const char *s, const char *end, const char **stop)
{
  int rc = 0;
  while (s < end && rc == 0) {
    if (p->last == '\r') {
      if (*s != '\n') return refuse(p, "a CR without LF");
      p->last = *s++;
      rc = line_ended(p);
      continue;
    }
    const char *cr = memchr(s, '\r', (size_t)(end - s));
    size_t n = (size_t)((cr != NULL ? cr : end) - s);
    if (n > 0) rc = check_piece(p, s, n);
    s += n;
    p->last = cr != NULL ? '\r' : s[-1];
    if (cr != NULL) s++;
  }
  *stop = s;
  return rc;
}

static int scan_head(struct ifl_http1 *p, const char *data, size_t n)
{
  const char *stop = data;
  int rc = check_lines(p, data, data + n, &stop);
  if (rc < 0) return rc;
  p->head_bytes += (size_t)(stop - data);
  if (p->head_bytes > HEAD_MAX) return too_large(p, "the head", HEAD_MAX);
  p->head_scanned = rc == 1;
  p->mark = stop;
  return 0;
}

/* ---- callbacks of llhttp; a failure is kept in p->rc and stops it with -1 ---- */

static int stop_with(struct ifl_http1 *p, int rc)
{
  if (rc >= 0) return 0;
  p->rc = rc;
  return -1;
}

static int on_field(llhttp_t *ll, const char *at, size_t n)
{
  struct ifl_http1 *p = ll->data;
  int rc = ifl_buf_add(&p->field, at, n, p->err);
  if (rc == IFLOW_ELIMIT) rc = too_large(p, "a header field", p->field.max);
  return stop_with(p, rc);
}

static int on_name_complete(llhttp_t *ll)
{
  struct ifl_http1 *p = ll->data;
  p->name_len = p->field.len;
  return 0;
}

static int on_value_complete(llhttp_t *ll)
{
  struct ifl_http1 *p = ll->data;
  struct ifl_headers *h = p->head_done ? &p->trailers : &p->headers;
  int rc = ifl_headers_add(h, p->field.data, p->name_len, p->field.data + p->name_len,
                           p->field.len - p->name_len, p->err);
  if (rc == IFLOW_EHEADER) rc = refuse(p, "a header field has a character that is not allowed");
  if (rc == IFLOW_ELIMIT && h->count == IFL_HEADERS_MAX)
    rc = ifl_fail(p->err, IFLOW_EHTTPLIMIT, "%s has more than %d header fields", what(p),
                  IFL_HEADERS_MAX);
  if (rc == IFLOW_ELIMIT) rc = too_large(p, "the head", IFL_HEADER_BYTES_MAX);
  ifl_buf_clear(&p->field);
  p->name_len = 0;
  return stop_with(p, rc);
}

static bool bodiless(const struct ifl_http1 *p)
{
  int status = p->ll.status_code;
  return p->side == IFL_HTTP1_RESPONSE &&
         (p->head_request || status / 100 == 1 || status == 204 || status == 304);
}

static size_t count_of(const struct ifl_headers *h, const char *name)
{
  size_t n = 0;
  for (size_t i = 0; i < h->count; i++)
    if (strcasecmp(ifl_headers_name(h, i), name) == 0) n++;
  return n;
}

/* RFC 9112, section 6: what makes it unclear where the message ends is refused. */
static int check_framing(struct ifl_http1 *p)
{
  size_t codings = count_of(&p->headers, "Transfer-Encoding");
  size_t lengths = count_of(&p->headers, "Content-Length");
  if (codings > 0) {
    const char *coding = ifl_headers_get(&p->headers, "Transfer-Encoding");
    if (lengths > 0) return refuse(p, "it has both Content-Length and Transfer-Encoding");
    /* llhttp takes a tab behind the word for a part of it, and would read no chunks. */
    if (codings > 1 || strcasecmp(coding, "chunked") != 0 || !(p->ll.flags & F_CHUNKED))
      return refuse(p, "its Transfer-Encoding is not 'chunked'");
    if (p->ll.http_minor == 0) return refuse(p, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (lengths > 1) return refuse(p, "it has several Content-Length fields");
  if (p->ll.content_length > INT64_MAX) return refuse(p, "its Content-Length is out of range");
  p->chunked = codings > 0;
  p->length = lengths > 0 ? (int64_t)p->ll.content_length : -1;
  return 0;
}

/* llhttp takes several blanks, RTSP/1.0, absolute and authority forms; a server that is no proxy
 * has no use for them. */
static int check_request_line(struct ifl_http1 *p)
{
  char *line = p->start.data;
  size_t method = strcspn(line, " "), target = strcspn(line + method + 1, " ");
  char *path = line + method + 1, *version = path + target;
  if (strcmp(version, " HTTP/1.1") != 0 && strcmp(version, " HTTP/1.0") != 0)
    return refuse(p, "its first line is not METHOD /path HTTP/1.1");
  *version = '\0';
  bool star = p->ll.method == HTTP_OPTIONS && strcmp(path, "*") == 0;
  bool is_path = path[0] == '/' && strchr(path, '#') == NULL && p->ll.method != HTTP_CONNECT;
  if (!star && !is_path) return refuse(p, "its target is not a path");
  p->target_at = method + 1;
  return 0;
}

/* llhttp takes leading zeros. */
static int check_status_line(struct ifl_http1 *p)
{
  const char *status = p->start.data + strcspn(p->start.data, " ") + 1;
  if (p->ll.status_code < 100 || strspn(status, "0123456789") != 3)
    return refuse(p, "its status does not have three digits");
  p->target_at = (size_t)(status + 3 - p->start.data);
  p->target_at += strspn(status + 3, " ");
  return 0;
}

static int check_start(struct ifl_http1 *p)
{
  if (p->ll.http_major != 1) return refuse(p, "its version is not 1.0 or 1.1");
  return p->side == IFL_HTTP1_REQUEST ? check_request_line(p) : check_status_line(p);
}

/* Pauses at the begin of a line with a chunk's size, for take_size_line. */
static int begin_size_line(struct ifl_http1 *p)
{
  p->size_line = DIGITS;
  return HPE_PAUSED;
}

static int on_chunk_complete(llhttp_t *ll)
{
  return (ll->flags & F_TRAILING) != 0 ? 0 : begin_size_line(ll->data);
}

static int on_head(llhttp_t *ll)
{
  struct ifl_http1 *p = ll->data;
  int rc = check_start(p);
  if (rc == 0) rc = check_framing(p);
  if (rc < 0) return stop_with(p, rc);
  ll->upgrade = 0; /* never: what follows is a message, whatever the peer offers */
  p->head_done = true;
  p->last = 0;
  rc = p->events.head != NULL ? p->events.head(p->payload) : 0;
  if (rc < 0) return stop_with(p, rc);
  if (bodiless(p)) return 1;
  return p->chunked ? begin_size_line(p) : 0;
}

static int on_body(llhttp_t *ll, const char *at, size_t n)
{
  struct ifl_http1 *p = ll->data;
  const char *stop;
  if (p->chunked) {
    int rc = check_lines(p, p->mark, at, &stop);
    if (rc < 0) return stop_with(p, rc);
    p->last = 0;
    p->line_len = 0;
  }
  p->mark = at + n;
  return stop_with(p, p->events.body != NULL ? p->events.body(p->payload, at, n) : 0);
}

/* Pauses, so that feed returns here and the last bytes can be checked before the event. */
static int on_complete(llhttp_t *ll)
{
  struct ifl_http1 *p = ll->data;
  p->complete = true;
  p->keep_alive = llhttp_should_keep_alive(ll) != 0;
  return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
  .on_header_field = on_field,
  .on_header_value = on_field,
  .on_header_field_complete = on_name_complete,
  .on_header_value_complete = on_value_complete,
  .on_headers_complete = on_head,
  .on_body = on_body,
  .on_chunk_complete = on_chunk_complete,
  .on_message_complete = on_complete,
};

/* ---- the parser ---- */

int ifl_http1_new(ifl_http1 **out, enum ifl_http1_side side, const struct ifl_http1_events *events,
                  void *payload, iflow_error *err)
{
  ifl_http1 *p = calloc(1, sizeof *p);
  if (p == NULL) return ifl_fail_nomem(err);
  p->side = side;
  p->events = *events;
  p->payload = payload;
  ifl_headers_init(&p->headers);
  ifl_headers_init(&p->trailers);
  ifl_buf_init(&p->start, START_MAX);
  ifl_buf_init(&p->field, IFL_HEADER_BYTES_MAX);
  ifl_http1_reset(p, false);
  *out = p;
  return 0;
}

void ifl_http1_free(ifl_http1 *p)
{
  if (p == NULL) return;
  ifl_headers_done(&p->headers);
  ifl_headers_done(&p->trailers);
  ifl_buf_wipe(&p->start);
  ifl_buf_wipe(&p->field);
  free(p);
}

void ifl_http1_reset(ifl_http1 *p, bool head_request)
{
  llhttp_init(&p->ll, p->side == IFL_HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
  p->ll.data = p;
  ifl_headers_clear(&p->headers);
  ifl_headers_clear(&p->trailers);
  ifl_buf_clear(&p->start);
  ifl_buf_clear(&p->field);
  p->name_len = p->line_len = p->head_bytes = p->target_at = 0;
  p->length = -1;
  p->chunked = p->keep_alive = p->started = p->head_done = p->complete = p->failed = false;
  p->start_seen = p->head_scanned = false;
  p->size_line = NOT_THERE;
  p->head_request = head_request;
  p->last = 0;
  p->blanks = 0;
  p->rc = 0;
}

/* Up to end, or to a pause. */
static int run(ifl_http1 *p, const char **at, const char *end)
{
  llhttp_errno_t e = llhttp_execute(&p->ll, *at, (size_t)(end - *at));
  if (p->rc < 0) return p->rc;
  if (e != HPE_OK && e != HPE_PAUSED) return refuse(p, llhttp_get_error_reason(&p->ll));
  *at = e == HPE_PAUSED ? llhttp_get_error_pos(&p->ll) : end;
  if (e == HPE_PAUSED) llhttp_resume(&p->ll);
  return 0;
}

/* Behind the blanks after a size. Old servers pad with them; a client has no reason to. */
static int end_blanks(struct ifl_http1 *p, char next)
{
  bool padding = next == '\r' && p->side == IFL_HTTP1_RESPONSE;
  if (next != ';' && !padding) return refuse(p, "a chunk's size is not a number");
  p->size_line = next == ';' ? EXTENSION : NOT_THERE;
  return 0;
}

static bool has_control(const char *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    if (((unsigned char)s[i] < 0x20 && s[i] != '\t') || s[i] == 0x7f) return true;
  return false;
}

/* The size alone reaches llhttp, which in 8.1 takes neither blanks around extensions nor two of
 * which one has a value. All are ignored (RFC 9112, section 7.1.1). */
static int take_size_line(ifl_http1 *p, const char **at, const char *end)
{
  const char *s = *at, *cr;
  if (p->size_line == DIGITS) {
    while (s < end && isxdigit((unsigned char)*s)) s++;
    int rc = s > *at ? run(p, at, s) : 0;
    if (rc < 0) return rc;
    if (s < end)
      p->size_line = *s == ' ' || *s == '\t' ? BLANKS : *s == ';' ? EXTENSION : NOT_THERE;
  } else if (p->size_line == BLANKS) {
    while (s < end && (*s == ' ' || *s == '\t')) s++;
    int rc = s < end ? end_blanks(p, *s) : 0;
    if (rc < 0) return rc;
  } else {
    cr = memchr(s, '\r', (size_t)(end - s));
    s = cr != NULL ? cr : end;
    if (has_control(*at, (size_t)(s - *at)))
      return refuse(p, "a chunk's extension has a control character");
    if (cr != NULL) p->size_line = NOT_THERE;
  }
  *at = s;
  return 0;
}

static int execute(ifl_http1 *p, const char *data, size_t n, size_t *used)
{
  const char *at = data, *end = data + n, *stop;
  int rc = 0;
  while (rc == 0 && at < end && !p->complete)
    rc = p->size_line != NOT_THERE ? take_size_line(p, &at, end) : run(p, &at, end);
  *used = (size_t)(at - data);
  if (rc == 0 && p->chunked && p->head_done && p->mark < at)
    rc = check_lines(p, p->mark, at, &stop);
  if (rc < 0) return rc;
  if (p->complete && p->events.complete != NULL) return p->events.complete(p->payload);
  return 0;
}

int ifl_http1_feed(ifl_http1 *p, const char *data, size_t n, size_t *used, iflow_error *err)
{
  int rc = 0;
  *used = 0;
  p->err = err;
  if (p->failed) return refuse(p, "what came before was not");
  if (p->complete || n == 0) return 0;
  p->started = true;
  p->mark = data;
  if (!p->head_scanned) rc = scan_head(p, data, n);
  if (rc >= 0) rc = execute(p, data, n, used);
  p->failed = rc < 0;
  p->err = NULL;
  return rc < 0 ? rc : 0;
}

int ifl_http1_eof(ifl_http1 *p, iflow_error *err)
{
  if (p->complete && !p->failed) return 0;
  p->err = err;
  if (p->head_done && !p->failed && llhttp_finish(&p->ll) != HPE_OK && p->complete) {
    int rc = p->events.complete != NULL ? p->events.complete(p->payload) : 0;
    p->err = NULL;
    return rc;
  }
  p->err = NULL;
  return ifl_fail(err, IFLOW_ERESET,
                  p->started ? "the connection was closed inside of %s"
                             : "the connection was closed before %s",
                  what(p));
}

int ifl_http1_status(const ifl_http1 *p)
{
  return p->head_done ? p->ll.status_code : 0;
}

const char *ifl_http1_reason(const ifl_http1 *p)
{
  return p->head_done ? p->start.data + p->target_at : "";
}

const char *ifl_http1_method(const ifl_http1 *p)
{
  return llhttp_method_name((llhttp_method_t)p->ll.method);
}

int ifl_http1_minor(const ifl_http1 *p)
{
  return p->ll.http_minor;
}

const char *ifl_http1_target(const ifl_http1 *p)
{
  return p->head_done ? p->start.data + p->target_at : "";
}

struct ifl_headers *ifl_http1_headers(ifl_http1 *p)
{
  return &p->headers;
}

struct ifl_headers *ifl_http1_trailers(ifl_http1 *p)
{
  return &p->trailers;
}

bool ifl_http1_keep_alive(const ifl_http1 *p)
{
  return p->complete && p->keep_alive && !p->failed;
}

int64_t ifl_http1_length(const ifl_http1 *p)
{
  return p->length;
}

bool ifl_http1_chunked(const ifl_http1 *p)
{
  return p->chunked;
}

bool ifl_http1_started(const ifl_http1 *p)
{
  return p->started;
}

size_t ifl_http1_chunk_head(char out[20], size_t n)
{
  return (size_t)snprintf(out, 20, "%zx\r\n", n);
}

#define STRING(x) #x
#define TEXT(x)   STRING(x)

const char *ifl_http1_library(void)
{
  return TEXT(LLHTTP_VERSION_MAJOR) "." TEXT(LLHTTP_VERSION_MINOR) "." TEXT(LLHTTP_VERSION_PATCH);
}
