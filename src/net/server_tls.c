/* server_tls.c -- TLS for the server, over memory BIOs: OpenSSL never sees a socket, so it cannot
 * raise SIGPIPE, and the stream's limits hold for its bytes too. */
#include "net/server_conn.h"

#include "base/error.h"

#include <openssl/err.h>

#define SESSIONS_MAX 1024 /* each keeps its client's chain: about 20 KB */
#define RECORD       16384

/* OpenSSL turns the reason of a verification into an alert: this is the way back. */
static int reason_for_alert(int alert)
{
  switch (alert) {
  case SSL_AD_CERTIFICATE_EXPIRED: return X509_V_ERR_CERT_HAS_EXPIRED;
  case SSL_AD_CERTIFICATE_REVOKED: return X509_V_ERR_CERT_REVOKED;
  case SSL_AD_UNKNOWN_CA: return X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN;
  case SSL_AD_UNSUPPORTED_CERTIFICATE: return X509_V_ERR_INVALID_PURPOSE;
  case SSL_AD_HANDSHAKE_FAILURE: return X509_V_ERR_APPLICATION_VERIFICATION;
  case SSL_AD_CERTIFICATE_UNKNOWN: return X509_V_ERR_CERT_UNTRUSTED;
  default: return X509_V_ERR_CERT_REJECTED; /* SSL_AD_BAD_CERTIFICATE */
  }
}

static int on_verify(X509_STORE_CTX *store, void *payload)
{
  ifl_server *s = payload;
  int alert = 0;
  if (s->opts.verify_client != NULL)
    alert = s->opts.verify_client(s->opts.payload, X509_STORE_CTX_get0_untrusted(store));
  X509_STORE_CTX_set_error(store, alert == 0 ? X509_V_OK : reason_for_alert(alert));
  return alert == 0;
}

/* Clients that offer HTTP/2 too must hear that it will be HTTP/1.1. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *payload)
{
  static const unsigned char ours[] = "\x08http/1.1";
  unsigned char *picked;
  (void)ssl;
  (void)payload;
  if (SSL_select_next_proto(&picked, out_n, ours, sizeof ours - 1, in, in_n) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = picked;
  return SSL_TLSEXT_ERR_OK;
}

static int set_options(SSL_CTX *ctx, ifl_server *s, iflow_error *err)
{
  static const unsigned char session_context[] = "iflow";
  const struct ifl_server_opts *o = &s->opts;
  /* No stateless tickets: they would carry the client's leaf only, and a resumed connection could
   * not show the chain it came with. Sessions are kept here instead (session ids; under TLS 1.3
   * tickets that name a kept session). */
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
  SSL_CTX_sess_set_cache_size(ctx, SESSIONS_MAX);
  SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
  if (!SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1))
    return ifl_fail_nomem(err);
  if (!SSL_CTX_set_min_proto_version(ctx, o->min_tls != 0 ? o->min_tls : TLS1_2_VERSION) ||
      !SSL_CTX_set_max_proto_version(ctx, o->max_tls))
    return ifl_fail(err, IFLOW_EINVAL, "these TLS versions are not possible");
  if (o->ask_client == 0) return 0;
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_cert_verify_callback(ctx, on_verify, s);
  if (o->client_ca_names != NULL) {
    STACK_OF(X509_NAME) *names = SSL_dup_CA_list(o->client_ca_names);
    if (names == NULL) return ifl_fail_nomem(err);
    SSL_CTX_set_client_CA_list(ctx, names);
  }
  return 0;
}

int ifl_tls_context(SSL_CTX **out, ifl_server *s, ifl_credential *credential, iflow_error *err)
{
  if (credential == NULL)
    return ifl_fail(err, IFLOW_ECERTNONE, "a TLS server needs a certificate and its private key");
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  if (ctx == NULL) {
    ERR_clear_error();
    return ifl_fail_nomem(err);
  }
  int rc = set_options(ctx, s, err);
  if (rc == 0) rc = ifl_credential_use(credential, ctx, err);
  if (rc < 0) SSL_CTX_free(ctx);
  else *out = ctx;
  ERR_clear_error();
  return rc;
}

int ifl_tls_open(struct ifl_conn *c, iflow_error *err)
{
  SSL *ssl = SSL_new(c->server->ctx);
  BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
  if (ssl == NULL || in == NULL || out == NULL) {
    SSL_free(ssl);
    BIO_free(in);
    BIO_free(out);
    ERR_clear_error();
    return ifl_fail_nomem(err);
  }
  SSL_set_bio(ssl, in, out);
  SSL_set_accept_state(ssl);
  c->ssl = ssl;
  return 0;
}

void ifl_tls_close(struct ifl_conn *c)
{
  if (c->ssl == NULL) return;
  /* A peer that leaves without close_notify may still resume: OpenSSL would forget its session. */
  if (c->established) SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(c->ssl);
  c->ssl = NULL;
}

/* What OpenSSL wants to say goes to the stream, whose limit bounds it. */
static int flush(struct ifl_conn *c, iflow_error *err)
{
  char *data;
  BIO *out = SSL_get_wbio(c->ssl);
  long n = BIO_get_mem_data(out, &data);
  if (n <= 0) return 0;
  int rc = ifl_stream_write(c->stream, data, (size_t)n, err);
  (void)BIO_reset(out);
  return rc;
}

static int fail_tls(struct ifl_conn *c, iflow_error *err)
{
  char reason[160] = "no reason given";
  unsigned long e = ERR_peek_error();
  if (e != 0) ERR_error_string_n(e, reason, sizeof reason);
  ERR_clear_error();
  c->established = false; /* OpenSSL must not be used for this connection again */
  (void)flush(c, NULL);   /* the alert */
  return ifl_fail(err, IFLOW_ETLS, "TLS with %s failed: %s", c->peer, reason);
}

/* The chain with the leaf in front; OpenSSL keeps them apart on a server. */
static int remember_chain(struct ifl_conn *c, iflow_error *err)
{
  X509 *leaf = SSL_get1_peer_certificate(c->ssl);
  if (leaf == NULL) return 0;
  STACK_OF(X509) *rest = SSL_get_peer_cert_chain(c->ssl);
  STACK_OF(X509) *chain = rest != NULL ? X509_chain_up_ref(rest) : sk_X509_new_null();
  if (chain == NULL || !sk_X509_unshift(chain, leaf)) {
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    return ifl_fail_nomem(err);
  }
  c->client_chain = chain;
  return 0;
}

static int established(struct ifl_conn *c, iflow_error *err)
{
  ifl_server *s = c->server;
  int rc = remember_chain(c, err);
  if (rc < 0) return rc;
  s->stats.handshakes++;
  if (SSL_session_reused(c->ssl)) {
    s->stats.resumed++;
    /* A resumed handshake verifies nothing, and a certificate may have expired since. */
    if (c->client_chain != NULL && s->opts.verify_client != NULL &&
        s->opts.verify_client(s->opts.payload, c->client_chain) != 0)
      return ifl_fail(err, IFLOW_ETLS, "the certificate of %s is refused by now", c->peer);
  }
  c->established = true;
  c->tls_version = SSL_get_version(c->ssl);
  c->state = IFL_CONN_IDLE;
  return 0;
}

static int handshake(struct ifl_conn *c, iflow_error *err)
{
  ERR_clear_error();
  int r = SSL_do_handshake(c->ssl);
  if (r != 1 && SSL_get_error(c->ssl, r) != SSL_ERROR_WANT_READ) {
    c->server->stats.handshakes_failed++;
    return fail_tls(c, err);
  }
  int rc = flush(c, err);
  return rc == 0 && r == 1 ? established(c, err) : rc;
}

/* Spares the read that would say so, and the room for it. */
static bool nothing_left(SSL *ssl)
{
  return SSL_has_pending(ssl) == 0 && BIO_ctrl_pending(SSL_get_rbio(ssl)) == 0;
}

static int decrypt(struct ifl_conn *c, iflow_error *err)
{
  while (c->plain.len < IFL_PLAIN_WINDOW && !c->eof) {
    size_t n;
    int rc = ifl_buf_reserve(&c->plain, RECORD, err);
    if (rc < 0) return rc;
    ERR_clear_error();
    if (SSL_read_ex(c->ssl, c->plain.data + c->plain.len, RECORD, &n) == 1) {
      c->plain.len += n;
      if (nothing_left(c->ssl)) return flush(c, err);
      continue;
    }
    switch (SSL_get_error(c->ssl, 0)) {
    case SSL_ERROR_WANT_READ: return flush(c, err); /* answers to key updates */
    case SSL_ERROR_ZERO_RETURN: c->eof = true; break;
    default: return fail_tls(c, err);
    }
  }
  return 0;
}

static void shrink(SSL *ssl, BIO *bio, void (*set)(SSL *ssl, BIO *bio))
{
  BUF_MEM *mem;
  BIO *fresh;
  if (BIO_get_mem_ptr(bio, &mem) != 1 || mem->max <= RECORD || BIO_pending(bio) > 0) return;
  fresh = BIO_new(BIO_s_mem());
  if (fresh != NULL) set(ssl, fresh);
  ERR_clear_error();
}

void ifl_tls_shrink(struct ifl_conn *c)
{
  shrink(c->ssl, SSL_get_rbio(c->ssl), SSL_set0_rbio);
  shrink(c->ssl, SSL_get_wbio(c->ssl), SSL_set0_wbio);
}

int ifl_tls_receive(struct ifl_conn *c, const char *data, size_t n, iflow_error *err)
{
  if (BIO_write(SSL_get_rbio(c->ssl), data, (int)n) == (int)n) return 0;
  ERR_clear_error();
  return ifl_fail_nomem(err);
}

int ifl_tls_advance(struct ifl_conn *c, iflow_error *err)
{
  int rc = c->established ? 0 : handshake(c, err);
  return rc == 0 && c->established ? decrypt(c, err) : rc;
}

int ifl_tls_send(struct ifl_conn *c, const char *data, size_t n, iflow_error *err)
{
  size_t done;
  ERR_clear_error();
  if (SSL_write_ex(c->ssl, data, n, &done) != 1) return fail_tls(c, err);
  return flush(c, err);
}

void ifl_tls_say_goodbye(struct ifl_conn *c)
{
  if (!c->established) return; /* an alert said why, or there is nothing to say */
  ERR_clear_error();
  (void)SSL_shutdown(c->ssl);
  (void)flush(c, NULL);
  ERR_clear_error();
}
