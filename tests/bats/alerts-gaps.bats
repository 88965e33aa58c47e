# SPDX-License-Identifier: MIT
# What a transcript has and ccm has not heard of.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	SESSION=11111111-2222-3333-4444-555555555555
	TRANSCRIPT="$CLAUDE_CONFIG_DIR/projects/p/$SESSION.jsonl"
	mkdir -p "${TRANSCRIPT%/*}"
	MINUTE=3
}

# Usage: heard EVENT ID [TOOL] - the hook told of it, ten minutes ago.
heard() {
	event "$1-Bash" ".session_id = \"$SESSION\" | .tool_use_id = \"$2\" | .tool_name = \"${3:-Bash}\" |
		.transcript_path = \"$TRANSCRIPT\"" | ccm-hook run
	db "UPDATE event SET received_ms = received_ms - 600000 WHERE tool_use_id = '$2' AND event = '$1';
		UPDATE session SET first_ms = min(first_ms, (SELECT min(received_ms) FROM event))"
}

# Usage: called ID [TOOL [IS-ERROR [FILE]]] - the client made the call, MINUTE minutes ago.
called() {
	local time
	time=$(date -u -d "$MINUTE minutes ago" +%Y-%m-%dT%H:%M:%S.000Z)
	jq -nc --arg id "$1" --arg tool "${2:-Bash}" --arg time "$time" --argjson error "${3:-false}" '
		{ type: "assistant", timestamp: $time, message: { content: [{ type: "text", text: "x" }, { type: "tool_use", id: $id, name: $tool }] } },
		{ type: "user", timestamp: $time, message: { content: [{ type: "tool_result", tool_use_id: $id, is_error: $error, content: "" }] } }' \
		>>"${4:-$TRANSCRIPT}"
}

gaps() {
	ccm-supervisor job gaps
	db "SELECT level || '|' || title || '|' || body FROM alert WHERE kind = 'hook-gap'"
}

@test "gaps: where every call was told of, before and after, nothing is said" {
	heard PreToolUse a
	heard PostToolUse a
	called a
	[ -z "$(gaps)" ]
}

@test "gaps: calls that ran without a hook, or whose end none told, are told once" {
	heard PreToolUse a
	heard PostToolUse a
	heard PreToolUse b
	called a
	called b
	called c
	run -0 gaps
	[ "$output" = "warning|session 11111111: ccm did not see every tool call|Before they ran: 1 of Bash.
How they ended: 2 of Bash.
The client ended a hook, or hooks were off for a while. 'ccm-hook doctor' tells how it is now." ]
	[ "$(gaps)" = "$output" ]
}

@test "gaps: a call that failed, one of a tool that no hook is for, and ones from before or just now are none" {
	heard PreToolUse a
	heard PostToolUse a
	called b Bash true
	called c WebFetch
	MINUTE=20 called d
	MINUTE=0 called e
	[ -z "$(gaps)" ]
}

@test "gaps: a session of which nothing was heard is told, where others of its folder were" {
	local other="${TRANSCRIPT%/*}/99999999-2222-3333-4444-555555555555.jsonl"
	heard PreToolUse a
	heard PostToolUse a
	called a
	called x Bash false "$other"
	ccm-supervisor job quota
	[ "$(gaps)" = "warning|session 99999999 runs without ccm|1 tool calls, and no event of it. Its hooks do not run: 'ccm-hook doctor' tells why.
$other" ]
	[ "$(gaps | grep -c session)" = 1 ]
}

@test "gaps: events that wait in the spool are told once they have waited for long, and no gaps meanwhile" {
	local time
	heard PreToolUse a
	heard PostToolUse a
	called c
	time=$(printf '%012x' "$(($(date +%s%3N) - 1200000))")
	printf x >"$CCM_HOME/spool/${time:0:8}-${time:8}-7000-8000-000000000000.event"
	ccm-supervisor job gaps
	[ "$(db "SELECT level || ' ' || title FROM alert")" = 'urgent storage: events wait in the spool' ]
	ccm-supervisor job gaps
	[ "$(db "SELECT count(*) FROM alert")" = 1 ]
}
