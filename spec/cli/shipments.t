# The sender scripts/senders/shipments.lua: one file, two integration flows.
$ iflow test $ROOT/scripts/senders/shipments.lua
> ++
> 2 successes / 0 failures
$ iflow sandbox start --dir sb --detach >/dev/null && iflow instance create senders --sandbox sb && iflow instance key create senders k --type certificate --sandbox sb -o key.json
> senders  integration-flow  ESBMessaging.send
> key.json
$ iflow sandbox deploy $ROOT/scripts/senders/flows/shipments-emea.flow.lua --dir sb
> shipments-emea  /http/shipments-emea
$ iflow sandbox deploy $ROOT/scripts/senders/flows/shipments-amer.flow.lua --dir sb
> shipments-amer  /http/shipments-amer
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/shipments.lua --sender shipments --input $ROOT/scripts/senders/data/shipments.csv
> shipments: 40 delivered, 0 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
$ iflow sandbox log --dir sb | grep -c 'emea *COMPLETED'; grep -c ,EMEA, $ROOT/scripts/senders/data/shipments.csv
> 22
> 22
$ iflow sandbox log --dir sb | grep -c 'amer *COMPLETED'; grep -c ,AMER, $ROOT/scripts/senders/data/shipments.csv
> 18
> 18

# One of the two flows is gone: the other one gets its shipments all the same.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow sandbox undeploy shipments-amer --dir sb; iflow run $ROOT/scripts/senders/shipments.lua --sender shipments --input $ROOT/scripts/senders/data/shipments.csv --rejects gone.jsonl 2>/dev/null
> …
> shipments: 22 delivered, 18 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
= 1
$ iflow sandbox deploy $ROOT/scripts/senders/flows/shipments-amer.flow.lua --dir sb
> shipments-amer  /http/shipments-amer
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/shipments.lua --sender shipments --again gone.jsonl
> shipments: 18 delivered, 0 rejected, …
