-- pages.lua -- writes what is installed beside the program: manual pages and the completion of
-- shells. The build runs it with the iflow that it has just made:
--   iflow run scripts/package/pages.lua -- DIRECTORY META
-- DIRECTORY gets man/*.1, man/iflow.3lua, iflow.bash, _iflow, iflow.fish and reference.html; META:
-- lua/iflow/meta.
local annotations = require "annotations"
local catalogue = require "iflow.cli.catalogue"
local completion = require "iflow.cmd.completion"
local core = require "iflow.core"
local errors = require "iflow.error"
local lua_manual = require "lua_manual"
local manual = require "manual"
local reference = require "reference"

local directory, meta = arg[1], arg[2]
local date = os.date("!%Y-%m-%d", tonumber(os.getenv "SOURCE_DATE_EPOCH"))

local function write(name, text)
  assert(core.file.write(directory .. "/" .. name, text, "0644"))
end

assert(core.file.mkdir(directory .. "/man", "0755"))
for _, entry in ipairs(catalogue.all()) do
  local name, text = manual(entry, date)
  write("man/" .. name, text)
end
write("man/iflow.3lua", lua_manual(meta, date))
local files = { bash = "iflow.bash", zsh = "_iflow", fish = "iflow.fish" }
for shell, name in pairs(files) do write(name, completion.scripts[shell]) end

local codes = {}
for i, code in ipairs(errors.codes()) do
  codes[i] = errors.info(code)
  codes[i].code = code
end
local style = assert(core.file.read(arg[0]:match "^.*/" .. "reference.css", 65536))
write("reference.html", reference { docs = annotations.read(meta), version = core.version,
  style = style, codes = codes })
