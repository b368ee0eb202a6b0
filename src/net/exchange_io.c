/* exchange_io.c -- an exchange on its connection: writing the request and reading the answer, both
 * at the same time, because an answer may come early. */
#include "net/exchange.h"

#include "base/clock.h"
#include "base/error.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECORD      (16 * 1024) /* a TLS record: head and small body go in one */
#define TURN_ROUNDS 64          /* sends or receives, then others have their turn */
#define INTERIM_MAX 100         /* 1xx answers */
#define CONTINUE_MS 1000

/* ---- the answer: events of the parser ---- */

static int64_t keep_ms(const struct ifl_headers *h)
{
  const char *keep = ifl_headers_get(h, "Keep-Alive");
  const char *timeout = keep != NULL ? strcasestr(keep, "timeout=") : NULL;
  if (timeout == NULL) return -1;
  long seconds = strtol(timeout + 8, NULL, 10);
  if (seconds < 0 || seconds > 3600) return -1;
  /* A second before the server closes it: a request that meets the close is in doubt. */
  return (int64_t)(seconds > 1 ? seconds - 1 : 0) * 1000;
}

static int on_interim(ifl_exchange *x, int status)
{
  if (++x->interim > INTERIM_MAX)
    return ifl_fail(x->err, IFLOW_EHTTPLIMIT, "more than %d interim answers (1xx)", INTERIM_MAX);
  if (status == 101)
    return ifl_fail(x->err, IFLOW_EHTTP, "the server switches to another protocol unasked (101)");
  if (status == 100) x->hold_until = 0;
  return 0;
}

static int open_sink(ifl_exchange *x, const struct ifl_headers *h)
{
  struct ifl_sink_opts opts = { .encoding = ifl_headers_get(h, "Content-Encoding"),
                                .memory = &x->body,
                                .fd = x->status / 100 == 2 ? x->save_fd : -1,
                                .ready = ifl_exchange_on_sink,
                                .payload = x };
  if (opts.encoding == NULL && opts.fd < 0) return 0;
  return ifl_sink_new(&x->sink, x->client->loop, &opts, x->err);
}

static int on_head(void *payload)
{
  struct ifl_link *l = payload;
  ifl_exchange *x = l->user;
  const struct ifl_headers *h = ifl_http1_headers(l->parser);
  int status = ifl_http1_status(l->parser);
  ifl_exchange_log_answer(x);
  if (status / 100 == 1) return on_interim(x, status);
  x->answered = true;
  x->status = status;
  l->server_keep = keep_ms(h);
  /* The server has decided: more of the body is for nobody. After 2xx it may still be reading. */
  if (status / 100 != 2) x->send_over = true;
  x->hold_until = 0;
  int rc = open_sink(x, h);
  int64_t length = ifl_http1_length(l->parser);
  if (rc < 0 || x->sink != NULL || x->is_head || length <= 0) return rc;
  if ((uint64_t)length > x->body.max)
    return ifl_fail(x->err, IFLOW_EHTTPLIMIT,
                    "the body of the answer has %lld bytes, more than %zu", (long long)length,
                    x->body.max);
  return ifl_buf_reserve(&x->body, length < 1 << 20 ? (size_t)length : 1 << 20, x->err);
}

static int on_body(void *payload, const char *data, size_t n)
{
  ifl_exchange *x = ((struct ifl_link *)payload)->user;
  if (x->sink != NULL) return ifl_sink_write(x->sink, data, n, x->err);
  int rc = ifl_buf_add(&x->body, data, n, x->err);
  if (rc != IFLOW_ELIMIT) return rc;
  return ifl_fail(x->err, IFLOW_EHTTPLIMIT, "the body of the answer has more than %zu bytes",
                  x->body.max);
}

static int on_complete(void *payload)
{
  struct ifl_link *l = payload;
  if (ifl_http1_status(l->parser) / 100 != 1) l->user->complete = true;
  return 0;
}

const struct ifl_http1_events ifl_exchange_events = { on_head, on_body, on_complete };

/* ---- reading ---- */

static int parse(ifl_exchange *x, const char *data, size_t n, iflow_error *err)
{
  ifl_http1 *p = x->link->parser;
  size_t at = 0, used;
  x->err = err;
  while (at < n && !x->complete) {
    if (ifl_http1_status(p) / 100 == 1) ifl_http1_reset(p, x->is_head);
    int rc = ifl_http1_feed(p, data + at, n - at, &used, err);
    if (rc < 0) {
      ifl_prefix(err, "%s", ifl_pool_authority(x->pool));
      return rc;
    }
    at += used;
  }
  x->surplus = at < n;
  return 0;
}

static const char *when(const ifl_exchange *x)
{
  if (x->answered) return "inside of the answer";
  return x->send_whole ? "before an answer came" : "while the request was being sent";
}

/* The connection is over. A close-delimited answer is complete now. */
static int at_end(ifl_exchange *x, bool broken, iflow_error *err)
{
  x->ended = true;
  if (!broken && x->begun && ifl_http1_eof(x->link->parser, err) == 0 && x->complete) return 0;
  int rc = ifl_connection_error(x->link->connection, err);
  ifl_prefix(err, "%s", when(x));
  return rc;
}

static int receive(ifl_exchange *x, iflow_error *err)
{
  char *buffer = x->client->buffer;
  size_t used;
  for (int i = 0; i < TURN_ROUNDS; i++) {
    enum ifl_io io = ifl_connection_recv(x->link->connection, buffer, IFL_READ_SIZE, &used);
    if (io == IFL_IO_AGAIN) return 0;
    if (io != IFL_IO_DATA) return at_end(x, io == IFL_IO_BROKEN, err);
    x->begun = true;
    x->active_at = ifl_clock_mono_ms();
    int rc = parse(x, buffer, used, err);
    if (rc < 0) return rc;
    x->paused = x->sink != NULL && ifl_sink_full(x->sink);
    if (x->complete || x->paused) return 0;
  }
  ifl_exchange_resume_soon(x); /* TLS may hold bytes that no poll tells of */
  return 0;
}

/* ---- writing ---- */

/* What was built for the first send: the head, and as much of the body as one record takes. Returns
 * 1 when the body's first bytes have to be waited for. */
static int fill_head(ifl_exchange *x, iflow_error *err)
{
  const char *data;
  size_t n;
  if (x->expect || x->head_len >= RECORD) return 0;
  int rc = ifl_upload_peek(&x->upload, &data, &n, err);
  if (rc < 0) return rc;
  if (n == 0 && x->upload.body.kind == IFL_BODY_FILE && !ifl_upload_ended(&x->upload)) return 1;
  if (n > RECORD - x->head_len) n = RECORD - x->head_len;
  if (n > 0) rc = ifl_buf_add(&x->head, data, n, err);
  if (rc == 0) ifl_upload_consume(&x->upload, n);
  return rc;
}

/* The next bytes to send; *n == 0 when there are none now. */
static int next_piece(ifl_exchange *x, const char **data, size_t *n, iflow_error *err)
{
  *data = x->head.data + x->at;
  *n = x->head.len - x->at;
  if (*n > 0) return 0;
  if (x->hold_until > 0) return 0;
  int rc = ifl_upload_peek(&x->upload, data, n, err);
  if (rc == 0 && *n == 0 && ifl_upload_ended(&x->upload)) x->send_over = x->send_whole = true;
  return rc;
}

static void piece_sent(ifl_exchange *x, size_t n)
{
  x->sent += n;
  x->active_at = ifl_clock_mono_ms();
  if (x->at < x->head.len) x->at += n;
  else ifl_upload_consume(&x->upload, n);
  if (x->expect && x->at == x->head.len && x->sent == x->head.len && x->interim == 0) {
    x->hold_until = x->active_at + CONTINUE_MS;
    ifl_exchange_set_timer(x);
  }
}

/* Returns 1 when the connection takes no more for good: what the server said before is still to be
 * read, and may be an answer or an alert. */
static int send_some(ifl_exchange *x, iflow_error *err)
{
  const char *data;
  size_t n, used;
  x->blocked = false;
  int rc = x->at == 0 && x->head.len == x->head_len ? fill_head(x, err) : 0;
  if (rc != 0) return rc < 0 ? rc : 0;
  for (int i = 0; i < TURN_ROUNDS; i++) {
    rc = next_piece(x, &data, &n, err);
    if (rc < 0 || n == 0) return rc;
    enum ifl_io io = ifl_connection_send(x->link->connection, data, n, &used);
    x->blocked = io == IFL_IO_AGAIN;
    if (x->blocked) return 0;
    if (io != IFL_IO_DATA) {
      x->send_over = true;
      return 1;
    }
    piece_sent(x, used);
  }
  x->blocked = true; /* the poll tells when others had their turn */
  return 0;
}

/* ---- both ---- */

int ifl_exchange_begin(ifl_exchange *x, iflow_error *err)
{
  struct ifl_link *l = x->link;
  ifl_http1_reset(l->parser, x->is_head);
  l->requests++;
  l->server_keep = -1;
  x->client->stats.requests++;
  if (l->requests > 1) x->client->stats.reused++;
  x->at = 0;
  x->sent = 0;
  x->interim = 0;
  x->hold_until = 0;
  x->send_over = x->send_whole = x->blocked = false;
  x->begun = x->answered = x->complete = x->surplus = x->paused = x->ended = false;
  x->active_at = ifl_clock_mono_ms();
  int rc = ifl_exchange_end_head(x, err);
  if (rc == 0) ifl_exchange_log_request(x);
  return rc;
}

void ifl_exchange_take_headers(ifl_exchange *x)
{
  struct ifl_headers mine = x->headers, *h = ifl_http1_headers(x->link->parser);
  x->headers = *h;
  *h = mine;
}

/* The answer is whole and the connection free. */
static void settle(ifl_exchange *x)
{
  struct ifl_link *l = x->link;
  bool reusable = x->send_whole && !x->surplus && !x->ended && ifl_http1_keep_alive(l->parser);
  ifl_exchange_take_headers(x); /* before the parser goes on to another */
  x->link = NULL;
  x->state = IFL_X_SAVING;
  ifl_pool_release(l, reusable);
  ifl_exchange_on_sink(x);
}

void ifl_exchange_on_sink(void *payload)
{
  ifl_exchange *x = payload;
  iflow_error err;
  ifl_error_clear(&err);
  if (x->state == IFL_X_RUNNING) {
    x->paused = false;
    ifl_exchange_advance(x, IFL_READABLE);
    return;
  }
  int rc = x->sink != NULL ? ifl_sink_finish(x->sink, &err) : 1;
  if (rc != 0) ifl_exchange_finish(x, rc < 0 ? &err : NULL);
}

/* 417: the server, or something before it, does not know the expectation. It took nothing. */
static bool expectation_failed(ifl_exchange *x)
{
  if (x->status != 417 || !x->expect || x->sent > x->head_len) return false;
  return ifl_upload_rewind(&x->upload);
}

static void repeat_without_expect(ifl_exchange *x)
{
  ifl_exchange_drop_expect(x);
  ifl_sink_free(x->sink);
  x->sink = NULL;
  ifl_buf_clear(&x->body);
  x->answered = false;
  ifl_exchange_repeat(x);
}

static int fail_cut_body(ifl_exchange *x, iflow_error *err)
{
  return ifl_fail(err, IFLOW_ERESET,
                  "%s answered %d before it had taken the whole body, and took no more of it",
                  ifl_pool_authority(x->pool), x->status);
}

static void conclude(ifl_exchange *x)
{
  iflow_error err;
  ifl_error_clear(&err);
  bool sending = !x->send_over;
  if (x->complete && !sending) {
    if (expectation_failed(x)) {
      repeat_without_expect(x);
    } else if (x->status / 100 == 2 && !x->send_whole) {
      fail_cut_body(x, &err);
      ifl_exchange_finish(x, &err);
    } else {
      settle(x);
    }
    return;
  }
  if (x->complete && x->ended) { /* … and the server reads no more either */
    fail_cut_body(x, &err);
    ifl_exchange_finish(x, &err);
    return;
  }
  ifl_connection_watch(x->link->connection,
                       (x->paused || x->complete || x->ended ? 0 : IFL_READABLE) |
                           (sending && x->blocked ? IFL_WRITABLE : 0));
}

static bool is_connections(int code)
{
  return code == IFLOW_ERESET || code == IFLOW_ETLS || code == IFLOW_ETLSCREDENTIALS;
}

static int exchange_bytes(ifl_exchange *x, int events, iflow_error *err)
{
  int rc = 0;
  if ((events & IFL_WRITABLE) != 0 && !x->send_over) rc = send_some(x, err);
  if (rc == 1) events |= IFL_READABLE;
  if (rc >= 0 && (events & IFL_READABLE) != 0 && !x->paused && !x->complete && !x->ended)
    rc = receive(x, err);
  return rc < 0 ? rc : 0;
}

void ifl_exchange_advance(ifl_exchange *x, int events)
{
  iflow_error err;
  ifl_error_clear(&err);
  if (x->state != IFL_X_RUNNING) return;
  bool held = x->hold_until > 0;
  int rc = exchange_bytes(x, events, &err);
  if (rc == 0 && held && x->hold_until == 0) /* "100 Continue" was among what came */
    rc = exchange_bytes(x, IFL_WRITABLE, &err);
  if (rc == 0) conclude(x);
  else if (is_connections(rc)) ifl_exchange_broken(x, &err);
  else ifl_exchange_finish(x, &err);
}
