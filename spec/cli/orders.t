# The sender scripts/senders/orders.lua over its own orders, and over files that are none.
$ iflow sandbox start --dir sb --detach >/dev/null && iflow sandbox deploy $ROOT/scripts/senders/flows/orders.flow.lua --dir sb && iflow instance create orders --sandbox sb && iflow instance key create orders k --type certificate --sandbox sb -o key.json
> orders  /http/orders
> orders  integration-flow  ESBMessaging.send
> key.json
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input $ROOT/scripts/senders/data/orders.csv
> orders: 64 delivered, 0 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second

# The flow saw every order once, as it is in the file: quotes, line breaks, umlauts.
$ iflow sandbox log --dir sb | grep -c COMPLETED
> 64

# Run without --sender, it tells what it has.
$ iflow run $ROOT/scripts/senders/orders.lua
> sender  to            defined at
> orders  /http/orders  …/orders.lua:…
! nothing was sent; to send a file: iflow run …/orders.lua --sender orders --input FILE
= 2
$ export IFLOW_SERVICE_KEY=key.json; iflow run $ROOT/scripts/senders/orders.lua --sender order --input x
! iflow run: usage.invalid: the script defines no sender 'order', did you mean 'orders'?
!   what to do: it defines: orders
= 2

# Nothing is sent, but shown.
$ printf 'order,customer,material,quantity,unit,requested\n1,c,"m ""x"", y\nz",2,PCE,d\n2,c,,2,PCE,d\n3,c,m,2\n' >two.csv; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input two.csv --dry-run --limit 1
> # two.csv:2 (record 1)
> POST /http/orders
> Content-Type: application/json
> SAP_ApplicationID: 1
> 
> {…"material":"m \"x\", y\nz"…}
> 
> orders: 1 would be sent, 0 rejected

# What is rejected, by a transform or by the flow, is named and written down; the rest goes on.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input two.csv --rejects bad.jsonl --json
> {"delivered":1,…"in_doubt":0,…"left_to_retry":0,…"rejected":2,"retried":0,…"sent":3,"skipped":0}
! …
! rejected: transform.invalid: two.csv:5 (record 3): 4 fields where 6 are expected …
! …
! orders: 2 not delivered, written to bad.jsonl; mend them there and send them with --again
= 1
$ stat -c %a bad.jsonl; grep -c . bad.jsonl
> 600
> 2

# Mended, they are sent again, and only they.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; sed -i 's/3,c,m,2/3,c,m,2,PCE,d/; s/"data":{/&"material":"m",/' bad.jsonl; iflow run $ROOT/scripts/senders/orders.lua --sender orders --again bad.jsonl
> orders: 2 delivered, 0 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
$ iflow sandbox log --dir sb | grep -c COMPLETED
> 68
$ echo '{"message":{}}' >none.jsonl; export IFLOW_SERVICE_KEY=key.json; iflow run $ROOT/scripts/senders/orders.lua --sender orders --again none.jsonl
! iflow run: usage.invalid: none.jsonl:1: the message has neither 'data' nor 'body'
! …
= 2

# Input that is no CSV, or not there.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; printf 'order\n"1\n' >broken.csv; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input broken.csv --rejects broken.jsonl
> orders: 0 delivered, 1 rejected, …
! rejected: transform.invalid: broken.csv:2 …
! orders: 1 not delivered, written to broken.jsonl; mend them there and send them with --again
= 1
$ export IFLOW_SERVICE_KEY=key.json; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input none.csv
! iflow run: file.not_found: cannot read 'none.csv': No such file or directory
! …
= 2

# Standard input, and an input without an end that is read in time with the sending.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; printf 'order,customer,material,quantity,unit,requested\n9,c,m,2,PCE,d\n' | iflow run $ROOT/scripts/senders/orders.lua --sender orders --input -
> orders: 1 delivered, 0 rejected, …

# Refused credentials end the run; a tenant that is down leaves all to retry.
$ sed 's/"clientid": "sb-/&x/' key.json >other.json; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input two.csv --service-key other.json --cacert sb/ca.pem --rejects other.jsonl
> orders: 0 delivered, …
! …
! orders: stopped: token.rejected: …
! …
= 3
$ iflow sandbox stop --dir sb
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; head -2 $ROOT/scripts/senders/data/orders.csv >one.csv; iflow run $ROOT/scripts/senders/orders.lua --sender orders --input one.csv --rejects down.jsonl
> orders: 0 delivered, 0 rejected, 0 in doubt, 1 left to retry; 3 retried; … a second
! retryable: net.connect: …
! …
= 4
