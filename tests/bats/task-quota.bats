#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tasks wait while quota is scarce, and go on by themselves, within bounds.

setup() {
	load task
	task_setup
	CLOCK="$BATS_TEST_TMPDIR/clock"
	RUNNERS=()
	ccm-hook init
	ccm-hook enable quota-pause
	config 'gap = 0'
}

teardown() {
	local pid
	[ -z "${daemon-}" ] || kill -KILL "$daemon" || :
	for pid in ${RUNNERS[@]+"${RUNNERS[@]}"}; do kill -KILL "$pid" || :; wait "$pid" || :; done
} 2>/dev/null

# Usage: config LINE... - of [resume]
config() { (umask 077 && printf '%s\n' '[resume]' "$@" >"$CCM_HOME/config.ini"); }

# Usage: works - starts a task that writes again and again
works() {
	task_start 'touch ready; while :; do date +%N >n; sleep 0.02; done'
	RUNNERS+=("$RUNNER")
}

counts() { local before; before=$(cat "$WORK/n"); sleep 0.2; [ "$before" != "$(cat "$WORK/n")" ]; }
still() { ! counts; }

# Usage: used PERCENT SECONDS - so much of the 5 h limit, which starts anew in SECONDS, as the client says
used() {
	jq ".rate_limits = {five_hour: {used_percentage: $1, resets_at: $(($(date +%s) + $2))}}" \
		"$FIXTURES/hooks/StatusLine-subscriber.json" | ccm-hook statusline >/dev/null
}

is_marked() { [ -n "$(db "SELECT held_ms FROM task WHERE id = '$ID'")" ]; }
has_more_than() { [ "$(show .bytes)" -gt "$1" ]; }
has_less_than() { [ "$(show .bytes)" -lt "$1" ]; }
is_told() { [ "$(db "SELECT count(*) FROM alert WHERE level = '$1'")" = 1 ]; }

# Usage: held - a task that waits
held() {
	works
	ccm-supervisor quota pause
	until_true task_state_is stopped
	until_true is_marked
}

# Returns when the supervisor of the task has looked at everything once, from now on.
measured() {
	local i bytes
	for i in 1 2; do
		bytes=$(show .bytes)
		head -c 100000 /dev/urandom >"$WORK/more$i"
		until_true has_more_than "$bytes"
	done
	rm "$WORK"/more?
	until_true has_less_than "$((bytes + 90000))"
}

show() { ccm-supervisor task show "$ID" --json | jq -r "$1"; }
states() { db 'SELECT state, resumes FROM task ORDER BY created_ms'; }

@test "quota: a task is held when a limit is critical; list, show and an alert say why and until when" {
	works
	until_true counts
	used 95 7200
	until_true task_state_is stopped
	until_true still
	[[ $(show .why) == 'held: 95 % of the 5 h limit is used; it starts anew at '* ]]
	run -0 ccm-supervisor task list
	[[ ${lines[2]} == '          held: 95 % of the 5 h limit is used; '* ]]
	run -0 db "SELECT level, title FROM alert WHERE kind = 'task'"
	[[ $output == "warning|${PWD##*/}: task $ID ("*'): held: 95 % of the 5 h limit is used; '* ]]
}

@test "quota: without quota-pause, and below critical, no task is held" {
	used 60 7200
	works
	ccm-supervisor job resume-tasks
	ccm-hook disable quota-pause
	used 95 7200
	measured
	task_state_is running
	counts
}

@test "quota: a held task goes on by itself once the limit has started anew, once, without a daemon" {
	echo 0 >"$CLOCK"
	ln -s "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" "$HOME/ccm-supervisor"
	export CCM_TEST_CLOCK_FILE=$CLOCK
	PATH=$HOME:$PATH works
	used 95 7200
	until_true task_state_is stopped
	until_true still
	echo 7300 >"$CLOCK"
	until_true task_state_is running
	until_true counts
	[ "$(states)" = 'running|1' ]
	[ "$(ccm-supervisor task log "$ID" | grep -c 'there is quota again')" = 1 ]
}

@test "quota: the daemon lets a held task go on, too" {
	config 'gap = 0' "quiet_hours = 00:00-24:00"
	held
	ccm-supervisor quota resume
	config 'gap = 0'
	ccm-supervisor daemon 2>/dev/null 3>&- &
	daemon=$!
	until_true task_state_is running
	[ "$(states)" = 'running|1' ]
}

@test "quota: a person lets one go on while work must wait, and it is not held again for that" {
	held
	ccm-supervisor task resume "$ID"
	until_true counts
	measured
	[ "$(states)" = 'running|0' ]
	[ "$(show .held_ms)" = null ]
}

@test "quota: what a person stops, held or not, stays stopped" {
	held
	ccm-supervisor task stop "$ID"
	[ "$(show '"\(.why) \(.held_ms)"')" = 'stopped by you null' ]
	ccm-supervisor quota resume
	ccm-supervisor job resume-tasks
	measured
	task_state_is stopped
}

# Each of these is looked at with the job itself: a task's own supervisor asks for it at most once a minute.
@test "quota: not while work must wait, nor with [resume] tasks = off" {
	held
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'stopped|0' ]
	config 'gap = 0' 'tasks = off'
	ccm-supervisor quota resume
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'stopped|0' ]
}

@test "quota: nothing goes on in quiet hours, nor once the daily budget is spent" {
	config 'gap = 0' 'quiet_hours = 00:00-24:00'
	held
	ccm-supervisor quota resume
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'stopped|0' ]
	config 'gap = 0' 'daily_budget_usd = 0.50'
	db "INSERT INTO held (session_id, held_ms, scope, state, resumes, changed_ms, started_ms, cost_usd_micros)
		VALUES ('s1', 1, 'person', 'done', 1, 1, $(date +%s)000, 500000)"
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'stopped|0' ]
	config 'gap = 0' 'daily_budget_usd = 0.51'
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'running|1' ]
}

@test "quota: several go on one after the other, the longest waiting first, with the gap between" {
	config 'gap = 5m' 'quiet_hours = 00:00-24:00'
	held
	held
	db "UPDATE task SET held_ms = 1 WHERE id = '$ID'"
	ccm-supervisor quota resume
	config 'gap = 5m'
	ccm-supervisor job resume-tasks
	ccm-supervisor job resume-tasks
	[ "$(states)" = $'stopped|0\nrunning|1' ]
	CCM_TEST_CLOCK_S=301 "$CCM_BUILD/tests/bin/ccm-supervisor-shifted" job resume-tasks
	[ "$(states)" = $'running|1\nrunning|1' ]
}

@test "quota: after max_resumes times it waits for a person, who is told so" {
	config 'gap = 0' 'max_resumes = 1'
	held
	ccm-supervisor quota resume
	until_true task_state_is running
	ccm-supervisor quota pause
	until_true task_state_is stopped
	until_true is_told urgent
	[[ $(db "SELECT body FROM alert WHERE level = 'urgent'") == *'It does not go on by itself (it did so max_resumes times'* ]]
	ccm-supervisor quota resume
	ccm-supervisor job resume-tasks
	[ "$(states)" = 'stopped|1' ]
	ccm-supervisor task resume "$ID"
	[ "$(states)" = 'running|0' ]
}

@test "quota: a held task whose supervisor is gone is lost, with its work, and does not keep others waiting" {
	config 'gap = 0' 'quiet_hours = 00:00-24:00'
	held
	lost=$ID
	kill -KILL "$RUNNER"
	wait "$RUNNER" || :
	held
	ccm-supervisor quota resume
	config 'gap = 0'
	ccm-supervisor job resume-tasks
	[ "$(states)" = $'lost|0\nrunning|1' ]
	[ -e "$CCM_HOME/tasks/$lost/work/ready" ]
}

# Usage: claude_task - a held task of a client that has had session s1, and whose supervisor is gone. What stands for the
# client writes what it is asked to "asked", and ends at once when it is to resume.
claude_task() {
	mkdir -p "$HOME/bin"
	cat >"$HOME/bin/claude" <<-'EOF3'
		#!/bin/sh
		printf '%s|' "$@" >>asked
		echo >>asked
		case " $* " in *' --resume '*) exit ;; esac
		ccm-hook run <event.json >/dev/null
		touch ready
		until [ -e fail ]; do sleep 0.05; done
		exit 1
	EOF3
	chmod +x "$HOME/bin/claude"
	event SessionStart-startup '.session_id = "s1"' >event.json
	git add event.json
	git commit --quiet -m event
	PATH=$HOME/bin:$PATH ccm-supervisor run -- claude -p 'mend the roof' --model x </dev/null \
		>"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
	RUNNER=$!
	RUNNERS+=("$RUNNER")
	until_true is_there
	until_true has_session
}

is_there() { task_last && [ -e "$WORK/ready" ]; }
has_session() { [ "$(db "SELECT session_id FROM task_session")" = s1 ]; }

# What the client was asked for the second time, without what ccm adds.
asked() { tail -n +2 "$WORK/asked" | sed -E 's/--setting-sources.*\/plugin\|//'; }

@test "quota: a client whose supervisor is gone is started again in its sandbox, with its session and options, once" {
	config 'gap = 0' 'quiet_hours = 00:00-24:00'
	claude_task
	ccm-supervisor quota pause
	until_true is_marked
	kill -KILL "$RUNNER"
	wait "$RUNNER" || :
	ccm-supervisor quota resume
	config 'gap = 0'
	PATH=$HOME/bin:$PATH run -0 --separate-stderr ccm-supervisor job resume-tasks
	[ -z "$stderr" ]
	[ "$(asked)" = '--resume|s1|-p|Go on with the work: it was held back for want of quota, and there is some again.|--model|x|' ]
	[ "$(states)" = 'finished|1' ]
	ccm-supervisor job resume-tasks
	[ "$(wc -l <"$WORK/asked")" = 2 ]
}

@test "quota: a client that fails while work must wait is started again; one that a person ends is not" {
	config 'gap = 0' 'quiet_hours = 00:00-24:00'
	claude_task
	ccm-supervisor quota pause
	until_true is_marked
	ccm-supervisor task resume "$ID"
	touch "$WORK/fail"
	until_true is_marked
	[ "$(states)" = 'failed|0' ]
	wait "$RUNNER" || :
	ccm-supervisor quota resume
	config 'gap = 0'
	PATH=$HOME/bin:$PATH ccm-supervisor job resume-tasks
	[ "$(states)" = 'finished|1' ]
	works
	ccm-supervisor quota pause
	until_true is_marked
	ccm-supervisor task stop --end "$ID"
	until_true task_state_is failed
	[ "$(show .held_ms)" = null ]
}
