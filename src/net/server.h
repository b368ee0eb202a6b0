/* server.h -- an HTTP/1.1 server on the loop, plain or TLS (OpenSSL over memory BIOs): streamed
 * bodies, keep-alive, limits on all that a peer can send. It knows no routes and no policy. */
#ifndef IFL_NET_SERVER_H
#define IFL_NET_SERVER_H

#include "net/http1.h"
#include "net/loop.h"
#include "net/tls.h"

typedef struct ifl_server ifl_server;
typedef struct ifl_incoming ifl_incoming; /* one request and its answer */

struct ifl_server_opts {
  const char *host; /* "127.0.0.1" */
  int port;         /* 0: the system picks */
  bool tls;
  ifl_credential *credential; /* the server's, for TLS */
  /* Client certificates: 0 never asked for; 1 asked for, an answer without one is fine. Whatever
   * comes is accepted in the handshake (the policy above decides: SAP's load balancer drops unknown
   * chains silently), except what verify_client refuses. */
  int ask_client;
  STACK_OF(X509_NAME) * client_ca_names; /* sent in the request for a certificate; may be NULL */
  /* Called in the handshake with the presented chain (leaf first); a non-zero return is the TLS
   * alert to refuse with (SSL_AD_…). May be NULL. */
  int (*verify_client)(void *payload, STACK_OF(X509) * chain);
  int min_tls, max_tls; /* TLS1_2_VERSION, TLS1_3_VERSION; 0: the default */

  size_t max_connections;   /* 2,000 by default; more are closed at accept */
  int64_t head_timeout_ms;  /* the TLS handshake; then from first byte to end of head: 20 s */
  int64_t body_gap_ms;      /* longest pause between bytes of a body: 20 s (sap-reference 5.6) */
  int64_t idle_timeout_ms;  /* between requests, and for a peer that takes no answer: 60 s */
  int64_t total_timeout_ms; /* from the first byte of a request to the last of its answer: 10 min */

  /* The head of a request is complete; the body follows through ifl_incoming_read. */
  void (*request)(void *payload, ifl_incoming *in);
  void *payload;
};
void ifl_server_opts_init(struct ifl_server_opts *o);
int ifl_server_new(ifl_server **out, iflow_loop *loop, const struct ifl_server_opts *opts,
                   iflow_error *err);
int ifl_server_port(const ifl_server *s);
/* Exchange the certificate for connections from now on. */
int ifl_server_set_credential(ifl_server *s, ifl_credential *c, iflow_error *err);
/* Which authorities a client is told of, NULL: none; copied. Holds for credentials set from now on. */
int ifl_server_set_client_ca_names(ifl_server *s, const STACK_OF(X509_NAME) * names,
                                   iflow_error *err);
/* Idle connections end now, the others after their answer: all that follows shakes hands anew. */
void ifl_server_recycle(ifl_server *s);
/* Stops listening; open connections finish their request within grace_ms, then are cut. */
void ifl_server_close(ifl_server *s, int64_t grace_ms, void (*closed)(void *payload),
                      void *payload);
void ifl_server_free(ifl_server *s); /* cuts everything */

struct ifl_server_stats {
  uint64_t accepted, open, requests, malformed, handshakes, handshakes_failed, resumed;
};
struct ifl_server_stats ifl_server_get_stats(const ifl_server *s);

/* The request; borrowed while it lives. */
const char *ifl_incoming_method(const ifl_incoming *in);
const char *ifl_incoming_target(const ifl_incoming *in);
struct ifl_headers *ifl_incoming_headers(ifl_incoming *in);
int64_t ifl_incoming_length(const ifl_incoming *in); /* -1: chunked or none */
bool ifl_incoming_has_body(const ifl_incoming *in);
const char *ifl_incoming_peer(const ifl_incoming *in);
/* Presented client chain, leaf first; NULL when there was none. */
STACK_OF(X509) * ifl_incoming_client_chain(const ifl_incoming *in);
const char *ifl_incoming_tls_version(const ifl_incoming *in); /* "TLSv1.3", "" without TLS */

/* Asks for the next piece of the body: data is called exactly once from the loop, with n = 0 at the
 * end, or with err when the peer broke off, stalled or sent nonsense. At most one read at a time;
 * without one the peer is not read (back-pressure). "100 Continue" is sent by the first read. */
int ifl_incoming_read(ifl_incoming *in,
                      void (*data)(void *payload, const char *data, size_t n,
                                   const iflow_error *err),
                      void *payload, iflow_error *err);

/* Sends the whole answer (copied; at most IFL_ANSWER_MAX bytes, more is for begin and write).
 * Content-Length, Transfer-Encoding, Date and Connection are the server's own and dropped from
 * headers, but "Connection: close" is followed. A body that was not read is discarded up to 64 KiB,
 * else the connection closes after the answer. Errors: IFLOW_EINVAL (status outside 200 to 599,
 * answered twice), IFLOW_ELIMIT, IFLOW_ERESET (the peer is gone), IFLOW_ENOMEM. */
#define IFL_ANSWER_MAX ((size_t)64 * 1024 * 1024)
int ifl_incoming_answer(ifl_incoming *in, int status, const struct ifl_headers *headers,
                        const void *body, size_t n, iflow_error *err);
/* Streamed answer: head (chunked, unless length >= 0), then pieces (copied), last with n = 0. sent
 * is called once the piece has left, from the loop; one write at a time. sent may be NULL. */
int ifl_incoming_begin(ifl_incoming *in, int status, const struct ifl_headers *headers,
                       int64_t length, iflow_error *err);
int ifl_incoming_write(ifl_incoming *in, const void *data, size_t n,
                       void (*sent)(void *payload, int rc), void *payload, iflow_error *err);
/* Cuts the connection (by RST) without an answer: faults on demand. */
void ifl_incoming_abort(ifl_incoming *in);
/* The peer is gone or its body broke: no answer of the owner's is expected any more. */
bool ifl_incoming_failed(const ifl_incoming *in);
/* Called once when the peer is gone before the answer was complete. */
void ifl_incoming_on_gone(ifl_incoming *in, void (*gone)(void *payload), void *payload);
/* The owner is done with it: an unanswered one gets a 500 (408 when its body stalled, 400 when it
 * broke off), a half answered one is cut. The next request of the connection waits for this. */
void ifl_incoming_release(ifl_incoming *in);

#endif
