# SPDX-License-Identifier: MIT
# What ccm-deliver brings to whom, and what becomes of it. Receivers are real ones, on loopback.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	unset XDG_RUNTIME_DIR
	(umask 077 && mkdir "$CCM_HOME")
	DELIVER="$CCM_LIBEXEC_DIR/ccm-deliver"
}

# Usage: configured <<'EOF' ... EOF - config.ini
configured() { cat >"$CCM_HOME/config.ini"; }

# Usage: queued CHANNEL TITLE [BODY]
# An alert that is to go there now.
queued() {
	ccm-hook alert warning "$2" "${3-}"
	db "INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms, due_ms)
		SELECT 'id-' || id, '$1', level, id, created_ms, 0 FROM state.alert ORDER BY id DESC LIMIT 1"
}

# Usage: teller EXIT-STATUS [COMMAND] - a program for [command] that keeps what it gets.
teller() {
	printf '#!/bin/sh\ncat >>"%s/told"\necho >>"%s/told"\n%s\nexit %s\n' "$HOME" "$HOME" "${2-}" "$1" >"$HOME/tell"
	chmod 0755 "$HOME/tell"
	printf '[command]\nrun = %s/tell\n' "$HOME" | configured
}

states() { db "SELECT state || ' ' || attempts FROM delivery ORDER BY id"; }

@test "command: gets each alert once, in order, as JSON on stdin" {
	teller 0
	queued command first $'two\nlines'
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[ -z "$output" ]
	[ -z "$stderr" ]
	[ "$(jq -r '[.id, .version, .level, .title, .body, .source, .times] | @tsv' "$HOME/told")" = \
		$'id-1\t1\twarning\tfirst\ttwo\\nlines\tccm\t1\nid-2\t1\twarning\tsecond\t\tccm\t1' ]
	[ "$(states)" = $'sent 1\nsent 1' ]
}

@test "command: status 75 keeps the alert for later, and those behind it wait" {
	teller 75 'echo not now >&2'
	queued command first
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[ "$stderr" = "ccm-deliver: warning: command: '$HOME/tell' wants to be asked later (status 75): not now; delivery 1 is tried again" ]
	[ "$(states)" = $'waiting 1\nwaiting 0' ]
	[ "$(wc -l <"$HOME/told")" -eq 1 ]
}

@test "command: status 64 makes the alert dead, and the next one is sent" {
	teller 64
	queued command first
	queued command second
	run -0 --separate-stderr "$DELIVER" command
	[[ $stderr == *"ended with status 64; delivery 1 is dead: 'ccm-supervisor alerts retry 1' tries it again"* ]]
	[ "$(states)" = $'dead 1\ndead 1' ]
}
