# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	COMMANDS=$(ccm-hook --help | sed -n 's/^  \([a-z]*\) .*/\1/p')
}

@test "help: ccm-hook --help lists the commands, on stdout, in 80 columns" {
	run -0 --separate-stderr ccm-hook --help
	[ -z "$stderr" ]
	[[ $output == "Usage: ccm-hook COMMAND"* ]]
	[ "$(wc -w <<<"$COMMANDS")" -gt 10 ]
	[ "$(wc -L <<<"$output")" -le 80 ]
}

@test "help: each command's --help says what it takes, on stdout, in 80 columns" {
	for command in $COMMANDS; do
		run -0 --separate-stderr ccm-hook "$command" --help
		[ -z "$stderr" ]
		[[ $output == "Usage: ccm-hook $command"* ]]
		[ "$(wc -L <<<"$output")" -le 80 ] || { echo "too wide: $command" && return 1; }
	done
}

@test "help: asking for help changes nothing, and needs no database" {
	for command in $COMMANDS; do
		ccm-hook "$command" --help >/dev/null
	done
	[ ! -e "$CCM_HOME" ]
}

@test "help: an unknown option is a usage error of every command, and never a block" {
	for command in $COMMANDS; do
		run -64 --separate-stderr ccm-hook "$command" --no-such-option </dev/null
		[ -z "$output" ]
		[[ $stderr == *"unknown option '--no-such-option'"* ]]
	done
}

@test "help: it comes even if the database is broken" {
	mkdir -p "$CCM_HOME"
	echo "no database" >"$CCM_HOME/ccm.db"
	run -0 --separate-stderr ccm-hook log --help
	[ -z "$stderr" ]
}

@test "help: an unknown command and none at all are usage errors" {
	run -64 --separate-stderr ccm-hook no-such-command
	[ -z "$output" ]
	[ "$stderr" = "ccm-hook: unknown command 'no-such-command' (see 'ccm-hook --help')" ]
	run -64 --separate-stderr ccm-hook
	[ -z "$output" ]
	[ "$stderr" = "ccm-hook: no command given (see 'ccm-hook --help')" ]
}

@test "help: an output that cannot be written is a failure" {
	run -1 --separate-stderr bash -c 'ccm-hook --help >/dev/full'
	[[ $stderr == "ccm-hook: cannot write the output: "* ]]
	run -1 --separate-stderr bash -c 'ccm-hook config --sample >/dev/full'
	[[ $stderr == "ccm-hook: cannot write the output: "* ]]
}
