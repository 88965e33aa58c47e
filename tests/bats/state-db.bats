#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The second file of the database: what no hook needs is in it, and no hook minds what becomes of it.
load helper
load faults
setup() {
	ccm_sandbox
	event PreToolUse-Bash >in
}

# Usage: version_2 - a database as schema 2 left it: one event, and in ccm.db itself what is in state.db now.
version_2() {
	mkdir -p -m 700 "$CCM_HOME"
	sqlite3 "$CCM_HOME/ccm.db" "PRAGMA auto_vacuum = INCREMENTAL" "PRAGMA journal_mode = WAL" \
		".read $CCM_SOURCE/schema/0001_initial.sql" ".read $CCM_SOURCE/schema/0002_automations.sql" \
		"PRAGMA user_version = 2" \
		"INSERT INTO event (uuid, received_ms, host, valid, payload_bytes) VALUES ('u', 1, 'claude-code', 1, 0)" \
		"INSERT INTO state VALUES ('counter', '', 'n', '41', 5), ('counter', 's1', 'n', '7', 6)" \
		"INSERT INTO alert VALUES (3, 'a3', 30, 'info', 'x', 's1', NULL, 'third', 'body'), (9, 'a9', 90, 'urgent', 'x', NULL, 'u', 'ninth', NULL)" \
		>/dev/null
}
kept() { db "SELECT group_concat(automation || session_id || key || value || updated_ms) FROM (SELECT * FROM state ORDER BY 1, 2, 3)"; }
alerts() { db "SELECT group_concat(uuid || created_ms || level || title || coalesce(body, '-')) FROM (SELECT * FROM alert ORDER BY id)"; }

@test "state.db: recording events neither makes nor opens it" {
	guard
	ccm-hook run <in
	[ -e "$CCM_HOME/ccm.db" ]
	[ ! -e "$CCM_HOME/state.db" ]
	mkdir "$CCM_HOME/state.db"
	run -0 --separate-stderr ccm-hook run <in
	[[ $output == *'"permissionDecision":"deny"'* ]]
	[[ $stderr != *state.db* ]]
	run -0 --separate-stderr ccm-hook run < <(event UserPromptSubmit)
	[[ $stderr != *state.db* ]]
	[ "$(sqlite3 "$CCM_HOME/ccm.db" 'SELECT count(*) FROM event')" = 3 ]
	[ -z "$(ls "$CCM_HOME/spool")" ]
}

@test "state.db: reading without it finds nothing, and makes none" {
	ccm-hook run <in
	[ "$(ccm-hook db 'SELECT count(*) FROM alert')" = 0 ]
	run -0 --separate-stderr ccm-hook log
	[[ $output == *PreToolUse* ]]
	[ -z "$stderr" ]
	[ ! -e "$CCM_HOME/state.db" ]
}

@test "state.db: the first that is kept makes it, for nobody else to read" {
	ccm-hook state set --automation=a k v
	[ "$(stat -c %a "$CCM_HOME/state.db")" = 600 ]
	[ "$(ccm-hook state get --automation=a k)" = v ]
	[ "$(sqlite3 "$CCM_HOME/state.db" 'PRAGMA journal_mode; SELECT value FROM state')" = $'wal\nv' ]
}

@test "state.db: many that make it at once lose nothing" {
	# Slow ones, on a busy machine, wait for each other for longer than a person would.
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nbusy_timeout = 30s\n' >"$CCM_HOME/config.ini"
	for i in $(seq 12); do ccm-hook state set --automation=a "k$i" v 2>>err 3>&- & done
	wait
	[ ! -s err ]
	[ "$(db "SELECT count(*) FROM state")" = 12 ]
}

@test "state.db: what a ccm.db of schema 2 had in it is carried over by the next event" {
	version_2
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
	[ "$(kept)" = countern415,counters1n76 ]
	[ "$(alerts)" = a330infothirdbody,a990urgentninth- ]
	[ "$(sqlite3 "$CCM_HOME/ccm.db" "SELECT count(*) FROM event; SELECT count(*) FROM sqlite_master WHERE name IN ('state', 'alert')")" = $'2\n0' ]
	[ "$(sqlite3 "$CCM_HOME/ccm.db.v2" 'SELECT count(*) FROM state, alert')" = 4 ]
	[ "$(ccm-hook state incr --automation=counter n)" = 42 ]
}

@test "state.db: carrying over that was cut off is done again, without doubles, and keeps what is newer" {
	version_2
	cp "$CCM_HOME/ccm.db" old
	ccm-hook init
	ccm-hook state set --automation=counter n 50
	rm "$CCM_HOME"/ccm.db*
	cp old "$CCM_HOME/ccm.db"
	chmod 600 "$CCM_HOME/ccm.db"
	ccm-hook run <in
	[[ $(kept) == countern50*,counters1n76 ]]
	[ "$(alerts)" = a330infothirdbody,a990urgentninth- ]
}

@test "state.db: many processes at once carry over once" {
	version_2
	for _ in $(seq 10); do ccm-hook run <in 2>>err 3>&- & done
	wait
	ccm-hook tidy
	[ "$(kept)" = countern415,counters1n76 ]
	[ "$(db 'SELECT count(*) FROM alert')" = 2 ]
	[ "$(db 'SELECT count(*) FROM event')" = 11 ]
}

@test "state.db: where nothing can be carried over to, ccm.db stays as it was, and the event waits" {
	version_2
	mkdir "$CCM_HOME/state.db"
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"'$CCM_HOME/state.db'"*"; the event went to the spool"* ]]
	[ "$(sqlite3 "$CCM_HOME/ccm.db" 'PRAGMA user_version; SELECT count(*) FROM state')" = $'2\n2' ]
	rmdir "$CCM_HOME/state.db"
	ccm-hook run <in
	[ "$(kept)" = countern415,counters1n76 ]
	[ "$(db 'SELECT count(*) FROM event')" = 3 ]
}

@test "state.db: an older schema of it is brought up to date with a copy kept" {
	ccm-hook run <in
	sqlite3 "$CCM_HOME/state.db" "PRAGMA auto_vacuum = INCREMENTAL" "PRAGMA journal_mode = WAL" \
		".read $CCM_SOURCE/schema/state/0001_automations.sql" "PRAGMA user_version = 1" \
		"INSERT INTO state VALUES ('a', '', 'k', 'v', 1)" \
		"INSERT INTO alert VALUES (1, 'u', 5, 'urgent', 'x', NULL, NULL, 'old', NULL)" >/dev/null
	chmod 600 "$CCM_HOME/state.db"
	run -1 --separate-stderr ccm-hook log
	[[ $stderr == *"'$CCM_HOME/state.db' has schema 1 and this ccm needs "*": run 'ccm-hook init'" ]]
	ccm-hook init
	[ "$(ccm-hook state get --automation=a k)" = v ]
	[ "$(db 'SELECT count(*) FROM job')" = 0 ]
	# What was raised then is not told now.
	[ "$(db 'SELECT title, routed_ms, times FROM alert')" = 'old|5|1' ]
	[ "$(sqlite3 "$CCM_HOME/state.db.v1" 'PRAGMA user_version; SELECT value FROM state')" = $'1\nv' ]
	[ "$(stat -c %a "$CCM_HOME/state.db.v1")" = 600 ]
	[[ $(ccm-hook doctor) == *"a copy from before the schema changed: '$CCM_HOME/state.db.v1'"* ]]
}

@test "state.db: one of a newer ccm is left alone and named, and events are recorded" {
	ccm-hook init
	db 'PRAGMA state.user_version = 999'
	run -1 --separate-stderr ccm-hook alert info title
	[ -z "$output" ]
	[[ $stderr == "ccm-hook: "*"'$CCM_HOME/state.db' has schema 999, this ccm knows "*"install the newer ccm again; nothing was changed" ]]
	[[ $(ccm-hook doctor) == *"'$CCM_HOME/state.db' has schema 999"* ]]
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
}

@test "state.db: one that is damaged is named by what needs it, with what to do, and stays" {
	ccm-hook init
	ccm-hook run <in
	rm -f "$CCM_HOME"/state.db-*
	head -c 8192 /dev/urandom >"$CCM_HOME/state.db"
	cp "$CCM_HOME/state.db" noise
	for words in 'state set --automation=a k v' 'alert info title' 'log' 'state list' 'init'; do
		# shellcheck disable=SC2086
		run -1 --separate-stderr ccm-hook $words
		[[ $stderr == *"cannot use '$CCM_HOME/state.db': file is not a database; move it and its -wal away, and a new one is begun" ]]
	done
	[[ $(ccm-hook doctor) == *"FIX  cannot use '$CCM_HOME/state.db': "*"-> save what can be read (sqlite3 '$CCM_HOME/state.db' .recover"* ]]
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
	[ "$(ccm-hook db 'SELECT count(*) FROM event')" = 2 ]
	cmp "$CCM_HOME/state.db" noise
	mv "$CCM_HOME/state.db" aside
	ccm-hook alert info title
}

@test "state.db: damage in the middle of it is found by doctor, which names the file" {
	local page
	ccm-hook alert info title
	ccm-hook tidy
	page=$(sqlite3 "$CCM_HOME/state.db" "SELECT rootpage FROM sqlite_master WHERE name = 'alert'")
	rm -f "$CCM_HOME"/state.db-*
	dd if=/dev/zero of="$CCM_HOME/state.db" bs=1 seek=$(((page - 1) * 4096)) count=64 conv=notrunc status=none
	[[ $(ccm-hook doctor) == *"FIX  '$CCM_HOME/state.db' is damaged: "* ]]
}

@test "state.db: what holds its lock holds no event back" {
	ccm-hook init
	run --separate-stderr sqlite3 "$CCM_HOME/state.db" 'BEGIN EXCLUSIVE' '.shell ccm-hook run <in'
	[ -z "$stderr" ]
	[ "$(sqlite3 "$CCM_HOME/ccm.db" 'SELECT count(*) FROM event')" = 1 ]
}

@test "state.db: tidy makes its write-ahead log short, and prune what is gone from it" {
	ccm-hook run <in
	for i in $(seq 5); do ccm-hook state set --automation=a --session=gone "k$i" v; done
	ccm-hook tidy
	[ "$(stat -c %s "$CCM_HOME/state.db-wal")" -le 4152 ]
	[ "$(sqlite3 "file:$CCM_HOME/state.db?immutable=1" 'SELECT count(*) FROM state')" = 5 ]
	ccm-hook prune --max-age=0s --max-bytes=1
	[ "$(db 'SELECT count(*) FROM state')" = 0 ]
}

@test "state.db: its write-ahead log is made short even where nothing but state is written" {
	automation 50-x 'Event: PreToolUse' <<<':'
	for _ in $(seq 300); do ccm-hook state set --automation=a k v; done
	[ "$(stat -c %s "$CCM_HOME/state.db-wal")" -lt 1200000 ]
	[ "$(ccm-hook state get --automation=a k)" = v ]
}

@test "state.db: a damaged one keeps tidy from nothing else" {
	local wal
	ccm-hook init
	rm -f "$CCM_HOME"/state.db-*
	head -c 8192 /dev/urandom >"$CCM_HOME/state.db"
	head -c 65536 /dev/zero >"$CCM_HOME/state.db-wal"
	for _ in $(seq 10); do ccm-hook run <in; done
	run -1 --separate-stderr ccm-hook tidy
	[[ $stderr == *"cannot use '$CCM_HOME/state.db'"* ]]
	wal=$(stat -c %s "$CCM_HOME/ccm.db-wal")
	[ "$wal" -le 4152 ]
}
