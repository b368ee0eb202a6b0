--- Small plots as SVG, made of numbers only: an hour of bars, one a minute. Internal.

local plot = {}

local WIDTH, STEP = 10, 12 -- of a bar, and from one to the next

-- 1, 2, 5, 10, 20 … : the next round number.
local function ceiling(value)
  local unit = 1
  while true do
    for _, factor in ipairs { 1, 2, 5 } do
      if unit * factor >= value then return unit * factor end
    end
    unit = unit * 10
  end
end

local function bar(out, class, i, y, height)
  if height <= 0 then return end
  out[#out + 1] = ('<rect class="%s" x="%d" y="%.1f" width="%d" height="%.1f"/>'):format(class,
    (i - 1) * STEP, y, WIDTH, height)
end

local function highest(series)
  local top = 0
  for i = 1, #series.delivered do
    top = math.max(top, series.delivered[i] + series.failed[i])
  end
  return top
end

local function bars(out, series, top, height)
  for i = 1, #series.delivered do
    local good, bad = series.delivered[i], series.failed[i]
    local up = good > 0 and math.max(good / top * height, 1) or 0
    local over = bad > 0 and math.max(bad / top * height, 3) or 0
    bar(out, "good", i, height - up, up)
    bar(out, "bad", i, math.max(height - up - over, 0), over)
  end
end

local function labels(out, width, height)
  for minutes = 60, 0, -15 do
    local anchor = minutes == 60 and "start" or minutes == 0 and "end" or "middle"
    out[#out + 1] = ('<text x="%d" y="%d" text-anchor="%s">%s</text>'):format(
      width - minutes * width // 60, height + 18, anchor,
      minutes == 0 and "now" or ("−%d min"):format(minutes))
  end
end

--- The last hour, minute by minute, as HTML. series: { delivered =, failed = lists }.
function plot.hour(series)
  local most = highest(series)
  local top, height, width = ceiling(math.max(most, 1)), 120, #series.delivered * STEP
  local out = { ('<svg class="plot" viewBox="0 0 %d %d" role="img" aria-labelledby="plot-title">'
    .. '<title id="plot-title">Messages a minute in the last hour, %d at most</title>'):format(
    width, height + 22, most) }
  for _, y in ipairs { 0, height // 2, height } do
    out[#out + 1] = ('<line class="grid" x1="0" x2="%d" y1="%d" y2="%d"/>'):format(width, y, y)
  end
  bars(out, series, top, height)
  out[#out + 1] = ('<text x="0" y="12">%d a minute</text>'):format(top)
  labels(out, width, height)
  out[#out + 1] = "</svg>"
  return table.concat(out)
end

--- The same in the height of a line, without words.
function plot.line(series)
  local top, height = math.max(highest(series), 1), 40
  local out = { ('<svg class="spark" viewBox="0 0 %d %d" preserveAspectRatio="none" '
    .. 'aria-hidden="true">'):format(#series.delivered * STEP, height) }
  bars(out, series, top, height)
  out[#out + 1] = "</svg>"
  return table.concat(out)
end

return plot
