# Every command explains itself; the text comes from its option table.
$ iflow --help
> Usage: iflow COMMAND [OPTION…]
> 
> Sends messages to integration flows of SAP Integration Suite, with a token for every kind of
> service key.
> 
> Commands:
>   call                        make one call to an integration flow
> …
>   token                       print an access token
>   trust                       keep the roots that a sender trusts
> 
> iflow COMMAND --help tells about one command. The variable in brackets gives the same as its
> option.
> Exit codes: 0 delivered or fine, 1 rejected, 2 usage or configuration, 3 credentials refused, 4
> temporary failure, worth repeating, 5 in doubt.

$ iflow help token
> Usage: iflow token [OPTION…]
> …
>       --service-key FILE      service key as downloaded from the BTP cockpit [IFLOW_SERVICE_KEY]
> …

$ for c in call cert instance run sandbox service-key token; do iflow $c --help | head -1; done
> Usage: iflow call [OPTION…] TO
> Usage: iflow cert COMMAND [OPTION…]
> Usage: iflow instance COMMAND [OPTION…]
> Usage: iflow run [OPTION…] SCRIPT [-- ARG…]
> Usage: iflow sandbox COMMAND [OPTION…]
> Usage: iflow service-key COMMAND [OPTION…]
> Usage: iflow token [OPTION…]

# A group of commands lists them; --help needs no valid words beside it.
$ iflow instance --help | sed -n '/^Commands/,$p'
> Commands:
>   list                        show service instances and their keys
>   show                        show one service instance
>   create                      create a service instance
>   update                      change a service instance
>   delete                      delete a service instance
>   rotate                      exchange a service key that senders use
>   key                         create, list, get and delete service keys

$ iflow instance create --plan none -h | head -1
> Usage: iflow instance create [OPTION…] NAME
$ iflow help sandbox start | head -1
> Usage: iflow sandbox start [OPTION…] --dir DIR

# How a variable gives several values.
$ iflow call --help | grep -o -e 'IFLOW_HEADER.*]' -e 'IFLOW_EXPECT.*]'
> IFLOW_HEADER, one a line]
> IFLOW_EXPECT, separated by commas]

$ iflow instance
! iflow instance: usage.invalid: a command is missing: list, show, create, update, delete, rotate, key
!   what to do: see: iflow instance --help
= 2
$ iflow instance crate
! iflow instance: usage.invalid: unknown command 'crate', did you mean 'create'?
!   what to do: see: iflow instance --help
= 2
