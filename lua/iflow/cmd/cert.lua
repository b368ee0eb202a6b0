-- cert.lua -- iflow cert show|check|fetch|request|roots: certificates in any format, by SAP's
-- rules. Its commands are files in cert/.
return {
  name = "cert",
  summary = "certificates: look into them, check them, fetch a server's, request one",
  description = "Looks into files with certificates, checks them against SAP's rules and lists, "
    .. "fetches the chain that a server shows, makes key pairs with signing requests.",
  commands = { require "iflow.cmd.cert.show", require "iflow.cmd.cert.check",
               require "iflow.cmd.cert.fetch", require "iflow.cmd.cert.request",
               (require "iflow.cmd.cert.roots") }, -- one value of the two
}
