/* exchange.h -- one request in flight: its state, for exchange*.c. */
#ifndef IFL_NET_EXCHANGE_H
#define IFL_NET_EXCHANGE_H

#include "net/pool.h"
#include "net/sink.h"
#include "net/upload.h"

enum ifl_exchange_state {
  IFL_X_WAITING,    /* in the pool's queue */
  IFL_X_CONNECTING, /* has a connection that is not ready */
  IFL_X_RUNNING,    /* request and answer are under way */
  IFL_X_SAVING,     /* all is here, the file is being written */
  IFL_X_DONE
};

struct ifl_exchange {
  ifl_client *client;
  struct ifl_pool *pool;
  struct ifl_link *link;
  ifl_exchange_done done;
  void *payload;
  enum ifl_exchange_state state;
  ifl_exchange *next, *prev; /* in the pool's queue */
  bool queued, fresh;        /* fresh: only a new connection will do */

  /* the request */
  struct ifl_buf head; /* and behind head_len the beginning of the body, for one send */
  size_t fields_len;   /* without Authorization, which is written when a connection is there */
  size_t head_len, at; /* at: sent of head */
  const char *scheme;  /* of Authorization, NULL: none */
  ifl_secret *credentials;
  struct ifl_upload upload;
  uint64_t sent; /* bytes on this connection */
  bool is_head, idempotent, verbose;
  bool expect;     /* the head offers Expect: 100-continue */
  bool send_over;  /* nothing more will be sent */
  bool send_whole; /* … because all was */
  bool blocked;    /* the socket takes no more just now */
  bool repeated;

  /* the answer */
  bool begun;    /* a byte came on this connection */
  bool answered; /* the final head came */
  bool complete; /* all of the answer came */
  bool surplus;  /* bytes behind the answer */
  bool paused;   /* the file cannot keep up */
  bool ended;    /* the connection is read to its end */
  unsigned interim;
  int status;
  struct ifl_headers headers;
  struct ifl_buf body;
  ifl_sink *sink; /* NULL: plain bytes into body */
  int save_fd;
  int64_t saved;

  /* time, by the loop's clock */
  struct ifl_timer timer;
  int64_t connect_ms, timeout_ms, stall_ms, queue_ms;
  int64_t total_at, active_at;
  int64_t hold_until; /* > 0: the body waits for "100 Continue", until then at most */

  struct ifl_soon soon;  /* does what must not be done from inside a call */
  bool inside;           /* a call of the caller or the pool is on the stack */
  iflow_error *err;      /* for callbacks of the parser */
  iflow_error *failure;  /* soon calls done with this */
  bool no_room;          /* … or there was no memory for it */
  enum ifl_sent outcome; /* of a done one */
};

/* exchange_head.c: method, target and fields into x->head. Errors: IFLOW_EHEADER, IFLOW_EINVAL. */
int ifl_exchange_write_head(ifl_exchange *x, const struct ifl_request *r, iflow_error *err);
/* What is missing at its end. Errors: IFLOW_EHEADER (too long), IFLOW_ENOMEM. */
int ifl_exchange_end_head(ifl_exchange *x, iflow_error *err);
/* Takes "Expect: 100-continue" out again. */
void ifl_exchange_drop_expect(ifl_exchange *x);
void ifl_exchange_log_request(ifl_exchange *x);
void ifl_exchange_log_answer(ifl_exchange *x);

/* exchange.c: ends it; err NULL: with its answer. Safe from everywhere but the parser's events. */
void ifl_exchange_finish(ifl_exchange *x, const iflow_error *err);
void ifl_exchange_set_timer(ifl_exchange *x); /* to what is due first */
/* On another connection, a new one, and in front of who waits. The body must have been rewound. */
void ifl_exchange_repeat(ifl_exchange *x);
/* Its connection is lost: repeats if that is allowed, or finishes. */
void ifl_exchange_broken(ifl_exchange *x, const iflow_error *err);
void ifl_exchange_resume_soon(ifl_exchange *x);

/* exchange_io.c: a first byte on x->link; all that can be done now; the sink has room or is done. */
int ifl_exchange_begin(ifl_exchange *x, iflow_error *err);
void ifl_exchange_advance(ifl_exchange *x, int events);
void ifl_exchange_on_sink(void *payload);
void ifl_exchange_take_headers(ifl_exchange *x);

#endif
