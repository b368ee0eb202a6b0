# The sender scripts/senders/orders.lua over its own orders, and over files that are none.
$ iflow sandbox start --dir sb --detach >/dev/null && iflow sandbox deploy $ROOT/scripts/senders/flows/orders.flow.lua --dir sb && iflow instance create orders --sandbox sb && iflow instance key orders k --type certificate --sandbox sb -o key.json
> orders  /http/orders
> orders  integration-flow  ESBMessaging.send
> key.json
$ iflow run $ROOT/scripts/senders/orders.lua --service-key key.json --cacert sb/ca.pem
> 64 sent, 64 delivered, 0 rejected, 0 to retry, 0 in doubt
> first message id AG…, last AG…

# The flow saw every order once, as it is in the file: quotes, line breaks, umlauts.
$ iflow sandbox log --dir sb | grep -c COMPLETED
> 64

# An order that the flow refuses is named; the rest goes on.
$ printf 'order,customer,material,quantity,unit,requested\n1,c,"m ""x"", y\nz",2,PCE,d\n2,c,,2,PCE,d\n' >two.csv
$ iflow run $ROOT/scripts/senders/orders.lua --service-key key.json --cacert sb/ca.pem -- two.csv --json
> {"delivered":1,"first":"AG…","in_doubt":0,"last":"AG…","refused":0,"rejected":1,"retryable":0,"sent":2}
! order 2: call.rejected: …the order has no 'material'…
= 1
$ printf 'order\n"1\n' >broken.csv; iflow run $ROOT/scripts/senders/orders.lua --service-key key.json --cacert sb/ca.pem -- broken.csv
! iflow run: script.failed: …/orders.lua:…: the quote at byte 7 is never closed
! …
= 2
$ iflow run $ROOT/scripts/senders/orders.lua --service-key key.json --cacert sb/ca.pem -- none.csv
! iflow run: script.failed: …none.csv: No such file or directory
! …
= 2

# Refused credentials end the run before the first order; a tenant that is down leaves all to retry.
$ sed 's/"clientid": "sb-/&x/' key.json >other.json; iflow run $ROOT/scripts/senders/orders.lua --service-key other.json --cacert sb/ca.pem
! iflow run: token.rejected: …
! …
= 3
$ iflow sandbox stop --dir sb
$ iflow run $ROOT/scripts/senders/orders.lua --service-key key.json --cacert sb/ca.pem -- two.csv
> 2 sent, 0 delivered, 0 rejected, 2 to retry, 0 in doubt
> first message id unknown, last unknown
! order 1: net.connect: …
! order 2: net.connect: …
= 4
