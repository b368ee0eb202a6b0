--- Filters that several lists of the Cloud Foundry API have: function(item, set of words) ->
--- whether it passes.
local plans = require "iflow.sandbox.broker.plans"

local filters = {}

function filters.names(item, words) return words[item.name] == true end
function filters.guids(item, words) return words[item.guid] == true end

--- One value for all items. value(): what the words must hold.
function filters.constant(value)
  return function(_, words) return words[value()] == true end
end

function filters.offering_names(_, words) return words[plans.OFFERING.name] == true end
function filters.offering_guids(_, words) return words[plans.OFFERING.guid] == true end
function filters.broker_names(_, words) return words[plans.OFFERING.broker.name] == true end
function filters.broker_guids(_, words) return words[plans.OFFERING.broker.guid] == true end
function filters.available(_, words) return words["true"] == true end

--- By the plan of an item's instance. of(item) -> instance.
function filters.plan_names(of)
  return function(item, words) return words[of(item).plan] == true end
end

function filters.plan_guids(of)
  return function(item, words) return words[plans.named(of(item).plan).guid] == true end
end

return filters
