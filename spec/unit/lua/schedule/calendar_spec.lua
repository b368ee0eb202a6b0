local calendar = require "iflow.schedule.calendar"

describe("calendar", function()
  it("agrees with the system's about every 97th day from 1600 to 2600", function()
    for days = calendar.days(1600, 1, 1), calendar.days(2600, 1, 1), 97 do
      local year, month, day = calendar.date(days)
      assert.equal(os.date("!%Y-%m-%d %w", days * 86400),
        ("%04d-%02d-%02d %d"):format(year, month, day, calendar.weekday(days)))
      assert.equal(days, calendar.days(year, month, day))
    end
  end)

  it("knows leap years", function()
    assert.same({ 29, 28, 28, 29 }, { calendar.month_length(2000, 2),
      calendar.month_length(1900, 2), calendar.month_length(2026, 2),
      calendar.month_length(2028, 2) })
    assert.same({ 31, 30 }, { calendar.month_length(2026, 12), calendar.month_length(2026, 11) })
  end)

  it("writes wall times", function()
    local wall = calendar.wall(2026, 3, 29, 2, 30, 5)
    assert.same({ "Sun", "2026-03-29", "02:30:05" }, { calendar.weekday_text(wall),
      calendar.date_text(wall), calendar.time_text(wall) })
    assert.same({ "Wed", "1969-12-31", "23:59:59" }, { calendar.weekday_text(-1),
      calendar.date_text(-1), calendar.time_text(-1) })
  end)
end)
