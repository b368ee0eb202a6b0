# iflow run: the script's arguments, its result, its errors.
$ printf 'print(arg[0], #arg, ...)\nreturn #arg' >args.lua; iflow run args.lua
> args.lua	0
$ iflow run args.lua -- one "two words" --json --
> args.lua	4	one	two words	--json	--
= 4

# Options of ours may stand before or after the script, up to --.
$ iflow run --service-key k.json args.lua --log-level debug -- --log-level
> args.lua	1	--log-level
= 1
$ iflow run args.lua one
! iflow run: usage.invalid: too many arguments
!   what to do: what is meant for the script comes after --
= 2
$ iflow run
! iflow run: usage.invalid: the argument SCRIPT is missing: the Lua file
!   what to do: see: iflow run --help
= 2

$ echo 'return false' >false.lua; iflow run false.lua
= 1
$ echo 'return true' >true.lua; iflow run true.lua
$ echo 'return 256' >big.lua; iflow run big.lua
! iflow run: script.failed: the script returned 256; its result is an exit code: an integer from 0 to 255
!   what to do: correct the script at the line named here
= 2

# An error of iflow, raised or returned, ends with its own exit code; any other one is the script's.
$ echo 'local iflow = require "iflow" error(iflow.error { code = "token.rejected", message = "no" })' >raised.lua; iflow run raised.lua
! iflow run: token.rejected: no
!   what to do: …
= 3
$ echo 'local iflow = require "iflow" return nil, iflow.error { code = "call.in_doubt", message = "?" }' >returned.lua; iflow run returned.lua
! iflow run: call.in_doubt: ?
!   what to do: …
= 5
$ iflow run returned.lua --json
> {"error":{"code":"call.in_doubt","hint":"…","message":"?","retryable":false}}
= 5

# A plain table says the same as an iflow.error.
$ echo 'error { code = "orders.empty", message = "nothing to send" }' >plain.lua; iflow run plain.lua
! iflow run: orders.empty: nothing to send
= 1
$ echo 'return nil, { code = "token.rejected", message = "no" }' >plain.lua; iflow run plain.lua
! iflow run: token.rejected: no
!   what to do: …
= 3
$ echo 'error { message = "only words" }' >plain.lua; iflow run plain.lua
! iflow run: script.failed: only words
!   what to do: …
= 2
$ printf '\nlocal t\nt.x = 1' >mistake.lua; iflow run mistake.lua
! iflow run: script.failed: mistake.lua:3: attempt to index a nil value (local 't')
!   what to do: correct the script at the line named here
= 2
$ echo 'local iflow = require "iflow" iflow.spawn(function() error "late" end)' >task.lua; iflow run task.lua
! iflow run: script.failed: task.lua:1: late
!   what to do: correct the script at the line named here
= 2
$ echo 'local x = = 1' >syntax.lua; iflow run syntax.lua
! iflow run: script.failed: syntax.lua:1: unexpected symbol near '='
!   what to do: correct the script at the line named here
= 2
$ iflow run none.lua
! iflow run: file.not_found: none.lua: No such file or directory
!   what to do: …
= 2

# Globals are strict; a traceback comes only when it is asked for.
$ echo 'totl = 1' >global.lua; iflow run global.lua
! iflow run: script.failed: global.lua:1: variable 'totl' is not declared: write 'local totl' where it is first used
!   what to do: …
= 2
$ IFLOW_TRACEBACK=1 iflow run global.lua
! … error cli:         stack traceback:
! …
! … error cli:           global.lua:1: in …
! …
! iflow run: script.failed: global.lua:1: …
! …
= 2

# Modules beside the script are found.
$ mkdir sub; echo 'return { answer = 42 }' >sub/helper.lua; echo 'return require "helper".answer' >sub/main.lua; iflow run sub/main.lua
= 42

# With --no-strict the script is a program as lua5.4 runs it: it knows nothing of iflow.
$ printf 'total = 3\nprint(nothing, total, arg[1], ...)\nlocal iflow = require "iflow"\nprint(pcall(iflow.sleep, 0))\niflow.run(iflow.sleep, 0)\nreturn total\n' >legacy.lua; iflow run legacy.lua
! iflow run: script.failed: legacy.lua:1: variable 'total' is not declared…
!   what to do: correct the script at the line named here
= 2
$ iflow run --no-strict legacy.lua -- x
> nil	3	x	x
> false	… must be called inside iflow.run…
= 3
$ printf 'counter = 0\nrequire "iflow".sender "numbers" { to = "/http/numbers", transform = function(msg)\n  counter = counter + 1\n  return msg:with { body = tostring(counter) }\nend }\n' >global.lua; echo a >in; export IFLOW_NO_STRICT=1; iflow run global.lua
> sender   to             defined at
> numbers  /http/numbers  global.lua:2
! nothing was sent; to send a file: iflow run global.lua --sender numbers --input FILE
= 2
$ export IFLOW_NO_STRICT=1; iflow run global.lua --sender numbers --input in --dry-run
> # in
> POST /http/numbers
> SAP_ApplicationID: …
> 
> 1
> 
> numbers: 1 would be sent, 0 rejected
$ echo 'os.exit(5)' >leaves.lua; iflow run --no-strict leaves.lua
= 5
$ echo 'error "boom"' >raises.lua; iflow run --no-strict raises.lua
! iflow run: script.failed: raises.lua:1: boom
!   what to do: correct the script at the line named here
= 2
