/* gzip.h -- compresses to gzip (RFC 1952), piece by piece; the way back is gunzip.h. The same bytes
 * give the same result: no time and no name is in it. For bind/gzip.c. */
#ifndef IFL_CODEC_GZIP_H
#define IFL_CODEC_GZIP_H

#include "iflow.h"

typedef struct ifl_gzip ifl_gzip;

/* level: 1 (quick) to 9 (small). */
int ifl_gzip_new(ifl_gzip **out, int level, iflow_error *err);
void ifl_gzip_free(ifl_gzip *g);
/* Compresses from *in (moved on, *n counted down) into out, at most cap bytes; *made tells how many.
 * Call again while *n > 0 or *made == cap. With last the stream is ended after the input; it is
 * complete when *made < cap. */
int ifl_gzip_step(ifl_gzip *g, const char **in, size_t *n, bool last, char *out, size_t cap,
                  size_t *made, iflow_error *err);

/* The version of zlib. */
const char *ifl_gzip_library(void);

#endif
