# What the dispatcher says before any command runs.
$ iflow
! iflow: usage.invalid: no command was given
!   what to do: see: iflow --help
= 2

$ iflow tokn
! iflow: usage.invalid: unknown command 'tokn', did you mean 'token'?
!   what to do: see: iflow --help
= 2

$ iflow xyzzy
! iflow: usage.invalid: unknown command 'xyzzy'
!   what to do: see: iflow --help
= 2

$ iflow --json xyzzy
> {"error":{"code":"usage.invalid","hint":"see: iflow --help","message":"unknown command 'xyzzy'","retryable":false}}
= 2

$ iflow --version
> iflow …
$ iflow --json --version
> {"version":"…"}

$ iflow --service-key k.json token
! iflow: usage.invalid: option '--service-key' must follow the command
!   what to do: see: iflow --help
= 2

# Options: the nearest is suggested, values are checked, --json is not curl's.
$ iflow token --servce-key k.json
! iflow token: usage.invalid: unknown option '--servce-key', did you mean '--service-key'?
!   what to do: see: iflow token --help
= 2

$ iflow token --connect-timeout soon
! iflow token: usage.invalid: --connect-timeout: 'soon' is not a duration (seconds, or a number with ms, s, m, h or d)
!   what to do: see: iflow token --help
= 2

$ IFLOW_CONNECT_TIMEOUT=soon iflow token
! iflow token: usage.invalid: IFLOW_CONNECT_TIMEOUT: 'soon' is not a duration (seconds, or a number with ms, s, m, h or d)
!   what to do: see: iflow token --help
= 2

$ iflow token --log-level warm
! iflow token: usage.invalid: --log-level: 'warm' is no level: error, warn, info, debug or trace, and MODULE=LEVEL for a module, such as info,http=debug
!   what to do: see: iflow token --help
= 2

$ iflow call /http/orders --json '{"a":1}'
> {"error":{"code":"usage.invalid","hint":"here --json asks for machine-readable output; curl's --json DATA is -d DATA -H 'Content-Type: application/json'","message":"--json takes no value","retryable":false}}
= 2

$ iflow call --json=x /http/orders 2>&1 | grep -c Content-Type
> 1

$ iflow token --json data
> {"error":{"code":"usage.invalid","hint":"here --json asks…","message":"too many arguments","retryable":false}}
= 2

$ iflow call
! iflow call: usage.invalid: the argument TO is missing: path under the service key's url, or a full URL
!   what to do: see: iflow call --help
= 2

$ iflow token
! iflow token: usage.invalid: no service key was given
!   what to do: name the file with --service-key or in the variable IFLOW_SERVICE_KEY
= 2

$ iflow token --service-key none.json
! iflow token: file.not_found: …none.json…
! …
= 2

$ IFLOW_SERVICE_KEY=none.json IFLOW_JSON=1 iflow token
> {"error":{"code":"file.not_found",…}}
= 2

$ iflow call /x --expect 9999
! iflow call: usage.invalid: --expect: '9999' is not a status from 200 to 599
!   what to do: see: iflow call --help
= 2

$ iflow call /x --max-time 99999999999d
! iflow call: usage.invalid: --max-time: '99999999999d' is longer than 100 years
!   what to do: see: iflow call --help
= 2

# What curl's users type.
$ iflow call /x --max-time -1
! iflow call: usage.invalid: unknown option '-1'
!   what to do: see: iflow call --help
= 2

$ iflow call /x -k
! iflow call: usage.invalid: unknown option '-k'
!   what to do: the server's certificate is always checked; name the root to trust with --cacert
= 2

$ iflow call /x --location
! iflow call: usage.invalid: unknown option '--location'
!   what to do: a redirect is not followed, …
= 2

# No secret on a command line.
$ iflow call /x -H 'Authorization: Bearer abc'
! iflow call: usage.invalid: -H Authorization puts a secret on the command line; write the line into a file and give -H @FILE
! …
= 2

$ iflow token --proxy http://user:secret@proxy:8080
! iflow token: usage.invalid: --proxy carries a password; give it in the variable IFLOW_PROXY or https_proxy
! …
= 2

$ touch client.p12; iflow token --cert client.p12:geheim
! iflow token: usage.invalid: --cert names no file, or carries a passphrase behind a ':'; give that one with --pass-file
! …
= 2

$ iflow token --cert missing.p12:geheim
! iflow token: usage.invalid: --cert names no file, or carries a passphrase behind a ':'; give that one with --pass-file
! …
= 2

$ iflow service-key check key.json --cert missing.p12:geheim
! iflow service-key check: usage.invalid: --cert names no file, or carries a passphrase behind a ':'; give that one with --pass-file
! …
= 2

# An option that would be ignored. Nothing here is sent.
$ printf '{"oauth":{"clientid":"sb-1!b2|it-rt-acme!b3","clientsecret":"top-secret$x=","url":"http://127.0.0.1:1","tokenurl":"http://127.0.0.1:1/oauth/token"}}' >secret.json; echo geheim >pass
$ iflow token --service-key secret.json --key missing.key
! iflow token: usage.invalid: the private key (--key) has no use: the certificate is missing, …
!   what to do: …--cert…
= 2

$ iflow call /x --service-key secret.json --pass-file pass
! iflow call: usage.invalid: the passphrase (--pass-file) has no use: the certificate is missing, …
!   what to do: …--cert…
= 2

$ iflow instance key create orders k --type secret --validity 30 --sandbox none -o k.json
! iflow instance key create: usage.invalid: --validity is for the certificate that the broker makes: --type certificate is missing
!   what to do: …
= 2

$ iflow instance key create orders k --no-pin --sandbox none -o k.json
! iflow instance key create: usage.invalid: --no-pin is for keys of --type external
!   what to do: …
= 2

$ iflow instance key create orders k --key-length 4096 --sandbox none -o k.json
! iflow instance key create: usage.invalid: --key-length is for …
!   what to do: …
= 2

# TO is a path or a URL with http or https.
$ iflow call ftp://x/y --service-key secret.json
! iflow call: url.invalid: the address begins with 'ftp:', which is neither https:// nor http:// nor a path
!   what to do: …
= 2

$ iflow call localhost:8080/x --service-key secret.json
! iflow call: url.invalid: the address begins with 'localhost:', …
!   what to do: …
= 2

$ iflow call /http/café --service-key secret.json
! iflow call: url.invalid: the URL has a non-ASCII character at position …
!   what to do: percent-encode it: %C3%A9
= 2

# A directory for tokens that the user named is missed.
$ iflow token --service-key secret.json --token-cache pass/tokens
! iflow token: warning: tokens are not kept in --token-cache: cannot create 'pass/tokens': Not a directory
! iflow token: net.connect: …
!   what to do: …
= 4

# A variable gives numbers separated by commas.
$ IFLOW_EXPECT=404,409,999 iflow call /x
! iflow call: usage.invalid: IFLOW_EXPECT: '999' is not a status from 200 to 599
!   what to do: …
= 2

