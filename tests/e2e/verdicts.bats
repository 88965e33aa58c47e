#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What an automation says reaches the client, and through it the model.

setup() { load lib.bash; e2e_sandbox; registered; }

@test "a deny stops a Bash call and the model is told the reason" {
	automation 50-no-touch 'Event: PreToolUse' 'Match: Bash' <<-'EOF'
		echo 'touching is not allowed here' >&2
		exit 2
	EOF
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "So be it." }]'
	claude_p 'Touch it.'
	[ ! -e made ]
	assert_told 'user failed: no-touch: touching is not allowed here'
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = deny ]
}

@test "several calls in one answer are judged each on its own" {
	automation 50-no-touch 'Event: PreToolUse' <<-'EOF'
		case $CCM_TOOL_COMMAND in *made-b*) echo 'not b' >&2; exit 2 ;; esac
	EOF
	answers '[
		{ "call": [["Bash", { "command": "touch made-a" }], ["Bash", { "command": "touch made-b" }],
			["Bash", { "command": "touch made-c" }]] },
		{ "say": "Two of three." }
	]'
	claude_p 'Touch them.'
	[ "$(echo made-*)" = 'made-a made-c' ]
	assert_told 'not b'
}

@test "context from SessionStart and UserPromptSubmit reaches the model, as JSON and as plain text" {
	automation 20-json 'Event: SessionStart UserPromptSubmit' <<-'EOF'
		printf '{"hookSpecificOutput": {"hookEventName": "%s", "additionalContext": "json at %s"}}\n' \
			"$CCM_EVENT" "$CCM_EVENT"
	EOF
	automation 30-text 'Event: SessionStart UserPromptSubmit' <<-'EOF'
		echo "text at $CCM_EVENT"
	EOF
	answers '[{ "say": "I see." }]'
	claude_p 'Hello.'
	for event in SessionStart UserPromptSubmit; do
		assert_told "json at $event"
		assert_told "text at $event"
	done
}

@test "context-inject tells the model the project's notes and its branch, once" {
	# A copy: in a user namespace nobody but its user has a name, so a source tree of root's could not be trusted.
	cp "$CCM_SOURCE/automations/context-inject" "$T"
	ccm-hook enable "$T/context-inject"
	mkdir .ccm
	echo 'Speak plainly.' >.ccm/context.md
	answers '[{ "say": "I will." }]'
	claude_p 'Hello.'
	assert_told 'Git: branch main'
	[ "$(told | grep -cx 'Speak plainly.')" -eq 1 ]
}

@test "context from PreToolUse and PostToolUse reaches the model with the result" {
	automation 50-context 'Event: PreToolUse PostToolUse' <<-'EOF'
		printf '{"hookSpecificOutput": {"hookEventName": "%s", "additionalContext": "context at %s"}}\n' \
			"$CCM_EVENT" "$CCM_EVENT"
	EOF
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "I see." }]'
	claude_p 'Touch it.'
	[ -e made ]
	assert_told 'context at PreToolUse'
	assert_told 'context at PostToolUse'
}

@test "a question that nobody is there to answer is a refusal with its reason" {
	automation 50-ask 'Event: PreToolUse' <<-'EOF'
		echo '{"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "ask",
			"permissionDecisionReason": "a person should see this"}}'
	EOF
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "I see." }]'
	claude_p 'Touch it.'
	[ ! -e made ]
	assert_told 'a person should see this'
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = ask ]
}

@test "continue: false after a call ends the turn" {
	automation 50-enough 'Event: PostToolUse' <<-'EOF'
		echo '{"continue": false, "stopReason": "that is enough"}'
	EOF
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }]'
	claude_p 'Touch it.'
	[ -e made ]
	[ "$(recorded 'select(.event == "PostToolUse") | .stop')" = true ]
}

@test "an updatedInput is what runs" {
	automation 50-elsewhere 'Event: PreToolUse' 'Match: Bash' <<-'EOF'
		jq '{ hookSpecificOutput: { hookEventName: "PreToolUse",
			updatedInput: (.tool_input | .command = "touch changed") } }'
	EOF
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "Done." }]'
	claude_p 'Touch it.'
	[ ! -e made ]
	[ -e changed ]
}

@test "a Stop block continues the turn with its reason" {
	automation 50-once-more 'Event: Stop' <<-'EOF'
		case $(cat) in *'"stop_hook_active":true'*) exit 0 ;; esac
		echo '{"decision": "block", "reason": "look again"}'
	EOF
	answers '[{ "say": "Done." }, { "say": "Now really." }]'
	claude_p 'Look.'
	[ "$output" = 'Now really.' ]
	assert_told 'look again'
	[ "$(recorded 'select(.event == "Stop") | .verdict' | head -n 1)" = deny ]
}

@test "a PostToolUse block reaches the model beside the result" {
	automation 50-review 'Event: PostToolUse' 'Match: Write' <<-'EOF'
		echo '{"decision": "block", "reason": "this file has no newline at its end"}'
	EOF
	answers '[{ "call": [["Write", { "file_path": "new", "content": "text" }]] }, { "say": "Oh." }]'
	claude_p 'Write it.'
	[ "$(cat new)" = text ]
	assert_told 'user result: File created'
	assert_told 'this file has no newline at its end'
}

@test "a UserPromptSubmit block keeps the prompt from the model" {
	automation 50-no-secrets 'Event: UserPromptSubmit' <<-'EOF'
		case $CCM_PROMPT in *password*) echo 'that is a password' >&2; exit 2 ;; esac
	EOF
	answers '[]'
	claude_p 'my password is 1234'
	[[ $output == *'that is a password'* ]]
	run ! grep -q 1234 "$T/api.jsonl"
}
