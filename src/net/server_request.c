/* server_request.c -- the request side of a connection: which heads are refused, and the body,
 * piece by piece and only as fast as it is asked for. */
#include "net/server_conn.h"

#include "base/error.h"

#include <string.h>
#include <strings.h>

/* ---- from the parser ------------------------------------------------------------------------- */

static int on_head(void *payload)
{
  struct ifl_conn *c = payload;
  c->head_done = true; /* acted upon when the parser has returned */
  return 0;
}

static int on_body(void *payload, const char *data, size_t n)
{
  struct ifl_conn *c = payload;
  struct ifl_incoming *in = &c->in;
  in->body_received += (int64_t)n;
  if (!ifl_request_discards(in)) return ifl_buf_add(&in->piece, data, n, NULL);
  in->discarded += (int64_t)n;
  if (in->discarded > IFL_DISCARD_MAX) in->close = true;
  return 0;
}

static int on_complete(void *payload)
{
  struct ifl_conn *c = payload;
  c->in.body_done = true;
  return 0;
}

const struct ifl_http1_events ifl_request_events = { on_head, on_body, on_complete };

/* ---- the head -------------------------------------------------------------------------------- */

static size_t count(const struct ifl_headers *h, const char *name)
{
  size_t n = 0;
  for (size_t i = 0; i < h->count; i++)
    if (strcasecmp(ifl_headers_name(h, i), name) == 0) n++;
  return n;
}

/* uri-host [ ":" port ] of RFC 3986. Empty is what a client sends that has no name for us. */
static bool is_host(const char *s)
{
  static const char digits[] = "0123456789";
  static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                             "-._~%!$&'()*+,;=";
  if (*s == '\0') return true;
  size_t n = *s == '[' ? 1 + strspn(s + 1, "0123456789ABCDEFabcdef:.") : strspn(s, name);
  if (n == 0 || (*s == '[' && s[n++] != ']')) return false;
  return s[n] == '\0' || (s[n] == ':' && s[n + 1 + strspn(s + n + 1, digits)] == '\0');
}

/* The parser has refused what is malformed; this is what only a server must refuse. */
int ifl_request_check(struct ifl_conn *c)
{
  const struct ifl_headers *h = ifl_http1_headers(c->parser);
  const char *expect = ifl_headers_get(h, "Expect");
  bool http10 = ifl_http1_minor(c->parser) == 0;
  size_t hosts = count(h, "Host");
  if (hosts > 1 || (hosts == 0 && !http10)) return 400;
  if (hosts == 1 && !is_host(ifl_headers_get(h, "Host"))) return 400; /* RFC 9112, section 3.2 */
  if (expect != NULL && !http10 && strcasecmp(expect, "100-continue") != 0) return 417;
  return 0;
}

void ifl_request_start(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  const struct ifl_headers *h = ifl_http1_headers(c->parser);
  c->state = IFL_CONN_REQUEST;
  in->http10 = ifl_http1_minor(c->parser) == 0;
  in->keep_alive = !ifl_headers_has_token(h, "Connection", "close") &&
                   (!in->http10 || ifl_headers_has_token(h, "Connection", "keep-alive"));
  in->head_request = strcmp(ifl_http1_method(c->parser), "HEAD") == 0;
  in->has_body = ifl_http1_chunked(c->parser) || ifl_http1_length(c->parser) > 0;
  in->expect = in->has_body && !in->http10 && ifl_headers_get(h, "Expect") != NULL;
  in->held = true;
  c->server->opts.request(c->server->opts.payload, in);
}

void ifl_request_reset(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  struct ifl_buf piece = in->piece;
  ifl_buf_done(&piece);
  *in = (struct ifl_incoming) { .conn = c, .piece = piece, .left = -1 };
  c->head_done = false;
  ifl_http1_reset(c->parser, false);
}

/* ---- the body -------------------------------------------------------------------------------- */

bool ifl_request_discards(const struct ifl_incoming *in)
{
  return in->finished;
}

bool ifl_request_wants(const struct ifl_incoming *in)
{
  if (in->body_done || in->broken.code != 0) return false;
  return ifl_request_discards(in) || (in->data != NULL && in->piece.len == 0);
}

void ifl_request_broken(struct ifl_conn *c, const iflow_error *why)
{
  if (c->in.broken.code != 0) return; /* the first reason stands */
  c->in.broken = *why;
  c->in.close = true;
}

void ifl_request_deliver(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  void (*data)(void *, const char *, size_t, const iflow_error *) = in->data;
  struct ifl_buf piece = in->piece;
  iflow_error answered = { 0 };
  if (data == NULL) return;
  if (piece.len > 0 && !in->finished) {
    /* Moved out first: the callback may ask for the next piece or give the request up. */
    ifl_buf_init(&in->piece, piece.max);
    in->data = NULL;
    data(in->data_payload, piece.data, piece.len, NULL);
    ifl_buf_wipe(&piece);
  } else if (in->body_done) {
    in->data = NULL;
    data(in->data_payload, NULL, 0, NULL);
  } else if (in->broken.code != 0) {
    in->data = NULL;
    data(in->data_payload, NULL, 0, &in->broken);
  } else if (in->finished) {
    in->data = NULL;
    ifl_fail(&answered, IFLOW_ECLOSED, "the request was answered before its body was read");
    data(in->data_payload, NULL, 0, &answered);
  }
}

int ifl_incoming_read(ifl_incoming *in,
                      void (*data)(void *payload, const char *data, size_t n,
                                   const iflow_error *err),
                      void *payload, iflow_error *err)
{
  struct ifl_conn *c = in->conn;
  if (in->data != NULL) return ifl_fail(err, IFLOW_EINVAL, "a read of this body waits already");
  if (in->finished) return ifl_fail(err, IFLOW_ECLOSED, "the request was answered already");
  in->data = data;
  in->data_payload = payload;
  if (in->expect && !c->dead && !in->begun && in->body_received == 0) ifl_answer_continue(c);
  in->expect = false;
  ifl_conn_schedule(c);
  return 0;
}

/* ---- what the owner sees --------------------------------------------------------------------- */

const char *ifl_incoming_method(const ifl_incoming *in)
{
  return ifl_http1_method(in->conn->parser);
}

const char *ifl_incoming_target(const ifl_incoming *in)
{
  return ifl_http1_target(in->conn->parser);
}

struct ifl_headers *ifl_incoming_headers(ifl_incoming *in)
{
  return ifl_http1_headers(in->conn->parser);
}

int64_t ifl_incoming_length(const ifl_incoming *in)
{
  return ifl_http1_length(in->conn->parser);
}

bool ifl_incoming_has_body(const ifl_incoming *in)
{
  return in->has_body;
}

const char *ifl_incoming_peer(const ifl_incoming *in)
{
  return in->conn->peer;
}

STACK_OF(X509) * ifl_incoming_client_chain(const ifl_incoming *in)
{
  return in->conn->client_chain;
}

const char *ifl_incoming_tls_version(const ifl_incoming *in)
{
  return in->conn->tls_version;
}

bool ifl_incoming_failed(const ifl_incoming *in)
{
  return in->conn->dead || in->broken.code != 0;
}

void ifl_incoming_on_gone(ifl_incoming *in, void (*gone)(void *payload), void *payload)
{
  in->gone = gone;
  in->gone_payload = payload;
  if (in->conn->dead) ifl_conn_schedule(in->conn);
}
