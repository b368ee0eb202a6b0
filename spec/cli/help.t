# Every command explains itself; the text comes from its option table.
$ iflow --help
> Usage: iflow [OPTION…] COMMAND
> 
> Sends messages to integration flows of SAP Integration Suite, with a token for every kind of
> service key.
> 
> …
> Commands:
>   call …
> …
>   token                         print an access token
> 
> iflow COMMAND --help tells about one command. The variable in brackets gives the same as its
> …

$ iflow help token
> Usage: iflow token [OPTION…]
> …
>   --service-key FILE            service key as downloaded from the BTP cockpit [IFLOW_SERVICE_KEY]
> …

$ for c in call cert instance run sandbox service-key token; do iflow $c --help | head -1; done
> Usage: iflow call [OPTION…] TO
> Usage: iflow cert [OPTION…] COMMAND
> Usage: iflow instance [OPTION…] COMMAND
> Usage: iflow run [OPTION…] SCRIPT [-- ARG…]
> Usage: iflow sandbox [OPTION…] COMMAND
> Usage: iflow service-key [OPTION…] COMMAND
> Usage: iflow token [OPTION…]

$ iflow token -h | grep -c exit
> 0
= 1
