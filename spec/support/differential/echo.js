// echo.js -- Node's server as it is for everybody: it says in X-Seen what it took a request for, as
// spec/support/differential/servers.lua does. usage: node echo.js; writes its port.
'use strict'
const http = require('node:http')

const hex = bytes => bytes.toString('hex')

function fieldsOf(raw) {
  const list = []
  for (let i = 0; i < raw.length; i += 2) {
    const value = raw[i + 1].length > 100 ? raw[i + 1].length + ' bytes' : raw[i + 1]
    if (/^x/i.test(raw[i]) && raw[i].length < 100) list.push(raw[i].toLowerCase() + '=' + value)
  }
  return list.slice(0, 4).join('\n')
}

function answer(request, response) {
  const pieces = []
  request.on('data', piece => pieces.push(piece))
  request.on('end', () => {
    const target = request.url.length > 100 ? request.url.length + ' bytes' : request.url
    const seen = [request.method, target, Buffer.concat(pieces).toString('latin1'),
      fieldsOf(request.rawHeaders)].map(text => hex(Buffer.from(text, 'latin1')))
    response.writeHead(200, { 'X-Seen': seen.join('.') + '.', 'Content-Length': 2 })
    response.end('ok')
  })
}

const server = http.createServer({ maxHeaderSize: 160 * 1024, insecureHTTPParser: false }, answer)
server.on('checkExpectation', answer)
server.listen(0, '127.0.0.1', () => console.log(server.address().port))
