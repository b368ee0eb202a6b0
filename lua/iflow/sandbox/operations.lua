--- What can be done to a sandbox: each operation is one file operation/NAME.lua that returns
--- function(tenant, ...) -> result | nil, err. They are the methods of the object that a test holds
--- and, over the admin path, of the client that commands use. A new file is all a new one needs.
local operations = {}

--- The function of that name, or nil.
function operations.find(name)
  if type(name) ~= "string" or not name:match("^[a-z][a-z_]*$") then return nil end
  local module = "iflow.sandbox.operation." .. name
  if package.loaded[module] then return package.loaded[module] end
  for _, searcher in ipairs(package.searchers) do
    local loader, extra = searcher(module)
    if type(loader) == "function" then
      package.loaded[module] = loader(module, extra)
      return package.loaded[module]
    end
  end
  return nil
end

return operations
