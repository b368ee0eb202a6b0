/* outbox_values.h -- what an outbox answers, as Lua values: outbox_values.c for outbox.c. Each pushes
 * one table. */
#ifndef IFL_BIND_OUTBOX_VALUES_H
#define IFL_BIND_OUTBOX_VALUES_H

#include "outbox/driver.h"

#include <lua.h>

/* bodies: the directory of large ones. */
void ifl_push_outbox_list(lua_State *L, const struct ifl_outbox_list *list, const char *bodies);
void ifl_push_outbox_history(lua_State *L, const struct ifl_outbox_history *h);
void ifl_push_outbox_stats(lua_State *L, const struct ifl_outbox_stats *stats);
void ifl_push_outbox_counts(lua_State *L, const struct ifl_outbox_counts *counts);

#endif
