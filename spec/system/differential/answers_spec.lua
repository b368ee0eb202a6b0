-- The same answers, good and bad, byte for byte through our client and through curl; they are in
-- spec/support/differential/answers.lua. Where the two differ it is listed here, with the reason;
-- what differs and is not listed fails, and so does what is listed and does not differ.
local answers = require "spec.support.differential.answers"
local async = require "spec.support.async"
local clients = require "spec.support.differential.clients"
local known = require "spec.support.differential.known"

-- Sections are those of RFC 9112, where nothing else is said.
local KNOWN = {
  { how = "we refuse",
    why = "4: a status line is HTTP/1.x, a blank and three digits; curl reads on past the " ..
      "rest, and takes HTTP/2 on a connection that has not chosen it",
    cases = [[
    version: 'HTTP/2.0'  'HTTP/2'  'HTTP/.1'  'http/1.1'  'HTTP/1.1 '  'HTTP/-1.1'
    status: '2000x09OK'  '200OK'  '200-OK'  '200,OK'  '200.0 OK'
  ]] },
  { how = "we refuse",
    why = "2.2: lines end in CR LF; a recipient may take LF alone, and whatever stands before " ..
      "us may not: the two would see other heads",
    cases = [[
    status: ends in LF  all lines end in LF
    line: LF  LF CR  folded by LF  the empty one is LF
    chunk: a bare LF behind it  a bare LF behind an extension
    chunks: shorter than said  ends in LF  LF behind the last  LF at the end  LF twice at the end
      a trailer that ends in LF
  ]] },
  { how = "we refuse",
    why = "2.2: a CR without LF makes the message invalid",
    cases = [[
    status: '200 a0x0db'  ends in CR
    line: CR CR LF  CR inside of the value
    chunk: '50x0d'  '5;a0x0d'
  ]] },
  { how = "we refuse",
    why = "limits: 16 KiB a first line, 128 fields and 128 KiB a head, 4 KiB a chunk's line, " ..
      "100 interim answers",
    cases = [[
    status: a reason of 20000 bytes  a reason of 90000 bytes
    head: 300 fields  140 KB
    chunk: an extension of 5,000 bytes  an extension of 60,000 bytes
    interim: 101 of them
  ]] },
  { how = "they refuse",
    why = "limits of curl: a field of 100 KB, a trailer of 4 KB, 16 digits of a chunk's size; " ..
      "leading zeros are no larger number (7.1)",
    cases = [[
    head: a field of 120 KB
    chunk: '00000000000000005'  '0000000000000000000000000000005'
    chunks: a trailer of 60 KB
  ]] },
  { how = "we refuse",
    why = "RFC 9110, 5.1: a field's name is a token; 5.1: no blank before the colon. What is " ..
      "left of a damaged head is not to be trusted",
    cases = [[
    field name: 0x01  0x09  0x0b  0x0c  0x1f  0x20  "  (  )  /  ;  <  =  >  ?  @  [  \  ]  {  }
      0x7f  0x80  0xff  blank before the colon  tab before the colon  none
    line: only a colon
    length: blank in the name  blank before the colon
    chunks: a blank before a trailer's colon  a blank in a trailer's name
    coding: blank before the colon  blank in the name
  ]] },
  { how = "we refuse",
    why = "RFC 9110, 5.5: control characters in a value are invalid; they may be refused, and " ..
      "end up in logs and in requests otherwise",
    cases = [[
    field value: 0x01  0x07  0x08  0x0b  0x0c  0x0e  0x1b  0x1f  0x7f
    chunk: '5;a0x00b'  '5;a0x01b'
    chunks: a control character in a trailer
    length: '50x0b'
    coding: 'chunked0x0b'
  ]] },
  { how = "we refuse",
    why = "5.2: folded fields; a client may refuse them, and who reads the second line as a " ..
      "field of its own sees another framing",
    cases = [[
    line: folded by a blank  folded by a tab  folded to nothing  folded twice
      folded behind the colon
    chunks: a folded trailer
    coding: folded  folded, with a length
  ]] },
  { how = "we refuse",
    why = "6.3, 5: a length that is no number, or several, is unrecoverable; curl takes the " ..
      "digits it finds and the first of several",
    cases = [[
    length: '+5'  '5,5'  '5, 5'  '5,6'  '5,'  '5;'  '5 5'  '0x5'  '5.0'  '5e0'  '5h'
      '9223372036854775808'  '18446744073709551621'  '99999999999999999999999'
      the same twice  two, the first shorter  three
  ]] },
  { how = "we refuse",
    why = "a tab is as good as a blank around a value (RFC 9110, 5.5), but not to llhttp: " ..
      "nobody sends one, and refused is better than read otherwise",
    cases = [[
    length: '0x0950x09'
    coding: '0x200x20chunked0x09'
  ]] },
  { how = "we refuse",
    why = "7.1: a chunk's size is hexadecimal digits, then at most blanks and extensions",
    cases = [[
    chunk: '5x'  '5h'  '5,'  '5.'  '50x00'  '50x0b'  '5 5'
  ]] },
  { how = "we refuse",
    why = "6.1 and 7: we ask for no coding but chunked, which stands alone, once; curl takes " ..
      "others for no coding, or chunked wherever it stands",
    cases = [[
    coding: 'chunked,'  ',chunked'  'chunked, chunked'  'identity'  'identity, chunked'
      'chunked, identity'  ''  twice chunked  chunked, then identity  identity, then chunked
  ]] },
  { how = "we refuse",
    why = "6.1: chunked with a length, or in HTTP/1.0, ought to be handled as an error: " ..
      "something on the way did not understand it",
    cases = [[
    coding: with a length  with a length of zero  behind a length  chunked in HTTP/1.0
      with a length, connection open
    no body: HEAD with length and chunked
  ]] },
  { how = "we refuse",
    why = "RFC 9110, 15.2.2: 101 answers an Upgrade, and we never ask for one",
    cases = "interim: 101" },
  { how = "we refuse",
    why = "8: what ends within the head or before the last line of the chunks is incomplete; " ..
      "curl takes it for an empty or a whole answer",
    cases = [[
    cut length: 17  18  19  20  21  22  23  24  25  26  27  28  29  30  31  32  33  34  35
    cut chunks: 17  18  19  20  21  22  23  24  25  26  27  28  29  30  31  32  33  34  35  36  37
      38  39  40  41  42  43  44  71
    cut interim: 46  51  56
    cut rest: 19  22
  ]] },
  { how = "we refuse",
    why = "a compressed body without its end is cut, whatever the framing says",
    cases = [[
    content: of gzip, cut  of gzip, cut in its frame  of deflate, cut  gzip, until the end, cut
  ]] },
  { how = "they refuse",
    why = "a coding that we did not ask for goes to the script as it is, with its " ..
      "Content-Encoding: the message was taken, which is what the sender has to know",
    cases = "content: of an unknown kind  twice gzip" },
  { how = "they refuse",
    why = "RFC 1952, 2.2: a gzip file may have several members",
    cases = "content: of gzip, two members" },
  { how = "another body",
    why = "RFC 9110, 8.4.1: identity has no place in Content-Encoding; as above, the body " ..
      "goes to the script as it is",
    cases = "content: gzip and identity" },
  { how = "they close",
    why = "9.3: the version and Connection of the last message count, and this one was " ..
      "followed by another",
    cases = "interim: 100 that says close  100 of HTTP/1.0" },
  { how = "they close",
    why = "9.6: the option is close, not a word that begins or ends so",
    cases = "connection: 'x-close'  'closed'  'close;x'  '\"close\"'  'close close'" },
  { how = "we close",
    why = "more came than the answer: what follows on this connection is not to be trusted. " ..
      "curl forgets what it has read already",
    cases = [[
    no body: 204 with a body  304 with a body  HEAD with a body
    surplus: behind chunks  behind no body  an answer behind 204  an answer behind HEAD
  ]] },
  { how = "we close",
    why = "the server says that it closes: a request that meets it would be in doubt",
    cases = "connection: the proxy's  Keep-Alive for no time" },
}

describe("answers", function()
  local cases = answers()

  it("are many", function() assert.is_true(#cases >= 300, #cases .. " answers") end)

  it("are to us what they are to curl, but for what is listed", async(function()
    local server <close> = clients.serve(cases)
    local ours, theirs = clients.iflow(cases, server.url), clients.curl(cases, server.url)
    local found = {}
    for i, case in ipairs(cases) do found[case.name] = clients.difference(ours[i], theirs[i]) end
    assert.same({}, known.complaints(cases, found, KNOWN))
  end, { limit = 300 }))

  it("are refused for what they are", async(function()
    local server <close> = clients.serve(cases)
    local _, errors = clients.iflow(cases, server.url)
    local counts = {}
    for _, err in pairs(errors) do
      counts[err.code] = (counts[err.code] or 0) + 1
      assert.is_false(err.retryable) -- the server has the request
    end
    assert.is_true(counts["http.protocol"] > 100 and counts["http.limit"] > 5 and
      counts["net.reset"] > 50)
    counts["http.protocol"], counts["http.limit"], counts["net.reset"] = nil, nil, nil
    assert.same({}, counts)
  end, { limit = 300 }))

  it("are the same in single bytes", async(function()
    local whole <close> = clients.serve(cases)
    local dripping <close> = clients.serve(cases, "drip")
    local at_once = clients.iflow(cases, whole.url, true)
    local in_bytes = clients.iflow(cases, dripping.url, true)
    for i, case in ipairs(cases) do
      assert.is_nil(clients.difference(at_once[i], in_bytes[i]), case.name)
    end
  end, { limit = 300 }))
end)
