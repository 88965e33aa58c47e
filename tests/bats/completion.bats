# SPDX-License-Identifier: MIT
# The scripts are loaded into the real shells, which are asked what they offer.
# shellcheck shell=bash

load helper
load scripts

setup() {
	scripts_sandbox
	script "$STOCK/guard" </dev/null
	script "$STOCK/inject" </dev/null
	script "$ENABLED/50-note" </dev/null
	touch file.json
	mkdir folder
}

# Usage: offered_bash WORD...
# Prints what bash offers for the last of the words that follow "ccm-hook", on one line.
offered_bash() {
	# shellcheck disable=SC2016
	bash --norc -c '
		source <(ccm-hook completion bash)
		COMP_WORDS=(ccm-hook "$@") COMP_CWORD=$#
		_ccm_hook
		printf "%s\n" "${COMPREPLY[@]}"' bash "$@" | sort | paste -sd ' '
}

# Usage: offered_zsh WORD..., offered_fish WORD...
# The same for the other two.
offered_zsh() {
	ccm-hook completion zsh >"$HOME/_ccm-hook"
	zsh -f "$CCM_SOURCE/tests/bin/complete.zsh" "$HOME/_ccm-hook" "ccm-hook $*" | sort | paste -sd ' '
}

offered_fish() {
	# shellcheck disable=SC2016
	fish --no-config -c 'ccm-hook completion fish | source; complete -C "$argv"' "ccm-hook $*" | cut -f1 | sort |
		paste -sd ' '
}

# Usage: offers EXPECTED WORD...
# All three shells offer exactly that for the last word.
offers() {
	local expected="$1" shell offered
	shift
	for shell in bash zsh fish; do
		offered=$("offered_$shell" "$@")
		if [ "$offered" != "$expected" ]; then
			echo "$shell offers for '$*': $offered"
			return 1
		fi
	done
}

@test "completion: offers the commands that begin so" {
	offers "list log" l
}

@test "completion: offers every command of the help" {
	local commands
	commands=$(ccm-hook --help | sed -n 's/^  \([a-z-]*\) .*/\1/p' | sort | paste -sd ' ')
	[ "${#commands}" -gt 50 ]
	offers "$commands" ""
}

@test "completion: offers the options of the command" {
	offers "--on-failure --order" enable --o
}

@test "completion: offers the choices of an option" {
	offers "csv full json short" log --output ""
	offers "json" log -o j
}

@test "completion: offers the verdicts that log can be asked for, and the levels of an alert" {
	offers "allow ask defer deny none running" log --verdict ""
	offers "defer deny" log -v de
	offers "info urgent warning" alert ""
}

@test "completion: offers the names of events" {
	offers "PreCompact PreModelSwitch PreToolUse" log --event Pre
	offers "SubagentStart SubagentStop" enable guard -e Sub
}

@test "completion: offers what can be enabled, disabled and tested" {
	offers "guard" enable g
	offers "note" disable ""
	offers "inject" test i
}

@test "completion: offers files beside names where both may stand" {
	offers "file.json" enable file.
	offers "FileChanged" test --event F
	offers "file.json" test --event file.
}

@test "completion: offers the words that a command takes" {
	offers "del" state d
	offers "bash fish zsh" completion ""
	offers "last" show ""
}

@test "completion: an option's value is not taken for the command's own word" {
	offers "guard" enable --order 10 g
	offers "guard" enable -t 2s --match Bash g
}

@test "completion: bash offers values behind an equals sign" {
	[ "$(offered_bash log --output = j)" = json ]
	[ "$(offered_bash log --output =)" = "csv full json short" ]
	[ "$(offered_bash enable --order = 10 g)" = guard ]
}

@test "completion: offers folders where a folder is meant" {
	[ "$(offered_bash log --project f)" = folder ]
	[ "$(offered_zsh log --project f)" = folder ]
	[ "$(offered_fish log --project f)" = folder/ ]
}

@test "completion: bash quotes a name with a blank in it" {
	script "$STOCK/my note" </dev/null
	[ "$(offered_bash disable "" && ccm-hook enable "my note" >/dev/null && offered_bash disable m)" = $'note\nmy\\ note' ]
}

@test "completion: zsh takes the script from a directory of fpath, too" {
	mkdir "$HOME/site"
	ccm-hook completion zsh >"$HOME/site/_ccm-hook"
	# shellcheck disable=SC2016
	printf 'fpath=(%q $fpath)\nautoload -Uz compinit && compinit -u -D\n' "$HOME/site" >"$HOME/rc"
	run -0 zsh -f "$CCM_SOURCE/tests/bin/complete.zsh" "$HOME/rc" "ccm-hook lo"
	[ "$output" = log ]
}

@test "completion: each shell finds its script well written" {
	ccm-hook completion bash >"$HOME/c.bash"
	run -0 bash -n "$HOME/c.bash"
	run -0 shellcheck -s bash "$HOME/c.bash"
	ccm-hook completion zsh >"$HOME/c.zsh"
	run -0 zsh -n "$HOME/c.zsh"
	[ -z "$output" ]
	ccm-hook completion fish >"$HOME/c.fish"
	run -0 fish --no-config -n "$HOME/c.fish"
	[ -z "$output" ]
}

@test "completion: needs no ~/.ccm and makes none" {
	rm -r "$CCM_HOME"
	run -0 --separate-stderr ccm-hook completion bash
	[ -z "$stderr" ]
	[ ! -e "$CCM_HOME" ]
}

@test "completion: another shell is a usage error that names the three" {
	run -64 --separate-stderr ccm-hook completion tcsh
	[ -z "$output" ]
	[[ $stderr == *"takes bash, zsh or fish, not 'tcsh'"* ]]
}

@test "completion: ccm-supervisor's words are completed, too: a group's commands, and the options of all of them" {
	local offered
	offered=$(bash --norc -c '
		source <(ccm-supervisor completion bash)
		COMP_WORDS=(ccm-supervisor checkpoint "") COMP_CWORD=2
		_ccm_supervisor
		printf "%s " "${COMPREPLY[@]}"
		COMP_WORDS=(ccm-supervisor checkpoint --ke) COMP_CWORD=2
		_ccm_supervisor
		printf "%s " "${COMPREPLY[@]}"')
	[ "$offered" = 'take list show diff restore undo prune --keep-days --keep-per-session ' ]
	for shell in bash zsh fish; do
		run ! grep -q ccm-hook <(ccm-supervisor completion "$shell")
	done
}
