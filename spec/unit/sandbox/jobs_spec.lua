local async = require "spec.support.async"
local errors = require "iflow.error"
local jobs = require "iflow.sandbox.cf.jobs"

local RESOURCE = { type = "service_instances", guid = "g" }

-- Jobs over a clock that stands still, and what was performed.
local function new(list, result)
  local done, clock = {}, { now = 1000 }
  local tenant = { now = function() return clock.now end, settings = { cf_job_time = 10 },
                   state = { save = function() return true end } }
  local made = jobs.new(tenant, list or {}, function(job)
    done[#done + 1] = job.operation
    if result then return result() end
    return {}
  end)
  return made, done, clock
end

describe("jobs", function()
  it("do their work once, when it is time", async(function()
    local made, done, clock = new()
    local job = made:add("a", RESOURCE)
    made:begin(job)
    assert.same({ "PROCESSING", {} }, { made:get(job.guid).state, done })
    clock.now = 1010
    assert.same({ "COMPLETE", { "a" } }, { made:get(job.guid).state, done })
    made:get(job.guid)
    made:finish(job)
    assert.equal(1, #done)
    assert.is_nil(made:get "other")
    made:close()
  end))

  it("tell warnings and errors", async(function()
    local made = new(nil, function() return { "careful" } end)
    local job = made:add("a", RESOURCE)
    made:finish(job)
    assert.same({ "COMPLETE", { { detail = "careful" } }, {} },
                { job.state, job.warnings, job.errors })
    made = new(nil, function()
      return nil, errors { code = "sandbox.refused", message = "no" }, "bind"
    end)
    job = made:add("a", RESOURCE, { secret = "x" })
    made:finish(job)
    assert.same({ "FAILED", {} }, { job.state, job.warnings })
    assert.same({ { code = 10009, title = "CF-UnableToPerform",
                    detail = "bind could not be completed: Service broker error: no" } },
                job.errors)
    assert.is_nil(job.parameters) -- no longer needed, and may hold much
  end))

  it("keep neither long texts nor very many", async(function()
    local made = new(nil, function()
      local many = {}
      for i = 1, 500 do many[i] = ("ü"):rep(5000) end
      return many
    end)
    local job = made:add("a", RESOURCE)
    made:finish(job)
    assert.equal(21, #job.warnings)
    assert.equal("and 480 more warnings", job.warnings[21].detail)
    assert.is_true(#job.warnings[1].detail < 1010)
    assert.is_truthy(utf8.len(job.warnings[1].detail))
    made = new(nil, function()
      return nil, errors { code = "sandbox.refused", message = ("x"):rep(100000) }, "bind"
    end)
    job = made:add("a", RESOURCE)
    made:finish(job)
    assert.is_true(#job.errors[1].detail < 1100)
  end))

  it("that were open go on after a restart", async(function()
    local list = {}
    local made = new(list)
    made:add("a", RESOURCE)
    made:add("b", { type = "service_instances", guid = "h" })
    made:finish(list[2])
    local again, done, clock = new(list)
    assert.same({ g = true }, again:resume())
    clock.now = 1010
    assert.same({ "COMPLETE", { "a" } }, { again:get(list[1].guid).state, done })
    again:close()
  end))

  it("are so many and no more", async(function()
    local list = {}
    local made = new(list)
    for i = 1, 499 do made:add("a" .. i, RESOURCE) end
    assert.is_true(made:has_room())
    made:add("last", RESOURCE)
    assert.is_false(made:has_room())
    made:finish(list[1])
    assert.is_true(made:has_room())
    for _ = 1, 600 do made:finish(made:add("b", RESOURCE)) end
    assert.same({ 1000, "a2" }, { #list, list[1].operation })
    made:remove(list[1])
    assert.equal("a3", list[1].operation)
  end))
end)
