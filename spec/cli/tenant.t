# What the tenant says: endpoints, logs, artifacts, roles, keystore.
$ iflow sandbox start --dir sb --detach >/dev/null
$ echo 'return { name = "orders", address = "/orders", csrf = false, allowed_headers = "SAP_*", process = function(x) if x.body == "bad" then error("no such customer", 0) end x:add_custom_header("po", x.body) return 200, {}, "" end }' >orders.lua
$ iflow sandbox deploy orders.lua --dir sb
> orders  /http/orders
$ iflow instance create send --sandbox sb
> …
$ iflow instance key create send k --sandbox sb -o send.json
> send.json
$ iflow instance create ask --plan api --role MonitoringDataRead --sandbox sb
> …
$ iflow instance key create ask k --sandbox sb -o api.json
> api.json
$ iflow call /http/orders --service-key send.json --cacert sb/ca.pem -d 4711 -H 'SAP_ApplicationID: PO-1' 2>id
$ iflow call /http/orders --service-key send.json --cacert sb/ca.pem -d bad -H 'SAP_ApplicationID: PO-2'
> …
! …
= 1
$ iflow tenant endpoints --service-key api.json --cacert sb/ca.pem
> flow    protocol  type  status   url
> orders  REST      PROD  STARTED  https://…/http/orders
$ iflow tenant endpoints ORD --service-key api.json --cacert sb/ca.pem --json
> {"endpoints":[{…"flow":"orders"…"url":"https://…/http/orders"…}],"without":[]}
$ iflow tenant endpoints invoices --service-key api.json --cacert sb/ca.pem
! no endpoint has 'invoices' in its name or URL; there is 1
$ iflow tenant endpoints --protocol rest --service-key api.json --cacert sb/ca.pem
! no endpoint has the protocol 'rest' (REST, SOAP, ODATAV2, AS2, AS4, in capitals)
$ iflow tenant logs --service-key api.json --cacert sb/ca.pem
> started  …message id  …flow    status     took  application id
> 20…  A…  orders  FAILED     …  PO-2
> 20…  A…  orders  COMPLETED  …  PO-1
$ iflow tenant logs --status FAILED --since 1h --flow orders --service-key api.json --cacert sb/ca.pem
> started  …
> 20…  A…  orders  FAILED  …  PO-2
$ iflow tenant logs --property po=4711 --json --service-key api.json --cacert sb/ca.pem
> {"logs":[{"application_id":"PO-1",…"started":"20…T…Z","status":"COMPLETED",…}],"more":false}
$ iflow tenant logs --limit 1 --service-key api.json --cacert sb/ca.pem
> started  …
> 20…  PO-2
! there are more: --limit shows more, --since and --flow less
$ iflow tenant logs --application-id PO-1 --status FAILED --service-key api.json --cacert sb/ca.pem
! no log has that id and fits the rest; one appears up to a minute after the call
$ iflow tenant logs --until 2020-01-01 --service-key api.json --cacert sb/ca.pem
! no log fits
$ iflow tenant log $(sed -n 's/message id: //p' id) --service-key api.json --cacert sb/ca.pem
> A…
>   status          COMPLETED (delivered)
>   flow            orders
>   started         20…
>   ended           20…
>   took            …
>   application id  PO-1
>   correlation id  A…
>   log level       INFO
>   monitor         https://…
>   custom header properties
>     po: 4711
>   runs
>     20…  COMPLETED (delivered)  …
$ iflow tenant log AGn4UgBohP2kaoL0qlLJX4tBIh3h --service-key api.json --cacert sb/ca.pem
! iflow tenant log: call.not_found: …AGn4UgBohP2kaoL0qlLJX4tBIh3h'
!   what to do: …
= 1
$ iflow tenant artifacts --service-key api.json --cacert sb/ca.pem
> artifact  version  type              status   deployed by  deployed  …error
> orders    1.0.0    INTEGRATION_FLOW  STARTED  sandbox      20…
$ iflow tenant artifacts --status ERROR --service-key api.json --cacert sb/ca.pem
! nothing is deployed that fits
$ iflow tenant roles --service-key api.json --cacert sb/ca.pem
> role               owner  description
> API.invoke         SAP    Call API artifacts
> ESBMessaging.send  SAP    Send messages to integration flows
$ iflow tenant keystore --service-key api.json --cacert sb/ca.pem --fail-within 7
> alias  …type         key       owner  valid until  …days
> sap_cloud_root_ca…  Certificate  EC P-256  SAP    20…
$ iflow tenant keystore --service-key api.json --cacert sb/ca.pem --fail-within 36500 --days 36500
> …
> sap_cloud_root_ca…  ends soon
= 1
# What the tenant refuses, and mistakes.
$ iflow tenant roles --service-key send.json --cacert sb/ca.pem
! iflow tenant roles: warning: this service key is of plan integration-flow: it calls flows, the API takes none
!   what to do: create a service instance of plan api …
! iflow tenant roles: call.not_found: the tenant's API: …
!   what to do: …this one is of plan integration-flow
= 1
$ iflow instance create blind --plan api --role WorkspacePackagesRead --sandbox sb
> …
$ iflow instance key create blind k --sandbox sb -o blind.json
> blind.json
$ iflow tenant logs --service-key blind.json --cacert sb/ca.pem
! iflow tenant logs: call.forbidden: …
!   what to do: the instance of the service key, of plan api, needs the role MonitoringDataRead
= 3
$ iflow sandbox fault add api:503 --dir sb >/dev/null
$ iflow tenant roles --service-key api.json --cacert sb/ca.pem --no-retry
! iflow tenant roles: call.unavailable: the tenant's API: …
!   what to do: …
= 4
$ iflow tenant log
! iflow tenant log: usage.invalid: …
!   what to do: see: iflow tenant log --help
= 2
$ iflow tenant roles
! iflow tenant roles: usage.invalid: no service key was given
!   what to do: …plan api…
= 2
$ iflow tenant logs --since yesterday --service-key api.json
! iflow tenant logs: usage.invalid: …2026-03-29…
!   what to do: see: iflow tenant logs --help
= 2
$ iflow tenant logs --status DONE --service-key api.json
! iflow tenant logs: usage.invalid: …COMPLETED…
!   what to do: …
= 2
