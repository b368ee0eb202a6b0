-- rotate.lua -- iflow instance rotate NAME FILE: a new key in place of the one that FILE holds. The
-- old one is deleted by a later call of the same words, after the time of grace.
local core = require "iflow.core"
local errors = require "iflow.error"
local parameters = require "iflow.cf.parameters"
local platform = require "iflow.cli.platform"
local source = require "iflow.source"

-- What is told while it runs: one line a step, of those that are planned or have ended.
local function teller(out, list)
  return function(step)
    if step.state == "begins" then return end
    list[#list + 1] = { step = step.step, state = step.state, text = step.text }
    if not out.json_mode then
      local ending = step.state == "done" and "" or " (" .. step.state .. ")"
      out:print(("%-10s  %s%s"):format(step.step, step.text, ending))
    end
  end
end

local function options_of(args)
  if args.undo and args.wait_grace or args.pin and args.no_pin then
    return nil, errors { code = "usage.invalid", message = ("%s exclude each other"):format(
      args.undo and "--undo and --wait-grace" or "--pin and --no-pin") }
  end
  local raw, err = platform.parameters(args.parameters)
  if err then return nil, err end
  local passphrase
  if args.key_pass_file then
    passphrase, err = source.secret(args.key_pass_file)
    if not passphrase then return nil, err end
  end
  local pin = args.pin or nil
  if args.no_pin then pin = false end
  return { instance = args.name, key_file = args.file, type = args.type, name = args.key_name,
    validity = args.validity, key_length = args.key_length, pin = pin,
    pin_name = args.pin_parameter, parameters = raw, x509 = args.x509, x509_key = args.x509_key,
    passphrase = passphrase, cert = args.cert, key = args.key, to = args.to, auth = args.auth,
    grace = args.grace, wait_grace = args.wait_grace, continue = args.continue,
    undo = args.undo, dry_run = args.dry_run }
end

local ENDS = {
  done = "the old key is gone", undone = "the old key is back, the new one is gone",
  planned = "nothing was changed", none = "no rotation is under way",
}

local function rotate(cf, _, out, options)
  local list = {}
  options.on_step = teller(out, list)
  local report, err = cf:rotate_key(options)
  if not report then return nil, err end
  platform.warn(out, report.warnings)
  report.steps, report.warnings = core.json.array(list), core.json.array(report.warnings)
  out:result(function()
    out:print(ENDS[report.state] or ("call again after %s: then %s"):format(report.delete_at,
      report.one_way and "nothing is left of the old certificate"
        or ("the old key %s is deleted"):format(report.old.name)))
  end, report)
  return 0
end

local rows = {
  { "--grace", value = "TIME", type = "duration", env = false,
    help = "how long the old key stays after the switch (default: 1d)" },
  { "--wait-grace", flag = true, env = false, help = "wait for the end of that time" },
  { "--continue", flag = true, env = false,
    help = "only go on with a rotation that is under way, for a cron job: begin none" },
  { "--dry-run", flag = true, env = false, help = "show the steps and change nothing" },
  { "--undo", flag = true, env = false,
    help = "put the old key back and delete the new one, until the old one is deleted" },
  { "--to", value = "TO", env = false,
    help = "also look at the way to this endpoint before the switch; no flow runs" },
  { "--auth", value = "HOW", choices = { "token", "certificate", "basic" }, default = "token",
    env = false, help = "how the senders log on at the endpoint" },
  { "--key-name", value = "NAME", env = false,
    help = "of the new key; without it the old name and the time" },
  { "--type", value = "TYPE", choices = { "secret", "certificate", "external" }, env = false,
    help = "of the new key (default: that of the old one)" },
  { "--validity", value = "DAYS", type = "integer",
    help = "of a certificate made by the broker, 1 to 365" },
  { "--key-length", value = "BITS", type = "integer", help = "of its RSA key: 2048" },
  { "--x509", value = "FILE", env = false, help = "the new external certificate with its chain" },
  { "--x509-key", value = "FILE", env = false, help = "its private key" },
  { "--key-pass-file", value = "FILE", env = false,
    help = "file whose first line is the passphrase of that key" },
  { "--cert", value = "FILE", env = false, help = "where the senders have the certificate" },
  { "--key", value = "FILE", env = false, help = "where the senders have the private key; "
    .. "without the two both go into the service key" },
  { "--pin", flag = true, env = false, help = "Pin Certificate is on for the key in use: a "
    .. "certificate of the same subject and issuer gets a new key" },
  { "--no-pin", flag = true, env = false, help = "Pin Certificate is off: one of the same "
    .. "subject and issuer needs no new key, and its first use ends the old one" },
  { "--pin-parameter", value = "NAME", default = parameters.PIN,
    help = "what the broker calls Pin Certificate, which SAP does not document" },
  { "--parameters", value = "FILE", env = false,
    help = "JSON object whose parameters are sent as they are" },
  platform.wait_option,
}

return {
  name = "rotate",
  summary = "exchange a service key that senders use",
  description = "Makes a new key, proves it with a token, puts it into FILE in one go, and deletes "
    .. "the old one after a time of grace. FILE.rotation says what has been done: the same words "
    .. "again go on after a crash, and after the time of grace. Services that run iflow serve take "
    .. "the new key without a restart.",
  arguments = { { "name", help = "the service instance" },
                { "file", help = "the service key that the senders use" } },
  options = platform.with(rows),
  when_stopped = function(out)
    if core.file.is_terminal(2) then io.stderr:write("\r\27[K") end
    out:note(out.name .. ": interrupted; the same words again go on, with --undo they go back")
  end,
  run = platform.run(rotate, options_of),
}
