#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Automations that fail, as the client sees it: it is never kept waiting, and closed means closed.

setup() {
	load lib.bash
	e2e_sandbox
	registered
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "Done." }]'
}

teardown() {
	[ ! -s "$T/daemon" ] || kill "$(cat "$T/daemon")"
}

@test "a crashed automation with On-failure: closed denies the call" {
	automation 50-guard 'Event: PreToolUse' 'On-failure: closed' <<-'EOF'
		kill -SEGV $$
	EOF
	claude_p 'Touch it.'
	[ ! -e made ]
	assert_told 'user failed: guard: was ended by signal 11'
}

@test "a crashed automation without it lets the call pass and tells the model nothing" {
	automation 50-helper 'Event: PreToolUse' <<-'EOF'
		kill -SEGV $$
	EOF
	claude_p 'Touch it.'
	[ -e made ]
	refute_told helper
	[ "$(recorded 'select(.event == "PreToolUse") | .runs[0] | "\(.automation) \(.signal) \(.verdict)"')" = 'helper 11 none' ]
}

@test "a hanging automation is cut at its Timeout and the turn goes on" {
	automation 50-hang 'Event: PreToolUse' 'Timeout: 1s' <<-'EOF'
		sleep 600
	EOF
	claude_p 'Touch it.'
	[ -e made ]
	[ "$(recorded 'select(.event == "PreToolUse") | .runs[0].timed_out')" = true ]
	took_us=$(recorded 'select(.event == "PreToolUse") | .took_us')
	[ "$took_us" -ge 1000000 ]
	[ "$took_us" -lt 20000000 ]
}

# The client waits for the end of a hook's stdout and stderr, without any limit.
@test "a daemon that keeps an automation's stdout and stderr does not stall the client" {
	automation 50-daemon 'Event: PreToolUse' <<-EOF
		setsid sh -c 'echo \$\$ >"$T/daemon"; exec sleep 600' &
		while ! [ -s "$T/daemon" ]; do sleep 0.01; done
	EOF
	claude_p 'Touch it.'
	[ -e made ]
	[ "$output" = 'Done.' ]
}
