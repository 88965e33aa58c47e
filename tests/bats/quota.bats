# SPDX-License-Identifier: MIT
# How limits become states, what is held back because of them, and how a person decides otherwise.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	export NO_COLOR=1
	STATUS="$FIXTURES/hooks/StatusLine-subscriber.json"
	RESET=$(($(date +%s) + 7200))
	ccm-hook init
}

# Usage: used PERCENT [SCOPE [RESET]]
# The client tells how much of a limit is used. Through the clock of later, if that is set.
used() {
	local hook=ccm-hook
	[ -z "${CCM_TEST_CLOCK_S-}" ] || hook="$CCM_BUILD/tests/bin/ccm-hook-shifted"
	jq ".rate_limits = {${2:-five_hour}: {used_percentage: $1, resets_at: ${3:-$RESET}}}" "$STATUS" | "$hook" statusline >/dev/null
}

# Usage: later SECONDS COMMAND...
# Runs a command of ours in so many seconds.
later() {
	local seconds="$1" program="$2"
	shift 2
	CCM_TEST_CLOCK_S="$seconds" "$CCM_BUILD/tests/bin/$program-shifted" "$@"
}

# All the states that the five-hour limit went through, in order; and the one it has.
states() {
	db "SELECT to_state FROM reading WHERE scope = 'five_hour' AND to_state IS NOT NULL ORDER BY id" | tr '\n' ' '
}

state() { db "SELECT state FROM quota WHERE scope = 'five_hour'"; }

prompt() { event UserPromptSubmit ".prompt = \"$1\"" | ccm-hook run; }

# ---- states

@test "quota: warning from 50 %, critical from 90 %, and back only five points below" {
	local percent
	for percent in 10 49 50 46 45 44 90 86 85 84 50 44; do used "$percent"; done
	[ "$(states)" = 'warning ok critical warning ok ' ]
}

@test "quota: a number that trembles about a bound rings once" {
	local percent
	for percent in 91 89 92 88 90 86 93; do used "$percent"; done
	[ "$(states)" = 'critical ' ]
	[ "$(db "SELECT level, kind, title FROM alert")" = "warning|quota|quota: 5 h critical at 91 %, until $(date -d "@$RESET" +%H:%M)" ]
}

@test "quota: each limit has a state of its own" {
	used 91
	used 51 seven_day
	[ "$(db 'SELECT scope, state FROM quota')" = $'five_hour|critical\nseven_day|warning' ]
}

@test "quota: [quota] warning and critical move the bounds" {
	printf '[quota]\nwarning = 20\ncritical = 30\n' >"$CCM_HOME/config.ini"
	used 25
	[ "$(state)" = warning ]
	used 30
	[ "$(state)" = critical ]
}

@test "quota: what belongs to a window that is over changes nothing" {
	used 60
	used 95 five_hour "$((RESET - 3600))"
	[ "$(state)" = warning ]
}

@test "quota: when the limit starts anew, critical becomes resuming, then what the next number says" {
	used 95
	later 7300 ccm-supervisor quota status
	[ "$(state)" = resuming ]
	[ -z "$(db "SELECT used_permille FROM quota")" ]
	CCM_TEST_CLOCK_S=7400 used 3 five_hour "$((RESET + 18000))"
	[ "$(states)" = 'critical resuming ok ' ]
}

@test "quota: resuming is over after ten minutes in which nobody said otherwise" {
	used 95
	later 7300 ccm-supervisor quota status
	later 7800 ccm-supervisor quota status
	[ "$(state)" = resuming ]
	later 7901 ccm-supervisor quota status
	[ "$(state)" = ok ]
}

@test "quota: a clock that is set back and forth loses no state" {
	used 95
	CCM_TEST_CLOCK_S=-86400 used 96
	later -86400 ccm-supervisor quota status
	[ "$(state)" = critical ]
	used 97
	[ "$(state)" = critical ]
}

# ---- the gate

@test "quota: says nothing while nothing is known, and below critical" {
	rm -rf "$CCM_HOME"
	run -0 --separate-stderr ccm-hook quota
	[ -z "$output$stderr" ]
	[ ! -e "$CCM_HOME" ]
	ccm-hook init
	used 89
	run -0 --separate-stderr ccm-hook quota
	[ -z "$output$stderr" ]
}

@test "quota: at critical it says how much is used, when it ends, and how to go on anyway" {
	used 93
	run -0 --separate-stderr ccm-hook quota
	[ "$output" = "93 % of the 5 h limit is used; it starts anew at $(date -d "@$RESET" +%H:%M) (to go on anyway: ccm-supervisor quota override --for 1h)." ]
}

@test "quota: holds nothing back once the reset time is past, though nobody has looked" {
	used 93
	run -0 --separate-stderr later 7201 ccm-hook quota
	[ -z "$output" ]
}

@test "quota: a person's pause holds, with and without an end, until resume" {
	run -0 --separate-stderr ccm-supervisor quota pause
	[ "$output" = "All work is paused until 'ccm-supervisor quota resume'." ]
	run -0 later 999999 ccm-hook quota
	[[ $output == "work was paused by a person; 'ccm-supervisor quota resume' ends that (to go on"* ]]
	ccm-supervisor quota resume
	run -0 ccm-hook quota
	[ -z "$output" ]
	ccm-supervisor quota pause --for 2h
	run -0 ccm-hook quota
	[[ $output == 'work was paused by a person until '* ]]
	run -0 later 7201 ccm-hook quota
	[ -z "$output" ]
}

@test "quota: override lets everything pass for its time, and not longer" {
	used 99
	run -0 --separate-stderr ccm-supervisor quota override --for 30m
	run -0 ccm-hook quota
	[ -z "$output" ]
	run -0 later 1801 ccm-hook quota
	[[ $output == '99 % of the 5 h limit'* ]]
	ccm-supervisor quota override --for 0
	run -0 ccm-hook quota
	[[ $output == '99 % of the 5 h limit'* ]]
}

@test "quota: resume lets work go on until the next number" {
	used 95
	ccm-supervisor quota resume
	[ -z "$(ccm-hook quota)" ]
	used 96
	[ -n "$(ccm-hook quota)" ]
}

@test "quota: a session that costs more than it may is held, and no other one" {
	printf '[quota]\nmax_session_cost_usd = 2.50\n' >"$CCM_HOME/config.ini"
	jq '.session_id = "dear" | .cost.total_cost_usd = 2.51 | del(.rate_limits)' "$STATUS" | ccm-hook statusline
	CCM_SESSION_ID=other run -0 ccm-hook quota
	[ -z "$output" ]
	CCM_SESSION_ID=dear run -0 ccm-hook quota
	[[ $output == 'this session has cost $2.51, and [quota] max_session_cost_usd is $2.50 (to go on'* ]]
}

@test "quota: --hold without an event is an error, and blocks nothing" {
	run -1 --separate-stderr ccm-hook quota --hold <<<'not JSON'
	[ -z "$output" ]
	[[ $stderr == 'ccm-hook: quota: --hold reads the event on standard input, but cannot: not valid JSON' ]]
}

# ---- the automation

@test "quota-pause: is silent while nothing is known" {
	ccm-hook enable quota-pause
	run -0 --separate-stderr prompt 'go on'
	[ -z "$output$stderr" ]
	[ "$(db 'SELECT verdict FROM event')" = none ]
}

@test "quota-pause: refuses a prompt at critical, and keeps it once" {
	ccm-hook enable quota-pause
	used 93
	run -0 --separate-stderr prompt 'mend the roof'
	[ "$(jq -r .decision <<<"$output")" = block ]
	[[ $(jq -r .reason <<<"$output") == 'quota-pause: 93 % of the 5 h limit is used; it starts anew at '*'quota override --for 1h'*'The prompt is kept'* ]]
	prompt 'mend the roof'
	[ "$(db 'SELECT state, prompt, scope, cwd FROM held')" = "held|mend the roof|five_hour|$(jq -r .cwd "$FIXTURES/hooks/UserPromptSubmit.json")" ]
	[ "$(state)" = paused ]
	run -0 ccm-supervisor quota status
	[[ $output == *'mend the roof'* ]]
}

@test "quota-pause: at critical a tool call does not run, and the session is told to stop" {
	ccm-hook enable quota-pause
	used 93
	run -0 --separate-stderr ccm-hook run <<<"$(event PreToolUse-Bash)"
	[ "$(jq -r '.continue, .hookSpecificOutput.permissionDecision' <<<"$output")" = $'false\ndeny' ]
	[[ $(jq -r .stopReason <<<"$output") == '93 % of the 5 h limit'* ]]
	[ "$(db 'SELECT prompt IS NULL FROM held')" = 1 ]
}

@test "quota-pause: a trial keeps nothing" {
	used 93
	run -0 ccm-hook test quota-pause --event "$FIXTURES/hooks/UserPromptSubmit.json"
	[[ $output == *'93 % of the 5 h limit'* ]]
	[ "$(db 'SELECT count(*) FROM held')" = 0 ]
}

@test "quota: what a person went on with waits no longer" {
	ccm-hook enable quota-pause
	used 93
	prompt 'mend the roof'
	[[ $(ccm-supervisor quota status) == *'mend the roof'* ]]
	ccm-supervisor quota override
	prompt 'mend the roof'
	run -0 ccm-supervisor quota status
	[[ $output != *'mend the roof'* ]]
	[ "$(db 'SELECT state, problem FROM held')" = 'done|a person went on with the session' ]
}

# ---- for people

@test "quota: status shows each limit, and says so where nothing is known" {
	run -0 --separate-stderr ccm-supervisor quota status
	[[ $output == *"nothing is known: 'ccm-hook install --statusline' lets the client tell"* ]]
	used 93
	run -0 --separate-stderr ccm-supervisor quota status
	[ "${lines[1]}" = "  5 h  critical  █████████░  93 %  until $(date -d "@$RESET" +%H:%M)  client, just now" ]
	[[ $output == *'Work must wait: 93 % of the 5 h limit'* ]]
}

@test "quota: status --json is one object with the limits" {
	used 93
	run -0 --separate-stderr ccm-supervisor quota status --json
	[ "$(jq -c '[.held, (.limits[0] | .scope, .state, .used_permille, .resets_ms)]' <<<"$output")" = \
		"[true,\"five_hour\",\"critical\",930,${RESET}000]" ]
}

@test "quota: history draws each limit and lists the moves; --json has every reading" {
	used 10
	used 55
	used 95
	run -0 --separate-stderr ccm-supervisor quota history
	[[ ${lines[0]} == '  5 h  '*'█' ]]
	[[ $output == *' 5 h: warning -> critical at 95 % (client)' ]]
	run -0 --separate-stderr ccm-supervisor quota history --json
	[ "$(jq -s -c 'map(.used_permille)' <<<"$output")" = '[100,550,950]' ]
}

@test "quota: history of a time to come is a usage error" {
	run -64 --separate-stderr ccm-supervisor quota history --since tomorrow
	[[ $stderr == *'--since is not in the past'* ]]
}

@test "quota: amounts of money that are none are named, and bound nothing" {
	printf '[quota]\nmax_session_cost_usd = 2,50\nmax_session_tokens = -1\n' >"$CCM_HOME/config.ini"
	run -0 --separate-stderr ccm-supervisor quota status
	[[ $stderr == *"config.ini:2: 'max_session_cost_usd' is not a number such as 0: '2,50'; using 0"* ]]
	[[ $stderr == *"config.ini:3: 'max_session_tokens' is not a whole number"* ]]
}
