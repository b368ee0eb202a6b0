/* server_conn.c -- one connection of the server: bytes in, its states, its timers, its end. */
#include "net/server_conn.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the end --------------------------------------------------------------------------------- */

static void conn_free(struct ifl_conn *c)
{
  ifl_soon_cancel(&c->soon);
  ifl_tls_close(c);
  ifl_http1_free(c->parser);
  sk_X509_pop_free(c->client_chain, X509_free);
  ifl_buf_wipe(&c->plain);
  ifl_buf_wipe(&c->out);
  ifl_buf_wipe(&c->in.piece);
  free(c);
}

void ifl_conn_free_if_unused(struct ifl_conn *c)
{
  if (c->dead && c->busy == 0 && !c->in.held) conn_free(c);
}

void ifl_conn_cut(struct ifl_conn *c, bool reset)
{
  if (c->dead) return;
  c->dead = true;
  ifl_timer_stop(&c->timer);
  ifl_timer_stop(&c->write_timer);
  ifl_timer_stop(&c->total_timer);
  ifl_tls_close(c);
  ifl_stream_free(c->stream, reset);
  c->stream = NULL;
  ifl_server_lost(c->server, c);
  c->server = NULL;
  if (c->in.held) ifl_conn_schedule(c); /* its owner learns of it from the loop */
  else ifl_conn_free_if_unused(c);
}

/* The callbacks that are owed to the owner of a request whose connection is gone. */
static void tell_owner(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  void (*sent)(void *, int) = in->sent;
  void (*gone)(void *) = in->gone;
  in->sent = NULL;
  in->gone = NULL;
  if (in->broken.code == 0)
    ifl_fail(&in->broken, IFLOW_ERESET, "%s closed the connection", c->peer);
  ifl_request_deliver(c);
  if (sent != NULL && in->held) sent(in->sent_payload, IFLOW_ERESET);
  if (gone != NULL && in->held && !in->finished) gone(in->gone_payload);
}

/* ---- timers ---------------------------------------------------------------------------------- */

static void on_timer(void *payload);

static void arm(struct ifl_conn *c, int64_t ms)
{
  ifl_timer_start(c->loop, &c->timer, ms, on_timer, c);
}

/* Silence is measured from the last byte, so that data does not move a timer each time. Returns
 * what is left of it, after starting the timer again; 0 when it is over. */
static int64_t silence_left(struct ifl_conn *c, int64_t max_ms)
{
  int64_t left = c->last_in + max_ms - ifl_clock_mono_ms();
  if (left > 0) arm(c, left);
  return left > 0 ? left : 0;
}

static void body_stalled(struct ifl_conn *c)
{
  iflow_error why;
  int64_t gap = c->server->opts.body_gap_ms;
  if (silence_left(c, gap) > 0) return;
  if (ifl_request_discards(&c->in)) {
    ifl_conn_cut(c, false);
    return;
  }
  ifl_fail(&why, IFLOW_ESTALLED, "no byte of the body came from %s for %lld ms", c->peer,
           (long long)gap);
  ifl_request_broken(c, &why);
  ifl_conn_schedule(c);
}

static void linger_over(struct ifl_conn *c)
{
  if (ifl_clock_mono_ms() - c->linger_since < IFL_LINGER_MAX_MS &&
      silence_left(c, IFL_LINGER_GAP_MS) > 0)
    return;
  ifl_conn_cut(c, false);
}

static void on_timer(void *payload)
{
  struct ifl_conn *c = payload;
  switch (c->state) {
  case IFL_CONN_HANDSHAKE:
    c->server->stats.handshakes_failed++;
    ifl_conn_cut(c, false);
    return;
  case IFL_CONN_IDLE: ifl_conn_linger(c); return;
  case IFL_CONN_HEAD:
    c->server->stats.malformed++;
    ifl_answer_refuse(c, 408);
    ifl_conn_schedule(c);
    return;
  case IFL_CONN_REQUEST: body_stalled(c); return;
  case IFL_CONN_LINGER: linger_over(c); return;
  }
}

static void on_total(void *payload)
{
  ifl_conn_cut(payload, false);
}

static size_t unsent(const struct ifl_conn *c)
{
  return c->out.len - c->out_at + ifl_stream_queued(c->stream);
}

static void on_write_timer(void *payload)
{
  struct ifl_conn *c = payload;
  if (unsent(c) >= c->unsent) {
    ifl_conn_cut(c, true); /* nothing left in the meantime, a FIN would not either */
    return;
  }
  c->unsent = unsent(c);
  ifl_timer_start(c->loop, &c->write_timer, c->server->opts.idle_timeout_ms, on_write_timer, c);
}

static void watch_writing(struct ifl_conn *c)
{
  size_t n = unsent(c);
  if (n == 0) {
    ifl_timer_stop(&c->write_timer);
  } else if (!c->write_timer.running) {
    c->unsent = n;
    ifl_timer_start(c->loop, &c->write_timer, c->server->opts.idle_timeout_ms, on_write_timer, c);
  } else if (n > c->unsent) {
    c->unsent = n; /* more was added: progress counts from here */
  }
}

/* The gap in a body counts only while bytes are wanted. */
static void watch_body(struct ifl_conn *c)
{
  bool wanted = c->state == IFL_CONN_REQUEST && ifl_request_wants(&c->in);
  if (c->state != IFL_CONN_REQUEST) return;
  if (!wanted) {
    ifl_timer_stop(&c->timer);
  } else if (!c->timer.running) {
    c->last_in = ifl_clock_mono_ms();
    arm(c, c->server->opts.body_gap_ms);
  }
}

/* ---- states ---------------------------------------------------------------------------------- */

static void enter_idle(struct ifl_conn *c)
{
  c->state = IFL_CONN_IDLE;
  ifl_timer_stop(&c->total_timer);
  ifl_buf_done(&c->out);
  if (c->plain.len == 0) ifl_buf_done(&c->plain); /* an idle connection keeps no buffers */
  if (c->ssl != NULL) ifl_tls_shrink(c);
  arm(c, c->server->opts.idle_timeout_ms);
}

static void enter_head(struct ifl_conn *c)
{
  c->state = IFL_CONN_HEAD;
  arm(c, c->server->opts.head_timeout_ms);
  ifl_timer_start(c->loop, &c->total_timer, c->server->opts.total_timeout_ms, on_total, c);
}

void ifl_conn_linger(struct ifl_conn *c)
{
  if (c->ssl != NULL) ifl_tls_say_goodbye(c);
  ifl_stream_shutdown(c->stream);
  if (c->eof) {
    /* Both sides have ended. Closing now is clean: what is queued was sent before. */
    ifl_conn_cut(c, false);
    return;
  }
  c->state = IFL_CONN_LINGER;
  ifl_buf_wipe(&c->plain);
  ifl_timer_stop(&c->total_timer);
  c->last_in = c->linger_since = ifl_clock_mono_ms();
  arm(c, IFL_LINGER_GAP_MS);
}

/* Parses what is there, up to the end of a head or of a piece of body. False: nothing to do. */
static bool parse(struct ifl_conn *c)
{
  iflow_error why = { 0 };
  size_t used = 0;
  if (c->plain.len == 0 || c->head_done) return false;
  if (c->state == IFL_CONN_IDLE) enter_head(c);
  else if (c->state == IFL_CONN_REQUEST && !ifl_request_wants(&c->in)) return false;
  else if (c->state != IFL_CONN_HEAD && c->state != IFL_CONN_REQUEST) return false;
  int rc = ifl_http1_feed(c->parser, c->plain.data, c->plain.len, &used, &why);
  ifl_buf_consume(&c->plain, used);
  if (rc == 0) return used > 0;
  if (rc == IFLOW_ENOMEM) {
    ifl_conn_cut(c, true);
    return false;
  }
  c->server->stats.malformed++;
  c->head_done = false; /* nonsense behind a good head in the same bytes: nobody gets to see it */
  if (c->state == IFL_CONN_REQUEST) {
    ifl_request_broken(c, &why);
    if (!c->in.begun) ifl_answer_refuse(c, 400);
  } else {
    ifl_answer_refuse(c, rc == IFLOW_EHTTPLIMIT ? 431 : 400);
  }
  return true;
}

static void head_complete(struct ifl_conn *c)
{
  int status = ifl_request_check(c);
  c->head_done = false;
  ifl_timer_stop(&c->timer);
  if (status != 0) {
    c->server->stats.malformed++;
    ifl_answer_refuse(c, status);
  } else {
    c->server->stats.requests++;
    ifl_request_start(c);
  }
}

/* The peer ended its side and all it sent is used up. */
static void peer_ended(struct ifl_conn *c)
{
  iflow_error why;
  if (c->state != IFL_CONN_REQUEST) {
    ifl_conn_cut(c, false);
    return;
  }
  if (c->in.body_done || c->in.broken.code != 0) return; /* it may still take its answer */
  ifl_fail(&why, IFLOW_ERESET, "%s ended the connection within the body", c->peer);
  ifl_request_broken(c, &why);
}

/* True when the connection is ready for its next request, which may be there already. */
static bool request_over(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  if (!in->finished || !ifl_answer_flushed(c)) return false;
  if (in->close || in->broken.code != 0 || c->server->closing) {
    ifl_conn_linger(c);
    return false;
  }
  if (in->held || !in->body_done) return false;
  ifl_request_reset(c);
  enter_idle(c);
  return true;
}

/* Whether the peer is to be read: not while more waits than anybody has asked for. */
static void set_reading(struct ifl_conn *c)
{
  ifl_stream_read(c->stream, !c->eof && c->plain.len < IFL_PLAIN_WINDOW);
}

static void tell_sent(struct ifl_conn *c)
{
  struct ifl_incoming *in = &c->in;
  void (*sent)(void *, int) = in->sent;
  if (sent == NULL || !ifl_answer_flushed(c)) return;
  in->sent = NULL;
  sent(in->sent_payload, 0);
}

/* Once round: every line may end the connection. True: something moved, go round again. */
static bool advance(struct ifl_conn *c)
{
  iflow_error why;
  if (c->state == IFL_CONN_LINGER) return false;
  if (c->ssl != NULL && ifl_tls_advance(c, &why) < 0) {
    ifl_log_write(ifl_loop_log(c->loop), IFL_LOG_DEBUG, "server", "%s", why.message);
    if (c->state == IFL_CONN_HANDSHAKE) ifl_conn_linger(c); /* the alert must arrive */
    else ifl_conn_cut(c, false);
    return false;
  }
  bool moved = parse(c);
  if (!c->dead && c->head_done) head_complete(c);
  if (!c->dead && !moved && c->eof && c->plain.len == 0) peer_ended(c);
  if (!c->dead) ifl_request_deliver(c);
  if (!c->dead && !ifl_answer_pump(c)) return false;
  if (!c->dead) tell_sent(c);
  if (!c->dead && c->state == IFL_CONN_REQUEST && request_over(c)) moved = true;
  return moved && !c->dead && c->state != IFL_CONN_LINGER;
}

static void step(void *payload)
{
  struct ifl_conn *c = payload;
  bool more = !c->dead;
  c->busy++;
  if (c->dead) tell_owner(c);
  while (more) more = advance(c);
  if (!c->dead) {
    watch_writing(c);
    watch_body(c);
    set_reading(c);
  }
  c->busy--;
  ifl_conn_free_if_unused(c);
}

void ifl_conn_schedule(struct ifl_conn *c)
{
  ifl_soon(c->loop, &c->soon, step, c);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void on_data(void *payload, const char *data, size_t n)
{
  struct ifl_conn *c = payload;
  iflow_error why;
  c->last_in = ifl_clock_mono_ms();
  if (c->state == IFL_CONN_LINGER) return;
  int rc =
      c->ssl != NULL ? ifl_tls_receive(c, data, n, &why) : ifl_buf_add(&c->plain, data, n, &why);
  if (rc < 0) ifl_conn_cut(c, true);
  else step(c);
}

static void on_ended(void *payload, int rc)
{
  struct ifl_conn *c = payload;
  if (rc < 0 || c->state == IFL_CONN_LINGER || c->state == IFL_CONN_HANDSHAKE) {
    ifl_conn_cut(c, false);
    return;
  }
  c->eof = true;
  step(c);
}

static void on_drained(void *payload)
{
  step(payload);
}

static struct ifl_conn *conn_new(ifl_server *s, ifl_stream *stream)
{
  struct ifl_conn *c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->server = s;
  c->loop = s->loop;
  c->in.conn = c;
  c->tls_version = "";
  ifl_buf_init(&c->plain, IFL_PLAIN_WINDOW * 2);
  ifl_buf_init(&c->in.piece, IFL_PLAIN_WINDOW * 2);
  ifl_buf_init(&c->out, IFL_ANSWER_MAX + IFL_HEADER_BYTES_MAX * 2);
  c->stream = stream;
  snprintf(c->peer, sizeof c->peer, "%s", ifl_stream_peer(stream));
  if (ifl_http1_new(&c->parser, IFL_HTTP1_REQUEST, &ifl_request_events, c, NULL) < 0 ||
      (s->opts.tls && ifl_tls_open(c, NULL) < 0)) {
    conn_free(c);
    return NULL;
  }
  return c;
}

void ifl_conn_accept(void *payload, ifl_stream *stream)
{
  static const struct ifl_stream_events events = { on_data, on_ended, on_drained };
  ifl_server *s = payload;
  struct ifl_conn *c = s->stats.open < s->opts.max_connections ? conn_new(s, stream) : NULL;
  if (c == NULL) {
    ifl_stream_free(stream, false);
    return;
  }
  s->stats.accepted++;
  s->stats.open++;
  c->next = s->conns;
  if (s->conns != NULL) s->conns->prev = c;
  s->conns = c;
  ifl_request_reset(c);
  c->state = c->ssl != NULL ? IFL_CONN_HANDSHAKE : IFL_CONN_IDLE;
  arm(c, c->ssl != NULL ? s->opts.head_timeout_ms : s->opts.idle_timeout_ms);
  ifl_stream_start(stream, &events, c);
}
