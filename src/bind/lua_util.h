/* lua_util.h -- what every binding file uses: classes, options, errors. Everything here may raise
 * (longjmp), so no malloc'd memory may be held across a call: box it in a userdata first. */
#ifndef IFL_BIND_LUA_UTIL_H
#define IFL_BIND_LUA_UTIL_H

#include "base/secret.h"
#include "iflow.h"

#include <lauxlib.h>
#include <lua.h>

/* Makes metatable `name` with __name, __index = methods, __metatable = false and the metamethods
 * (an __index of one's own replaces the first). methods and meta may be NULL. Doing it again, as a
 * second require does, changes nothing. */
void ifl_newclass(lua_State *L, const char *name, const luaL_Reg *methods, const luaL_Reg *meta);
/* Pushes a zeroed userdata of size bytes with the metatable already set: owner first, resource
 * second. nuv user values pin parents. */
void *ifl_newud(lua_State *L, size_t size, const char *name, int nuv);
/* Ends a coroutine: closes the __close variables that it still has. Never raises, never waits. */
void ifl_closethread(lua_State *co, lua_State *from);

/* Pushes nil and the error as an iflow.error table { code, message, retryable, status, native,
 * retry_after (seconds), hint }; returns 2, for: return ifl_pusherror(L, &err). (error.c) */
int ifl_pusherror(lua_State *L, const iflow_error *err);
/* Pushes the error table alone. */
void ifl_pusherrortable(lua_State *L, const iflow_error *err);
/* Turns any error value (and, above it, a traceback or nil) into one iflow.error: an iflow.error
 * stays, text becomes the message of a new one with this code. Pops both, pushes the error. */
void ifl_wraperror(lua_State *L, int code);
/* Gives the error at idx, if it is an iflow.error without one, the traceback at trace. */
void ifl_settraceback(lua_State *L, int idx, int trace);
/* Whether the value at idx is an iflow.error table. */
bool ifl_iserror(lua_State *L, int idx);
/* Raises "bad argument"-like at the caller's line: a mistake of the script. */
int ifl_raise(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));

/* The table at arg may have only these keys (NULL-terminated, sorted or not) besides array items:
 * another one raises "unknown option 'x', did you mean 'y'?". */
void ifl_checkkeys(lua_State *L, int arg, const char *const *keys);
/* Options of the table at arg; a wrong type raises and names the option. Strings are borrowed from
 * the table, which must stay on the stack; a NUL inside raises, except with ifl_optlstring. */
const char *ifl_optstring(lua_State *L, int arg, const char *key, const char *def);
const char *ifl_optlstring(lua_State *L, int arg, const char *key, size_t *n); /* NULL if absent */
const char *ifl_needstring(lua_State *L, int arg, const char *key);
lua_Integer ifl_optinteger(lua_State *L, int arg, const char *key, lua_Integer def, lua_Integer min,
                           lua_Integer max);
bool ifl_optbool(lua_State *L, int arg, const char *key, bool def);
/* One of a NULL-terminated list of words: its index; def when absent. */
int ifl_optword(lua_State *L, int arg, const char *key, int def, const char *const *words);
/* A duration: a number of seconds or "500ms", "1s", "5m", "2h", "1d"; result in ms. */
int64_t ifl_optduration(lua_State *L, int arg, const char *key, int64_t def_ms);
int64_t ifl_checkduration(lua_State *L, int arg);
/* The duration at idx, in ms: NULL, or what is wrong with it; raises nothing. */
const char *ifl_duration(lua_State *L, int idx, int64_t *ms);

/* The word of the list nearest to `word`, or NULL when none is near enough to be meant.
 * (suggest.c) */
const char *ifl_nearest(const char *word, const char *const *list);

/* Secrets as Lua values: a userdata whose tostring is the fingerprint. Takes over a reference,
 * also when it raises. (secret.c) */
void ifl_pushsecret(lua_State *L, ifl_secret *s);
/* The secret at arg; a plain string is accepted and copied into a new one. The value is pinned by
 * the stack slot, which is replaced by the userdata. */
ifl_secret *ifl_checksecret(lua_State *L, int arg);
ifl_secret *ifl_optsecret(lua_State *L, int arg,
                          const char *key); /* pushes the userdata (pin) or nil */

/* struct ifl_buf in a userdata with __gc, for building strings safely. Pushes it. */
struct ifl_buf *ifl_newbuf(lua_State *L, size_t max);

/* Makes the classes above; core.c calls it before every opener. */
void ifl_util_open(lua_State *L);

#endif
