#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tasks where the system lacks a layer of the sandbox, as containers and older kernels do.

setup() {
	load task
	task_setup
	mkdir -p "$CCM_HOME"
	# What Landlock can do here by itself; below ABI 6 it is not enough.
	ABI=$(sed -n 's/^Landlock .*ABI \([0-9]*\)$/\1/p' "$BATS_TEST_TMPDIR/check")
}

without() { python3 "$CCM_SOURCE/tests/bin/deny.py" "$@"; }

# A refusal says what is missing, and leaves nothing.
refused() {
	run -1 --separate-stderr without "$1" ccm-supervisor run -- true
	[ -z "$output" ]
	[[ $stderr == *"no sandbox here: $2"*"'ccm-supervisor sandbox check' says what to enable"* ]]
	run -1 --separate-stderr without "$1" ccm-supervisor sandbox check
	[[ $output == *'No sandbox: nothing is run.'* ]]
}

@test "fallback: without namespaces a task runs by Landlock and seccomp alone, says so, and is kept in" {
	[ "$ABI" -ge 6 ] || { refused namespaces 'namespaces are refused' && return; }
	echo SECRET >"$HOME/secret"
	run -0 --separate-stderr without namespaces ccm-supervisor run -- sh -c "echo more >>file; git commit -qam more; git push . HEAD:evil
		cat $HOME/secret; touch $HOME/evil; python3 -c 'import socket; socket.socket(socket.AF_UNIX)'; unshare -U true; echo ended" </dev/null
	task_last
	[ "$output" = ended ]
	[[ $stderr == *'the task has no namespaces, only Landlock and seccomp: cannot make namespaces: Operation not permitted'* ]]
	[ ! -e "$HOME/evil" ]
	[ "$(ccm-supervisor task show "$ID" --json | jq -r .layers)" = 'landlock, seccomp' ]
	[[ $(ccm-supervisor task log "$ID") == *'no namespaces: cannot make namespaces'* ]]
	[[ $(ccm-supervisor sandbox explain "$ID") == *$'Layers: Landlock, seccomp\n'* ]]
	without namespaces ccm-supervisor task merge "$ID" --approve "$(task_head)"
	[ "$(tail -n 1 file)" = more ]
	run ! git rev-parse --verify --quiet evil
}

@test "fallback: in the background, stopped, resumed and ended, it is as with namespaces" {
	[ "$ABI" -ge 6 ] || { refused namespaces 'namespaces are refused' && return; }
	run -0 --separate-stderr without namespaces ccm-supervisor run --background -- sh -c 'touch ready; sleep 100 & sleep 100' </dev/null
	ID=$output WORK=$CCM_HOME/tasks/$output/work
	: >"$BATS_TEST_TMPDIR/err"
	until_true test -e "$WORK/ready"
	ccm-supervisor task stop "$ID"
	task_state_is stopped
	ccm-supervisor task resume "$ID"
	task_state_is running
	ccm-supervisor task stop --end "$ID"
	until_true task_state_is failed
}

@test "fallback: without Landlock nothing is run, with namespaces or not, and what is missing is said" {
	refused landlock 'Landlock ABI 2 is needed (Linux 5.19), this kernel has none'
	refused landlock,namespaces 'Landlock ABI 2 is needed'
	[ "$(ccm-supervisor task list --all --json | jq -r .state | sort -u)" = failed ]
	[ "$(git status --porcelain)" = '' ]
}
