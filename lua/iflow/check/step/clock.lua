--- This machine's clock against the Date of the runtime: certificates and tokens have dates.
local calendar = require "iflow.schedule.calendar"
local core = require "iflow.core"
local duration = require "iflow.duration"

local MONTHS = { Jan = 1, Feb = 2, Mar = 3, Apr = 4, May = 5, Jun = 6, Jul = 7, Aug = 8, Sep = 9,
  Oct = 10, Nov = 11, Dec = 12 }
local LEEWAY = 60 -- what SAP's own libraries tolerate

-- "Sun, 06 Nov 1994 08:49:37 GMT" -> seconds since 1970; nil for anything else
local function seconds_of(text)
  local day, month, year, h, m, s =
    (text or ""):match "^%a+, (%d%d?) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) GMT$"
  if not MONTHS[month] then return nil end
  return calendar.wall(math.tointeger(year), MONTHS[month], math.tointeger(day),
    math.tointeger(h), math.tointeger(m), math.tointeger(s))
end

return {
  name = "clock", needs = { "configuration", "dns", "proxy", "tcp", "tls" }, place = "runtime",
  run = function(look)
    local answer, err = look:greeting()
    local theirs = answer and seconds_of(answer.headers.date)
    if not theirs then
      return { verdict = "unknown", evidence = err and err.message or "the answer has no Date",
        next_step = "compare with: date -u" }
    end
    local skew = math.floor(core.task.now()) - theirs
    if math.abs(skew) <= (look.options.clock or LEEWAY) then
      return { verdict = "fine", evidence = ("%d s apart from the runtime's"):format(
        math.abs(skew)) }
    end
    return { verdict = "warning", cause = "clock_skew",
      evidence = ("this machine's clock is %s %s the runtime's"):format(
        duration.text(math.abs(skew)), skew > 0 and "ahead of" or "behind"),
      next_step = "set the clock (NTP): certificates and tokens seem expired, or not yet valid" }
  end,
}
