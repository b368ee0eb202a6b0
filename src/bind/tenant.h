/* tenant.h -- what tenant.c lends call.c. */
#ifndef IFL_BIND_TENANT_H
#define IFL_BIND_TENANT_H

#include "call/tenant.h"

#include <lua.h>

/* The tenant at arg; raises when it is something else or closed. */
ifl_tenant *ifl_checktenant(lua_State *L, int arg);

/* tenant:prepare{…} (call.c) */
void ifl_call_classes(lua_State *L);
int ifl_tenant_prepare(lua_State *L);

#endif
