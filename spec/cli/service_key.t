# Service keys and certificates on the command line; the material comes from openssl.
$ openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 90 -subj /O=Example/CN=sender -addext extendedKeyUsage=clientAuth -addext basicConstraints=CA:FALSE -set_serial 0x4FA1 2>/dev/null
$ line() { awk '{ printf "%s\\n", $0 }' $1; }; printf '{"oauth":{"clientid":"sb-1!b2|it-rt-acme!b3","certificate":"%s","key":"%s","url":"https://rt.example.com","tokenurl":"https://acme.authentication.eu10.example.com/oauth/token"}}' "$(line c.pem)" "$(line k.pem)" > cert.json
$ printf '{"oauth":{"clientid":"sb-1!b2|it-rt-acme!b3","clientsecret":"top-secret$x=","url":"https://rt.example.com","tokenurl":"https://acme.authentication.eu10.example.com/oauth/token"}}' > secret.json

# show: no secret.
$ iflow service-key show secret.json
> secret.json
>   type           client secret
>   client id      sb-1!b2|it-rt-acme!b3
>   client secret  secret:…
>   token url      https://acme.authentication.eu10.example.com/oauth/token
>   url            https://rt.example.com

$ iflow service-key show cert.json
> cert.json
>   type         certificate
>   client id    sb-1!b2|it-rt-acme!b3
>   private key  secret:…
>   token url    https://acme.authentication.eu10.example.com/oauth/token
>   url          https://rt.example.com
>   certificate 1
>     subject      CN=sender, O=Example
>     issuer       CN=sender, O=Example
>     serial       4FA1
>     valid        … UTC to … UTC (… days left)
>     key          RSA 2048
>     usage        clientAuth
>     self-signed  yes
>     SHA-256      …
! iflow service-key show: warning: oauth.tokenurl: the host acme.authentication.eu10.example.com lacks '.cert.' …

$ iflow service-key show --json cert.json | grep -c PRIVATE
> 0
= 1

$ iflow service-key show --json secret.json
> {"certificates":[],"client_id":"sb-1!b2|it-rt-acme!b3","name":"secret.json","secret_fingerprint":"secret:…","token_url":"…","type":"client secret","url":"https://rt.example.com","warnings":[]}

$ iflow service-key show missing.json
! iflow service-key show: file.not_found: cannot open 'missing.json': No such file or directory
!   what to do: …
= 2

# check: a self-signed certificate is no good for SAP, and says so.
$ iflow service-key check secret.json
> result  check
> ok      document  a service key of type client secret

$ iflow service-key check cert.json
> result   check
> ok       document     a service key of type certificate
> warning  fields       …
> ok       dates        … UTC to … UTC (… days left)
> ok       usage        clientAuth
> failed   chain        the certificate is self-signed, SAP accepts none of these
> ok       private key  belongs to CN=sender, O=Example (RSA 2048)
= 2

$ sed 's/"tokenurl"/"tokenulr"/' secret.json > typo.json; iflow service-key check typo.json
! iflow service-key check: service_key.field: 'typo.json': oauth.tokenurl is missing; the cockpit shows there …
!   what to do: …
= 2

# pem: files only their owner can read, never over existing ones.
$ iflow service-key pem cert.json && stat -c '%a %n' cert.cert.pem cert.key.pem
> certificate: ./cert.cert.pem
> private key: ./cert.key.pem
> 600 cert.cert.pem
> 600 cert.key.pem
$ cmp c.pem cert.cert.pem && cmp k.pem cert.key.pem
$ iflow service-key pem cert.json
! iflow service-key pem: file.exists: './cert.cert.pem' exists already
!   what to do: …
= 2
$ iflow service-key pem cert.json --force --json
> {"files":[{"kind":"certificate","path":"./cert.cert.pem"},{"kind":"private key","path":"./cert.key.pem"}]}
$ iflow service-key pem secret.json
! iflow service-key pem: usage.invalid: 'secret.json' has a client secret; there is nothing to split
!   what to do: …
= 2

# cert show: the passphrase comes from a file.
$ openssl pkcs12 -export -inkey k.pem -in c.pem -out id.p12 -passout pass:hunter2 && echo hunter2 > pass
$ iflow cert show id.p12
! iflow cert show: cert.passphrase: 'id.p12': it is protected by a passphrase, and none was given
!   what to do: give the passphrase with --pass-file
= 2
$ iflow cert show id.p12 --pass-file pass
> id.p12: PKCS#12, 1 certificate, private key
>   certificate 1, the leaf
>     subject      CN=sender, O=Example
>     issuer       CN=sender, O=Example
>     serial       4FA1
>     valid        …
>     key          RSA 2048
>     usage        clientAuth
>     self-signed  yes
>     SHA-256      …
$ iflow cert show k.pem
> k.pem: PEM, 0 certificates, private key
