--- GET /api/v1/$metadata: the data model as EDMX of OData V2.
local sets = require "iflow.sandbox.api.sets"
local web = require "iflow.sandbox.web"
local xml = require "iflow.sandbox.api.xml"

local EDM = "http://schemas.microsoft.com/ado/2008/09/edm"
local EDMX = "http://schemas.microsoft.com/ado/2007/06/edmx"
local NAMESPACE = sets.NAMESPACE

local lines = {}
local function add(text, ...) lines[#lines + 1] = text:format(...) end

local function association_of(set, navigation)
  return ("%s_%s"):format(set.type, navigation.name)
end

local function add_property(property, key)
  add('<Property Name="%s" Type="%s"%s/>', property[1],
      property.parts and ("%s.%s"):format(NAMESPACE, property.type) or property[2],
      property[1] == key and ' Nullable="false"' or "")
end

local function add_entity(set)
  add('<EntityType Name="%s"><Key><PropertyRef Name="%s"/></Key>', set.type, set.key)
  for _, property in ipairs(set.properties) do add_property(property, set.key) end
  for _, navigation in ipairs(set.navigation or {}) do
    add('<NavigationProperty Name="%s" Relationship="%s.%s" FromRole="From" ToRole="To"/>',
        navigation.name, NAMESPACE, association_of(set, navigation))
  end
  add "</EntityType>"
  for _, property in ipairs(set.properties) do
    if property.parts then
      add('<ComplexType Name="%s">', property.type)
      for _, part in ipairs(property.parts) do add_property(part) end
      add "</ComplexType>"
    end
  end
end

local function add_associations(set)
  for _, navigation in ipairs(set.navigation or {}) do
    add('<Association Name="%s"><End Type="%s.%s" Multiplicity="1" Role="From"/>'
        .. '<End Type="%s.%s" Multiplicity="%s" Role="To"/></Association>',
        association_of(set, navigation), NAMESPACE, set.type, NAMESPACE,
        sets.find(navigation.set).type, navigation.many and "*" or "0..1")
  end
end

local function add_container()
  add '<EntityContainer Name="api" m:IsDefaultEntityContainer="true">'
  for _, set in ipairs(sets.list()) do
    add('<EntitySet Name="%s" EntityType="%s.%s"/>', set.name, NAMESPACE, set.type)
  end
  for _, set in ipairs(sets.list()) do
    for _, navigation in ipairs(set.navigation or {}) do
      add('<AssociationSet Name="%s_Set" Association="%s.%s"><End EntitySet="%s" Role="From"/>'
          .. '<End EntitySet="%s" Role="To"/></AssociationSet>', association_of(set, navigation),
          NAMESPACE, association_of(set, navigation), set.name, navigation.set)
    end
  end
  add('<FunctionImport Name="DeployIntegrationDesigntimeArtifact" ReturnType="Edm.String" '
      .. 'm:HttpMethod="POST"><Parameter Name="Id" Type="Edm.String"/>'
      .. '<Parameter Name="Version" Type="Edm.String"/></FunctionImport></EntityContainer>')
end

local function write()
  add('<?xml version="1.0" encoding="utf-8"?><edmx:Edmx Version="1.0" xmlns:edmx="%s">', EDMX)
  add('<edmx:DataServices m:DataServiceVersion="1.0" xmlns:m="%s">', xml.METADATA)
  add('<Schema Namespace="%s" xmlns="%s">', NAMESPACE, EDM)
  for _, set in ipairs(sets.list()) do add_entity(set) end
  for _, set in ipairs(sets.list()) do add_associations(set) end
  add_container()
  add "</Schema></edmx:DataServices></edmx:Edmx>"
  return table.concat(lines, "\n") .. "\n"
end

local text = write()

return function()
  return web.because(web.text(200, text, { ["Content-Type"] = "application/xml;charset=utf-8",
                                           DataServiceVersion = "1.0" }), "api: $metadata")
end
