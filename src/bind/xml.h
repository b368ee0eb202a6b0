/* xml.h -- what the two files of iflow.xml lend each other. */
#ifndef IFL_BIND_XML_H
#define IFL_BIND_XML_H

#include <lua.h>
#include <stdbool.h>

/* Pushes the order of the table at idx, a list of names, and returns true; false and nothing when it
 * has none. (xml.c) */
bool ifl_xml_pushorder(lua_State *L, int idx);
/* Returns nil and transform.invalid: a record was not taken because of reason. (xml_encode.c) */
int ifl_xml_pushrefusal(lua_State *L, const char *reason);

int ifl_xml_encode(lua_State *L); /* xml.encode (xml_encode.c) */
void ifl_xml_openencode(lua_State *L);

#endif
