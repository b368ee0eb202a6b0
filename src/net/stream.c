/* stream.c -- TCP listeners and accepted connections over libuv, for the server. */
#include "net/stream.h"

#include "base/error.h"
#include "net/loop_uv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_MAX ((size_t)4 * 1024 * 1024)

struct ifl_listener {
  uv_tcp_t tcp;
  iflow_loop *loop;
  void (*accept)(void *payload, ifl_stream *stream);
  void *payload;
  int port;
};

struct ifl_stream {
  uv_tcp_t tcp;
  iflow_loop *loop;
  struct ifl_stream_events events; /* zeroed when freed: late callbacks do nothing */
  void *payload;
  struct ifl_soon drained; /* the queue may empty inside a write; the news waits for the loop */
  uv_shutdown_t shutdown;
  bool broken, shutting;
  char peer[64];
};

struct pending {
  uv_write_t req;
  ifl_stream *stream;
  char data[];
};

static void free_box(uv_handle_t *h)
{
  free(h->data);
}

/* ---- accepted connections -------------------------------------------------------------------- */

static void name_peer(ifl_stream *s)
{
  struct sockaddr_storage addr;
  int n = sizeof addr;
  char ip[46] = "?";
  int port = 0;
  if (uv_tcp_getpeername(&s->tcp, (struct sockaddr *)&addr, &n) == 0) {
    if (addr.ss_family == AF_INET6) {
      uv_ip6_name((struct sockaddr_in6 *)&addr, ip, sizeof ip);
      port = ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
    } else {
      uv_ip4_name((struct sockaddr_in *)&addr, ip, sizeof ip);
      port = ntohs(((struct sockaddr_in *)&addr)->sin_port);
    }
  }
  snprintf(s->peer, sizeof s->peer, addr.ss_family == AF_INET6 ? "[%s]:%d" : "%s:%d", ip, port);
}

static ifl_stream *stream_accept(ifl_listener *l)
{
  ifl_stream *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  uv_tcp_init(&l->loop->uv, &s->tcp);
  s->tcp.data = s;
  s->loop = l->loop;
  if (uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&s->tcp) < 0) {
    uv_close((uv_handle_t *)&s->tcp, free_box);
    return NULL;
  }
  uv_tcp_nodelay(&s->tcp, 1);
  name_peer(s);
  l->loop->open.sockets++;
  return s;
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
  ifl_stream *s = h->data;
  (void)suggested;
  *buf = uv_buf_init(s->loop->chunk, sizeof s->loop->chunk);
}

static void on_read(uv_stream_t *h, ssize_t n, const uv_buf_t *buf)
{
  ifl_stream *s = h->data;
  if (n > 0) {
    if (s->events.data != NULL) s->events.data(s->payload, buf->base, (size_t)n);
    return;
  }
  if (n == 0) return; /* libuv's EAGAIN */
  uv_read_stop(h);
  if (n != UV_EOF) s->broken = true;
  if (s->events.ended != NULL) s->events.ended(s->payload, n == UV_EOF ? 0 : IFLOW_ERESET);
}

void ifl_stream_start(ifl_stream *s, const struct ifl_stream_events *events, void *payload)
{
  s->events = *events;
  s->payload = payload;
  ifl_stream_read(s, true);
}

void ifl_stream_read(ifl_stream *s, bool on)
{
  if (on && !s->broken) uv_read_start((uv_stream_t *)&s->tcp, on_alloc, on_read);
  else uv_read_stop((uv_stream_t *)&s->tcp);
}

static void tell_drained(void *payload)
{
  ifl_stream *s = payload;
  if (s->events.drained != NULL) s->events.drained(s->payload);
}

static void on_written(uv_write_t *req, int status)
{
  struct pending *w = req->data;
  ifl_stream *s = w->stream;
  free(w);
  if (status < 0) s->broken = true;
  if (ifl_stream_queued(s) == 0 && s->events.drained != NULL)
    ifl_soon(s->loop, &s->drained, tell_drained, s);
}

static int queue_rest(ifl_stream *s, const char *data, size_t n, iflow_error *err)
{
  struct pending *w = malloc(sizeof *w + n);
  if (w == NULL) return ifl_fail_nomem(err);
  w->req.data = w;
  w->stream = s;
  memcpy(w->data, data, n);
  uv_buf_t buf = uv_buf_init(w->data, (unsigned)n);
  int rc = uv_write(&w->req, (uv_stream_t *)&s->tcp, &buf, 1, on_written);
  if (rc == 0) return 0;
  free(w);
  s->broken = true;
  return ifl_fail(err, IFLOW_ERESET, "%s: %s", s->peer, uv_strerror(rc));
}

int ifl_stream_write(ifl_stream *s, const void *data, size_t n, iflow_error *err)
{
  const char *p = data;
  if (s->broken || s->shutting) return ifl_fail(err, IFLOW_ERESET, "%s is gone", s->peer);
  if (n > QUEUE_MAX - ifl_stream_queued(s))
    return ifl_fail(err, IFLOW_ELIMIT, "%s does not read: %zu bytes wait", s->peer, QUEUE_MAX);
  if (ifl_stream_queued(s) == 0 && n > 0) {
    uv_buf_t buf = { .base = NULL, .len = n };
    memcpy(&buf.base, &p, sizeof p); /* libuv's buffers are not const; it only reads here */
    int sent = uv_try_write((uv_stream_t *)&s->tcp, &buf, 1);
    if (sent > 0) p += sent, n -= (size_t)sent;
    else if (sent < 0 && sent != UV_EAGAIN) {
      s->broken = true;
      return ifl_fail(err, IFLOW_ERESET, "%s: %s", s->peer, uv_strerror(sent));
    }
  }
  if (n > 0) return queue_rest(s, p, n, err);
  ifl_soon(s->loop, &s->drained, tell_drained, s);
  return 0;
}

size_t ifl_stream_queued(const ifl_stream *s)
{
  return uv_stream_get_write_queue_size((const uv_stream_t *)&s->tcp);
}

static void on_shutdown(uv_shutdown_t *req, int status)
{
  (void)req;
  (void)status; /* the peer's end, or the timeout of the owner, comes next */
}

void ifl_stream_shutdown(ifl_stream *s)
{
  if (s->shutting || s->broken) return;
  s->shutting = true;
  uv_shutdown(&s->shutdown, (uv_stream_t *)&s->tcp, on_shutdown);
}

const char *ifl_stream_peer(const ifl_stream *s)
{
  return s->peer;
}

void ifl_stream_free(ifl_stream *s, bool reset)
{
  if (s == NULL) return;
  memset(&s->events, 0, sizeof s->events);
  ifl_soon_cancel(&s->drained);
  s->loop->open.sockets--;
  if (reset && uv_tcp_close_reset(&s->tcp, free_box) == 0) return;
  uv_close((uv_handle_t *)&s->tcp, free_box);
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *h, int status)
{
  ifl_listener *l = h->data;
  if (status < 0) return; /* out of descriptors: libuv has dropped the connection */
  ifl_stream *s = stream_accept(l);
  if (s != NULL) l->accept(l->payload, s);
}

static int bind_to(ifl_listener *l, const char *host, int port, int backlog)
{
  struct sockaddr_storage addr;
  int n = sizeof addr;
  int rc = uv_ip4_addr(host, port, (struct sockaddr_in *)&addr);
  if (rc < 0) rc = uv_ip6_addr(host, port, (struct sockaddr_in6 *)&addr);
  if (rc == 0) rc = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&addr, 0);
  if (rc == 0) rc = uv_listen((uv_stream_t *)&l->tcp, backlog, on_connection);
  if (rc == 0) rc = uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&addr, &n);
  if (rc == 0)
    l->port = ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                               : ((struct sockaddr_in *)&addr)->sin_port);
  return rc;
}

int ifl_listen(ifl_listener **out, iflow_loop *loop, const char *host, int port, int backlog,
               void (*accept)(void *payload, ifl_stream *stream), void *payload, iflow_error *err)
{
  ifl_listener *l = calloc(1, sizeof *l);
  if (l == NULL) return ifl_fail_nomem(err);
  l->loop = loop;
  l->accept = accept;
  l->payload = payload;
  uv_tcp_init(&loop->uv, &l->tcp);
  l->tcp.data = l;
  loop->open.sockets++;
  int rc = bind_to(l, host, port, backlog);
  if (rc < 0) {
    ifl_listener_free(l);
    ifl_fail(err, IFLOW_ESYSTEM, "cannot listen on %s port %d: %s", host, port, uv_strerror(rc));
    if (rc == UV_EADDRINUSE)
      ifl_hint(err, "another process uses port %d; choose another one", port);
    return IFLOW_ESYSTEM;
  }
  *out = l;
  return 0;
}

int ifl_listener_port(const ifl_listener *l)
{
  return l->port;
}

void ifl_listener_free(ifl_listener *l)
{
  if (l == NULL) return;
  l->loop->open.sockets--;
  uv_close((uv_handle_t *)&l->tcp, free_box);
}
