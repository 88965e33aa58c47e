#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Whatever happens to the storage: the automations' verdict comes, the event waits, the message names the cause, and once
# the cause is gone all is in the database, once.
load helper
load faults
setup() {
	ccm_sandbox
	guard
	printf '[storage]\nbusy_timeout = 200ms\n' >"$CCM_HOME/config.ini"
	ccm-hook init
}
teardown() {
	if [ -n "${holder-}" ]; then let_go || :; fi
	if mountpoint -q "$HOME/small" 2>/dev/null; then umount --lazy "$HOME/small"; fi
	[ -z "${planted-}" ] || rm -rf "${planted[@]}"
}

# Usage: hold SQL - another process that has the database open, and has done that.
hold() {
	mkfifo "$HOME/sql"
	sqlite3 "$CCM_HOME/ccm.db" <"$HOME/sql" >"$HOME/held" 3>&- &
	holder=$!
	exec 7>"$HOME/sql"
	printf "%s;\nSELECT 'held';\n" "$1" >&7
	eventually grep -q held "$HOME/held"
}
let_go() {
	exec 7>&-
	wait "$holder"
	holder=
}

# Usage: small KIB - CCM_HOME is on a disk of that size from now on.
small() {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir "$HOME/small"
	mount -t tmpfs -o "size=${1}k" tmpfs "$HOME/small"
	cp -a "$CCM_HOME" "$HOME/small/ccm"
	export CCM_HOME="$HOME/small/ccm"
}
fill() { cat /dev/zero >"$HOME/small/fill" 2>/dev/null || :; }

# Usage: as_owner COMMAND... - without root's right to pass over permissions.
as_owner() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search -- "$@"
	fi
}

# Usage: opened PROCESS - it has opened the database, and what SQLite opens last of it.
opened() { [ -n "$(find -L "/proc/$1/fd" -samefile "$CCM_HOME/ccm.db-shm" 2>/dev/null)" ]; }

# Usage: late COMMAND... - a hook that gets the event on stdin after it has opened the database, and after that command.
late() {
	local hook status=0
	mkfifo "$HOME/event"
	ccm-hook run <"$HOME/event" 3>&- &
	hook=$!
	exec 6>"$HOME/event"
	eventually opened "$hook"
	"$@" 6>&- || status=$?
	cat >&6
	exec 6>&-
	rm "$HOME/event"
	wait "$hook"
	return "$status"
}

@test "storage faults: a full disk" {
	small 768
	fill
	suffers 'ccm-spool-'
	[[ $stderr == *"no space left"* || $stderr == *"No space left"* || $stderr == *"disk is full"* ]]
	suffers 'No space left on device'
	rm "$HOME/small/fill"
	recovers 2
}

@test "storage faults: a disk that becomes full at any moment" {
	local kib all=0
	small 768
	for kib in $(seq 0 4 60); do
		rm -f "$HOME/small/fill" "$HOME/small/reserve"
		truncate -s 0 "$HOME/small/reserve"
		head -c "$((kib * 1024))" /dev/zero >"$HOME/small/reserve"
		fill
		rm "$HOME/small/reserve"
		event PreToolUse-Bash >in
		run -0 --separate-stderr ccm-hook run <in
		[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
		[[ $stderr != *"is lost"* ]]
		all=$((all + 1))
	done
	rm "$HOME/small/fill"
	recovers "$all"
}

@test "storage faults: a file system that turns read-only" {
	small 1024
	mount -o remount,ro "$HOME/small"
	suffers "$CCM_HOME/ccm.db"
	[[ $stderr == *[Rr]ead-only* ]]
	[[ $stderr == *"the event waits in '$XDG_RUNTIME_DIR/ccm-spool-"* ]]
	mount -o remount,rw "$HOME/small"
	recovers 1
}

@test "storage faults: a lock that is held costs each event the time to wait once, not more" {
	local start all=0
	if [ -n "${CCM_SOAK-}" ]; then sed -i 's/200ms/2s/' "$CCM_HOME/config.ini"; fi
	hold 'BEGIN IMMEDIATE'
	while [ "$all" -lt "$(size 3 30)" ]; do
		all=$((all + 1))
		start=$(date +%s%N)
		suffers 'is locked'
		[ "$((($(date +%s%N) - start) / 1000000))" -lt "$(size 2000 4000)" ]
	done
	let_go
	recovers "$all"
}

@test "storage faults: a database cut short, at any place" {
	local bytes kept=0
	for bytes in 0 1 511 4096 6000 20480; do
		event PreToolUse-Bash | ccm-hook run >answer 2>/dev/null
		[ "$bytes" -eq 0 ] || db 'PRAGMA wal_checkpoint' >/dev/null
		truncate -s "$bytes" "$CCM_HOME/ccm.db"
		event PreToolUse-Bash >in
		run -0 --separate-stderr ccm-hook run <in
		[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
		[[ $stderr == *"the database was damaged: it is kept as '"* ]]
		kept=$((kept + 1))
		[ "$(find "$CCM_HOME" -name 'ccm.db.damaged-*' ! -name '*-wal' ! -name '*-shm' | wc -l)" = "$kept" ]
		[ "$(db 'SELECT count(*) FROM event')" = 1 ]
		rm -f "$CCM_HOME"/ccm.db "$CCM_HOME"/ccm.db-*
	done
	ccm-hook init
	recovers 0
}

@test "storage faults: noise in the write-ahead log" {
	suffers_nothing() { event PreToolUse-Bash | ccm-hook run >answer; }
	suffers_nothing
	db 'PRAGMA wal_checkpoint(TRUNCATE)' >/dev/null
	head -c 50000 /dev/urandom >"$CCM_HOME/ccm.db-wal"
	suffers_nothing
	recovers 2
}

@test "storage faults: a directory in the place of the database" {
	rm -f "$CCM_HOME"/ccm.db*
	mkdir "$CCM_HOME/ccm.db"
	suffers "'$CCM_HOME/ccm.db'"
	[[ $stderr == *"not a regular file"* ]]
	rmdir "$CCM_HOME/ccm.db"
	recovers 1
}

@test "storage faults: the write-ahead log or its index deleted while nobody looks" {
	event PreToolUse-Bash | ccm-hook run >answer
	db 'PRAGMA wal_checkpoint' >/dev/null
	rm -f "$CCM_HOME/ccm.db-shm"
	event PreToolUse-Bash | ccm-hook run >answer
	db 'PRAGMA wal_checkpoint' >/dev/null
	rm -f "$CCM_HOME/ccm.db-wal"
	event PreToolUse-Bash | ccm-hook run >answer
	db 'PRAGMA wal_checkpoint' >/dev/null
	rm -f "$CCM_HOME/ccm.db-wal" "$CCM_HOME/ccm.db-shm"
	recovers 3
}

@test "storage faults: the write-ahead log or its index deleted under a program that has the database open" {
	local suffix all=0
	for suffix in wal shm; do
		event Stop | ccm-hook run
		hold 'SELECT count(*) FROM event'
		rm "$CCM_HOME/ccm.db-$suffix"
		suffers "ccm.db-$suffix' was deleted while process $holder has the database open: end that process"
		run -1 --separate-stderr ccm-hook log
		[[ $stderr == *"was deleted while process $holder has the database open"* ]]
		let_go
		rm "$HOME/sql" "$HOME/held"
		all=$((all + 1))
		recovers "$all"
	done
}

@test "storage faults: a database that is moved away while an automation runs" {
	automation 10-moves 'Event: PreToolUse' <<-'END'
		cd "$CCM_HOME" && mkdir away && mv ccm.db* away/
	END
	suffers 'was moved away or deleted while it was in use'
	rm "$CCM_HOME/automations/enabled/10-moves"
	recovers 1
}

@test "storage faults: a write-ahead log that is deleted while an automation runs" {
	event Stop | ccm-hook run
	automation 10-deletes 'Event: PreToolUse' <<<'rm "$CCM_HOME/ccm.db-wal"'
	suffers 'was moved away or deleted while it was in use'
	rm "$CCM_HOME/automations/enabled/10-deletes"
	recovers 1
}

@test "storage faults: a hook that waits for its event keeps nobody out" {
	others() {
		event Stop | ccm-hook run >"$HOME/other" 2>&1 && [ ! -s "$HOME/other" ] &&
			[ "$(db 'BEGIN EXCLUSIVE; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')" = '0|0|0' ]
	}
	event PreToolUse-Bash >in
	run -0 --separate-stderr late others <in
	[ -z "$stderr" ]
	recovers 1
	[ "$(db 'SELECT count(*) FROM event')" = 3 ]
}

@test "storage faults: a database that is moved away, or its log deleted, while a hook waits for its event" {
	away() { mkdir "$CCM_HOME/away" && mv "$CCM_HOME"/ccm.db* "$CCM_HOME/away/"; }
	suffers 'was moved away or deleted while it was in use' late away
	recovers 1
	suffers 'was moved away or deleted while it was in use' late rm "$CCM_HOME/ccm.db-wal"
	recovers 2
}

@test "storage faults: permissions taken away from the database" {
	chmod 000 "$CCM_HOME/ccm.db"
	suffers "'$CCM_HOME/ccm.db'" as_owner ccm-hook run
	chmod 600 "$CCM_HOME/ccm.db"
	recovers 1
}

@test "storage faults: permissions taken away from CCM_HOME" {
	chmod 500 "$CCM_HOME" "$CCM_HOME/spool"
	chmod 400 "$CCM_HOME/ccm.db"
	rm -f "$CCM_HOME/ccm.db-wal" "$CCM_HOME/ccm.db-shm"
	suffers "$CCM_HOME" as_owner ccm-hook run
	[[ $stderr == *"Permission denied"*"the event waits in '$XDG_RUNTIME_DIR/ccm-spool-"* ]]
	chmod 700 "$CCM_HOME" "$CCM_HOME/spool"
	chmod 600 "$CCM_HOME/ccm.db"
	recovers 1
}

@test "storage faults: automations that cannot be read are not gone unnoticed" {
	chmod 000 "$CCM_HOME/automations/enabled"
	event PreToolUse-Bash >in
	run -0 --separate-stderr as_owner ccm-hook run <in
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	[[ $(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output") == \
		"ccm: no automation could look at this call: cannot open '$CCM_HOME/automations/enabled': Permission denied" ]]
	chmod 700 "$CCM_HOME/automations/enabled"
	[ "$(db "SELECT verdict FROM event")" = ask ]
}

@test "storage faults: a spool that cannot be read is not forgotten" {
	chmod 000 "$CCM_HOME/ccm.db"
	suffers "'$CCM_HOME/ccm.db'" as_owner ccm-hook run
	chmod 600 "$CCM_HOME/ccm.db"
	chmod 000 "$CCM_HOME"/spool/*.event
	event Stop >in
	run -0 --separate-stderr as_owner ccm-hook run <in
	[[ $stderr == *"1 file in '$CCM_HOME/spool' cannot be read and waits there: Permission denied"* ]]
	chmod 600 "$CCM_HOME"/spool/*.event
	recovers 1
}

@test "storage faults: a clock that was set back" {
	shifted() { CCM_TEST_CLOCK_S="$1" "$CCM_BUILD/tests/bin/ccm-hook-shifted" "${@:2}"; }
	event SessionStart-startup '.session_id = "s"' | shifted +86400 run >answer
	event PreToolUse-Bash '.session_id = "s"' | shifted +86400 run >answer
	event PreToolUse-Bash '.session_id = "s"' | shifted -86400 run >answer
	chmod 000 "$CCM_HOME/ccm.db"
	suffers "'$CCM_HOME/ccm.db'" as_owner env CCM_TEST_CLOCK_S=+86400 "$CCM_BUILD/tests/bin/ccm-hook-shifted" run
	chmod 600 "$CCM_HOME/ccm.db"
	recovers 3
	[ "$(db "SELECT group_concat(days) FROM (SELECT round((received_ms / 1000 - unixepoch()) / 86400.0) AS days FROM event ORDER BY id)")" = \
		1.0,1.0,-1.0,0.0,1.0 ]
	[ "$(db "SELECT source FROM session WHERE session_id = 's'")" = startup ]
	run -0 ccm-hook log -o json --until now
	[ "${#lines[@]}" -eq 2 ]
}

@test "storage faults: where nothing can be written at all, the loss is said, and the verdict comes" {
	local name
	small 768
	mount -o remount,ro "$HOME/small"
	suffers 'the event waits in'
	name=$(ls "$XDG_RUNTIME_DIR")
	rm -r "${XDG_RUNTIME_DIR:?}/$name"
	planted=("/dev/shm/$name" "/tmp/$name")
	touch "$XDG_RUNTIME_DIR/$name" "${planted[@]}"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	[[ $stderr == *"the event could not be kept in the spool either and is lost"* ]]
}

@test "storage faults: doctor counts what waits outside of CCM_HOME" {
	small 768
	mount -o remount,ro "$HOME/small"
	suffers 'the event waits in'
	mount -o remount,rw "$HOME/small"
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"1 event waits in the spool for the next one to take in"* ]]
}
