/* server_answer.c -- the answer side of a connection: heads, pieces, framing, and what still has to
 * leave. The owner's bytes are copied into `out`, which the stream takes in slices. */
#include "net/server_conn.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define SLICE 16384 /* one TLS record */

/* ---- towards the wire ------------------------------------------------------------------------ */

bool ifl_answer_flushed(const struct ifl_conn *c)
{
  return c->out_at == c->out.len && ifl_stream_queued(c->stream) == 0;
}

bool ifl_answer_pump(struct ifl_conn *c)
{
  while (c->out_at < c->out.len && ifl_stream_queued(c->stream) < IFL_SEND_WINDOW) {
    size_t n = c->out.len - c->out_at;
    if (n > SLICE) n = SLICE;
    const char *data = c->out.data + c->out_at;
    int rc = c->ssl != NULL ? ifl_tls_send(c, data, n, NULL)
                            : ifl_stream_write(c->stream, data, n, NULL);
    if (rc < 0) {
      ifl_conn_cut(c, false);
      return false;
    }
    c->out_at += n;
  }
  if (c->out_at == c->out.len) {
    ifl_buf_clear(&c->out);
    c->out_at = 0;
  }
  return true;
}

/* ---- heads ----------------------------------------------------------------------------------- */

static const char *reason(int status)
{
  static const struct {
    int status;
    const char *text;
  } known[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 307, "Temporary Redirect" },
    { 308, "Permanent Redirect" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 406, "Not Acceptable" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 410, "Gone" },
    { 411, "Length Required" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 417, "Expectation Failed" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
    { 505, "HTTP Version Not Supported" },
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].status == status) return known[i].text;
  return "Unknown";
}

static bool is_own(const char *name)
{
  static const char *const own[] = { "Content-Length", "Transfer-Encoding", "Connection", "Date",
                                     "Keep-Alive" };
  for (size_t i = 0; i < sizeof own / sizeof *own; i++)
    if ((name[0] | 0x20) == (own[i][0] | 0x20) && strcasecmp(name, own[i]) == 0) return true;
  return false;
}

static int add_fields(struct ifl_buf *out, const struct ifl_headers *h, iflow_error *err)
{
  int rc = 0;
  for (size_t i = 0; h != NULL && i < h->count && rc == 0; i++) {
    if (is_own(ifl_headers_name(h, i))) continue;
    rc = ifl_buf_adds(out, ifl_headers_name(h, i), err);
    if (rc == 0) rc = ifl_buf_add(out, ": ", 2, err);
    if (rc == 0) rc = ifl_buf_adds(out, ifl_headers_value(h, i), err);
    if (rc == 0) rc = ifl_buf_add(out, "\r\n", 2, err);
  }
  return rc;
}

/* By hand: strftime would follow the locale of the program. */
static void write_date(char *out, size_t size, time_t now)
{
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm t;
  gmtime_r(&now, &t);
  snprintf(out, size, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d GMT\r\n", days + 3 * t.tm_wday,
           t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
}

static int add_date(struct ifl_buf *out, ifl_server *server, iflow_error *err)
{
  time_t now = time(NULL);
  if (now != server->date_of) write_date(server->date, sizeof server->date, now);
  server->date_of = now;
  return ifl_buf_adds(out, server->date, err);
}

static int add_framing(struct ifl_buf *out, const struct ifl_incoming *in, bool bodiless,
                       int64_t length, iflow_error *err)
{
  int rc = 0;
  if (!bodiless && length >= 0)
    rc = ifl_buf_addf(out, err, "Content-Length: %lld\r\n", (long long)length);
  else if (in->chunked) rc = ifl_buf_adds(out, "Transfer-Encoding: chunked\r\n", err);
  if (rc == 0 && in->close) rc = ifl_buf_adds(out, "Connection: close\r\n", err);
  else if (rc == 0 && in->http10) rc = ifl_buf_adds(out, "Connection: keep-alive\r\n", err);
  return rc;
}

/* Whether the connection can go on after this answer. */
static bool must_close(const struct ifl_conn *c, const struct ifl_headers *h)
{
  const struct ifl_incoming *in = &c->in;
  int64_t length = ifl_http1_length(c->parser);
  if (in->close || !in->keep_alive || in->broken.code != 0 || c->server->closing) return true;
  if (c->eof && c->plain.len == 0) return true; /* nothing more comes, not even pipelined */
  /* The peer may send the body or leave it: what comes next would be a guess. */
  if (in->expect && in->body_received == 0) return true;
  if (!in->body_done && length - in->body_received > IFL_DISCARD_MAX) return true;
  return h != NULL && ifl_headers_has_token(h, "Connection", "close");
}

/* A head, and a small answer behind it, in one piece of memory. */
static int reserve(struct ifl_buf *out, const struct ifl_headers *h, int64_t length,
                   iflow_error *err)
{
  size_t body = length > 0 && length < SLICE ? (size_t)length : 0;
  return ifl_buf_reserve(out, 256 + (h != NULL ? h->bytes.len + 2 * h->count : 0) + body, err);
}

static int begin(struct ifl_conn *c, int status, const struct ifl_headers *h, int64_t length,
                 iflow_error *err)
{
  struct ifl_incoming *in = &c->in;
  size_t mark = c->out.len;
  bool bodiless = status == 204 || status == 304;
  in->close = must_close(c, h);
  in->no_body = bodiless || in->head_request;
  in->chunked = !bodiless && length < 0 && !in->http10;
  if (!bodiless && length < 0 && in->http10) in->close = true; /* its end is the connection's */
  in->left = bodiless ? -1 : length;
  int rc = reserve(&c->out, h, length, err);
  if (rc == 0) rc = ifl_buf_addf(&c->out, err, "HTTP/1.1 %d %s\r\n", status, reason(status));
  if (rc == 0) rc = add_fields(&c->out, h, err);
  if (rc == 0) rc = add_date(&c->out, c->server, err);
  if (rc == 0) rc = add_framing(&c->out, in, bodiless, length, err);
  if (rc == 0) rc = ifl_buf_adds(&c->out, "\r\n", err);
  if (rc < 0) c->out.len = mark;
  else in->begun = true;
  return rc;
}

static int may_begin(const struct ifl_incoming *in, int status, iflow_error *err)
{
  if (in->conn->dead) return ifl_fail(err, IFLOW_ERESET, "%s is gone", in->conn->peer);
  if (in->begun && in->broken.code != 0) { /* the server has refused it meanwhile */
    if (err != NULL) *err = in->broken;
    return in->broken.code;
  }
  if (in->begun) return ifl_fail(err, IFLOW_EINVAL, "the request is answered already");
  if (status < 200 || status > 599)
    return ifl_fail(err, IFLOW_EINVAL, "status %d: an answer has 200 to 599", status);
  return 0;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static int add_piece(struct ifl_conn *c, const void *data, size_t n, iflow_error *err)
{
  char head[20];
  struct ifl_incoming *in = &c->in;
  size_t mark = c->out.len;
  if (in->no_body) return 0;
  /* All or nothing: half a chunk would spoil the framing. */
  int rc = ifl_buf_reserve(&c->out, n + sizeof head + 2, err);
  if (rc == 0 && in->chunked) rc = ifl_buf_add(&c->out, head, ifl_http1_chunk_head(head, n), err);
  if (rc == 0) rc = ifl_buf_add(&c->out, data, n, err);
  if (rc == 0 && in->chunked) rc = ifl_buf_add(&c->out, "\r\n", 2, err);
  if (rc < 0) c->out.len = mark;
  return rc;
}

static int finish(struct ifl_conn *c, iflow_error *err)
{
  struct ifl_incoming *in = &c->in;
  int rc = 0;
  if (in->left > 0 && !in->no_body) {
    long long left = (long long)in->left;
    ifl_conn_cut(c, true); /* the peer would wait for the rest */
    return ifl_fail(err, IFLOW_EINVAL, "%lld bytes of the declared length are missing", left);
  }
  if (in->chunked && !in->no_body) rc = ifl_buf_adds(&c->out, "0\r\n\r\n", err);
  if (rc < 0) return rc;
  in->finished = true;
  ifl_buf_done(&in->piece);
  return 0;
}

/* After a change of out: sends what goes, the rest and the news come with the next step. */
static int send_now(struct ifl_conn *c, iflow_error *err)
{
  if (!ifl_answer_pump(c)) return ifl_fail(err, IFLOW_ERESET, "%s is gone", c->peer);
  ifl_conn_schedule(c);
  return 0;
}

/* ---- what the owner calls -------------------------------------------------------------------- */

int ifl_incoming_answer(ifl_incoming *in, int status, const struct ifl_headers *headers,
                        const void *body, size_t n, iflow_error *err)
{
  struct ifl_conn *c = in->conn;
  int rc = may_begin(in, status, err);
  if (rc < 0) return rc;
  if (n > IFL_ANSWER_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "an answer of %zu bytes: write it in pieces", n);
  size_t mark = c->out.len;
  rc = begin(c, status, headers, (int64_t)n, err);
  if (rc < 0) return rc;
  rc = add_piece(c, body, n, err);
  in->left = 0;
  if (rc == 0) rc = finish(c, err);
  if (rc < 0) {
    c->out.len = mark;
    in->begun = false;
    return rc;
  }
  return send_now(c, err);
}

int ifl_incoming_begin(ifl_incoming *in, int status, const struct ifl_headers *headers,
                       int64_t length, iflow_error *err)
{
  int rc = may_begin(in, status, err);
  if (rc == 0) rc = begin(in->conn, status, headers, length, err);
  return rc == 0 ? send_now(in->conn, err) : rc;
}

static int may_write(const struct ifl_incoming *in, size_t n, iflow_error *err)
{
  if (in->conn->dead) return ifl_fail(err, IFLOW_ERESET, "%s is gone", in->conn->peer);
  if (!in->begun) return ifl_fail(err, IFLOW_EINVAL, "the answer was not begun");
  if (in->finished) return ifl_fail(err, IFLOW_EINVAL, "the answer is finished already");
  if (in->sent != NULL) return ifl_fail(err, IFLOW_EINVAL, "another write of this answer waits");
  if (in->left >= 0 && n > (uint64_t)in->left)
    return ifl_fail(err, IFLOW_EINVAL, "the answer is longer than its declared length");
  return 0;
}

int ifl_incoming_write(ifl_incoming *in, const void *data, size_t n,
                       void (*sent)(void *payload, int rc), void *payload, iflow_error *err)
{
  struct ifl_conn *c = in->conn;
  int rc = may_write(in, n, err);
  if (rc < 0) return rc;
  rc = n > 0 ? add_piece(c, data, n, err) : finish(c, err);
  if (rc < 0) return rc;
  if (in->left > 0) in->left -= (int64_t)n;
  rc = send_now(c, err);
  if (rc < 0) return rc;
  in->sent = sent;
  in->sent_payload = payload;
  return 0;
}

void ifl_incoming_abort(ifl_incoming *in)
{
  ifl_conn_cut(in->conn, true);
}

/* What an owner owes when it gives a request up. */
static void settle(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  int status = in->broken.code == 0 ? 500 : in->broken.code == IFLOW_ESTALLED ? 408 : 400;
  if (in->finished) ifl_conn_schedule(c);
  else if (in->begun) ifl_conn_cut(c, true); /* its end would be taken for complete */
  else if (ifl_incoming_answer(in, status, NULL, NULL, 0, NULL) < 0) ifl_conn_cut(c, true);
}

void ifl_incoming_release(ifl_incoming *in)
{
  struct ifl_conn *c = in->conn;
  c->busy++;
  in->held = false;
  in->data = NULL;
  in->sent = NULL;
  in->gone = NULL;
  if (!c->dead) settle(c);
  c->busy--;
  ifl_conn_free_if_unused(c);
}

/* ---- the server's own ------------------------------------------------------------------------ */

void ifl_answer_refuse(struct ifl_conn *c, int status)
{
  struct ifl_incoming *in = &c->in;
  iflow_error why;
  ifl_timer_stop(&c->timer);
  ifl_fail(&why, IFLOW_EHTTP, "the request of %s was refused with status %d", c->peer, status);
  ifl_request_broken(c, &why); /* nothing of this connection is parsed any more */
  c->state = IFL_CONN_REQUEST;
  if (begin(c, status, NULL, 0, NULL) < 0) {
    ifl_conn_cut(c, true);
    return;
  }
  in->left = 0;
  in->finished = true;
}

void ifl_answer_continue(struct ifl_conn *c)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  if (ifl_buf_adds(&c->out, text, NULL) == 0) (void)ifl_answer_pump(c);
}
