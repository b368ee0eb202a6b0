--- OData V2 in Atom XML, which is what the API answers when nobody asks for JSON.
local sets = require "iflow.sandbox.api.sets"
local web = require "iflow.sandbox.web"
local xml = require "iflow.sandbox.api.xml"

local atom_format = {}

local ROOT = (' xmlns="%s" xmlns:m="%s" xmlns:d="%s"'):format(xml.ATOM, xml.METADATA, xml.DATA)
local HEAD = '<?xml version="1.0" encoding="utf-8"?>'
local RELATED = "http://schemas.microsoft.com/ado/2007/08/dataservices/related/"
local SCHEME = "http://schemas.microsoft.com/ado/2007/08/dataservices/scheme"

local function value_of(value, name, kind)
  local typed = kind ~= "Edm.String" and (' m:type="%s"'):format(kind) or ""
  if value == nil then return ('<d:%s%s m:null="true"/>'):format(name, typed) end
  if kind == "Edm.DateTime" then value = xml.date(value) end
  return ("<d:%s%s>%s</d:%s>"):format(name, typed, xml.escape(value), name)
end

local function property_of(record, property)
  local name = property[1]
  if not property.parts then return value_of(record[name], name, property[2]) end
  local parts = {}
  for i, part in ipairs(property.parts) do
    parts[i] = value_of((record[name] or {})[part[1]], part[1], part[2])
  end
  return ('<d:%s m:type="%s.%s">%s</d:%s>'):format(name, sets.NAMESPACE, property.type,
                                                    table.concat(parts), name)
end

local entry, feed_of

local function related(page, set, record, navigation)
  local target = sets.find(navigation.set)
  local inside = page.expand and page.expand[navigation.name]
  local inline = ""
  if inside then
    local found, inner = navigation.read(page.tenant, record), page:inner(inside)
    if navigation.many then
      inner.records = found
      inline = ("<m:inline>%s</m:inline>"):format(feed_of(inner, target, ""))
    else
      inline = ("<m:inline>%s</m:inline>"):format(found and entry(inner, target, found, "") or "")
    end
  end
  return ('<link href="%s/%s" rel="%s%s" type="application/atom+xml;type=%s" title="%s">%s</link>')
    :format(xml.escape(page:uri(set, record)), navigation.name, RELATED, navigation.name,
            navigation.many and "feed" or "entry", navigation.name, inline)
end

function entry(page, set, record, attributes)
  local uri = xml.escape(page:uri(set, record))
  local properties, links = {}, {}
  for _, property in ipairs(set.properties) do
    if page:selects(property[1]) then
      properties[#properties + 1] = property_of(record, property)
    end
  end
  for _, navigation in ipairs(set.navigation or {}) do
    if page:selects(navigation.name) then
      links[#links + 1] = related(page, set, record, navigation)
    end
  end
  return ('<entry%s><id>%s</id><title type="text">%s</title><updated>%sZ</updated>'
    .. '<category term="%s.%s" scheme="%s"/><link href="%s" rel="edit" title="%s"/>%s'
    .. '<content type="application/xml"><m:properties>%s</m:properties></content></entry>'):format(
    attributes, uri, set.name, xml.date(page.now), sets.NAMESPACE, set.type, SCHEME, uri, set.type,
    table.concat(links), table.concat(properties))
end

function feed_of(page, set, attributes)
  local entries = {}
  for i, record in ipairs(page.records) do entries[i] = entry(page, set, record, "") end
  local count = page.count and ("<m:count>%d</m:count>"):format(page.count) or ""
  local following = page.next and ('<link href="%s" rel="next"/>'):format(xml.escape(page.next))
  return ('<feed%s><id>%s/%s</id><title type="text">%s</title><updated>%sZ</updated>'
    .. '<link href="%s" rel="self" title="%s"/>%s%s%s</feed>'):format(
    attributes, xml.escape(page.root), set.name, set.name, xml.date(page.now), set.name, set.name,
    count, table.concat(entries), following or "")
end

local function answer(kind, text)
  return web.text(200, HEAD .. text, { ["Content-Type"] = kind .. ";charset=utf-8",
                                       DataServiceVersion = "2.0" })
end

--- page: query.lua.
function atom_format.feed(page, set)
  return answer("application/atom+xml;type=feed", feed_of(page, set, ROOT))
end

function atom_format.entry(page, set, record)
  return answer("application/atom+xml;type=entry", entry(page, set, record, ROOT))
end

function atom_format.property(record, property)
  local text = property_of(record, property)
  return answer("application/xml", (text:gsub("^<d:[%w_]+", function(open)
    return ('%s xmlns:d="%s" xmlns:m="%s"'):format(open, xml.DATA, xml.METADATA)
  end)))
end

function atom_format.service(root)
  local list = {}
  for i, set in ipairs(sets.list()) do
    list[i] = ('<collection href="%s"><atom:title>%s</atom:title></collection>'):format(set.name,
                                                                                       set.name)
  end
  return answer("application/atomsvc+xml", ('<service xmlns="%s" xmlns:atom="%s" xml:base="%s/">'
    .. '<workspace><atom:title>Default</atom:title>%s</workspace></service>'):format(
    xml.APP, xml.ATOM, xml.escape(root), table.concat(list)))
end

return atom_format
