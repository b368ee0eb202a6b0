-- check.lua -- iflow cert check FILE: whether SAP would accept a client certificate, by its files.
local certificates = require "iflow.cli.certificates"
local cert = require "iflow.cert"
local core = require "iflow.core"
local lists = require "iflow.cli.root_lists"

-- Exit codes beside those of every command: what a monitor asks for every day.
local REFUSED, DAYS_30, DAYS_7, DAY_1, EXPIRED = 3, 10, 11, 12, 13

local function exit_code(report)
  if report.expired then return EXPIRED end
  if report.verdict == "failed" then return REFUSED end
  if report.days_left < 1 then return DAY_1 end
  if report.days_left < 7 then return DAYS_7 end
  return report.days_left < 30 and DAYS_30 or 0
end

local function print_report(out, args, report)
  out:print(("%s: %s, %s"):format(args.file, report.certificates[1].subject, report.verdict))
  local rows = {}
  for i, finding in ipairs(report.findings) do
    rows[i] = { finding.verdict, finding.name, finding.evidence }
  end
  out:table({ "verdict", "check", "" }, rows)
  for _, finding in ipairs(report.findings) do
    if finding.next_step and finding.verdict ~= "fine" then
      out:print(("%s: %s"):format(finding.name, finding.next_step))
    end
  end
end

local function as_json(report, code)
  local array = core.json.array
  for _, certificate in ipairs(report.certificates) do certificates.plain(certificate) end
  array(report.certificates)
  array(report.findings)
  report.exit_code = code
  return report
end

local function run(args, out)
  local roots, known, report, err
  roots, err = lists.load(args)
  if not roots then return nil, err end
  if args.cacert then
    known, err = core.file.read(args.cacert, lists.FILE_MAX)
    if not known then return nil, err end
    local info
    info, err = core.cert.parse(known, { name = args.cacert })
    if not info then return nil, err end
  end
  report, err = cert.check { cert = args.file, key = args.key, pass_file = args.pass_file,
                             roots = roots, known = known }
  if not report then return nil, err end
  local code = exit_code(report)
  out:result(function() print_report(out, args, report) end,
             out.json_mode and as_json(report, code))
  return code
end

return {
  name = "check",
  summary = "check whether SAP would accept a client certificate",
  description = "Checks the private key, order and completeness of the chain, dates, the extended "
    .. "key usage clientAuth, and whether the chain leads to a root of the load balancer's list "
    .. "and to an authority of the token server's list; then says what it can be used for. Exit "
    .. "codes: 0 fine, 10 less than 30 days left, 11 less than 7, 12 less than one, 13 expired or "
    .. "not valid yet, 3 SAP would refuse it for another reason, 2 it cannot be read.",
  arguments = { { "file", help = "the certificate with its chain, in any format of cert show" } },
  options = lists.with {
    { "--key", value = "KEYFILE", private = true,
      help = "its private key, when it is not in the same file" },
    { "--pass-file", value = "FILE", help = "file whose first line is the passphrase" },
    { "--cacert", value = "FILE", help = "further authorities (PEM) that a chain may lead to" },
  },
  run = run,
}
