/* file_reader.h -- what file_reader.c lends to file.c. */
#ifndef IFL_BIND_FILE_READER_H
#define IFL_BIND_FILE_READER_H

#include <lua.h>

int ifl_file_reader(lua_State *L);       /* file.reader(path) */
void ifl_file_reader_open(lua_State *L); /* makes its class */

#endif
