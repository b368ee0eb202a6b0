-- The same requests, good and bad, byte for byte through our server, nginx and Node
-- (spec/support/differential/requests.lua has them), and what each took them for, up to the request
-- behind them. Where they differ it is listed here, with the reason; what differs and is not listed
-- fails, and so does what is listed and does not differ.
local async = require "spec.support.async"
local known = require "spec.support.differential.known"
local process = require "spec.support.process"
local requests = require "spec.support.differential.requests"
local servers = require "spec.support.differential.servers"

-- Sections are those of RFC 9112, where nothing else is said.
local NGINX = {
  { how = "we refuse",
    why = "RFC 9110, 9.1: methods that it does not know a server need not serve; llhttp has a " ..
      "list of them",
    cases = [[
    method: 'PRI'  'GOT'  'X'  300 letters
  ]] },
  { how = "we refuse",
    why = "3: one blank between the parts of the first line, and none around; who splits it " ..
      "otherwise sees another target",
    cases = [[
    method: 'GET '
    target: ' /'  '/ '
    version: ' HTTP/1.1'  'HTTP/1.1 '
  ]] },
  { how = "we refuse",
    why = "2.2: lines end in CR LF, and at most two empty ones come before a request; a bare " ..
      "LF or CR may be something else to who stands before us",
    cases = [[
    method: '0x0d0x0a0x0d0x0a0x0d0x0aGET'  '0x0aGET'  '0x0dGET'
    first line: ends in LF  all end in LF
    line: LF  CR CR LF  the empty one is LF
    chunk: a bare LF behind it  a bare LF behind an extension
    chunks: shorter than said  ends in LF  LF behind the last  LF at the end  LF twice at the end
      a trailer that ends in LF
  ]] },
  { how = "we refuse",
    why = "3: HTTP/1.0 and 1.1 it is; nginx speaks 0.9, and takes a later minor version, of " ..
      "which there is none, for 1.1",
    cases = [[
    version: 'HTTP/1.2'  'HTTP/1.9'  'HTTP/1.10'  ''
    first line: HTTP/0.9
    target: '/a0x0ab'
  ]] },
  { how = "we refuse",
    why = "3.2: a target is a path of ASCII without a fragment; the other forms are for " ..
      "proxies, and who took them would have to compare their host",
    cases = [[
    target: '/a0x80b'  '/0xc30xbc'  '/#f'  '/a?b#c'  'http://a/'  'http://b/x'  'HTTP://a/'
      'https://a/'  'ftp://a/'  'http://a'
  ]] },
  { how = "they refuse",
    why = "a path is a script's business: ours gets it as it came, decodes and opens nothing",
    cases = [[
    target: '/%'  '/%zz'  '/%00'  '/../x'
  ]] },
  { how = "they refuse",
    why = "nginx serves neither TRACE nor OPTIONS * (RFC 9110, 9.3.7); to us they are methods " ..
      "like others",
    cases = [[
    method: 'TRACE'
    target: * of OPTIONS
    length: of OPTIONS
  ]] },
  { how = "we refuse",
    why = "3.2: an invalid Host must be refused; nginx looks for less",
    cases = [[
    host: 'a:x'  'u@a'  '[::1'  '0xc30xbc'  'a?b'  'a#b'  'a\b'  '<a>'
  ]] },
  { how = "they refuse",
    why = "3.2: an empty Host is what a client sends that has no name; two dots are a " ..
      "registered name to RFC 3986",
    cases = "host: ''  'a..b'" },
  { how = "we refuse",
    why = "5.1 and RFC 9110, 5.1: a field's name is a token, and there is a colon behind it; " ..
      "nginx drops the others, whoever hides in them",
    cases = [[
    field name: "  (  )  /  ;  <  =  >  ?  @  [  \  ]  {  }  0x80  0xff
    line: no colon
    chunks: a trailer without a colon  a blank before a trailer's colon
      a blank in a trailer's name
  ]] },
  { how = "another request",
    why = "RFC 9110, 5.6.2: these are tokens; nginx passes on letters, digits and hyphens only",
    cases = "field name: !  #  $  %  &  '  *  +  .  ^  _  `  |  ~" },
  { how = "we refuse",
    why = "RFC 9110, 5.5: control characters in a value are invalid; they may be refused, and " ..
      "end up in logs and in requests otherwise",
    cases = [[
    field value: 0x01  0x07  0x08  0x0b  0x0c  0x0e  0x1b  0x1f  0x7f
    chunk: '5;a0x00b'  '5;a0x01b'
    chunks: NUL in a trailer  a control character in a trailer
  ]] },
  { how = "we refuse",
    why = "5.2: folded fields are refused with 400",
    cases = "chunks: a folded trailer" },
  { how = "we refuse",
    why = "RFC 9110, 6.5.1: framing has no place in a trailer",
    cases = "chunks: a trailer named Transfer-Encoding" },
  { how = "we refuse",
    why = "7.1: a size is hexadecimal digits; blanks belong to an extension",
    cases = [[
    chunk: '5 '  '50x09'  '50x200x200x20'  '5 5'
    chunks: a blank behind the last
  ]] },
  { how = "we refuse",
    why = "limits: 16 KiB a first line, 128 fields and 128 KiB a head, 4 KiB a chunk's line",
    cases = [[
    target: 17000 bytes  100000 bytes
    head: 129 fields  300 fields  400 KB
    chunk: an extension of 5,000 bytes  an extension of 60,000 bytes
  ]] },
  { how = "they refuse",
    why = "a limit of nginx; trailers are fields to us, of 128 KiB in all",
    cases = "chunks: a trailer of 60 KB" },
  { how = "we refuse",
    why = "RFC 9110, 10.1.1: 417 to another expectation than 100-continue",
    cases = "expect: '200-maybe'  '100-continue, x'  ''" },
  { how = "they stop",
    why = "9.6: the option is close, not a word that begins or ends so",
    cases = "connection: 'x-close'  'closed'  'close;x'  '\"close\"'  'close close'" },
}

-- Node 18 of Debian is built with the lenient llhttp of old, later ones are not.
local NODE = {
  { how = "we refuse",
    why = "3: as with nginx, no blanks but one each",
    cases = [[
    method: 'GET '
    target: ' /'  '/ '
    version: ' HTTP/1.1'
  ]] },
  { how = "we refuse",
    why = "2.2: as with nginx, CR LF ends a line and nothing else does",
    cases = [[
    method: '0x0d0x0a0x0d0x0a0x0d0x0aGET'  '0x0aGET'  '0x0dGET'
  ]] },
  { how = "we refuse", version = "18",
    why = "2.2, as above",
    cases = [[
    first line: ends in LF
    line: the empty one is LF  the empty one is CR
    chunks: ends in something  LF at the end
  ]] },
  { how = "we refuse",
    why = "3.2: as with nginx, a path of ASCII without a fragment; * is for OPTIONS",
    cases = [[
    target: '*'  '/#f'  '/a?b#c'  'http://a/'  'http://b/x'  'HTTP://a/'  'https://a/'  'ftp://a/'
      'http:///'  'http://'  'http://a'  'http://u:p@a/'
  ]] },
  { how = "we refuse", version = "18",
    why = "3.2, as above",
    cases = "target: '/a0x09b'  '/a0x80b'  '/0xc30xbc'" },
  { how = "we refuse", version = "18",
    why = "3: HTTP/1.0 and 1.1 it is",
    cases = "version: 'HTTP/2.0'  'HTTP/0.9'  'RTSP/1.0'" },
  { how = "we refuse",
    why = "3.2: one Host, and a valid one; Node leaves that to the application",
    cases = [[
    host: ':80'  'a:x'  'a b'  'a/b'  'u@a'  '[::1'  'a0x09b'  '0xc30xbc'  'http://a'  'a?b'
      'a#b'  'a\b'  '<a>'  the same twice  two
  ]] },
  { how = "we refuse", version = "18",
    why = "3.2, as above",
    cases = "host: none  two, HTTP/1.0  blank before the colon" },
  { how = "we refuse", version = "18",
    why = "5.1 and 5.2: names are tokens, a colon behind them, and no line begins with a blank",
    cases = [[
    field name: 0x20  blank before the colon  none
    line: only a colon  the first one folded
    chunks: a blank before a trailer's colon  a blank in a trailer's name
  ]] },
  { how = "we refuse",
    why = "limits, as with nginx",
    cases = [[
    target: 17000 bytes  100000 bytes
    head: 129 fields  300 fields
    chunk: an extension of 5,000 bytes
  ]] },
  { how = "we refuse",
    why = "6.1: we know no coding but chunked; Node calls the body whole that somebody has " ..
      "still to decode",
    cases = [[
    coding: ',chunked'  'gzip, chunked'  'identity, chunked'  'x, chunked'  identity, then chunked
  ]] },
  { how = "we refuse", version = "18",
    why = "6.1: HTTP/1.0 has no Transfer-Encoding",
    cases = "coding: of HTTP/1.0" },
  { how = "we refuse",
    why = "RFC 9110, 10.1.1: 417, if the application does not say so itself",
    cases = "expect: '200-maybe'  '100-continue, x'  ''" },
  { how = "they refuse", version = "20",
    why = "7.1.1: extensions, with blanks around them, are to be parsed and ignored; where " ..
      "the line ends is beyond doubt",
    cases = [[
    chunk: '5;'  '5; a=b'  '5 ;a=b'  '5;a = b'  '5;a="b'  '5;;'  '5;a b'  '5;a0xffb'
  ]] },
  { how = "they refuse", version = "18",
    why = "7.1.1, as above",
    cases = "chunk: '5 ;a=b'" },
  { how = "they refuse", version = "20",
    why = "RFC 9110, 6.5.1: trailers may be ignored, whatever their name",
    cases = "chunks: a trailer named Content-Length  a trailer named Connection" },
  { how = "they stop", version = "18",
    why = "RFC 9110, 6.5.1: as above, Connection is for the head",
    cases = "chunks: a trailer named Connection" },
  { how = "they refuse",
    why = "9.3.2: the request before the rubbish is good and gets its answer; Node has not " ..
      "begun with it when it meets the rubbish",
    cases = [[
    length: a byte more than said
    coding: underscore in the name
    pipelined: rubbish
  ]] },
  { how = "they refuse", version = "20",
    why = "9.6: what comes behind a request that ends the connection is ignored; Node gives " ..
      "up the request, too",
    cases = [[
    version: 'HTTP/1.0'
    host: none, HTTP/1.0
    length: of HTTP/1.0
    expect: in HTTP/1.0
    connection: 'close'  'Close'  'CLOSE'  'close, x'  'x, close'  'x,close'  'keep-alive, close'
      'close, keep-alive'  ',close'  close in the second field  both in two fields  the proxy's
      HTTP/1.0 x
  ]] },
  { how = "they stop", version = "18",
    why = "Proxy-Connection is nobody's but an old proxy's",
    cases = "connection: the proxy's" },
  { how = "we stop",
    why = "9.3: close counts, whatever else is said and in HTTP/1.0, too",
    cases = "connection: HTTP/1.0 keep-alive, close" },
  { how = "they stop",
    why = "RFC 9110, 7.8: an offer to upgrade may be ignored, and the connection goes on",
    cases = "upgrade: to h2c  to websocket" },
}

local function node_version()
  local major = tonumber(process.run({ "node", "--version" }).out:match "^v(%d+)")
  return major < 20 and "18" or "20"
end

describe("requests", function()
  local cases = requests.all()

  local function differences(ours, theirs)
    local found = {}
    for i, case in ipairs(cases) do found[case.name] = servers.difference(ours[i], theirs[i]) end
    return found
  end

  it("are many", function() assert.is_true(#cases >= 300, #cases .. " requests") end)

  it("are to us what they are to nginx and Node, but for what is listed", async(function()
    local peers <close> = servers.start()
    local ours = servers.ask(cases, peers.iflow)
    assert.same({}, known.complaints(cases, differences(ours, servers.ask(cases, peers.nginx)),
      NGINX))
    assert.same({}, known.complaints(cases, differences(ours, servers.ask(cases, peers.node)),
      NODE, node_version()))
  end, { limit = 300 }))

  it("are the same in single bytes, and refused with 400, 417 or 431", async(function()
    local server <close> = servers.own()
    local ours, statuses = servers.ask(cases, server:port())
    assert.same({}, differences(ours, servers.ask(cases, server:port(), "drip")))
    local counts = { ["400"] = 0, ["417"] = 0, ["431"] = 0 }
    for _, status in pairs(statuses) do counts[status] = counts[status] + 1 end
    assert.is_true(counts["400"] > 100 and counts["417"] >= 3 and counts["431"] > 3)
  end, { limit = 300 }))
end)
