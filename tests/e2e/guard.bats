#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# security-guard with the real client: what it refuses does not run, and the model hears why.

setup() {
	load lib.bash
	e2e_sandbox
	registered
	# A copy: in a user namespace nobody but its user has a name, so a source tree of root's could not be trusted.
	cp "$CCM_SOURCE/automations/security-guard" "$T"
	ccm-hook enable "$T/security-guard"
	mkdir -p "$HOME/precious"
	echo kept >"$HOME/precious/file"
}

@test "a denied rm -rf never runs, and the model hears the alternative and no way to overrule it itself" {
	answers '[{ "call": [["Bash", { "command": "cd ~ && r\\m -rf ./*" }]] }, { "say": "I will not." }]'
	claude_p 'Clean up.'
	[ "$(cat "$HOME/precious/file")" = kept ]
	assert_told 'user failed: security-guard: '
	assert_told ' Instead: '
	assert_told 'A person, and nobody else, can let exactly this run: ccm-hook allow-once '
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = deny ]
}

@test "an ask that nobody is there to answer is a refusal with its reason" {
	mkdir -p "$CCM_HOME/guard.d"
	printf '[careful]\ncommand = touch\nverdict = ask\nreason = It makes a file.\ninstead = Say so first.\n' >"$CCM_HOME/guard.d/own.ini"
	answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "I see." }]'
	claude_p 'Touch it.'
	[ ! -e made ]
	assert_told 'It makes a file. [rule careful]'
	assert_told 'Instead: Say so first.'
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = ask ]
}

@test "a command that only mentions danger runs untouched" {
	answers '[{ "call": [["Bash", { "command": "echo \"rm -rf / and git push --force\" > said; cat said" }]] }, { "say": "Done." }]'
	claude_p 'Say it.'
	[ "$(cat said)" = 'rm -rf / and git push --force' ]
	assert_told 'user result: rm -rf / and git push --force'
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = none ]
}

@test "a Write into ccm's own files does not happen" {
	jq -n --arg file "$CCM_HOME/config.ini" '[{ call: [["Write", { file_path: $file, content: "[guard]\ngroup.ccm = off\n" }]] },
		{ say: "I see." }]' >"$T/answers.json"
	claude_p 'Switch it off.'
	[ ! -e "$CCM_HOME/config.ini" ]
	assert_told 'user failed: security-guard: '
}

@test "the third detour halts the session: no later call runs" {
	answers '[
		{ "call": [["Bash", { "command": "rm -rf ~" }]] },
		{ "call": [["Bash", { "command": "cd / && rm -rf home" }]] },
		{ "call": [["Bash", { "command": "find ~ -delete" }]] },
		{ "call": [["Bash", { "command": "touch made" }]] },
		{ "say": "I am stopped." }
	]'
	claude_p 'Clean up.'
	[ "$(cat "$HOME/precious/file")" = kept ]
	[ ! -e made ]
	assert_told "this session is halted until the person's next prompt"
	[ "$(db 'SELECT level FROM alert')" = urgent ]
}

@test "the third detour ends the turn where PostToolBatch is registered" {
	registered --events=PreToolUse,PostToolUse,UserPromptSubmit,Stop,PostToolBatch
	answers '[
		{ "call": [["Bash", { "command": "rm -rf ~" }]] },
		{ "call": [["Bash", { "command": "cd / && rm -rf home" }]] },
		{ "call": [["Bash", { "command": "find ~ -delete" }]] }
	]'
	claude_p 'Clean up.'
	[ "$(cat "$HOME/precious/file")" = kept ]
	[ "$(recorded 'select(.event == "PostToolBatch") | .stop' | tail -n 1)" = true ]
}
