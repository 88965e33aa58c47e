# SPDX-License-Identifier: MIT
# Every shell script of the tree passes shellcheck, in the dialect that it says it is written in.
# shellcheck shell=bash

load helper

setup() { ccm_sandbox; }

# Usage: shell_files 0|1
# Prints, each behind a NUL, the scripts that are no tests (0) or the tests (1).
shell_files() {
	local file line
	find "$CCM_SOURCE"/{.ci,bootstrap,automations,hooks,lib-sh,runtime,schema,tests} \
		-type f ! -path '*/fixtures/*' -print0 2>/dev/null |
		while IFS= read -r -d '' file; do
			case $file in
			*.bats | */tests/bats/*.bash) [ "$1" = 0 ] || printf '%s\0' "$file"; continue ;;
			*.sh | *.bash) ;;
			*)
				IFS= read -r line <"$file" || [ -n "$line" ] || continue
				[[ $line =~ ^#!.*[/\ ](sh|dash|bash)(\ |$) ]] || continue
				;;
			esac
			[ "$1" = 1 ] || printf '%s\0' "$file"
		done
}

@test "shellcheck: scripts" {
	cd "$CCM_SOURCE"
	[ "$(shell_files 0 | tr -cd '\0' | wc -c)" -ge 3 ]
	shell_files 0 | xargs -0 shellcheck -x
}

@test "shellcheck: tests" {
	cd "$CCM_SOURCE"
	# SC2016, SC2030, SC2031: scripts in quotes are other shells', and each @test is a subshell.
	# SC2154: bats sets $stderr. SC2155, SC2174: in a sandbox neither a lost status nor a mode does harm.
	shell_files 1 | xargs -0 shellcheck -x -e SC2016,SC2030,SC2031,SC2154,SC2155,SC2174
}

@test "shellcheck: what users are given is POSIX sh, and says so to shellcheck" {
	local file
	for file in "$CCM_SOURCE"/automations/[!M]* "$CCM_SOURCE"/lib-sh/*.sh; do
		[ ! -d "$file" ] || continue
		grep -q '^# shellcheck shell=dash' "$file" || {
			printf 'no shellcheck line: %s\n' "$file" >&2
			return 1
		}
		dash -n "$file"
		busybox sh -n "$file"
	done
}
