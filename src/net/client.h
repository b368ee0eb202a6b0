/* client.h -- HTTP requests over pooled connections: one request, one answer, nothing repeated
 * except on a reused connection that had died (see idempotent). Policy lives above, in call/. */
#ifndef IFL_NET_CLIENT_H
#define IFL_NET_CLIENT_H

#include "base/secret.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/trust.h"
#include "net/url.h"

typedef struct ifl_client ifl_client;     /* all pools of a loop; one curl multi */
typedef struct ifl_exchange ifl_exchange; /* one request in flight or done */

struct ifl_client_opts {
  size_t connections; /* a host and identity; 64 by default, 256 at most */
  int64_t idle_ms;    /* a pooled connection is closed after; 55 s (the router closes at 60) */
};
int ifl_client_new(ifl_client **out, iflow_loop *loop, const struct ifl_client_opts *opts,
                   iflow_error *err);
/* Every exchange must be freed before. */
void ifl_client_free(ifl_client *c);
/* A place for one pointer of the layer above: auth/token.c keeps the list of its sources there, so
 * that tenants of one credential share a token. NULL at first; the client never looks at it. */
void **ifl_client_slot(ifl_client *c);
/* Closes what idles, for example after a certificate was switched; identity NULL: everywhere. */
void ifl_client_drop_idle(ifl_client *c, const char *identity);

enum ifl_body_kind { IFL_BODY_NONE, IFL_BODY_BYTES, IFL_BODY_FILE, IFL_BODY_STREAM };

/* Where a request's body comes from; borrowed until the exchange is done or freed. */
struct ifl_body {
  enum ifl_body_kind kind;
  const char *data; /* BYTES */
  size_t len;
  int fd; /* FILE: read from offset 0 to size with pread on a worker thread; duplicated */
  int64_t size;
  void (*want)(void *payload); /* STREAM: called from the loop, with the exchange's payload, when a
                                  chunk may be given with ifl_exchange_feed; sent as chunked */
};

struct ifl_request {
  const char *method;
  const struct ifl_url *url;
  const struct ifl_headers *headers; /* without Host, Content-Length, Transfer-Encoding, Connection,
                                        Expect, Accept-Encoding: those are the engine's own */
  const struct ifl_headers *more[2]; /* further fields of that kind, or NULL */
  /* Authorization: scheme, blank, credentials; scheme NULL: none. What could end a line is refused,
   * as in a field. A token is longer than all else: it is written when a connection is there. */
  const char *scheme;
  const ifl_secret *credentials; /* the exchange takes a reference */
  struct ifl_body body;
  bool expect_continue; /* offers Expect: 100-continue and waits 1 s */

  const char *identity;            /* pool key: the fingerprint of the credential; "" for none */
  ifl_credential *credential;      /* TLS client certificate, or NULL */
  const char *cafile;              /* PEM file to trust; NULL: the system's hashed directory */
  ifl_trust *trust;                /* what was read of it; NULL: it is read for the connection */
  const char *proxy;               /* URL; NULL: environment, "": none */
  const ifl_secret *proxy_userpwd; /* "user:password", or NULL */

  int64_t connect_timeout_ms; /* name, TCP, proxy, TLS */
  int64_t timeout_ms;         /* from getting a connection to the last byte */
  int64_t stall_timeout_ms;   /* no byte in either direction */
  int64_t queue_timeout_ms;   /* waiting for a connection */

  bool idempotent;    /* may be sent again when a reused connection died without a byte of answer */
  size_t max_body;    /* ceiling of the answer kept in memory, decoded */
  int save_fd;        /* >= 0: a 2xx answer's body goes to this file instead; duplicated */
  bool verbose;       /* log heads at debug, redacted */
  size_t connections; /* cap of its pool; 0: the client's */
};
/* The defaults: POST, 30 s connect, 60 s total, 60 s stall, 10 min queue, 16 MiB, save_fd -1. A
 * duration of 0 stands for its default. */
void ifl_request_init(struct ifl_request *r);

/* How far a failed exchange got. */
enum ifl_sent {
  IFL_SENT_NOTHING, /* no byte of the request left: safe to repeat */
  IFL_SENT_SOME,    /* bytes left, no byte of an answer came: in doubt */
  IFL_SENT_ANSWERED /* the answer had begun and broke off: in doubt */
};

/* done is called exactly once from the loop, unless the exchange is freed before. err is NULL when
 * an answer is complete, whatever its status. */
typedef void (*ifl_exchange_done)(void *payload, ifl_exchange *x, const iflow_error *err);

/* Starts a request; r and what it points to may go after the call, except body, headers (copied),
 * url (copied). Errors: IFLOW_EHEADER, IFLOW_ENOMEM, IFLOW_EINVAL; then done is never called. */
int ifl_exchange_start(ifl_exchange **out, ifl_client *client, const struct ifl_request *r,
                       ifl_exchange_done done, void *payload, iflow_error *err);
/* Ends it in any state (a running one loses its connection) and frees it. NULL is fine. */
void ifl_exchange_free(ifl_exchange *x);

/* STREAM bodies: the next chunk (copied), or the end with n = 0 and last = true. Only after want. */
int ifl_exchange_feed(ifl_exchange *x, const char *data, size_t n, bool last, iflow_error *err);

/* Of a done exchange; borrowed until it is freed. */
int ifl_exchange_status(const ifl_exchange *x); /* 0 when no answer began */
struct ifl_headers *ifl_exchange_headers(ifl_exchange *x);
struct ifl_buf *ifl_exchange_body(ifl_exchange *x); /* decoded; ifl_buf_take moves it out */
int64_t ifl_exchange_saved(const ifl_exchange *x);  /* bytes written to save_fd */
enum ifl_sent ifl_exchange_sent(const ifl_exchange *x);
bool ifl_exchange_body_used(const ifl_exchange *x); /* at least one body byte was taken */
/* When an identity's TLS client certificate was refused the error is IFLOW_ETLSCREDENTIALS. */

/* Counters for tests and metrics. */
struct ifl_client_stats {
  uint64_t opened, resumed, reused, requests, in_flight, waiting, idle;
  uint64_t token_requests, token_failures;
};
struct ifl_client_stats ifl_client_get_stats(const ifl_client *c);
/* For auth/token.c, whose sources come and go: a token request was begun; one brought no token. */
void ifl_client_count_token(ifl_client *c);
void ifl_client_count_token_failure(ifl_client *c);

#endif
