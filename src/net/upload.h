/* upload.h -- the bytes of a request's body as they go over the wire, whatever the source: memory,
 * file, or chunks from the caller (with their framing). For exchange.c. */
#ifndef IFL_NET_UPLOAD_H
#define IFL_NET_UPLOAD_H

#include "net/client.h"

struct ifl_file_reader;

struct ifl_upload {
  iflow_loop *loop;
  struct ifl_body body;
  size_t at;                      /* BYTES, STREAM: consumed */
  struct ifl_file_reader *reader; /* FILE: opened with the first peek */
  struct ifl_buf chunk;           /* STREAM: framed */
  bool wanted;                    /* STREAM: want was called, feed has to come */
  bool last;                      /* STREAM: the end was fed */
  bool used;                      /* a byte of the body was consumed, or a chunk was fed */
  struct ifl_soon soon;
  void (*ready)(void *payload); /* bytes are there after a peek that had none */
  void *payload;
  void *caller; /* STREAM: payload of body.want */
};
#define IFL_CHUNK_MAX (64 * 1024 * 1024) /* bytes a chunk of a stream */

void ifl_upload_init(struct ifl_upload *u, iflow_loop *loop, const struct ifl_body *body,
                     void *caller, void (*ready)(void *payload), void *payload);
void ifl_upload_done(struct ifl_upload *u);
/* Bytes to send next; *n == 0: the end (ifl_upload_ended) or wait for ready. The pointer is good
 * until the next call. Errors: IFLOW_EIO, IFLOW_ENOMEM. */
int ifl_upload_peek(struct ifl_upload *u, const char **data, size_t *n, iflow_error *err);
void ifl_upload_consume(struct ifl_upload *u, size_t n);
bool ifl_upload_ended(const struct ifl_upload *u);
/* Starts over, if it can: not with a stream of which something was taken. */
bool ifl_upload_rewind(struct ifl_upload *u);
/* STREAM only. Errors: IFLOW_EINVAL (nobody asked), IFLOW_ELIMIT, IFLOW_ENOMEM. */
int ifl_upload_feed(struct ifl_upload *u, const char *data, size_t n, bool last, iflow_error *err);
/* Whether the caller's next chunk is what everything waits for. */
bool ifl_upload_waits_for_caller(const struct ifl_upload *u);

#endif
