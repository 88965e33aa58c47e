#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Bounds, and holding, resuming and ending a task. [sandbox] of the person and of the project.

setup() { load task; task_setup; }
teardown() {
	[ -z "${RUNNER-}" ] || { ccm-supervisor task stop --end "$ID" 2>/dev/null || :; wait "$RUNNER" || :; }
}

config() {
	(umask 077 && mkdir -p "$CCM_HOME")
	printf '[sandbox]\n%s\n' "$1" >"$CCM_HOME/config.ini"
}

counts() { local before; before=$(cat "$WORK/n"); sleep 0.5; [ "$before" != "$(cat "$WORK/n")" ]; }

@test "stop: holds every process inside, resume lets them go on, --end ends them" {
	task_start '(setsid sh -c "while :; do date +%N >n; sleep 0.02; done" &) ; sleep 0.1; touch ready; exec sleep 100'
	until_true counts
	ccm-supervisor task stop "$ID"
	task_state_is stopped
	until_true eval '! counts'
	run -1 --separate-stderr ccm-supervisor task stop "$ID"
	[ "$stderr" = "ccm-supervisor: task $ID: it is stopped already" ]
	ccm-supervisor task resume "$ID"
	until_true counts
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || [ $? -eq 143 ]
	RUNNER=
	task_state_is failed
	run -1 --separate-stderr ccm-supervisor task stop "$ID"
	[ "$stderr" = "ccm-supervisor: task $ID is not running: it is failed" ]
}

# Usage: stopped_at WORDS
stopped_at() {
	until_true task_state_is stopped
	ccm-supervisor task show "$ID" --json | jq -er .why | grep -F "limit reached: $1"
	db "SELECT level, kind, project, title FROM alert ORDER BY id DESC LIMIT 1" | grep -F "urgent|task|$PWD|${PWD##*/}: task $ID ("
	db "SELECT title FROM alert WHERE level = 'warning'" | grep -F '80 % used'
}

@test "limits: disk space: warned of, stopped, told; a person resumes it" {
	config 'max_worktree_size = 12M'
	task_start 'touch ready; head -c 9000000 /dev/urandom >a; until [ -e go ]; do sleep 0.05; done; head -c 9000000 /dev/urandom >b; until [ -e on ]; do sleep 0.05; done; touch done; exec sleep 100'
	until_true eval '[ "$(db "SELECT count(*) FROM alert" 2>/dev/null)" = 1 ]'
	touch "$WORK/go"
	stopped_at 'disk space: '
	touch "$WORK/on"
	[ ! -e "$WORK/done" ]
	grep -F "task $ID is stopped: limit reached: disk space" "$BATS_TEST_TMPDIR/err"
	ccm-supervisor task resume "$ID"
	until_true test -e "$WORK/done"
}

# Each name counts, whatever it weighs: inodes run out, too, and links take no room at all.
@test "limits: very many names use up disk space, though they weigh nothing" {
	config 'max_worktree_size = 3M'
	task_start 'touch ready; mkdir many; python3 -c "import os, time
for i in range(1000000):
    if i % 1000 == 0: time.sleep(0.02)
    os.link(\"ready\", \"many/%d\" % i)"; exec sleep 100'
	until_true task_state_is stopped
	grep -F 'limit reached: disk space: ' "$BATS_TEST_TMPDIR/err"
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
}

@test "limits: a file is not written past max_file_size, packs of git included" {
	config 'max_file_size = 1M'
	task_run 'head -c 2000000 /dev/zero >big 2>/dev/null || stat -c %s big'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = 1048576 ]
}

@test "limits: commits" {
	config 'max_commits = 3'
	task_start 'touch ready; for i in 1 2 3; do git commit -q --allow-empty -m $i; done; exec sleep 100'
	stopped_at 'commits: 3 of 3 (max_commits)'
}

@test "limits: processes, by the kernel where it counts them, else by being stopped" {
	config 'max_processes = 40'
	task_start 'touch ready; python3 -c "
import os, time
n = 0
try:
    while n < 200:
        if os.fork() == 0: time.sleep(100)
        n += 1
except OSError: pass
open(\"forks\", \"w\").write(str(n))
time.sleep(100)"'
	until_true eval '[ -s "$WORK/forks" ] || task_state_is stopped'
	[ ! -s "$WORK/forks" ] || [ "$(cat "$WORK/forks")" -lt 60 ] || stopped_at 'processes: '
}

@test "limits: memory of all processes together, and time" {
	config 'max_memory = 100M'
	task_start 'touch ready; python3 -c "
import time
x = bytearray(90 << 20); time.sleep(2); y = bytearray(90 << 20); time.sleep(100)"'
	stopped_at 'memory: '
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
	config 'max_time = 3s'
	task_start 'touch ready; exec sleep 100'
	stopped_at 'time: '
	[ "$(ccm-supervisor task show "$ID" --json | jq '.spent_ms >= 3000')" = true ]
	[[ $(ccm-supervisor task list | sed -n 2p) == *" 1"[0-9][0-9]%* ]]
}

@test "project: its own file tightens the bounds and lists, and never widens them" {
	config 'max_commits = 50
environment = ONE TWO
agent = custom'
	mkdir .ccm
	printf '[sandbox]\nmax_commits = 7\nmax_file_size = 900G\nenvironment = TWO THREE\nagent = claude\n' >.ccm/config.ini
	export ONE=1 TWO=2 THREE=3
	task_run 'env | grep -E "^(ONE|TWO|THREE)="'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = TWO=2 ]
	[ "$(ccm-supervisor task show "$ID" --json | jq -r '"\(.limits.commits) \(.limits.file_bytes)"')" = '7 104857600' ]
	grep -F "a project cannot set 'agent' in [sandbox]; ignored" "$BATS_TEST_TMPDIR/err"
}

@test "profile: read_only and read_write open what they name, and nothing of ccm or the repository" {
	mkdir "$HOME/tools" "$HOME/scratch" "$HOME/other"
	printf '#!/bin/sh\necho ran\n' >"$HOME/tools/tool"
	chmod +x "$HOME/tools/tool"
	touch "$HOME/other/secret"
	config "read_only = ~/tools
read_write = ~/scratch"
	PATH=$HOME/tools:$PATH task_run "tool; touch $HOME/scratch/made; touch $HOME/tools/no; cat $HOME/other/secret; :"
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = ran ]
	[ -e "$HOME/scratch/made" ]
	[ ! -e "$HOME/tools/no" ]
	for bad in "$HOME" "$CCM_HOME" "$PWD" "$PWD/.git/refs"; do
		config "read_write = $bad"
		run -1 --separate-stderr ccm-supervisor run -- true
		[[ $stderr == *"[sandbox] read_write: '$bad' holds or is part of "* ]]
	done
}

@test "environment: a task gets what it needs and none of the person's secrets" {
	export AWS_SECRET_ACCESS_KEY=secret SSH_AUTH_SOCK=/x GIT_DIR=/x LD_PRELOAD='' NODE_OPTIONS=--evil
	task_run 'env'
	run grep -E '^(AWS_|SSH_|GIT_DIR|LD_PRELOAD|NODE_OPTIONS|DBUS_|DISPLAY|TMUX)' "$BATS_TEST_TMPDIR/out"
	[ -z "$output" ]
	grep -qx "HOME=$CCM_HOME/tasks/$ID/home" "$BATS_TEST_TMPDIR/out"
}

@test "limits: a task that is started again has those that the configuration names by then" {
	config 'max_file_size = 1M'
	task_run 'head -c 1500000 /dev/zero >long || :'
	[ "$(stat -c %s "$WORK/long")" = 1048576 ]
	config 'max_file_size = 2M
max_commits = 7'
	ccm-supervisor task resume --again "$ID"
	[ "$(stat -c %s "$WORK/long")" = 1500000 ]
	[ "$(ccm-supervisor task show "$ID" --json | jq -r '"\(.limits.commits) \(.limits.file_bytes)"')" = '7 2097152' ]
}
