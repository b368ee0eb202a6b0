# The sender scripts/senders/readings.lua: JSON lines of another program, in batches.
$ iflow test $ROOT/scripts/senders/readings.lua
> ++
> 2 successes / 0 failures
$ iflow sandbox start --dir sb --detach >/dev/null && iflow instance create senders --sandbox sb && iflow instance key create senders k --type certificate --sandbox sb -o key.json
> senders  integration-flow  ESBMessaging.send
> key.json
$ iflow sandbox deploy $ROOT/scripts/senders/flows/readings.flow.lua --dir sb
> readings  /http/readings

# What the program writes beside its readings is named with its line and left out.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; cat $ROOT/scripts/senders/data/readings.jsonl | iflow run $ROOT/scripts/senders/readings.lua --sender readings --input - --rejects bad.jsonl
> readings: 3 delivered, 1 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
! rejected: transform.invalid: stdin:24 (record 24): …
! readings: 1 not delivered, written to bad.jsonl; mend them there and send them with --again
= 1

# A program that only passes on what it is asked for.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; jq -cR 'fromjson? | select(.unit == "bar")' $ROOT/scripts/senders/data/readings.jsonl | iflow run $ROOT/scripts/senders/readings.lua --sender readings --input - --limit 1 --dry-run
> # stdin:1 (record 1)
> POST /http/readings
> Content-Type: application/json
> SAP_ApplicationID: …
> 
> {"readings":[{…"unit":"bar"…}]}
> 
> readings: 1 would be sent, 0 rejected
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; printf '' | iflow run $ROOT/scripts/senders/readings.lua --sender readings --input -
> readings: 0 delivered, 0 rejected, …
