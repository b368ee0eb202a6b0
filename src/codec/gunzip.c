/* gunzip.c -- see gunzip.h; zlib. */
#include "codec/gunzip.h"

#include "base/error.h"

#include <stdlib.h>
#define ZLIB_CONST /* next_in is const then */
#include <zlib.h>

#define RAW_WINDOW  (-MAX_WBITS)
#define ZLIB_WINDOW MAX_WBITS
#define GZIP_WINDOW (MAX_WBITS + 16)

struct ifl_gunzip {
  z_stream z;
  enum ifl_coding coding;
  bool opened; /* inflateInit was done */
  bool begun, ended;
  unsigned char probe[2]; /* deflate: the first two bytes tell zlib from raw */
  size_t probed;
};

int ifl_gunzip_new(ifl_gunzip **out, enum ifl_coding coding, iflow_error *err)
{
  ifl_gunzip *g = calloc(1, sizeof *g);
  if (g == NULL) return ifl_fail_nomem(err);
  g->coding = coding;
  *out = g;
  return 0;
}

void ifl_gunzip_free(ifl_gunzip *g)
{
  if (g == NULL) return;
  if (g->opened) inflateEnd(&g->z);
  free(g);
}

bool ifl_gunzip_ended(const ifl_gunzip *g)
{
  return g->ended || !g->begun;
}

static int open_stream(ifl_gunzip *g, int window, iflow_error *err)
{
  if (inflateInit2(&g->z, window) != Z_OK) return ifl_fail_nomem(err);
  g->opened = true;
  return 0;
}

/* RFC 1950, 2.2: the method is 8 and the two bytes are a multiple of 31. */
static bool is_zlib(const unsigned char head[2])
{
  return (head[0] & 0x0f) == 8 && (head[0] << 8 | head[1]) % 31 == 0;
}

static int inflate_some(ifl_gunzip *g, const char **in, size_t *n, char *out, size_t cap,
                        size_t *made, iflow_error *err)
{
  uInt room = cap > INT32_MAX ? INT32_MAX : (uInt)cap,
       given = *n > INT32_MAX ? INT32_MAX : (uInt)*n;
  g->z.next_in = (const Bytef *)*in;
  g->z.avail_in = given;
  g->z.next_out = (Bytef *)out;
  g->z.avail_out = room;
  int rc = inflate(&g->z, Z_NO_FLUSH);
  *in += given - g->z.avail_in;
  *n -= given - g->z.avail_in;
  *made += room - g->z.avail_out;
  if (rc == Z_STREAM_END) g->ended = true;
  else if (rc == Z_MEM_ERROR) return ifl_fail_nomem(err);
  else if (rc != Z_OK && rc != Z_BUF_ERROR) /* BUF_ERROR: nothing to do without more bytes */
    return ifl_fail(err, IFLOW_EHTTP, "the compressed body is damaged: %s",
                    g->z.msg != NULL ? g->z.msg : "no reason given");
  return 0;
}

/* Holds the first two bytes of a deflate body back until both are there, then decodes them. */
static int begin_deflate(ifl_gunzip *g, const char **in, size_t *n, char *out, size_t cap,
                         size_t *made, iflow_error *err)
{
  while (g->probed < 2 && *n > 0) {
    g->probe[g->probed++] = (unsigned char)*(*in)++;
    --*n;
  }
  if (g->probed < 2) return 0;
  int rc = open_stream(g, is_zlib(g->probe) ? ZLIB_WINDOW : RAW_WINDOW, err);
  if (rc < 0) return rc;
  const char *head = (const char *)g->probe;
  size_t left = 2;
  return inflate_some(g, &head, &left, out, cap, made, err);
}

/* Another gzip member may follow the end of one; anything else may not. */
static int next_member(ifl_gunzip *g, const char *in, iflow_error *err)
{
  if (g->coding != IFL_CODING_GZIP || (unsigned char)*in != 0x1f)
    return ifl_fail(err, IFLOW_EHTTP, "bytes follow the end of the compressed body");
  if (inflateReset(&g->z) != Z_OK) return ifl_fail_nomem(err);
  g->ended = false;
  return 0;
}

int ifl_gunzip_step(ifl_gunzip *g, const char **in, size_t *n, char *out, size_t cap, size_t *made,
                    iflow_error *err)
{
  int rc = 0;
  *made = 0;
  if (*n > 0) g->begun = true;
  if (!g->opened && g->begun) {
    rc = g->coding == IFL_CODING_DEFLATE ? begin_deflate(g, in, n, out, cap, made, err)
                                         : open_stream(g, GZIP_WINDOW, err);
    if (rc < 0 || !g->opened) return rc;
  }
  if (!g->opened) return 0;
  do {
    if (g->ended && *n > 0) rc = next_member(g, *in, err);
    if (rc == 0 && !g->ended) rc = inflate_some(g, in, n, out + *made, cap - *made, made, err);
  } while (rc == 0 && *n > 0 && *made < cap);
  return rc;
}
