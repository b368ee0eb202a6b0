-- roff.lua -- manual pages in man(7), for groff and mandoc, as manual.lua and lua_manual.lua write
-- them.
local roff = {}
roff.__index = roff

local special = { ["\\"] = "\\e", ["-"] = "\\-", ["'"] = "\\(aq", ["`"] = "\\(ga", ["^"] = "\\(ha",
  ["~"] = "\\(ti" }

--- Text as it is to appear: no character of it means anything to roff.
function roff.escape(text) return (text:gsub("[\\%-'`^~]", special)) end

--- In bold, in italics (text is escaped here).
function roff.bold(text) return "\\fB" .. roff.escape(text) .. "\\fR" end
function roff.italic(text) return "\\fI" .. roff.escape(text) .. "\\fR" end

--- A page. name: "iflow-run"; section: "1"; date: "2026-11-23"; source: "iflow 0.1.0".
function roff.new(name, section, date, source)
  local page = setmetatable({ lines = {} }, roff)
  page.lines[1] = ('.TH "%s" "%s" "%s" "%s" "iflow manual"'):format(roff.escape(name:upper()),
    section, date, source) -- the date as it is, or mandoc does not know it
  table.move({ ".ad l", ".nh" }, 1, 2, 2, page.lines) -- names and options are not taken apart
  return page
end

local separate = { SH = true, SS = true, PP = true, TP = true, IP = true, RE = true }

-- The paragraph that was asked for begins, unless what comes now separates by itself.
function roff:begin(name)
  if self.awaits_paragraph and not separate[name] and not self.lines[#self.lines]:find "^%.S[HS] "
  then
    self.lines[#self.lines + 1] = ".PP"
  end
  self.awaits_paragraph = false
end

--- A request with its arguments, which are escaped.
function roff:request(name, ...)
  self:begin(name)
  local words = { "." .. name }
  for _, word in ipairs { ... } do
    words[#words + 1] = '"' .. roff.escape(word):gsub('"', '\\(dq') .. '"'
  end
  self.lines[#self.lines + 1] = table.concat(words, " ")
  return self
end

--- Lines of text that is escaped already. A line that begins with a dot is text, too.
function roff:raw(text)
  for line in (text .. "\n"):gmatch "(.-)\n" do
    line = line:match "^%s*(.-)%s*$"
    if line ~= "" then
      self:begin "text"
      self.lines[#self.lines + 1] = line:gsub("^%.", "\\&.")
    end
  end
  return self
end

--- Text as it is.
function roff:text(text) return self:raw(roff.escape(text)) end

function roff:heading(title) return self:request("SH", title:upper()) end
function roff:subheading(title) return self:request("SS", title) end

--- What comes next begins a paragraph.
function roff:paragraph()
  self.awaits_paragraph = true
  return self
end

--- An entry of a list: label is escaped already, text is not.
function roff:entry(label, text) return self:request("TP"):raw(label):text(text) end

--- Lines that stay as they are.
function roff:code(text)
  self:paragraph():request("RS", "4"):request "nf"
  for line in text:gsub("\n$", ""):gmatch "([^\n]*)\n?" do
    self.lines[#self.lines + 1] = (roff.escape(line):gsub("^%.", "\\&."))
  end
  return self:request "fi":request "RE":paragraph()
end

function roff:__tostring() return table.concat(self.lines, "\n") .. "\n" end

return roff
