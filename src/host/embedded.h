/* embedded.h -- where the host finds Lua files: compiled in, or in the directory IFLOW_LUADIR. */
#ifndef IFL_HOST_EMBEDDED_H
#define IFL_HOST_EMBEDDED_H

#include <lua.h>
#include <stddef.h>

/* One file of lua/, as the build's embed/embed.c writes them; a NULL name ends the list. */
struct ifl_embedded_file {
  const char *name; /* "iflow/cmd/token.lua" */
  const unsigned char *text;
  size_t text_size;
  const unsigned char *code; /* the same as bytecode, of the Lua that ifl_embedded_lua names */
  size_t code_size;
};
extern const char ifl_embedded_lua[];
extern const struct ifl_embedded_file ifl_embedded_files[];

/* Puts a searcher for our files behind package.preload, before the paths of the system. */
void ifl_embedded_install(lua_State *L);

/* Lua function: the names of the commands compiled in, as a set { token = true, … }. */
int ifl_embedded_commands(lua_State *L);

#endif
