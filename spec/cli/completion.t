# What a shell asks at a TAB: what may stand in place of the last word.
$ iflow completion words -- ser
> serve	run the senders and triggers of scripts as a service
> service-key	…
$ iflow completion words -- run --client-auth b | cut -f 1
> basic
> body
$ iflow completion words -- run --input ''
> :file
$ iflow completion words --json -- instance key create --type s
> {"words":[{"help":"","word":"secret"}]}

# A script is read, not run.
$ printf 'iflow.sender "orders" {}\nerror "run"\n' > orders.lua
$ iflow completion words -- run orders.lua --sender '' | cut -f 1
> orders

$ for shell in bash zsh fish; do iflow completion $shell | wc -l; done
> …
$ iflow completion bash | bash -n
$ iflow completion tcsh
! iflow completion: usage.invalid: unknown command 'tcsh'…
!   what to do: see: iflow completion --help
= 2
