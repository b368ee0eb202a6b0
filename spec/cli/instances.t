# Service instances and keys: created, listed, changed, deleted; and who may use the Cloud Foundry
# API.
$ iflow sandbox start --dir sb --detach >/dev/null
$ iflow instance list --sandbox sb
> instance  plan  space  state  keys
$ iflow instance create orders --sandbox sb
> orders  integration-flow  ESBMessaging.send
$ iflow instance create empty --plan api --role MonitoringDataRead --sandbox sb
> empty  api  MonitoringDataRead
$ iflow instance create bad --role No.such --sandbox sb
! iflow instance create: cf.refused: …No.such…
!   what to do: …User Roles…
= 1
$ iflow instance create bad --plan none --sandbox sb
! iflow instance create: cf.not_found: …marketplace…
!   what to do: …Entitlements…
= 2
$ openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=own -keyout own.key -out own.pem 2>/dev/null
$ iflow instance key create orders own --type external --x509 own.pem --no-pin --pin-parameter certificate-pinning --sandbox sb -o own.json
> own.json
! …
$ iflow instance key create orders secret --sandbox sb -o secret.json
> secret.json
$ iflow instance list --sandbox sb
> instance  plan              space       state             keys
> empty     api               acme / dev  create succeeded  -
> orders    integration-flow  acme / dev  create succeeded  own, secret
$ iflow instance key list orders --sandbox sb
> key     type      client id  …valid until  …created  …state
> own     external  sb-…|it-rt-acme-dev!b815  20…Z  20…Z  create succeeded
> secret  secret    sb-…|it-rt-acme-dev!b815  -  …20…Z  create succeeded
$ iflow instance update orders --role ESBMessaging.send --token-validity 7200 --sandbox sb
> orders  integration-flow  ESBMessaging.send
$ iflow instance show orders --sandbox sb
> orders
>   plan            integration-flow
>   space           acme / dev
>   created         20…Z
>   updated         20…Z
>   state           update succeeded
>   grant-types     client_credentials
>   redirect-uris   -
>   roles           ESBMessaging.send
>   token-validity  7200
>   keys            own, secret
$ iflow instance key get orders secret --sandbox sb -o - | cmp - secret.json
$ iflow instance key get orders secret --sandbox sb -o secret.json
! iflow instance key get: file.exists: 'secret.json' exists already
!   what to do: …--force…
= 2
$ iflow instance key delete orders secret --sandbox sb
> deleted key secret of instance orders
$ iflow instance key delete orders secret --sandbox sb
! iflow instance key delete: cf.not_found: there is no key 'secret' in instance 'orders' for this user
!   what to do: there are: own
= 2
# A key in use is exchanged; the same words go on until the old one is gone.
$ iflow instance key create orders used --sandbox sb -o used.json
> used.json
$ iflow instance rotate orders used.json --key-name following --dry-run --sandbox sb
> create      key 'following' of instance 'orders', type secret (planned)
> stage       …used.json.rotation.next (planned)
> probe       a token (planned)
> switch      …used.json (planned)
> grace       24 h (planned)
> delete      key 'used' of instance 'orders' (planned)
> nothing was changed
$ iflow instance rotate orders used.json --key-name following --sandbox sb
> create      key 'following' of instance 'orders', type secret
> stage       …used.json.rotation.next
> probe       a token
> switch      …used.json
> grace       until 20…Z (waiting)
> call again after 20…Z: then the old key used is deleted
$ iflow instance rotate orders used.json --undo --sandbox sb
> put back    …used.json
> delete new  key 'following' of instance 'orders'
> the old key is back, the new one is gone
$ iflow instance rotate orders used.json --undo --sandbox sb
! iflow instance rotate: usage.invalid: no rotation of '…used.json' is under way that could be taken back
!   what to do: …
= 2
$ iflow instance rotate orders used.json --key-name following --grace 0s --sandbox sb --json
> {"delete_at":"20…Z","instance":"orders",…"state":"done","steps":[{"state":"done","step":"create",…
$ iflow instance rotate orders used.json --undo --wait-grace --sandbox sb
! iflow instance rotate: usage.invalid: --undo and --wait-grace exclude each other
!   what to do: …
= 2
$ iflow instance key delete orders following --sandbox sb
> deleted key following of instance orders
$ iflow instance create '' --sandbox sb
! iflow instance create: usage.invalid: the name of the instance is empty
!   what to do: …
= 2
$ iflow instance list --api bogus --user x --pass-file secret.json
! iflow instance list: url.invalid: 'bogus' is no address of a Cloud Foundry API
!   what to do: …
= 2
# Without a word of its own the group creates.
$ iflow instance key orders short --sandbox sb -o short.json
> short.json
$ iflow instance key crate orders k --sandbox sb -o k.json
! iflow instance key create: usage.invalid: too many arguments
!   what to do: …
= 2
$ iflow instance delete orders --sandbox sb
! iflow instance delete: usage.invalid: instance 'orders' has keys, which would go with it
!   what to do: …--force…
= 2
$ iflow instance delete orders --force --sandbox sb
> deleted instance orders
$ iflow instance delete empty --sandbox sb --json
> {"deleted":"empty"}
$ iflow instance delete empty --sandbox sb
! iflow instance delete: cf.not_found: …
!   what to do: …
= 2

$ echo geheim >password; iflow sandbox cf-user add anna --password-file password --role auditor --dir sb
> anna  auditor
$ iflow instance create x --sandbox sb --user anna --pass-file password
! iflow instance create: cf.forbidden: …
!   what to do: …Space Developer…
= 3
$ iflow instance list --sandbox sb --user anna
! iflow instance list: usage.invalid: the password of user 'anna' is missing
!   what to do: …--pass-file…
= 2
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
$ iflow instance list --sandbox sb
! iflow instance list: sandbox.not_running: …
!   what to do: …
= 2
