#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Every payload that the real client was seen to send, through ccm-hook run: taken as valid, and answered
# in a form that the client takes. tests/host_rules.h holds its rules.
# shellcheck shell=bash
load helper

# Usage: pass NAME [SCRIPT]
# Sends all payloads to a ccm-hook of their own, with the automation if one is given, and keeps for each
# what came out: NAME/FIXTURE.out, .err and .status.
pass() {
	local name dir="$BATS_FILE_TMPDIR/$1"
	mkdir -p "$dir"
	BATS_TEST_TMPDIR="$dir" ccm_sandbox
	ccm-hook init >/dev/null
	if [ "$#" -gt 1 ]; then automation 50-try 'On-failure: closed' <<<"$2"; fi
	for name in $NAMES; do
		event "$name" >"$dir/$name.in"
		ccm-hook run <"$dir/$name.in" >"$dir/$name.out" 2>"$dir/$name.err" && echo 0 >"$dir/$name.status" ||
			echo $? >"$dir/$name.status"
	done
}

setup_file() {
	local file name
	NAMES=
	for file in "$CCM_SOURCE"/tests/fixtures/hooks/*.json; do
		name=${file##*/}
		# What the status line is given is no event.
		case $name in StatusLine-*) ;; *) NAMES="$NAMES ${name%.json}" ;; esac
	done
	export NAMES
	(pass none) 3>&- &
	(pass deny 'echo "not here" >&2; exit 2') 3>&- &
	wait
	# shellcheck disable=SC2016
	(pass context 'cat >"$CCM_HOME/../../$CCM_EVENT_ID.seen"
		printf "{\"systemMessage\":\"m\",\"hookSpecificOutput\":{\"hookEventName\":\"%s\",\"additionalContext\":\"fact\"}}" "$CCM_EVENT"') 3>&- &
	(pass fail 'echo "{\"decision\":null}"; exit 1') 3>&- &
	wait
}

setup() { ccm_sandbox; }

# Usage: spec FIXTURE FILTER - asks the description of the fixture's event.
spec() {
	jq -r "$2" "$CCM_SOURCE/schema/events/${1%%-*}.json"
}

# Usage: taken PASS - true if the client takes each answer of the pass.
taken() {
	local name bad=0
	for name in $NAMES; do
		"$CCM_BUILD/tests/bin/host-rules" "${name%%-*}" "$(cat "$BATS_FILE_TMPDIR/$1/$name.status")" \
			<"$BATS_FILE_TMPDIR/$1/$name.out" || { cat "$BATS_FILE_TMPDIR/$1/$name.out" && bad=1; }
	done
	return "$bad"
}

in_pass() {
	export CCM_HOME="$BATS_FILE_TMPDIR/$1/home/.ccm"
	cd "$BATS_FILE_TMPDIR/$1" || return
}

@test "payloads: every captured event is valid" {
	in_pass none
	run -0 --separate-stderr ccm-hook log --invalid -n 1000
	[ -z "$output" ]
	[ "$(db 'SELECT count(*) FROM event WHERE valid')" -eq "$(wc -w <<<"$NAMES")" ]
}

@test "payloads: every captured event is stored byte for byte" {
	local id=0 name
	in_pass none
	for name in $NAMES; do
		id=$((id + 1))
		db "SELECT body FROM payload WHERE event_id = $id" | cmp - "$name.in"
	done
}

@test "payloads: an automation reads every captured event as the client sent it, newline and all" {
	local id=0 name
	in_pass context
	for name in $NAMES; do
		id=$((id + 1))
		cmp "$name.in" "$(db "SELECT uuid FROM event WHERE id = $id").seen"
	done
}

@test "payloads: without automations nothing is said and nothing fails" {
	local name
	in_pass none
	for name in $NAMES; do
		[ ! -s "$name.out" ]
		# Somebody must make the worktree; see the next test.
		[ "$name" = WorktreeCreate ] || { [ ! -s "$name.err" ] && [ "$(cat "$name.status")" -eq 0 ]; }
	done
}

@test "payloads: without an automation that makes the worktree its event fails, as the client wants it" {
	in_pass none
	[ "$(cat WorktreeCreate.status)" -eq 1 ]
	[[ $(cat WorktreeCreate.err) == *"no automation printed the path"* ]]
}

@test "payloads: the client takes the answer of an automation that denies everything" {
	taken deny
}

@test "payloads: a deny is told wherever the client can hear it, and nowhere else" {
	local name
	in_pass deny
	for name in $NAMES; do
		case $(spec "$name" .answer.verdict) in
		none) [ ! -s "$name.out" ] && [ "$(cat "$name.status")" -eq 0 ] ;;
		exit) [ "$(cat "$name.status")" -eq 2 ] && [[ $(cat "$name.err") == *"try: not here"* ]] ;;
		elicit) [ "$(jq -r .hookSpecificOutput.action "$name.out")" = decline ] ;;
		*) [[ $(cat "$name.out") == *'"try: not here"'* ]] && [ "$(cat "$name.status")" -eq 0 ] ;;
		esac || { echo "$name" >&2 && return 1; }
	done
}

@test "payloads: the client takes the answer of an automation that adds context to everything" {
	taken context
}

@test "payloads: context is told wherever the client takes it, and nowhere else" {
	local name want
	in_pass context
	for name in $NAMES; do
		want=0
		[ "$(spec "$name" .answer.context)" = false ] || want=1
		[ "$(grep -c '"additionalContext":"fact"' "$name.out")" -eq "$want" ] || { echo "$name" >&2 && return 1; }
	done
}

@test "payloads: the client takes the answer of an automation that fails on everything" {
	taken fail
}

@test "payloads: a failure refuses tool calls if it is to, and changes nothing else" {
	local name
	in_pass fail
	for name in $NAMES; do
		case $name in
		PreToolUse-*) [ "$(jq -r .hookSpecificOutput.permissionDecision "$name.out")" = deny ] ;;
		*) [ ! -s "$name.out" ] ;;
		esac || { echo "$name" >&2 && return 1; }
	done
}
