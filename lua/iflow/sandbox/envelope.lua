--- SOAP envelopes of versions 1.1 and 1.2: reads what is inside the body, writes answers and
--- faults. It checks that the tags of the document match; what they mean is the flow's business.
--- Pure.
local envelope = {}

local NAMESPACES = { ["1.1"] = "http://schemas.xmlsoap.org/soap/envelope/",
                     ["1.2"] = "http://www.w3.org/2003/05/soap-envelope" }
local TYPES = { ["1.1"] = "text/xml", ["1.2"] = "application/soap+xml" }
local DEPTH_MAX = 1000

--- The version a Content-Type stands for; nil for another one.
function envelope.version_of(content_type)
  local plain = (content_type or ""):lower():match "^%s*([^;%s]+)"
  for version, name in pairs(TYPES) do
    if name == plain then return version end
  end
end

function envelope.content_type(version) return TYPES[version] .. "; charset=UTF-8" end

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

--- An envelope around XML.
function envelope.write(version, xml)
  return ('<soap:Envelope xmlns:soap="%s"><soap:Body>%s</soap:Body></soap:Envelope>'):format(
    NAMESPACES[version], (xml:gsub("^%s*<%?xml.-%?>%s*", "")))
end

local FAULTS = {
  ["1.1"] = "<soap:Fault><faultcode>soap:%s</faultcode><faultstring>%s</faultstring></soap:Fault>",
  ["1.2"] = "<soap:Fault><soap:Code><soap:Value>soap:%s</soap:Value></soap:Code><soap:Reason>"
    .. '<soap:Text xml:lang="en">%s</soap:Text></soap:Reason></soap:Fault>',
}
local CODES = { ["1.1"] = { sender = "Client", receiver = "Server" },
                ["1.2"] = { sender = "Sender", receiver = "Receiver" } }

--- A fault. who: "sender" when the message was wrong, "receiver" when the flow failed.
function envelope.fault(version, who, text)
  return envelope.write(version, FAULTS[version]:format(CODES[version][who], escape(text)))
end

-- Where the tag that begins at `from` ends: the ">" outside of quotes.
local function tag_end(text, from)
  local at = from
  while true do
    local mark = text:find("[>'\"]", at)
    if not mark or text:sub(mark, mark) == ">" then return mark end
    local closing = text:find(text:sub(mark, mark), mark + 1, true)
    if not closing then return nil end
    at = closing + 1
  end
end

local SKIPPED = { { "<!--", "-->" }, { "<![CDATA[", "]]>" }, { "<?", "?>" } }

-- Behind a comment, CDATA section or instruction that begins at `from`; nil when none does, false
-- when it has no end.
local function skip(text, from)
  for _, pair in ipairs(SKIPPED) do
    if text:sub(from, from + #pair[1] - 1) == pair[1] then
      local _, last = text:find(pair[2], from + #pair[1], true)
      return last and last + 1 or false
    end
  end
end

-- Walks over all tags: visit(kind, name, tag, first, last) with kind "open", "close" or "empty".
-- Returns true, or nil when the text is not well-formed.
local function walk(text, visit)
  local at, stack, roots = 1, {}, 0
  while true do
    local first = text:find("<", at, true)
    if not first then return #stack == 0 and roots == 1 or nil end
    local behind = skip(text, first)
    if behind == false then return nil end
    if behind then
      at = behind
    else
      local last = tag_end(text, first + 1)
      local slash, name = text:match("^<(/?)([%w_:.\x80-\xff-]+)", first)
      if not last or not name or #stack > DEPTH_MAX then return nil end
      local tag = text:sub(first, last)
      if slash == "/" then
        if table.remove(stack) ~= name then return nil end
        visit("close", name, tag, first, last, #stack + 1)
      else
        if #stack == 0 then roots = roots + 1 end
        local empty = tag:sub(-2) == "/>"
        if not empty then stack[#stack + 1] = name end
        visit(empty and "empty" or "open", name, tag, first, last, #stack + (empty and 1 or 0))
      end
      at = last + 1
    end
  end
end

local function split(name)
  local prefix, local_name = name:match "^([^:]*):(.*)$"
  return prefix or "", local_name or name
end

local function namespace_of(tag, prefix)
  local name = prefix == "" and "xmlns" or "xmlns:" .. prefix
  for attribute, _, value in tag:gmatch "([%w_:.-]+)%s*=%s*(['\"])(.-)%2" do
    if attribute == name then return value end
  end
end

-- Notes the envelope's version and where its body begins and ends.
local function observer(found)
  return function(kind, name, tag, first, last, depth)
    local prefix, plain = split(name)
    if depth == 1 and kind == "open" and plain == "Envelope" then
      found.prefix, found.namespace = prefix, namespace_of(tag, prefix)
    elseif depth == 2 and plain == "Body" and prefix == found.prefix then
      if kind == "open" then found.from = last + 1 end
      if kind == "close" then found.to = first - 1 end
      if kind == "empty" then found.from, found.to = last + 1, last end
    end
  end
end

--- Reads a message: { version, payload }, or nil and what is wrong with it.
function envelope.read(text)
  if text:find("<!DOCTYPE", 1, true) then return nil, "A document type is not allowed" end
  local found = {}
  if not walk(text, observer(found)) then return nil, "Error reading XMLStreamReader" end
  local version
  for known, namespace in pairs(NAMESPACES) do
    if namespace == found.namespace then version = known end
  end
  if not version or not found.from or not found.to then
    return nil, "The message is no SOAP envelope with a body"
  end
  local payload = text:sub(found.from, found.to):gsub("^%s+", ""):gsub("%s+$", "")
  return { version = version, payload = payload }
end

return envelope
