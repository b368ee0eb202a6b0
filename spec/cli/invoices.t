# The sender scripts/senders/invoices.lua: pages of a SQLite database, taken up where it was killed.
$ iflow test $ROOT/scripts/senders/invoices.lua
> ++
> 2 successes / 0 failures
$ iflow sandbox start --dir sb --detach >/dev/null && iflow instance create senders --sandbox sb && iflow instance key create senders k --type certificate --sandbox sb -o key.json
> senders  integration-flow  ESBMessaging.send
> key.json
$ iflow sandbox deploy $ROOT/scripts/senders/flows/invoices.flow.lua --dir sb
> invoices  /http/invoices

# A run that hangs in its third page is killed: two pages are written down as sent. (Each
# request but the 64th goes through, and what had arrived of that page the flow will know.)
$ sqlite3 shop.db <$ROOT/scripts/senders/data/invoices.sql; iflow sandbox fault --dir sb 'runtime:stall@every=64'
> …
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/invoices.lua --set database=shop.db --set state=shop.state >/dev/null 2>&1 & run=$!; for i in $(seq 600); do test $(iflow sandbox log --dir sb | grep -c COMPLETED) -ge 52 && break; sleep 0.1; done; kill -9 $run; wait $run 2>/dev/null; cat shop.state; sqlite3 shop.db 'SELECT id FROM invoice ORDER BY id LIMIT 1 OFFSET 49'
> 997
> 997

# The next run sends the rest; the flow took each invoice once.
$ iflow sandbox fault clear --dir sb
> …
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/invoices.lua --set database=shop.db --set state=shop.state; cat shop.state
> 70 invoices sent
> 1110
$ iflow sandbox log --dir sb | grep -c COMPLETED
> 120

# Then only what is new.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/invoices.lua --set database=shop.db --set state=shop.state
> 0 invoices sent
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; sqlite3 shop.db "INSERT INTO invoice VALUES (1111, 'R-2026-01111', 'Café Crème', '2026-07-01', 100, 19, 'EUR', NULL)"; iflow run $ROOT/scripts/senders/invoices.lua --set database=shop.db --set state=shop.state; cat shop.state; ls shop.*
> 1 invoices sent
> 1111
> shop.db
> shop.state

# A database that cannot be read is an error, and nothing is forgotten.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/invoices.lua --set database=none.db --set state=shop.state; cat shop.state
> 1111
! …
