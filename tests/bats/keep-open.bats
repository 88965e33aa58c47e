#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# While events come, a process that hooks start keeps the database open and the write-ahead log short.
load helper
setup() {
	ccm_sandbox
	ccm-hook init >/dev/null
	event PreToolUse-Bash >in
}
teardown() {
	if [ -n "${daemon-}" ]; then kill "$daemon"; fi
	leave
}

# Usage: keep TIME - what config.ini says of it.
keep() { printf '[storage]\nkeep_open = %s\n' "$1" >"$CCM_HOME/config.ini"; }

# Usage: calls NUMBER - so many events.
calls() {
	for _ in $(seq "$1"); do ccm-hook run <in >/dev/null; done
}

# Usage: stays - whether a process keeps the database open; its number goes to $pid.
stays() {
	pid=$(awk -v lock=":$(stat -c %i "$CCM_HOME/tidy.lock" 2>/dev/null || echo none)" \
		'$2 == "FLOCK" && $4 == "WRITE" && substr($6, length($6) - length(lock) + 1) == lock { print $5 }' /proc/locks)
	[ -n "$pid" ]
}
gone() { ! stays; }

# Usage: users, unused, rests - who has the database open; whether nobody has; whether only $pid has, with nothing to do.
users() {
	awk -v lock=":$(stat -c %i "$CCM_HOME/ccm.db-shm")" \
		'$2 == "POSIX" && $4 == "READ" && substr($6, length($6) - length(lock) + 1) == lock { print $5 }' /proc/locks | sort -u
}
unused() { [ -z "$(users)" ]; }
rests() { stays && [ "$(users)" = "$pid" ] && flock --nonblock "$CCM_HOME/spool" true; }

# Usage: leave - it ends before the test does.
leave() {
	if stays; then kill -CONT "$pid"; fi
	mv "$CCM_HOME/ccm.db" "$CCM_HOME/moved" 2>/dev/null || :
	eventually gone
}

# Usage: log_bytes, short - how long the write-ahead log is, and whether that is no reason to tidy.
log_bytes() { stat -c %s "$CCM_HOME/ccm.db-wal"; }
short() { [ "$(log_bytes)" -lt 131072 ]; }

@test "keep_open: a few events start nothing" {
	calls 5
	[ ! -e "$CCM_HOME/tidy.lock" ]
}

@test "keep_open: where many come, one process keeps the database open, and holds no lock that keeps others out" {
	calls 30
	eventually stays
	[ -n "$(find "/proc/$pid/fd" -lname "$CCM_HOME/ccm.db")" ]
	[ "$(db 'BEGIN EXCLUSIVE; SELECT count(*) FROM event; COMMIT')" = 30 ]
	[ "$(readlink "/proc/$pid/cwd")" = / ]
}

# Usage: mark, marked - a mark in the log's index, in four bytes that nothing uses (sqlite.org/walformat.html, offset 132).
mark() { printf mark | dd of="$CCM_HOME/ccm.db-shm" bs=1 seek=132 conv=notrunc status=none; }
marked() { [ "$(dd if="$CCM_HOME/ccm.db-shm" bs=1 skip=132 count=4 status=none | tr -d '\0')" = mark ]; }

@test "keep_open: a hook finds the index of the log while it is there, and makes a new one when it is not" {
	calls 30
	eventually rests
	mark
	calls 1
	marked
	leave
	eventually unused
	mv "$CCM_HOME/moved" "$CCM_HOME/ccm.db"
	mark
	calls 1
	run ! marked
}

@test "keep_open: it makes the log short again by itself" {
	calls 30
	eventually stays
	calls 50
	eventually short
	[ "$(db 'SELECT count(*) FROM event')" = 80 ]
}

@test "keep_open: it is the only one, and hooks start no other" {
	local first
	calls 30
	eventually stays
	first=$pid
	timeout 10 ccm-hook tidy --stay
	stays
	[ "$pid" = "$first" ]
	# What it does not do now, nobody does.
	eventually short
	kill -STOP "$pid"
	calls 70
	[ "$(log_bytes)" -gt 500000 ]
	kill -CONT "$pid"
	eventually short
}

@test "keep_open: it leaves when no event has come for that long" {
	keep 3s
	calls 30
	eventually test -e "$CCM_HOME/tidy.lock"
	eventually gone
	[ "$(log_bytes)" -lt 9000 ]
	[ "$(db 'SELECT count(*) FROM event')" = 30 ]
}

@test "keep_open: events keep it there" {
	keep 3s
	calls 30
	eventually stays
	for _ in 1 2 3 4 5; do
		sleep 1
		calls 1
	done
	stays
	eventually gone
}

@test "keep_open: 0 keeps nothing open" {
	keep 0
	calls 30
	timeout 10 ccm-hook tidy --stay
	[ ! -e "$CCM_HOME/tidy.lock" ]
}

@test "keep_open: it leaves at once when the database is moved away, and the next event begins a new one" {
	calls 30
	eventually stays
	mkdir away
	mv "$CCM_HOME"/ccm.db* away
	eventually gone
	calls 1
	[ "$(db 'SELECT count(*) FROM event')" = 1 ]
	[ "$(sqlite3 away/ccm.db 'PRAGMA integrity_check; SELECT count(*) FROM event')" = $'ok\n30' ]
}

@test "keep_open: when the log's index is deleted under it, it leaves and the next event is stored" {
	local first
	calls 30
	eventually rests
	first=$pid
	rm "$CCM_HOME/ccm.db-shm"
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
	eventually test ! -e "/proc/$first"
	[ "$(db 'PRAGMA integrity_check; SELECT count(*) FROM event')" = $'ok\n31' ]
}

@test "keep_open: files that come and go beside the database are none of its business" {
	local first
	calls 30
	eventually stays
	first=$pid
	# The last to close state.db deletes its log, if it is not one of ours.
	sqlite3 "$CCM_HOME/state.db" 'CREATE TABLE t (x); DROP TABLE t'
	cp "$CCM_HOME/ccm.db" "$CCM_HOME/ccm.db.copy"
	mv "$CCM_HOME/ccm.db.copy" "$CCM_HOME/ccm.db.old"
	rm "$CCM_HOME/ccm.db.old"
	sleep 1.5
	stays
	[ "$pid" = "$first" ]
}

@test "keep_open: it leaves when CCM_HOME is removed" {
	calls 30
	eventually stays
	rm -r "$CCM_HOME"
	eventually test ! -e "/proc/$pid"
}

@test "keep_open: it leaves to the daemon what the daemon does" {
	calls 30
	eventually stays
	ccm-supervisor daemon >/dev/null 2>&1 3>&- &
	daemon=$!
	eventually gone
	rm "$CCM_HOME/tidy.lock"
	calls 30
	[ ! -e "$CCM_HOME/tidy.lock" ]
}

@test "keep_open: when it is killed nothing is lost, and another comes" {
	local first
	calls 30
	eventually stays
	first=$pid
	calls 20 &
	kill -KILL "$first"
	wait "$!"
	calls 30
	eventually stays
	[ "$pid" != "$first" ]
	[ "$(db 'PRAGMA integrity_check; SELECT count(*), count(DISTINCT uuid) FROM event')" = $'ok\n80|80' ]
}

@test "keep_open: one that is stuck is not relied on" {
	shortened() { calls 5; sleep 0.2; short; }
	calls 30
	eventually rests
	eventually short
	kill -STOP "$pid"
	# 16 MB of it, written at once.
	db "PRAGMA wal_autocheckpoint = 0; CREATE TABLE much AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		SELECT randomblob(4000) AS b FROM n; DROP TABLE much" >/dev/null
	[ "$(log_bytes)" -gt 16000000 ]
	eventually shortened
	kill -CONT "$pid"
}

@test "keep_open: a time that is none is told" {
	keep soon
	run -0 --separate-stderr ccm-hook config
	[[ $stderr == *"keep_open"*"soon"* ]]
}
