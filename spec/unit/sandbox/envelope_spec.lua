local envelope = require "iflow.sandbox.envelope"

local SOAP = 'xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"'

local function payload(text)
  local read, why = envelope.read(text)
  return read and read.payload, why
end

describe("envelope.read", function()
  it("finds the body's content, whatever stands around it", function()
    for text, wanted in pairs {
      ["<s:Envelope %s><s:Body><a/></s:Body></s:Envelope>"] = "<a/>",
      ["<?xml version='1.0'?> <s:Envelope %s>\n<s:Body> <a b='>'>1</a>\n</s:Body></s:Envelope>"]
        = "<a b='>'>1</a>",
      ["<s:Envelope %s><s:Header><h/></s:Header><s:Body/></s:Envelope>"] = "",
      ["<s:Envelope %s><s:Body><x><Body>1</Body></x></s:Body></s:Envelope>"]
        = "<x><Body>1</Body></x>",
      ["<s:Envelope %s><!-- <s:Body> --><s:Body><![CDATA[</s:Body>]]></s:Body></s:Envelope>"]
        = "<![CDATA[</s:Body>]]>",
    } do
      assert.equal(wanted, (payload(text:format(SOAP))))
    end
    assert.equal("<a/>", (payload("<Envelope xmlns='http://www.w3.org/2003/05/soap-envelope'>"
      .. "<Body><a/></Body></Envelope>")))
  end)

  it("refuses the rest", function()
    for _, text in ipairs { "", "a", "<", "<a", "<a>", "</a>", "<a></b>", "<!--", "<a b='></a>",
                            "<s:Envelope %s></s:Envelope>", "<s:Envelope><s:Body/></s:Envelope>",
                            "<s:Envelope %s><t:Body/></s:Envelope>",
                            "<s:Envelope %s><s:Body/></s:Envelope><b/>" } do
      assert.is_nil((payload((text:gsub("%%s", SOAP)))), text)
    end
  end)
end)

describe("envelope.write", function()
  it("drops a declaration, and escapes a fault's text", function()
    assert.matches("<soap:Body><a/></soap:Body>",
                   envelope.write("1.1", '<?xml version="1.0"?>\n<a/>'), 1, true)
    assert.matches("<faultstring>a &lt; b &amp; c</faultstring>",
                   envelope.fault("1.1", "receiver", "a < b & c"), 1, true)
  end)
end)
