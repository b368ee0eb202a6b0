# The sender scripts/senders/customers.lua: fixed columns in CP1252 as XML.
$ iflow test $ROOT/scripts/senders/customers.lua
> ++
> 2 successes / 0 failures
$ iflow sandbox start --dir sb --detach >/dev/null && iflow instance create senders --sandbox sb && iflow instance key create senders k --type certificate --sandbox sb -o key.json
> senders  integration-flow  ESBMessaging.send
> key.json
$ iflow sandbox deploy $ROOT/scripts/senders/flows/customers.flow.lua --dir sb
> customers  /http/customers

# All but the one that the flow does not want; that one is named with its line and written down.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/customers.lua --sender customers --input $ROOT/scripts/senders/data/customers.txt --rejects bad.jsonl
> customers: 11 delivered, 1 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
! rejected: call.rejected: …/customers.txt:7 (record 7): POST … answered 422: customer 0000107031 has a credit limit below zero …
! customers: 1 not delivered, written to bad.jsonl; mend them there and send them with --again
= 1
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; sed -i 's/"Credit":"-/"Credit":"/' bad.jsonl; iflow run $ROOT/scripts/senders/customers.lua --sender customers --again bad.jsonl
> customers: 1 delivered, 0 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
$ iflow sandbox log --dir sb | grep -c 'COMPLETED *202'
> 12

# As it goes out: XML in UTF-8, in the order that was asked for.
$ iflow run $ROOT/scripts/senders/customers.lua --sender customers --input $ROOT/scripts/senders/data/customers.txt --dry-run --limit 4 | tail -4 | head -2
> <?xml version="1.0" encoding="UTF-8"?>
> <Customer><Number>0000105631</Number><Name>Großhandel Preuß „Der Schraubenkönig“</Name><Street>Schloßgasse 3</Street><PostCode>35390</PostCode><City>Gießen</City><Country>DE</Country><Credit>25000.50</Credit><Since>19910403</Since></Customer>
