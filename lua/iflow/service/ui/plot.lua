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

--- The last hour, minute by minute, as HTML. series: { delivered =, failed = lists }.
function plot.hour(series)
  local most = highest(series)
  local top, height, width = ceiling(math.max(most, 1)), 120, #series.delivered * STEP
  local out = { ('<figure class="hour"><p class="faint">%d a minute</p><svg class="plot" '
    .. 'viewBox="0 0 %d %d" preserveAspectRatio="none" role="img" aria-label="Messages a minute '
    .. 'in the last hour, %d at most">'):format(top, width, height, most) }
  for _, y in ipairs { 0, height // 2, height } do
    out[#out + 1] = ('<line class="base" x1="0" x2="%d" y1="%d" y2="%d"/>'):format(width, y, y)
  end
  bars(out, series, top, height)
  out[#out + 1] = '</svg><p class="axis faint" aria-hidden="true"><span>−60 min</span>'
    .. "<span>−45</span><span>−30</span><span>−15</span><span>now</span></p></figure>"
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
