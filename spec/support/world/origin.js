// origin.js -- Node's own http and https servers for the specs of the client against the world.
//   node origin.js ROOT CERT KEY
// ROOT/www holds files to serve, ROOT/up takes uploads. Writes its ports as a line of JSON:
//   main      https, Node's defaults (keeps connections 5 s and announces it)
//   plain     http, for load balancers in front; keeps connections long
//   brief     https, closes idle connections soon, and does not say so before
//   announced https, keeps connections 2 s and announces it
//   limited   https, three requests a connection
//   raw       TLS, answers written byte for byte by this file
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');
const path = require('path');
const tls = require('tls');
const zlib = require('zlib');

const [root, cert, key] = process.argv.slice(2);
const identity = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const text = fs.readFileSync(path.join(root, 'www/text'));

const answers = {
  '/empty': (req, res) => res.writeHead(204).end(),
  '/close': (req, res) => res.writeHead(200, { Connection: 'close' }).end(text),
  '/chunked': (req, res) => {
    for (let at = 0; at < text.length; at += 1000) res.write(text.subarray(at, at + 1000));
    res.end();
  },
  '/trailers': (req, res) => {
    res.writeHead(200, { Trailer: 'X-Checksum' });
    res.write(text);
    res.addTrailers({ 'X-Checksum': 'none of your business' });
    res.end();
  },
  '/until-close': (req, res) => {
    res.useChunkedEncodingByDefault = false;
    res.shouldKeepAlive = false;
    res.write(text.subarray(0, 5000));
    setTimeout(() => res.end(text.subarray(5000)), 20);
  },
  '/interim': (req, res) => {
    res.writeContinue();
    res.writeProcessing();
    res.writeEarlyHints({ link: '</style.css>; rel=preload' });
    res.end(text);
  },
  '/gzip': (req, res) => coded(req, res, 'gzip', zlib.gzipSync(text)),
  '/deflate': (req, res) => coded(req, res, 'deflate', zlib.deflateSync(text)),
  '/raw-deflate': (req, res) => coded(req, res, 'deflate', zlib.deflateRawSync(text)),
  '/headers': (req, res) => {
    for (let i = 1; i <= 66; i++) res.setHeader('X-' + i, String(i % 10).repeat(1000));
    res.end(text);
  },
  '/slow': (req, res) => {
    const pieces = [...text.subarray(0, 20)].map((byte) => Buffer.from([byte]));
    const timer = setInterval(() => {
      if (pieces.length > 0) return res.write(pieces.shift());
      clearInterval(timer);
      res.end();
    }, 20);
  },
};

function coded(req, res, coding, bytes) {
  res.writeHead(200, { 'Content-Encoding': coding, 'Content-Length': bytes.length });
  res.end(bytes);
}

function file(req, res, name) {
  const stat = fs.statSync(name, { throwIfNoEntry: false });
  if (!stat) return res.writeHead(404).end('nothing here');
  const etag = `"${stat.size}-${stat.mtimeMs}"`;
  if (req.headers['if-none-match'] === etag) return res.writeHead(304, { ETag: etag }).end();
  res.writeHead(200, { ETag: etag, 'Content-Length': stat.size });
  if (req.method === 'HEAD') return res.end();
  return fs.createReadStream(name).pipe(res);
}

function store(req, res, status) {
  const name = path.join(root, 'up', path.basename(req.url));
  const out = fs.createWriteStream(name);
  req.pipe(out);
  out.on('finish', () => (status ? null : res.writeHead(201).end('stored')));
  if (status) res.writeHead(status).end('stored, you will see');
}

// /early/503 answers while the body is under way and lets it come; /early/503/close ends the
// connection as soon as the answer is out.
function early(req, res) {
  const [, , status, close] = req.url.split('/');
  const fields = { 'Content-Length': 3 };
  if (close) fields.Connection = 'close';
  res.writeHead(Number(status), fields);
  res.end('no\n', () => close && req.socket.destroySoon());
  if (!close) req.resume();
}

function answer(req, res) {
  console.log(req.method, req.url);
  res.on('error', () => {});
  if (server_of(req).brief) res.setHeader('Connection', 'keep-alive'); // silences Keep-Alive
  if (req.url.startsWith('/early/')) return early(req, res);
  if (req.url.startsWith('/at-once/')) return store(req, res, 200);
  if (req.method === 'PUT' || req.method === 'POST') return store(req, res);
  if (answers[req.url]) return answers[req.url](req, res);
  return file(req, res, path.join(root, 'www', path.basename(req.url)));
}

function expecting(req, res) {
  if (req.url.startsWith('/417/')) return res.writeHead(417).end();
  if (req.url.startsWith('/early/')) return early(req, res);
  if (req.url.startsWith('/late/')) setTimeout(() => res.writeContinue(), 1200);
  else if (!req.url.startsWith('/ignored/')) res.writeContinue();
  return answer(req, res);
}

function server_of(req) { return req.socket.server; }

// Raw answers: what no server library would write, though HTTP allows it.
const CRLF = '\r\n';
const chunks = ['HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'X-A: 1', '', '5;a=b;c="d;\\"e"',
  'hello', '6 ; ext', ' world', '0;last', 'X-Trailer: late', 'X-B: 2', '', ''].join(CRLF);
const raws = {
  '/extensions': (socket) => socket.write(chunks),
  '/interim': (socket) => socket.write('HTTP/1.1 100 Continue' + CRLF + CRLF +
    'HTTP/1.1 103 Early Hints' + CRLF + 'Link: x' + CRLF + CRLF + chunks),
  '/drip': (socket) => drip(socket, Buffer.from('HTTP/1.1 100 Continue' + CRLF + CRLF + chunks)),
};

function drip(socket, bytes) {
  socket.write(bytes.subarray(0, 1));
  if (bytes.length > 1) setImmediate(() => drip(socket, bytes.subarray(1)));
}

function split(socket, at) {
  const bytes = Buffer.from('HTTP/1.1 103 Early' + CRLF + CRLF + chunks);
  if (at >= bytes.length) {
    return socket.write('HTTP/1.1 204 No more' + CRLF + CRLF);
  }
  socket.write(bytes.subarray(0, at));
  return setTimeout(() => socket.write(bytes.subarray(at)), 1);
}

function raw(socket) {
  let head = '';
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    head += data.toString('latin1');
    if (!head.endsWith(CRLF + CRLF)) return;
    const target = head.split(' ')[1];
    head = '';
    if (target.startsWith('/split/')) split(socket, Number(target.slice(7)));
    else raws[target](socket);
  });
}

function listen(server, options) {
  Object.assign(server, options);
  server.on('request', answer);
  server.on('checkContinue', expecting);
  return server;
}

const servers = {
  main: listen(https.createServer(identity)),
  plain: listen(http.createServer(), { keepAliveTimeout: 60000 }),
  brief: listen(https.createServer(identity), { keepAliveTimeout: 300, brief: true }),
  announced: listen(https.createServer(identity), { keepAliveTimeout: 2000 }),
  limited: listen(https.createServer(identity), { maxRequestsPerSocket: 3 }),
  raw: tls.createServer(identity, raw),
};

const ports = {};
for (const [name, server] of Object.entries(servers)) {
  server.listen(0, '127.0.0.1', 511, () => {
    ports[name] = server.address().port;
    if (Object.keys(ports).length === Object.keys(servers).length) {
      console.log(JSON.stringify(ports));
    }
  });
}
