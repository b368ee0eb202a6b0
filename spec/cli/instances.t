# Service instances and keys: created, listed, deleted; and who may use the Cloud Foundry API.
$ iflow sandbox start --dir sb --detach >/dev/null
$ iflow instance list --sandbox sb
> instance  plan  roles  key  type  client id
$ iflow instance create orders --sandbox sb
> orders  integration-flow  ESBMessaging.send
$ iflow instance create empty --plan api --role MonitoringDataRead --sandbox sb
> empty  api  MonitoringDataRead
$ iflow instance create bad --role No.such --sandbox sb
! iflow instance create: sandbox.refused: …No.such…
!   what to do: …
= 2
$ openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=own -keyout own.key -out own.pem 2>/dev/null
$ iflow instance key orders own --type external --x509 own.pem --no-pin --sandbox sb -o own.json
> own.json
$ iflow instance key orders secret --sandbox sb -o secret.json
> secret.json
$ iflow instance list --sandbox sb
> instance  plan              roles               key     type                  client id
> empty     api               MonitoringDataRead  -       -                     -
> orders    integration-flow  ESBMessaging.send   own     external, not pinned  sb-…|it-rt-acme-dev!b815
>                                                 secret  secret                sb-…|it-rt-acme-dev!b815
$ iflow instance list --sandbox sb --json | grep -o '"pin":false'
> "pin":false
$ iflow instance delete-key orders secret --sandbox sb
$ iflow instance delete-key orders secret --sandbox sb
! iflow instance delete-key: sandbox.refused: …
!   what to do: …
= 2
$ iflow instance delete orders --sandbox sb
! iflow instance delete: usage.invalid: instance 'orders' has keys, which would go with it
!   what to do: …--force…
= 2
$ iflow instance delete orders --force --sandbox sb
$ iflow instance delete empty --sandbox sb --json
> {"deleted":"empty"}
$ iflow instance delete empty --sandbox sb
! iflow instance delete: sandbox.refused: …
!   what to do: …
= 2

$ echo geheim >password; iflow sandbox cf-user add anna --password-file password --role auditor --dir sb
> anna  auditor
$ iflow sandbox cf-user list --dir sb
> user       role
> anna       auditor
> developer  developer
$ iflow sandbox cf-user remove anna --dir sb
$ iflow sandbox cf-user remove anna --dir sb
! iflow sandbox cf-user remove: sandbox.refused: …
!   what to do: …
= 2
$ stat -c %a sb/cf.json
> 600
$ iflow sandbox stop --dir sb
