--- UserRoles: the roles that sender channels can ask for (sap-reference 6).
return {
  name = "UserRoles", type = "UserRole", key = "Name",
  roles = { "MonitoringDataRead", "UserRolesEdit" }, family = "security",
  properties = { { "Name", "Edm.String" }, { "Description", "Edm.String" },
                 { "Owner", "Edm.String" } },
  list = function(tenant)
    local list = {}
    for i, role in ipairs(tenant.roles:list()) do
      list[i] = { Name = role.name, Description = role.description,
                  Owner = role.predefined and "SAP" or "Tenant" }
    end
    return list
  end,
}
