/* file_io.c -- see file_io.h. */
#include "net/file_io.h"

#include "base/buffer.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAITING_MAX (16 * IFL_FILE_PIECE) /* what a writer takes before it refuses */

static int duplicate(int fd, iflow_error *err)
{
  int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return ifl_fail_errno(err, errno, "cannot duplicate a descriptor of a file");
  return copy;
}

/* ---- reader ---- */

struct ifl_file_reader {
  iflow_loop *loop;
  int fd;
  int64_t size, asked; /* asked: offset behind the last piece that was read or is being read */
  char *data, *next;   /* data is being consumed, next is being filled by the thread */
  size_t at, len;      /* consumed and total bytes of data */
  size_t next_len;     /* result of the job */
  size_t want;
  int errnum;   /* why reading failed; -1: the file is shorter */
  bool running; /* the thread has next, next_len, want and errnum */
  bool next_full, abandoned;
  void (*ready)(void *payload);
  void *payload;
};

static void reader_destroy(ifl_file_reader *r)
{
  close(r->fd);
  free(r->data);
  free(r->next);
  free(r);
}

static void reader_run(void *payload)
{
  ifl_file_reader *r = payload;
  int64_t from = r->asked - (int64_t)r->want;
  r->next_len = 0;
  while (r->next_len < r->want) {
    ssize_t k = pread(r->fd, r->next + r->next_len, r->want - r->next_len,
                      (off_t)(from + (int64_t)r->next_len));
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) {
      r->errnum = k < 0 ? errno : -1;
      return;
    }
    r->next_len += (size_t)k;
  }
}

static void reader_done(void *payload)
{
  ifl_file_reader *r = payload;
  r->running = false;
  r->next_full = true;
  if (r->abandoned) reader_destroy(r);
  else r->ready(r->payload);
}

static int reader_start(ifl_file_reader *r, iflow_error *err)
{
  if (r->running || r->next_full || r->asked == r->size) return 0;
  int64_t left = r->size - r->asked;
  r->want = left < IFL_FILE_PIECE ? (size_t)left : IFL_FILE_PIECE;
  r->asked += (int64_t)r->want;
  int rc = ifl_work(r->loop, reader_run, reader_done, r, err);
  if (rc < 0) r->asked -= (int64_t)r->want;
  else r->running = true;
  return rc;
}

int ifl_file_reader_new(ifl_file_reader **out, iflow_loop *loop, int fd, int64_t size,
                        void (*ready)(void *payload), void *payload, iflow_error *err)
{
  ifl_file_reader *r = calloc(1, sizeof *r);
  if (r == NULL) return ifl_fail_nomem(err);
  size_t piece = size < IFL_FILE_PIECE ? (size_t)size + 1 : IFL_FILE_PIECE;
  r->loop = loop;
  r->size = size;
  r->ready = ready;
  r->payload = payload;
  r->fd = duplicate(fd, err);
  r->data = malloc(piece);
  r->next = malloc(piece);
  int rc = r->fd < 0 ? r->fd : 0;
  if (rc == 0 && (r->data == NULL || r->next == NULL)) rc = ifl_fail_nomem(err);
  if (rc == 0) rc = reader_start(r, err);
  if (rc < 0) {
    reader_destroy(r);
    return rc;
  }
  *out = r;
  return 0;
}

void ifl_file_reader_free(ifl_file_reader *r)
{
  if (r == NULL) return;
  if (r->running) r->abandoned = true;
  else reader_destroy(r);
}

int ifl_file_reader_peek(ifl_file_reader *r, const char **data, size_t *n, iflow_error *err)
{
  *n = 0;
  if (r->at == r->len && r->next_full) {
    if (r->errnum > 0) return ifl_fail_errno(err, r->errnum, "cannot read the file of the body");
    if (r->errnum < 0)
      return ifl_fail(err, IFLOW_EIO, "the file of the body became shorter while it was sent");
    char *empty = r->data;
    r->data = r->next;
    r->next = empty;
    r->at = 0;
    r->len = r->next_len;
    r->next_full = false;
    int rc = reader_start(r, err);
    if (rc < 0) return rc;
  }
  *data = r->data + r->at;
  *n = r->len - r->at;
  return 0;
}

void ifl_file_reader_consume(ifl_file_reader *r, size_t n)
{
  r->at += n;
}

bool ifl_file_reader_ended(const ifl_file_reader *r)
{
  return r->at == r->len && !r->next_full && !r->running && r->asked == r->size;
}

/* ---- writer ---- */

struct ifl_file_writer {
  iflow_loop *loop;
  int fd;
  struct ifl_buf waiting, writing; /* writing belongs to the thread while running */
  int64_t written;
  int errnum;
  bool running, abandoned;
  void (*ready)(void *payload);
  void *payload;
};

static void writer_destroy(ifl_file_writer *w)
{
  close(w->fd);
  ifl_buf_done(&w->waiting);
  ifl_buf_done(&w->writing);
  free(w);
}

static void writer_run(void *payload)
{
  ifl_file_writer *w = payload;
  size_t at = 0;
  while (at < w->writing.len && w->errnum == 0) {
    ssize_t k = write(w->fd, w->writing.data + at, w->writing.len - at);
    if (k >= 0) at += (size_t)k;
    else if (errno != EINTR) w->errnum = errno;
  }
}

static int writer_start(ifl_file_writer *w, iflow_error *err);

static void writer_done(void *payload)
{
  ifl_file_writer *w = payload;
  w->running = false;
  if (w->abandoned) {
    writer_destroy(w);
    return;
  }
  if (w->errnum == 0) w->written += (int64_t)w->writing.len;
  ifl_buf_clear(&w->writing);
  /* When no thread can be had the next call finds out. */
  if (w->errnum == 0 && w->waiting.len >= IFL_FILE_PIECE) (void)writer_start(w, NULL);
  w->ready(w->payload);
}

static int writer_start(ifl_file_writer *w, iflow_error *err)
{
  if (w->running || w->waiting.len == 0) return 0;
  struct ifl_buf empty = w->writing;
  w->writing = w->waiting;
  w->waiting = empty;
  int rc = ifl_work(w->loop, writer_run, writer_done, w, err);
  if (rc == 0) {
    w->running = true;
    return 0;
  }
  w->waiting = w->writing;
  w->writing = empty;
  return rc;
}

static int check(const ifl_file_writer *w, iflow_error *err)
{
  /* The thread may be writing errnum while it runs. */
  if (w->running || w->errnum == 0) return 0;
  return ifl_fail_errno(err, w->errnum, "cannot write the answer's body to the file");
}

int ifl_file_writer_new(ifl_file_writer **out, iflow_loop *loop, int fd,
                        void (*ready)(void *payload), void *payload, iflow_error *err)
{
  ifl_file_writer *w = calloc(1, sizeof *w);
  if (w == NULL) return ifl_fail_nomem(err);
  w->loop = loop;
  w->ready = ready;
  w->payload = payload;
  ifl_buf_init(&w->waiting, WAITING_MAX);
  ifl_buf_init(&w->writing, WAITING_MAX);
  w->fd = duplicate(fd, err);
  if (w->fd < 0) {
    int rc = w->fd;
    free(w);
    return rc;
  }
  *out = w;
  return 0;
}

void ifl_file_writer_free(ifl_file_writer *w)
{
  if (w == NULL) return;
  if (w->running) w->abandoned = true;
  else writer_destroy(w);
}

int ifl_file_writer_add(ifl_file_writer *w, const char *data, size_t n, iflow_error *err)
{
  int rc = check(w, err);
  if (rc == 0) rc = ifl_buf_add(&w->waiting, data, n, err);
  if (rc == 0 && w->waiting.len >= IFL_FILE_PIECE) rc = writer_start(w, err);
  return rc;
}

bool ifl_file_writer_full(const ifl_file_writer *w)
{
  return w->running && w->waiting.len >= IFL_FILE_PIECE;
}

int ifl_file_writer_flush(ifl_file_writer *w, iflow_error *err)
{
  int rc = check(w, err);
  if (rc == 0) rc = writer_start(w, err);
  if (rc < 0) return rc;
  return w->running ? 0 : 1;
}

int64_t ifl_file_writer_written(const ifl_file_writer *w)
{
  return w->written;
}
