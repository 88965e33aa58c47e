# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load history

setup() { ccm_sandbox; }

# Usage: feed FIXTURE [JQ-FILTER]
# One event through the whole of ccm; what it answered is not looked at here.
feed() {
	event "$@" | ccm-hook run >/dev/null 2>&1 || true
}

# Usage: why ID
why() {
	ccm-hook show "$1" --json | jq -r .why
}

@test "show: tells what is known of an event, its payload laid out, and that nobody spoke" {
	feed PreToolUse-Bash
	run -0 --separate-stderr ccm-hook show 1
	[ -z "$stderr" ]
	[ "${lines[0]}" = "1 PreToolUse Bash none" ]
	[[ $output == *"  session     9c7d1e39-a1ae-4f59-b5fe-a08d977498f1"* ]]
	[[ $output == *"  why         No automation was enabled for this event. Nothing was answered."* ]]
	[[ $output == *'Payload, '*' bytes'$'\n''  {'$'\n''    "session_id": "9c7d1e39-'* ]]
	[[ $output == *$'\n''    "tool_input": {'$'\n''      "command": "ls -1",'* ]]
	[[ $output != *Runs* ]]
}

@test "show: tells each run, and why the answer is what it is" {
	automation 10-guard 'Event: PreToolUse' <<<'echo "not here" >&2; exit 2'
	automation 10-asker <<<'echo "{\"hookSpecificOutput\":{\"hookEventName\":\"PreToolUse\",\"permissionDecision\":\"ask\"}}"'
	automation 05-broken <<<'exit 3'
	feed PreToolUse-Bash
	run -0 ccm-hook show 1
	[[ $output == *"why         guard said deny, which outranks ask by asker. broken failed, and so had no say."* ]]
	[[ $output == *"  broken none"$'\n'"    stage 5, started "*", exit 3 after "*"failed with exit status 3"* ]]
	[[ $output == *"  guard deny"$'\n'"    stage 10, started "*", exit 2 after "*"reason"$'\n'"      not here"* ]]
	[[ $output == *"    stderr"$'\n'"      not here"* ]]
	[[ $output == *$'\n'"Answer"$'\n'"  {"$'\n'*'"permissionDecisionReason": "guard: not here"'* ]]
}

@test "show: says why for a silent automation, a failed one, and an event that takes no verdict" {
	automation quiet 'Event: Stop' <<<'exit 0'
	automation crash 'Event: Notification' <<<'exit 1'
	automation deny 'Event: SessionEnd' <<<'exit 2'
	feed Stop
	feed Notification-idle_prompt
	feed SessionEnd-other
	[ "$(why 1)" = "quiet ran and had no opinion. Nothing was answered." ]
	[ "$(why 2)" = "crash failed, and so had no say. Nothing was answered." ]
	[ "$(why 3)" = "deny said deny. SessionEnd takes no deny from a hook, so it was not passed on. Nothing was answered." ]
}

@test "show: says that the agent was told to stop" {
	automation stop 'Event: PostToolUse' <<<'echo "{\"continue\":false,\"stopReason\":\"enough\"}"'
	feed PostToolUse-Bash
	[[ $(why 1) == *"The agent was told not to go on (continue: false), which wins over every verdict." ]]
}

@test "show: says that two automations of one stage disagreed about the input" {
	for who in one two; do
		automation 10-$who <<-END
			echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"$who"}}}'
		END
	done
	feed PreToolUse-Bash
	[[ $(why 1) == "No automation said ask by itself: two of one stage changed the tool's input in different ways"* ]]
}

@test "show: an event without an end is at work, or was left behind" {
	record 1 verdict=NULL took_us=NULL exit_status=NULL
	record 2 verdict=NULL took_us=NULL exit_status=NULL received_ms="$(date +%s)000"
	[[ $(why 1) == "ccm-hook ended before it could store"* ]]
	[[ $(why 2) == "It is still at work"* ]]
	run -0 ccm-hook show 2
	[ "${lines[0]}" = "2 PreToolUse Bash running" ]
}

@test "show: an event is found by number, #number, UUID in either case, and 'last'" {
	feed Stop
	feed PreToolUse-Bash
	local uuid
	uuid=$(db 'SELECT uuid FROM event WHERE id = 2')
	for name in 2 '#2' "$uuid" "${uuid^^}" last; do
		run -0 ccm-hook show "$name"
		[ "${lines[0]}" = "2 PreToolUse Bash none" ]
	done
}

@test "show: an event that is not there is a failure that names it" {
	run -1 --separate-stderr ccm-hook show last
	[[ $stderr == *"nothing is recorded yet"* ]]
	ccm-hook init
	for name in 99 '#99' 01a1f71f-8651-727a-a140-9691d9cdb3ea; do
		run -1 --separate-stderr ccm-hook show "$name"
		[ -z "$output" ]
		[[ $stderr == *"there is no event $name"* ]]
	done
	run -1 --separate-stderr ccm-hook show last
	[[ $stderr == *"no event is recorded yet"* ]]
}

@test "show: what names no event is a usage error" {
	ccm-hook init
	for name in foo 1x -- '' '#'; do
		run -64 --separate-stderr ccm-hook show "$name"
		[ -z "$output" ]
	done
}

@test "show: --payload gives back the stored bytes exactly" {
	printf '{"hook_event_name":"Stop",\x01\x00\xff\t \\ud83d' >sent
	ccm-hook run <sent 2>/dev/null || true
	ccm-hook show last --payload >got
	cmp sent got
	event PreToolUse-Bash >sent
	ccm-hook run <sent
	ccm-hook show last --payload >got
	[ "$(<sent)" = "$(<got)" ]
}

@test "show: a payload that was not kept is said so, and --payload fails" {
	ccm-hook init
	printf '[storage]\npayload = none\n' >"$CCM_HOME/config.ini"
	feed Stop
	run -0 ccm-hook show 1
	[[ $output == *"Payload: not kept ("*" bytes)"* ]]
	run -1 --separate-stderr ccm-hook show 1 --payload
	[ -z "$output" ]
	[[ $stderr == *"was not kept"* ]]
	[ "$(ccm-hook show 1 --json | jq -c '[.payload_form, has("payload")]')" = '[null,false]' ]
}

@test "show: an event that was no JSON is shown as it came, but for its control bytes" {
	printf 'no \033[31mjson\xff' | ccm-hook run 2>/dev/null || true
	run -0 ccm-hook show 1
	[ "${lines[0]}" = "1 (event name unreadable) none" ]
	[[ $output == *"  invalid     "* ]]
	[[ $output == *"  no \\e[31mjson\\xff"* ]]
	[ "$(ccm-hook show 1 --json | jq -r .payload_text)" = $'no \e[31mjson\xef\xbf\xbd' ]
}

@test "show: no control byte reaches the reader, wherever it was recorded" {
	automation loud <<<'printf "a\033[2Jb\302\233c\r" >&2; printf "out\033]0;x\007"; exit 2'
	feed PreToolUse-Bash '.tool_input.command = "ls \u001b[31m \u009b \u202e \u007f"'
	run -0 ccm-hook show 1
	[[ $output == *'"command": "ls \u001b[31m \u009b \u202e \u007f"'* ]]
	[[ $output == *'a\e[2Jb<U+009B>c'* ]]
	[ -z "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -dc '\001-\037\177')" ]
	[[ $output != *$'\xc2\x9b'* ]]
}

@test "show: a payload that strict parsers refuse is shown as it is, and repaired in JSON" {
	ccm-hook run <"$FIXTURES/hooks/PreToolUse-Write-odd-unicode.json" >/dev/null
	run -0 ccm-hook show 1
	[[ $output == *'lone \ud83d sur, nul \u0000 end'* ]]
	[ "$(ccm-hook show 1 --json | jq -r .payload.tool_input.content)" = "$(printf 'lone \xef\xbf\xbd sur, nul \xef\xbf\xbd end, emoji \xf0\x9f\x98\x80, del \x7f, ls')" ]
}

@test "show: --json holds the event, its payload and its runs whole" {
	automation chatty <<<'head -c 100000 /dev/zero | tr "\0" x; echo err >&2'
	feed PreToolUse-Bash
	run -0 --separate-stderr ccm-hook show 1 --json
	[ "${#lines[@]}" -eq 1 ]
	[ -z "$stderr" ]
	run -0 jq -ce '.id == 1 and .event == "PreToolUse" and .payload_form == "full" and .payload.tool_input.command == "ls -1"
		and (.runs | length) == 1 and (.runs[0] | .automation == "chatty" and .stdout_bytes == 100000
		and (.stdout | length) < 100000 and .stderr == "err\n" and .exit_status == 0)' <<<"$output"
	run -0 ccm-hook show 1
	[[ $output == *"    stdout, cut: "*" of 100000 bytes"* ]]
}

@test "show: on a terminal there is colour" {
	record 1 verdict=deny
	run -0 script -qec 'TERM=xterm ccm-hook show 1' /dev/null
	[[ ${lines[0]} == $'\e[1m1 PreToolUse Bash\e[0m \e[31mdeny\e[0m'* ]]
}
