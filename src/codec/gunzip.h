/* gunzip.h -- undoes Content-Encoding gzip and deflate, in bounded steps. For net/sink.c. */
#ifndef IFL_CODEC_GUNZIP_H
#define IFL_CODEC_GUNZIP_H

#include "iflow.h"

typedef struct ifl_gunzip ifl_gunzip;

enum ifl_coding {
  IFL_CODING_GZIP,   /* RFC 1952, several members too */
  IFL_CODING_DEFLATE /* RFC 1950, or RFC 1951 as some servers understand the name */
};

int ifl_gunzip_new(ifl_gunzip **out, enum ifl_coding coding, iflow_error *err);
void ifl_gunzip_free(ifl_gunzip *g);

/* Decodes from *in (moved on, *n counted down) into out, at most cap bytes; *made tells how many.
 * All input is eaten unless out is full. Call again while *n > 0 or *made == cap. Errors:
 * IFLOW_EHTTP (damaged, or bytes behind the end), IFLOW_ENOMEM. */
int ifl_gunzip_step(ifl_gunzip *g, const char **in, size_t *n, char *out, size_t cap, size_t *made,
                    iflow_error *err);
/* Whether the input so far is complete; nothing at all counts as complete. */
bool ifl_gunzip_ended(const ifl_gunzip *g);

#endif
