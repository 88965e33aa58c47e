# SPDX-License-Identifier: MIT
# lib-sh/ccm.sh: each function, under each shell that an automation may name in its first line.
# shellcheck shell=bash disable=SC2016,SC2030,SC2031  # the scripts' own expansions; each test is a subshell

load helper

setup() {
	ccm_sandbox
	export CCM_LIB_SH="$CCM_SOURCE/lib-sh" CCM_HOOK="$CCM_BUILD/ccm-hook"
	export CCM_EVENT=PreToolUse CCM_AUTOMATION=probe CCM_SESSION_ID=s1
	EVENT="$FIXTURES/hooks/PreToolUse-Bash.json"
}

# Usage: script STATUS TEXT
# Runs TEXT as an automation under each shell: the same status, stdout and stderr each time.
script() {
	local shell first=
	printf 'set -eu\n. "$CCM_LIB_SH/ccm.sh"\n%s\n' "$2" >"$BATS_TEST_TMPDIR/script"
	for shell in "dash" "bash" "busybox sh"; do
		# shellcheck disable=SC2086  # two words
		run "-$1" --separate-stderr $shell "$BATS_TEST_TMPDIR/script" <"$EVENT"
		first="${first:-$output#$stderr}"
		[ "$output#$stderr" = "$first" ] || {
			printf 'under %s: %s#%s\n' "$shell" "$output" "$stderr" >&2
			return 1
		}
	done
}

# Usage: is JSON
# The last output is this document, whatever its spacing.
is() {
	[ "$(jq -cS . <<<"$output")" = "$(jq -cS . <<<"$1")" ] || {
		printf 'got %s\n' "$output" >&2
		return 1
	}
}

@test "ccm_deny: on PreToolUse it is a permission decision, and exit status 2 with the reason" {
	script 2 'ccm_deny "not here"; ccm_allow'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"not here"}}'
	[ "$stderr" = "not here" ]
}

@test "ccm_deny: on events that know 'block' it is a block" {
	for CCM_EVENT in UserPromptSubmit PostToolUse Stop SubagentStop PreCompact; do
		script 2 'ccm_deny "not yet"'
		is '{"decision":"block","reason":"not yet"}'
	done
}

@test "ccm_deny: on PermissionRequest it is that event's decision" {
	CCM_EVENT=PermissionRequest script 2 'ccm_deny "never"'
	is '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"never"}}}'
}

@test "ccm_deny: on Elicitation it declines" {
	CCM_EVENT=Elicitation script 2 'ccm_deny "no"'
	is '{"hookSpecificOutput":{"hookEventName":"Elicitation","action":"decline"}}'
}

@test "ccm_deny: where only the exit status is heard, stdout stays empty" {
	for CCM_EVENT in TeammateIdle SomeEventOfTomorrow; do
		script 2 'ccm_deny "go on"'
		[ -z "$output" ]
		[ "$stderr" = "go on" ]
	done
}

@test "ccm_deny: an event that cannot be refused is a warning, and the script ends" {
	CCM_EVENT=SessionEnd script 0 'ccm_deny "stay"; ccm_log "still here"'
	[ -z "$output" ]
	[ "$stderr" = "probe: warning: SessionEnd cannot be refused (reason: stay)" ]
}

@test "ccm_deny: plain text is told without starting any program" {
	printf '%s\n' '. "$CCM_LIB_SH/ccm.sh"' 'ccm_deny "a-z ]^[!#$%&()*+,./:;<=>?@_{|}~ isn'\''t \$5"' >script
	run -2 --separate-stderr env PATH=/nonexistent CCM_HOOK=/nonexistent "$(command -v dash)" script
	[ "$output" = '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"a-z ]^[!#$%&()*+,./:;<=>?@_{|}~ isn'\''t $5"}}' ]
}

@test "ccm_deny: any text arrives as it is" {
	export REASON=$'quote " backslash \\ newline\ntab\t bell \a é 😀 percent %s'
	script 2 'ccm_deny "$REASON"'
	[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = "$REASON" ]
}

@test "ccm_deny: a byte that is not UTF-8 does not break the document, in any locale" {
	export REASON=$'caf\xe9'
	for LC_ALL in C C.UTF-8 xx_XX.bogus; do
		run -2 --separate-stderr dash -c '. "$CCM_LIB_SH/ccm.sh"; ccm_deny "$REASON"' <"$EVENT"
		[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = "caf�" ]
		run -2 --separate-stderr bash -c '. "$CCM_LIB_SH/ccm.sh"; ccm_deny "$REASON"' <"$EVENT"
		[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = "caf�" ]
	done
}

@test "ccm_deny: a reason longer than an argument may be" {
	script 2 'text=$(printf "%0200000d" 0)
		ccm_deny "é$text"'
	[ "$(jq -r '.hookSpecificOutput.permissionDecisionReason | length' <<<"$output")" = 200001 ]
}

@test "ccm_deny: it still refuses when ccm-hook cannot be started" {
	CCM_HOOK=/nonexistent
	run -2 --separate-stderr dash -c '. "$CCM_LIB_SH/ccm.sh"; ccm_deny "é"' <"$EVENT"
	[[ $stderr == *"é" ]]
}

@test "ccm_deny: in a pipeline or a substitution it ends the script, too" {
	script 2 'printf "a\nb\n" | while read -r line; do ccm_deny "no $line"; done; ccm_log "went on"'
	[ "$stderr" = "no a" ]
	script 2 'x=$(ccm_deny "no"); ccm_log "went on $x"'
	[ -z "$output" ]
	[ "$stderr" = "no" ]
}

@test "ccm_ask: it asks on PreToolUse" {
	script 0 'ccm_ask "sure?"; ccm_deny "too late"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"sure?"}}'
	[ -z "$stderr" ]
}

@test "ccm_ask: on PermissionRequest the person is asked anyway" {
	CCM_EVENT=PermissionRequest script 0 'ccm_ask "sure?"'
	[ -z "$output$stderr" ]
}

@test "ccm_ask: where nobody can be asked it is a warning" {
	CCM_EVENT=Stop script 0 'ccm_ask "sure?"'
	[ -z "$output" ]
	[ "$stderr" = "probe: warning: Stop has nothing to ask about (reason: sure?)" ]
}

@test "ccm_allow: it allows on PreToolUse, with or without a reason" {
	script 0 'ccm_allow'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}'
	script 0 'ccm_allow "known"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","permissionDecisionReason":"known"}}'
}

@test "ccm_allow: on PermissionRequest it is that event's decision" {
	CCM_EVENT=PermissionRequest script 0 'ccm_allow'
	is '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}'
}

@test "ccm_allow: elsewhere it ends the script and says nothing" {
	CCM_EVENT=Stop script 0 'ccm_allow; ccm_deny "no"'
	[ -z "$output$stderr" ]
}

@test "ccm_context: texts are joined and told at the end" {
	script 0 'ccm_context "one \"1\""; ccm_context two'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"one \"1\"\ntwo"}}'
}

@test "ccm_context: it goes along with a verdict, in one document" {
	script 2 'ccm_context "by the way"; ccm_deny "no"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no","additionalContext":"by the way"}}'
	CCM_EVENT=PostToolUse script 2 'ccm_context "by the way"; ccm_deny "no"'
	is '{"decision":"block","reason":"no","hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"by the way"}}'
}

@test "ccm_context: what was collected is told when the script fails, and the status is kept" {
	script 3 'ccm_context "half"; exit 3'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"half"}}'
}

@test "ccm_context: an event that takes none drops it with a warning" {
	CCM_EVENT=Notification script 0 'ccm_context "psst"'
	[ -z "$output" ]
	[ "$stderr" = "probe: warning: Notification takes no context: dropped" ]
}

@test "ccm_context: in a pipeline it says that it is lost" {
	script 0 'printf "a\n" | while read -r line; do ccm_context "$line"; done'
	[ -z "$output" ]
	[[ $stderr == *"ccm_context in a pipeline or \$( ): lost"* ]]
}

@test "ccm_end: a script with its own EXIT trap calls it there, and it tells once" {
	script 0 'trap "ccm_end; ccm_end; ccm_log bye" EXIT; ccm_context one'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"one"}}'
	[ "$stderr" = "probe: bye" ]
}

@test "ccm_end: a script that has nothing to say prints nothing" {
	script 0 ':'
	[ -z "$output$stderr" ]
}

@test "ccm_never_block: an error of the shell's own is a failure then, and a deny still a refusal" {
	script 1 'ccm_never_block; ccm_context "so far"; exec 2>/dev/null; : "$no_such_variable"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","additionalContext":"so far"}}'
	script 1 'ccm_never_block; grep x /nonexistent 2>/dev/null'
	script 2 'ccm_never_block; ccm_deny "no"'
	[ "$stderr" = "no" ]
}

@test "ccm_update_input: it changes one member and keeps the others" {
	script 0 'ccm_update_input command "echo \"hi\""'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"echo \"hi\"","description":"List files"}}}'
}

@test "ccm_update_input: later changes build on earlier ones" {
	script 0 'ccm_update_input command a description b; ccm_update_input command "-c=d"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"-c=d","description":"b"}}}'
}

@test "ccm_update_input: an object replaces the input, and goes with an allow" {
	script 0 'ccm_update_input "{\"command\":\"true\"}"; ccm_allow'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow","updatedInput":{"command":"true"}}}'
}

@test "ccm_update_input: a deny leaves it out" {
	script 2 'ccm_update_input command true; ccm_deny "no"'
	[ "$(jq .hookSpecificOutput.updatedInput <<<"$output")" = null ]
}

@test "ccm_update_input: on PermissionRequest it goes with ccm_allow only" {
	CCM_EVENT=PermissionRequest script 0 'ccm_update_input command true; ccm_allow'
	is '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"command":"true","description":"List files"}}}}'
	CCM_EVENT=PermissionRequest script 0 'ccm_update_input command true'
	[ -z "$output" ]
	[[ $stderr == *"goes with ccm_allow only"* ]]
}

@test "ccm_update_input: a name without a text, and an event without input, fail" {
	script 1 'ccm_update_input command true description'
	[[ $stderr == *"takes pairs of NAME and TEXT"* ]]
	CCM_EVENT=Stop script 1 'ccm_update_input command true'
	[[ $stderr == *"Stop has no tool input to change"* ]]
}

@test "ccm_field: any field of the event, as often as wanted" {
	script 0 'printf "%s %s %s\n" "$(ccm_field tool_input.command)" "$(ccm_field effort.level)" "$(ccm_field no.such -)"'
	[ "$output" = "ls -1 high -" ]
	script 1 'ccm_field no.such'
	[ -z "$output$stderr" ]
}

@test "ccm_state: what one run keeps the next one finds, apart for each session" {
	script 0 'ccm_state_set colour --blue; ccm_state_set --session colour "light blue"'
	script 0 'ccm_state_get colour; ccm_state_get --session colour'
	[ "$output" = $'--blue\nlight blue' ]
	CCM_SESSION_ID=s2 script 0 'ccm_state_get --session colour none'
	[ "$output" = none ]
	script 1 'ccm_state_del colour; ccm_state_del --session colour; ccm_state_get colour'
	[ -z "$output$stderr" ]
}

@test "ccm_state: a long value with all kinds of characters" {
	script 0 'text=$(printf "%040000d\"\n\\é" 0)
		ccm_state_set text "$text"
		[ "$(ccm_state_get text)" = "$text" ]'
}

@test "ccm_state_incr: it counts" {
	script 0 'ccm_state_del n; ccm_state_incr n; ccm_state_incr n 5; ccm_state_incr n -1; ccm_state_del --session n; ccm_state_incr --session n'
	[ "$output" = $'1\n6\n5\n1' ]
}

@test "ccm_alert: it reaches the database with the automation's name" {
	script 0 'ccm_alert warning "Tests fail" "two of them"'
	[ "$(db "SELECT DISTINCT level, source, session_id, title, body FROM alert")" = "warning|probe|s1|Tests fail|two of them" ]
}

@test "ccm_db: what was recorded can be asked" {
	event Stop | ccm-hook run
	script 0 'ccm_db "SELECT event, :text FROM event WHERE event = :name" name=Stop text="it'\''s"'
	[ "$output" = $'Stop\tit'\''s' ]
	script 1 'ccm_db "DELETE FROM event"'
	[ -z "$output" ]
}

@test "ccm_log and ccm_warn: they speak on stderr, with the automation's name" {
	script 0 'ccm_log two words; ccm_warn "%s odd"'
	[ -z "$output" ]
	[ "$stderr" = $'probe: two words\nprobe: warning: %s odd' ]
}

@test "ccm_to_ms: durations" {
	script 0 'for d in 250ms 90s 5m 2h 3d 7 0; do ccm_to_ms "$d"; done'
	[ "$output" = $'250\n90000\n300000\n7200000\n259200000\n7000\n0' ]
}

@test "ccm_to_ms: what is no duration is named" {
	local d
	for d in '' s 1x 1.5s -3s 08s 5mm 12345678901 '1 s' '*'; do
		export D="$d"
		script 64 'ccm_to_ms "$D"'
		[ "$stderr" = "probe: warning: not a duration: '$d'" ]
	done
}

@test "ccm.sh: it leaves the shell's options alone and needs none of the environment" {
	unset CCM_EVENT CCM_AUTOMATION CCM_SESSION_ID CCM_HOOK
	run -0 --separate-stderr dash -c 'before=$-; . "$1/ccm.sh"; [ "$before" = "$-" ] && ccm_log ok' sh "$CCM_LIB_SH"
	[ "$stderr" = "automation: ok" ]
	run -2 --separate-stderr dash -uc '. "$1/ccm.sh"; ccm_deny "broken event"' sh "$CCM_LIB_SH"
	[ -z "$output" ]
	[ "$stderr" = "broken event" ]
}

@test "ccm.sh: nothing that the environment holds gets into an answer" {
	ccm__context=injected ccm__input='{}' script 0 ':'
	[ -z "$output" ]
}

@test "ccm.sh: it knows of each event what schema/events says" {
	local file
	for file in "$CCM_SOURCE"/schema/events/*.json; do
		CCM_EVENT=$(jq -r .event "$file") run -0 dash -c \
			'. "$CCM_LIB_SH/ccm.sh"; printf "%s %s" "$ccm__form" "${ccm__takes_context:-0}"'
		[ "$output" = "$(jq -r '"\(.answer.verdict) \(if .answer.context then 1 else 0 end)"' "$file")" ] || {
			printf '%s: %s\n' "$file" "$output" >&2
			return 1
		}
	done
}

# From here on as automations really run: by ccm-hook run.

# Usage: answer FIXTURE TEXT
# What ccm-hook answers when TEXT is the only automation.
answer() {
	automation 50-probe "Event: ${1%%-*}" <<<$'set -eu\n. "$CCM_LIB_SH/ccm.sh"\n'"$2"
	run -0 --separate-stderr ccm-hook run < <(event "$1")
	[ -z "$stderr" ]
	[ "$(db "SELECT count(*) FROM run WHERE problem IS NOT NULL")" = 0 ]
}

@test "run: a deny of ccm.sh reaches the agent with the automation's name, whatever stands on stdout" {
	answer PreToolUse-Bash 'ccm_deny "not \"here\""'
	[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = 'probe: not "here"' ]
	answer PreToolUse-Bash 'echo "checking ..."; ccm_deny "not here"'
	[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = 'probe: not here' ]
}

@test "run: each form of a deny is understood" {
	answer PermissionRequest-Bash 'ccm_deny "never"'
	[ "$(jq -r .hookSpecificOutput.decision.message <<<"$output")" = 'probe: never' ]
	answer Stop 'ccm_context "by the way"; ccm_deny "not yet"'
	is '{"decision":"block","reason":"probe: not yet","hookSpecificOutput":{"hookEventName":"Stop","additionalContext":"by the way"}}'
	answer Elicitation-form 'ccm_deny "no"'
	[ "$(jq -r .hookSpecificOutput.action <<<"$output")" = decline ]
	answer PreCompact-auto 'ccm_deny "not now"'
	is '{"decision":"block","reason":"probe: not now"}'
}

@test "run: a changed input and a context of ccm.sh reach the agent, and the event can be read again and again" {
	answer PreToolUse-Bash 'ccm_update_input command "$(ccm_field tool_input.command) $(ccm_field tool_name)"
		ccm_context "$(cat | wc -l)"'
	is '{"hookSpecificOutput":{"hookEventName":"PreToolUse","updatedInput":{"command":"ls -1 Bash","description":"List files"},"additionalContext":"1"}}'
}

@test "run: what ccm_field is needed for: a command too long for a variable" {
	answer PreToolUse-Bash ':'
	automation 50-probe <<<'. "$CCM_LIB_SH/ccm.sh"; ccm_context "${CCM_TOOL_COMMAND-none} $CCM_OMITTED $(ccm_field tool_input.command | wc -c)"'
	run -0 ccm-hook run < <(event PreToolUse-Bash '.tool_input.command = "x" * 200000')
	[ "$(jq -r .hookSpecificOutput.additionalContext <<<"$output")" = "none CCM_TOOL_COMMAND 200001" ]
}
