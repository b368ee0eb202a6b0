-- bundle.lua -- the support bundle of iflow check: its options, and writing it.
local bundle = require "iflow.bundle"
local core = require "iflow.core"
local errors = require "iflow.error"
local open_outbox = require "iflow.cli.outbox".open
local rows = require "iflow.cli.rows"

local cli = {}

local GROUP = "Support bundle"

--- Option rows.
cli.options = {
  { "--bundle", value = "FILE", env = false, help = "also write a zip archive for whoever is to "
    .. "help: report, versions, configuration, certificates; no secrets are in it" },
  { "--outbox", value = "FILE", env = false,
    help = "with the states of this outbox, and its last failures without bodies" },
  { "--log", value = "FILE", env = false, help = "with the end of this log file" },
  { "--with-script", flag = true, env = false, help = "with the text of the script" },
  { "--force", flag = true, env = false, help = "replace FILE when it exists" },
}
for _, row in ipairs(cli.options) do row.group = GROUP end

local function usage(text)
  return nil, errors { code = "usage.invalid", message = text }
end

--- Whether a bundle could be written, before anything is looked at: true | nil, err.
function cli.check(args)
  if not args.bundle then
    for _, name in ipairs { "outbox", "log" } do
      if args[name] then return usage(("--%s belongs to --bundle FILE"):format(name)) end
    end
    if args.with_script then return usage "--with-script belongs to --bundle FILE" end
    return true
  elseif args.with_script and not args.script then
    return usage "--with-script needs --script"
  elseif core.file.stat(args.bundle) and not args.force then
    return nil, errors { code = "file.exists", message = ("'%s' exists already"):format(
      args.bundle), hint = "give another name, or --force to replace it" }
  end
  return core.file.writable(args.bundle:match "^(.*/)[^/]*$" or ".")
end

-- The variables of the command's options, whose values are no secrets.
local function variables(command)
  local known = {}
  for _, row in ipairs(rows.options(command)) do
    local name = rows.variable(row)
    if name then known[name] = true end
  end
  return known
end

local function list(out, path, files)
  local texts = {}
  for i, file in ipairs(files) do texts[i] = file.name end
  out:note(("bundle: %s, readable for you only, with %s"):format(path, table.concat(texts, ", ")))
  out:note "It has no secrets, but names of hosts, files and clients: look before you pass it on."
end

local function made(args, known)
  if not args.outbox then return bundle.files(known) end
  local box <close>, err = open_outbox(args)
  known.outbox, known.outbox_error = box, err
  return bundle.files(known)
end

--- Writes it. known: as of bundle.files, without what the words name. Its files | nil, err.
function cli.write(args, out, command, known)
  known.variables = variables(command)
  known.log, known.script = args.log, args.with_script and args.script or nil
  local files = made(args, known)
  local bytes, err = bundle.pack(files)
  if not bytes then return nil, err end
  local ok
  ok, err = core.file.write(args.bundle, bytes, "0600")
  if not ok then return nil, err end
  if not out.json_mode then list(out, args.bundle, files) end
  return files
end

return cli
