/* http_response.c -- fuzz target: any bytes as what a server answers.
 * The first byte chooses the request; the rest is sent by a peer on a real connection. The parser
 * must come to the same result whether the bytes come at once or in pieces, the client must end
 * every exchange exactly once, agree with the parser when it succeeds, keep its ceilings, and leave
 * nothing open. */
#include "net/client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 20000
#define TURNS_MAX 20000
#define BODY_MAX  (256 * 1024)

enum { ASK_HEAD = 1, WITH_BODY = 2, EXPECT = 4, SAVE = 8, IDEMPOTENT = 16, RESET = 32, EARLY = 64 };

/* ---- the parser: at once and in pieces ------------------------------------------------------- */

struct seen {
  ifl_http1 *parser;
  struct ifl_buf body;
  int status;
  bool complete, coded;
};

static int on_head(void *payload)
{
  struct seen *s = payload;
  struct ifl_headers *h = ifl_http1_headers(s->parser);
  if (h->count > IFL_HEADERS_MAX || h->bytes.len > IFL_HEADER_BYTES_MAX) abort();
  s->status = ifl_http1_status(s->parser);
  if (s->status < 100 || s->status > 999 || ifl_http1_reason(s->parser) == NULL) abort();
  s->coded = ifl_headers_get(h, "Content-Encoding") != NULL;
  return 0;
}

static int on_body(void *payload, const char *data, size_t n)
{
  struct seen *s = payload;
  if (n == 0) abort();
  return ifl_buf_add(&s->body, data, n, NULL);
}

static int on_complete(void *payload)
{
  struct seen *s = payload;
  if (s->complete) abort();
  s->complete = s->status / 100 != 1;
  return 0;
}

/* All interim answers and the final one, then the end of the connection. */
static int parse(struct seen *s, bool head, const char *data, size_t size, size_t piece)
{
  static const struct ifl_http1_events events = { on_head, on_body, on_complete };
  iflow_error err = { 0 };
  int rc = 0;
  memset(s, 0, sizeof *s);
  ifl_buf_init(&s->body, INPUT_MAX);
  if (ifl_http1_new(&s->parser, IFL_HTTP1_RESPONSE, &events, s, NULL) < 0) abort();
  ifl_http1_reset(s->parser, head);
  for (size_t at = 0; at < size && rc == 0 && !s->complete;) {
    size_t n = size - at < piece ? size - at : piece, used = 0;
    if (ifl_http1_status(s->parser) / 100 == 1) ifl_http1_reset(s->parser, head);
    rc = ifl_http1_feed(s->parser, data + at, n, &used, &err);
    if (used > n || (rc < 0 && err.code != rc)) abort();
    at += used;
  }
  if (rc == 0 && !s->complete) rc = ifl_http1_eof(s->parser, &err);
  return rc;
}

static void seen_done(struct seen *s)
{
  ifl_http1_free(s->parser);
  ifl_buf_done(&s->body);
}

static void parser_agrees(bool head, const char *data, size_t size)
{
  struct seen whole, pieces;
  int one = parse(&whole, head, data, size, size);
  int two = parse(&pieces, head, data, size, 1 + (unsigned char)data[size - 1] % 16);
  if ((one < 0) != (two < 0)) abort();
  if (one == 0 && (whole.complete != pieces.complete || whole.status != pieces.status)) abort();
  if (one == 0 && whole.body.len != pieces.body.len) abort();
  if (one == 0 && whole.body.len > 0 &&
      memcmp(whole.body.data, pieces.body.data, whole.body.len) != 0)
    abort();
  seen_done(&whole);
  seen_done(&pieces);
}

/* ---- the client ------------------------------------------------------------------------------ */

/* Of the fuzzer's process: one client and one listener for all inputs. */
static iflow_loop *loop;
static ifl_client *client;
static int listener = -1, sink = -1;
static struct ifl_url url;

static void open_all(void)
{
  struct sockaddr_in addr = { .sin_family = AF_INET };
  socklen_t len = sizeof addr;
  char text[64];
  addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  sink = open("/dev/null", O_WRONLY);
  if (listener < 0 || bind(listener, (struct sockaddr *)&addr, sizeof addr) < 0) abort();
  if (listen(listener, 16) < 0 || getsockname(listener, (struct sockaddr *)&addr, &len) < 0)
    abort();
  snprintf(text, sizeof text, "http://127.0.0.1:%d/", ntohs(addr.sin_port));
  if (iflow_loop_new(&loop, NULL) < 0 || ifl_client_new(&client, loop, NULL, NULL) < 0) abort();
  if (ifl_url_parse(&url, text, NULL) < 0) abort();
}

struct outcome {
  int calls, code;
};

static void on_done(void *payload, ifl_exchange *x, const iflow_error *err)
{
  struct outcome *o = payload;
  (void)x;
  o->calls++;
  o->code = err != NULL ? err->code : 0;
}

/* The peer: answers every connection with the same bytes, and reads what it is sent. */
struct peer {
  int fd;
  size_t at; /* sent */
};

static void peer_close(struct peer *p)
{
  if (p->fd >= 0) close(p->fd);
  p->fd = -1;
}

static void peer_turn(struct peer *p, int flags, const char *data, size_t size)
{
  static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  char piece[16384];
  ssize_t n;
  if (p->fd < 0) {
    p->fd = accept(listener, NULL, NULL);
    p->at = 0;
    if (p->fd < 0) return;
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset); /* else ports would run out */
  }
  n = recv(p->fd, piece, sizeof piece, MSG_DONTWAIT);
  if (n == 0) peer_close(p);
  if (n == 0 || (n < 0 && p->at == 0 && (flags & EARLY) == 0)) return;
  if (p->at < size) {
    size_t part = p->at == 0 ? (size + 1) / 2 : size - p->at;
    n = send(p->fd, data + p->at, part, MSG_NOSIGNAL | MSG_DONTWAIT);
    p->at += n > 0 ? (size_t)n : size;
  } else if ((flags & RESET) != 0) {
    peer_close(p);
  } else {
    shutdown(p->fd, SHUT_WR);
  }
}

static void request_of(struct ifl_request *r, int flags)
{
  static const char body[100000];
  ifl_request_init(r);
  r->url = &url;
  r->method = (flags & ASK_HEAD) != 0 ? "HEAD" : "POST";
  r->max_body = BODY_MAX;
  r->proxy = "";
  r->idempotent = (flags & IDEMPOTENT) != 0;
  r->expect_continue = (flags & EXPECT) != 0;
  if ((flags & SAVE) != 0) r->save_fd = sink;
  if ((flags & WITH_BODY) == 0) return;
  r->body.kind = IFL_BODY_BYTES;
  r->body.data = body;
  r->body.len = sizeof body;
}

static void check(ifl_exchange *x, const struct outcome *o, int flags, const char *data,
                  size_t size)
{
  struct seen s;
  const struct ifl_buf *body = ifl_exchange_body(x);
  if (body->len > BODY_MAX) abort();
  if (o->code != 0) return;
  if (ifl_exchange_status(x) < 200) abort();
  if (parse(&s, (flags & ASK_HEAD) != 0, data, size, size) < 0 || !s.complete) abort();
  if (s.status != ifl_exchange_status(x)) abort();
  bool saved = (flags & SAVE) != 0 && s.status / 100 == 2;
  if (!s.coded && !saved &&
      (body->len != s.body.len ||
       (body->len > 0 && memcmp(body->data, s.body.data, body->len) != 0)))
    abort();
  if (!s.coded && saved && ifl_exchange_saved(x) != (int64_t)s.body.len) abort();
  seen_done(&s);
}

static void client_survives(int flags, const char *data, size_t size)
{
  struct ifl_request r;
  struct outcome o = { 0 };
  struct peer peer = { .fd = -1 };
  ifl_exchange *x;
  request_of(&r, flags);
  if (ifl_exchange_start(&x, client, &r, on_done, &o, NULL) < 0) abort();
  for (int i = 0; i < TURNS_MAX && o.calls == 0; i++) {
    ifl_loop_turn(loop, i < 1000 ? 0 : 1); /* files are written on threads */
    peer_turn(&peer, flags, data, size);
  }
  if (o.calls != 1) abort();
  check(x, &o, flags, data, size);
  ifl_exchange_free(x);
  ifl_client_drop_idle(client, NULL);
  peer_close(&peer);
  for (int i = 0; i < TURNS_MAX && ifl_loop_counts(loop).operations > 0; i++)
    ifl_loop_turn(loop, 1);
  struct ifl_counts open = ifl_loop_counts(loop);
  if (open.operations > 0 || open.sockets > 0 || open.timers > 0 || o.calls != 1) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size < 2 || size > INPUT_MAX) return 0;
  if (loop == NULL) open_all();
  parser_agrees((data[0] & ASK_HEAD) != 0, (const char *)data + 1, size - 1);
  client_survives(data[0], (const char *)data + 1, size - 1);
  return 0;
}
