/* incoming.h -- what server.c needs of incoming.c: requests as Lua values. */
#ifndef IFL_BIND_INCOMING_H
#define IFL_BIND_INCOMING_H

#include "net/server.h"

#include <lua.h>

void ifl_incoming_open(lua_State *L); /* makes the classes */
/* Pushes a request. It is taken from its queue once it has an owner that releases it, also when the
 * rest raises. */
void ifl_pushincoming(lua_State *L, ifl_incoming *(*take)(void *payload), void *payload);
/* A Lua function of (handler, request): runs the handler, logs its error, and answers for it when
 * it did not. It never raises. */
int ifl_serve_incoming(lua_State *L);

#endif
