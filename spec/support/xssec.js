// xssec.js -- SAP's own client library against a sandbox, for spec/system/xssec_spec.lua.
//   node xssec.js LIBRARY '{"uaadomain":…,"xsappname":…,"keys":{"secret":{…},…},"tokens":[…]}'
// Fetches a token with every key and validates it as a service of SAP would; then validates the
// tokens that were given. Prints { fetched: { name: result }, validated: [result, …] } with result
// = { token, scopes, client } or { error }.
const [library, text] = process.argv.slice(2);
const { XsuaaService, createSecurityContext } = require(library);
const input = JSON.parse(text);

function service(key) {
  const { clientid, clientsecret, certificate, key: privateKey, tokenurl } = key;
  const origin = new URL(tokenurl).origin;
  return new XsuaaService({
    clientid, clientsecret, certificate, key: privateKey,
    "credential-type": certificate ? "x509" : "binding-secret",
    url: origin, certurl: origin, uaadomain: input.uaadomain, xsappname: input.xsappname,
  }, { requests: { timeout: 10000 } });
}

async function result(work) {
  try {
    return await work();
  } catch (e) {
    return { error: e.constructor.name, status: e.responseCode, text: e.message };
  }
}

async function validate(checker, token) {
  const context = await createSecurityContext(checker, { jwt: token });
  return { token, scopes: context.token.scopes, client: context.token.clientId,
           sends: context.checkLocalScope("ESBMessaging.send") };
}

(async () => {
  const out = { fetched: {}, validated: [] };
  let checker;
  for (const [name, key] of Object.entries(input.keys)) {
    const xsuaa = service(key);
    checker = checker || xsuaa;
    out.fetched[name] = await result(async () =>
      validate(xsuaa, (await xsuaa.fetchClientCredentialsToken({})).access_token));
  }
  for (const token of input.tokens || []) {
    out.validated.push(await result(() => validate(checker, token)));
  }
  console.log(JSON.stringify(out));
})();
