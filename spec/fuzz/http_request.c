/* http_request.c -- fuzz target: any bytes as what a client sends.
 * The parser must come to the same result whether the bytes come at once or in pieces. The server,
 * over a real connection, must answer with HTTP that our own parser accepts, end the connection
 * when the client has ended its side, and leave nothing open. */
#include "net/http1.h"
#include "net/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX 20000
#define TURNS_MAX 5000 /* of the loop, for one input */

/* ---- the parser: at once and in pieces ------------------------------------------------------- */

struct seen {
  ifl_http1 *parser;
  struct ifl_buf text; /* head and body in one canonical form */
  bool complete;
};

static int on_head(void *payload)
{
  struct seen *s = payload;
  struct ifl_headers *h = ifl_http1_headers(s->parser);
  if (h->count > IFL_HEADERS_MAX || h->bytes.len > IFL_HEADER_BYTES_MAX) abort();
  if (ifl_http1_target(s->parser)[0] != '/' && strcmp(ifl_http1_target(s->parser), "*") != 0)
    abort();
  ifl_buf_addf(&s->text, NULL, "%s %s %d\n", ifl_http1_method(s->parser),
               ifl_http1_target(s->parser), ifl_http1_minor(s->parser));
  for (size_t i = 0; i < h->count; i++)
    ifl_buf_addf(&s->text, NULL, "%s=%s\n", ifl_headers_name(h, i), ifl_headers_value(h, i));
  return 0;
}

static int on_body(void *payload, const char *data, size_t n)
{
  struct seen *s = payload;
  return ifl_buf_add(&s->text, data, n, NULL);
}

static int on_complete(void *payload)
{
  struct seen *s = payload;
  if (s->complete) abort();
  s->complete = true;
  return 0;
}

static int parse(struct seen *s, const uint8_t *data, size_t size, size_t piece)
{
  static const struct ifl_http1_events events = { on_head, on_body, on_complete };
  iflow_error err = { 0 };
  int rc = 0;
  memset(s, 0, sizeof *s);
  ifl_buf_init(&s->text, 1 << 20);
  if (ifl_http1_new(&s->parser, IFL_HTTP1_REQUEST, &events, s, NULL) < 0) abort();
  for (size_t at = 0; at < size && rc == 0 && !s->complete;) {
    size_t n = size - at < piece ? size - at : piece, used = 0;
    rc = ifl_http1_feed(s->parser, (const char *)data + at, n, &used, &err);
    if (used > n || (rc < 0 && err.code != rc)) abort();
    if (rc == 0 && used < n && !s->complete) abort(); /* it stops at the end of a message only */
    at += used;
  }
  return rc;
}

static void parser_agrees(const uint8_t *data, size_t size)
{
  struct seen whole, pieces;
  int one = parse(&whole, data, size, size);
  int two = parse(&pieces, data, size, 1 + data[size - 1] % 16);
  if ((one < 0) != (two < 0)) abort();
  if (one == 0 && whole.complete != pieces.complete) abort();
  if (one == 0 && whole.text.len != pieces.text.len) abort();
  if (one == 0 && whole.text.len > 0 &&
      memcmp(whole.text.data, pieces.text.data, whole.text.len) != 0)
    abort();
  ifl_http1_free(whole.parser);
  ifl_http1_free(pieces.parser);
  ifl_buf_done(&whole.text);
  ifl_buf_done(&pieces.text);
}

/* ---- the server ------------------------------------------------------------------------------ */

struct echo {
  ifl_incoming *in;
  size_t total;
};

static void done(struct echo *e)
{
  ifl_incoming_release(e->in);
  free(e);
}

static void on_piece(void *payload, const char *data, size_t n, const iflow_error *err)
{
  struct echo *e = payload;
  e->total += n;
  if (err != NULL || n == 0) {
    if (err == NULL) (void)ifl_incoming_answer(e->in, 200, NULL, "ok", 2, NULL);
    done(e);
    return;
  }
  /* Some pieces are echoed as a streamed answer, so that both sides of it are at work. */
  if (data[0] == 'b') (void)ifl_incoming_begin(e->in, 200, NULL, -1, NULL);
  (void)ifl_incoming_write(e->in, data, n, NULL, NULL, NULL);
  if (ifl_incoming_read(e->in, on_piece, e, NULL) < 0) done(e);
}

static void on_request(void *payload, ifl_incoming *in)
{
  const char *target = ifl_incoming_target(in);
  struct echo *e = calloc(1, sizeof *e);
  (void)payload;
  if (e == NULL) abort();
  e->in = in;
  if (strncmp(target, "/early", 6) == 0) (void)ifl_incoming_answer(in, 413, NULL, "no", 2, NULL);
  if (strncmp(target, "/abort", 6) == 0) ifl_incoming_abort(in);
  if (strncmp(target, "/e", 2) == 0 || strncmp(target, "/a", 2) == 0 ||
      ifl_incoming_read(in, on_piece, e, NULL) < 0)
    done(e);
}

/* The fuzzer's clock may interrupt a connect, which then goes on by itself. */
static bool connected(int fd, const struct sockaddr_in *to)
{
  struct pollfd wait = { .fd = fd, .events = POLLOUT };
  int failed = 0;
  socklen_t len = sizeof failed;
  if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0) return true;
  if (errno != EINTR) return false;
  while (poll(&wait, 1, -1) < 0)
    if (errno != EINTR) return false;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0;
}

/* A thousand connections a second use up the ports of one address within a minute, since those that
 * ended rest for so long: each comes from another address of 127.0.0.0/8. */
static int connect_to(int port)
{
  static uint32_t count;
  struct sockaddr_in from = { .sin_family = AF_INET };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (++count & 0xffff));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) < 0 || !connected(fd, &to)) {
    perror("no connection to the server under test");
    abort();
  }
  return fd;
}

static int answer_head(void *payload)
{
  (void)payload;
  return 0;
}

/* What came back must be answers one after the other; the last one may be cut. */
static void check_answers(const struct ifl_buf *got)
{
  static const struct ifl_http1_events events = { answer_head, NULL, NULL };
  ifl_http1 *p;
  if (ifl_http1_new(&p, IFL_HTTP1_RESPONSE, &events, NULL, NULL) < 0) abort();
  for (size_t at = 0, used; at < got->len; at += used) {
    iflow_error err = { 0 };
    if (ifl_http1_feed(p, got->data + at, got->len - at, &used, &err) < 0) abort();
    if (used == 0) abort();
    ifl_http1_reset(p, false);
  }
  ifl_http1_free(p);
}

/* True when the server has ended the connection. */
static bool take(int fd, struct ifl_buf *got)
{
  char piece[4096];
  for (;;) {
    ssize_t n = recv(fd, piece, sizeof piece, MSG_DONTWAIT);
    if (n <= 0) return n == 0 || errno != EAGAIN;
    if (ifl_buf_add(got, piece, (size_t)n, NULL) < 0) abort();
  }
}

static void server_survives(const uint8_t *data, size_t size)
{
  static iflow_loop *loop; /* of the fuzzer's process: one server for all inputs */
  static ifl_server *server;
  struct ifl_server_opts opts;
  struct ifl_buf got = IFL_BUF_INIT(1 << 24);
  bool ended = false;
  if (server == NULL) {
    ifl_server_opts_init(&opts);
    opts.request = on_request;
    if (iflow_loop_new(&loop, NULL) < 0 || ifl_server_new(&server, loop, &opts, NULL) < 0) abort();
  }
  int fd = connect_to(ifl_server_port(server));
  size_t half = size / 2;
  if (send(fd, data, half, MSG_NOSIGNAL) < 0) abort();
  for (int i = 0; i < 3; i++) ifl_loop_turn(loop, 0);
  (void)!send(fd, data + half, size - half, MSG_NOSIGNAL);
  shutdown(fd, SHUT_WR);
  for (int i = 0; i < TURNS_MAX && !ended; i++) {
    ifl_loop_turn(loop, 0);
    ended = take(fd, &got);
  }
  if (!ended) abort();
  close(fd);
  for (int i = 0; i < TURNS_MAX && ifl_server_get_stats(server).open > 0; i++)
    ifl_loop_turn(loop, 0);
  if (ifl_server_get_stats(server).open > 0 || ifl_loop_counts(loop).timers > 0) abort();
  if (memmem(data, size, "HEAD", 4) == NULL) check_answers(&got); /* whose answers have no body */
  ifl_buf_done(&got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  if (size == 0 || size > INPUT_MAX) return 0;
  parser_agrees(data, size);
  server_survives(data, size);
  return 0;
}
