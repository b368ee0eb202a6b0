/* stream.c -- TCP listeners and accepted connections, for the server. Plain sockets over ifl_poll:
 * libuv's own streams write without MSG_NOSIGNAL, so that a peer that left early would kill a
 * process which, like the Lua module, may not touch the signal handlers. */
#include "net/stream.h"

#include "base/buffer.h"
#include "base/error.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_MAX    ((size_t)4 * 1024 * 1024)
#define READ_CHUNK   65536
#define ACCEPT_BATCH 64  /* connections a turn: the others must not starve */
#define ACCEPT_REST  100 /* ms to wait when the process is out of descriptors */

struct ifl_listener {
  int fd, port;
  iflow_loop *loop;
  ifl_poll *poll;
  struct ifl_timer rest;
  void (*accept)(void *payload, ifl_stream *stream);
  void *payload;
};

struct ifl_stream {
  int fd;
  iflow_loop *loop;
  ifl_poll *poll;
  struct ifl_stream_events events;
  void *payload;
  struct ifl_buf queue; /* bytes the kernel did not take yet, from `sent` on */
  size_t sent;
  struct ifl_soon drained; /* the queue may empty inside a write; the news waits for the loop */
  bool reading, ended, broken, shutting;
  char peer[64];
};

/* ---- accepted connections -------------------------------------------------------------------- */

static void watch(ifl_stream *s)
{
  int events = 0;
  if (s->reading && !s->ended) events |= IFL_READABLE;
  if (ifl_stream_queued(s) > 0 && !s->broken) events |= IFL_WRITABLE;
  ifl_poll_set(s->poll, events);
}

static void tell_drained(void *payload)
{
  ifl_stream *s = payload;
  if (s->events.drained != NULL) s->events.drained(s->payload);
}

/* Hands n bytes to the kernel as far as it takes them. Returns how many, or -1 when broken. */
static ssize_t push(ifl_stream *s, const char *data, size_t n)
{
  size_t done = 0;
  while (done < n) {
    ssize_t k = send(s->fd, data + done, n - done, MSG_NOSIGNAL);
    if (k >= 0) done += (size_t)k;
    else if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    else if (errno != EINTR) return -1;
  }
  return (ssize_t)done;
}

static void flush(ifl_stream *s)
{
  ssize_t n = push(s, s->queue.data + s->sent, ifl_stream_queued(s));
  if (n < 0) {
    s->broken = true; /* the reading side tells the owner */
    ifl_buf_wipe(&s->queue);
    s->sent = 0;
  } else {
    s->sent += (size_t)n;
  }
  if (ifl_stream_queued(s) > 0) return;
  ifl_buf_done(&s->queue);
  s->sent = 0;
  if (s->shutting && !s->broken) shutdown(s->fd, SHUT_WR);
  ifl_soon(s->loop, &s->drained, tell_drained, s);
}

static void receive(ifl_stream *s)
{
  char chunk[READ_CHUNK];
  ssize_t n = recv(s->fd, chunk, sizeof chunk, 0);
  if (n > 0) {
    if (s->events.data != NULL) s->events.data(s->payload, chunk, (size_t)n);
    return;
  }
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  s->ended = true;
  if (n < 0) s->broken = true;
  watch(s);
  if (s->events.ended != NULL) s->events.ended(s->payload, n == 0 ? 0 : IFLOW_ERESET);
}

static void on_ready(void *payload, int events)
{
  ifl_stream *s = payload;
  if ((events & IFL_WRITABLE) && ifl_stream_queued(s) > 0) {
    flush(s);
    watch(s);
  }
  /* Last: its callbacks may free s. */
  if ((events & IFL_READABLE) && s->reading && !s->ended) receive(s);
}

void ifl_stream_start(ifl_stream *s, const struct ifl_stream_events *events, void *payload)
{
  s->events = *events;
  s->payload = payload;
  ifl_stream_read(s, true);
}

void ifl_stream_read(ifl_stream *s, bool on)
{
  s->reading = on;
  watch(s);
}

int ifl_stream_write(ifl_stream *s, const void *data, size_t n, iflow_error *err)
{
  const char *p = data;
  if (s->broken || s->shutting) return ifl_fail(err, IFLOW_ERESET, "%s is gone", s->peer);
  if (n > QUEUE_MAX - ifl_stream_queued(s))
    return ifl_fail(err, IFLOW_ELIMIT, "%s does not read: %zu bytes wait", s->peer, QUEUE_MAX);
  if (ifl_stream_queued(s) == 0 && n > 0) {
    ssize_t k = push(s, p, n);
    if (k < 0) {
      s->broken = true;
      return ifl_fail_errno(err, errno, "cannot write to %s", s->peer), IFLOW_ERESET;
    }
    p += k;
    n -= (size_t)k;
  }
  if (n == 0) {
    ifl_soon(s->loop, &s->drained, tell_drained, s);
    return 0;
  }
  ifl_buf_consume(&s->queue, s->sent);
  s->sent = 0;
  int rc = ifl_buf_add(&s->queue, p, n, err);
  watch(s);
  return rc;
}

size_t ifl_stream_queued(const ifl_stream *s)
{
  return s->queue.len - s->sent;
}

void ifl_stream_shutdown(ifl_stream *s)
{
  if (s->shutting || s->broken) return;
  s->shutting = true;
  if (ifl_stream_queued(s) == 0) shutdown(s->fd, SHUT_WR);
}

const char *ifl_stream_peer(const ifl_stream *s)
{
  return s->peer;
}

void ifl_stream_free(ifl_stream *s, bool reset)
{
  if (s == NULL) return;
  ifl_soon_cancel(&s->drained);
  ifl_poll_free(s->poll);
  if (reset) {
    struct linger now = { .l_onoff = 1, .l_linger = 0 };
    setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  close(s->fd);
  ifl_buf_wipe(&s->queue);
  free(s);
}

static void name_of(char *out, size_t size, const struct sockaddr_storage *addr, int *port)
{
  char ip[INET6_ADDRSTRLEN] = "?";
  if (addr->ss_family == AF_INET6) {
    const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)addr;
    *port = ntohs(a->sin6_port);
    inet_ntop(AF_INET6, &a->sin6_addr, ip, sizeof ip);
    snprintf(out, size, "[%s]:%d", ip, *port);
  } else {
    const struct sockaddr_in *a = (const struct sockaddr_in *)addr;
    *port = ntohs(a->sin_port);
    inet_ntop(AF_INET, &a->sin_addr, ip, sizeof ip);
    snprintf(out, size, "%s:%d", ip, *port);
  }
}

static ifl_stream *stream_new(iflow_loop *loop, int fd, const struct sockaddr_storage *addr)
{
  int port, on = 1;
  ifl_stream *s = calloc(1, sizeof *s);
  if (s == NULL || ifl_poll_new(&s->poll, loop, fd, on_ready, s, NULL) < 0) {
    free(s);
    close(fd);
    return NULL;
  }
  s->fd = fd;
  s->loop = loop;
  ifl_buf_init(&s->queue, QUEUE_MAX);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  name_of(s->peer, sizeof s->peer, addr, &port);
  return s;
}

/* ---- listeners ------------------------------------------------------------------------------- */

static void on_rested(void *payload)
{
  ifl_listener *l = payload;
  ifl_poll_set(l->poll, IFL_READABLE);
}

static void on_connection(void *payload, int events)
{
  ifl_listener *l = payload;
  (void)events;
  for (int i = 0; i < ACCEPT_BATCH; i++) {
    struct sockaddr_storage addr = { 0 };
    socklen_t n = sizeof addr;
    int fd = accept4(l->fd, (struct sockaddr *)&addr, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      ifl_stream *s = stream_new(l->loop, fd, &addr);
      if (s != NULL) l->accept(l->payload, s);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS) continue;
    ifl_poll_set(l->poll, 0); /* the connection stays ready: waiting beats spinning */
    ifl_timer_start(l->loop, &l->rest, ACCEPT_REST, on_rested, l);
    return;
  }
}

static int open_socket(ifl_listener *l, const char *host, int port, int backlog)
{
  struct sockaddr_storage addr = { 0 };
  struct sockaddr_in *v4 = (struct sockaddr_in *)&addr;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&addr;
  char name[64];
  socklen_t n = sizeof *v4;
  int on = 1;
  if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
  } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    n = sizeof *v6;
  } else {
    return EADDRNOTAVAIL;
  }
  l->fd = socket(addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (l->fd < 0) return errno;
  setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(l->fd, (struct sockaddr *)&addr, n) < 0 || listen(l->fd, backlog) < 0 ||
      getsockname(l->fd, (struct sockaddr *)&addr, &n) < 0)
    return errno;
  name_of(name, sizeof name, &addr, &l->port);
  return 0;
}

int ifl_listen(ifl_listener **out, iflow_loop *loop, const char *host, int port, int backlog,
               void (*accept)(void *payload, ifl_stream *stream), void *payload, iflow_error *err)
{
  ifl_listener *l = calloc(1, sizeof *l);
  if (l == NULL) return ifl_fail_nomem(err);
  l->fd = -1;
  l->loop = loop;
  l->accept = accept;
  l->payload = payload;
  int rc = 0;
  int errnum = port < 0 || port > 65535 ? EINVAL : open_socket(l, host, port, backlog);
  if (errnum != 0) {
    rc = ifl_fail(err, IFLOW_ESYSTEM, "cannot listen on %s port %d: %s", host, port,
                  strerror(errnum));
    if (errnum == EADDRINUSE) ifl_hint(err, "another process uses port %d; choose another", port);
  } else {
    rc = ifl_poll_new(&l->poll, loop, l->fd, on_connection, l, err);
  }
  if (rc < 0) {
    ifl_listener_free(l);
    return rc;
  }
  ifl_poll_set(l->poll, IFL_READABLE);
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
  ifl_timer_stop(&l->rest);
  ifl_poll_free(l->poll);
  if (l->fd >= 0) close(l->fd);
  free(l);
}
