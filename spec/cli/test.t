# iflow test: tests next to the senders.
$ iflow test $ROOT/scripts/senders/orders.lua
> ++
> 2 successes / 0 failures

$ printf 'local iflow = require "iflow"\niflow.sender "s" { to = "/http/a", service_key = "nowhere.json", retry = iflow.retry { first = "6h", factor = 1, jitter = "none" } }\niflow.test("waits for hours", function(t)\n  local flow = t:flow { address = "/a" }\n  t:fault "runtime:503@first=2"\n  assert(iflow.sender "s":send "x")\n  t:equal("x", flow.received[1].body)\n  t:ok(t.clock:elapsed() > 12 * 3600)\nend)\niflow.test("fails <here>", function(t) t:equal({ 1, a = "x" }, { 2 }, "the list") end)\niflow.test("raises", function() error "oops" end)\niflow.test("knows where", function(t)\n  local _, err = iflow.sender "s":send "x"\n  t:equal("call.not_found", err.code)\nend)\n' >s.lua; iflow test s.lua --junit out.xml
> +--+
> 2 successes / 2 failures
> 
> Failure -> s.lua @ 10
> fails <here>
> s.lua:10: the list: expected { 1, a = "x" }, got { 2 }
> 
> Failure -> s.lua @ 11
> raises
> s.lua:11: oops
= 1
$ python3 -c 'import xml.etree.ElementTree as e; s = e.parse("out.xml").getroot(); print(s.attrib["tests"], s.attrib["failures"], [c.attrib["name"] for c in s if len(c)])'
> 4 2 ['fails <here>', 'raises']
$ iflow test s.lua --filter hours
> +
> 1 successes / 0 failures
$ iflow test s.lua --filter minutes
! iflow test: usage.invalid: no test of the script has 'minutes' in its name
! …
= 2
$ iflow test s.lua --filter where --json
> {"failed":0,"tests":[{"file":"s.lua","line":12,"name":"knows where","passed":true,"seconds":…}]}

# What a test leaves running ends with it. A task that fails, and nobody waits for, ends the run.
$ printf 'local iflow = require "iflow"\niflow.test("leaves a task", function() iflow.spawn(function() iflow.sleep "1h" end) end)\niflow.test("fails", function(t) t:equal(1, 2) end)\niflow.test("has a task that fails", function() iflow.spawn(function() error "late" end) iflow.sleep(1) end)\niflow.test("is not run", function() end)\n' >t.lua; timeout 60 iflow test t.lua --filter leaves
> +
> 1 successes / 0 failures
$ iflow test t.lua
> +-
> 
> Failure -> t.lua @ 3
> fails
> t.lua:3: expected 1, got 2
! the run ended within the test 'has a task that fails', after 2 of 4 tests
! iflow test: script.failed: t.lua:4: late
! …
= 2

# Comparisons, and mistakes in them.
$ printf 'local iflow = require "iflow"\niflow.test("compares", function(t)\n  local a, b = { n = 0 / 0 }, { n = 0 / 0 }\n  a.a, b.a = a, b\n  t:equal(a, b)\nend)\niflow.test("pattern", function(t) t:matches("[", "x") end)\niflow.test("plain", function() error { code = "orders.empty", message = "nothing to send" } end)\n' >c.lua; iflow test c.lua --junit /no/such/place
> +--
> 1 successes / 2 failures
> 
> Failure -> c.lua @ 7
> pattern
> c.lua:7: t:matches takes a Lua pattern: malformed pattern (missing ']')
> 
> Failure -> c.lua @ 8
> plain
> orders.empty: nothing to send
! iflow test: file.not_found: …
! …
= 2

# A script without tests, one that is broken, one that is not there.
$ echo 'return 0' >none.lua; iflow test none.lua
! iflow test: usage.invalid: the script has no tests
! …
= 2
$ echo 'local x =' >broken.lua; iflow test broken.lua
! iflow test: script.failed: broken.lua:…
! …
= 2
$ iflow test nowhere.lua
! iflow test: file.not_found: nowhere.lua: No such file or directory
! …
= 2
