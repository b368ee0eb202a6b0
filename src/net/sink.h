/* sink.h -- where the body of an answer goes: decoded, into memory up to a ceiling, or into a file
 * on a worker thread with back-pressure. For exchange.c. */
#ifndef IFL_NET_SINK_H
#define IFL_NET_SINK_H

#include "base/buffer.h"
#include "net/loop.h"

typedef struct ifl_sink ifl_sink;

struct ifl_sink_opts {
  const char *encoding;   /* the answer's Content-Encoding, or NULL */
  struct ifl_buf *memory; /* filled up to its max; IFLOW_EHTTPLIMIT above */
  int fd;                 /* >= 0: written there instead; duplicated */
  /* A full sink has room again, or a finished one has written all, or writing failed (the next
   * call tells). From the loop. */
  void (*ready)(void *payload);
  void *payload;
};
int ifl_sink_new(ifl_sink **out, iflow_loop *loop, const struct ifl_sink_opts *opts,
                 iflow_error *err);
/* A write that is on its way still ends, on a descriptor of its own. NULL is fine. */
void ifl_sink_free(ifl_sink *s);

/* Takes the bytes, even when it is full; but then give no more before ready. Errors:
 * IFLOW_EHTTPLIMIT, IFLOW_EHTTP (damaged), IFLOW_EIO, IFLOW_ENOMEM. */
int ifl_sink_write(ifl_sink *s, const char *data, size_t n, iflow_error *err);
bool ifl_sink_full(const ifl_sink *s);
/* The body ended. Returns 1 when all is where it belongs, 0 when ready will come, or an error. */
int ifl_sink_finish(ifl_sink *s, iflow_error *err);
int64_t ifl_sink_saved(const ifl_sink *s); /* bytes written to the file */

#endif
