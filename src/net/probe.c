/* probe.c -- see probe.h. A plain connection (connection.h), and TLS over two memory BIOs on it. */
#include "net/probe.h"

#include "base/clock.h"
#include "base/error.h"
#include "net/connection.h"
#include "net/tls_watch.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVED_MAX (512u << 10) /* a handshake is some KiB; OpenSSL has limits of its own, too */
#define CHUNK        (16u << 10)
/* Under TLS 1.3 the server says no to our certificate only after the handshake, by an alert in place
 * of its first ticket. One that sends neither is taken to agree after this time. */
#define SETTLE_MS 500

struct ifl_probe {
  iflow_loop *loop;
  ifl_dialer *dialer;
  ifl_connection *connection;
  SSL_CTX *ctx;
  SSL *ssl;
  BIO *in, *out; /* the SSL's */
  struct ifl_tls_watch watch;
  struct ifl_timer timer, settle;
  struct ifl_probe_seen seen;
  void (*done)(void *payload, const iflow_error *err);
  void *payload;
  char authority[272];
  char *name, *cafile; /* cafile: for texts, or NULL */
  bool had_credential, shaken, ended;
  int64_t began_at; /* of the current stage, ms */
  int64_t timeout_ms;
  size_t received;
};

/* ---- the end ---- */

static void see_certificates(ifl_probe *p)
{
  STACK_OF(X509) *chain = SSL_get_peer_cert_chain(p->ssl);
  X509 *leaf = chain != NULL ? sk_X509_value(chain, 0) : NULL;
  p->seen.asked = p->watch.asked;
  p->seen.ca_names = SSL_get0_peer_CA_list(p->ssl);
  if (leaf == NULL) return;
  p->seen.chain = chain;
  p->seen.host_matches =
      X509_check_ip_asc(leaf, p->name, 0) == 1 ||
      X509_check_host(leaf, p->name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
  p->seen.verified = p->watch.verify_error == 0;
  struct ifl_tls_watch chain_only = p->watch;
  chain_only.alert = -1;
  ifl_tls_watch_explain(&chain_only, p->authority, p->cafile, p->had_credential, &p->seen.trust);
}

static void see_tls(ifl_probe *p)
{
  if (p->ssl == NULL) return;
  see_certificates(p);
  p->seen.alert = p->watch.alert;
  if (!p->shaken) return;
  p->seen.protocol = SSL_get_version(p->ssl);
  p->seen.cipher = SSL_get_cipher_name(p->ssl);
}

static void finish(ifl_probe *p, const iflow_error *err)
{
  if (p->ended) return;
  p->ended = true;
  ifl_timer_stop(&p->timer);
  ifl_timer_stop(&p->settle);
  see_tls(p);
  ifl_loop_op_end(p->loop);
  p->done(p->payload, err);
}

/* ---- TLS ---- */

/* Why the handshake came to nothing: an alert, what OpenSSL says, or the end of the connection. */
static void fail_tls(ifl_probe *p, const char *otherwise)
{
  iflow_error err = { 0 };
  struct ifl_tls_watch alert_only = p->watch;
  const char *reason = ERR_reason_error_string(ERR_peek_error());
  alert_only.verify_error = 0; /* it is judged, never the reason to stop */
  if (ifl_tls_watch_explain(&alert_only, p->authority, p->cafile, p->had_credential, &err) == 0)
    ifl_fail(&err, IFLOW_ETLS, "no TLS with %s: %s", p->authority,
             reason != NULL ? reason : otherwise);
  ERR_clear_error();
  finish(p, &err);
}

/* False when the connection broke. */
static bool flush(ifl_probe *p)
{
  char *data, sink[4096];
  long n;
  while ((n = BIO_get_mem_data(p->out, &data)) > 0) {
    size_t used = 0;
    enum ifl_io io = ifl_connection_send(p->connection, data,
                                         (size_t)n < sizeof sink ? (size_t)n : sizeof sink, &used);
    if (io == IFL_IO_AGAIN) return true;
    if (io != IFL_IO_DATA) return false;
    BIO_read(p->out, sink, (int)used);
  }
  return true;
}

static void on_settled(void *payload)
{
  finish(payload, NULL);
}

static void shaken(ifl_probe *p)
{
  int64_t now = ifl_clock_mono_ms();
  p->shaken = true;
  p->seen.us[IFL_PROBE_TLS] = (now - p->began_at) * 1000;
  p->received = 0;
  if (!p->watch.asked || SSL_version(p->ssl) < TLS1_3_VERSION) finish(p, NULL);
  else ifl_timer_start(p->loop, &p->settle, SETTLE_MS, on_settled, p);
}

/* After the handshake: a ticket, an alert, or nothing. Never more than that is read. */
static void settle(ifl_probe *p)
{
  char ignored[1];
  int rc = SSL_peek(p->ssl, ignored, sizeof ignored);
  if (p->watch.alert >= 0) fail_tls(p, "an alert");
  else if (rc > 0 || p->received > 0) finish(p, NULL);
}

/* As far as the bytes at hand go. */
static void advance(ifl_probe *p)
{
  ERR_clear_error();
  if (!p->shaken) {
    int rc = SSL_do_handshake(p->ssl);
    int why = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(p->ssl, rc);
    bool broken = !flush(p);
    if (rc != 1 && why != SSL_ERROR_WANT_READ) fail_tls(p, "the handshake failed");
    else if (broken && rc != 1) fail_tls(p, "the connection was closed");
    else if (rc == 1) shaken(p);
  } else {
    settle(p);
  }
}

/* The peer closed: fine when all was said, and nothing of it was a no. */
static void closed(ifl_probe *p)
{
  if (p->shaken && p->watch.alert < 0) finish(p, NULL);
  else fail_tls(p, "the connection was closed in the middle of the handshake");
}

static void on_ready(void *payload, int events)
{
  ifl_probe *p = payload;
  char bytes[CHUNK];
  size_t n;
  (void)events;
  while (!p->ended) {
    enum ifl_io io = ifl_connection_recv(p->connection, bytes, sizeof bytes, &n);
    if (io == IFL_IO_AGAIN) break;
    if (io != IFL_IO_DATA) {
      closed(p);
      return;
    }
    p->received += n;
    if (p->received > RECEIVED_MAX || BIO_write(p->in, bytes, (int)n) != (int)n) {
      fail_tls(p, "the server sends far more than a handshake");
      return;
    }
    advance(p);
  }
  if (p->ended || !flush(p)) return; /* a broken connection shows when it is read */
  ifl_connection_watch(p->connection, IFL_READABLE | (BIO_pending(p->out) > 0 ? IFL_WRITABLE : 0));
}

static bool begin_tls(ifl_probe *p)
{
  unsigned char address[16];
  p->ssl = SSL_new(p->ctx);
  p->in = BIO_new(BIO_s_mem());
  p->out = BIO_new(BIO_s_mem());
  if (p->ssl == NULL || p->in == NULL || p->out == NULL) {
    BIO_free(p->in);
    BIO_free(p->out);
    return false;
  }
  BIO_set_mem_eof_return(p->in, -1); /* empty is "not yet", not the end */
  SSL_set_bio(p->ssl, p->in, p->out);
  SSL_set_connect_state(p->ssl);
  bool is_address =
      inet_pton(AF_INET, p->name, address) == 1 || inet_pton(AF_INET6, p->name, address) == 1;
  return is_address /* which is no server name, RFC 6066 */ ||
         SSL_set_tlsext_host_name(p->ssl, p->name) == 1;
}

/* ---- the way there ---- */

static enum ifl_probe_stage stage_of(int code)
{
  switch (code) {
  case IFLOW_EDNS:
  case IFLOW_EDNSTIMEOUT: return IFL_PROBE_DNS;
  case IFLOW_EPROXY:
  case IFLOW_EPROXYAUTH: return IFL_PROBE_PROXY;
  default: return IFL_PROBE_TCP;
  }
}

static void see_way(ifl_probe *p, bool connected)
{
  struct ifl_connection_way way;
  ifl_connection_get_way(p->connection, &way);
  snprintf(p->seen.address, sizeof p->seen.address, "%s", way.address);
  p->seen.proxy = way.proxy;
  int64_t now = ifl_clock_mono_ms();
  if (way.dns_us > 0) p->seen.us[IFL_PROBE_DNS] = way.dns_us;
  if (way.connect_us > 0) p->seen.us[IFL_PROBE_TCP] = way.connect_us - way.dns_us;
  if (!connected || way.proxy == NULL) return;
  int64_t tunnel = (now - p->began_at) * 1000 - way.connect_us;
  p->seen.us[IFL_PROBE_PROXY] = tunnel > 0 ? tunnel : 0;
}

static void on_connected(void *payload, const iflow_error *err)
{
  ifl_probe *p = payload;
  see_way(p, err == NULL);
  if (err != NULL) {
    p->seen.stage = stage_of(err->code);
    finish(p, err);
    return;
  }
  p->seen.stage = IFL_PROBE_TLS;
  p->began_at = ifl_clock_mono_ms();
  if (!begin_tls(p)) {
    iflow_error none = { 0 };
    ifl_fail_nomem(&none);
    finish(p, &none);
    return;
  }
  advance(p);
  if (!p->ended) on_ready(p, 0);
}

static void on_timeout(void *payload)
{
  ifl_probe *p = payload;
  iflow_error err = { 0 };
  bool tls = p->seen.stage == IFL_PROBE_TLS;
  if (!tls) {
    see_way(p, false);
    p->seen.stage = p->seen.us[IFL_PROBE_DNS] < 0 ? IFL_PROBE_DNS : IFL_PROBE_TCP;
  }
  ifl_fail(&err, p->seen.stage == IFL_PROBE_DNS ? IFLOW_EDNSTIMEOUT : IFLOW_ECONNECTTIMEOUT,
           "%s: %s within %g s", p->authority,
           tls ? "the TLS handshake did not end" : "not connected", (double)p->timeout_ms / 1000);
  finish(p, &err);
}

/* ---- starting ---- */

static const struct ifl_connection_events connection_events = { .connected = on_connected,
                                                                .ready = on_ready };

static int make_trust(ifl_probe *p, const struct ifl_probe_target *to, iflow_error *err)
{
  ifl_trust *trust = NULL;
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(p->ctx);
  if (to->cafile == NULL) {
    /* As curl does: an intermediate that is trusted is as good as a root. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
    return SSL_CTX_load_verify_dir(p->ctx, IFL_TRUST_DIRECTORY) == 1 ? 0 : ifl_fail_nomem(err);
  }
  int rc = ifl_trust_open(&trust, to->cafile, to->beside_system, err);
  if (rc == 0 && !ifl_trust_use(trust, p->ctx)) rc = ifl_fail_nomem(err);
  ifl_trust_unref(trust);
  return rc;
}

static int make_context(ifl_probe *p, const struct ifl_probe_target *to, iflow_error *err)
{
  int low = to->min_version != 0 ? to->min_version : TLS1_2_VERSION;
  p->ctx = SSL_CTX_new(TLS_client_method());
  if (p->ctx == NULL || SSL_CTX_set_min_proto_version(p->ctx, low) != 1 ||
      SSL_CTX_set_max_proto_version(p->ctx, to->max_version) != 1)
    return ifl_fail_nomem(err);
  ifl_tls_watch_install(&p->watch, p->ctx);
  /* The watch keeps the verdict on the chain; the handshake goes on whatever it is. */
  SSL_CTX_set_verify(p->ctx, SSL_VERIFY_NONE, SSL_CTX_get_verify_callback(p->ctx));
  SSL_CTX_set_options(p->ctx, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(p->ctx, SSL_SESS_CACHE_OFF);
  int rc = make_trust(p, to, err);
  if (rc == 0 && to->credential != NULL) rc = ifl_credential_use(to->credential, p->ctx, err);
  return rc;
}

/* connection.c would look for the proxy of http://, since it makes a plain connection. */
static const char *proxy_of(const struct ifl_probe_target *to)
{
  static const char *const names[] = { "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
  const char *proxy = to->proxy;
  for (size_t i = 0; proxy == NULL && i < sizeof names / sizeof *names; i++)
    proxy = getenv(names[i]);
  return proxy != NULL ? proxy : "";
}

static int make_connection(ifl_probe *p, const struct ifl_probe_target *to, iflow_error *err)
{
  struct ifl_destination d = { .identity = "probe",
                               .host = to->host,
                               .port = to->port,
                               .authority = p->authority,
                               .cafile = to->cafile, /* for TLS with the proxy */
                               .proxy = proxy_of(to),
                               .proxy_userpwd = to->proxy_userpwd,
                               .timeout_ms = to->connect_timeout_ms };
  int rc = ifl_dialer_new(&p->dialer, p->loop, err);
  if (rc == 0) rc = ifl_connection_open(&p->connection, p->dialer, &d, &connection_events, p, err);
  return rc;
}

static int copy_texts(ifl_probe *p, const struct ifl_probe_target *to, iflow_error *err)
{
  bool v6 = strchr(to->host, ':') != NULL;
  snprintf(p->authority, sizeof p->authority, "%s%s%s:%d", v6 ? "[" : "", to->host, v6 ? "]" : "",
           to->port);
  p->name = strdup(to->server_name != NULL ? to->server_name : to->host);
  if (to->cafile != NULL) p->cafile = strdup(to->cafile);
  if (p->name == NULL || (to->cafile != NULL && p->cafile == NULL)) return ifl_fail_nomem(err);
  return 0;
}

int ifl_probe_start(ifl_probe **out, iflow_loop *loop, const struct ifl_probe_target *to,
                    void (*done)(void *payload, const iflow_error *err), void *payload,
                    iflow_error *err)
{
  ifl_probe *p = calloc(1, sizeof *p);
  if (p == NULL) return ifl_fail_nomem(err);
  p->loop = loop;
  p->done = done;
  p->payload = payload;
  p->had_credential = to->credential != NULL;
  p->timeout_ms = to->timeout_ms;
  p->began_at = ifl_clock_mono_ms();
  p->seen.alert = -1;
  p->ended = true; /* until it has begun */
  for (int i = 0; i < IFL_PROBE_STAGES; i++) p->seen.us[i] = -1;
  ifl_tls_watch_init(&p->watch);
  int rc = copy_texts(p, to, err);
  if (rc == 0) rc = make_context(p, to, err);
  if (rc == 0) rc = make_connection(p, to, err);
  ERR_clear_error();
  if (rc < 0) {
    ifl_probe_free(p);
    return rc;
  }
  p->ended = false;
  ifl_loop_op_begin(loop);
  ifl_timer_start(loop, &p->timer, to->timeout_ms, on_timeout, p);
  *out = p;
  return 0;
}

void ifl_probe_free(ifl_probe *p)
{
  if (p == NULL) return;
  if (!p->ended) ifl_loop_op_end(p->loop);
  ifl_timer_stop(&p->timer);
  ifl_timer_stop(&p->settle);
  SSL_free(p->ssl);
  SSL_CTX_free(p->ctx);
  ifl_connection_free(p->connection);
  ifl_dialer_free(p->dialer);
  free(p->name);
  free(p->cafile);
  free(p);
}

const struct ifl_probe_seen *ifl_probe_seen(const ifl_probe *p)
{
  return &p->seen;
}
