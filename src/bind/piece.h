/* piece.h -- the piece of input that a push parser works on, pinned by its userdata: what reader:feed
 * and reader:finish do in csv.c, lines.c, fixed_width.c, charset.c and gzip.c. All of them are used
 * like this:
 *   reader:feed(piece)    then reader:next() until it returns nil, then the next piece
 *   reader:finish()       then reader:next() until it returns nil: the end                       */
#ifndef IFL_BIND_PIECE_H
#define IFL_BIND_PIECE_H

#include "bind/lua_util.h"

#define IFL_PIECE_UV 1 /* the user value that holds the string */

struct ifl_piece {
  const char *s; /* what is left of it */
  size_t n;
  bool ended;
};

/* feed(self, piece) and finish(self): self is at 1. Raise when the piece before is not used up. */
int ifl_piece_feed(lua_State *L, struct ifl_piece *piece);
int ifl_piece_finish(lua_State *L, struct ifl_piece *piece);

#endif
