-- fault.lua -- iflow sandbox fault [add|list|clear] …: what goes wrong in a sandbox, on demand.
local client = require "iflow.sandbox.client"
local errors = require "iflow.error"
local fault_text = require "iflow.sandbox.fault_text"
local suggest = require "iflow.suggest"

local function show(out, list)
  if out.json_mode then
    out:json(list)
    return 0
  end
  local rows = {}
  for i, fault in ipairs(list) do
    rows[i] = { fault.number, fault.fault, fault.requests, fault.happened, fault.seed or "" }
  end
  out:table({ "number", "fault", "requests", "happened", "seed" }, rows)
  return 0
end

local actions = {}

function actions.add(sb, words, out)
  local made = {}
  for i, text in ipairs(words) do
    local fault, err = sb:fault(text)
    if not fault then return nil, err end
    made[i] = fault
  end
  return show(out, made)
end

function actions.list(sb, _, out)
  local list, err = sb:faults()
  if not list then return nil, err end
  return show(out, list)
end

function actions.clear(sb, words, out)
  local cleared = 0
  for i = 1, math.max(1, #words) do
    local n, err = sb:clear_faults(math.tointeger(tonumber(words[i])) or words[i])
    if not n then return nil, err end
    cleared = cleared + n
  end
  out:result(function() end, { cleared = cleared })
  return 0
end

-- "add" may be left out: every fault has a colon, no action has one.
local function action_of(words)
  local first = words[1] or "list"
  if first:find(":", 1, true) then return "add", words end
  if not actions[first] then
    local text = ("'%s' is neither add, list, clear nor a fault HOST:FAULT"):format(first)
    return nil, errors { code = "usage.invalid", hint = "see: iflow sandbox fault --help",
                         message = suggest.message(text, first, { "add", "list", "clear" }) }
  end
  local rest = table.move(words, 2, #words, 1, {})
  if first == "add" and #rest == 0 then
    return nil, errors { code = "usage.invalid", message = "add which fault? none was given",
                         hint = "for example: iflow sandbox fault add token:429@10%" }
  end
  return first, rest
end

-- One line a fault: its form, what it does, and where.
local function catalogue()
  local lines = {}
  for i, name in ipairs(fault_text.NAMES) do
    local kind = fault_text.kinds[name]
    local value = kind.value
    local form = value and ("[=%s]"):format(value.name or value.words
      and table.concat(value.words, "|") or "TIME") or ""
    local default = value and not value.words and value.default
    default = default and (" (%s)"):format(default) or ""
    local where = kind.hosts and "; " .. table.concat(kind.hosts, ", ") or ""
    lines[i] = ("  %s%s: %s%s%s"):format(name, form, kind.help, default, where)
  end
  return table.concat(lines, "\n")
end

return {
  name = "fault",
  summary = "let things go wrong on demand",
  description = "fault [add] HOST:FAULT[=VALUE][@CONDITION[,CONDITION…]] turns faults on, fault "
    .. "list shows them, fault clear [NUMBER…] ends them, or all. A restart of the sandbox ends "
    .. "them, too. Of several that are on, those added first happen first.\n"
    .. "HOST: token and token_cert (the two token servers, for keys with a secret and with a "
    .. "certificate), runtime, api, cf (the Cloud Foundry API and its UAA).\n"
    .. "CONDITION: 10% (a chance; seed=N makes it repeatable), first=N (at most N times), every=N "
    .. "(each Nth request), from=TIME and until=TIME (from now on, or 2026-01-31T20:00:00Z), "
    .. "client=ID (a client id or the name of a service instance), flow=NAME.\n"
    .. "TIME: 500ms, 2s, 5m, 1h. FAULT, with its default value and where it is possible:\n"
    .. catalogue(),
  arguments = { { "word", args = "*", help = "add, list, clear, or a fault" } },
  options = { require("iflow.cli.sandbox").dir_option },
  run = function(args, out)
    local action, rest = action_of(args.word)
    if not action then return nil, rest end
    for _, text in ipairs(action == "add" and rest or {}) do -- all of them, before the first is on
      local ok, wrong = fault_text.parse(text, os.time())
      if not ok then
        return nil, errors { code = "usage.invalid", message = wrong,
                             hint = "see: iflow sandbox fault --help" }
      end
    end
    local sb, err = client.open(args.dir)
    if not sb then return nil, err end
    return actions[action](sb, rest, out)
  end,
}
