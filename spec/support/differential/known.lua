-- known.lua -- the differences between two programs that are known, each with its reason. A list of
-- { how =, why =, cases =, version = }. how: the difference in words, as clients.difference and
-- servers.difference have them. cases: their names as a text, "group: name  name  name", two blanks
-- between names, more of them on lines without a group. version: only of this version of the other
-- program.
local known = {}

local function place(found, name, entry)
  local known_as = found[name]
  if known_as then error(name .. " is listed twice", 0) end
  found[name] = entry
end

--- { [name of a case] = entry } of the entries that hold for the version.
function known.read(entries, version)
  local found = {}
  for _, entry in ipairs(entries) do
    assert(type(entry.why) == "string" and type(entry.how) == "string")
    local group
    for line in entry.cases:gmatch "[^\n]+" do
      local start, rest = line:match "^%s*(%l[%l ]*): (.*)$"
      group = start or group
      for name in ((rest or line) .. "  "):gmatch "%s*(%S.-)%s%s+" do
        if not entry.version or entry.version == version then
          place(found, group .. ": " .. name, entry)
        end
      end
    end
  end
  return found
end

--- What is wrong with the list: found is { [name of a case] = how }, by every case that differs.
function known.complaints(cases, found, entries, version)
  local listed, names, list = known.read(entries, version), {}, {}
  for _, case in ipairs(cases) do
    local name, how, entry = case.name, found[case.name], listed[case.name]
    if names[name] or name:find "  " then list[#list + 1] = name .. ": a bad name" end
    names[name] = true
    if how ~= (entry and entry.how) then
      list[#list + 1] = ("%s: %s, listed: %s"):format(name, how or "no difference",
        entry and entry.how or "none")
    end
  end
  for name in pairs(listed) do
    if not names[name] then list[#list + 1] = name .. ": no such case" end
  end
  table.sort(list)
  return list
end

return known
