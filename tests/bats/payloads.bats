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
	local name status dir="$BATS_FILE_TMPDIR/$1"
	mkdir -p "$dir"
	BATS_TEST_TMPDIR="$dir" ccm_sandbox
	ccm-hook init >/dev/null
	if [ "$#" -gt 1 ]; then automation 50-try 'On-failure: closed' <<<"$2"; fi
	for name in $NAMES; do
		status=0
		ccm-hook run <"$BATS_FILE_TMPDIR/$name.in" >"$dir/$name.out" 2>"$dir/$name.err" || status=$?
		echo "$status" >"$dir/$name.status"
	done
}

setup_file() {
	local file name
	FIXTURES="$CCM_SOURCE/tests/fixtures"
	NAMES=
	for file in "$FIXTURES"/hooks/*.json; do
		name=${file##*/}
		name=${name%.json}
		# What the status line is given is no event.
		case $name in StatusLine-*) continue ;; esac
		NAMES="$NAMES $name"
		event "$name" >"$BATS_FILE_TMPDIR/$name.in"
	done
	export NAMES
	jq -r '"\(.event) \(.answer.verdict) \(.answer.context)"' "$CCM_SOURCE"/schema/events/*.json >"$BATS_FILE_TMPDIR/specs"
	(pass none) 3>&- &
	(pass deny 'echo "not here" >&2; exit 2') 3>&- &
	wait
	(pass context 'cat >"$CCM_HOME/../../$CCM_EVENT_ID.seen"
		printf "{\"systemMessage\":\"m\",\"hookSpecificOutput\":{\"hookEventName\":\"%s\",\"additionalContext\":\"fact\"}}" "$CCM_EVENT"') 3>&- &
	(pass fail 'echo "{\"decision\":null}"; exit 1') 3>&- &
	wait
}

setup() { ccm_sandbox; }

# Usage: in_pass NAME - looks at that pass: its files and its database.
in_pass() {
	export CCM_HOME="$BATS_FILE_TMPDIR/$1/home/.ccm"
	cd "$BATS_FILE_TMPDIR/$1" || return
}

# Usage: spec FIXTURE verdict|context - sets $spec to what the description of its event says.
spec() {
	local event verdict context
	if ! declare -p SPECS >/dev/null 2>&1; then
		declare -gA SPECS
		while read -r event verdict context; do
			SPECS[$event.verdict]=$verdict
			SPECS[$event.context]=$context
		done <"$BATS_FILE_TMPDIR/specs"
	fi
	spec=${SPECS[${1%%-*}.$2]}
}

# Usage: taken PASS - true if the client takes each answer of the pass.
taken() {
	local name
	in_pass "$1"
	set --
	for name in $NAMES; do
		set -- "$@" "${name%%-*}" "$(<"$name.status")" "$name.out"
	done
	"$CCM_BUILD/tests/bin/host-rules" "$@"
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
	db "SELECT writefile(event_id || '.stored', body || char(10)) FROM payload" >/dev/null
	for name in $NAMES; do
		id=$((id + 1))
		cmp "../$name.in" "$id.stored"
	done
}

@test "payloads: an automation reads every captured event as the client sent it, newline and all" {
	local name uuid
	in_pass context
	db 'SELECT uuid FROM event ORDER BY id' >uuids
	exec 4<uuids
	for name in $NAMES; do
		read -r uuid <&4
		cmp "../$name.in" "$uuid.seen"
	done
	exec 4<&-
}

@test "payloads: without automations nothing is said and nothing fails" {
	local name
	in_pass none
	for name in $NAMES; do
		# Somebody must make the worktree; see the next test.
		[ "$name" != WorktreeCreate ] || continue
		[ ! -s "$name.out" ]
		[ ! -s "$name.err" ]
		[ "$(<"$name.status")" -eq 0 ]
	done
}

@test "payloads: without an automation that makes the worktree its event fails, as the client wants it" {
	in_pass none
	[ ! -s WorktreeCreate.out ]
	[ "$(<WorktreeCreate.status)" -eq 1 ]
	[[ $(<WorktreeCreate.err) == *"no automation printed the path"* ]]
}

@test "payloads: the client takes the answer of an automation that denies everything" {
	taken deny
}

@test "payloads: a deny is told wherever the client can hear it, and nowhere else" {
	local name out
	in_pass deny
	for name in $NAMES; do
		spec "$name" verdict
		out=$(<"$name.out")
		case $spec in
		none) [ -z "$out" ] && [ "$(<"$name.status")" -eq 0 ] ;;
		exit) [ "$(<"$name.status")" -eq 2 ] && [[ $(<"$name.err") == *"try: not here"* ]] ;;
		elicit) [[ $out == *'"action":"decline"'* ]] ;;
		*) [[ $out == *'"try: not here"'* ]] && [ "$(<"$name.status")" -eq 0 ] ;;
		esac || { echo "$name" >&2 && return 1; }
	done
}

@test "payloads: the client takes the answer of an automation that adds context to everything" {
	taken context
}

@test "payloads: context is told wherever the client takes it, and nowhere else" {
	local name told
	in_pass context
	for name in $NAMES; do
		spec "$name" context
		told=false
		[[ $(<"$name.out") != *'"additionalContext":"fact"'* ]] || told=true
		[ "$told" = "$spec" ] || { echo "$name" >&2 && return 1; }
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
		PreToolUse-*) [[ $(<"$name.out") == *'"permissionDecision":"deny"'* ]] ;;
		*) [ ! -s "$name.out" ] ;;
		esac || { echo "$name" >&2 && return 1; }
	done
}
