/* stream.h -- TCP listeners and accepted connections on the loop, for the server. */
#ifndef IFL_NET_STREAM_H
#define IFL_NET_STREAM_H

#include "net/loop.h"

typedef struct ifl_listener ifl_listener;
typedef struct ifl_stream ifl_stream;

/* Listens on host (an address, "127.0.0.1" or "::1") and port (0: the system picks). accept gets
 * each connection, which is then its receiver's. Errors: IFLOW_ESYSTEM with the address. */
int ifl_listen(ifl_listener **out, iflow_loop *loop, const char *host, int port, int backlog,
               void (*accept)(void *payload, ifl_stream *stream), void *payload, iflow_error *err);
int ifl_listener_port(const ifl_listener *l);
void ifl_listener_free(ifl_listener *l);

struct ifl_stream_events {
  /* Bytes, borrowed for the call. */
  void (*data)(void *payload, const char *data, size_t n);
  /* The peer ended (rc 0) or the connection broke (rc < 0); nothing comes afterwards. */
  void (*ended)(void *payload, int rc);
  /* All that was given to ifl_stream_write has left (or will never). */
  void (*drained)(void *payload);
};
void ifl_stream_start(ifl_stream *s, const struct ifl_stream_events *events, void *payload);
/* Back-pressure: with on = false no data comes. */
void ifl_stream_read(ifl_stream *s, bool on);
/* Copies and queues; IFLOW_ELIMIT when more than 4 MiB wait, IFLOW_ERESET when broken. */
int ifl_stream_write(ifl_stream *s, const void *data, size_t n, iflow_error *err);
size_t ifl_stream_queued(const ifl_stream *s);
/* Sends what is queued, then FIN; further writes fail. */
void ifl_stream_shutdown(ifl_stream *s);
/* "127.0.0.1:54321" of the peer; borrowed. */
const char *ifl_stream_peer(const ifl_stream *s);
/* Closes at once (with reset = true by RST) and frees; no callback runs afterwards. */
void ifl_stream_free(ifl_stream *s, bool reset);

#endif
