# SPDX-License-Identifier: MIT
# Sessions that were held back go on by themselves, within bounds. What is started as the client here is a small script;
# tests/e2e/quota.bats starts the real one.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	CLOCK="$BATS_TEST_TMPDIR/clock"
	ccm-hook init
	ccm-hook enable quota-pause
	config 'sessions = on' 'gap = 0'
	client <<-'EOF2'
		printf '%s|' "$@" >>"$HOME/asked"
		pwd >>"$HOME/asked"
		cat >>"$HOME/asked"
		echo '{"total_cost_usd": 0.5}'
	EOF2
	: >"$HOME/asked"
}

teardown() {
	if [ -n "${daemon-}" ]; then
		kill -KILL "$daemon" || :
		wait "$daemon" || :
	fi 2>/dev/null
}

# Usage: config LINE... - of [resume]
config() {
	(umask 077 && printf '%s\n' '[resume]' "claude_command = $HOME/client --model x" "$@" >"$CCM_HOME/config.ini")
}

client() {
	{ echo '#!/bin/sh'; cat; } >"$HOME/client"
	chmod +x "$HOME/client"
}

# Usage: happens EVENT SESSION [JQ-FILTER]
happens() { event "$1" ".session_id = \"$2\" | .cwd = \"$PWD\" | ${3:-.}" | ccm-hook run >/dev/null; }

# Usage: held SESSION PROMPT - a session that was refused its prompt, and is over; the pause is over, too
held() {
	ccm-supervisor quota pause
	happens SessionStart-startup "$1"
	happens UserPromptSubmit "$1" ".prompt = \"$2\""
	happens SessionEnd-other "$1"
	ccm-supervisor quota resume
} >/dev/null

states() { db 'SELECT session_id, state, resumes FROM held ORDER BY id'; }

@test "resume: a held session goes on where it worked, with its prompt, once" {
	held s1 'mend the roof'
	ccm-supervisor job resume
	[ "$(cat "$HOME/asked")" = "--model|x|--resume|s1|-p|--output-format|json|$PWD
mend the roof" ]
	[ "$(states)" = 's1|done|1' ]
	[ "$(db 'SELECT cost_usd_micros FROM held')" = 500000 ]
	ccm-supervisor job resume
	[ "$(wc -l <"$HOME/asked")" = 1 ]
}

@test "resume: is off by default" {
	held s1 'mend the roof'
	printf '[resume]\nclaude_command = %s/client\ngap = 0\n' "$HOME" >"$CCM_HOME/config.ini"
	ccm-supervisor job resume
	[ "$(states)" = 's1|held|0' ]
	[ ! -s "$HOME/asked" ]
}

@test "resume: nothing goes on while work must wait" {
	held s1 'mend the roof'
	ccm-supervisor quota pause
	ccm-supervisor job resume
	[ "$(states)" = 's1|held|0' ]
}

@test "resume: a session that was stopped at work is told to go on" {
	ccm-supervisor quota pause
	happens SessionStart-startup s1
	happens PreToolUse-Bash s1
	happens SessionEnd-other s1
	ccm-supervisor quota resume
	ccm-supervisor job resume
	[[ $(cat "$HOME/asked") == *'Go on with the work: it was held back for want of quota'* ]]
}

@test "resume: a session that is still open is left to its person" {
	ccm-supervisor quota pause
	happens SessionStart-startup s1
	happens UserPromptSubmit s1
	ccm-supervisor quota resume
	ccm-supervisor job resume
	[ "$(states)" = 's1|held|0' ]
}

@test "resume: a session that a person went on with is settled" {
	held s1 'mend the roof'
	happens UserPromptSubmit s1 '.prompt = "never mind"'
	happens SessionEnd-other s1
	ccm-supervisor job resume
	[ "$(states)" = 's1|done|0' ]
	[ ! -s "$HOME/asked" ]
}

@test "resume: several go on one after the other, the longest waiting first, with the gap between" {
	config 'sessions = on' 'gap = 5m'
	held s1 one
	held s2 two
	ccm-supervisor job resume
	ccm-supervisor job resume
	[ "$(states)" = $'s1|done|1\ns2|held|0' ]
	CCM_TEST_CLOCK_S=301 "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" job resume
	[ "$(states)" = $'s1|done|1\ns2|done|1' ]
}

@test "resume: one that fails is tried max_resumes times, and then given up with its reason" {
	config 'sessions = on' 'gap = 0' 'max_resumes = 2'
	client <<<'echo "no such session" >&2; exit 1'
	held s1 one
	run -0 --separate-stderr ccm-supervisor job resume
	[[ $stderr == *'session s1 was resumed in vain: the client ended with status 1: no such session' ]]
	[ "$(states)" = 's1|held|1' ]
	ccm-supervisor job resume
	ccm-supervisor job resume
	[ "$(states)" = 's1|failed|2' ]
}

@test "resume: one that takes too long is ended" {
	config 'sessions = on' 'gap = 0' 'timeout = 1s' 'max_resumes = 1'
	client <<<'exec sleep 1000'
	held s1 one
	run -0 --separate-stderr ccm-supervisor job resume
	[ "$(db 'SELECT state, problem FROM held')" = 'failed|it took too long, and was ended' ]
}

@test "resume: the daily budget ends it for the day" {
	config 'sessions = on' 'gap = 0' 'daily_budget_usd = 0.50'
	held s1 one
	held s2 two
	ccm-supervisor job resume
	ccm-supervisor job resume
	[ "$(states)" = $'s1|done|1\ns2|held|0' ]
	CCM_TEST_CLOCK_S=86400 "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" job resume
	[ "$(states)" = $'s1|done|1\ns2|done|1' ]
}

@test "resume: nothing goes on in quiet hours, over midnight too; a time that is none lets nothing go on" {
	local hours
	held s1 one
	for hours in 00:00-24:00 "$(date -d '1 hour ago' +%H:%M)-$(date -d '2 hours ago' +%H:%M)"; do
		config 'sessions = on' 'gap = 0' "quiet_hours = $hours"
		ccm-supervisor job resume
		[ "$(states)" = 's1|held|0' ]
	done
	config 'sessions = on' 'gap = 0' 'quiet_hours = at night'
	run -1 --separate-stderr ccm-supervisor job resume
	[ "$stderr" = "ccm-supervisor: [resume] quiet_hours: 'at night' is no time of the day such as 22:00-07:00; nothing is resumed" ]
	config 'sessions = on' 'gap = 0' "quiet_hours = $(date -d '2 hours' +%H:%M)-$(date -d '3 hours' +%H:%M)"
	ccm-supervisor job resume
	[ "$(states)" = 's1|done|1' ]
}

@test "resume: cut short by a crash, it waits again, and the try counts" {
	held s1 one
	db "UPDATE held SET state = 'running', resumes = 1, lease_until_ms = 1"
	ccm-supervisor job resume
	[ "$(states)" = 's1|done|2' ]
}

@test "resume: a client or a folder that is not there is named" {
	held s1 one
	mkdir gone
	db "UPDATE held SET cwd = '$PWD/gone'"
	rmdir gone
	run -0 --separate-stderr ccm-supervisor job resume
	[[ $stderr == *"its folder '$PWD/gone' cannot be entered: No such file or directory" ]]
	db "UPDATE held SET cwd = NULL"
	printf '[resume]\nsessions = on\ngap = 0\nclaude_command = no-such-client\n' >"$CCM_HOME/config.ini"
	run -0 --separate-stderr ccm-supervisor job resume
	[[ $stderr == *"the client 'no-such-client' is not there: set claude_command in [resume]" ]]
}

@test "resume: the daemon goes on with it by itself once the limit has started anew, once" {
	echo 0 >"$CLOCK"
	CCM_TEST_CLOCK_FILE="$CLOCK" "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" daemon 2>/dev/null 3>&- &
	daemon="$!"
	jq ".rate_limits = {five_hour: {used_percentage: 95, resets_at: $(($(date +%s) + 7200))}}" \
		"$FIXTURES/hooks/StatusLine-subscriber.json" | ccm-hook statusline >/dev/null
	happens SessionStart-startup s1
	happens UserPromptSubmit s1 '.prompt = "mend the roof"'
	happens SessionEnd-other s1
	[ "$(states)" = 's1|held|0' ]
	echo 7300 >"$CLOCK"
	happens Stop s9
	resumed() { [ "$(states)" = 's1|done|1' ]; }
	LOG="$CCM_HOME/supervisor.log" eventually resumed
	[ "$(grep -c 'mend the roof' "$HOME/asked")" = 1 ]
}
