# iflow check: the way of a call, step by step. Nothing is sent unless asked.
$ iflow sandbox start --dir sb --detach >/dev/null && printf 'return { name = "orders", address = "/orders", csrf = true, process = function() return 200 end }' >orders.flow.lua && iflow sandbox deploy orders.flow.lua --dir sb && iflow instance create orders --sandbox sb && iflow instance key create orders k --sandbox sb -o key.json && iflow instance create api --plan api --role MonitoringDataRead --sandbox sb && iflow instance key create api k --sandbox sb -o api.json
> orders  /http/orders
> orders  integration-flow  ESBMessaging.send
> key.json
> api  api  MonitoringDataRead
> api.json

$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow check /http/orders --csrf always --api-key api.json --role ESBMessaging.send
> fine     configuration       key.json: key of type client secret, client sb-…
> fine     validity            the trusted authorities sb/ca.pem (…) ends in … days
> fine     dns                 …authentication.localhost:…: 127.0.0.1:… in …
> fine     dns                 …it-cpi001-rt.localhost:…: 127.0.0.1:… in …
> fine     proxy               …: none
> fine     proxy               …: none
> fine     tcp                 …: connected in …
> fine     tcp                 …: connected in …
> fine     tls                 …: TLSv1.3, trusted, by CN=SAP Cloud Root CA (iflow sandbox), …
> fine     tls                 …: TLSv1.3, trusted, by CN=SAP Cloud Root CA (iflow sandbox), …
> fine     clock               …: … s apart from the runtime's
> fine     token server        …: gave a token for …
> fine     token               roles ESBMessaging.send; lives 1 h
> fine     runtime             …: the credential is accepted
> fine     address             /http/orders is served by the flow orders
> fine     endpoint            …: address and role are right: it gave a CSRF token, and no flow ran
! iflow check: everything is fine

# Without a word about CSRF the endpoint is not looked at; the exit code is that of a failure only.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow check /http/orders
> …
> unknown  address             what is deployed is known to the tenant's API only
>          what to do: give a service key of plan api with --api-key, or compare with Monitor > …
> unknown  endpoint            …: role, CSRF and flow are not known: nothing that is sure to run no flow can tell
>          what to do: --csrf always, when CSRF Protected is on in the channel …
! iflow check: nothing is wrong as far as was looked

# A root that is missing stops what needs it, and nothing else.
$ export IFLOW_SERVICE_KEY=key.json; iflow check
> …
> failed   tls                 …: …CN=SAP Cloud Root CA (iflow sandbox), …
>          what to do: iflow cert fetch … shows the chain (or Monitor > Manage Security > Connectivity Tests > TLS, …); compare its SHA-256 …
> …
> skipped  clock               …: 'tls' failed
> skipped  token server        …: 'tls' failed
> skipped  token               'token server' was skipped
> skipped  runtime             …: 'tls' failed
! iflow check: something is wrong
= 2

$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow check /http/Orders --api-key api.json
> …
> failed   address             no deployed flow serves /http/Orders, but /http/orders: only upper and lower case differ
>          what to do: send to /http/orders
> …
! iflow check: something is wrong
= 1

# So far no flow ran; a message is sent when it is asked for.
$ export IFLOW_SERVICE_KEY=key.json IFLOW_CACERT=sb/ca.pem; iflow sandbox log --dir sb; iflow check /http/orders --send -d x | tail -1
> message id  started  flow  status  http  error
> fine     endpoint            …: the message was delivered: 200, message id …
! …

$ iflow check /http/orders -d x
! iflow check: usage.invalid: data without --send: nothing is sent unless asked
! …
= 2

# What files say, without asking anybody; a line for a monitoring system.
$ export IFLOW_SERVICE_KEY=key.json; iflow check --offline
> fine     configuration       key.json: key of type client secret, client sb-…
> fine     validity            nothing has an end
! iflow check: everything is fine
$ export IFLOW_SERVICE_KEY=key.json; iflow check --offline --nagios --key-age 0s
> IFLOW WARNING - validity: the service key key.json (sb-…) is 0 days old | service_key_age=0;0 time=…s
= 1
$ iflow check --nagios --warning soon
> IFLOW UNKNOWN - usage.invalid: --warning: 'soon' is not a whole number
= 3

# The bundle is written for its owner, and never over a file that is there.
$ export IFLOW_SERVICE_KEY=key.json; iflow check --offline --bundle help.zip >/dev/null; stat -c %a help.zip; python3 -m zipfile -l help.zip | cut -d ' ' -f 1
> 600
> File
> README.txt
> report.json
> platform.json
> environment.txt
> configuration.json
> service-key.json
> certificates.json
> trust.json
! bundle: help.zip, readable for you only, with README.txt, …
! …
! iflow check: everything is fine
$ export IFLOW_SERVICE_KEY=key.json; iflow check --offline --bundle help.zip
! iflow check: file.exists: 'help.zip' exists already
! …
= 2
$ iflow check --offline --log serve.log
! iflow check: usage.invalid: --log belongs to --bundle FILE
! …
= 2
$ iflow check --offline --send
! iflow check: usage.invalid: --offline and --send exclude each other
! …
= 2

$ iflow check --sender orders
! iflow check: usage.invalid: --sender needs --script
! …
= 2

# The senders of a script bring their options.
$ export IFLOW_CACERT=sb/ca.pem; printf 'local iflow = require "iflow"\niflow.sender "orders" { service_key = "key.json", to = "/http/orders", csrf = true }\n' >orders.lua; iflow check --script orders.lua --json | tr '{' '\n' | grep -c '"verdict":"fine"'
> 15

# A script that fails, and one with several senders.
$ echo 'error "no"' >bad.lua; iflow check --script bad.lua
! iflow check: script.failed: bad.lua:1: no
! …
= 2
$ printf 'local iflow = require "iflow"\niflow.sender "a" { to = "/http/a" }\niflow.sender "b" { to = "/http/b" }\n' >two.lua; iflow check --script two.lua
! iflow check: usage.invalid: the script defines several senders; say which one with --sender
!   what to do: it defines: a, b
= 2
$ iflow check --script two.lua --sender b
> failed   configuration       the sender 'b' (two.lua:3) has no service_key
> …
! …
= 2

$ iflow check
> failed   configuration       no service key was given
>          what to do: name the file with --service-key or in the variable IFLOW_SERVICE_KEY
> …
! iflow check: something is wrong
= 2
