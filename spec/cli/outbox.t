# iflow outbox: what waits, what failed and why; dead letters sent again or given up. The outbox here
# is made by hand: nine messages of two senders in all states.
$ iflow run $ROOT/spec/support/outbox_story.lua
$ iflow outbox list
> number  age…state     sender    key   attempts  status  reason              next       id
>      1  …  ready     orders    c-17         1  503     call.unavailable    in … min  018f-1
>      2  …  blocked   orders    c-17         0  -       -                   -          018f-2
>      3  …  in doubt  orders    -            1  -       call.in_doubt       -          018f-3
>      4  …  rejected  orders    c-18         2  500     call.rejected       -          018f-4
>      5  …  rejected  orders    -            1  -       transform.invalid   -          018f-5
>      7  …  ready     orders    -            0  -       -                   -          018f-7
>      8  …  in doubt  invoices  -            1  -       outbox.interrupted  -          018f-8
>      9  …  rejected  invoices  -            1  404     call.rejected       -          018f-9
! rejected: dead letters; `iflow outbox show NUMBER` tells why, `iflow outbox retry NUMBER --edit` mends one and sends it again
! in doubt: they may have arrived; look for their ids in the monitor before a retry
! blocked: an earlier message with their key is not through; see it with --key
$ iflow outbox list --state rejected --reason 'call.*' --sender orders
> number  age…state     sender  key   attempts  status  reason         next  id
>      4  …  rejected  orders  c-18         2     500  call.rejected  -     018f-4
! rejected: dead letters; `iflow outbox show NUMBER` tells why, `iflow outbox retry NUMBER --edit` mends one and sends it again
$ iflow outbox list --key c-17 --limit 1
> number  age…state  sender  key   attempts  status  reason            next       id
>      1  …  ready  orders  c-17         1     503  call.unavailable  in … min  018f-1
! there are more: the next page begins with --after 1, --limit all shows everything
$ iflow outbox list --key c-17 --limit 1 --after 1
> number  age…state    sender  key   attempts  status  reason  next  id
>      2  …  blocked  orders  c-17         0  -       -       -     018f-2
! blocked: an earlier message with their key is not through; see it with --key
$ iflow outbox list --older-than 1h
> no message matches
$ iflow outbox list --reason 'no*'
> no message matches
$ iflow outbox list --state delivered
> number  age…state      sender  key  attempts  status  reason  next  id
>      6  …  delivered  orders  -           1     200  -       -     018f-6
$ iflow outbox list --id 018f-4 --json
> {"messages":[{"age":…,"attempts":2,"changed":…,"code":"call.rejected","created":…,"error":"An internal server error occured","id":"018f-4","key":"c-18","message_id":"AGn4UgBohP2kaoL0qlLJX4tBIh3h","number":4,"sender":"orders","size":14,"state":"rejected","status":500}]}

# Every attempt, headers without secrets, the body; data as JSON where a transform refused them.
$ iflow outbox show 1
> message 1 of orders
>   id          018f-1
>   state       ready, since …
>   reason      call.unavailable: the runtime answered 503
>   accepted    …
>   attempts    1
>   next        in … min
>   key         c-17
>   type        application/json
>   source      orders.csv:12 (record 11)
>
> attempts
> attempt  time                  took   outcome         status  message id  reason            error
>       1  …  1 min  to be repeated     503  -           call.unavailable  the runtime answered 503
>
> headers
>   Authorization: (hidden)
>   Region: EMEA
>
> body, 14 bytes
> {"order":4711}
! what to do: `iflow outbox retry 1` lets it go at once
$ iflow outbox show 018f-2 | head -3
> message 2 of orders
>   id          018f-2
>   state       blocked, since …
! what to do: message 1 of the same key goes first, see it: `iflow outbox show 1`
$ iflow outbox show 4
> message 4 of orders
>   id          018f-4
>   state       rejected, since …
>   reason      call.rejected: An internal server error occured
>   accepted    …
>   attempts    2
>   message id  AGn4UgBohP2kaoL0qlLJX4tBIh3h
>   key         c-18
>   type        application/json
>
> attempts
> attempt  time                  took    outcome         status  message id                    reason            error
>       1  …  1 s     to be repeated     503  -                             call.unavailable  the runtime answered 503
>       2  …  250 ms  rejected           500  AGn4UgBohP2kaoL0qlLJX4tBIh3h  call.rejected     An internal server error occured
>
> body, 14 bytes
> {"order":4714}
! what to do: the flow or its adapter refused the message; look at the body: `iflow outbox retry 4 --edit` mends it and sends it again, `iflow outbox drop 4` gives it up
$ iflow outbox show 5
> message 5 of orders
>   id          018f-5
>   state       rejected, since …
>   reason      transform.invalid: orders.csv:16: qty: 'x7' is no number
>   failed in   step 2 of the transforms
>   accepted    …
>   attempts    1
>   source      orders.csv:16
>
> attempts
> attempt  time                  took  outcome   status  message id  reason             error
>       1  …  -     rejected  -       -           transform.invalid  orders.csv:16: qty: 'x7' is no number
>
> data, as they came into step 2
> {
>   "order": 4715,
>   "qty": "x7"
> }
! what to do: correct the record named here and send it again: `iflow outbox retry 5 --edit` mends it and sends it again, `iflow outbox drop 5` gives it up
$ iflow outbox show 9 --max-body 32
> message 9 of invoices
>   id          018f-9
>   state       rejected, since …
>   reason      call.rejected: there is no flow at /http/invoices
>   accepted    …
>   attempts    1
>
> attempts
> attempt  time                  took  outcome   status  message id  reason         error
>       1  …  -     rejected     404  -           call.rejected  there is no flow at /http/invoices
>
> body, 1.2 KiB
> 00000000  00 01 fe 50 44 46 00 01 fe 50 44 46 00 01 fe 50  |...PDF...PDF...P|
> 00000010  44 46 00 01 fe 50 44 46 00 01 fe 50 44 46 00 01  |DF...PDF...PDF..|
> … 1.1 KiB more; --save FILE writes all of it
! what to do: the flow or its adapter refused the message; look at the body: `iflow outbox retry 9 --edit` mends it and sends it again, `iflow outbox drop 9` gives it up
$ iflow outbox show 9 --save nine.bin >/dev/null && wc -c <nine.bin && stat -c %a nine.bin
> 1200
> 600
! what to do: the flow or its adapter refused the message; look at the body: `iflow outbox retry 9 --edit` mends it and sends it again, `iflow outbox drop 9` gives it up
! body written to nine.bin
$ iflow outbox show 9 --save nine.bin
! iflow outbox show: file.exists: 'nine.bin' is there already
!   what to do: give another name, or move it away
= 2
$ iflow outbox show 5 --json
> {"about":{"data":{"order":4715,"qty":"x7"},"no_body":true,"step":2},"age":…,"attempts":1,"body":"","changed":…,"claimed":false,"code":"transform.invalid","created":…,"error":"orders.csv:16: qty: 'x7' is no number","headers":{},"history":[{"attempt":1,"code":"transform.invalid","ended":…,"error":"orders.csv:16: qty: 'x7' is no number","state":"rejected"}],"id":"018f-5","number":5,"sender":"orders","size":0,"source":{"file":"orders.csv","line":16},"state":"rejected"}

# States and ages; nothing is counted twice.
$ iflow outbox stats
> sender    ready  blocked  started  in doubt  rejected  delivered  oldest open
> invoices      0        0        0         1         1          0  …
> orders        2        1        0         1         2          1  …
> total         2        1        0         2         3          1  …
>
> open messages by age, up to so many minutes
> sender    open  5  10  20  40  80  160  320  640  1280  1280+
> invoices     1  1   0   0   0   0    0    0    0     0      0
> orders       4  4   0   0   0   0    0    0    0     0      0
> total        5  5   0   0   0   0    0    0    0     0      0
$ iflow outbox stats --json
> {"senders":[{"ages":{"10":0,"1280":0,"1280+":0,"160":0,"20":0,"320":0,"40":0,"5":1,"640":0,"80":0},"blocked":0,"delivered":0,"in_doubt":1,"oldest":…,"oldest_age":…,"open":1,"ready":0,"rejected":1,"sender":"invoices","started":0},{"ages":{"10":0,"1280":0,"1280+":0,"160":0,"20":0,"320":0,"40":0,"5":4,"640":0,"80":0},"blocked":1,"delivered":1,"in_doubt":1,"oldest":…,"oldest_age":…,"open":4,"ready":2,"rejected":2,"sender":"orders","started":0}],"total":{"ages":{"10":0,"1280":0,"1280+":0,"160":0,"20":0,"320":0,"40":0,"5":5,"640":0,"80":0},"blocked":1,"delivered":1,"in_doubt":2,"oldest":…,"oldest_age":…,"open":5,"ready":2,"rejected":3,"started":0}}

# Again: with the same id, spread over time, after a look at which.
$ iflow outbox retry
! iflow outbox retry: usage.invalid: which messages? none is named
!   what to do: give their numbers or ids (see: iflow outbox list), filters such as --sender or --reason, or --all; see: iflow outbox retry --help
= 2
$ iflow outbox retry --sender orders --dry-run
> number  age…state     sender  key   attempts  status  reason             next  id
>      3  …  in doubt  orders  -            1  -       call.in_doubt      -     018f-3
>      4  …  rejected  orders  c-18         2  500     call.rejected      -     018f-4
>      5  …  rejected  orders  -            1  -       transform.invalid  -     018f-5
> 3 messages would be sent again: 2 rejected, 1 in doubt
$ iflow outbox retry --state rejected --reason 'call.*' --rate 30/m
> 2 messages to be sent again, the last one in …
! no service runs on this outbox: `iflow serve SCRIPT` sends what is ready
$ iflow outbox retry 3
! iflow outbox retry: warning: 1 message is in doubt: the tenant may have received it already; look for the ids in its monitor first (as application message id)
! iflow outbox retry: usage.invalid: nothing was done, since nobody answers: send it again?
!   what to do: where no person can be asked, say --yes when that is meant
= 2
$ iflow outbox retry 018f-3 --yes
> 1 message to be sent again
! iflow outbox retry: warning: 1 message is in doubt: the tenant may have received it already; look for the ids in its monitor first (as application message id)
! no service runs on this outbox: `iflow serve SCRIPT` sends what is ready
$ iflow outbox retry 6
! iflow outbox retry: usage.invalid: message 6 is delivered
!   what to do: only what is rejected, in doubt or waiting can be sent again
= 2
$ iflow outbox retry --state delivered
! iflow outbox retry: usage.invalid: a message that is delivered cannot be sent again
!   what to do: --state takes rejected, in_doubt, ready and blocked here
= 2

# Edited: the data of what a transform refused, the body and headers of everything else.
$ VISUAL= EDITOR='sed -i s/x7/7/' iflow outbox retry 5 --edit
> 1 message to be sent again
! no service runs on this outbox: `iflow serve SCRIPT` sends what is ready
$ iflow outbox show 5 | tail -5
> data, as they came into step 2
> {
>   "order": 4715,
>   "qty": "7"
> }
$ EDITOR=false iflow outbox retry 4 --edit
! iflow outbox retry: usage.invalid: the editor 'false' ended with exit code 1; nothing was done
!   what to do: set VISUAL or EDITOR to another one, or give the new text with --body FILE
= 2
$ EDITOR=true iflow outbox retry 4 --edit
! iflow outbox retry: usage.invalid: nothing was done, since nobody answers: nothing was changed; send it again as it is?
!   what to do: where no person can be asked, say --yes when that is meant
= 2
$ EDITOR='truncate -s 0' iflow outbox retry 4 --edit
! iflow outbox retry: usage.invalid: the new text is empty; nothing was done
!   what to do: to give the message up: iflow outbox drop 4
= 2
$ echo '{"order":1}' >new.json && iflow outbox retry 4 --body new.json -H 'Region: APJ' --json 2>/dev/null
> {"older_than_90_days":0,"selected":1,"sent_again":1,"states":{"ready":1}}
$ iflow outbox show 4 | tail -5
> headers
>   Region: APJ
>
> body, 12 bytes
> {"order":1}

# SAP's duplicate check knows an id for 90 days.
$ sqlite3 outbox.db 'UPDATE message SET created = created - 93 * 86400000 WHERE number = 8'
$ iflow outbox retry 8 --dry-run
> number  age…state     sender    key  attempts  status  reason              next  id
>      8  93 d  in doubt  invoices  -           1  -       outbox.interrupted  -     018f-8
> 1 message would be sent again: 1 in doubt
! iflow outbox retry: warning: message 8 is older than 90 days: SAP's Idempotent Process Call has forgotten ids of that age, so what arrived then is processed a second time
$ iflow outbox list --older-than 90d --state in_doubt | cut -c1-35
> number  age…state     sender    k
>      8  93 d  in doubt  invoices  -
! in doubt: they may have arrived; look for their ids in the monitor before a retry

# A file of rejects, and giving up.
$ iflow outbox export 1 5 8
> {"error":{"code":"call.unavailable","message":"the runtime answered 503","status":503},"message":{"body":"{\"order\":4711}","content_type":"application/json","headers":{"Authorization":"Bearer not-to-be-shown","Region":"EMEA"},"id":"018f-1","source":{"file":"orders.csv","line":12,"record":11}},"outcome":"retryable","sender":"orders"}
> {"error":{"message":"edited and sent again by hand"},"message":{"data":{"order":4715,"qty":"7"},"id":"018f-5","source":{"file":"orders.csv","line":16}},"outcome":"retryable","sender":"orders","step":2}
> {"error":{"code":"outbox.interrupted","message":"the process ended during the attempt"},"message":{"body":"{\"order\":4718}","id":"018f-8"},"outcome":"in_doubt","sender":"invoices"}
! they are still in the outbox: drop them there before you send them from the file (iflow outbox drop --export FILE does both)
$ iflow outbox export --sender invoices -o dead.jsonl && stat -c %a dead.jsonl && wc -l <dead.jsonl
> 2 messages written to dead.jsonl
> 600
> 2
! they are still in the outbox: drop them there before you send them from the file (iflow outbox drop --export FILE does both)
$ iflow outbox export --sender invoices -o dead.jsonl
! iflow outbox export: file.exists: 'dead.jsonl' is there already
!   what to do: give another name, or move it away
= 2
$ iflow outbox drop 7 8
! iflow outbox drop: warning: some are not decided yet (1 in doubt, 1 ready): dropped messages are never sent
! iflow outbox drop: usage.invalid: nothing was done, since nobody answers: drop 2 messages for good (1 in doubt, 1 ready)?
!   what to do: where no person can be asked, say --yes when that is meant
= 2
$ iflow outbox drop 7 8 --yes --export dropped.jsonl && cut -c1-60 dropped.jsonl
> 2 messages dropped, written to dropped.jsonl before
> {"error":{},"message":{"body":"{\"order\":4717}","id":"018f-
> {"error":{"code":"outbox.interrupted","message":"the process
! iflow outbox drop: warning: some are not decided yet (1 in doubt, 1 ready): dropped messages are never sent
$ iflow outbox drop --all --yes
> no message matches

# Mistakes.
$ iflow outbox drop 99
! iflow outbox drop: usage.invalid: the outbox has no message 99
!   what to do: `iflow outbox list` shows what there is; a delivered message is forgotten after a while
= 2
$ iflow outbox list --state rejcted
! iflow outbox list: usage.invalid: --state: 'rejcted' is no state; there are ready, blocked, started, in_doubt, rejected, delivered and any
!   what to do: see: iflow outbox list --help
= 2
$ iflow outbox retry 1 --older-than 3d
! iflow outbox retry: usage.invalid: numbers or ids are given, and filters too
!   what to do: give one of them; only --sender may stand beside an id
= 2
$ iflow outbox retry 1 --rate fast
! iflow outbox retry: usage.invalid: --rate: 'fast' is no rate; write 5/s, 30/m or 1000/h
!   what to do: see: iflow outbox retry --help
= 2
$ iflow outbox retry 1 2 --edit
! iflow outbox retry: usage.invalid: a message is edited alone: give one number or id
!   what to do: see --help or the reference for what is accepted
= 2
$ iflow outbox list --outbox none.db
! iflow outbox list: file.not_found: there is no outbox 'none.db'
!   what to do: name it with --outbox or in the variable IFLOW_OUTBOX
= 2
$ iflow outbox lsit
! iflow outbox: usage.invalid: unknown command 'lsit', did you mean 'list'?
!   what to do: see: iflow outbox --help
= 2
