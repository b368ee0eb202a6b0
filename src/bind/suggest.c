/* suggest.c -- "did you mean": the nearest known word for a mistyped option, command or variable.
 *   local nearest = require "iflow.core".suggest
 *   nearest("tiemout", { "timeout", "proxy" })   -- "timeout"; nil when nothing is near           */
#include "bind/bind.h"

#include <ctype.h>
#include <string.h>

#define WORD_MAX 64 /* longer words get no suggestion */

static int min3(int a, int b, int c)
{
  int m = a < b ? a : b;
  return m < c ? m : c;
}

static int same(char a, char b)
{
  return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edit distance with swapped neighbours as one edit (optimal string alignment), in three rows. */
static int distance(const char *a, int an, const char *b, int bn)
{
  int rows[3][WORD_MAX + 1];
  int *before = rows[0], *last = rows[1], *now = rows[2];
  for (int j = 0; j <= bn; j++) last[j] = j;
  for (int i = 1; i <= an; i++) {
    now[0] = i;
    for (int j = 1; j <= bn; j++) {
      int cost = !same(a[i - 1], b[j - 1]);
      now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
      if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
          before[j - 2] + 1 < now[j])
        now[j] = before[j - 2] + 1;
    }
    int *free_row = before;
    before = last, last = now, now = free_row;
  }
  return last[bn];
}

/* How far b may be meant by a; smaller is nearer, WORD_MAX means not at all. */
static int badness(const char *a, const char *b)
{
  size_t an = strlen(a), bn = strlen(b);
  if (an == 0 || bn == 0 || an > WORD_MAX || bn > WORD_MAX) return WORD_MAX;
  if (an >= 3 && bn > an && strncmp(a, b, an) == 0) return 1; /* an abbreviation */
  int d = distance(a, (int)an, b, (int)bn);
  int allowed = an < 4 ? 1 : an < 9 ? 2 : 3;
  return d <= allowed && d < (int)bn ? d : WORD_MAX;
}

const char *ifl_nearest(const char *word, const char *const *list)
{
  const char *best = NULL;
  int least = WORD_MAX;
  for (; *list != NULL; list++) {
    int b = badness(word, *list);
    if (b < least) least = b, best = *list;
  }
  return best;
}

static int f_nearest(lua_State *L)
{
  const char *word = luaL_checkstring(L, 1);
  int least = WORD_MAX;
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_pushnil(L); /* 3: the best so far */
  lua_Integer n = luaL_len(L, 2);
  for (lua_Integer i = 1; i <= n; i++) {
    int b = lua_rawgeti(L, 2, i) == LUA_TSTRING ? badness(word, lua_tostring(L, -1)) : WORD_MAX;
    if (b < least) {
      least = b;
      lua_replace(L, 3);
    } else {
      lua_pop(L, 1);
    }
  }
  return 1;
}

int ifl_open_suggest(lua_State *L)
{
  lua_pushcfunction(L, f_nearest);
  return 1;
}
