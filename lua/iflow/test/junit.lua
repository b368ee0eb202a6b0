--- The results of tests as JUnit XML, for CI servers. Internal.

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

-- Text of an element or attribute; what XML 1.0 cannot hold becomes "?".
local function escape(text)
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  return (text:gsub('[&<>"]', escapes):gsub("[\0-\8\11\12\14-\31]", "?"))
end

--- name: of the suite; results: as runner:run returns them. The document as a string.
return function(name, results)
  local failed, seconds, cases = 0, 0, {}
  for i, result in ipairs(results) do
    seconds = seconds + result.seconds
    local body = "/>"
    if result.failure then
      failed = failed + 1
      body = (">\n    <failure message=\"%s\">%s</failure>\n  </testcase>"):format(
        escape(result.failure.text), escape(result.failure.traceback or ""))
    end
    cases[i] = ('  <testcase name="%s" classname="%s" time="%.3f"%s\n'):format(
      escape(result.name), escape(name), result.seconds, body)
  end
  return ('<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="%s" tests="%d" failures="%d" '
    .. 'errors="0" time="%.3f">\n%s</testsuite>\n'):format(escape(name), #results, failed, seconds,
    table.concat(cases))
end
