# SPDX-License-Identifier: MIT
# All shell of the project, by whatever name.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	cd "$CCM_SOURCE" || return
}

# Usage: shell_files FILE-OR-FOLDER...
# Prints the files among them that a shell reads, one a line.
shell_files() {
	find "$@" -type f -exec grep -lE '^#!.*(sh|bats)$|^# shellcheck shell=' {} + | sort
}

@test "shell: shellcheck has nothing to say of what is installed or run" {
	local files
	mapfile -t files < <(shell_files bootstrap .ci automations hooks lib-sh tests/run-all)
	[ "${#files[@]}" -ge 4 ]
	run -0 shellcheck -x "${files[@]}"
	[ -z "$output" ]
}

@test "shell: shellcheck has nothing to say of the tests" {
	local files
	mapfile -t files < <(shell_files tests)
	[ "${#files[@]}" -gt 10 ]
	# Not heard here: automations quoted for later ($ in quotes), variables that bats sets, each @test a subshell, local x=$(...), mkdir -pm.
	run -0 shellcheck -x -e SC2016,SC2030,SC2031,SC2154,SC2155,SC2174 "${files[@]}"
	[ -z "$output" ]
}

@test "shell: what is installed is POSIX sh with local: dash and busybox can read it" {
	local file
	while read -r file; do
		dash -n "$file"
		busybox sh -n "$file"
	done < <(shell_files bootstrap .ci automations hooks lib-sh tests/run-all)
}
