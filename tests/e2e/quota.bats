#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Quota with the real client and the real ccusage: what is spent is seen, what must wait waits, and a person may go on anyway.

setup() {
	load lib.bash
	e2e_sandbox
	registered
	ccm-hook init
	ccm-hook enable quota-pause
}
teardown() { term_kill; }

# Usage: plan TOKENS
# The plan allows so many tokens in five hours. An answer of our stand-in costs fifteen.
plan() {
	printf '[quota]\ntoken_limit = %s\nccusage_command = %s\n' "$1" "$CCM_BUILD/tests/e2e/node_modules/.bin/ccusage" \
		>"$CCM_HOME/config.ini"
}

# One prompt that the model answers.
ask_hello() {
	answers '[{ "say": "Hello." }]'
	claude_p 'Hello?'
	[ "$output" = 'Hello.' ]
}

@test "ccusage reads what the client wrote, and agrees with what is read of it here" {
	plan 1000
	ask_hello
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = '15 tokens (ccusage).' ]
	[ -z "$stderr" ]
	[ "$(db 'SELECT sum(tokens) FROM spent')" = 15 ]
	[ "$(db 'SELECT source, used_permille, state FROM quota')" = 'ccusage|15|ok' ]
}

@test "a subagent's tokens count, too" {
	plan 1000
	answers '[
		{ "call": [["Agent", { "description": "Rest", "subagent_type": "general-purpose", "prompt": "SUBTASK: rest" }]] },
		{ "for": "SUBTASK", "say": "Rested." },
		{ "say": "Done." }
	]'
	claude_p 'Rest.'
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = '45 tokens (ccusage).' ]
	[ "$(db 'SELECT sum(tokens), count(*) FROM spent')" = '45|2' ]
}

@test "usage rises until it is critical, the next prompt is refused with the reset time, and an override lets it pass" {
	plan 16
	ask_hello
	ccm-supervisor quota poll
	[ "$(db 'SELECT state FROM quota')" = critical ]
	answers '[]'
	claude_p 'And now?'
	[[ $output == *'93 % of the 5 h limit is used; it starts anew at '*'ccm-supervisor quota override --for 1h'* ]]
	[ "$(db "SELECT prompt FROM held")" = 'And now?' ]
	ccm-supervisor quota override --for 1h
	ask_hello
}

@test "an agent at work is stopped at its next tool call, which does not run" {
	answers '[
		{ "call": [["Bash", { "command": "ccm-supervisor quota pause" }]] },
		{ "call": [["Bash", { "command": "touch made" }]] },
		{ "say": "I stop." }
	]'
	claude_p 'Touch it.'
	[ ! -e made ]
	assert_told 'work was paused by a person'
	[ "$(db "SELECT verdict, stop FROM event WHERE event = 'PreToolUse' ORDER BY id DESC LIMIT 1")" = 'deny|1' ]
	[ "$(db 'SELECT scope, prompt IS NULL FROM held')" = 'person|1' ]
}

@test "on a terminal the status line is shown, and what it was told is on record" {
	ccm-hook install --statusline
	answers '[{ "say": "Thank you." }]'
	term_start
	term_wait 'project (main)'
	term_type 'Hello.'
	term_wait 'Thank you.'
	metered() { [ "$(db 'SELECT count(*) FROM meter WHERE context_permille IS NOT NULL AND transcript IS NOT NULL')" = 1 ]; }
	wait_for 60 metered
	term_type /exit
	term_wait 'the client ended with 0'
	[ "$(db 'SELECT session_id FROM meter')" = "$(recorded .session_id | sort -u)" ]
}

@test "a status line that was there before is shown together with ours" {
	jq '.statusLine = { type: "command", command: "jq -r .model.id; echo one of mine" }' "$CLAUDE_CONFIG_DIR/settings.json" >settings
	mv settings "$CLAUDE_CONFIG_DIR/settings.json"
	ccm-hook install --wrap-statusline
	answers '[]'
	term_start
	term_wait 'one of mine'
	term_wait 'project (main)'
}

# The client that the daemon starts: as in claude_p, with the answers of the moment.
resumer() {
	export -f client in_namespace
	export T E2E KEY CCM_CLIENT
	cat >"$T/resumer" <<-'EOF2'
		#!/bin/bash
		client "$@" --permission-mode acceptEdits
	EOF2
	chmod +x "$T/resumer"
	printf '[resume]\nsessions = on\ngap = 0\nclaude_command = %s\n' "$T/resumer" >>"$CCM_HOME/config.ini"
}

@test "from usage in a transcript to a refused prompt to the reset to a session that goes on by itself, once" {
	local session daemon
	plan 16
	resumer
	echo 0 >"$T/clock"
	ask_hello
	session=$(recorded .session_id | sort -u)
	CCM_TEST_CLOCK_FILE="$T/clock" "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" daemon --verbose 2>"$T/daemon.err" 3>&- &
	daemon=$!
	critical() { [ "$(db 'SELECT state FROM quota' 2>/dev/null)" = critical ]; }
	wait_for 60 critical
	answers '[]'
	claude_p 'Touch the file.' --resume "$session"
	[[ $output == *'93 % of the 5 h limit is used; it starts anew at '* ]]
	[ "$(db 'SELECT session_id, state FROM held')" = "$session|held" ]

	answers '[{ "call": [["Write", { "file_path": "made", "content": "it" }]] }, { "say": "Touched." }]'
	echo 21600 >"$T/clock"
	ccm-hook alert info 'wake up'
	resumed() { [ "$(db 'SELECT state, resumes FROM held')" = 'done|1' ]; }
	wait_for 100 resumed || { cat "$CCM_HOME/supervisor.log" >&2; kill "$daemon"; return 1; }
	kill "$daemon"
	wait "$daemon" || :
	[ "$(cat made)" = it ]
	played_out
	assert_told 'user: Hello?'
	assert_told 'Touch the file.'
	[ "$(db "SELECT count(*) FROM event WHERE event = 'UserPromptSubmit' AND verdict = 'none' AND session_id = '$session'")" = 2 ]
}

# Usage: task_p PROMPT - one client in a task, in the background: RUNNER. The time of its supervisor is ours to move.
task_p() {
	local client=$CCM_CLIENT
	export -f client in_namespace
	export T E2E KEY
	printf '#!/bin/sh\nCCM_TEST_CLOCK_FILE=%s exec %s "$@"\n' "$T/clock" "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" \
		>"$T/supervisor"
	chmod +x "$T/supervisor"
	CCM_CLIENT=$T/supervisor timeout --kill-after=5 120 bash -c 'client "$@"' bash run -- "$client" -p "$1" \
		--permission-mode acceptEdits --allowedTools Bash </dev/null >"$T/task.out" 2>"$T/task.err" 3>&- &
	RUNNER=$!
}

@test "from usage in a transcript to a held task to the reset to a task that goes on by itself, once" {
	local task
	ccm-supervisor sandbox check >"$T/check" || skip "no sandbox here: $(tail -n 1 "$T/check")"
	git -c user.name=A -c user.email=a@example.org commit --quiet --allow-empty -m 'the beginning'
	plan 16
	echo 0 >"$T/clock"
	ask_hello
	answers '[
		{ "call": [["Bash", { "command": "touch ready; until [ -e go ]; do sleep 0.1; done; touch made" }]] },
		{ "say": "Made." }
	]'
	task_p 'Make it.'
	is_ready() { [ -e "$(echo "$CCM_HOME"/tasks/*/work/ready)" ]; }
	wait_for 60 is_ready
	task=$(ccm-supervisor task list --json | jq -r .id)
	state_is() { [ "$(db 'SELECT state, resumes FROM task')" = "$1" ]; }
	state_is 'running|0'

	ccm-supervisor quota poll
	wait_for 60 state_is 'stopped|0'
	[[ $(ccm-supervisor task show "$task" --json | jq -r .why) == 'held: 93 % of the 5 h limit is used; it starts anew at '* ]]
	touch "$CCM_HOME/tasks/$task/work/go"
	echo 21600 >"$T/clock"
	wait_for 100 state_is 'finished|1' || { cat "$T/task.err" >&2; kill "$RUNNER"; return 1; }
	wait "$RUNNER"
	[ "$(cat "$T/task.out")" = Made. ]
	[ -e "$CCM_HOME/tasks/$task/work/made" ]
	played_out
}

@test "a client in a task that has lost its supervisor goes on with its session, in the sandbox" {
	ccm-supervisor sandbox check >"$T/check" || skip "no sandbox here: $(tail -n 1 "$T/check")"
	git -c user.name=A -c user.email=a@example.org commit --quiet --allow-empty -m 'the beginning'
	echo 0 >"$T/clock"
	answers '[{ "call": [["Bash", { "command": "touch ready; sleep 100" }]] }, { "say": "Never." }]'
	task_p 'Make it.'
	is_ready() { [ -e "$(echo "$CCM_HOME"/tasks/*/work/ready)" ]; }
	wait_for 60 is_ready
	ccm-supervisor quota pause
	state_is() { [ "$(db 'SELECT state, resumes FROM task')" = "$1" ]; }
	wait_for 60 state_is 'stopped|0'
	kill -KILL "$(db 'SELECT pid FROM task')"
	wait "$RUNNER" || :
	ccm-supervisor quota resume

	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "Made." }]'
	CCM_CLIENT=$T/supervisor run -0 --separate-stderr client job resume-tasks
	[ -z "$stderr" ]
	state_is 'finished|1'
	[ -e "$(echo "$CCM_HOME"/tasks/*/work/made)" ]
	played_out
	assert_told 'Make it.'
	assert_told 'user: Go on with the work: it was held back for want of quota'
}
