/* gzip.c -- see gzip.h; zlib. */
#include "codec/gzip.h"

#include "base/error.h"

#include <stdlib.h>
#define ZLIB_CONST /* next_in is const then */
#include <zlib.h>

#define GZIP_WINDOW  (MAX_WBITS + 16)
#define MEMORY_LEVEL 8          /* zlib's default */
#define STEP_MAX     (1u << 30) /* bytes given to zlib at a time */

struct ifl_gzip {
  z_stream z;
  bool ended;
};

int ifl_gzip_new(ifl_gzip **out, int level, iflow_error *err)
{
  ifl_gzip *g = calloc(1, sizeof *g);
  if (g == NULL) return ifl_fail_nomem(err);
  if (deflateInit2(&g->z, level, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    free(g);
    return ifl_fail_nomem(err);
  }
  *out = g;
  return 0;
}

void ifl_gzip_free(ifl_gzip *g)
{
  if (g == NULL) return;
  deflateEnd(&g->z);
  free(g);
}

int ifl_gzip_step(ifl_gzip *g, const char **in, size_t *n, bool last, char *out, size_t cap,
                  size_t *made, iflow_error *err)
{
  uInt given = *n > STEP_MAX ? STEP_MAX : (uInt)*n, room = cap > STEP_MAX ? STEP_MAX : (uInt)cap;
  *made = 0;
  if (g->ended) return 0;
  g->z.next_in = (const Bytef *)*in;
  g->z.avail_in = given;
  g->z.next_out = (Bytef *)out;
  g->z.avail_out = room;
  int rc = deflate(&g->z, last && given == *n ? Z_FINISH : Z_NO_FLUSH);
  if (rc == Z_STREAM_ERROR) return ifl_fail(err, IFLOW_EINTERNAL, "zlib cannot go on");
  g->ended = rc == Z_STREAM_END; /* Z_BUF_ERROR: nothing to do without more bytes */
  *in += given - g->z.avail_in;
  *n -= given - g->z.avail_in;
  *made = room - g->z.avail_out;
  return 0;
}

const char *ifl_gzip_library(void)
{
  return zlibVersion();
}
