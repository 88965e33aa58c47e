# SPDX-License-Identifier: MIT
# Usage: zsh -f complete.zsh SCRIPT TEXT
# Types TEXT and a tab into an interactive zsh that has loaded the completion SCRIPT, and prints what
# is offered, one word a line.
emulate -L zsh
zmodload zsh/zpty || exit
export SCRIPT=$1 FOUND=$(mktemp) LINES=50
zpty shell zsh -f -i
zpty -w shell 'PS1= PROMPT_EOL_MARK=; unsetopt beep; autoload -Uz compinit && compinit -u -D; source $SCRIPT'
zpty -w shell 'compadd() { local -a found; case " $* " in *" -"[OAD]" "*) ;; *) builtin compadd -O found "$@"; (( $#found )) && print -rl -- $found >>$FOUND ;; esac; builtin compadd "$@"; }'
# In lists, words that cannot be inserted at once are offered as well.
zpty -w shell 'finish() { exit; }; comppostfuncs=(finish); setopt auto_list; bindkey "^I" complete-word; echo ready'
while zpty -r shell line; do
	[[ $line == ready* ]] && break
done
zpty -w -n shell "$2"$'\t'
while zpty -r shell line; do :; done
zpty -d shell
sort -u "$FOUND"
rm -f "$FOUND"
