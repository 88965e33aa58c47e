# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# A stand-in for Telegram, for tests in which ccm talks to it: tests/bin/telegram-server.py. After ccm_sandbox:
# `telegram_start` in setup, `telegram_stop` in teardown.

# The form of a real one: tests look for it where no token must be.
TOKEN=123456789:AAno-real-token-is-ever-needed-here

telegram_start() {
	T=$BATS_TEST_TMPDIR/telegram
	mkdir -p "$T"
	mkfifo "$T/end"
	"$CCM_SOURCE/tests/bin/telegram-server.py" "$T" <"$T/end" 3>&- &
	exec 7>"$T/end"
	eventually test -e "$T/port"
	(umask 077 && echo "$TOKEN" >"$HOME/token")
}

telegram_stop() {
	exec 7>&-
	wait
}

# The lines of [telegram] that it takes.
telegram_config() {
	printf '[telegram]\ntoken = file:%s/token\nchat_id = 4711\napi = http://127.0.0.1:%s\n' "$HOME" "$(cat "$T/port")"
}

# Usage: calls METHOD [FILTER] - the bodies of the calls of it so far.
calls() { [ ! -e "$T/calls" ] || jq -c --arg m "$1" "select(.method == \$m) | .body | ${2:-.}" "$T/calls"; }
