#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ccm-hook run: what comes in on stdin, and what is kept of it.
load helper
setup() { ccm_sandbox; }

@test "run: an event that nobody has an opinion on is answered with nothing at all" {
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	[ -z "$stderr" ]
}

@test "run: a first event makes CCM_HOME with mode 0700 and the database with mode 0600" {
	event PreToolUse-Bash | ccm-hook run
	[ "$(stat -c %a "$CCM_HOME")" = 700 ]
	[ "$(stat -c %a "$CCM_HOME/ccm.db")" = 600 ]
}

@test "run: what an event says is kept, field by field" {
	event PreToolUse-Bash-in-subagent | CLAUDE_PROJECT_DIR=/home/dev/start ccm-hook run
	run -0 db "SELECT event, tool, host, project, cwd, permission_mode, valid, verdict, exit_status, detail FROM event"
	[ "$output" = "$(jq -r '"\(.hook_event_name)|\(.tool_name)|claude-code|/home/dev/start|\(.cwd)|\(.permission_mode)|1|none|0|\(.tool_input.command)"' "$FIXTURES/hooks/PreToolUse-Bash-in-subagent.json")" ]
	run -0 db "SELECT session_id, agent_id, agent_type, tool_use_id, prompt_id FROM event"
	[ "$output" = "$(jq -r '"\(.session_id)|\(.agent_id)|\(.agent_type)|\(.tool_use_id)|\(.prompt_id)"' "$FIXTURES/hooks/PreToolUse-Bash-in-subagent.json")" ]
}

@test "run: without CLAUDE_PROJECT_DIR the project is the session's directory" {
	event PreToolUse-Bash | ccm-hook run
	[ "$(db "SELECT project FROM event")" = /home/dev/project ]
}

@test "run: the id is a UUID of version 7 whose time is the time of arrival" {
	event Stop | ccm-hook run
	run -0 db "SELECT uuid, received_ms FROM event"
	[[ $output =~ ^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\|([0-9]+)$ ]]
	[ "$((16#${BASH_REMATCH[1]}${BASH_REMATCH[2]}))" -eq "${BASH_REMATCH[3]}" ]
}

@test "run: the payload is kept to the byte, escapes of half a character and NUL included" {
	event PreToolUse-Write-odd-unicode >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(db "SELECT valid FROM event")" = 1 ]
	db "SELECT writefile('out', body) FROM payload"
	printf '\n' >>out
	cmp in out
}

@test "run: an answer does not wait for an end of file that never comes" {
	mkfifo pipe
	{ event PreToolUse-Bash; sleep 30; } >pipe 3>&- &
	sleeper=$!
	run -0 timeout 10 ccm-hook run <pipe
	kill "$sleeper"
	[ "$(db "SELECT valid FROM event")" = 1 ]
}

@test "run: a line that can never become JSON does not wait for more of it either" {
	mkfifo pipe
	{ printf '{"hook_event_name": nonsense}\n'; sleep 30; } >pipe 3>&- &
	sleeper=$!
	run timeout 10 ccm-hook run <pipe
	kill "$sleeper"
	[ "$status" -eq 1 ]
	[ "$(db "SELECT valid FROM event")" = 0 ]
}

@test "run: an event that arrives in many small pieces is put together" {
	event PreToolUse-Bash >in
	run -0 ccm-hook run < <(while IFS= read -r -n 40 piece; do printf '%s' "$piece"; sleep 0.01; done <in; echo)
	[ "$(db "SELECT valid || detail FROM event")" = "1ls -1" ]
}

@test "run: a pretty-printed event is one event" {
	run -0 ccm-hook run <"$FIXTURES/hooks/PreToolUse-Bash.json"
	[ "$(db "SELECT count(*) || valid FROM event")" = 11 ]
}

@test "run: an event that the host adds tomorrow is kept and valid" {
	event Stop '.hook_event_name = "BrandNew" | .novel = {"a": [1, null]}' >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output$stderr" ]
	[ "$(db "SELECT event || valid FROM event")" = BrandNew1 ]
}

@test "run: unknown fields and unknown words in known fields pass" {
	event PreToolUse-Bash '.permission_mode = "surprise" | .extra = 1 | .tool_name = "NewTool"' | ccm-hook run
	[ "$(db "SELECT valid || tool || permission_mode FROM event")" = 1NewToolsurprise ]
}

@test "run: a missing field makes an invalid event that is kept with the reason" {
	event PreToolUse-Bash 'del(.tool_use_id)' >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	[[ $stderr == *"field 'tool_use_id' is missing"* ]]
	[ "$(db "SELECT valid || problem FROM event")" = "0field 'tool_use_id' is missing" ]
}

@test "run: a field of the wrong type is named with both types" {
	event PreToolUse-Bash '.tool_input = []' | ccm-hook run 2>/dev/null
	[ "$(db "SELECT problem FROM event")" = "field 'tool_input' must be object, not array" ]
}

@test "run: an invalid event whose name could be read is still judged" {
	automation 50-no 'Event: PreToolUse' <<<'echo "not that" >&2; exit 2'
	event PreToolUse-Bash 'del(.session_id)' >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
}

@test "run: empty stdin is kept as an invalid event, said on stderr, and fails" {
	run -1 --separate-stderr ccm-hook run </dev/null
	[[ $stderr == *"empty: nothing came on standard input"* ]]
	[ "$(db "SELECT valid || payload_bytes FROM event")" = 00 ]
}

@test "run: text that is not JSON is kept as it came" {
	run -1 --separate-stderr ccm-hook run <<<'hello there'
	[[ $stderr == *"not a JSON object (line 1, column 1)"* ]]
	[ "$(db "SELECT CAST(body AS TEXT) FROM payload")" = 'hello there' ]
}

@test "run: JSON that is no object is kept as it came" {
	run -1 --separate-stderr ccm-hook run <<<'[1, 2]'
	[[ $stderr == *"not a JSON object but an array"* ]]
	[ "$(db "SELECT CAST(body AS TEXT) FROM payload")" = '[1, 2]' ]
}

@test "run: binary bytes are kept as they came" {
	head -c 4096 /dev/urandom | tr -d '\n' >in
	run -1 --separate-stderr ccm-hook run <in
	db "SELECT writefile('out', body) FROM payload"
	cmp in out
}

@test "run: broken JSON names the place" {
	event PreToolUse-Bash | head -c 300 >in
	run --separate-stderr ccm-hook run <in
	[[ $stderr == *"not valid JSON: the text ends too early (line 1, column 301)"* ]]
}

@test "run: two documents on one line are one invalid event" {
	run -0 --separate-stderr ccm-hook run <<<'{"hook_event_name":"Stop"} {"hook_event_name":"Stop"}'
	[[ $stderr == *"unexpected text after the JSON object"* ]]
	[ "$(db "SELECT count(*) FROM event")" = 1 ]
}

@test "run: of a doubled key the last one counts, as in the client" {
	event PreToolUse-Bash | sed 's/^{/{"tool_name":"Read",/' | ccm-hook run
	[ "$(db "SELECT tool FROM event")" = Bash ]
}

@test "run: an event over the bound is kept cut, flagged, and still judged by a closed document" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nmax_event = 64K\n' >"$CCM_HOME/config.ini"
	automation 50-no 'Event: PreToolUse' <<-'EOS'
		jq -e '.tool_input.file_path' >/dev/null || exit 3
		[ "$CCM_TRUNCATED" = 1 ] || exit 4
		echo "no writing to $CCM_TOOL_FILE" >&2
		exit 2
	EOS
	event PreToolUse-Write '.tool_input = {file_path: "/etc/passwd", content: ("x" * 100000)}' >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output") == "no: no writing to /etc/passwd" ]]
	[ "$(db "SELECT valid, problem, payload_bytes, form FROM event JOIN payload ON event_id = id")" = "0|longer than 65536 bytes: cut there|65536|cut" ]
}

@test "run: 33 MiB are cut at the default bound of 32 MiB and still judged" {
	automation 50-no 'Event: PreToolUse' <<<'echo "no" >&2; exit 2'
	{
		event PreToolUse-Write '.tool_input.content = "CONTENT"' | sed 's/CONTENT.*/x/' | tr -d '\n'
		head -c $((33 * 1024 * 1024)) /dev/zero | tr '\0' x
		printf '"}}\n'
	} >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	[ "$(db "SELECT payload_bytes, length(body) FROM event JOIN payload ON event_id = id")" = "33554432|33554432" ]
}

@test "run: a session has a row that knows its start, its model and its end" {
	event SessionStart-startup-interactive '.session_id = "s1"' | ccm-hook run
	event PreToolUse-Bash '.session_id = "s1"' | ccm-hook run
	run -0 db "SELECT source, model IS NOT NULL, end_reason IS NULL FROM session"
	[ "$output" = "startup|1|1" ]
	event SessionEnd-other '.session_id = "s1"' | ccm-hook run
	[ "$(db "SELECT end_reason, ended_ms = (SELECT max(received_ms) FROM event), model IS NOT NULL FROM session")" = "other|1|1" ]
}

@test "run: a session that goes on after its end has an end before its last event" {
	event SessionEnd-other '.session_id = "s1"' | ccm-hook run
	sleep 0.01
	event Stop '.session_id = "s1"' | ccm-hook run
	[ "$(db "SELECT ended_ms < (SELECT max(received_ms) FROM event WHERE session_id = 's1') FROM session")" = 1 ]
}

@test "run: a session is known even if its start was never seen, and a late start is its own" {
	event Stop '.session_id = "s9"' | ccm-hook run
	[ "$(db "SELECT session_id, source IS NULL FROM session")" = "s9|1" ]
	event SessionStart-startup '.session_id = "s9"' | ccm-hook run
	[ "$(db "SELECT source FROM session")" = startup ]
}

@test "run: a long text in an event is kept cut, with its length, and automations get all of it" {
	automation 50-count 'Event: PreToolUse' <<<'jq ".tool_input.content | length" >"$HOME/count"'
	event PreToolUse-Write '.tool_input.content = ("é\"" * 50000)' | ccm-hook run
	[ "$(cat "$HOME/count")" = 100000 ]
	run -0 db "SELECT form, length(body) < 6000, payload_bytes > 200000, json_extract(CAST(body AS TEXT), '\$.tool_input.content') FROM payload JOIN event ON event_id = id"
	[[ $output == "trimmed|1|1|é\"é\""*"é\"…[200000 bytes in all]" ]]
}

@test "run: max_text = 0 keeps payloads whole" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nmax_text = 0\n' >"$CCM_HOME/config.ini"
	event PreToolUse-Write '.tool_input.content = ("x" * 100000)' >in
	ccm-hook run <in
	db "SELECT writefile('out', body) FROM payload"
	printf '\n' >>out
	cmp in out
}

@test "run: payload = none keeps what happened and nothing of what was said" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\npayload = none\n' >"$CCM_HOME/config.ini"
	event PreToolUse-Bash '.tool_input.command = "echo my-private-words"' | ccm-hook run
	[ "$(db "SELECT count(*) FROM payload")" = 0 ]
	[ "$(db "SELECT event || tool || (payload_bytes > 100) FROM event")" = PreToolUseBash1 ]
	run -1 grep -r my-private-words "$CCM_HOME"
}

@test "run: payload = redacted replaces secrets before anything is written" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\npayload = redacted\n' >"$CCM_HOME/config.ini"
	local key="sk-ant-api03-$(printf 'a1B2%.0s' $(seq 20))"
	automation 50-tell 'Event: PreToolUse' <<<"echo 'seen $key' >&2; exit 2"
	event PreToolUse-Bash ".tool_input.command = \"curl -H 'x-api-key: $key'\"" | ccm-hook run
	[[ $(db "SELECT form || CAST(body AS TEXT) FROM payload") == redacted*"[redacted:"* ]]
	run -1 grep -ra --exclude-dir=automations "$key" "$CCM_HOME"
}

@test "run: a mistyped option is a usage error and never a block" {
	event PreToolUse-Bash >in
	run -64 --separate-stderr ccm-hook run --no-such-option <in
	[ -z "$output" ]
	[[ $stderr == *"unknown option '--no-such-option'"* ]]
}

@test "run: a relative CCM_HOME is refused by name" {
	event Stop >in
	CCM_HOME=here run -1 --separate-stderr ccm-hook run <in
	[[ $stderr == *"CCM_HOME must be an absolute path, not 'here'"* ]]
}
