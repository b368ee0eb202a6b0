/* upload.c -- see upload.h. */
#include "net/upload.h"

#include "base/error.h"
#include "net/file_io.h"

#include <string.h>

void ifl_upload_init(struct ifl_upload *u, iflow_loop *loop, const struct ifl_body *body,
                     void *caller, void (*ready)(void *payload), void *payload)
{
  memset(u, 0, sizeof *u);
  u->loop = loop;
  u->body = *body;
  u->ready = ready;
  u->payload = payload;
  u->caller = caller;
  ifl_buf_init(&u->chunk, IFL_CHUNK_MAX + 64);
}

void ifl_upload_done(struct ifl_upload *u)
{
  ifl_soon_cancel(&u->soon);
  ifl_file_reader_free(u->reader);
  ifl_buf_done(&u->chunk);
  u->reader = NULL;
}

static void on_file(void *payload)
{
  struct ifl_upload *u = payload;
  u->ready(u->payload);
}

static int peek_file(struct ifl_upload *u, const char **data, size_t *n, iflow_error *err)
{
  if (u->reader == NULL && u->body.size > 0) {
    int rc = ifl_file_reader_new(&u->reader, u->loop, u->body.fd, u->body.size, on_file, u, err);
    if (rc < 0) return rc;
  }
  if (ifl_upload_ended(u)) return 0;
  return ifl_file_reader_peek(u->reader, data, n, err);
}

static void ask_caller(void *payload)
{
  struct ifl_upload *u = payload;
  u->body.want(u->caller); /* may free the exchange and u */
}

/* The caller is asked from the loop, not from inside of its own feed or start. */
static void peek_stream(struct ifl_upload *u, const char **data, size_t *n)
{
  *data = u->chunk.data != NULL ? u->chunk.data + u->at : NULL;
  *n = u->chunk.len - u->at;
  if (*n > 0 || u->last || u->wanted) return;
  u->wanted = true;
  ifl_soon(u->loop, &u->soon, ask_caller, u);
}

int ifl_upload_peek(struct ifl_upload *u, const char **data, size_t *n, iflow_error *err)
{
  *data = NULL;
  *n = 0;
  switch (u->body.kind) {
  case IFL_BODY_NONE: break;
  case IFL_BODY_BYTES:
    *data = u->body.data + u->at;
    *n = u->body.len - u->at;
    break;
  case IFL_BODY_FILE: return peek_file(u, data, n, err);
  case IFL_BODY_STREAM: peek_stream(u, data, n); break;
  }
  return 0;
}

void ifl_upload_consume(struct ifl_upload *u, size_t n)
{
  if (n > 0) u->used = true;
  if (u->body.kind == IFL_BODY_FILE && n > 0) ifl_file_reader_consume(u->reader, n);
  else u->at += n;
}

bool ifl_upload_ended(const struct ifl_upload *u)
{
  switch (u->body.kind) {
  case IFL_BODY_BYTES: return u->at == u->body.len;
  case IFL_BODY_FILE:
    return u->body.size <= 0 || (u->reader != NULL && ifl_file_reader_ended(u->reader));
  case IFL_BODY_STREAM: return u->last && u->at == u->chunk.len;
  default: return true;
  }
}

bool ifl_upload_rewind(struct ifl_upload *u)
{
  if (u->body.kind == IFL_BODY_STREAM) return !u->used;
  u->at = 0;
  ifl_file_reader_free(u->reader);
  u->reader = NULL;
  return true;
}

int ifl_upload_feed(struct ifl_upload *u, const char *data, size_t n, bool last, iflow_error *err)
{
  char head[20];
  if (u->body.kind != IFL_BODY_STREAM || !u->wanted || u->soon.queued)
    return ifl_fail(err, IFLOW_EINVAL, "a chunk of the body was given that nobody asked for");
  if (n > IFL_CHUNK_MAX)
    return ifl_fail(err, IFLOW_ELIMIT, "a chunk of the body has more than %d bytes", IFL_CHUNK_MAX);
  ifl_buf_clear(&u->chunk); /* it was asked for because all of the last one was consumed */
  u->at = 0;
  int rc = ifl_buf_reserve(&u->chunk, n + 64, err);
  if (rc < 0) return rc;
  u->wanted = false;
  u->last = last;
  if (n > 0) { /* a chunk of no bytes would be the end */
    (void)ifl_buf_add(&u->chunk, head, ifl_http1_chunk_head(head, n), NULL);
    (void)ifl_buf_add(&u->chunk, data, n, NULL);
    (void)ifl_buf_add(&u->chunk, "\r\n", 2, NULL);
    u->used = true;
  }
  if (last) (void)ifl_buf_add(&u->chunk, "0\r\n\r\n", 5, NULL);
  return 0;
}

bool ifl_upload_waits_for_caller(const struct ifl_upload *u)
{
  return u->body.kind == IFL_BODY_STREAM && u->wanted;
}
