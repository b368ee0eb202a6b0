// node.mjs -- undici, or the SAP Cloud SDK: node node.mjs undici|sap URL COUNT WIDTH string|json
// sends COUNT messages, WIDTH at once. PEERS is where the packages are; CACERT, BODY, TOKEN: files.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const [library, url, count, width, mode] = process.argv.slice(2)
const require = createRequire(process.env.PEERS + '/')
const read = (name) => readFileSync(process.env[name], 'utf8')
const body = read('BODY')
const headers = {
  Authorization: 'Bearer ' + read('TOKEN'),
  'Content-Type': 'application/json',
  Accept: 'application/json',
  SAP_ApplicationID: '01890a5d-ac96-774b-bcce-b302099a8057'
}

// A fresh object of 60 fields each time.
function record (n) {
  const r = {
    order: n, customer: 'C-10017', currency: 'EUR', plant: '1000', total: 1234.5, urgent: true,
    f54: 'Walldorf, Baden, Germany'
  }
  for (let i = 1; i <= 53; i++) r['f' + String(i).padStart(2, '0')] = i % 2 ? i : 'x-' + i
  return r
}

function undici () {
  const { Pool } = require('undici')
  const { origin, pathname: path } = new URL(url)
  const pool = new Pool(origin, { connections: +width, connect: { ca: read('CACERT') } })
  return async (data) => {
    const answer = await pool.request({ method: 'POST', path, headers, body: data })
    await answer.body.dump()
    return answer.statusCode
  }
}

function sap () {
  const { executeHttpRequest } = require('@sap-cloud-sdk/http-client')
  const https = require('node:https')
  const httpsAgent = new https.Agent({ keepAlive: true, maxSockets: +width, ca: read('CACERT') })
  const { origin, pathname } = new URL(url)
  return async (data) => (await executeHttpRequest({ url: origin, authentication: 'NoAuthentication' },
    { method: 'post', url: pathname, headers, data, httpsAgent }, { fetchCsrfToken: false })).status
}

const post = library === 'sap' ? sap() : undici()
let sent = 0
async function worker () {
  while (sent < +count) {
    sent++
    const status = await post(mode === 'json' ? JSON.stringify(record(sent)) : body)
    if (status !== 200) throw new Error('status ' + status)
  }
}
await Promise.all(Array.from({ length: +width }, worker))
process.exit(0)
