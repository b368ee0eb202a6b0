# The sender scripts/senders/idocs.lua: a directory of files, each a message.
$ iflow test $ROOT/scripts/senders/idocs.lua
> ++
> 2 successes / 0 failures
$ iflow sandbox start --dir sb --detach >/dev/null && iflow instance create senders --sandbox sb && iflow instance key create senders k --type certificate --sandbox sb -o key.json
> senders  integration-flow  ESBMessaging.send
> key.json
$ iflow sandbox deploy $ROOT/scripts/senders/flows/idocs.flow.lua --dir sb
> idocs  /http/idocs

# What is delivered moves to done/, what is not to failed/; the other files stay.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; cp -r $ROOT/scripts/senders/data/idocs inbox; echo '<ORDERS05/>' >inbox/none.xml; touch inbox/note.txt; iflow run $ROOT/scripts/senders/idocs.lua --set inbox=inbox
> 5 delivered, 2 rejected, 0 in doubt, 0 left to retry; 0 retried; … a second
! …
! … error idocs: …: inbox/…
! …
= 1
$ find inbox -type f | LC_ALL=C sort
> inbox/done/ORDERS_0000701200.xml
> inbox/done/ORDERS_0000701207.xml
> inbox/done/ORDERS_0000701214.xml
> inbox/done/ORDERS_0000701228.xml
> inbox/done/ORDERS_0000701235.xml
> inbox/failed/ORDERS_0000701221.xml
> inbox/failed/none.xml
> inbox/note.txt

# Run again, there is nothing to do. A file that comes again is known to the flow.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/idocs.lua --set inbox=inbox
> 0 delivered, 0 rejected, …
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; cp inbox/done/ORDERS_0000701207.xml inbox/again.xml; iflow run $ROOT/scripts/senders/idocs.lua --set inbox=inbox/; ls inbox
> 1 delivered, 0 rejected, …
> done
> failed
> note.txt
$ iflow sandbox log --dir sb | grep -c 'COMPLETED *202'; iflow sandbox log --dir sb | grep -c DISCARDED
> 5
> 1

# A mended one is sent when it is put back.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; sed 's/<PARTN>//; s/<E1EDK01/<E1EDKA1><PARTN>0000104711<\/PARTN><\/E1EDKA1>&/' inbox/failed/ORDERS_0000701221.xml >inbox/ORDERS_0000701221.xml; iflow run $ROOT/scripts/senders/idocs.lua --set inbox=inbox
> 1 delivered, 0 rejected, …

# One file by name moves, too.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; sed 's/0000701200/0000701201/' inbox/done/ORDERS_0000701200.xml >inbox/one.xml; iflow run $ROOT/scripts/senders/idocs.lua --sender idocs --input inbox/one.xml && ls inbox/done/one.xml
> idocs: 1 delivered, 0 rejected, …
> inbox/done/one.xml

# The tenant is down: everything stays.
$ iflow sandbox stop --dir sb; cp inbox/done/ORDERS_0000701200.xml inbox
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow run $ROOT/scripts/senders/idocs.lua --set inbox=inbox
> 0 delivered, 0 rejected, 0 in doubt, 1 left to retry; 3 retried; … a second
! …
= 4
$ ls inbox/*.xml
> inbox/ORDERS_0000701200.xml
