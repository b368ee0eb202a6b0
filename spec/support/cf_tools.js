// cf_tools.js -- SAP's own library for the Cloud Foundry API against a sandbox, for
// spec/system/cf_tools_spec.lua. It sends every request by `cf curl`.
//   node cf_tools.js LIBRARY
// Goes from organization and space to a created instance and the credentials of its keys, and
// prints what the library returned at each step.
const tools = require(process.argv[2]);

const only = (key, value) => ({ filters: [{ key, value }] });

async function message(work) {
  try {
    return { result: await work() };
  } catch (e) {
    return { error: e.message };
  }
}

async function main() {
  const out = {};
  out.organizations = await tools.cfGetAvailableOrgs();
  out.spaces = await tools.cfGetAvailableSpaces(out.organizations[0].guid);
  out.services = await tools.cfGetServices();
  out.plans = await tools.cfGetServicePlansList(only("service_offering_names", "it-rt"));
  out.same_plans = await tools.cfGetServicePlans(out.services[0].service_plans_url);
  const plan = out.plans.find((p) => p.label === "integration-flow").guid;
  const roles = { roles: ["ESBMessaging.send"] };
  out.created = await tools.cfCreateService(plan, "by-tools", roles, ["a", "b"]);
  out.refused = await message(
    () => tools.cfCreateService(plan, "refused", { roles: ["No.such"] }, []));
  out.taken = await message(() => tools.cfCreateService(plan, "by-tools", roles, []));
  out.instances = await tools.cfGetServiceInstances({ per_page: 2 });
  out.metadata = await tools.cfGetInstanceMetadata("orders");
  const orders = out.instances.find((i) => i.label === "orders").guid;
  out.keys = await tools.cfGetServiceKeys(only("service_instance_guids", orders));
  out.credentials = await tools.cfGetInstanceCredentials(only("service_instance_guids", orders));
  console.log(JSON.stringify(out));
}

main().catch((e) => {
  console.error(e.stack);
  process.exit(1);
});
