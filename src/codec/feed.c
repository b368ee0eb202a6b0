/* feed.c -- see feed.h. */
#include "codec/feed.h"

#include <string.h>

void ifl_feed_init(struct ifl_feed *f, size_t keep_max)
{
  memset(f, 0, sizeof *f);
  ifl_buf_init(&f->buf, keep_max + IFL_FEED_PIECE);
}

void ifl_feed_done(struct ifl_feed *f)
{
  ifl_buf_done(&f->buf);
  f->start = f->at = 0;
}

int ifl_feed_add(struct ifl_feed *f, const char **s, size_t *n, iflow_error *err)
{
  size_t take = *n < IFL_FEED_PIECE ? *n : IFL_FEED_PIECE;
  if (f->start > 0) {
    ifl_buf_consume(&f->buf, f->start);
    f->at -= f->start;
    f->start = 0;
  }
  int rc = ifl_buf_add(&f->buf, *s, take, err);
  if (rc < 0) return rc;
  *s += take;
  *n -= take;
  return 0;
}

bool ifl_feed_skip_mark(struct ifl_feed *f)
{
  static const char mark[] = "\xef\xbb\xbf";
  size_t n = f->buf.len - f->at, head = n < 3 ? n : 3;
  if (head > 0 && memcmp(f->buf.data + f->at, mark, head) != 0) return true;
  if (head < 3) return f->ended;
  f->at += 3;
  f->start = f->at;
  return true;
}
