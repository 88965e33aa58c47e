# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Alerts as messages of a Telegram bot, against a stand-in that can say no.

load helper
load telegram

setup() {
	ccm_sandbox
	ccm-hook init
	telegram_start
	telegram_config >"$CCM_HOME/config.ini"
}

teardown() { telegram_stop; }

# Usage: due TITLE [BODY [LEVEL]] - an alert that is to go to Telegram now. Raised as an urgent one it would be sent at once.
due() {
	ccm-hook alert info "$1" "${2-}"
	db "UPDATE alert SET routed_ms = created_ms WHERE routed_ms IS NULL;
		INSERT INTO delivery (uuid, channel, level, alert_id, created_ms, due_ms)
		SELECT uuid, 'telegram', '${3:-urgent}', id, created_ms, created_ms FROM alert ORDER BY id DESC LIMIT 1"
}

delivered() { ccm-deliver telegram; db 'SELECT state, attempts, remote_id, problem FROM delivery ORDER BY id'; }

@test "telegram: an alert arrives as plain text, an urgent one aloud and a low one quietly" {
	due 'An agent <waits> for *you*' $'for an answer\nto https://example.org'
	due 'It is done' '' info
	[ "$(delivered)" = $'sent|1|101|\nsent|1|102|' ]
	[ "$(calls sendMessage '[.chat_id, .text, .parse_mode, .disable_notification, .link_preview_options.is_disabled]')" = \
		'[4711,"🔴 An agent <waits> for *you*\n\nfor an answer\nto https://example.org",null,null,true]
[4711,"It is done",null,true,true]' ]
}

@test "telegram: what is longer than a message is cut between two characters" {
	due 'Long' "$(printf '😀%.0s' {1..3000})"
	[ "$(delivered)" = 'sent|1|101|' ]
	[ "$(calls sendMessage .text | jq -r '[length, endswith("😀…")] | @csv')" = '1658,true' ]
}

@test "telegram: 429 is waited out for as long as it says, 403 and a wrong token are no use trying again" {
	echo $'429\n{"ok":false,"description":"Too Many Requests: retry after 77","parameters":{"retry_after":77}}' >"$T/answer.sendMessage"
	due 'Slowly'
	[ "$(delivered)" = 'waiting|1||Telegram answered 429: Too Many Requests: retry after 77' ]
	[ "$(db "SELECT (blocked_until_ms - strftime('%s', 'now') * 1000) / 1000 BETWEEN 70 AND 78 FROM outlet")" -eq 1 ]
	db 'DELETE FROM outlet; DELETE FROM delivery'
	echo $'403\n{"ok":false,"description":"Forbidden: bot was blocked by the user"}' >"$T/answer.sendMessage"
	due 'Blocked'
	[ "$(delivered)" = 'dead|1||Telegram answered 403: Forbidden: bot was blocked by the user (write to your bot once: it may not begin)' ]
}

@test "telegram: a test message says that it arrived, or exactly what is wrong" {
	run -0 --separate-stderr ccm-deliver test telegram
	[[ $output == 'telegram: sent in '*' ms' ]]
	echo $'400\n{"ok":false,"description":"Bad Request: chat not found '"$TOKEN"'"}' >"$T/answer.sendMessage"
	run -1 --separate-stderr ccm-deliver test telegram
	[[ $stderr == 'ccm-deliver: telegram: Telegram answered 400: Bad Request: chat not found [redacted] (is [telegram] chat_id right, and did you write to your bot once?)'* ]]
	sed -i 's/^chat_id.*/chat_id = me and you/' "$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-deliver test telegram
	[[ $stderr == *'[telegram] in config.ini: chat_id must be a number such as 123456789, or a @name'* ]]
	echo '[telegram]' >"$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-deliver test telegram
	[[ $stderr == *'telegram is not set up: [telegram] needs token'*'@BotFather'*'chat_id'* ]]
}
