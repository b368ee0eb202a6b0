# iflow serve: what it needs, and what it refuses before it starts.
$ iflow serve
! iflow serve: usage.invalid: the argument SCRIPT is missing: the Lua files; their senders and triggers share one outbox
!   what to do: see: iflow serve --help
= 2
$ iflow serve --help | sed -n 1p
> Usage: iflow serve [OPTION…] SCRIPT…
$ iflow serve --help | grep -A2 -e --log-level
>       --log-level LEVEL …
> …
> … (default: info) …
> …
$ iflow serve none.lua
! iflow serve: file.not_found: none.lua: No such file or directory
!   what to do: …
= 2
$ echo 'print "hello"' >nothing.lua; iflow serve nothing.lua
> hello
! iflow serve: usage.invalid: the script nothing.lua defines no sender and no trigger, so there is nothing to serve
!   what to do: …
= 2
$ ls
> nothing.lua
$ printf 'local iflow = require "iflow"\niflow.sender "orders" { to = "/http/orders" }\n' | tee a.lua >b.lua; iflow serve a.lua b.lua
! iflow serve: script.failed: b.lua:2: sender 'orders' is defined twice; first at a.lua:2
!   what to do: correct the script at the line named here
= 2
$ iflow serve a.lua a.lua
! iflow serve: usage.invalid: the script a.lua is named twice
!   what to do: …
= 2
$ iflow serve a.lua
! …
! iflow serve: usage.invalid: the sender 'orders' (a.lua:2) has no service_key
!   what to do: …
= 2
$ iflow serve a.lua --service-key missing.json --log-level error
! iflow serve: file.not_found: cannot open 'missing.json': No such file or directory
!   what to do: …
= 2
$ printf 'local iflow = require "iflow"\niflow.relay { path = "/orders", sender = "ordres" }\n' >c.lua; iflow serve a.lua c.lua --service-key k.json --log-level error
! iflow serve: usage.invalid: relay '127.0.0.1:8080/orders' (c.lua:2): no sender 'ordres' is defined, did you mean 'orders'?
!   what to do: …
= 2

# The control endpoint is for this machine only.
$ iflow serve a.lua --control 0.0.0.0:9000
! iflow serve: usage.invalid: --control: '0.0.0.0:9000' is not a loopback address, such as 127.0.0.1:9000
!   what to do: see: iflow serve --help
= 2
$ IFLOW_CONTROL=here iflow serve a.lua
! iflow serve: usage.invalid: IFLOW_CONTROL: 'here' is not HOST:PORT
!   what to do: see: iflow serve --help
= 2
$ iflow serve a.lua --max-messages 0
! iflow serve: usage.invalid: --max-messages: '0' must be 1 or more
!   what to do: see: iflow serve --help
= 2
$ iflow serve a.lua --durability none
! iflow serve: usage.invalid: --durability: 'none' is not one of full, normal
!   what to do: see: iflow serve --help
= 2

# The page, too.
$ iflow serve a.lua --ui 0.0.0.0:8383
! iflow serve: usage.invalid: --ui: '0.0.0.0:8383' is not a loopback address, such as 127.0.0.1:9000
!   what to do: see: iflow serve --help
= 2
