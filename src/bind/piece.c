/* piece.c -- see piece.h. */
#include "bind/piece.h"

static void check_ready(lua_State *L, const struct ifl_piece *piece)
{
  if (piece->ended) ifl_raise(L, "the input has ended");
  if (piece->n > 0) ifl_raise(L, "call next() until it returns nil, then give the next piece");
}

int ifl_piece_feed(lua_State *L, struct ifl_piece *piece)
{
  size_t n = 0;
  luaL_checktype(L, 2, LUA_TSTRING);
  check_ready(L, piece);
  const char *s = lua_tolstring(L, 2, &n);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, IFL_PIECE_UV);
  piece->s = s;
  piece->n = n;
  return 0;
}

int ifl_piece_finish(lua_State *L, struct ifl_piece *piece)
{
  check_ready(L, piece);
  piece->ended = true;
  return 0;
}
