/* pool.h -- connections to one origin as one identity, and the exchanges that wait for one. The
 * inside of a client: for client.c, pool.c and exchange*.c. */
#ifndef IFL_NET_POOL_H
#define IFL_NET_POOL_H

#include "net/client.h"
#include "net/connection.h"

#define IFL_POOL_CHAINS 256
#define IFL_WAITING_MAX 100000 /* exchanges that wait in a client */
#define IFL_IDLE_MAX    512    /* idle connections of a client */
#define IFL_READ_SIZE   (64 * 1024)

struct ifl_pool;

/* A connection in a pool: idle, or of one exchange. */
struct ifl_link {
  struct ifl_pool *pool;
  ifl_connection *connection;
  ifl_http1 *parser;
  ifl_exchange *user;  /* NULL: idle */
  uint64_t requests;   /* that were begun on it */
  int64_t idle_until;  /* by the loop's clock */
  int64_t server_keep; /* ms the server says it keeps it; -1: nothing said */
  bool connected;
  struct ifl_link *next, *prev; /* among the idle ones; the one used last first */
};

/* Makes one on first use. Somebody must join it, or tidy must be called. */
int ifl_pool_find(struct ifl_pool **out, ifl_client *client, const struct ifl_request *r,
                  iflow_error *err);
void ifl_pool_tidy(struct ifl_pool *p); /* frees it when it has no connections and no exchanges */
const char *ifl_pool_authority(const struct ifl_pool *p); /* "host:port" */

/* An exchange belongs to its pool from join to part. */
void ifl_pool_join(struct ifl_pool *p, ifl_exchange *x);
void ifl_pool_part(ifl_exchange *x);
/* The exchange gets its turn: by ifl_exchange_granted, _connecting or _lost, which may be called
 * from inside. front: it had its turn before. */
void ifl_pool_enter(struct ifl_pool *p, ifl_exchange *x, bool front);
void ifl_pool_leave(ifl_exchange *x); /* it waits no longer */
/* Gives a connection back, or closes it, and lets the next exchange have its turn. */
void ifl_pool_release(struct ifl_link *link, bool reusable);

void ifl_pool_close_idle(struct ifl_pool *p, const char *identity); /* NULL: whoever's */
struct ifl_pool *ifl_pool_next(const struct ifl_pool *p);           /* in its chain */

/* What the pool asks of exchange.c. None of these calls done before it returns to the loop. */
void ifl_exchange_connecting(ifl_exchange *x, struct ifl_link *link);
void ifl_exchange_granted(ifl_exchange *x, struct ifl_link *link);
void ifl_exchange_lost(ifl_exchange *x, const iflow_error *err);
/* Events of its connection. May call done. */
void ifl_exchange_ready(ifl_exchange *x, int events);
/* The parser's, whose payload is the link. */
extern const struct ifl_http1_events ifl_exchange_events;

struct ifl_client {
  iflow_loop *loop;
  ifl_dialer *dialer;
  size_t connections; /* a pool */
  int64_t idle_ms;
  struct ifl_pool *chains[IFL_POOL_CHAINS];
  struct ifl_client_stats stats;
  struct ifl_timer sweep; /* closes what idled too long */
  char *buffer;           /* IFL_READ_SIZE bytes for whoever reads just now */
  void *slot;             /* of the layer above */
};

#endif
