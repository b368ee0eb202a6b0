/* core.c -- require "iflow.core": a table of submodules, one a binding file. lua/iflow.lua is the
 * face that users see. A new binding file adds its opener to bind.h and one line to the list here. */
#include "bind/bind.h"
#include "bind/runtime.h"

IFLOW_API int luaopen_iflow_core(lua_State *L);

/* One a line, in the order of opening. */
/* clang-format off */
static const luaL_Reg submodules[] = {
  { "task", ifl_open_task },
  { "error", ifl_open_error },
  { "suggest", ifl_open_suggest },
  { "json", ifl_open_json },
  { "xml", ifl_open_xml },
  { "csv", ifl_open_csv },
  { "lines", ifl_open_lines },
  { "fixed_width", ifl_open_fixed_width },
  { "charset", ifl_open_charset },
  { "gzip", ifl_open_gzip },
  { "secret", ifl_open_secret },
  { "log", ifl_open_log },
  { "file", ifl_open_file },
  { "notify", ifl_open_notify },
  { "process", ifl_open_process },
  { "crypto", ifl_open_crypto },
  { "authority", ifl_open_authority },
  { "service_key", ifl_open_service_key },
  { "cert", ifl_open_cert },
  { "identity", ifl_open_identity },
  { "jwt", ifl_open_jwt },
  { "http", ifl_open_http },
  { "server", ifl_open_server },
  { "probe", ifl_open_probe },
  { "tenant", ifl_open_tenant },
  { "outbox", ifl_open_outbox },
  { "build", ifl_open_build },
  { NULL, NULL },
};
/* clang-format on */

int luaopen_iflow_core(lua_State *L)
{
  ifl_runtime_open(L); /* the first userdata: finalized after everything that uses it */
  ifl_util_open(L);
  lua_createtable(L, 0, sizeof submodules / sizeof *submodules);
  for (const luaL_Reg *m = submodules; m->name != NULL; m++) {
    m->func(L);
    lua_setfield(L, -2, m->name);
  }
  lua_pushstring(L, iflow_version());
  lua_setfield(L, -2, "version");
  return 1;
}
