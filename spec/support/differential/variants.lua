-- variants.lua -- the ways in which a part of a message may be written, good and bad, for requests
-- and answers alike. Lists of { name, text }; a corpus puts each into a message.
local variants = {}

local function byte_name(c) return ("0x%02x"):format(c:byte()) end

local function shown(c) return c:find "^%g$" and c or byte_name(c) end

--- { name, text } for each character; it takes the place of %s in the text.
local function with_characters(list, text)
  local found = {}
  for c in list:gmatch "." do found[#found + 1] = { shown(c), text:format(c) } end
  return found
end

--- A text as a name: in quotes, without anything that is not seen.
function variants.quoted(text)
  local seen = text:gsub("[^\32-\126]", byte_name):gsub("  +", function(run)
    return run:gsub(" ", byte_name)
  end)
  return "'" .. seen .. "'"
end

local function plain(list)
  local found = {}
  for i, text in ipairs(list) do found[i] = { variants.quoted(text), text } end
  return found
end

local function join(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

--- A field's name.
variants.names = join(
  with_characters("\0\1\t\v\f\31 \"()/;<=>?@[\\]{}\127\128\255", "X%sy"),
  with_characters("!#$%&'*+-.^_`|~0", "X%sy"),
  { { "blank before the colon", "X " }, { "tab before the colon", "X\t" }, { "none", "" },
    { "one letter", "q" }, { "1,000 letters", "X-" .. ("a"):rep(1000) } })

--- A field's value.
variants.values = join(
  with_characters("\0\1\a\b\v\f\14\27\31\127\128\160\255\"\\,;=:", "a%sb"),
  { { "none", "" }, { "blanks around", "  a b \t" }, { "tabs around", "\ta\tb\t" },
    { "only blanks", "    " }, { "60 KB", ("v"):rep(60000) },
    { "UTF-8", "M\xc3\xbcller \xe2\x82\xac" } })

--- A line of a head and its end, with what follows it.
variants.lines = {
  { "LF", "X-A: b\n" }, { "CR", "X-A: b\r" }, { "CR CR LF", "X-A: b\r\r\n" },
  { "LF CR", "X-A: b\n\r" }, { "CR inside of the value", "X-A: b\rX-B: c\r\n" },
  { "CR inside of the name", "X-\rA: b\r\n" }, { "no colon", "X-A\r\n" },
  { "only a colon", ":\r\n" }, { "no blank behind the colon", "X-A:b\r\n" },
  { "folded by a blank", "X-A: b\r\n c\r\n" }, { "folded by a tab", "X-A: b\r\n\tc\r\n" },
  { "folded to nothing", "X-A: b\r\n \r\n" }, { "folded twice", "X-A: b\r\n c\r\n d\r\n" },
  { "folded behind the colon", "X-A:\r\n b\r\n" }, { "folded by LF", "X-A: b\n c\r\n" },
  { "folded before the colon", "X-A\r\n : b\r\n" }, { "the same twice", "X-A: b\r\nX-A: c\r\n" },
}

--- The value of Content-Length before a body of five bytes.
variants.lengths = plain {
  "5", "05", "0000000000000000000005", "+5", "-5", "-0", " 5 ", "\t5\t", "5,5", "5, 5", "5,6",
  "5,", ",5",
  "5;", "5 5", "0x5", "5.0", "5e0", "5h", "five", "", " ", "\v5", "5\v", "5\0", "\xd9\xa5", "'5'",
  "\"5\"", "9223372036854775808", "18446744073709551621", "99999999999999999999999",
}

--- Lines that say the length of the body of five bytes, together.
variants.length_lines = {
  { "the same twice", "Content-Length: 5\r\nContent-Length: 5\r\n" },
  { "two", "Content-Length: 5\r\nContent-Length: 6\r\n" },
  { "two, the first shorter", "Content-Length: 4\r\nContent-Length: 5\r\n" },
  { "three", "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 5\r\n" },
  { "one of two is none", "Content-Length: 5\r\nContent-Length: x\r\n" },
  { "one of two is empty", "Content-Length: \r\nContent-Length: 5\r\n" },
  { "spelled otherwise", "CONTENT-length: 5\r\n" },
  { "blank in the name", "Content Length: 5\r\n" },
  { "blank before the colon", "Content-Length : 5\r\n" },
  { "folded", "Content-Length:\r\n 5\r\n" },
}

--- The value of Transfer-Encoding before a good chunked body.
variants.codings = plain {
  "chunked", "Chunked", "CHUNKED", "  chunked\t", "chunked,", ",chunked", "chunked, chunked",
  "gzip, chunked", "chunked, gzip", "identity", "identity, chunked", "chunked, identity", "gzip",
  "xchunked", "chunkedx", "chunk", "\"chunked\"", "chunked;q=1", "", "\vchunked", "chunked\v",
  "chunked\0", "chun ked", "x, chunked",
}

--- Lines that say how the good chunked body of eleven bytes is framed.
variants.coding_lines = {
  { "twice chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" },
  { "chunked, then identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n" },
  { "identity, then chunked", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n" },
  { "with a length", "Transfer-Encoding: chunked\r\nContent-Length: 11\r\n" },
  { "with a length of zero", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n" },
  { "with a length that is none", "Transfer-Encoding: chunked\r\nContent-Length: x\r\n" },
  { "behind a length", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n" },
  { "blank before the colon", "Transfer-Encoding : chunked\r\n" },
  { "blank in the name", "Transfer Encoding: chunked\r\n" },
  { "underscore in the name", "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n" },
  { "folded", "Transfer-Encoding:\r\n chunked\r\n" },
  { "folded, with a length", "Content-Length: 5\r\nX-A: b\r\n Transfer-Encoding: chunked\r\n" },
  { "spelled otherwise", "TRANSFER-encoding: chunked\r\n" },
}

--- The line with the size of a chunk of five bytes, without its CR LF.
variants.sizes = join(plain {
  "5", "05", "000000005", "00000000000000005", "0000000000000000000000000000005", "5 ", "5\t", " 5",
  "5   ", "\t5", "+5", "-5", "0x5", "5x", "5h", "", "g", "5,", "5.", "5\0", "5\v", "\v5", "5 5",
  "5;",
  "5;a", "5;a=b", "5; a=b", "5 ;a=b", "5;a = b", "5;a=\"b\"", "5;a=\"b\\\"c;d\"", "5;a=\"b",
  "5;a=b;c",
  "5;a=b;c=d", "5;;", "5;=", "5;=b", "5;a=", "5;a b", "5;a\0b", "5;a\1b", "5;a\xffb", "5\r",
  "5;a\r",
}, {
  { "a bare LF behind it", "5\nhello\r\n0\r\n\r\n", whole = true },
  { "a bare LF behind an extension", "5;a\nhello\r\n0\r\n\r\n", whole = true },
  { "a bare LF in an extension", "5;a\n;b\r\nhello\r\n0\r\n\r\n", whole = true },
  { "an extension of 3,000 bytes", "5;" .. ("a"):rep(3000) },
  { "an extension of 5,000 bytes", "5;" .. ("a"):rep(5000) },
  { "an extension of 60,000 bytes", "5;" .. ("a"):rep(60000) },
  { "16 digits", "ffffffffffffffff" }, { "17 digits", "10000000000000005" },
  { "beyond 63 bits", "8000000000000000" },
})

--- Whole chunked bodies.
variants.chunks = {
  { "upper case", "B\r\nhello world\r\n0\r\n\r\n" },
  { "lower case", "b\r\nhello world\r\n0\r\n\r\n" },
  { "several", "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n" },
  { "none", "0\r\n\r\n" },
  { "several zeros", "5\r\nhello\r\n000\r\n\r\n" },
  { "an extension of the last", "5\r\nhello\r\n0;a=b\r\n\r\n" },
  { "a blank behind the last", "5\r\nhello\r\n0 \r\n\r\n" },
  { "longer than said", "5\r\nhello!\r\n0\r\n\r\n" },
  { "shorter than said", "6\r\nhello\r\n0\r\n\r\n" },
  { "without its end", "5\r\nhello0\r\n\r\n" },
  { "ends in LF", "5\r\nhello\n0\r\n\r\n" },
  { "ends in CR", "5\r\nhello\r0\r\n\r\n" },
  { "ends twice", "5\r\nhello\r\n\r\n0\r\n\r\n" },
  { "ends in something", "5\r\nhelloXX0\r\n\r\n" },
  { "LF behind the last", "5\r\nhello\r\n0\n\r\n" },
  { "LF at the end", "5\r\nhello\r\n0\r\n\n" },
  { "LF twice at the end", "5\r\nhello\r\n0\n\n" },
  { "a trailer", "5\r\nhello\r\n0\r\nX-T: u\r\n\r\n" },
  { "two trailers", "5\r\nhello\r\n0\r\nX-T: u\r\nX-U: v\r\n\r\n" },
  { "a trailer named Content-Length", "5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n" },
  { "a trailer named Transfer-Encoding", "5\r\nhello\r\n0\r\nTransfer-Encoding: gzip\r\n\r\n" },
  { "a trailer named Connection", "5\r\nhello\r\n0\r\nConnection: close\r\n\r\n" },
  { "a folded trailer", "5\r\nhello\r\n0\r\nX-T: u\r\n v\r\n\r\n" },
  { "a trailer that ends in LF", "5\r\nhello\r\n0\r\nX-T: u\n\r\n" },
  { "a trailer without a colon", "5\r\nhello\r\n0\r\nX-T\r\n\r\n" },
  { "a blank before a trailer's colon", "5\r\nhello\r\n0\r\nX-T : u\r\n\r\n" },
  { "a blank in a trailer's name", "5\r\nhello\r\n0\r\nX T: u\r\n\r\n" },
  { "NUL in a trailer", "5\r\nhello\r\n0\r\nX-T: u\0v\r\n\r\n" },
  { "a control character in a trailer", "5\r\nhello\r\n0\r\nX-T: u\1v\r\n\r\n" },
  { "a trailer of 60 KB", "5\r\nhello\r\n0\r\nX-T: " .. ("u"):rep(60000) .. "\r\n\r\n" },
  { "a trailer of 300 KB", "5\r\nhello\r\n0\r\nX-T: " .. ("u"):rep(300000) .. "\r\n\r\n" },
}

--- The value of Connection.
variants.connections = plain {
  "close", "Close", "CLOSE", "keep-alive", "close, x", "x, close", "x,close", "x-close", "closed",
  "keep-alive, close", "close, keep-alive", "upgrade", "", ",", ",close", "close;x", "\"close\"",
  "close close", "x-a",
}

--- Lines about the connection.
variants.connection_lines = {
  { "close in the second field", "Connection: x\r\nConnection: close\r\n" },
  { "both in two fields", "Connection: keep-alive\r\nConnection: close\r\n" },
  { "the proxy's", "Proxy-Connection: close\r\n" },
}

return variants
