-- transforms.lua -- what the rows of the transforms share: inputs as files, and figures that a
-- program prints or that its CPU gives.
local transforms = {}

local function write(path, text)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(text))
  return #text
end

local function order(i)
  local parts = {}
  for n = 1, 8 do
    parts[n] = ('{"position":%d,"material":"M-%05d","text":"Rohr \\"%d\\" nach DIN, gr\u{FC}n",'
      .. '"quantity":%d,"price":%.2f,"open":true,"batch":null}'):format(n, i * n % 99999, n, n * 10,
      i % 1000 + n / 100)
  end
  return ('{"order":"%d","customer":"C-%d","items":[%s]}'):format(4711 + i, i % 100,
    table.concat(parts, ","))
end

--- JSON: documents of about 1 KiB, one a line.
function transforms.json_lines(bench)
  local lines = {}
  for i = 1, 2000 do lines[i] = order(i) end
  local path = bench.work .. "/orders.jsonl"
  return path, write(path, table.concat(lines, "\n") .. "\n")
end

--- CSV with a header: ten columns, some of them quoted.
function transforms.csv(bench, records)
  local lines = { "order,customer,material,text,quantity,unit,price,currency,requested,plant" }
  for i = 1, records do
    lines[#lines + 1] = ('%d,C-%d,M-%05d,"Rohr ""%d"", verzinkt",%d,PCE,%.2f,EUR,2026-11-%02d,1000')
      :format(4711 + i, i % 100, i * 7 % 99999, i % 50, i % 500, i % 1000 + 0.5, i % 28 + 1)
  end
  local path = ("%s/orders-%d.csv"):format(bench.work, records)
  return path, write(path, table.concat(lines, "\n") .. "\n")
end

--- XML: orders with attributes and text.
function transforms.xml(bench)
  local parts = { "<Orders>" }
  for i = 1, 5000 do
    parts[#parts + 1] = ('<Order id="%d" currency="EUR"><Customer>C-%d</Customer><Item><Material>'
      .. 'M-%05d</Material><Text>Rohr &amp; Flansch</Text><Quantity unit="PCE">%d</Quantity></Item>'
      .. '<Note/></Order>'):format(4711 + i, i % 100, i * 7 % 99999, i % 500)
  end
  parts[#parts + 1] = "</Orders>\n"
  local path = bench.work .. "/orders.xml"
  return path, write(path, table.concat(parts, "\n"))
end

--- A figure that a program prints.
function transforms.printed(bench, command)
  return function() return tonumber(bench:run(command).out) end
end

--- MB a second of CPU of a program that reads a file: without its start, and without what `less`
--- (a command, optional) takes for the same file.
function transforms.timed(bench, command, bytes, less)
  return function()
    local start = less and bench:run(less).cpu
    if not start then
      local nothing = table.move(command, 1, #command - 1, 1, { "" })
      nothing[#command] = "/dev/null"
      start = bench:run(nothing).cpu
    end
    return bytes / math.max(bench:run(command).cpu - start, 1e-4) / 1e6
  end
end

return transforms
