-- completion.lua -- iflow completion bash|zsh|fish: what makes a shell complete the words of iflow.
-- Each shell asks iflow completion words at the TAB, so that the options of the program that is
-- installed count, and the senders of the script as it is now.
local completion = require "iflow.cli.completion"
local core = require "iflow.core"

local scripts = {}

scripts.bash = [==[
# bash completion for iflow
_iflow() {
  local rest=${COMP_LINE:0:COMP_POINT} word words=() last
  # Bash takes words apart at "=" and ":", too: what no blank precedes belongs to the word before.
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    last=${rest%%[![:blank:]]*}
    rest=${rest#"$last"}
    [[ $rest == "$word"* ]] || word=$rest
    if [[ -z $last && ${#words[@]} -gt 0 ]]; then words[-1]+=$word; else words+=("$word"); fi
    rest=${rest#"$word"}
  done
  [[ -z $rest ]] || words+=("")
  local current=${words[-1]} quote='' tab=$'\t' offered place='' lead='' path
  case $word in [=:]*) word='' ;; esac
  lead=${current%"$word"}  # what bash does not replace
  case $current in [\"\']*) quote=${current:0:1} ;; esac
  COMPREPLY=()
  while IFS= read -r offered; do
    case $offered in
      :*) place=${offered#:} ;;
      *)
        offered=${offered%%"$tab"*}
        [[ -n $quote ]] || printf -v offered %q "$offered"
        COMPREPLY+=("${offered#"$lead"}") ;;
    esac
  done < <(IFLOW_JSON='' IFLOW_LOG_LEVEL='' command iflow completion words -- "${words[@]:1}" \
    2>/dev/null)
  [[ -n $place ]] || return 0
  compopt -o filenames
  if [[ -n $quote ]]; then path=${word#"$quote"}; else path=${word//\\/}; fi
  case $place in
    file) mapfile -t COMPREPLY < <(compgen -f -- "$path") ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$path") ;;
  esac
}
complete -F _iflow iflow
]==]

scripts.zsh = [==[
#compdef iflow
_iflow() {
  local offered help place=''
  local -a found
  while IFS=$'\t' read -r offered help; do
    case $offered in
      :*) place=${offered#:} ;;
      *) found+=("${offered//:/\\:}:$help") ;;
    esac
  done < <(IFLOW_JSON= IFLOW_LOG_LEVEL= command iflow completion words -- \
    "${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  case $place in
    file) compset -P '--*='; _files ;;
    directory) compset -P '--*='; _files -/ ;;
    *) _describe -V iflow found ;;
  esac
}
if [ "$funcstack[1]" = _iflow ]; then _iflow "$@"; else compdef _iflow iflow; fi
]==]

scripts.fish = [==[
# fish completion for iflow
function __iflow_offer
  set -l words (commandline -opc)
  set -e words[1]
  set -l current (commandline -ct)
  set -l lead (string match -r '^--[^=]+=' -- $current)
  set -l path (string replace -r '^--[^=]+=' '' -- $current)
  for offered in (IFLOW_JSON= IFLOW_LOG_LEVEL= command iflow completion words -- \
      (string replace -ra '[\\\\\'"]' '\\\\$0' -- $words) "$current" 2>/dev/null)
    switch $offered
      case ':file'
        complete -C "'' $path" | string replace -r '^' -- "$lead"
      case ':directory'
        complete -C "'' $path" | string match -r '.*/$' | string replace -r '^' -- "$lead"
      case '*'
        echo $offered
    end
  end
end
complete -c iflow -e
complete -c iflow -f -k -a '(__iflow_offer)'
]==]

local function shell(name, where)
  return {
    name = name,
    summary = "print the completion for " .. name,
    description = "Prints what is to be read by " .. name .. ": " .. where,
    run = function(_, out)
      out:result(function() io.stdout:write(scripts[name]) end, { script = scripts[name] })
      return 0
    end,
  }
end

-- A tab stands between a word and its help, and a line holds one of them; ":file" asks for files.
local function one_line(text) return (text:gsub("[%c]+", " ")) end

local function words(args, out)
  local offer = completion.offer(args.word)
  local list = core.json.array {}
  for i, item in ipairs(offer.words) do list[i] = { word = item.word, help = item.help } end
  out:result(function()
    for _, item in ipairs(offer.words) do
      if not item.word:find "%c" then out:print(item.word .. "\t" .. one_line(item.help)) end
    end
    if offer.place then out:print(":" .. offer.place) end
  end, { words = list, place = offer.place })
  return 0
end

return {
  name = "completion",
  summary = "make a shell complete the words of iflow",
  description = "Prints what a shell needs to complete commands, options, their values, files, and "
    .. "the senders and jobs of a script. Where iflow was installed with cmake --install or as a "
    .. "package the shells find it by themselves. A script is read for this, never run.",
  commands = {
    shell("bash", "source <(iflow completion bash), in ~/.bashrc."),
    shell("zsh", "source <(iflow completion zsh), in ~/.zshrc, after compinit."),
    shell("fish", "iflow completion fish | source, in ~/.config/fish/config.fish."),
    {
      name = "words",
      summary = "list what may stand in place of the last word; what the shells ask",
      description = "Prints what may stand in place of the last WORD, each with what it is for; "
        .. ":file or :directory when paths may.",
      rest = { "word", owner = "the line", help = "the words behind iflow, the last one as far as "
        .. "it is typed" },
      run = words,
    },
  },
  scripts = scripts, -- by the name of the shell, for what is installed
}
