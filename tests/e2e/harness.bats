#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What the other tests rely on: the client is on its own, and a session that goes another way than written is noticed.

setup() { load lib.bash; e2e_sandbox; }
teardown() { term_kill; }

@test "the client of these tests reaches nothing but loopback" {
	answers '[{ "call": [["Bash", { "command": "tail -n +3 /proc/net/dev | cut -d: -f1" }]] }, { "say": "I see." }]'
	claude_p 'Which networks are there?'
	[ "$(told | sed -n '/^user result: /,$p')" = 'user result:     lo' ]
}

@test "a session that asks for more answers than were written is a failure" {
	answers '[{ "call": [["Bash", { "command": "true" }]] }]'
	run ! claude_p 'Hello.'
	[[ $output == *'not played to its end'* ]]
}

@test "a session that asks for fewer is one, too" {
	answers '[{ "say": "Hello." }, { "say": "Are you there?" }]'
	run ! claude_p 'Hello.'
	[[ $output == *'not played to its end'* ]]
}

@test "a script registered with the client itself is obeyed" {
	registered_natively PreToolUse Bash "$E2E/dropin/refuse-rm.sh"
	answers '[{ "call": [["Bash", { "command": "rm -rf made" }]] }, { "say": "So be it." }]'
	touch made
	claude_p 'Remove it.'
	[ -e made ]
	assert_told 'rm -rf is not for agents.'
}

@test "a session on a terminal can be led" {
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "Thank you." }]'
	term_start
	term_type 'Touch it.'
	term_wait 'Do you want to proceed?'
	[ ! -e made ]
	term_tmux send-keys Enter
	term_wait 'Thank you.'
	[ -e made ]
	term_type /exit
	term_wait 'the client ended with 0'
	played_out
}
