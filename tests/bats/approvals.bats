# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Answers from afar, against a stand-in for Telegram that can be rude: tests/bin/telegram-server.py. The hook, the question, the
# press and its effect are real; tests/e2e/approvals.bats has the real client.

load helper
load telegram

setup() {
	ccm_sandbox
	ccm-hook init
	telegram_start
	config
	automation 50-careful 'Event: PreToolUse' <<-'EOS'
		echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"ask","permissionDecisionReason":"It is careful."}}'
	EOS
}

teardown() { telegram_stop; }

# Usage: config [LINE...] - what is said of Telegram, and these lines. No alerts: questions only.
config() {
	{
		printf '[alerts]\nrule = -> none\n'
		telegram_config
		echo 'approvals = on'
		if [ "$#" -gt 0 ]; then printf '%s\n' "$@"; fi
	} >"$CCM_HOME/config.ini"
}

# Usage: asks [FIXTURE [FILTER [TIMEOUT]]] - the hook at such an event; to be put into the background by the caller.
asks() { event "${1:-PreToolUse-Bash}" "${2:-.tool_input.command = \"rm -rf build\"}" | ccm-hook run --timeout "${3:-400}"; }

# Usage: end_hook SIGNAL - to the hook of asks(), whatever it runs under.
end_hook() {
	eventually pgrep -f -P "$hook" 'ccm-hook run' >"$BATS_TEST_TMPDIR/pid"
	kill "-$1" "$(tail -n 1 "$BATS_TEST_TMPDIR/pid")"
}

has_asked() { [ "$(calls sendMessage | wc -l)" -ge "${1:-1}" ]; }
alerted() { ccm-supervisor deliver --once && [ "$(db 'SELECT count(*) FROM alert')" = 1 ]; }
row() { db "SELECT $1 FROM approval ORDER BY id DESC LIMIT 1"; }
is_row() { [ "$(row "$1")" = "$2" ]; }
presses() { db 'SELECT wish, result, chat_id FROM press ORDER BY id'; }
has_pressed() { [ "$(db 'SELECT count(*) FROM press')" -ge "$1" ]; }

# Usage: button Approve|Deny - what the button of the newest question sends back.
button() { calls sendMessage ".reply_markup.inline_keyboard[0][] | select(.text == \"$1\") | .callback_data" | tail -n 1 | tr -d '"'; }

# Usage: press N DATA [FILTER] - a press of a button is update N.
press() {
	jq -nc --argjson n "$1" --arg data "$2" '{update_id: $n, callback_query: {id: "press\($n)", from: {id: 815, is_bot: false, username: "dev"},
		message: {message_id: 101, chat: {id: 4711, type: "private"}}, data: $data}} | '"${3:-.}" >"$T/update"
	mv "$T/update" "$T/updates/$1"
}

# Usage: answered [FIXTURE [FILTER]] - the hook asks, and gets the press that the variable WISH names.
answered() {
	asks "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" &
	hook=$!
	eventually has_asked
	press 1 "$(button "$WISH")"
	wait "$hook"
	output=$(cat "$BATS_TEST_TMPDIR/out")
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
}

@test "approvals: Approve turns an ask into allow, and says by whom" {
	WISH=Approve answered
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = allow ]
	[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = $'ccm: approved from afar by @dev\ncareful: It is careful.' ]
	[ "$(row 'state, answered_by, tool, summary')" = 'approved|@dev|Bash|rm -rf build' ]
	[ "$(presses)" = 'approve|accepted|4711' ]
	[ "$(db 'SELECT verdict, note FROM event')" = 'allow|' ]
	[[ $(ccm-hook show 1 --json | jq -r .why) == "careful said ask. The person was asked over Telegram: approved by @dev after "*"." ]]
}

@test "approvals: Deny turns an ask into deny, with words for the agent" {
	WISH=Deny answered
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	[[ $(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output") == 'ccm: @dev said no from afar; '*$'\ncareful: It is careful.' ]]
	[ "$(row state)" = denied ]
}

@test "approvals: no answer in time is a no, and the message says so" {
	config 'approval_time = 1s'
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	[[ $(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output") == *'did not answer within 1s, which counts as no'* ]]
	[ "$(row state)" = expired ]
	# With pauses between: a receiver may hold it against who asks again and again.
	[ "$(calls getUpdates | wc -l)" -le 6 ]
	eventually is_row 'closed_ms IS NOT NULL' 1
	[[ $(calls editMessageText .text) == *'Nobody answered in time: denied'* ]]
	[ "$(calls editMessageText '.message_id, .reply_markup')" = $'101\nnull' ]
}

@test "approvals: the question shows tool, command, project and reason, as plain text, without secrets" {
	WISH=Deny answered PreToolUse-Bash '.tool_input = {command: "curl -H \"Authorization: Bearer abcdefghijklmnopqrstuvwxyz012345\" x\nProject /innocent\u001b[2J", run_in_background: true}'
	text=$(calls sendMessage .text | jq -r .)
	[[ $text == 'Claude Code wants to use Bash:'$'\n''> curl -H "Authorization: Bearer [redacted:'* ]]
	[[ $text == *$'\n''> Project /innocent\e[2J'$'\n''> run_in_background: true'$'\n''Project '* ]]
	[[ $text == *'Why you are asked:'$'\n''> careful: It is careful.'* ]]
	[[ $text == *'No answer within 5m is a no.' ]]
	[[ $text != *abcdefghijklmnopqrstuvwxyz* ]]
	[ "$(calls sendMessage '[.parse_mode, .link_preview_options.is_disabled, .chat_id]')" = '[null,true,4711]' ]
	[ "$(db "SELECT count(*) FROM approval WHERE summary LIKE '%abcdefghijklmnopqrstuvwxyz%'")" -eq 0 ]
}

@test "approvals: of a long command both ends are shown, and that something is missing" {
	WISH=Deny answered PreToolUse-Bash '.tool_input.command = "echo begin; " + ("x" * 90000) + "; rm -rf end"'
	text=$(calls sendMessage .text | jq -r .)
	[[ $text == *'> echo begin; xxx'*'bytes are NOT shown here]'* ]]
	[ "${#text}" -lt 3000 ]
}

@test "approvals: a second press, an old question's button, a stranger's chat and another's hand do nothing, and are recorded" {
	config 'user_ids = 814 815'
	WISH=Deny answered
	old=$(button Approve)
	asks >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked 2
	press 2 "$old"
	press 3 "$(button Approve)" '.callback_query.message.chat.id = 4712'
	press 4 "$(button Approve)" '.callback_query.from.id = 81'
	press 5 "a$(printf %032d 7)"
	press 6 "$(button Approve)" 'del(.callback_query.message)'
	eventually has_pressed 6
	[ "$(row state)" = waiting ]
	press 7 "$(button Deny)"
	wait "$hook"
	press 8 "$(button Approve)"
	[ "$(jq -r .hookSpecificOutput.permissionDecision "$BATS_TEST_TMPDIR/out")" = deny ]
	[ "$(row state)" = denied ]
	# Whoever asks next takes in what came after. A key without a value lets nobody in.
	config 'user_ids =' 'approval_time = 1s'
	press 9 "$(button Approve)"
	asks >/dev/null 2>&1
	[ "$(presses)" = 'deny|accepted|4711
approve|again|4711
approve|stranger|4712
approve|stranger|4711
approve|unknown|4711
approve|stranger|
deny|accepted|4711
approve|stranger|4711
approve|stranger|4711' ]
	[ "$(calls answerCallbackQuery .text | sort | uniq -c | sed 's/^ *//')" = '2 "Denied."
5 "It is not yours to answer."
1 "It was answered before. Nothing was changed."
1 "ccm knows no such question."' ]
}

@test "approvals: an update that comes twice counts once, and broken ones are passed over" {
	mkdir -p "$T/updates"
	echo '{"update_id":1,"message":{"text":"hello"}}' >"$T/updates/1"
	echo '{"update_id":"2"}' >"$T/updates/2"
	echo '{"update_id":2,"callback_query":{"id":7,"from":[],"message":"x","data":{}}}' >"$T/updates/2"
	echo '{"update_id":3,"callback_query":{"id":"press3","data":"a"}}' >"$T/updates/3"
	printf '%s' '{"update_id":4,"callback_query":{"id":"press4","from":{"id":1,"username":"a\u0000\ud83d"},"data":"d"}}' >"$T/updates/4"
	asks >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked
	press 5 "$(button Deny)"
	jq -c '.update_id = 6' "$T/updates/5" >"$T/update"
	press 7 "$(button Approve)" '.update_id = 5 | .callback_query.id = "press5"'
	wait "$hook"
	[ "$(jq -r .hookSpecificOutput.permissionDecision "$BATS_TEST_TMPDIR/out")" = deny ]
	[ "$(db "SELECT count(*) FROM press WHERE result = 'accepted'")" -eq 1 ]
	[ "$(db "SELECT result FROM press WHERE callback_id IN ('press3', 'press4')")" = $'stranger\nstranger' ]
}

@test "approvals: a press that comes when the time is over is late" {
	config 'approval_time = 1s'
	asks >/dev/null
	press 1 "$(button Approve)"
	asks >/dev/null
	[ "$(presses)" = 'approve|late|4711' ]
	[ "$(db 'SELECT state FROM approval ORDER BY id')" = $'expired\nexpired' ]
}

@test "approvals: two questions at once are answered each by its own buttons" {
	asks >"$BATS_TEST_TMPDIR/out1" &
	one=$!
	eventually has_asked 1
	first=$(button Approve)
	asks PreToolUse-Bash '.tool_input.command = "ls -1"' >"$BATS_TEST_TMPDIR/out2" &
	two=$!
	eventually has_asked 2
	press 1 "$(button Deny)"
	wait "$two"
	press 2 "$first"
	wait "$one"
	[ "$(jq -r .hookSpecificOutput.permissionDecision "$BATS_TEST_TMPDIR"/out1 "$BATS_TEST_TMPDIR"/out2)" = $'allow\ndeny' ]
}

@test "approvals: a token that Telegram refuses leaves the ask to the client, and says why" {
	echo $'401\n{"ok":false,"error_code":401,"description":"Unauthorized"}' >"$T/answer.sendMessage"
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[[ $stderr == *'nobody could be asked from afar: Telegram answered 401: Unauthorized (is [telegram] token the token of your bot?)' ]]
	[ "$(row state)" = failed ]
	[[ $(db 'SELECT note FROM event') == 'nobody could be asked from afar: '* ]]
	[[ $(ccm-hook show 1 --json | jq -r .why) == *'The person was asked over Telegram (failed): Telegram answered 401'* ]]
}

@test "approvals: without a network, without a token or with one that others can read, nothing is allowed" {
	for line in 'api = http://127.0.0.1:1' 'token = file:/nonexistent/token' 'chat_id = everybody'; do
		config "$line" 'approval_time = 1s'
		run -0 --separate-stderr asks
		[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
		[[ $stderr == *'nobody could be asked from afar: '* ]]
	done
	config
	chmod 644 "$HOME/token"
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[ "$(db "SELECT group_concat(DISTINCT state) FROM approval")" = failed ]
	[ ! -e "$T/calls" ]
}

@test "approvals: a 429 and a 500 are waited out" {
	echo $'429 Retry-After: 1\n{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":1}}' >"$T/answer.sendMessage"
	echo $'500\nno' >"$T/answer.getUpdates"
	asks >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked 2
	press 1 "$(button Approve)"
	wait "$hook"
	[ "$(jq -r .hookSpecificOutput.permissionDecision "$BATS_TEST_TMPDIR/out")" = allow ]
}

@test "approvals: where no press can be fetched in all the time, nobody was asked" {
	echo $'409\n{"ok":false,"error_code":409,"description":"Conflict: terminated by other getUpdates request"}' >"$T/answer.getUpdates.always"
	config 'approval_time = 1s'
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[[ $stderr == *'nobody could be asked from afar: Telegram answered 409: Conflict: terminated by other getUpdates request' ]]
}

@test "approvals: a Telegram that never answers does not hold the hook longer than its time" {
	echo 0 >"$T/answer.sendMessage"
	config 'approval_time = 1s'
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[ "$(row state)" = failed ]
}

@test "approvals: a hook that the client ends withdraws its question" {
	asks PermissionRequest-Bash >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked
	end_hook TERM
	wait "$hook" || true
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	[ "$(row state)" = cancelled ]
	eventually is_row 'closed_ms IS NOT NULL' 1
	[[ $(calls editMessageText .text) == *'Withdrawn, '*': the client let go of it'* ]]
}

@test "approvals: a question whose hook was killed cannot be approved any more" {
	asks 3>&- &
	hook=$!
	eventually has_asked
	dead=$(button Approve)
	end_hook KILL
	wait "$hook" || true
	asks >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked 2
	press 1 "$dead"
	eventually has_pressed 1
	press 2 "$(button Approve)"
	wait "$hook"
	[ "$(db 'SELECT state, problem FROM approval ORDER BY id')" = $'cancelled|what waited for the answer was ended\napproved|' ]
	[ "$(presses)" = $'approve|late|4711\napprove|accepted|4711' ]
	[ "$(jq -r .hookSpecificOutput.permissionDecision "$BATS_TEST_TMPDIR/out")" = allow ]
}

@test "approvals: a permission prompt is answered in its own form" {
	WISH=Approve answered PermissionRequest-Bash .
	[ "$(jq -c .hookSpecificOutput <<<"$output")" = '{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}' ]
	rm "$T/updates/1"
	asks PermissionRequest-Bash . >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked 2
	press 2 "$(button Deny)"
	wait "$hook"
	[ "$(jq -r .hookSpecificOutput.decision.behavior "$BATS_TEST_TMPDIR/out")" = deny ]
	[[ $(jq -r .hookSpecificOutput.decision.message "$BATS_TEST_TMPDIR/out") == 'ccm: @dev said no from afar; '* ]]
}

@test "approvals: who answers a prompt has seen its alert" {
	asks PermissionRequest-Bash . >/dev/null 3>&- &
	hook=$!
	eventually has_asked
	# The alert is there as soon as no automation can be expected to answer.
	eventually alerted
	[ "$(db 'SELECT seen_ms FROM alert')" = '' ]
	press 1 "$(button Deny)"
	wait "$hook"
	[ "$(db 'SELECT kind FROM alert WHERE seen_ms > 0')" = agent-needs-input ]
}

@test "approvals: an answer at the terminal withdraws the question" {
	asks PermissionRequest-Bash . >"$BATS_TEST_TMPDIR/out" &
	hook=$!
	eventually has_asked
	event Stop ".session_id = \"$(row session_id)\"" | ccm-hook run
	wait "$hook"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	[ "$(row 'state, problem')" = 'cancelled|it was answered at the terminal' ]
}

@test "approvals: in a session at a terminal an ask is left to the dialog that follows, and its reason goes along" {
	ccm-hook install >/dev/null
	export CLAUDE_CODE_ENTRYPOINT=cli
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[ ! -e "$T/calls" ]
	WISH=Approve answered PermissionRequest-Bash ".tool_input.command = \"rm -rf build\" | .session_id = \"$(db 'SELECT session_id FROM event')\""
	[ "$(jq -r .hookSpecificOutput.decision.behavior <<<"$output")" = allow ]
	[ "$(row reason)" = 'careful: It is careful.' ]
}

@test "approvals: a deny, and what an automation decided, is asked nobody" {
	automation 60-no 'Event: PreToolUse' <<<'echo no >&2; exit 2'
	automation 60-yes 'Event: PermissionRequest' <<<'echo "{\"hookSpecificOutput\":{\"hookEventName\":\"PermissionRequest\",\"decision\":{\"behavior\":\"allow\"}}}"'
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	run -0 --separate-stderr asks PermissionRequest-Bash .
	[ "$(jq -r .hookSpecificOutput.decision.behavior <<<"$output")" = allow ]
	[ ! -e "$T/calls" ]
	[ "$(db 'SELECT count(*) FROM approval')" -eq 0 ]
}

@test "approvals: off, which is the default, nobody is asked" {
	config 'approvals = off'
	run -0 --separate-stderr asks
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	run -0 --separate-stderr asks PermissionRequest-Bash .
	[ -z "$output" ]
	[ ! -e "$T/calls" ]
}

@test "approvals: install registers what they need, and doctor says where the time is too short" {
	: >"$CCM_HOME/config.ini"
	ccm-hook install >/dev/null
	config 'approval_time = 10m'
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"[telegram] approvals = on, but PermissionRequest is not registered"*"run 'ccm-hook install'"* ]]
	[[ $output == *"PreToolUse has a timeout of 60 s, too short for [telegram] approval_time = 10m (it takes 660 s)"* ]]
	run -0 --separate-stderr ccm-hook install
	[[ $output == *"Added:    PermissionRequest, StopFailure"$'\n'"Updated:  PreToolUse"* ]]
	[ "$(jq -c '[.hooks.PreToolUse, .hooks.PermissionRequest][][].hooks[] | [.timeout, .args]' "$CLAUDE_CONFIG_DIR/settings.json")" = \
		'[660,["run","--timeout","660"]]
[660,["run","--timeout","660"]]' ]
	run ccm-hook doctor
	[[ $output == *'answers from afar: the client waits long enough'* ]]
	printf '[telegram]\napprovals = on\napproval_time = 10m\n' >"$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *'[telegram] approvals = on, but token or chat_id is missing: nobody can be asked'*"'ccm-supervisor alerts test telegram'"* ]]
	config 'user_ids = 815 dev'
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"line "*": 'user_ids' is no list of numbers: '815 dev'"* ]]
	# Too short a time is told, and nobody is asked in vain.
	run -0 --separate-stderr asks PreToolUse-Bash . 5
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[[ $stderr == *"nobody was asked from afar: the time that this event is registered with is too short: run 'ccm-hook install'" ]]
}

@test "approvals: the token is in no row, no log, no message and no process list" {
	echo $'404\n{"ok":false,"description":"no bot '"$TOKEN"'"}' >"$T/answer.sendMessage"
	run -0 --separate-stderr asks
	[[ $stderr == *'Telegram answered 404: no bot [redacted]'* ]]
	asks >"$BATS_TEST_TMPDIR/out" 2>&1 &
	hook=$!
	eventually has_asked 2
	run ! grep -slF "$TOKEN" /proc/[0-9]*/cmdline
	press 1 "$(button Approve)"
	wait "$hook"
	eventually is_row 'closed_ms IS NOT NULL' 1
	run ! grep -rlF "$TOKEN" "$CCM_HOME" "$BATS_TEST_TMPDIR/out"
	[ "$(jq -r .token "$T/calls" | sort -u)" = "$TOKEN" ]
}
