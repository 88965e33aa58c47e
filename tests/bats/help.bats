# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	COMMANDS=$(ccm-hook --help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
	mapfile -t ALL < <(all_commands)
}

# Prints each command of both programs as it is typed, a line each; those of a group one by one.
all_commands() {
	local program command
	for program in ccm-hook ccm-supervisor ccm-guard; do
		while read -r command; do
			if "$program" "$command" --help | grep -q '^Commands:'; then
				"$program" "$command" --help | sed -n "s/^  \\([a-z-]*\\) .*/$program $command \\1/p"
			else
				echo "$program $command"
			fi
		done < <("$program" --help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
	done
}

@test "help: --help lists the commands, on stdout, in 80 columns" {
	[ "$(wc -w <<<"$COMMANDS")" -gt 10 ]
	for program in ccm-hook ccm-supervisor ccm-guard; do
		run -0 --separate-stderr "$program" --help
		[ -z "$stderr" ]
		[[ $output == "Usage: $program COMMAND"* ]]
		[ "$(wc -L <<<"$output")" -le 80 ]
	done
}

@test "help: each command's --help says what it takes, on stdout, in 80 columns" {
	for command in "${ALL[@]}"; do
		# shellcheck disable=SC2086 # program and command
		run -0 --separate-stderr $command --help
		[ -z "$stderr" ]
		[[ $output == "Usage: $command"* ]]
		[ "$(wc -L <<<"$output")" -le 80 ] || { echo "too wide: $command" && return 1; }
	done
}

@test "help: asking for help changes nothing, and needs no database" {
	for command in "${ALL[@]}"; do
		# shellcheck disable=SC2086
		$command --help >/dev/null
	done
	[ ! -e "$CCM_HOME" ]
}

@test "help: an unknown option is a usage error of every command, and never a block" {
	for command in "${ALL[@]}"; do
		# shellcheck disable=SC2086
		run -64 --separate-stderr $command --no-such-option </dev/null
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
	for program in ccm-hook ccm-supervisor ccm-guard; do
		run -64 --separate-stderr "$program" no-such-command
		[ -z "$output" ]
		[ "$stderr" = "$program: unknown command 'no-such-command' (see '$program --help')" ]
		run -64 --separate-stderr "$program"
		[ -z "$output" ]
		[ "$stderr" = "$program: no command given (see '$program --help')" ]
	done
}

@test "help: an output that cannot be written is a failure" {
	run -1 --separate-stderr bash -c 'ccm-hook --help >/dev/full'
	[[ $stderr == "ccm-hook: cannot write the output: "* ]]
	run -1 --separate-stderr bash -c 'ccm-hook config --sample >/dev/full'
	[[ $stderr == "ccm-hook: cannot write the output: "* ]]
}
