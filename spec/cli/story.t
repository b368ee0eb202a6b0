# A day with the sandbox tenant: start it, make a key of each type, get a token, call, look, stop.
$ iflow sandbox start --dir sb --detach
> token       https://acme-dev.authentication.localhost:…/oauth/token
> token_cert  https://acme-dev.authentication.cert.localhost:…/oauth/token
> runtime     https://acme-dev.it-cpi001-rt.localhost:…
> api         https://acme-dev.it-cpi001.localhost:…
> cacert      …/sb/ca.pem

$ printf 'return { name = "orders", address = "/orders", role = "ESBMessaging.send", csrf = true, process = function(exchange) return 200, { ["Content-Type"] = "text/plain" }, "got " .. #exchange.body end }' >orders.flow.lua
$ iflow sandbox deploy orders.flow.lua --dir sb
> orders  /http/orders
$ iflow instance create orders --role ESBMessaging.send --sandbox sb
> orders  integration-flow  ESBMessaging.send
$ iflow instance key orders k1 --type secret --sandbox sb -o secret.json
> secret.json
$ iflow instance key orders k2 --type certificate --validity 30 --sandbox sb -o certificate.json
> certificate.json
$ stat -c %a secret.json
> 600

# A token, alone on standard output; and what is known about it.
$ iflow token --service-key secret.json --cacert sb/ca.pem | tr -d 'A-Za-z0-9_-'
> ..
$ export IFLOW_CACERT=sb/ca.pem; iflow token --service-key certificate.json --json
> {"access_token":"…","client_id":"sb-…","expires_at":…,"roles":["ESBMessaging.send"],"token_type":"Bearer"}

# A call; the CSRF handshake and the token need no word.
$ iflow call /http/orders -d hello --service-key secret.json --cacert sb/ca.pem; echo
> got 5
! message id: AG…
$ printf '1\n2\n' >body; iflow call /http/orders --data-binary @body -H 'Content-Type: text/plain' -i --service-key certificate.json --cacert sb/ca.pem
> HTTP/1.1 200
> …
> Content-Type: text/plain
> …
> 
> got 4
! message id: AG…
$ iflow call /http/orders -d hello --service-key secret.json --cacert sb/ca.pem --json
> {…"body":"got 5",…"message_id":"AG…","outcome":"delivered",…"status":200}
$ iflow call /http/orders -d hello -o answer --service-key secret.json --cacert sb/ca.pem 2>/dev/null; cat answer
> got 5
$ iflow call /http/orders -d hello -i -o both --service-key secret.json --cacert sb/ca.pem 2>/dev/null; sed -n '1p;$p' both; echo
> HTTP/1.1 200
> got 5
$ iflow call /http/orders -d hello -o saved --json --service-key secret.json --cacert sb/ca.pem; cat saved
> {…"outcome":"delivered",…"saved":5,"status":200}
> got 5
$ iflow call /http/orders -d hello --service-key secret.json --cacert sb/ca.pem >/dev/full
! message id: AG…
! iflow: standard output could not be written completely
= 2
$ iflow call /http/Orders -d hello --service-key secret.json --cacert sb/ca.pem >/dev/null
! iflow call: call.not_found: …
!   what to do: …
= 1
$ iflow call /http/orders -d hello --service-key secret.json
! iflow call: tls.untrusted: …
!   what to do: …
= 2

$ iflow sandbox log --dir sb
> message id  …
> AG…
> AG…
> AG…
> AG…
> AG…
> AG…
> AG…
$ iflow sandbox stop --dir sb
$ iflow sandbox log --dir sb
! iflow sandbox log: sandbox.not_running: …
!   what to do: …
= 2
$ iflow call /http/orders -d hello --service-key secret.json --cacert sb/ca.pem
! iflow call: net.connect: …
!   what to do: …
= 4
