rockspec_format = "3.0"
package = "iflow"
version = "0.1.0-1"

-- Built from the files of the release: luarocks --lua-version=5.4 make rocks/iflow-0.1.0-1.rockspec
source = { url = "git+file://.", tag = "v0.1.0" }

description = {
  summary = "Sender runtime for SAP Integration Suite (Cloud Integration)",
  detailed = [[
Gets OAuth tokens with a client secret, an SAP-generated or an external certificate, calls
integration flows, repairs what can be repaired, and says in plain words what went wrong.
The libraries of the C core come from the distribution: on Debian 12 scripts/setup installs them.]],
  license = "MIT",
}

dependencies = { "lua >= 5.4, < 5.5" }

build = {
  type = "cmake",
  variables = {
    CMAKE_BUILD_TYPE = "Release",
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    IFLOW_LUADIR = "$(LUADIR)",
    IFLOW_CLUADIR = "$(LIBDIR)",
    IFLOW_HOST = "OFF",
  },
  install = { bin = { iflow = "rocks/iflow" } },
}
