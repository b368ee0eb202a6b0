/* file_parts.h -- functions and classes of core.file that have files of their own. */
#ifndef IFL_BIND_FILE_PARTS_H
#define IFL_BIND_FILE_PARTS_H

#include <lua.h>

int ifl_file_stat(lua_State *L);    /* file.stat (file_entries.c) */
int ifl_file_scan(lua_State *L);    /* file.scan */
int ifl_file_rename(lua_State *L);  /* file.rename (file_rename.c) */
int ifl_file_sync(lua_State *L);    /* file.sync (file_sync.c) */
int ifl_file_reserve(lua_State *L); /* file.reserve (file_reserve.c) */
int ifl_file_watch(lua_State *L);   /* file.watch (file_watch.c) */
void ifl_file_watch_open(lua_State *L);

#endif
