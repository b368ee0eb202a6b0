/* limits.h -- limits of time and memory for the scripts of a service. For main.c. */
#ifndef IFL_HOST_LIMITS_H
#define IFL_HOST_LIMITS_H

#include <lua.h>

/* Counts the memory of the process's Lua state from now on; to be ended before lua_close. */
void ifl_limits_begin(lua_State *L);
void ifl_limits_end(void);

/* For Lua: host.limit { seconds =, turn_bytes =, bytes = }: how long, and with how much more memory,
 * Lua code may run from one wait to the next; how much memory all of it may have. 0: no limit. */
int ifl_limits_set(lua_State *L);
/* host.memory() -> bytes that Lua has now, how often memory was refused */
int ifl_limits_memory(lua_State *L);

#endif
