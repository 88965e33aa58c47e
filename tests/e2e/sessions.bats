#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Whole sessions of the real client: what is on record afterwards, and what the model noticed of it.

setup() { load lib.bash; e2e_sandbox; }
teardown() { term_kill; }

# A `claude -p` session with a tool call and a subagent that makes one itself.
count_files() {
	answers '[
		{ "say": "A look first.", "call": [["Bash", { "command": "ls" }]] },
		{ "call": [["Agent", { "description": "Count", "subagent_type": "general-purpose", "prompt": "SUBTASK: count" }]] },
		{ "for": "SUBTASK", "call": [["Bash", { "command": "ls | wc -l" }]] },
		{ "for": "SUBTASK", "say": "None." },
		{ "say": "No files at all." }
	]'
	claude_p 'How many files?'
	[ "$output" = 'No files at all.' ]
}

# A terminal session in which a person is slow to answer a question, and then compacts the conversation.
touch_and_compact() {
	answers '[
		{ "say": "May I?", "call": [["Bash", { "command": "touch asked" }]] },
		{ "say": "Thank you." }
	]'
	term_start
	term_type 'Touch a file.'
	term_wait 'Do you want to proceed?'
	wait_for 60 on_record Notification
	[ ! -e asked ]
	term_tmux send-keys Enter
	term_wait 'Thank you.'
	[ -e asked ]
	term_type /compact
	term_wait 'Compacted'
	term_type /exit
	term_wait 'the client ended with 0'
	played_out
}

on_record() { recorded | grep -qx "$1"; }

@test "one claude -p session and one terminal session put all nine classic events on record, every one valid" {
	registered
	count_files
	[ "$(recorded | tr '\n' ' ')" = "SessionStart UserPromptSubmit PreToolUse PostToolUse PreToolUse PreToolUse \
PostToolUse SubagentStop PostToolUse Stop SessionEnd " ]

	touch_and_compact
	[ "$(recorded | tail -n +12 | tr '\n' ' ')" = "SessionStart UserPromptSubmit PreToolUse Notification PostToolUse \
Stop PreCompact SubagentStop SessionStart SessionEnd " ]
	[ "$(recorded .valid | sort -u)" = true ]
	[ "$(recorded .event | sort -u | wc -l)" -eq 9 ]
}

@test "each event on record names its session, project, tool, call and subagent" {
	registered
	count_files
	[ "$(recorded '.session_id' | sort -u | wc -l)" -eq 1 ]
	[ "$(recorded '.cwd' | sort -u)" = "$PROJECT" ]
	[ "$(recorded '.project' | sort -u)" = "$PROJECT" ]
	[ "$(recorded 'select(.tool) | "\(.event) \(.tool) \(.tool_use_id) \(.agent_id != null)"')" = "\
PreToolUse Bash toolu_00000001 false
PostToolUse Bash toolu_00000001 false
PreToolUse Agent toolu_00000002 false
PreToolUse Bash toolu_00000003 true
PostToolUse Bash toolu_00000003 true
PostToolUse Agent toolu_00000002 false" ]
	[ "$(recorded 'select(.event == "SubagentStop") | .agent_id')" = \
		"$(recorded 'select(.tool_use_id == "toolu_00000003") | .agent_id' | sort -u)" ]
}

@test "a claude -p session registered for every known event has each of them on record, all valid" {
	registered --events all
	mkdir -p .claude/commands below
	echo 'Greet them.' >.claude/commands/greet.md
	echo 'Be kind.' >CLAUDE.md
	answers '[
		{ "call": [["Bash", { "command": "cd below" }], ["Bash", { "command": "exit 3" }]] },
		{ "call": [["TaskCreate", { "subject": "Dig", "description": "Dig a hole" }]] },
		{ "call": [["TaskUpdate", { "taskId": "1", "status": "completed" }]] },
		{ "call": [["Agent", { "description": "Rest", "subagent_type": "general-purpose", "prompt": "SUBTASK: rest" }]] },
		{ "for": "SUBTASK", "say": "Rested." },
		{ "say": "Hello, Bob." }
	]'
	claude_p '/greet Bob'
	[ "$(recorded .valid | sort -u)" = true ]
	[ "$(recorded | sort -u | tr '\n' ' ')" = "CwdChanged InstructionsLoaded MessageDisplay PostToolBatch PostToolUse \
PostToolUseFailure PreToolUse SessionEnd SessionStart Stop SubagentStart SubagentStop TaskCompleted TaskCreated \
UserPromptExpansion UserPromptSubmit " ]
}

# A name that the client does not know would make it open with a question.
@test "a session on a terminal with every known event and the status line registered shows and records all of it" {
	registered --events all --statusline
	answers '[
		{ "say": "May I?", "call": [["Bash", { "command": "touch asked" }]] },
		{ "say": "Thank you." }
	]'
	term_start
	term_wait 'project (main)'
	term_type 'Touch a file.'
	term_wait 'Do you want to proceed?'
	term_tmux send-keys Enter
	term_wait 'Thank you.'
	term_type /compact
	term_wait 'Compacted'
	term_type /exit
	term_wait 'the client ended with 0'
	played_out
	for event in PermissionRequest PostToolBatch MessageDisplay PreCompact PostCompact SubagentStop SessionEnd; do
		on_record "$event"
	done
	[ "$(recorded .valid | sort -u)" = true ]
}

# Reads of one answer run side by side, and so do subagents: hooks of one session overlap.
@test "events that overlap are all on record" {
	registered
	automation 50-slow 'Event: PreToolUse' <<-'EOF'
		sleep 0.2
	EOF
	echo text >file
	answers '[
		{ "call": [
			["Agent", { "description": "One", "subagent_type": "general-purpose", "prompt": "SUBTASK" }],
			["Agent", { "description": "Two", "subagent_type": "general-purpose", "prompt": "SUBTASK" }],
			["Read", { "file_path": "file" }], ["Read", { "file_path": "file" }], ["Read", { "file_path": "file" }]
		] },
		{ "for": "SUBTASK", "call": [["Read", { "file_path": "file" }], ["Read", { "file_path": "file" }]] },
		{ "for": "SUBTASK", "call": [["Read", { "file_path": "file" }], ["Read", { "file_path": "file" }]] },
		{ "for": "SUBTASK", "say": "Read." },
		{ "for": "SUBTASK", "say": "Read." },
		{ "say": "All read." }
	]'
	claude_p 'Read it.'
	[ "$(recorded 'select(.tool == "Read") | .event' | sort | uniq -c | tr -s ' \n' ' ')" = ' 7 PostToolUse 7 PreToolUse ' ]
	[ "$(recorded 'select(.tool == "Read" and .event == "PreToolUse") | .runs | length' | sort -u)" = 1 ]
	[ "$(recorded 'select(.event == "SubagentStop") | .agent_id' | sort -u | wc -l)" -eq 2 ]
	[ "$(recorded .valid | sort -u)" = true ]
}

@test "an API failure is on record as a valid StopFailure" {
	registered --events all
	answers '[{ "error": 400 }]'
	run ! claude_p 'Hello?'
	[ "$(recorded 'select(.event == "StopFailure") | .valid')" = true ]
}

# Compared with a session without any hook. The answers are the same, so every difference would be our doing.
@test "with no opinion from anyone the model is told nothing" {
	count_files
	story >"$T/alone"
	registered
	automation 50-silent <<-'EOF'
		exit 0
	EOF
	count_files
	[ "$(recorded 'select(.runs | length == 1) | .event' | wc -l)" -eq 11 ]
	diff "$T/alone" <(story)
}

# A WorktreeCreate hook takes git's place, and one that names no directory makes the client give up.
@test "with every known event registered the client still makes worktrees by itself" {
	registered --events all
	git -c user.name=Me -c user.email=me@localhost commit --quiet --allow-empty --message 'A beginning'
	answers '[{ "call": [["Bash", { "command": "pwd" }]] }, { "say": "There." }]'
	claude_p 'Where are you?' --worktree tree
	assert_told "user result: $PROJECT/.claude/worktrees/tree"
	[ "$(recorded .valid | sort -u)" = true ]
}

# Usage: gaps - what is told of calls that no hook told of, minutes later.
gaps() {
	ccm-supervisor job quota
	CCM_TEST_CLOCK_S=300 "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" job gaps
	db "SELECT title FROM alert WHERE kind = 'hook-gap'"
}

@test "where every call of a session was heard of there is no gap, and a session whose hooks were off is one" {
	registered
	answers '[{ "call": [["Bash", { "command": "echo one" }], ["Bash", { "command": "exit 3" }]] },
		{ "call": [["Read", { "file_path": "/nowhere" }], ["Write", { "file_path": "made", "content": "x" }]] }, { "say": "Done." }]'
	claude_p 'Go.'
	[ "$(recorded 'select(.event == "PreToolUse") | .tool' | wc -l)" -eq 4 ]
	[ -z "$(gaps)" ]
	jq '.disableAllHooks = true' "$CLAUDE_CONFIG_DIR/settings.json" >"$T/off.json"
	cp "$T/off.json" "$CLAUDE_CONFIG_DIR/settings.json"
	answers '[{ "call": [["Bash", { "command": "echo two" }]] }, { "say": "Done." }]'
	claude_p 'Go.'
	[[ $(gaps) == "session "????????" runs without ccm" ]]
}
