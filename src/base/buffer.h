/* buffer.h -- a growing byte buffer with a ceiling, and files read into one. For every C file. */
#ifndef IFL_BASE_BUFFER_H
#define IFL_BASE_BUFFER_H

#include "iflow.h"

/* data is always NUL-terminated once something was added; len does not count the NUL. */
struct ifl_buf {
  char *data;
  size_t len, cap, max;
};

#define IFL_BUF_INIT(max)                                                                          \
  {                                                                                                \
    NULL, 0, 0, (max)                                                                              \
  }

void ifl_buf_init(struct ifl_buf *b, size_t max);
void ifl_buf_done(struct ifl_buf *b);  /* frees; the buffer is empty and usable again */
void ifl_buf_wipe(struct ifl_buf *b);  /* as done, overwriting the bytes first */
void ifl_buf_clear(struct ifl_buf *b); /* keeps the memory */

/* Makes room for n more bytes. Errors: IFLOW_ELIMIT above max, IFLOW_ENOMEM. */
int ifl_buf_reserve(struct ifl_buf *b, size_t n, iflow_error *err);
int ifl_buf_add(struct ifl_buf *b, const void *data, size_t n, iflow_error *err);
int ifl_buf_adds(struct ifl_buf *b, const char *s, iflow_error *err);
int ifl_buf_addf(struct ifl_buf *b, iflow_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Drops the first n bytes. */
void ifl_buf_consume(struct ifl_buf *b, size_t n);
/* Hands the bytes over to the caller (free()); the buffer is empty afterwards. NULL if it was empty. */
char *ifl_buf_take(struct ifl_buf *b);

/* Reads a whole file; more than b->max bytes is IFLOW_ELIMIT. A directory, a missing or unreadable
 * file is an error that names the path. Growing reallocs wipe the old bytes: keys pass here. */
int ifl_file_read(struct ifl_buf *b, const char *path, iflow_error *err);

/* write(2) until all is written: 0, or -1 with errno. */
int ifl_write_all(int fd, const void *data, size_t n);

/* Writes a file so that a reader sees the old or the new content, never half: a temporary file of
 * the given mode beside it, fsync, rename. A device or a pipe there is written to. */
int ifl_file_write(const char *path, const void *data, size_t n, unsigned mode, iflow_error *err);

#endif
