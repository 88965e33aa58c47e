# SPDX-License-Identifier: MIT
# Where numbers come from while the client tells none: transcripts, ccusage, an estimate. What these tests run as ccusage is
# a small script; tests/e2e/quota.bats runs the real one.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	TRANSCRIPT="$CLAUDE_CONFIG_DIR/projects/p/s1.jsonl"
	mkdir -p "${TRANSCRIPT%/*}" "$HOME/bin"
	printf '[quota]\ntoken_limit = 1000000\nccusage_timeout = 500ms\n' | config
	# No ccusage but the one that a test makes.
	PATH="$CCM_BUILD:$HOME/bin:/usr/bin:/bin"
	event UserPromptSubmit ".session_id = \"s1\" | .transcript_path = \"$TRANSCRIPT\"" | ccm-hook run
}

config() { (umask 077 && mkdir -p "$CCM_HOME" && cat >"$CCM_HOME/config.ini"); }

# Usage: message ID TOKENS [TIMESTAMP]
# A line of a transcript, in the form of the client.
message() {
	jq -c -n --arg id "$1" --argjson tokens "$2" --arg time "${3:-$(date -u +%Y-%m-%dT%H:%M:%S.000Z)}" '{
		type: "assistant", sessionId: "s1", timestamp: $time,
		message: { id: $id, role: "assistant", model: "claude-sonnet-5", content: [],
			usage: { input_tokens: $tokens, output_tokens: 0, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 } } }'
}

# Usage: ccusage <<'EOF' ... EOF
# What is found as ccusage from now on.
ccusage() {
	{ echo '#!/bin/sh'; cat; } >"$HOME/bin/ccusage"
	chmod +x "$HOME/bin/ccusage"
}

# Usage: block TOKENS - what ccusage prints of a running block.
block() {
	printf '{"blocks":[{"isActive":false,"totalTokens":1},{"isActive":true,"totalTokens":%s,"endTime":"%s"}]}\n' "$1" \
		"$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%S.000Z)"
}

# The next question need not wait for its minute.
again() { db "UPDATE job SET due_ms = 0"; }

quota() { db 'SELECT source, used_permille, state FROM quota'; }
spent() { db 'SELECT coalesce(sum(tokens), 0) FROM spent'; }

# ---- transcripts

@test "transcript: is read on from where it was left, each message once" {
	{ message m1 100; message m1 100; message m2 30; } >"$TRANSCRIPT"
	ccm-supervisor quota poll
	[ "$(spent)" = 130 ]
	{ message m2 30; message m3 5; } >>"$TRANSCRIPT"
	ccm-supervisor quota poll
	[ "$(spent)" = 135 ]
	[ "$(db 'SELECT read_bytes FROM transcript')" = "$(stat -c %s "$TRANSCRIPT")" ]
}

@test "transcript: a line that is still being written is left for the next time" {
	message m1 100 >"$TRANSCRIPT"
	message m2 30 | head -c 50 >>"$TRANSCRIPT"
	ccm-supervisor quota poll
	[ "$(spent)" = 100 ]
	message m2 30 | tail -c +51 >>"$TRANSCRIPT"
	ccm-supervisor quota poll
	[ "$(spent)" = 130 ]
}

@test "transcript: one that was replaced or cut is counted anew" {
	{ message m1 100; message m2 200; } >"$TRANSCRIPT"
	ccm-supervisor quota poll
	message m9 7 >"$TRANSCRIPT"
	ccm-supervisor quota poll
	[ "$(spent)" = 7 ]
}

@test "transcript: subagents count with their session" {
	mkdir -p "${TRANSCRIPT%.jsonl}/subagents"
	message m1 100 >"$TRANSCRIPT"
	message m2 11 >"${TRANSCRIPT%.jsonl}/subagents/agent-a1.jsonl"
	ccm-supervisor quota poll
	[ "$(db "SELECT count(*), sum(tokens) FROM spent JOIN transcript USING (path) WHERE session_id = 's1'")" = '2|111' ]
}

@test "transcript: garbage, negative and absurd numbers count nothing" {
	{
		echo 'garbage'
		echo '{"type":"assistant","message":{"id":"x","usage":5}}'
		echo '{"type":"assistant","message":{"id":"y","usage":{"input_tokens":"12","output_tokens":null}}}'
		message m1 -5000
		message m2 1e300
		message m3 9007199254740993
		head -c 3000 /dev/urandom
		echo
		message m4 44
	} >"$TRANSCRIPT"
	run -0 --separate-stderr ccm-supervisor quota poll
	[ -z "$stderr" ]
	[ "$(spent)" = 44 ]
}

@test "transcript: one that is no file is named, and the others are read" {
	mkfifo "$TRANSCRIPT"
	event UserPromptSubmit ".session_id = \"s2\" | .transcript_path = \"${TRANSCRIPT%/*}/s2.jsonl\"" | ccm-hook run
	message m1 5 >"${TRANSCRIPT%/*}/s2.jsonl"
	run -0 --separate-stderr timeout 10 ccm-supervisor quota poll
	[[ $stderr == *"cannot read the transcript '$TRANSCRIPT': not a regular file"* ]]
	[ "$(spent)" = 5 ]
}

@test "transcript: 500 MB are read to the end, in little memory" {
	# A sanitizer's own memory is not bounded.
	local bound='ulimit -v 200000'
	! grep -q -e -fsanitize=address "$CCM_BUILD/Makefile" || bound=:
	message m1 100 >"$TRANSCRIPT"
	truncate -s 450M "$TRANSCRIPT"       # a line that never seems to end
	echo >>"$TRANSCRIPT"
	jq -c -n '{type: "user", message: {content: ("x" * 100000)}}' >line
	for _ in {1..100}; do cat line; done >lines
	for _ in {1..5}; do cat lines; done >>"$TRANSCRIPT"
	message m2 11 >>"$TRANSCRIPT"
	[ "$(stat -c %s "$TRANSCRIPT")" -gt 500000000 ]
	(eval "$bound" && ccm-supervisor quota poll)
	[ "$(spent)" = 111 ]
}

@test "quota: a session that has spent more tokens than it may is held, without any daemon" {
	printf '[quota]\nmax_session_tokens = 1000\n' | config
	message m1 999 >"$TRANSCRIPT"
	export CCM_SESSION_ID=s1 CCM_TRANSCRIPT="$TRANSCRIPT"
	run -0 --separate-stderr ccm-hook quota
	[ -z "$output" ]
	message m2 1 >>"$TRANSCRIPT"
	run -0 --separate-stderr ccm-hook quota
	[[ $output == 'this session has spent 1000 tokens, and [quota] max_session_tokens is 1000 (to go on'* ]]
}

# ---- ccusage

@test "ccusage: the tokens of the running block count against token_limit, not its projection" {
	ccusage <<-EOF
		echo "\$*" >"$HOME/asked"
		echo '$(block 910000 | sed 's/"totalTokens":910000/&,"tokenLimitStatus":{"percentUsed":300}/')'
	EOF
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = '910000 tokens (ccusage).' ]
	[ "$(cat "$HOME/asked")" = 'blocks --active --json --offline --token-limit 1000000' ]
	[ "$(quota)" = 'ccusage|910|critical' ]
}

@test "ccusage: is asked at most once a minute" {
	ccusage <<<"echo x >>'$HOME/asked'; echo '$(block 1)'"
	ccm-supervisor quota poll
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = 'ccusage was asked less than a minute ago.' ]
	[ "$(wc -l <"$HOME/asked")" = 1 ]
}

@test "ccusage: is not asked while the client's own numbers are fresh" {
	ccusage <<<"echo x >>'$HOME/asked'"
	jq ".rate_limits.five_hour.resets_at = $(($(date +%s) + 600))" "$FIXTURES/hooks/StatusLine-subscriber.json" |
		ccm-hook statusline
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = "The client's own numbers are fresh; ccusage was not asked." ]
	[ ! -e "$HOME/asked" ]
}

@test "ccusage: one that hangs is ended at its deadline, and an estimate takes its place" {
	message m1 400000 >"$TRANSCRIPT"
	ccusage <<<'sleep 60 & exec sleep 60'
	run -0 --separate-stderr timeout 20 ccm-supervisor quota poll
	[[ $stderr == *"/ccusage' took longer than 500ms, and was ended" ]]
	[ "$(quota)" = 'estimate|500|warning' ]
	run -0 ccm-supervisor quota status
	[[ $output == *'estimated, just now'* ]]
}

@test "ccusage: one that fails, prints garbage or nothing is named, and changes no state by itself" {
	local what
	for what in 'echo oh dear >&2; exit 3' 'echo garbage' ':' 'echo "[]"' 'kill -9 $$' \
		"echo '{\"blocks\":[{\"isActive\":true,\"totalTokens\":-5,\"endTime\":\"x\"}]}'" 'yes'; do
		ccusage <<<"$what"
		run -0 --separate-stderr ccm-supervisor quota poll
		[[ $stderr == "ccm-supervisor: warning: quota: '$HOME/bin/ccusage' "* ]]
		[[ $output == '0 tokens (estimate).' ]]
		again
	done
}

@test "ccusage: one that costs five seconds keeps no hook waiting" {
	printf '[quota]\ntoken_limit = 1000000\n' | config
	mkfifo asked
	ccusage <<<"echo >'$PWD/asked'; sleep 5; echo '$(block 5000)'"
	ccm-supervisor quota poll >out &
	read -r _ <asked
	event PreToolUse-Bash | ccm-hook run
	[ "$(db 'SELECT count(*) FROM event')" = 2 ]
	[ ! -s out ]
	wait "$!"
	[ "$(cat out)" = '5000 tokens (ccusage).' ]
}

@test "ccusage: without one the estimate is a quarter above what the transcripts say, of the last hours only" {
	{
		message m0 900000 "$(date -u -d '-9 hours' +%Y-%m-%dT%H:%M:%S.000Z)"
		message m1 100000
	} >"$TRANSCRIPT"
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = '125000 tokens (estimate).' ]
	[ -z "$stderr" ]
	[ "$(quota)" = 'estimate|125|ok' ]
}

@test "ccusage: without token_limit there are tokens, but no percentage and no state" {
	printf '[quota]\n' | config
	ccusage <<<"echo '$(block 5000)'"
	run -0 --separate-stderr ccm-supervisor quota poll
	[ "$output" = '5000 tokens (ccusage); set token_limit in [quota] to make that a percentage.' ]
	[ -z "$(quota)" ]
}

@test "ccusage: ccusage_command says what is run, and one that cannot be run is named" {
	printf '[quota]\nccusage_command = %s/other --flag\n' "$HOME" | config
	run -0 --separate-stderr ccm-supervisor quota poll
	[[ $stderr == *"[quota] ccusage_command '$HOME/other --flag' cannot be run: No such file or directory" ]]
	again
	printf '#!/bin/sh\necho "$*" >asked\n' >"$HOME/other"
	chmod +x "$HOME/other"
	ccm-supervisor quota poll 2>/dev/null
	[ "$(cat asked)" = '--flag blocks --active --json --offline' ]
}
