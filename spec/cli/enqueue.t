# What a script enqueues: iflow run delivers it before it ends and tells what is left; iflow test.
$ iflow sandbox start --dir sb --detach >/dev/null; iflow instance create orders --sandbox sb >/dev/null; iflow instance key create orders k --type secret --sandbox sb -o key.json
> key.json
$ printf 'return { name = "orders", address = "/orders", role = "ESBMessaging.send", csrf = false,\n  process = function(exchange) return exchange.body == "bad" and 400 or 200, {}, "" end }\n' >flow.lua; iflow sandbox deploy --dir sb flow.lua
> orders  /http/orders
$ printf 'local iflow = require "iflow"\niflow.sender "orders" { to = "/http/orders", retry = { first = "5m", jitter = "none" } }\nfor _, body in ipairs(arg) do\n  local result = assert(iflow.sender "orders":enqueue(body, { ids = iflow.args.ids, not_before = iflow.args.later and os.time() + 3600 }))\n  print(result.state)\nend\nif iflow.args.fail then error "after that" end\nreturn tonumber(iflow.args.code)\n' >put.lua
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua -- one two
> accepted
> accepted
$ iflow sandbox log --dir sb | grep -c COMPLETED
> 2

# The outbox is opened only for a script that enqueues.
$ ls outbox.db && mkdir empty && cd empty && IFLOW_SERVICE_KEY=../key.json iflow run ../put.lua; ls
> outbox.db
= 0

# The same again is known, and not sent twice.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --set ids=a -- three; iflow run put.lua --set ids=a -- three; iflow sandbox log --dir sb | grep -c COMPLETED
> accepted
> known
> 3

# A dead letter; an error that ends the script does not keep its messages.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --log-level error --outbox bad.db -- bad good
> accepted
> accepted
! iflow run: in the outbox bad.db: 1 rejected; see them with: iflow outbox list --outbox bad.db
= 1
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --set fail=1 -- four; iflow sandbox log --dir sb | grep -c COMPLETED
> accepted
> 6
! iflow run: script.failed: put.lua:7: after that
!   what to do: correct the script at the line named here

# Earlier dead letters are told, but are no failure of this run; a script's own code counts.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem IFLOW_OUTBOX=bad.db; iflow run put.lua -- five
> accepted
! iflow run: in the outbox bad.db: 1 rejected; see them with: iflow outbox list --outbox bad.db
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --log-level error --outbox bad.db --set code=7 -- bad
> accepted
! iflow run: in the outbox bad.db: 2 rejected; …
= 7

# Who knows whether it arrived; and what has to wait longer than a minute stays for a later run.
$ iflow sandbox fault --dir sb runtime:502@first=1 >/dev/null; export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --log-level error --outbox doubt.db -- six
> accepted
! iflow run: in the outbox doubt.db: 1 in doubt; see them with: iflow outbox list --outbox doubt.db
= 5
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run put.lua --outbox late.db --set later=1 -- seven
> accepted
! iflow run: in the outbox late.db: 1 not delivered yet; see them with: iflow outbox list --outbox late.db
= 4

# Refused credentials: nothing is waited for.
$ sed 's/"clientsecret": "/"clientsecret": "x/' key.json >wrong.json; IFLOW_CACERT=sb/ca.pem iflow run put.lua --service-key wrong.json --log-level error --outbox wrong.db --token-cache off -- seven 2>err; code=$?; grep -c 'outbox wrong.db: 1 not delivered yet' err; exit $code
> accepted
> 1
= 3

# A script that has only triggers says who runs them.
$ printf 'local iflow = require "iflow"\niflow.sender "orders" { to = "/http/orders" }\niflow.relay { path = "/orders", sender = "orders" }\n' >relay.lua; iflow run relay.lua
> sender  to            defined at
> orders  /http/orders  relay.lua:2
> trigger  name  …
> relay    …  relay.lua:3
! nothing was sent; to send a file: iflow run relay.lua --sender orders --input FILE
! its triggers run with: iflow serve relay.lua
= 2

# In a test messages go to an outbox of the test, and waits of hours cost no time.
$ printf 'local iflow = require "iflow"\niflow.sender "s" { to = "/http/a", idempotent = true, retry = iflow.retry { first = "1h", max = "1h", factor = 1, jitter = "none" } }\niflow.test("hours later", function(t)\n  local flow = t:flow { address = "/a" }\n  t:fault "runtime:502@first=2"\n  assert(iflow.sender "s":enqueue "x")\n  t:equal(1, t:drained().delivered)\n  t:equal("x", flow.received[1].body)\n  t:ok(t.clock:elapsed() > 3600)\nend)\niflow.test("a dead letter", function(t)\n  t:flow { address = "/a", process = function() return 400, {}, "no" end }\n  assert(iflow.sender "s":enqueue "x")\n  t:equal(1, t:drained().rejected)\nend)\niflow.test("not waited for", function() assert(iflow.sender "s":enqueue "x") end)\niflow.test("a later start", function(t)\n  local flow = t:flow { address = "/a" }\n  assert(iflow.sender "s":enqueue("x", { not_before = os.time() + 3600 }))\n  t:equal(0, #flow.received)\n  t:drained()\n  t:equal(1, #flow.received)\nend)\n' >s.lua; timeout 60 iflow test s.lua
> ++++
> 4 successes / 0 failures
$ ls -A | grep -c 'iflow-test'
> 0
= 1
