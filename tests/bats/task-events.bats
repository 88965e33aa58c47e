#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Events and alerts out of a task: judged inside, stored outside, and never believed.

setup() {
	load task
	task_setup
	# LeakSanitizer looks at a process by ptrace, which the sandbox forbids.
	export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0"
	automation 50-no 'Event: PreToolUse' 'Match: Bash' <<-'EOF'
		. "$CCM_LIB_SH/ccm.sh"
		case $CCM_TOOL_COMMAND in
		ls*) ccm_alert warning 'it lists files'; ccm_state_set seen yes; ccm_deny "not in here" ;;
		esac
	EOF
	event PreToolUse-Bash >event.json
	git add .
	git commit --quiet -m event
}

@test "events: an automation judges inside, and the event, its verdict and its alert arrive outside, as the task's" {
	task_run 'ccm-hook run <event.json'
	[[ $(cat "$BATS_TEST_TMPDIR/out") == *'"permissionDecision":"deny"'*'no: not in here'* ]]
	run -0 ccm-supervisor task log "$ID" --events
	[[ $output == *'PreToolUse Bash deny '*'no: not in here' ]]
	[ "$(ccm-hook log -o json | jq -r '.verdict')" = deny ]
	[ "$(db "SELECT level, title FROM alert")" = "warning|${PWD##*/}: task $ID (sh -c ccm-hook run <event.json): no: it lists files" ]
	[ "$(db "SELECT count(*) FROM state")" = 0 ]
}

@test "events: what an automation needs of ccm is there, also where the path to it goes up and down" {
	CCM_DATA_DIR="$CCM_SOURCE/tests/.." task_run 'ccm-hook run <event.json'
	[[ $(cat "$BATS_TEST_TMPDIR/out") == *'"permissionDecision":"deny"'*'no: not in here'* ]]
}

@test "events: the automations are those of the task's start, and cannot be changed or switched off inside" {
	task_run 'echo "exit 0" >"$CCM_HOME/automations/enabled/50-no"; rm "$CCM_HOME/automations/enabled/50-no"
		mv "$CCM_HOME" "$CCM_HOME.x"; echo >"$CCM_HOME/config.ini"; ccm-hook disable no; ccm-hook run <event.json' 
	[[ $(cat "$BATS_TEST_TMPDIR/out") == *'"permissionDecision":"deny"'* ]]
}

@test "events: what is no event, a link, a pipe, a folder, too long or of another form is dropped and counted" {
	task_run 'cd $CCM_TASK_DIR/spool; echo x >a.event; ln -s /etc/passwd b.event; mkfifo c.event; mkdir d.event
		printf "{\"uuid\":1}\n" >e.event; head -c 200000 /dev/zero >f.alert; echo "{\"level\":\"loud\",\"title\":\"x\",\"source\":\"y\"}" >g.alert'
	run -0 ccm-supervisor task log "$ID"
	[[ $output == *'7 files of its channel could not be used'* ]]
	[ "$(db "SELECT (SELECT count(*) FROM event) + (SELECT count(*) FROM alert)")" = 0 ]
}

@test "events: an event cannot take the id, the time or the session of another" {
	ccm-hook run <event.json >/dev/null
	uuid=$(db 'SELECT uuid FROM event')
	session=$(db 'SELECT session_id FROM event')
	db "UPDATE session SET model = 'the right one'"
	jq -nc --arg uuid "$uuid" --arg session "$session" '{uuid: $uuid, host: "claude-code", event: "SessionEnd",
		session_id: $session, model: "forged", end_reason: "forged", source: "forged", received_ms: 1, payload_bytes: 2,
		valid: true, payload_form: "full", kept_bytes: 2}' >forged
	printf '{}\n' >>forged
	git add .
	git commit --quiet -m forged
	task_run 'cp forged $CCM_TASK_DIR/spool/00000000-0000-7000-8000-000000000000.event'
	[ "$(db "SELECT model, end_reason IS NULL FROM session WHERE session_id = '$session'")" = 'the right one|1' ]
	[ "$(db "SELECT count(*) FROM event WHERE uuid = '$uuid'")" = 1 ]
	[ "$(db "SELECT session_id, received_ms > 1000 FROM event WHERE event = 'SessionEnd'")" = "$ID/$session|1" ]
}

@test "events: nothing of the person's database can be read or written inside" {
	ccm-hook run <event.json >/dev/null
	before=$(fingerprint "$CCM_HOME/automations")
	task_run "cat $CCM_HOME/ccm.db; ls $CCM_HOME; ls $CCM_HOME/tasks; ccm-hook log; echo >$CCM_HOME/x; exit 0"
	run -1 grep PreToolUse "$BATS_TEST_TMPDIR/out"
	[ ! -e "$CCM_HOME/x" ]
	[ "$(fingerprint "$CCM_HOME/automations")" = "$before" ]
}

@test "events: they arrive while the task runs" {
	task_start 'ccm-hook run <event.json >/dev/null; touch ready; exec sleep 100'
	until_true eval '[ "$(db "SELECT count(*) FROM event" 2>/dev/null)" = 1 ]'
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
}

# Usage: inside COMMAND
# Makes an event of that Bash command, in the task's worktree, and lets ccm-hook judge it. For the script of a task.
INSIDE='inside() { jq -c --arg cwd "$PWD" --arg command "$1" ".cwd = \$cwd | .tool_input.command = \$command" event.json >$TMPDIR/event
	ccm-hook run <$TMPDIR/event; }'

@test "guard: it judges inside by the stock rules, the person's own and config.ini" {
	ln -s "$CCM_SOURCE/automations/security-guard" "$CCM_HOME/automations/enabled/10-security-guard"
	mkdir "$CCM_HOME/guard.d"
	printf '[deploy]\ncommand = deploy\nverdict = deny\nreason = It is not for agents.\ninstead = Ask.\n' >"$CCM_HOME/guard.d/own.ini"
	task_run "$INSIDE; inside 'rm -rf /'; inside 'deploy --now'; inside 'echo fine'"
	[[ $(cat "$BATS_TEST_TMPDIR/out") == *'"permissionDecision":"deny"'*'[rule rm-root]'*'"permissionDecision":"deny"'*'It is not for agents.'* ]]
	[ "$(ccm-hook log -o json --reverse | jq -r .verdict | tr '\n' ' ')" = 'deny deny none ' ]
}

@test "checkpoints: they are taken inside before what may destroy, and bring back what it did" {
	ln -s "$CCM_SOURCE/automations/git-checkpoint" "$CCM_HOME/automations/enabled/20-git-checkpoint"
	task_run "$INSIDE"'; echo precious >file; inside "git checkout file"; git checkout -q file; cat file
		ccm-supervisor checkpoint list | grep -c "before git checkout file"; ccm-supervisor checkpoint restore 1 --yes >&2; cat file'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = $'one\n1\nprecious' ]
	[ -z "$(git for-each-ref refs/ccm/checkpoints)" ]
}

@test "events: an urgent alert out of a task is delivered although no daemon runs" {
	printf '#!/bin/sh\nprintf "%%s\\n" "$CCM_ALERT_TITLE" >>"%s/told"\n' "$HOME" >"$HOME/tell"
	chmod 0755 "$HOME/tell"
	printf '[command]\nrun = %s\n' "$HOME/tell" >>"$CCM_HOME/config.ini"
	task_run 'ccm-hook alert urgent "come here"'
	until_true grep -qs 'come here' "$HOME/told"
	[ "$(cat "$HOME/told")" = "${PWD##*/}: task $ID (sh -c ccm-hook alert urgent \"come here\"): ccm: come here" ]
}
