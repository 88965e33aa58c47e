#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# Hook scripts written for the client work unchanged as automations. Each script of dropin/ is run in two sessions, the
# same but for one thing: registered with the client itself, or dropped into enabled/ with ccm-hook registered.
# Afterwards all of this must be the same, byte for byte: every request that the model was sent (system prompt and
# every message of it), what `claude -p` printed, and every file of the project with its mode.
#
# The two sessions have the same paths. What may differ, and is taken out of both before they are compared, is how a
# text is labelled, never the text itself:
#   - who says it. The client names the command of a hook that exits with 2 ("[COMMAND]: ", "PreToolUse:Bash hook error:
#     [COMMAND]: "; before a PostToolUse reason 'from command: "COMMAND": '), ccm names the automation ("NAME: ");
#   - "SessionStart:startup hook success" before plain text, "SessionStart hook additional context" before the same text
#     in JSON, which is how ccm sends on what its automations said;
#   - empty lines: the client passes on the newline at the end of a script's stderr or text, ccm does not.
# That both sessions are silent is no agreement: each test also names a text that both must hold.

setup() { load lib.bash; }

# Usage: both_ways SCRIPT EVENT MATCHER PROMPT ANSWERS TEXT
both_ways() {
	local script=$E2E/dropin/$1

	sandbox "$5"
	registered_natively "$2" "$3" "$script"
	claude_p "$4"
	outcome | without_labels "$script" "$script" >"$BATS_TEST_TMPDIR/natively"

	sandbox "$5"
	registered
	dropped_in "$script" "$2" "$3"
	claude_p "$4"
	outcome | without_labels "$1" "$(ccm_command "$2")" >"$BATS_TEST_TMPDIR/dropped-in"

	diff -u "$BATS_TEST_TMPDIR/natively" "$BATS_TEST_TMPDIR/dropped-in"
	grep -qF -e "$6" "$BATS_TEST_TMPDIR/natively"
}

# Usage: dropped_in SCRIPT EVENT MATCHER
# A script that asks for hook_event_name itself needs nothing more. The others rely on being called only where they are
# registered: that part of their registration goes to the .ini file beside them.
dropped_in() {
	local entry=$CCM_HOME/automations/enabled/50-${1##*/}
	(umask 077 && mkdir -p "${entry%/*}")
	cp "$1" "$entry"
	grep -q hook_event_name "$1" || printf 'Event = %s\nMatch = %s\n' "$2" "$3" >"$entry.ini"
}

sandbox() {
	e2e_sandbox
	printf '%s\n' 'mend the roof' 'done sweep the yard' 'paint the fence' >TASKS
	answers "$1"
}

outcome() {
	story
	echo "--- printed: $output"
	find . -name .git -prune -o -type f -printf '--- file %P, mode %m\n' -exec cat {} \;
}

# Usage: without_labels NAME COMMAND
# How the script is called in this session (its path, or the automation's name), and what the client calls.
without_labels() {
	local text
	text=$(cat)
	text=${text//"PreToolUse:Bash hook error: [$1]: "/}
	text=${text//"[$1]: "/}
	text=${text//"$1: "/}
	text=${text//"from command: \"$2\": "/from command: }
	sed -E -e 's/(SessionStart|UserPromptSubmit)(:[a-z]+)? hook success: /\1 hook additional context: /' -e '/^$/d' <<<"$text"
}

# Usage: ccm_command EVENT
# What the client calls for it, in the words in which it says so.
ccm_command() {
	jq -r --arg event "$1" '.hooks[$event][0].hooks[0] | [.command] + .args | join(" ")' "$CLAUDE_CONFIG_DIR/settings.json"
}

@test "sh: exit 2 with a reason on stderr" {
	both_ways refuse-rm.sh PreToolUse Bash 'Clean up.' '[
		{ "call": [["Bash", { "command": "rm -rf TASKS" }], ["Bash", { "command": "touch made" }]] },
		{ "say": "As you wish." }
	]' 'user failed: rm -rf is not for agents.'
}

@test "bash and jq: a permission decision with a reason" {
	both_ways protect-env.bash PreToolUse 'Write|Edit' 'Write the settings.' '[
		{ "call": [["Write", { "file_path": ".env", "content": "a" }], ["Write", { "file_path": "env", "content": "b" }]] },
		{ "say": "As you wish." }
	]' 'user failed: ".env" holds secrets — it stays as it is'
}

@test "python: additional context for a prompt" {
	both_ways conventions.py UserPromptSubmit '' 'Please commit.' '[{ "say": "Committed." }]' \
		'UserPromptSubmit hook additional context: Commit subjects are imperative.'
}

@test "node: a rewritten call" {
	both_ways private-files.js PreToolUse Bash 'Touch it.' '[
		{ "call": [["Bash", { "command": "touch made", "description": "Touch" }]] },
		{ "say": "Done." }
	]' '--- file made, mode 600'
}

@test "awk: plain text for a new session" {
	both_ways open-tasks.awk SessionStart '' 'What is open?' '[{ "say": "Two things." }]' '- mend the roof'
}

@test "perl: a block after the fact" {
	both_ways no-tabs.pl PostToolUse Write 'Write it.' '[
		{ "call": [["Write", { "file_path": "made", "content": "a\tb" }]] },
		{ "say": "Oh." }
	]' '/project/made: use spaces'
}

@test "sh: the legacy form of a decision" {
	both_ways approved-tools PreToolUse '' 'Fetch it.' '[
		{ "call": [["Bash", { "command": "curl example.org" }], ["Bash", { "command": "touch made" }]] },
		{ "say": "Later, then." }
	]' 'user failed: downloads go through the mirror'
}

@test "bash: a Stop hook that sends the agent back to work once" {
	both_ways run-the-tests.bash Stop '' 'Finish it.' '[{ "say": "Finished." }, { "say": "They pass." }]' \
		'The tests have not been run.'
}

@test "python: a prompt that never reaches the model" {
	both_ways no-secrets.py UserPromptSubmit '' 'Use password=1234.' '[]' 'there is a password in this prompt'
}
