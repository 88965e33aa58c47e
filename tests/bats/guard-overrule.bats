# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: the automation has three seconds, and with ccm-hook and ccm-guard under valgrind they are over before it answers.
#
# security-guard: a person can overrule a refusal and an agent cannot, and detours end a session.
# shellcheck shell=bash

load helper
load guard

setup() { guard_sandbox; }

teardown() {
	[ ! -S "$BATS_TEST_TMPDIR/tmux" ] || tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server || :
}

# Usage: refused COMMAND [SESSION]
# Sets code.
refused() {
	judge "$@"
	[ "$verdict" = deny ]
	code=$(code_of "$reason")
	[[ $code =~ ^[2-9A-Z]{4}-[2-9A-Z]{4}$ ]]
}

@test "allow-once: what a person allows at a terminal runs, for ten minutes" {
	refused 'danger now'
	run -0 at_terminal "ccm-hook allow-once $code"
	[[ $output == "Allowed until "*", in this session only (s1), from rule danger:"$'\n'"    danger now"$'\n'"in the project $PWD. Tell the agent to try again." ]]
	judge 'danger now'
	[ "$verdict" = none ]
	judge 'danger now'
	[ "$verdict" = none ]
	[ "$(db 'SELECT allowed_until_ms - allowed_ms, passes, times FROM refusal')" = '600000|2|1' ]
	[[ $(ccm-hook show last --json | jq -r '.runs[0].stderr') == *'a person allowed what rule danger refuses'* ]]
}

@test "allow-once: after the time has passed it is refused again, with the same code" {
	refused 'danger now'
	at_terminal "ccm-hook allow-once $code"
	db 'UPDATE refusal SET allowed_until_ms = allowed_until_ms - 600000'
	local before=$code
	refused 'danger now'
	[ "$code" = "$before" ]
}

@test "allow-once: [guard] overrule sets the time" {
	config 'overrule = 2h'
	refused 'danger now'
	at_terminal "ccm-hook allow-once $code"
	[ "$(db 'SELECT allowed_until_ms - allowed_ms FROM refusal')" = 7200000 ]
}

@test "allow-once --session: it lasts until the session ends" {
	refused 'danger now'
	run -0 at_terminal "ccm-hook allow-once --session $code"
	[[ $output == 'Allowed until the session ends, in this session only'* ]]
	judge 'danger now'
	[ "$verdict" = none ]
	jq -nc --arg cwd "$PWD" '{ session_id: "s1", transcript_path: "/t", cwd: $cwd, hook_event_name: "SessionEnd", reason: "other" }' |
		ccm-hook run
	judge 'danger now'
	[ "$verdict" = deny ]
}

@test "allow-once: nothing else is allowed by it: no other command, directory, session or project" {
	config 'detour_limit = 0'
	refused 'danger now'
	at_terminal "ccm-hook allow-once $code"
	judge 'danger  now'
	[ "$verdict" = deny ]
	judge 'danger now' s2
	[ "$verdict" = deny ]
	(mkdir other && cd other && judge 'danger now' && [ "$verdict" = deny ])
	CLAUDE_PROJECT_DIR=/tmp judge 'danger now'
	[ "$verdict" = deny ]
	judge 'danger now'
	[ "$verdict" = none ]
}

@test "allow-once: a code may be typed in small letters and without its dash" {
	refused 'danger now'
	code=${code,,}
	run -0 at_terminal "ccm-hook allow-once ${code/-/}"
	judge 'danger now'
	[ "$verdict" = none ]
}

@test "allow-once: a code that was never given is told, and what is no code is a usage error" {
	run -1 at_terminal 'ccm-hook allow-once AAAA-AAAA'
	[[ $output == *'nothing was refused with the code AAAA-AAAA'* ]]
	run -64 at_terminal 'ccm-hook allow-once danger'
	[[ $output == *"a code has eight letters and digits, as in K7QX-3M9P, not 'danger'"* ]]
}

@test "allow-once: refused without a terminal, as the tools of an agent run" {
	refused 'danger now'
	run -1 --separate-stderr env -u TERM setsid -w ccm-hook allow-once "$code" </dev/null
	[[ $stderr == *'only a person can overrule security-guard, on a terminal of their own: '* ]]
	[ "$(db 'SELECT count(allowed_ms) FROM refusal')" = 0 ]
}

@test "allow-once: refused on a terminal whose standard input is something else" {
	refused 'danger now'
	run -1 at_terminal "echo $code | ccm-hook allow-once $code"
	[[ $output == *'standard input is not a terminal'* ]]
}

@test "allow-once: refused where the environment is an agent's" {
	refused 'danger now'
	for variable in CLAUDECODE=1 CLAUDE_CODE_SESSION_ID=x AI_AGENT=x CCM_EVENT=PreToolUse; do
		run -1 at_terminal "$variable ccm-hook allow-once $code"
		[[ $output == *"${variable%%=*} is set, as an agent sets it"* ]]
	done
	[ "$(db 'SELECT count(allowed_ms) FROM refusal')" = 0 ]
}

@test "allow-once: refused where a process above it has the environment of an agent, though it was cleared since" {
	refused 'danger now'
	run -1 at_terminal "CLAUDECODE=1 sh -c 'env -u CLAUDECODE ccm-hook allow-once $code; exit \$?'"
	[[ $output == *'it descends from process '*', in which CLAUDECODE is set'* ]]
}

@test "allow-once: refused where a process above it is the agent, or ccm-hook" {
	refused 'danger now'
	mkdir "$HOME/bin"
	for name in claude ccm-hook; do
		printf '#!/bin/sh\n"$@"\nexit $?\n' >"$HOME/bin/$name"
		chmod +x "$HOME/bin/$name"
		run -1 at_terminal "$HOME/bin/$name '$CCM_BUILD/ccm-hook' allow-once $code"
		[[ $output == *"it descends from process "*", which is $HOME/bin/$name"* ]]
	done
}

@test "refusals: each is on record, and a repeated one counts" {
	refused 'danger now'
	refused 'danger now'
	refused 'hazard'
	[ "$(db 'SELECT tool, rule, rule_group, times, session_id FROM refusal ORDER BY id')" = \
		$'Bash|danger|perils|2|s1\nBash|hazard|perils|1|s1' ]
	[ "$(db 'SELECT count(DISTINCT code) FROM refusal')" = 2 ]
}

@test "refusals: what was refused is not kept in words" {
	refused 'danger secret-word'
	[ "$(db 'SELECT count(*) FROM refusal WHERE code || project || subject || tool || rule LIKE "%secret-word%"')" = 0 ]
}

@test "refusals: a database that takes nothing refuses all the same, without a code" {
	rm "$CCM_HOME"/ccm.db*
	mkdir "$CCM_HOME/ccm.db"
	judge 'danger now'
	[ "$verdict" = deny ]
	[[ $reason != *allow-once* ]]
}

@test "detours: the third different attempt of a group halts the session, with an alert" {
	refused 'danger one'
	refused 'danger two'
	[ "$(jq 'has("continue")' <<<"$output")" = false ]
	refused 'hazard three'
	[ "$(jq .continue <<<"$output")" = false ]
	[[ $(jq -r .stopReason <<<"$output") == "security-guard refused 3 different attempts of the group 'perils' in this session"* ]]
	[ "$(db "SELECT level, kind, source, session_id FROM alert")" = 'urgent|halt|security-guard|s1' ]
	[[ $(db 'SELECT body FROM alert') == 'It would do other harm. [rule hazard]'*$'\nThe session goes on with your next prompt in it.' ]]
	[ "$(db 'SELECT title FROM alert')" = \
		"${PWD##*/}: security-guard halted the session: it refused 3 different attempts of the group 'perils'" ]
}

@test "detours: the same command again is no detour" {
	for _ in 1 2 3 4; do refused 'danger one'; done
	[ "$(jq 'has("continue")' <<<"$output")" = false ]
}

@test "detours: other sessions and what a person allowed do not count" {
	refused 'danger one'
	at_terminal "ccm-hook allow-once $code"
	refused 'danger two'
	refused 'danger three' s2
	refused 'danger four'
	[ "$(jq 'has("continue")' <<<"$output")" = false ]
}

@test "detours: detour_limit sets how many, and 0 never halts" {
	config 'detour_limit = 2'
	refused 'danger one'
	refused 'danger two'
	[ "$(jq .continue <<<"$output")" = false ]
	say 'go on'
	config 'detour_limit = 0'
	for n in 1 2 3 4; do refused "danger $n"; done
	[ "$(jq 'has("continue")' <<<"$output")" = false ]
}

@test "halted: every later call of the session is refused, whatever it is, until the person speaks" {
	config 'detour_limit = 1'
	refused 'danger one'
	for tool in Glob Agent Bash; do
		judge_call "$tool" '{ "pattern": "*", "command": "make all" }'
		[ "$verdict" = deny ]
		[[ $reason == "ccm: this session is halted until the person's next prompt: security-guard refused 1 "* ]]
		[ "$(jq .continue <<<"$output")" = false ]
	done
	judge 'make all' s2
	[ "$verdict" = none ]
	say 'use make clean instead'
	judge 'make all'
	[ "$verdict" = none ]
}

@test "halted: a prompt that the client makes itself does not end it" {
	config 'detour_limit = 1'
	refused 'danger one'
	say '<task-notification>done</task-notification>'
	judge 'make all'
	[ "$verdict" = deny ]
}

@test "halted: PostToolBatch is told to stop, which older clients obey" {
	config 'detour_limit = 1'
	refused 'danger one'
	run -0 --separate-stderr ccm-hook run < <(event PostToolBatch-one '.session_id = "s1"')
	[ "$(jq .continue <<<"$output")" = false ]
	[[ $(jq -r .stopReason <<<"$output") == 'security-guard refused 1 different attempts '* ]]
}

@test "halted: allow-once ends it, too" {
	config 'detour_limit = 1'
	refused 'danger one'
	at_terminal "ccm-hook allow-once $code"
	judge 'danger one'
	[ "$verdict" = none ]
}

@test "halted: a stop with a refusal of any automation holds" {
	automation 10-enough 'Event: PreToolUse' 'Match: Bash' <<-'EOF'
		echo '{"continue":false,"stopReason":"enough","hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no"}}'
	EOF
	judge 'make all'
	rm "$CCM_HOME/automations/enabled/10-enough"
	judge 'make all'
	[ "$verdict" = deny ]
	[ "$reason" = "ccm: this session is halted until the person's next prompt: enough" ]
}

@test "halted: it holds while another process has the database locked, and after one without state.db" {
	config 'detour_limit = 1'
	printf '[storage]\nbusy_timeout = 50ms\n' >>"$CCM_HOME/config.ini"
	refused 'danger one'
	rm "$CCM_HOME"/state.db*
	event PreToolUse-Bash '.session_id = "s1" | .tool_input.command = "make all"' >in
	run --separate-stderr sqlite3 "$CCM_HOME/ccm.db" 'BEGIN IMMEDIATE' '.shell ccm-hook run <in'
	[[ $output == *"this session is halted until the person's next prompt"* ]]
	judge 'make all'
	[ "$verdict" = deny ]
}

@test "halted: nobody but ccm changes what it keeps of it" {
	config 'detour_limit = 1'
	refused 'danger one'
	run -64 --separate-stderr ccm-hook state del --automation=ccm --session=s1 halted
	[[ $stderr == *"what 'ccm' keeps is its own"* ]]
	run -64 --separate-stderr ccm-hook state set --automation=ccm --session=s1 halted x
	judge 'make all'
	[ "$verdict" = deny ]
}
