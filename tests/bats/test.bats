# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2016  # scripts are written in single quotes

load helper
load scripts

setup() {
	scripts_sandbox
	PAYLOAD="$HOME/payload.json"
	event PreToolUse-Bash ".cwd = \"$HOME/project\"" >"$PAYLOAD"
}

# Usage: record FIXTURE [JQ-FILTER]
# Has ccm-hook record an event while no automation is enabled.
record() {
	event "$@" | ccm-hook run
}

@test "test: shows the manifest, the event, the run, and what would be answered" {
	script "$OWN/guard" "Summary: no shells" "Event: PreToolUse" "Match: Bash" "Timeout: 2s" "On-failure: closed" \
		"Effects: none" <<<'echo "not $CCM_TOOL_COMMAND" >&2; exit 2'
	run -0 --separate-stderr ccm-hook test guard --event "$PAYLOAD"
	[[ $output =~ ^guard.*no\ shells.*PreToolUse.*Bash.*2s.*closed.*none ]]
	[[ $output =~ PreToolUse\ Bash.*ls\ -1.*matches\ +yes ]]
	[[ $output =~ guard\ deny.*exit\ 2\ after.*reason.*not\ ls\ -1.*stderr.*not\ ls\ -1 ]]
	[[ $output == *'"permissionDecisionReason": "guard: not ls -1"'* ]]
	[ -z "$stderr" ]
}

@test "test: records nothing" {
	script "$OWN/x" <<<'exit 2'
	record Stop
	local before
	before=$(db "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM run), (SELECT count(*) FROM session)")
	run -0 ccm-hook test x --event "$PAYLOAD"
	[ "$(db "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM run), (SELECT count(*) FROM session)")" = "$before" ]
}

@test "test: makes no database where there is none" {
	script "$OWN/x" </dev/null
	run -0 ccm-hook test x --event "$PAYLOAD"
	[ ! -e "$CCM_HOME/ccm.db" ]
}

@test "test: a script is tried by its path before it is enabled" {
	script ./mine <<<'echo "{\"systemMessage\":\"hi there\"}"'
	run -0 --separate-stderr ccm-hook test ./mine --event "$PAYLOAD"
	[[ $output =~ message\ for\ the\ person.*hi\ there ]]
	[ -z "$(ls "$ENABLED")" ]
}

@test "test: the enabled one is meant before one's own and the stock ones" {
	script "$STOCK/x" <<<'echo stock'
	script "$OWN/x" <<<'echo own'
	script "$ENABLED/30-x" <<<'echo enabled'
	run -0 --separate-stderr ccm-hook test x --event "$PAYLOAD"
	[[ $output =~ stdout.*enabled ]]
}

@test "test: the event may come on standard input" {
	script "$OWN/x" <<<'cat'
	run -0 --separate-stderr ccm-hook test x --event - <"$PAYLOAD"
	[[ $output == *'"command": "ls -1"'* ]]
}

@test "test: takes a recorded event by its number, #number and UUID, with its project" {
	script "$OWN/x" <<<'echo "$CCM_EVENT_ID $CCM_PROJECT $CLAUDE_PROJECT_DIR"'
	CLAUDE_PROJECT_DIR="$HOME/project" record Stop
	local uuid name
	uuid=$(db "SELECT uuid FROM event")
	for name in 1 '#1' "$uuid" last; do
		run -0 --separate-stderr ccm-hook test x --event "$name"
		[[ $output == *"recorded    as number 1, "* ]]
		[[ $output == *"$uuid $HOME/project $HOME/project"* ]]
	done
}

@test "test: without --event it takes the newest recorded one that matches" {
	script "$OWN/guard" "Event: PreToolUse" "Match: Bash" <<<'echo "$CCM_TOOL_COMMAND"'
	record PreToolUse-Bash '.tool_input.command = "first"'
	record PreToolUse-Bash '.tool_input.command = "second"'
	record PreToolUse-Edit
	record Stop
	run -0 --separate-stderr ccm-hook test guard
	[[ $output =~ as\ number\ 2.*stdout.*second ]]
}

@test "test: --event with an event's name takes the newest recorded one of that name" {
	script "$OWN/all" <<<'echo "saw $CCM_EVENT"'
	record Stop
	record SessionStart-startup
	run -0 --separate-stderr ccm-hook test all --event Stop
	[[ $output == *"saw Stop"* ]]
}

@test "test: where no recorded event matches it says how to give one" {
	script "$OWN/guard" "Event: PreToolUse" </dev/null
	run -1 --separate-stderr ccm-hook test guard
	[[ $stderr == *"no event is recorded yet: give one with --event=FILE"* ]]
	record Stop
	run -1 --separate-stderr ccm-hook test guard
	[[ $stderr == *"no recorded event matches 'guard': give one with --event=FILE"* ]]
}

@test "test: a payload that was not kept is said" {
	script "$OWN/x" </dev/null
	printf '[storage]\npayload = none\n' >"$CCM_HOME/config.ini"
	record Stop
	run -1 --separate-stderr ccm-hook test x --event 1
	[[ $stderr == *"the payload of event 1 was not kept"* ]]
}

@test "test: it is not run for an event that it does not match, and told why" {
	script "$OWN/guard" "Event: PreToolUse" "Match: Edit|Write" <<<"touch '$HOME/ran'"
	run -1 --separate-stderr ccm-hook test guard --event "$PAYLOAD"
	[[ $output == *"matches     no: 'Edit|Write' does not match 'Bash'"* ]]
	run -1 --separate-stderr ccm-hook test guard --event "$FIXTURES/hooks/Stop.json"
	[[ $output == *"matches     no: it is for PreToolUse"* ]]
	[ ! -e "$HOME/ran" ]
}

@test "test: a crash, a deadline and bad output are failures that are told" {
	script "$OWN/crash" <<<'kill -SEGV $$'
	run -1 --separate-stderr ccm-hook test crash --event "$PAYLOAD"
	[[ $output == *"signal 11 (Segmentation fault)"* ]]
	script "$OWN/slow" "Timeout: 100ms" <<<'exec sleep 30'
	run -1 --separate-stderr ccm-hook test slow --event "$PAYLOAD"
	[[ $output == *"timed out after"* ]]
	script "$OWN/bad" <<<'echo "{\"systemMessage\":null}"'
	run -1 --separate-stderr ccm-hook test bad --event "$PAYLOAD"
	[[ $output == *"problem"* ]]
}

@test "test: a closed one that fails shows the refusal" {
	script "$OWN/guard" "Event: PreToolUse" "On-failure: closed" <<<'exit 9'
	run -1 --separate-stderr ccm-hook test guard --event "$PAYLOAD"
	[[ $output == *'"permissionDecision": "deny"'* ]]
}

@test "test: a broken one is not run, and shown with what is wrong" {
	script "$OWN/typo" "Evnet: Stop" <<<"touch '$HOME/ran'"
	run -1 --separate-stderr ccm-hook test typo --event "$PAYLOAD"
	[[ $output == *"broken      typo:2: unknown key 'Evnet', did you mean 'Event'?"* ]]
	[[ $output == *"not started"* ]]
	[ ! -e "$HOME/ran" ]
}

@test "test: warns that what it does is real, unless it says that it does nothing" {
	script "$OWN/writer" </dev/null
	script "$OWN/pure" "Effects: none" </dev/null
	run -0 --separate-stderr ccm-hook test writer --event "$PAYLOAD"
	[[ $output == *"effects     writes: whatever it does, it did now"* ]]
	run -0 --separate-stderr ccm-hook test pure --event "$PAYLOAD"
	[[ $output == *"effects     none"* ]]
}

@test "test: it runs where the session was" {
	script "$OWN/x" <<<'pwd'
	mkdir "$HOME/elsewhere"
	event PreToolUse-Bash ".cwd = \"$HOME/elsewhere\"" >"$PAYLOAD"
	run -0 --separate-stderr ccm-hook test x --event "$PAYLOAD"
	[[ $output =~ stdout.*$HOME/elsewhere ]]
	rmdir "$HOME/elsewhere"
	run -0 --separate-stderr ccm-hook test x --event "$PAYLOAD"
	[[ $output == *"'$HOME/elsewhere' is gone: it ran in the current directory"* ]]
}

@test "test: an invalid event is tried all the same, and said to be invalid" {
	script "$OWN/x" <<<'echo "saw it"'
	event PreToolUse-Bash 'del(.tool_use_id)' >"$PAYLOAD"
	run -0 --separate-stderr ccm-hook test x --event "$PAYLOAD"
	[[ $output == *"invalid     field 'tool_use_id' is missing"* ]]
	[[ $output == *"saw it"* ]]
}

@test "test: --json holds it all in one object" {
	script "$OWN/guard" "Event: PreToolUse" <<<'echo no >&2; exit 2'
	run -0 --separate-stderr ccm-hook test guard --event "$PAYLOAD" --json
	[ "$(jq -c '[.name, .matches, .event.tool, .run.verdict, .run.exit_status, .run.reason, .run.failed]' <<<"$output")" = \
		'["guard",true,"Bash","deny",2,"no",false]' ]
	[ "$(jq -r '.answer | fromjson | .hookSpecificOutput.permissionDecision' <<<"$output")" = deny ]
}

@test "test: control bytes of a script do not reach the terminal" {
	script "$OWN/x" <<<'printf "\033]0;owned\007"'
	run -0 --separate-stderr ccm-hook test x --event "$PAYLOAD"
	[[ $output == *'\e]0;owned\x07'* ]]
	[[ $output != *$'\033'* ]]
}

@test "test: what is no event, and what is no automation, is named" {
	script "$OWN/x" </dev/null
	run -1 --separate-stderr ccm-hook test x --event nofile
	[[ $stderr == *"cannot open 'nofile': No such file or directory"* ]]
	run -1 --separate-stderr ccm-hook test x --event 77
	[[ $stderr == *"no event is recorded yet"* ]]
	run -1 --separate-stderr ccm-hook test nothing --event "$PAYLOAD"
	[[ $stderr == *"no automation is named 'nothing'"* ]]
}
