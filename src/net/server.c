/* server.c -- see server.h: the listener, the list of connections, closing. */
#include "net/server_conn.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define BACKLOG 1024

void ifl_server_opts_init(struct ifl_server_opts *o)
{
  memset(o, 0, sizeof *o);
  o->host = "127.0.0.1";
  o->max_connections = 2000;
  o->head_timeout_ms = 20 * 1000;
  o->body_gap_ms = 20 * 1000;
  o->idle_timeout_ms = 60 * 1000;
  o->total_timeout_ms = 10 * 60 * 1000;
}

static int start(ifl_server *s, const struct ifl_server_opts *opts, iflow_error *err)
{
  int rc = 0;
  if (opts->client_ca_names != NULL) {
    s->opts.client_ca_names = SSL_dup_CA_list(opts->client_ca_names);
    if (s->opts.client_ca_names == NULL) return ifl_fail_nomem(err);
  }
  if (opts->tls) rc = ifl_tls_context(&s->ctx, s, opts->credential, err);
  if (rc < 0) return rc;
  rc = ifl_listen(&s->listener, s->loop, opts->host, opts->port, BACKLOG, ifl_conn_accept, s, err);
  if (rc == 0) s->port = ifl_listener_port(s->listener);
  return rc;
}

int ifl_server_new(ifl_server **out, iflow_loop *loop, const struct ifl_server_opts *opts,
                   iflow_error *err)
{
  ifl_server *s = calloc(1, sizeof *s);
  if (s == NULL) return ifl_fail_nomem(err);
  s->loop = loop;
  s->opts = *opts;
  s->opts.host = NULL; /* borrowed for this call only */
  s->opts.credential = NULL;
  s->opts.client_ca_names = NULL;
  int rc = start(s, opts, err);
  if (rc < 0) ifl_server_free(s);
  else *out = s;
  return rc;
}

int ifl_server_port(const ifl_server *s)
{
  return s->port;
}

int ifl_server_set_credential(ifl_server *s, ifl_credential *c, iflow_error *err)
{
  SSL_CTX *ctx;
  if (s->ctx == NULL) return ifl_fail(err, IFLOW_EINVAL, "this server speaks plain HTTP");
  int rc = ifl_tls_context(&ctx, s, c, err);
  if (rc < 0) return rc;
  SSL_CTX_free(s->ctx); /* connections that use it hold it */
  s->ctx = ctx;
  return 0;
}

int ifl_server_set_client_ca_names(ifl_server *s, const STACK_OF(X509_NAME) * names,
                                   iflow_error *err)
{
  STACK_OF(X509_NAME) *copy = NULL;
  if (names != NULL && (copy = SSL_dup_CA_list(names)) == NULL) return ifl_fail_nomem(err);
  sk_X509_NAME_pop_free(s->opts.client_ca_names, X509_NAME_free);
  s->opts.client_ca_names = copy;
  return 0;
}

static void tell_closed(void *payload)
{
  ifl_server *s = payload;
  void (*closed)(void *payload) = s->closed;
  s->closed = NULL;
  if (closed != NULL) closed(s->closed_payload);
}

static void maybe_closed(ifl_server *s)
{
  if (!s->closing || s->conns != NULL) return;
  ifl_timer_stop(&s->grace);
  if (s->closed != NULL) ifl_soon(s->loop, &s->closed_soon, tell_closed, s);
}

void ifl_server_lost(ifl_server *s, struct ifl_conn *c)
{
  if (c->prev != NULL) c->prev->next = c->next;
  else s->conns = c->next;
  if (c->next != NULL) c->next->prev = c->prev;
  c->next = c->prev = NULL;
  s->stats.open--;
  maybe_closed(s);
}

static void cut_all(void *payload)
{
  ifl_server *s = payload;
  while (s->conns != NULL) ifl_conn_cut(s->conns, false);
}

void ifl_server_close(ifl_server *s, int64_t grace_ms, void (*closed)(void *payload), void *payload)
{
  struct ifl_conn *next;
  s->closing = true;
  s->closed = closed;
  s->closed_payload = payload;
  ifl_listener_free(s->listener);
  s->listener = NULL;
  for (struct ifl_conn *c = s->conns; c != NULL; c = next) {
    next = c->next;
    if (grace_ms <= 0 || c->state == IFL_CONN_IDLE || c->state == IFL_CONN_HANDSHAKE)
      ifl_conn_cut(c, false);
  }
  if (s->conns != NULL) ifl_timer_start(s->loop, &s->grace, grace_ms, cut_all, s);
  maybe_closed(s);
}

void ifl_server_recycle(ifl_server *s)
{
  struct ifl_conn *next;
  for (struct ifl_conn *c = s->conns; c != NULL; c = next) {
    next = c->next;
    if (c->state == IFL_CONN_IDLE) ifl_conn_cut(c, false);
    else c->in.close = true;
  }
}

void ifl_server_free(ifl_server *s)
{
  if (s == NULL) return;
  s->closed = NULL;
  ifl_listener_free(s->listener);
  s->listener = NULL;
  cut_all(s);
  ifl_timer_stop(&s->grace);
  ifl_soon_cancel(&s->closed_soon);
  SSL_CTX_free(s->ctx);
  sk_X509_NAME_pop_free(s->opts.client_ca_names, X509_NAME_free);
  free(s);
}

struct ifl_server_stats ifl_server_get_stats(const ifl_server *s)
{
  return s->stats;
}
