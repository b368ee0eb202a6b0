/* file_io.h -- reading and writing a file in pieces on worker threads, each with two buffers, so
 * that disk and network work at the same time. For sink.c and upload.c.
 *
 * Both work on a duplicate of the descriptor: a job that is under way when its owner goes away
 * still ends on the file it began with, whatever becomes of the number. */
#ifndef IFL_NET_FILE_IO_H
#define IFL_NET_FILE_IO_H

#include "net/loop.h"

#define IFL_FILE_PIECE (256 * 1024) /* bytes a job; twice that is the memory of a transfer */

typedef struct ifl_file_reader ifl_file_reader;
typedef struct ifl_file_writer ifl_file_writer;

/* Reads fd from offset 0 to size with pread. ready: a piece is there, or reading failed. */
int ifl_file_reader_new(ifl_file_reader **out, iflow_loop *loop, int fd, int64_t size,
                        void (*ready)(void *payload), void *payload, iflow_error *err);
void ifl_file_reader_free(ifl_file_reader *r);
/* The bytes at hand; *n == 0: wait for ready. Errors: IFLOW_EIO (also when the file is shorter than
 * size). Not to be called at the end. */
int ifl_file_reader_peek(ifl_file_reader *r, const char **data, size_t *n, iflow_error *err);
void ifl_file_reader_consume(ifl_file_reader *r, size_t n);
bool ifl_file_reader_ended(const ifl_file_reader *r);

/* Writes to fd at its current offset. ready: a piece was written, or writing failed. */
int ifl_file_writer_new(ifl_file_writer **out, iflow_loop *loop, int fd,
                        void (*ready)(void *payload), void *payload, iflow_error *err);
void ifl_file_writer_free(ifl_file_writer *w);
/* Copies. Errors: IFLOW_EIO, IFLOW_ENOMEM. */
int ifl_file_writer_add(ifl_file_writer *w, const char *data, size_t n, iflow_error *err);
/* A job is under way and a whole piece waits behind it. */
bool ifl_file_writer_full(const ifl_file_writer *w);
/* Writes what waits. Returns 1 when nothing is left, 0 when ready will come, or an error. */
int ifl_file_writer_flush(ifl_file_writer *w, iflow_error *err);
int64_t ifl_file_writer_written(const ifl_file_writer *w);

#endif
