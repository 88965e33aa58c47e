# SPDX-License-Identifier: MIT
# automations/event-note: the example that people copy must be right in itself.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	export CLAUDE_PROJECT_DIR="$HOME/website"
	ccm-hook init
	install -m 0755 "$CCM_SOURCE/automations/event-note" "$CCM_HOME/automations/enabled/event-note"
}

# Usage: prompt TEXT
prompt() {
	run -0 --separate-stderr ccm-hook run < <(event UserPromptSubmit | jq -c --arg p "$1" '.prompt = $p')
	[ -z "$output$stderr" ]
}

@test "event-note: each prompt is a line with time, project and first line" {
	prompt "fix the login test"
	prompt $'-n 100% \\n "odd"\nsecond line'
	run -0 cat "$CCM_HOME/notes.md"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} =~ ^-\ [0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}\ website:\ fix\ the\ login\ test$ ]]
	[[ ${lines[1]} == *' website: -n 100% \n "odd"' ]]
}

@test "event-note: other events leave no line" {
	run -0 ccm-hook run < <(event PreToolUse-Bash)
	[ ! -e "$CCM_HOME/notes.md" ]
}

@test "event-note: a prompt too long for a variable is noted and passes" {
	run -0 --separate-stderr ccm-hook run < <(event UserPromptSubmit '.prompt = "x" * 100000')
	[ -z "$output$stderr" ]
	[[ $(cat "$CCM_HOME/notes.md") == *"website: a prompt too long for a variable" ]]
}

@test "event-note: notes that cannot be written fail the run, never the prompt" {
	mkdir "$CCM_HOME/notes.md"
	prompt "fix the login test"
	[[ $(db "SELECT exit_status, verdict, problem FROM run") == "1|none|failed with exit status 1" ]]
}
