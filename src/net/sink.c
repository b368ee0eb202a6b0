/* sink.c -- see sink.h. A few compressed kilobytes may become megabytes: decoding stops when the
 * file cannot keep up, and what is left of the input waits. */
#include "net/sink.h"

#include "base/error.h"
#include "codec/gunzip.h"
#include "net/file_io.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STEP      (16 * 1024)
#define INPUT_MAX (1024 * 1024) /* compressed bytes that wait; the network is paused long before */

struct ifl_sink {
  struct ifl_sink_opts opts;
  ifl_gunzip *gunzip;      /* NULL: not encoded, or in a way we do not know */
  ifl_file_writer *writer; /* NULL: into memory */
  struct ifl_buf input;    /* compressed bytes that were not decoded yet */
  bool more;               /* the decoder holds output back */
  bool failed;
  iflow_error error;
};

static int known_coding(const char *encoding, enum ifl_coding *coding)
{
  if (encoding == NULL) return 0;
  if (strcasecmp(encoding, "gzip") == 0 || strcasecmp(encoding, "x-gzip") == 0)
    *coding = IFL_CODING_GZIP;
  else if (strcasecmp(encoding, "deflate") == 0) *coding = IFL_CODING_DEFLATE;
  else return 0;
  return 1;
}

static void on_written(void *payload);

int ifl_sink_new(ifl_sink **out, iflow_loop *loop, const struct ifl_sink_opts *opts,
                 iflow_error *err)
{
  enum ifl_coding coding;
  ifl_sink *s = calloc(1, sizeof *s);
  if (s == NULL) return ifl_fail_nomem(err);
  s->opts = *opts;
  ifl_buf_init(&s->input, INPUT_MAX);
  int rc = 0;
  if (known_coding(opts->encoding, &coding)) rc = ifl_gunzip_new(&s->gunzip, coding, err);
  if (rc == 0 && opts->fd >= 0)
    rc = ifl_file_writer_new(&s->writer, loop, opts->fd, on_written, s, err);
  if (rc < 0) {
    ifl_sink_free(s);
    return rc;
  }
  *out = s;
  return 0;
}

void ifl_sink_free(ifl_sink *s)
{
  if (s == NULL) return;
  ifl_gunzip_free(s->gunzip);
  ifl_file_writer_free(s->writer);
  ifl_buf_done(&s->input);
  free(s);
}

static int deliver(ifl_sink *s, const char *data, size_t n, iflow_error *err)
{
  if (n == 0) return 0;
  if (s->writer != NULL) return ifl_file_writer_add(s->writer, data, n, err);
  int rc = ifl_buf_add(s->opts.memory, data, n, err);
  if (rc != IFLOW_ELIMIT) return rc;
  return ifl_fail(err, IFLOW_EHTTPLIMIT, "the body of the answer has more than %zu bytes",
                  s->opts.memory->max);
}

static bool writer_full(const ifl_sink *s)
{
  return s->writer != NULL && ifl_file_writer_full(s->writer);
}

/* Decodes until the input is eaten and all output is out, or the file cannot take more. */
static int decode(ifl_sink *s, const char **in, size_t *n, iflow_error *err)
{
  char out[STEP];
  size_t made;
  do {
    int rc = ifl_gunzip_step(s->gunzip, in, n, out, sizeof out, &made, err);
    if (rc == 0) rc = deliver(s, out, made, err);
    if (rc < 0) return rc;
    s->more = made == sizeof out;
  } while ((*n > 0 || s->more) && !writer_full(s));
  return 0;
}

static int known_failure(const ifl_sink *s, iflow_error *err)
{
  if (s->failed && err != NULL) *err = s->error;
  return s->failed ? s->error.code : 0;
}

int ifl_sink_write(ifl_sink *s, const char *data, size_t n, iflow_error *err)
{
  int rc = known_failure(s, err);
  if (rc < 0) return rc;
  if (s->gunzip == NULL) return deliver(s, data, n, err);
  if (s->input.len == 0 && !s->more) rc = decode(s, &data, &n, err);
  if (rc == 0 && n > 0) rc = ifl_buf_add(&s->input, data, n, err);
  return rc;
}

bool ifl_sink_full(const ifl_sink *s)
{
  return !s->failed && (s->input.len > 0 || s->more || writer_full(s));
}

static void on_written(void *payload)
{
  ifl_sink *s = payload;
  if ((s->input.len > 0 || s->more) && !s->failed) {
    const char *in = s->input.len > 0 ? s->input.data : "";
    size_t n = s->input.len;
    s->failed = decode(s, &in, &n, &s->error) < 0;
    ifl_buf_consume(&s->input, s->input.len - n);
  }
  if (!ifl_sink_full(s)) s->opts.ready(s->opts.payload); /* may free s */
}

int ifl_sink_finish(ifl_sink *s, iflow_error *err)
{
  int rc = known_failure(s, err);
  if (rc < 0) return rc;
  if (s->input.len > 0 || s->more) return 0;
  if (s->gunzip != NULL && !ifl_gunzip_ended(s->gunzip))
    return ifl_fail(err, IFLOW_EHTTP, "the compressed body of the answer is cut");
  return s->writer != NULL ? ifl_file_writer_flush(s->writer, err) : 1;
}

int64_t ifl_sink_saved(const ifl_sink *s)
{
  return s->writer != NULL ? ifl_file_writer_written(s->writer) : 0;
}
