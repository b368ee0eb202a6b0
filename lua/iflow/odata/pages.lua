--- Where the pages of a collection are: the next link of each is judged before it is followed,
-- since a token goes along. Internal, for lua/iflow/odata.lua.
--
--   local place = pages.start(root, root .. "/UserRoles", "$top=5")   -- place.url, place.query
--   place, err = place:follow(next_link, records, about)              -- nil alone: the last page

local core = require "iflow.core"
local errors = require "iflow.error"

local pages = {
  --- Records that the API answers at once at most (sap-reference 7.1).
  SIZE = 1000,
}

local LINK_MAX = 16 * 1024
local PAGES_MAX = 10000
local EMPTY_MAX = 10 -- pages in a row that have a next link and nothing else
local ELSEWHERE = "leads to another server"

local place = {}
place.__index = place

--- The first page of what stands at a URL below the root.
function pages.start(root, url, query)
  return setmetatable({ root = root, url = url, query = query, number = 1, empty = 0, seen = {} },
    place)
end

local function origin_of(url)
  local scheme, host = url:match "^(%a[%w+.-]*)://([^/?#]*)"
  if not scheme then return nil end
  scheme, host = scheme:lower(), host:lower()
  local default = scheme == "https" and ":443" or scheme == "http" and ":80" or nil
  if default and host:sub(-#default) == default then host = host:sub(1, -#default - 1) end
  return scheme .. "://" .. host
end

-- What a URL may hold stays, other bytes (blanks, quotes) are escaped.
local function clean(text)
  return (text:gsub("[^%w%-._~:/?@!$&'()*+,;=%%]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

-- The link as an address of the same server: URL without query, query; or nil, what is wrong.
local function resolve(self, link)
  if #link > LINK_MAX then return nil, ("is longer than %d bytes"):format(LINK_MAX) end
  link = link:gsub("#.*$", "")
  local origin = origin_of(link)
  if origin or link:find "^//" then
    if origin ~= origin_of(self.root) then return nil, ELSEWHERE end
    link = link:match "^%a[%w+.-]*://[^/?]*(.*)$"
  elseif link:find "^%a[%w+.-]*:" then
    return nil, "is no address of the API"
  elseif link:sub(1, 1) ~= "/" then
    link = self.root:match "^%a[%w+.-]*://[^/]*(.*)$" .. "/" .. link
  end
  local path, query = link:match "^([^?]*)%??(.*)$"
  return self.root:match "^%a[%w+.-]*://[^/]*" .. clean(path), clean(query)
end

local function refuse(about, link, why)
  local elsewhere = why == ELSEWHERE
  return nil, errors { code = elsewhere and "call.redirected" or "http.protocol", retryable = false,
    message = ("%s of %s: the next link of a page %s: %s"):format(about.set, about.host, why,
      (tostring(link):sub(1, 200):gsub("[?].*$", ""):gsub("[^\32-\126]", "?"))),
    hint = elsewhere and "a token is never sent to another server; for an Edge Integration Cell "
      .. "name the host that it uses itself"
      or "narrow the question, so that one page holds the answer" }
end

local function fault_of(self, url, query, records)
  local name = url .. "?" .. query
  if self.seen[name] or url == self.url and query == self.query then
    return "leads to a page that was read before"
  end
  self.seen[name] = true
  self.empty = records == 0 and self.empty + 1 or 0
  if self.empty > EMPTY_MAX then return "leads on and on, and no page has a record" end
  if self.number >= PAGES_MAX then return ("comes after %d pages"):format(PAGES_MAX) end
end

--- The place of the next page; nil when that was the last one; nil, err when its link is not to be
-- followed. records: how many the page had; about: { set =, host = }.
function place:follow(link, records, about)
  if link == nil or link == core.json.null or link == "" then return nil end
  if type(link) ~= "string" then return refuse(about, type(link), "is no text") end
  local url, query = resolve(self, link)
  if not url then return refuse(about, link, query) end
  local why = fault_of(self, url, query, records)
  if why then return refuse(about, link, why) end
  return setmetatable({ root = self.root, url = url, query = query, number = self.number + 1,
    empty = self.empty, seen = self.seen }, place)
end

return pages
