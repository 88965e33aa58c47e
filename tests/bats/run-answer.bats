#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ccm-hook run: how what the automations said becomes one answer.
load helper
setup() { ccm_sandbox; }

# Usage: say NN-NAME JSON [MANIFEST-LINE...] - an automation that prints the document.
say() {
	local name="$1" json="$2"
	shift 2
	automation "$name" "$@" <<-EOS
		cat <<'DOCUMENT'
		$json
		DOCUMENT
	EOS
}

pre() { printf '{"hookSpecificOutput":{"hookEventName":"PreToolUse",%s}}' "$1"; }

# Usage: answer FIXTURE [FILTER] - runs the event and leaves the answer in $output.
answer() {
	event "$1" >in
	run -0 --separate-stderr ccm-hook run <in
}

is() { [ "$(jq -c "$1" <<<"$output")" = "$2" ] || { echo "got: $output" >&2; return 1; }; }

@test "answer: exit status 2 blocks with stderr as the reason" {
	automation 50-no <<<'echo "not here" >&2; exit 2'
	answer PreToolUse-Bash
	[ "$output" = '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"no: not here"}}' ]
}

@test "answer: exit status 2 on PostToolUse, Stop and UserPromptSubmit is a block at the top" {
	automation 50-no <<<'echo "not here" >&2; exit 2'
	for f in PostToolUse-Bash Stop UserPromptSubmit; do
		answer "$f"
		[ "$output" = '{"decision":"block","reason":"no: not here"}' ]
	done
}

@test "answer: other exit statuses block nothing" {
	automation 50-fail <<<'echo "oops" >&2; exit 1'
	answer PreToolUse-Bash
	[ -z "$output" ]
	[ "$(db "SELECT problem FROM run")" = "failed with exit status 1" ]
}

@test "answer: valid JSON counts at every exit status" {
	automation 50-odd <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"why"}}'
		exit 1
	EOS
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecisionReason '"odd: why"'
}

@test "answer: a JSON reason is preferred to stderr at exit status 2, and an allow there does not save it" {
	automation 10-both <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"from json"}}'
		echo "from stderr" >&2
		exit 2
	EOS
	automation 10-torn <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}'
		echo "torn" >&2
		exit 2
	EOS
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecisionReason '"both: from json\ntorn: torn"'
}

@test "answer: the legacy decision of approve and block still works" {
	say 50-old '{"decision":"block","reason":"old style"}'
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecision '"deny"'
	is .hookSpecificOutput.permissionDecisionReason '"old: old style"'
	say 50-old '{"decision":"approve"}'
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecision '"allow"'
}

@test "answer: deny wins over ask, ask over allow, whatever their order" {
	say 10-allow "$(pre '"permissionDecision":"allow","permissionDecisionReason":"fine"')"
	say 10-ask "$(pre '"permissionDecision":"ask","permissionDecisionReason":"sure?"')"
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecision '"ask"'
	is .hookSpecificOutput.permissionDecisionReason '"ask: sure?"'
	say 05-deny "$(pre '"permissionDecision":"deny","permissionDecisionReason":"never"')"
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecision '"deny"'
}

@test "answer: every deny reason of a stage is kept, named, in configured order" {
	automation 10-b <<<'echo second >&2; exit 2'
	automation 10-a <<<'sleep 0.3; echo first >&2; exit 2'
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecisionReason '"a: first\nb: second"'
}

@test "answer: contexts are joined in configured order" {
	say 20-two "$(pre '"additionalContext":"two"')"
	say 10-one "$(pre '"additionalContext":"one"')"
	answer PreToolUse-Bash
	is .hookSpecificOutput.additionalContext '"one\n\ntwo"'
	is '.hookSpecificOutput.permissionDecision == null' true
}

@test "answer: system messages are joined in order" {
	say 10-one '{"systemMessage":"one"}'
	say 20-two '{"systemMessage":"two"}'
	answer PreToolUse-Bash
	is . '{"systemMessage":"one\ntwo"}'
}

@test "answer: continue false wins with the first stopReason" {
	say 10-stop '{"continue":false,"stopReason":"first"}'
	say 20-stop '{"continue":false,"stopReason":"second"}'
	answer PostToolUse-Bash
	is . '{"continue":false,"stopReason":"first"}'
	[ "$(db "SELECT stop FROM event")" = 1 ]
}

@test "answer: stopping for good beats a block on Stop" {
	say 10-more '{"decision":"block","reason":"go on"}'
	say 10-stop '{"continue":false,"stopReason":"enough"}'
	answer Stop
	is . '{"continue":false,"stopReason":"enough"}'
}

@test "answer: a changed input reaches the client and the later stages" {
	say 10-edit "$(pre '"updatedInput":{"command":"ls -l","description":"x"}')"
	automation 20-see <<<'printf %s "$CCM_TOOL_COMMAND" >"$HOME/env"; jq -c .tool_input >"$HOME/stdin"'
	answer PreToolUse-Bash
	is .hookSpecificOutput.updatedInput '{"command":"ls -l","description":"x"}'
	[ "$(cat "$HOME/env")" = "ls -l" ]
	[ "$(cat "$HOME/stdin")" = '{"command":"ls -l","description":"x"}' ]
}

@test "answer: numbers in a changed input stay as they were written" {
	say 10-edit "$(pre '"updatedInput":{"command":"x","timeout":0.1,"big":12345678901234567890}')"
	answer PreToolUse-Bash
	[[ $output == *'{"command":"x","timeout":0.1,"big":12345678901234567890}'* ]]
}

@test "answer: the record keeps the event as it came, not as it was changed" {
	say 10-edit "$(pre '"updatedInput":{"command":"ls -l"}')"
	answer PreToolUse-Bash
	[ "$(db "SELECT detail, json_extract(CAST(body AS TEXT), '\$.tool_input.command') FROM event JOIN payload ON event_id = id")" = "ls -1|ls -1" ]
}

@test "answer: two different changes in one stage ask" {
	say 10-a "$(pre '"updatedInput":{"command":"a"}')"
	say 10-b "$(pre '"updatedInput":{"command":"b"}')"
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecision '"ask"'
	is '.hookSpecificOutput.permissionDecisionReason | contains("a and this automation change")' true
	is '.hookSpecificOutput.updatedInput == null' true
}

@test "answer: the same change twice in one stage is no conflict" {
	say 10-a "$(pre '"updatedInput":{"command":"a","n":1}')"
	say 10-b "$(pre '"updatedInput":{"n":1, "command":"a"}')"
	answer PreToolUse-Bash
	is '.hookSpecificOutput.permissionDecision == null' true
	is .hookSpecificOutput.updatedInput.command '"a"'
}

@test "answer: the change of one that denies is not used" {
	say 10-a "$(pre '"permissionDecision":"deny","permissionDecisionReason":"no","updatedInput":{"command":"a"}')"
	answer PreToolUse-Bash
	is '.hookSpecificOutput.updatedInput == null' true
}

@test "answer: plain text is context at SessionStart and UserPromptSubmit, and nothing elsewhere" {
	automation 50-text <<<'echo "some text"'
	answer SessionStart-startup
	is .hookSpecificOutput '{"hookEventName":"SessionStart","additionalContext":"some text"}'
	answer UserPromptSubmit
	is .hookSpecificOutput '{"hookEventName":"UserPromptSubmit","additionalContext":"some text"}'
	answer PreToolUse-Bash
	[ -z "$output" ]
}

@test "answer: nothing is printed on PreCompact unless it is blocked" {
	say 50-msg '{"systemMessage":"hello"}'
	answer PreCompact-manual
	[ -z "$output" ]
	automation 60-no 'Event: PreCompact' <<<'echo "keep it" >&2; exit 2'
	answer PreCompact-manual
	[ "$output" = '{"decision":"block","reason":"no: keep it"}' ]
}

@test "answer: nothing is printed on Notification and SessionEnd" {
	automation 50-no <<<'echo "no" >&2; exit 2'
	answer Notification-idle_prompt
	[ -z "$output" ]
	answer SessionEnd-other
	[ -z "$output" ]
	[ "$(db "SELECT group_concat(DISTINCT verdict) FROM event")" = none ]
}

@test "answer: an answer with a null is refused whole, as by the client, and said" {
	say 10-null "$(pre '"permissionDecision":"deny","permissionDecisionReason":null')"
	answer PreToolUse-Bash
	[ -z "$output" ]
	[ "$(db "SELECT problem FROM run")" = "the answer is refused: 'permissionDecisionReason' must be string, not null" ]
}

@test "answer: an answer for another event is refused, and named" {
	say 10-other '{"hookSpecificOutput":{"hookEventName":"PostToolUse","additionalContext":"x"}}'
	answer PreToolUse-Bash
	[ -z "$output" ]
	[[ $(db "SELECT problem FROM run") == *"'hookEventName' must be PreToolUse"* ]]
}

@test "answer: a refused document does not take the others' deny with it" {
	say 10-null '{"continue":null}'
	automation 10-no <<<'echo "no" >&2; exit 2'
	answer PreToolUse-Bash
	is .hookSpecificOutput.permissionDecisionReason '"no: no"'
}

@test "answer: text behind a document makes it plain text, as in the client" {
	automation 10-two <<<"echo '{\"decision\":\"block\"}'; echo done"
	answer PreToolUse-Bash
	[ -z "$output" ]
	[[ $(db "SELECT problem FROM run") == *"not one JSON document: unexpected text after the value"* ]]
}

@test "answer: a byte order mark and bytes that are not UTF-8 do no harm" {
	automation 10-bom <<<"printf '\357\273\277{\"systemMessage\":\"a\377b\"}'"
	answer PreToolUse-Bash
	is .systemMessage $'"a\ufffdb"'
}

@test "answer: PermissionRequest takes its decision whole, and deny wins" {
	say 10-yes '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow","updatedInput":{"command":"ls"}}}}'
	answer PermissionRequest-Bash
	is .hookSpecificOutput.decision '{"behavior":"allow","updatedInput":{"command":"ls"}}'
	say 10-no '{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"deny","message":"no way","interrupt":true}}}'
	answer PermissionRequest-Bash
	is .hookSpecificOutput.decision '{"behavior":"deny","message":"no: no way","interrupt":true}'
}

@test "answer: TeammateIdle is blocked by exit status 2 with an empty stdout" {
	automation 50-no <<<'echo "more to do" >&2; exit 2'
	event TeammateIdle >in
	run -2 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	[ "$stderr" = "no: more to do" ]
}

@test "answer: an unknown event is blocked by exit status 2 with an empty stdout" {
	automation 50-no <<<'echo "not that" >&2; exit 2'
	event Stop '.hook_event_name = "BrandNew"' >in
	run -2 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	[ "$stderr" = "no: not that" ]
}

@test "answer: WorktreeCreate is answered with the path alone" {
	automation 50-tree 'Event: WorktreeCreate' <<<'echo "making it"; echo /tmp/tree'
	answer WorktreeCreate
	[ "$output" = /tmp/tree ]
}

@test "answer: WorktreeCreate without a path fails with words" {
	event WorktreeCreate >in
	run -1 --separate-stderr ccm-hook run <in
	[[ $stderr == *"no automation printed the path of a worktree"* ]]
}

@test "answer: fields that only one event knows are passed on" {
	say 50-title '{"hookSpecificOutput":{"hookEventName":"SessionStart","sessionTitle":"t","watchPaths":["/a"]}}'
	answer SessionStart-startup
	is .hookSpecificOutput '{"hookEventName":"SessionStart","sessionTitle":"t","watchPaths":["/a"]}'
}

@test "answer: of one such field given twice the later stage's is passed on, once" {
	say 10-a '{"hookSpecificOutput":{"hookEventName":"SessionStart","sessionTitle":"a"}}'
	say 20-b '{"hookSpecificOutput":{"hookEventName":"SessionStart","sessionTitle":"b"}}'
	answer SessionStart-startup
	[ "$output" = '{"hookSpecificOutput":{"hookEventName":"SessionStart","sessionTitle":"b"}}' ]
}

@test "answer: a field the event does not know is dropped" {
	say 50-x "$(pre '"updatedToolOutput":"x","permissionDecision":"allow"')"
	answer PreToolUse-Bash
	is .hookSpecificOutput '{"hookEventName":"PreToolUse","permissionDecision":"allow"}'
}

@test "answer: a context over the client's cap is cut at a line with a pointer to the whole" {
	automation 50-long 'Event: SessionStart' <<<'for i in $(seq 2000); do echo "line $i"; done'
	answer SessionStart-startup
	text=$(jq -r .hookSpecificOutput.additionalContext <<<"$output")
	[ "${#text}" -le 10000 ]
	[[ $text =~ line\ [0-9]+$'\n'\[this\ context\ was\ cut\ here\;\ the\ whole:\ ccm-hook\ show\ ([0-9]+)\]$ ]]
	[ "${BASH_REMATCH[1]}" = "$(db "SELECT id FROM event")" ]
	[[ $(db "SELECT stdout FROM run") == *"line 2000"* ]]
}

@test "answer: what was answered is kept exactly" {
	automation 50-no <<<'echo "not here" >&2; exit 2'
	answer PreToolUse-Bash
	[ "$(db "SELECT trim(answer, char(10)) FROM event")" = "$output" ]
	[ "$(db "SELECT verdict || reason FROM event")" = "denyno: not here" ]
}
