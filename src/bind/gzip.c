/* gzip.c -- Lua module core.gzip: bytes compressed and back; lua/iflow/transform/{gzip,gunzip}.lua
 * are the face.
 *   gzip.compressor { level = 6 }       gzip.decompressor { max = }   (max: bytes that may come out)
 *   x:feed(piece), x:finish()           see piece.h
 *   x:next() -> bytes (at most 64 KiB); nil: the piece is used up; nil, err                      */
#include "codec/gzip.h"

#include "base/error.h"
#include "bind/bind.h"
#include "bind/piece.h"
#include "codec/gunzip.h"

#include <string.h>

#define COMPRESSOR   "iflow.gzip_compressor"
#define DECOMPRESSOR "iflow.gzip_decompressor"
#define OUT_MAX      ((size_t)64 * 1024)
#define LEVEL        6
#define SIZE_DEFAULT ((lua_Integer)4 << 30) /* bytes out of one decompressor */

/* One of the two. */
struct stream {
  ifl_gzip *gzip;
  ifl_gunzip *gunzip;
  struct ifl_piece piece;
  bool more; /* the last step filled its room: there may be more */
  uint64_t made, max;
};

static int stream_close(struct stream *s)
{
  ifl_gzip_free(s->gzip);
  ifl_gunzip_free(s->gunzip);
  s->gzip = NULL;
  s->gunzip = NULL;
  return 0;
}

static int compressor_gc(lua_State *L)
{
  return stream_close(luaL_checkudata(L, 1, COMPRESSOR));
}

static int decompressor_gc(lua_State *L)
{
  return stream_close(luaL_checkudata(L, 1, DECOMPRESSOR));
}

static int f_compressor(lua_State *L)
{
  static const char *const keys[] = { "level", NULL };
  iflow_error err = { 0 };
  ifl_checkkeys(L, 1, keys);
  int level = (int)ifl_optinteger(L, 1, "level", LEVEL, 1, 9);
  struct stream *s = ifl_newud(L, sizeof *s, COMPRESSOR, IFL_PIECE_UV);
  if (ifl_gzip_new(&s->gzip, level, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

static int f_decompressor(lua_State *L)
{
  static const char *const keys[] = { "max", NULL };
  iflow_error err = { 0 };
  ifl_checkkeys(L, 1, keys);
  lua_Integer max = ifl_optinteger(L, 1, "max", SIZE_DEFAULT, 1, INT64_MAX);
  struct stream *s = ifl_newud(L, sizeof *s, DECOMPRESSOR, IFL_PIECE_UV);
  s->max = (uint64_t)max;
  if (ifl_gunzip_new(&s->gunzip, IFL_CODING_GZIP, &err) < 0) return ifl_pusherror(L, &err);
  return 1;
}

/* ---- compressing ---- */

static int m_compress_feed(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, COMPRESSOR);
  return ifl_piece_feed(L, &s->piece);
}

static int m_compress_finish(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, COMPRESSOR);
  return ifl_piece_finish(L, &s->piece);
}

static int m_compress(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, COMPRESSOR);
  iflow_error err = { 0 };
  size_t made = 0;
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, OUT_MAX);
  int rc =
      ifl_gzip_step(s->gzip, &s->piece.s, &s->piece.n, s->piece.ended, out, OUT_MAX, &made, &err);
  if (rc < 0) return ifl_pusherror(L, &err);
  luaL_pushresultsize(&b, made);
  if (made == 0) lua_pushnil(L);
  return 1;
}

/* ---- decompressing ---- */

static int m_decompress_feed(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, DECOMPRESSOR);
  return ifl_piece_feed(L, &s->piece);
}

static int m_decompress_finish(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, DECOMPRESSOR);
  return ifl_piece_finish(L, &s->piece);
}

/* The words of gunzip.h are about answers; here the data is what the script was given. */
static int damaged(iflow_error *err)
{
  char text[IFLOW_MESSAGE_MAX];
  if (err->code != IFLOW_EHTTP) return err->code;
  memcpy(text, err->message, sizeof text);
  return ifl_fail(err, IFLOW_ETRANSFORMDATA, "gunzip: %s", text);
}

static int inflate_some(struct stream *s, char *out, size_t *made, iflow_error *err)
{
  int rc = 0;
  *made = 0;
  while (rc == 0 && *made == 0 && (s->piece.n > 0 || s->more)) {
    rc = ifl_gunzip_step(s->gunzip, &s->piece.s, &s->piece.n, out, OUT_MAX, made, err);
    s->more = *made == OUT_MAX;
  }
  if (rc < 0) return damaged(err);
  s->made += *made;
  if (s->made > s->max) {
    ifl_fail(err, IFLOW_ELIMIT, "gunzip: more than %llu bytes come out",
             (unsigned long long)s->max);
    ifl_hint(err, "if that is right, raise the option max of gunzip");
    return IFLOW_ELIMIT;
  }
  if (*made == 0 && s->piece.ended && !ifl_gunzip_ended(s->gunzip))
    return ifl_fail(err, IFLOW_ETRANSFORMDATA, "gunzip: the data ends too early");
  return 0;
}

static int m_decompress(lua_State *L)
{
  struct stream *s = luaL_checkudata(L, 1, DECOMPRESSOR);
  iflow_error err = { 0 };
  size_t made = 0;
  luaL_Buffer b;
  char *out = luaL_buffinitsize(L, &b, OUT_MAX);
  if (inflate_some(s, out, &made, &err) < 0) return ifl_pusherror(L, &err);
  luaL_pushresultsize(&b, made);
  if (made == 0) lua_pushnil(L);
  return 1;
}

int ifl_open_gzip(lua_State *L)
{
  static const luaL_Reg funcs[] = { { "compressor", f_compressor },
                                    { "decompressor", f_decompressor },
                                    { NULL, NULL } };
  static const luaL_Reg compress[] = { { "feed", m_compress_feed },
                                       { "finish", m_compress_finish },
                                       { "next", m_compress },
                                       { NULL, NULL } };
  static const luaL_Reg decompress[] = { { "feed", m_decompress_feed },
                                         { "finish", m_decompress_finish },
                                         { "next", m_decompress },
                                         { NULL, NULL } };
  static const luaL_Reg compress_meta[] = { { "__gc", compressor_gc }, { NULL, NULL } };
  static const luaL_Reg decompress_meta[] = { { "__gc", decompressor_gc }, { NULL, NULL } };
  ifl_newclass(L, COMPRESSOR, compress, compress_meta);
  ifl_newclass(L, DECOMPRESSOR, decompress, decompress_meta);
  luaL_newlib(L, funcs);
  return 1;
}
