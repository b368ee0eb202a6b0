/* feed.h -- what a scanner has not done with yet: pieces are added at the end, what lies before
 * `start` goes when the next piece comes. For the push parsers of this folder. */
#ifndef IFL_CODEC_FEED_H
#define IFL_CODEC_FEED_H

#include "base/buffer.h"

#define IFL_FEED_PIECE ((size_t)64 * 1024) /* bytes taken at a time */

struct ifl_feed {
  struct ifl_buf buf;
  size_t start; /* of the bytes still needed; other places are kept relative to it */
  size_t at;    /* where the scanner is */
  bool ended;   /* no piece will follow: set by the caller */
};

/* keep_max: the most bytes between start and at when a piece is added. */
void ifl_feed_init(struct ifl_feed *f, size_t keep_max);
void ifl_feed_done(struct ifl_feed *f);
/* Takes at most IFL_FEED_PIECE bytes from *s (moved on, *n counted down). Pointers into buf are
 * void afterwards. Errors: IFLOW_ENOMEM, IFLOW_ELIMIT. */
int ifl_feed_add(struct ifl_feed *f, const char **s, size_t *n, iflow_error *err);
/* Steps over a byte order mark in UTF-8. False: more bytes are needed to tell. */
bool ifl_feed_skip_mark(struct ifl_feed *f);

#endif
