#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Answers from afar with the real client: what is pressed in Telegram is what happens.

TOKEN=123456789:AAno-real-token-is-ever-needed-here

setup() {
	load lib.bash
	load ../bats/desktop.bash
	# Who is no root stays who they are in the namespace: else the desktop's bus would not know them.
	# shellcheck disable=SC2317 # called by lib.bash
	in_namespace() {
		local namespace=(unshare --net)
		[ "$(id -u)" -eq 0 ] || namespace+=(--map-current-user --keep-caps)
		"${namespace[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$@"
	}
	e2e_sandbox
	export BESIDE="node $E2E/telegram.mjs $CCM_BUILD/tests/e2e $T/telegram"
	ccm-hook init
	(umask 077 && echo "$TOKEN" >"$HOME/token")
	config
	registered
}

teardown() {
	term_kill
	desktop_stop
}

# Usage: config [LINE...] - Telegram is set up, approvals are on, and these lines of [telegram].
config() {
	printf '%s\n' '[telegram]' "token = file:$HOME/token" 'chat_id = 1' 'api = http://127.0.0.1:9000' 'approvals = on' "$@" >"$CCM_HOME/config.ini"
}

# Usage: telegram METHOD JSON - the person's part.
telegram() {
	curl -sS --unix-socket "$T/telegram" -H 'content-type: application/json' -d "$2" "http://telegram/$1"
}

# Usage: messages FILTER - all that the bot has sent, as it stands in the chat now, through a filter.
messages() { telegram getUpdatesHistory "{\"token\": \"$TOKEN\"}" | jq -r ".result[] | select(has(\"message\")) | .message | $1"; }

# The questions among them.
asked() { messages 'select(.text | startswith("Claude Code wants")) | .text'; }
has_asked() { [ "$(messages 'select(.reply_markup) | 1' 2>/dev/null | wc -l)" -ge "$1" ]; }

# Usage: button N Approve|Deny - what that button of the N-th question sends back.
button() { messages "select(.reply_markup) | .reply_markup.inline_keyboard[][] | select(.text == \"$2\") | .callback_data" | sed -n "$1p"; }

# Usage: press DATA [CHAT] - the person presses a button, in chat 1 or in another.
press() {
	telegram sendCallback "$(jq -nc --arg token "$TOKEN" --arg data "$1" --argjson chat "${2:-1}" '{botToken: $token, data: $data, date: now | floor,
		from: {id: $chat, username: "dev", first_name: "Dev", is_bot: false},
		message: {from: {id: 666, is_bot: true, first_name: "Bot"}, chat: {id: $chat, type: "private"}}}')" >"$T/pressed"
}

pressed() { db 'SELECT wish, result FROM press ORDER BY id'; }
has_pressed() { [ "$(pressed | wc -l)" -ge "$1" ]; }

@test "a permission prompt: the desktop tells of it, Approve lets the tool run, Deny stops it, silence denies after the time" {
	desktop_start
	answers '[
		{ "call": [["Bash", { "command": "touch one" }]] },
		{ "call": [["Bash", { "command": "touch two" }]] },
		{ "call": [["Bash", { "command": "touch three" }]] },
		{ "say": "So be it." }
	]'
	term_start
	term_type 'Touch three files.'
	wait_for 60 has_asked 1
	term_wait 'Do you want to proceed?'
	told_on_desktop() { [[ $(desktop_shown) == $'critical|project: the agent asks for your permission: Bash|touch one\n— project, session '???????? ]]; }
	wait_for 20 told_on_desktop
	[ ! -e one ]
	press "$(button 1 Approve)"
	wait_for 60 has_asked 2
	[ -e one ]
	config 'approval_time = 1s'
	press "$(button 2 Deny)"
	term_wait 'So be it.'
	[ "$(ls)" = one ]
	story | grep -F 'user failed: ccm: @dev said no from afar'
	story | grep -F 'user failed: ccm: the person was asked from afar and did not answer within 1s, which counts as no'
	[ "$(db 'SELECT state FROM approval ORDER BY id')" = $'approved\ndenied\nexpired' ]
	[ "$(recorded 'select(.event == "PermissionRequest") | .verdict')" = $'allow\ndeny\ndeny' ]
}

@test "a second press, an old question's button and a stranger's chat do nothing, and are recorded" {
	automation 50-careful 'Event: PreToolUse' <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"It is careful."}}'
	EOS
	answers '[
		{ "call": [["Bash", { "command": "touch one" }]] },
		{ "call": [["Bash", { "command": "touch two" }]] },
		{ "say": "So be it." }
	]'
	claude_p 'Touch two files.' >"$T/said" 2>&1 &
	session=$!
	wait_for 60 has_asked 1
	[[ $(asked) == *'> touch one'*'Why you are asked:'*'> careful: It is careful.'* ]]
	press "$(button 1 Approve)" 2
	wait_for 20 has_pressed 1
	press "$(button 1 Approve)"
	wait_for 60 has_asked 2
	[ -e one ]
	press "$(button 1 Approve)"
	press "$(button 2 Approve)" 2
	wait_for 20 has_pressed 4
	[ ! -e two ]
	press "$(button 2 Deny)"
	wait "$session"
	[ ! -e two ]
	assert_told 'user failed: ccm: @dev said no from afar'
	[ "$(pressed)" = $'approve|stranger\napprove|accepted\napprove|again\napprove|stranger\ndeny|accepted' ]
	[ "$(recorded 'select(.event == "PreToolUse") | .verdict')" = $'allow\ndeny' ]
}

@test "an answer at the terminal counts, and the question in Telegram, which says why it is asked, is withdrawn" {
	automation 50-careful 'Event: PreToolUse' <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"It is careful."}}'
	EOS
	answers '[{ "call": [["Bash", { "command": "touch one" }]] }, { "say": "Thank you." }]'
	term_start
	term_type 'Touch it.'
	wait_for 60 has_asked 1
	[[ $(asked) == *'> touch one'*'Why you are asked:'*'> careful: It is careful.'* ]]
	term_wait 'Do you want to proceed?'
	term_tmux send-keys Enter
	term_wait 'Thank you.'
	[ -e one ]
	withdrawn() { [[ $(asked) == *'Withdrawn, '*': it was answered at the terminal.' ]]; }
	wait_for 20 withdrawn
	[ "$(db 'SELECT event, state FROM approval')" = 'PermissionRequest|cancelled' ]
}
