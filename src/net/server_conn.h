/* server_conn.h -- the inside of the server: what its files share.
 *   server.c          listener, list of connections, closing
 *   server_conn.c     one connection: bytes in, states, timers, the end
 *   server_request.c  the request: refusing bad heads, handing out the body
 *   server_answer.c   the answer: heads, pieces, what is still to leave
 *   server_tls.c      TLS between the stream and the connection
 *
 * A connection has one request at a time, embedded in it; pipelined bytes wait in `plain`. The
 * owner of a request may keep it longer than the connection lives: then the box stays, `dead`.
 * Calls of the owner only change the state and schedule ifl_conn_step, which does the rest from
 * the loop; so no callback runs inside a call. */
#ifndef IFL_NET_SERVER_CONN_H
#define IFL_NET_SERVER_CONN_H

#include "net/server.h"
#include "net/stream.h"

#define IFL_PLAIN_WINDOW  ((size_t)64 * 1024)  /* received bytes that may wait to be parsed */
#define IFL_DISCARD_MAX   (64 * 1024)          /* of a body nobody read, to keep the connection */
#define IFL_SEND_WINDOW   ((size_t)256 * 1024) /* in the stream's queue at a time */
#define IFL_LINGER_GAP_MS 5000                 /* after our end: silence that ends the connection */
#define IFL_LINGER_MAX_MS 30000

enum ifl_conn_state {
  IFL_CONN_HANDSHAKE,
  IFL_CONN_IDLE,    /* between requests: no byte of the next one came */
  IFL_CONN_HEAD,    /* some of a head came */
  IFL_CONN_REQUEST, /* the head is complete; lasts until body and answer are through */
  IFL_CONN_LINGER   /* our side has ended; the peer is read and ignored, or a RST would take the
                       answer away from it */
};

struct ifl_incoming {
  struct ifl_conn *conn;
  bool held;         /* handed out and not released */
  bool head_request; /* its answer has no body */
  bool http10, keep_alive;

  /* The body. */
  void (*data)(void *payload, const char *data, size_t n, const iflow_error *err);
  void *data_payload;
  struct ifl_buf piece; /* decoded, waits for a read: never more than one feed gave */
  bool has_body, body_done;
  bool expect;           /* "100 Continue" is still owed */
  int64_t body_received; /* decoded bytes */
  int64_t discarded;
  iflow_error broken; /* code != 0: why the body cannot be read to its end */

  /* The answer. */
  bool begun, finished;
  bool close;   /* the connection ends after it */
  bool chunked; /* framing of the answer */
  bool no_body; /* HEAD, 204, 304: pieces are counted, not sent */
  int64_t left; /* of a declared length; -1: undeclared */
  void (*sent)(void *payload, int rc);
  void *sent_payload;
  void (*gone)(void *payload);
  void *gone_payload;
};

struct ifl_conn {
  ifl_server *server; /* NULL when dead */
  iflow_loop *loop;
  struct ifl_conn *next, *prev;
  ifl_stream *stream;
  enum ifl_conn_state state;
  bool dead;
  bool eof; /* the peer has ended its side */
  int busy; /* inside a step: freeing waits */
  char peer[64];

  ifl_http1 *parser;
  struct ifl_buf plain; /* received, decrypted, not parsed */
  bool head_done;       /* the parser told, the step has not acted yet */
  struct ifl_incoming in;

  struct ifl_buf out; /* plain bytes to send, from out_at on */
  size_t out_at;
  size_t unsent; /* at the last look of the write timer */

  struct ifl_timer timer;       /* of the state: handshake, idle, head, gap in the body, linger */
  struct ifl_timer write_timer; /* the peer takes nothing */
  struct ifl_timer total_timer; /* the whole request */
  struct ifl_soon soon;         /* the next step */
  int64_t last_in;              /* when bytes came, or when they were first wanted */
  int64_t linger_since;

  SSL *ssl; /* NULL without TLS */
  bool established;
  const char *tls_version; /* "" without TLS */
  STACK_OF(X509) * client_chain;
};

struct ifl_server {
  iflow_loop *loop;
  struct ifl_server_opts opts; /* host and credential are not used after the start */
  ifl_listener *listener;
  int port;
  SSL_CTX *ctx;
  struct ifl_conn *conns;
  struct ifl_server_stats stats;
  bool closing;
  void (*closed)(void *payload);
  void *closed_payload;
  struct ifl_timer grace;
  struct ifl_soon closed_soon;
  time_t date_of; /* the second that this is the field Date of: */
  char date[48];
};

/* server.c */
void ifl_server_lost(ifl_server *s, struct ifl_conn *c); /* c leaves the list */

/* server_conn.c */
void ifl_conn_accept(void *server, ifl_stream *stream);
/* Does all that can be done now; schedule defers it to the next turn. Only a step, never a call of
 * the request's owner, runs callbacks. */
void ifl_conn_schedule(struct ifl_conn *c);
/* Ends the connection at once (reset: by RST). Its request lives on, dead, while it is held. */
void ifl_conn_cut(struct ifl_conn *c, bool reset);
/* Our side has ended: says so to the peer and waits a while for its end. */
void ifl_conn_linger(struct ifl_conn *c);
void ifl_conn_free_if_unused(struct ifl_conn *c);

/* server_request.c */
extern const struct ifl_http1_events ifl_request_events;
/* 0, or the status to refuse the head with. */
int ifl_request_check(struct ifl_conn *c);
void ifl_request_start(struct ifl_conn *c);
void ifl_request_reset(struct ifl_conn *c);   /* ready for the next one of the connection */
void ifl_request_deliver(struct ifl_conn *c); /* a waiting read gets what there is */
bool ifl_request_discards(const struct ifl_incoming *in);
/* Parsing may go on: a read waits, or the rest is thrown away. */
bool ifl_request_wants(const struct ifl_incoming *in);
void ifl_request_broken(struct ifl_conn *c, const iflow_error *why);

/* server_answer.c */
/* An answer of the server's own, without body; the connection closes after it. */
void ifl_answer_refuse(struct ifl_conn *c, int status);
void ifl_answer_continue(struct ifl_conn *c);
/* Moves bytes from out to the wire. False when the connection was cut on the way. */
bool ifl_answer_pump(struct ifl_conn *c);
bool ifl_answer_flushed(const struct ifl_conn *c);

/* server_tls.c */
int ifl_tls_context(SSL_CTX **out, ifl_server *s, ifl_credential *credential, iflow_error *err);
int ifl_tls_open(struct ifl_conn *c, iflow_error *err);
void ifl_tls_close(struct ifl_conn *c);
int ifl_tls_receive(struct ifl_conn *c, const char *data, size_t n, iflow_error *err);
/* Handshake and decryption into plain, as far as the bytes reach. */
int ifl_tls_advance(struct ifl_conn *c, iflow_error *err);
int ifl_tls_send(struct ifl_conn *c, const char *data, size_t n, iflow_error *err);
/* An idle connection gives the memory of a big body back. */
void ifl_tls_shrink(struct ifl_conn *c);
void ifl_tls_say_goodbye(struct ifl_conn *c);

#endif
