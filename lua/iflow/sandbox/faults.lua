--- The faults that are on: what goes wrong, at which host, for whom and how often (fault_text.lua
--- has the grammar, fault/ the faults). They are kept in memory only: a restart ends them all.
local caller = require "iflow.sandbox.fault_caller"
local core = require "iflow.core"
local errors = require "iflow.error"
local fault_text = require "iflow.sandbox.fault_text"

local faults = {}
faults.__index = faults

local FAULTS_MAX = 100

function faults.new(tenant)
  return setmetatable({ tenant = tenant, list = {}, last = 0 }, faults)
end

-- Chance ------------------------------------------------------------------------------------------

-- splitmix64: each fault has a sequence of its own, the same one for the same seed.
local function random(fault)
  fault.state = fault.state + 0x9E3779B97F4A7C15
  local z = fault.state
  z = (z ~ (z >> 30)) * 0xBF58476D1CE4E5B9
  z = (z ~ (z >> 27)) * 0x94D049BB133111EB
  z = z ~ (z >> 31)
  return (z >> 11) / (1 << 53)
end

-- Whether a request is one of those a fault is meant for.
local function is_meant(self, fault, request)
  local now = self.tenant.now()
  if fault.host ~= request.kind or fault.kind.begin then return false end
  if now < (fault.from or now) or now >= (fault.until_ or math.huge) then return false end
  if fault.flow then
    local flow = request.path and self.tenant.flows:find(request.path)
    if not flow or flow.name ~= fault.flow then return false end
  end
  if not fault.client then return true end
  local id = caller(self.tenant, request)
  if type(id) ~= "string" then return false end -- whatever a client sent
  local owner = self.tenant.broker:client(id)
  return id == fault.client or owner ~= nil and owner.instance.name == fault.client
end

local function happens(self, fault, request)
  if fault.happened >= (fault.first or math.huge) or not is_meant(self, fault, request) then
    return false
  end
  fault.seen = fault.seen + 1
  if fault.seen % (fault.every or 1) ~= 0 then return false end
  if fault.percent and random(fault) * 100 >= fault.percent then return false end
  fault.happened = fault.happened + 1
  return true
end

-- Requests ----------------------------------------------------------------------------------------

-- The first fault that happens decides; when it lets the request go on, the next ones may happen.
local function serve_from(self, list, first, request, serve)
  for i = first, #list do
    local fault = list[i]
    if happens(self, fault, request) then
      local answer = fault.kind.serve(fault.value, self.tenant, request, function(other)
        return serve_from(self, list, i + 1, other or request, serve)
      end)
      answer.rule = "fault " .. fault.text .. (answer.rule and "; " .. answer.rule or "")
      return answer
    end
  end
  return serve(request)
end

--- Whether nothing is on, which is the usual case.
function faults:none() return #self.list == 0 end

--- The answer to a request, by the faults that happen to it or else by serve(request). The admin
--- path is spared: with it they are ended.
function faults:serve(request, serve)
  if request.kind == "api" and (request.path or ""):find "^/sandbox/" then return serve(request) end
  return serve_from(self, self.list, 1, request, serve)
end

-- Connections -------------------------------------------------------------------------------------

local function finish(self, fault)
  if not fault.shown then return end
  fault.shown = nil
  fault.kind.finish(self.tenant, fault.host)
end

local function begin(self, fault)
  local ok, err = fault.kind.begin(fault.value, self.tenant, fault.host)
  if not ok then return nil, err end
  fault.shown, fault.happened = true, 1
  return true
end

local function begin_and_end_in_time(self, fault)
  if fault.from then
    core.task.sleep(math.max(0, fault.from - self.tenant.now()))
    local ok, err = begin(self, fault)
    if not ok then return core.log.write("error", "sandbox", fault.text .. ": " .. err.message) end
  end
  if fault.until_ then
    core.task.sleep(math.max(0, fault.until_ - self.tenant.now()))
    finish(self, fault)
  end
end

local function start(self, fault)
  for _, other in ipairs(self.list) do
    if other.kind == fault.kind and other.host == fault.host then
      return nil, errors { code = "usage.invalid",
        message = ("%s is on: a host shows one certificate"):format(other.text),
        hint = ("end it first: iflow sandbox fault clear %d"):format(other.number) }
    end
  end
  if not fault.from then
    local ok, err = begin(self, fault)
    if not ok then return nil, err end
  end
  if fault.from or fault.until_ then
    fault.timer = core.task.spawn(begin_and_end_in_time, self, fault)
  end
  return true
end

local function stop(self, fault)
  if fault.timer then fault.timer:cancel() end
  finish(self, fault)
end

-- The list ----------------------------------------------------------------------------------------

local function describe(fault)
  return { number = fault.number, fault = fault.text, requests = fault.seen,
           happened = fault.happened, seed = fault.percent and fault.seed or nil }
end

-- Requests that are being served keep the list that they began with.
local function replace(self, keep, more)
  local list = {}
  for _, fault in ipairs(self.list) do
    if keep(fault) then list[#list + 1] = fault else stop(self, fault) end
  end
  list[#list + 1] = more
  self.list = list
end

--- Turns a fault on. Returns { number, fault, requests, happened, seed }, or nil, err.
function faults:add(text)
  local fault, wrong = fault_text.parse(text, self.tenant.now())
  if not fault then
    return nil, errors { code = "usage.invalid", message = wrong,
                         hint = "see: iflow sandbox fault --help" }
  elseif #self.list >= FAULTS_MAX then
    return nil, errors { code = "limit.exceeded",
      message = ("at most %d faults can be on"):format(FAULTS_MAX),
      hint = "end some of them: iflow sandbox fault clear" }
  end
  fault.seed = fault.seed or string.unpack(">I4", core.crypto.random(4))
  fault.number, fault.state, fault.seen, fault.happened = self.last + 1, fault.seed, 0, 0
  if fault.kind.begin then
    local ok, err = start(self, fault)
    if not ok then return nil, err end
  end
  self.last = fault.number
  replace(self, function() return true end, fault)
  return describe(fault)
end

--- All that are on, the oldest first.
function faults:descriptions()
  local list = {}
  for i, fault in ipairs(self.list) do list[i] = describe(fault) end
  return list
end

--- Ends the fault of that number, or all of them. Returns how many, or nil, err.
function faults:clear(number)
  local before = #self.list
  replace(self, function(fault) return number ~= nil and fault.number ~= number end)
  if number and #self.list == before then
    return nil, errors { code = "usage.invalid", hint = "see: iflow sandbox fault list",
                         message = ("no fault has the number %s"):format(tostring(number)) }
  end
  return before - #self.list
end

--- The sandbox ends.
function faults:close()
  for _, fault in ipairs(self.list) do
    if fault.timer then fault.timer:cancel() end
  end
end

return faults
