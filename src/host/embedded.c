/* embedded.c -- finds our Lua files for require(): first in the directory that IFLOW_LUADIR names
 * (for development), then among those compiled in. Used by main.c only. */
#include "host/embedded.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *override_dir(void)
{
  const char *dir = getenv("IFLOW_LUADIR");
  return dir != NULL && *dir != '\0' ? dir : NULL;
}

static const struct ifl_embedded_file *find_file(const char *name)
{
  const struct ifl_embedded_file *f;
  for (f = ifl_embedded_files; f->name != NULL; f++)
    if (strcmp(f->name, name) == 0) return f;
  return NULL;
}

/* Bytecode is of one release of Lua alone; with another one (the shared library was replaced) the
 * text is compiled. */
static int load_embedded(lua_State *L, const struct ifl_embedded_file *f)
{
  const char *chunk = lua_pushfstring(L, "@%s", f->name);
  if (strcmp(ifl_embedded_lua, lua_ident) == 0)
    return luaL_loadbufferx(L, (const char *)f->code, f->code_size, chunk, "b");
  return luaL_loadbufferx(L, (const char *)f->text, f->text_size, chunk, "t");
}

/* Pushes the chunk of one file and where it came from; returns false when there is no such file.
 * A file that does not compile raises. */
static int load_file(lua_State *L, const char *name)
{
  const struct ifl_embedded_file *f;
  const char *dir = override_dir();
  int status = LUA_OK;

  if (dir != NULL) {
    const char *path = lua_pushfstring(L, "%s/%s", dir, name);
    if (access(path, R_OK) == 0) {
      status = luaL_loadfilex(L, path, "t");
      if (status != LUA_OK) lua_error(L);
      lua_pushstring(L, path);
      return 1;
    }
  }
  f = find_file(name);
  if (f == NULL) return 0;
  status = load_embedded(L, f);
  if (status != LUA_OK) lua_error(L);
  lua_pushfstring(L, "embedded %s", name);
  return 1;
}

/* An entry of package.searchers: module name -> loader, extra | text why not. */
static int searcher(lua_State *L)
{
  const char *base = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
  if (load_file(L, lua_pushfstring(L, "%s.lua", base))) return 2;
  if (load_file(L, lua_pushfstring(L, "%s/init.lua", base))) return 2;
  lua_pushfstring(L, "no embedded file '%s.lua'", base);
  return 1;
}

/* Pushes the names of the modules compiled in whose files lie in the folder itself, as a set. */
static void push_names(lua_State *L, const char *folder)
{
  const struct ifl_embedded_file *f;
  const size_t n = strlen(folder);

  lua_newtable(L);
  for (f = ifl_embedded_files; f->name != NULL; f++) {
    if (strncmp(f->name, folder, n) != 0 || strchr(f->name + n, '/') != NULL) continue;
    lua_pushlstring(L, f->name + n, strlen(f->name + n) - strlen(".lua"));
    lua_pushboolean(L, 1);
    lua_settable(L, -3);
  }
}

/* iflow.embedded: function(folder) -> set of names; "iflow/cmd/" -> { token = true, … }. */
static int f_names(lua_State *L)
{
  push_names(L, luaL_checkstring(L, 1));
  return 1;
}

void ifl_embedded_install(lua_State *L)
{
  lua_Integer i;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaded");
  lua_pushcfunction(L, f_names);
  lua_setfield(L, -2, "iflow.embedded");
  lua_pop(L, 1);
  lua_getfield(L, -1, "searchers");
  for (i = luaL_len(L, -1); i >= 2; i--) {
    lua_geti(L, -1, i);
    lua_seti(L, -2, i + 1);
  }
  lua_pushcfunction(L, searcher);
  lua_seti(L, -2, 2);
  lua_pop(L, 2);
}

int ifl_embedded_commands(lua_State *L)
{
  push_names(L, "iflow/cmd/");
  return 1;
}
