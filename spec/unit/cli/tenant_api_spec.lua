-- What the commands of `iflow tenant` share: times, values, and following what appears.
local async = require "spec.support.async"
local clock = require "iflow.clock"
local errors = require "iflow.error"
local follow = require "iflow.cli.tenant_follow"
local json = require "iflow.json"
local log_words = require "iflow.cli.log_words"
local shared = require "iflow.cli.tenant_api"

describe("a time", function()
  it("is UTC in JSON, to the millisecond", function()
    assert.equal("2026-05-04T08:00:00.123Z", shared.iso(1777881600.123))
    assert.equal("2026-05-04T08:00:01.000Z", shared.iso(1777881600.9996))
    assert.equal("1970-01-01T00:00:00.000Z", shared.iso(0))
  end)

  it("is taken as a duration back from now, or as a date", function()
    local now = clock.now()
    assert.is_true(math.abs(shared.instant "2h" - (now - 7200)) < 60)
    assert.equal(1777881600, shared.instant "2026-05-04T08:00:00Z")
    assert.equal(1777881600, shared.instant "2026-05-04T10:00+02:00")
    for _, word in ipairs { "yesterday", "2026-13-01", "-1h", "", "12" } do
      local at, wrong = shared.instant(word)
      assert.is_nil(at)
      assert.is_string(wrong)
    end
  end)
end)

describe("a value for JSON", function()
  it("has times as texts, and lists that are lists", function()
    local found = json.decode(assert(json.encode(shared.value { started = 0.5, flow = "f",
      runs = { { ended = 1 }, more = false }, headers = {} })))
    assert.same({ flow = "f", started = "1970-01-01T00:00:00.500Z",
      runs = { { ended = "1970-01-01T00:00:01.000Z" } }, headers = {} }, found)
    assert.is_true(json.is_array(found.headers))
  end)
end)

describe("a status", function()
  it("is told with its meaning, and as it is when it has none", function()
    for _, status in ipairs(log_words.STATUSES) do
      assert.matches("^" .. status .. " %(.+%)$", log_words.status(status))
    end
    assert.equal("SLEEPING", log_words.status "SLEEPING")
    assert.is_nil(log_words.status(nil))
  end)
end)

describe("following", function()
  -- What is printed when the looks find these lists, or errors.
  local function followed(looks)
    local printed, notes, asked = {}, {}, { limit = 2 }
    local function next_look(_, options)
      asked[#asked + 1] = { limit = options.limit, since = options.since }
      local look = table.remove(looks, 1)
      if look.code then return nil, look end
      return look
    end
    local out = { json_mode = true, json = function(_, entry)
      printed[#printed + 1] = entry.message_id .. " " .. entry.status
    end, note = function(_, text) notes[#notes + 1] = text end }
    local code, err = follow({ logs = next_look }, asked, 0.001, out)
    assert.is_nil(code)
    return printed, err.code, notes, asked
  end

  local function entry(id, status, started)
    return { message_id = id, status = status, started = started or clock.now(),
      outcome = status == "PROCESSING" and "open" or "delivered" }
  end
  local ended = errors { code = "call.forbidden", message = "no role" }

  it("tells what is new or has changed, oldest first", async(function()
    local printed, code = followed { { entry("b", "PROCESSING"), entry("a", "COMPLETED") },
      { entry("c", "COMPLETED"), entry("b", "PROCESSING") }, { entry("b", "COMPLETED") }, ended }
    assert.same({ "a COMPLETED", "b PROCESSING", "c COMPLETED", "b COMPLETED" }, printed)
    assert.equal("call.forbidden", code)
  end))

  it("looks as far back as something may still appear or change", async(function()
    local now = clock.now()
    local _, _, _, asked = followed { { entry("a", "PROCESSING", now - 1000) }, {}, ended }
    assert.is_nil(asked[1].since)
    assert.is_true(math.abs(asked[2].since - (now - 1000)) < 1)
    _, _, _, asked = followed { { entry("a", "COMPLETED", now - 1000),
      entry("b", "PROCESSING", now - 90000) }, ended }
    assert.is_true(asked[2].since > now - 200 and asked[2].since < now)
  end))

  it("goes on after what passes, and tells it once", async(function()
    local passing = errors { code = "call.unavailable", message = "later" }
    local printed, code, notes = followed { {}, passing, passing, { entry("a", "COMPLETED") },
      passing, ended }
    assert.same({ { "a COMPLETED" }, "call.forbidden", 2 }, { printed, code, #notes })
  end))
end)
