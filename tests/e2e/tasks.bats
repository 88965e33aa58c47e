#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The real client in a task: it works, commits, and is kept in; what it did is reviewed and merged.

setup() {
	load lib.bash
	e2e_sandbox
	git config --global user.name 'A Person'
	git config --global user.email person@example.org
	printf 'total() { echo 1; }\n' >cart.sh
	# shellcheck disable=SC2016
	printf '. ./cart.sh\n[ "$(total)" = 2 ] && echo passed\n' >test.sh
	echo 'PROJECT-MARK: tests are in test.sh' >CLAUDE.md
	git add .
	git commit --quiet -m 'the shop'
	echo 'PERSON-MARK: be brief' >"$CLAUDE_CONFIG_DIR/CLAUDE.md"
	ccm-supervisor sandbox check >"$T/check" || skip "no sandbox here: $(tail -n 1 "$T/check")"
}

# One in the background would outlive a test that fails.
teardown() {
	term_kill
	[ ! -e id ] || ccm-supervisor task stop --end "$(cat id)" 2>/dev/null || :
}

# Usage: task_p PROMPT [OPTION...]
# As claude_p, in a task.
task_p() {
	local prompt=$1 client=$CCM_CLIENT
	shift
	export -f client in_namespace
	export T E2E KEY
	CCM_CLIENT=$CCM_BUILD/ccm-supervisor run --separate-stderr timeout --kill-after=5 120 bash -c 'client "$@"' bash \
		run -- "$client" -p "$prompt" --permission-mode acceptEdits --allowedTools Bash Read Write Edit "$@" </dev/null
	# shellcheck disable=SC2154
	[ "$status" -eq 0 ] || { report "the task ended with $status" "$output" "$stderr"; return 1; }
	ID=$(ccm-supervisor task list --json | jq -r .id | head -n 1)
	WORK=$CCM_HOME/tasks/$ID/work
	played_out
}

@test "a client in a task edits, runs tests, commits, is denied a push, and its work is reviewed and merged" {
	git clone --quiet --bare . "$HOME/remote.git"
	git remote add origin "$HOME/remote.git"
	answers '[
		{ "call": [["Bash", { "command": "sed -i s/1/2/ cart.sh; sh test.sh" }]] },
		{ "call": [["Bash", { "command": "git commit -qam \"the right total\" && git push '"$HOME/remote.git"' HEAD:main" }]] },
		{ "say": "Fixed." }
	]'
	task_p 'Fix the total.'
	[ "$output" = Fixed. ]
	assert_told passed
	assert_told 'does not appear to be a git repository'
	[ "$(git -C "$HOME/remote.git" log --format=%s main)" = 'the shop' ]
	[ "$(cat cart.sh)" = 'total() { echo 1; }' ]
	run -0 ccm-supervisor task review "$ID"
	[[ $output == *'the right total'*'M  +1      -1      cart.sh'* ]]
	ccm-supervisor task merge "$ID" --approve "$(ccm-supervisor task review "$ID" --json | jq -r .commit)"
	[ "$(sh test.sh)" = passed ]
}

@test "it is told what CLAUDE.md says, to the person and to the project, and never holds the key" {
	answers '[ { "call": [["Bash", { "command": "env | grep -c no-real-key; grep -rc no-real-key $CLAUDE_CONFIG_DIR $HOME /proc/self/environ | grep -v :0" }]] }, { "say": "No key." } ]'
	task_p 'Look for it.'
	[[ $(story) == *PERSON-MARK* && $(story) == *PROJECT-MARK* ]]
	refute_told "$KEY"
	[[ $(told) == *'result: 0'* || $(told) == *$'failed: '*0* ]] || { told | tail -n 5; return 1; }
}

@test "its hooks fire, and judge, after it has tried to switch them off in every way" {
	automation 50-no 'Event: PreToolUse' 'Match: Bash' <<-'EOF'
		. "$CCM_LIB_SH/ccm.sh"
		case $CCM_TOOL_COMMAND in *forbidden*) ccm_deny 'not in here' ;; esac
	EOF
	off='{\"disableAllHooks\":true}'
	answers '[
		{ "call": [["Bash", { "command": "mkdir -p .claude; for f in .claude/settings.json .claude/settings.local.json $CLAUDE_CONFIG_DIR/settings.json $HOME/.claude/settings.json ../ctl/settings.json; do mkdir -p ${f%/*}; echo \"'"${off//\\/\\\\\\}"'\" >$f; done; true" }]] },
		{ "call": [["Bash", { "command": "echo first" }]] },
		{ "call": [["Bash", { "command": "echo forbidden" }]] },
		{ "say": "It was refused." }
	]'
	task_p 'Try.'
	assert_told 'not in here'
	[ "$(cat "$WORK/.claude/settings.json")" = '{"disableAllHooks":true}' ]
	[ "$(recorded | tr '\n' ' ')" = 'SessionStart UserPromptSubmit PreToolUse PostToolUse PreToolUse PostToolUse PreToolUse Stop SessionEnd ' ]
	[ "$(ccm-supervisor task log "$ID" --events | wc -l)" -eq 9 ]
}

# Usage: task_term WORD...
# As term_start, with a task of the client's in place of the client.
task_term() {
	client=$CCM_CLIENT
	CCM_CLIENT=$1
	shift
	export client
	term_start "$@"
}

# The client draws its input line over the whole width.
drawn_for() {
	local line
	# shellcheck disable=SC2046
	printf -v line '─%.0s' $(seq "$1")
	[[ $(term_screen) == *"$line"* && $(term_screen) != *"$line─"* ]]
}

@test "its terminal UI works inside, asks, is answered, and is resized with the window" {
	answers '[ { "say": "May I?", "call": [["Bash", { "command": "touch asked" }]] }, { "say": "Thank you." } ]'
	task_term "$CCM_BUILD/ccm-supervisor" run -- "$CCM_CLIENT"
	wait_for 60 drawn_for 120
	term_type 'Touch a file.'
	term_wait 'Do you want to proceed?'
	term_tmux resize-window -x 90 -y 40
	term_tmux send-keys Enter
	term_wait 'Thank you.'
	wait_for 60 drawn_for 90
	term_type /exit
	term_wait 'the client ended with 0'
	played_out
	[ -e "$CCM_HOME/tasks/$(ccm-supervisor task list --json | jq -r .id)/work/asked" ]
}

@test "in the background its terminal UI can be left and joined again, in another size, and it works on meanwhile" {
	answers '[ { "call": [["Bash", { "command": "until [ -e go ]; do sleep 0.1; done" }]] }, { "say": "Thank you." } ]'
	# shellcheck disable=SC2016
	printf '%s\n' 'ccm-supervisor run --background -- "$@" --allowedTools Bash >id' 'ccm-supervisor task attach last' \
		'until [ -e again ]; do sleep 0.1; done' 'ccm-supervisor task attach last' >"$T/script"
	task_term /bin/sh "$T/script" "$CCM_CLIENT"
	term_type 'Wait.'
	term_wait 'until [ -e go ]'
	term_tmux send-keys "C-\\"
	wait_for 60 grep -q 'left task' "$T/term.err"
	touch "$CCM_HOME/tasks/$(cat id)/work/go"
	wait_for 60 grep -q 'Thank you' "$CCM_HOME/tasks/$(cat id)/output"
	term_tmux resize-window -x 90 -y 40
	touch again
	term_wait 'Thank you.'
	wait_for 60 drawn_for 90
	term_type /exit
	term_wait 'the client ended with 0'
	played_out
}
