/* connection.h -- one connection to an origin: DNS, proxy, TCP and TLS by libcurl, then plain bytes
 * in and out. connection.c is the only file that sees curl. For pool.c and exchange.c. */
#ifndef IFL_NET_CONNECTION_H
#define IFL_NET_CONNECTION_H

#include "base/secret.h"
#include "net/loop.h"
#include "net/tls.h"
#include "net/trust.h"

typedef struct ifl_dialer ifl_dialer; /* one curl multi on a loop */
typedef struct ifl_connection ifl_connection;

int ifl_dialer_new(ifl_dialer **out, iflow_loop *loop, iflow_error *err);
void ifl_dialer_free(ifl_dialer *d); /* every connection must be freed before */

/* Where to and as whom; borrowed for the call. */
struct ifl_destination {
  const char *identity; /* TLS sessions are shared within it and never beyond */
  bool tls;
  const char *host; /* without brackets */
  int port;
  const char *authority; /* for texts */
  ifl_credential *credential;
  const char *cafile;
  ifl_trust *trust;  /* NULL: cafile is read now */
  const char *proxy; /* NULL: the environment's, "": none */
  const ifl_secret *proxy_userpwd;
  int64_t timeout_ms;
};

struct ifl_connection_events {
  /* Once, from the loop: err is NULL when bytes can flow. */
  void (*connected)(void *payload, const iflow_error *err);
  /* The socket is ready for what ifl_connection_watch asked for. */
  void (*ready)(void *payload, int events);
};
int ifl_connection_open(ifl_connection **out, ifl_dialer *d, const struct ifl_destination *to,
                        const struct ifl_connection_events *events, void *payload,
                        iflow_error *err);
/* Closes at once in any state; no event comes afterwards. Not from inside of curl's callbacks. */
void ifl_connection_free(ifl_connection *c);
/* Another receiver of the events, when the connection changes hands. */
void ifl_connection_set_payload(ifl_connection *c, void *payload);

enum ifl_io {
  IFL_IO_DATA,  /* *used bytes went through, at least one */
  IFL_IO_AGAIN, /* would block */
  IFL_IO_END,   /* recv: the peer ended cleanly */
  IFL_IO_BROKEN /* ifl_connection_error tells */
};
/* Loop until IFL_IO_AGAIN before waiting: TLS may hold bytes that the poller cannot see. */
enum ifl_io ifl_connection_recv(ifl_connection *c, void *buf, size_t n, size_t *used);
enum ifl_io ifl_connection_send(ifl_connection *c, const void *buf, size_t n, size_t *used);
/* IFL_READABLE | IFL_WRITABLE, 0 for none. */
void ifl_connection_watch(ifl_connection *c, int events);
/* An idle connection is watched, too, but is no open work. */
void ifl_connection_set_idle(ifl_connection *c, bool idle);

/* Why it broke: IFLOW_ETLSCREDENTIALS (a fatal alert about our certificate, which TLS 1.3 shows on
 * the first read), IFLOW_ETLS, IFLOW_ERESET. Returns the code. */
int ifl_connection_error(const ifl_connection *c, iflow_error *err);
bool ifl_connection_resumed(const ifl_connection *c);

/* How far it came, connected or not; proxy is borrowed from the connection. */
struct ifl_connection_way {
  char address[64];           /* "10.0.0.1:443", the proxy's if there is one; "" for none yet */
  const char *proxy;          /* "host:port"; NULL for none, also by no_proxy */
  int64_t dns_us, connect_us; /* from the start until the name, until TCP; 0: not yet */
};
void ifl_connection_get_way(const ifl_connection *c, struct ifl_connection_way *out);

/* The version of libcurl and of what it is built with: "libcurl/7.88.1 OpenSSL/3.0.15 …". */
const char *ifl_connection_library(void);

#endif
