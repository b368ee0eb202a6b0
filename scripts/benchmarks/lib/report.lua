-- report.lua -- the entries of a run as a table, as Markdown, as JSON and as an SVG.
local core = require "iflow.core"

local report = {}

local function number(value)
  if not value then return "" end
  if value ~= 0 and math.abs(value) < 10 then return ("%.3g"):format(value) end
  local digits = ("%.0f"):format(value)
  if math.abs(value) < 100 then return ("%.1f"):format(value) end
  return digits:reverse():gsub("(%d%d%d)", "%1,"):reverse():gsub("^,", "")
end

local function goal(entry)
  local bound = entry.at_most or entry.at_least
  if not bound then return "" end
  local measured = entry.ratio_to and entry.ratio or not entry.ratio_to and entry.value
  local text = (entry.at_most and "<= " or ">= ") .. number(bound)
  if not measured then return text end
  local met = entry.at_most and measured <= bound or entry.at_least and measured >= bound
  return text .. (met and " yes" or " MISSED")
end

local function cells(entry)
  local theirs = entry.ratio and entry.ratio > 0 and number(entry.value / entry.ratio) or ""
  return { entry.id, number(entry.value), entry.unit, entry.ratio_to or "", theirs,
    entry.missing and "not installed" or number(entry.ratio), goal(entry) }
end

local HEAD = { "row", "iflow", "unit", "against", "theirs", "ratio", "goal" }
local RIGHT = { [2] = true, [5] = true, [6] = true }

--- As a table in plain text.
function report.text(entries)
  local rows, width = { HEAD }, {}
  for i, entry in ipairs(entries) do rows[i + 1] = cells(entry) end
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do width[i] = math.max(width[i] or 0, #cell) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local parts = {}
    for i, cell in ipairs(row) do
      local blanks = (" "):rep(width[i] - #cell)
      parts[i] = RIGHT[i] and blanks .. cell or cell .. blanks
    end
    lines[#lines + 1] = (table.concat(parts, "  "):gsub("%s+$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- As a table in Markdown.
function report.markdown(entries)
  local lines = { "| " .. table.concat(HEAD, " | ") .. " |", "|---|---:|---|---|---:|---:|---|" }
  for _, entry in ipairs(entries) do
    lines[#lines + 1] = "| " .. table.concat(cells(entry), " | ") .. " |"
  end
  return table.concat(lines, "\n") .. "\n"
end

--- As JSON: a list of { "id", "value", "unit", "ratio_to", "ratio" }; ratio_to and ratio are null
--- where nothing is compared, ratio where the yardstick is not installed.
function report.json(entries)
  local list = {}
  for i, entry in ipairs(entries) do
    list[i] = ("  " .. '{"id":%s,"value":%s,"unit":%s,"ratio_to":%s,"ratio":%s}'):format(
      core.json.encode(entry.id), core.json.encode(entry.value), core.json.encode(entry.unit),
      entry.ratio_to and core.json.encode(entry.ratio_to) or "null",
      entry.ratio and core.json.encode(entry.ratio) or "null")
  end
  return "[\n" .. table.concat(list, ",\n") .. "\n]\n"
end

-- The drawing: a bar an entry, in a logarithmic scale of the ratio, with a line at 1. ----------

local LEFT, BAR, LINE = 330, 420, 18

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- Where a ratio from 1/1000 to 1000 ends.
local function place(ratio)
  return LEFT + BAR * (math.min(math.max(math.log(ratio, 10), -3), 3) + 3) / 6
end

local function bar(entry, y)
  local middle, edge = place(1), place(entry.ratio)
  return ([[
<text x="%d" y="%d" text-anchor="end">%s</text>
<rect x="%.1f" y="%d" width="%.1f" height="12" class="%s"/>
<text x="%d" y="%d">%s</text>
]]):format(LEFT - 8, y + 10, escaped(("%s, %s, to %s"):format(entry.id, entry.unit:match "^%S+",
    entry.ratio_to)), math.min(middle, edge), y, math.max(1, math.abs(edge - middle)),
    goal(entry):find "MISSED" and "missed" or "met", LEFT + BAR + 8, y + 10, number(entry.ratio))
end

--- As an SVG: the ratios.
function report.svg(entries)
  local bars, y = {}, 30
  for _, entry in ipairs(entries) do
    if entry.ratio and entry.ratio > 0 then
      bars[#bars + 1] = bar(entry, y)
      y = y + LINE
    end
  end
  local grid = {}
  for power = -3, 3 do
    local x = place(10.0 ^ power)
    grid[#grid + 1] = ('<line x1="%.1f" x2="%.1f" y1="24" y2="%d"/><text x="%.1f" y="18" '
      .. 'text-anchor="middle">%g</text>\n'):format(x, x, y, x, 10.0 ^ power)
  end
  return ([[
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif"
 font-size="11"><style>line{stroke:#ccc}.met{fill:#3a7}.missed{fill:#c53}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
%s%s</svg>
]]):format(LEFT + BAR + 70, y + 10, table.concat(grid), table.concat(bars))
end

return report
