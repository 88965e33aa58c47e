#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ccm-hook run: what happens to an event while the database cannot take it.
load helper
setup() { ccm_sandbox; }
teardown() {
	if mountpoint -q "$HOME/small" 2>/dev/null; then umount --lazy "$HOME/small"; fi
}

# A deny that shows that the automations ran.
guard() { automation 50-no 'Event: PreToolUse' <<<'echo "no" >&2; exit 2'; }
denied() { [ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]; }
spooled() { find "$CCM_HOME/spool" -name '*.event' | wc -l; }

# Usage: lock_db - holds the database locked by another process until unlock_db.
lock_db() {
	mkfifo "$HOME/sql"
	sqlite3 "$CCM_HOME/ccm.db" <"$HOME/sql" >"$HOME/locked" 3>&- &
	locker=$!
	exec 7>"$HOME/sql"
	printf 'BEGIN EXCLUSIVE; SELECT 1;\n' >&7
	eventually test -s "$HOME/locked"
}
unlock_db() {
	exec 7>&-
	wait "$locker"
}

short_wait() {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nbusy_timeout = 100ms\n' >"$CCM_HOME/config.ini"
}

@test "storage: a locked database sends the event to the spool and stops no automation" {
	guard
	short_wait
	ccm-hook init
	lock_db
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	unlock_db
	denied
	[[ $stderr == *"locked"*"the event went to the spool"* ]]
	[ "$(spooled)" = 1 ]
	[ "$(db "SELECT count(*) FROM event")" = 0 ]
}

@test "storage: a spooled event is taken in once by the next run, with what became of it" {
	guard
	short_wait
	ccm-hook init
	lock_db
	event PreToolUse-Bash | ccm-hook run 2>/dev/null
	unlock_db
	event Stop | ccm-hook run
	[ "$(spooled)" = 0 ]
	run -0 db "SELECT event, verdict, reason, exit_status, (SELECT count(*) FROM run WHERE event_id = id), (SELECT length(body) > 100 FROM payload WHERE event_id = id) FROM event WHERE event = 'PreToolUse'"
	[ "$output" = "PreToolUse|deny|no: no|0|1|1" ]
	[ "$(db "SELECT count(*) FROM session WHERE session_id = '$(jq -r .session_id "$FIXTURES/hooks/PreToolUse-Bash.json")'")" = 1 ]
}

@test "storage: tidy waits for another one that has come past an event already" {
	short_wait
	ccm-hook init
	flock "$CCM_HOME/spool" sleep 1 3>&- &
	lock_db
	event PreToolUse-Bash | ccm-hook run 2>/dev/null
	unlock_db
	[ "$(spooled)" = 1 ]
	ccm-hook tidy
	[ "$(spooled)" = 0 ]
	[ "$(db "SELECT count(*) FROM event")" = 1 ]
	wait
}

@test "storage: a spool file that came back after it was taken in is not doubled" {
	short_wait
	ccm-hook init
	lock_db
	event PreToolUse-Bash | ccm-hook run 2>/dev/null
	unlock_db
	cp -r "$CCM_HOME/spool" "$HOME/copy"
	event Stop | ccm-hook run
	cp "$HOME"/copy/* "$CCM_HOME/spool/"
	event Stop | ccm-hook run
	[ "$(spooled)" = 0 ]
	[ "$(db "SELECT count(*) FROM event WHERE event = 'PreToolUse'")" = 1 ]
}

@test "storage: the spool keeps the payload to the byte" {
	short_wait
	ccm-hook init
	lock_db
	event PreToolUse-Write-odd-unicode >in
	ccm-hook run <in 2>/dev/null
	unlock_db
	event Stop | ccm-hook run
	db "SELECT writefile('out', body) FROM payload JOIN event ON id = event_id WHERE event = 'PreToolUse'"
	printf '\n' >>out
	cmp in out
}

@test "storage: with payload = none the spool holds nothing of what was said either" {
	short_wait
	printf 'payload = none\n' >>"$CCM_HOME/config.ini"
	ccm-hook init
	lock_db
	event PreToolUse-Bash '.tool_input.command = "my-private-words"' | ccm-hook run 2>/dev/null
	unlock_db
	[ "$(spooled)" = 1 ]
	run -1 grep -r my-private-words "$CCM_HOME/spool"
	event Stop | ccm-hook run
	[ "$(db "SELECT tool || valid FROM event WHERE event = 'PreToolUse'")" = Bash1 ]
}

@test "storage: a file in the spool that is no event is kept under another name and said" {
	ccm-hook init
	printf 'garbage\n' >"$CCM_HOME/spool/019f0000-0000-7000-8000-000000000000.event"
	event Stop >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"is not a spooled event"* ]]
	[ -e "$CCM_HOME/spool/019f0000-0000-7000-8000-000000000000.bad" ]
}

@test "storage: a damaged database is set aside under a dated name, said loudly, and a new one begun" {
	guard
	ccm-hook init
	head -c 65536 /dev/urandom >"$CCM_HOME/ccm.db"
	rm -f "$CCM_HOME"/ccm.db-*
	cp "$CCM_HOME/ccm.db" noise
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	denied
	[[ $stderr == *"the database was damaged: it is kept as '"*"ccm.db.damaged-"* ]]
	[[ $(jq -r .systemMessage <<<"$output") == *"the database was damaged"* ]]
	cmp noise "$CCM_HOME"/ccm.db.damaged-2???????-??????
	[ "$(db "SELECT verdict FROM event")" = deny ]
}

@test "storage: damage in the middle of the database is found when it is met" {
	ccm-hook init
	for _ in 1 2 3; do event PreToolUse-Bash | ccm-hook run; done
	db "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	size=$(stat -c %s "$CCM_HOME/ccm.db")
	head -c "$((size - 8192))" /dev/urandom | dd of="$CCM_HOME/ccm.db" bs=4096 seek=1 conv=notrunc status=none
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"damaged"* ]]
	[ "$(db "SELECT count(*) FROM event")" = 1 ]
}

@test "storage: a database from the future is refused by name and left alone" {
	guard
	ccm-hook init
	db "PRAGMA user_version = 9999"
	sum=$(sha256sum <"$CCM_HOME/ccm.db")
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	denied
	[[ $stderr == *"ccm.db' has schema 9999, this ccm knows "*"install the newer ccm again"* ]]
	[ "$(spooled)" = 1 ]
	[ "$(sha256sum <"$CCM_HOME/ccm.db")" = "$sum" ]
}

@test "storage: a directory in the database's place is named, and the event spooled" {
	guard
	ccm-hook init
	rm -f "$CCM_HOME"/ccm.db*
	mkdir "$CCM_HOME/ccm.db"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	denied
	[[ $stderr == *"ccm.db'"* ]]
	[ "$(spooled)" = 1 ]
}

@test "storage: a full disk does not disarm the guard, and is said" {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir "$HOME/small"
	mount -t tmpfs -o size=512k tmpfs "$HOME/small"
	export CCM_HOME="$HOME/small/ccm"
	guard
	ccm-hook init
	cat /dev/zero >"$HOME/small/fill" 2>/dev/null || true
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	denied
	[[ $stderr == *"No space left on device"* || $stderr == *"no space left"* ]]
}

@test "storage: a full disk on which the spool still fits keeps the event there" {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir "$HOME/small"
	mount -t tmpfs -o size=512k tmpfs "$HOME/small"
	ccm-hook init
	cp "$CCM_HOME/ccm.db" "$HOME/small/"
	rm "$CCM_HOME/ccm.db"
	ln -s "$HOME/small/ccm.db" "$CCM_HOME/ccm.db"
	cat /dev/zero >"$HOME/small/fill" 2>/dev/null || true
	event PreToolUse-Bash | ccm-hook run 2>/dev/null
	[ "$(spooled)" = 1 ]
	rm "$HOME/small/fill"
	event Stop | ccm-hook run
	[ "$(spooled)" = 0 ]
	[ "$(db "SELECT group_concat(event) FROM event")" = "Stop,PreToolUse" ]
}

@test "storage: a CCM_HOME that cannot be written stops no automation and is named" {
	guard
	ccm-hook init
	event PreToolUse-Bash >in
	# Root may write anywhere: a read-only bind mount says no to root too.
	if [ "$(id -u)" -eq 0 ]; then
		run -0 --separate-stderr unshare -m sh -c 'mount --bind "$CCM_HOME" "$CCM_HOME" && mount -o remount,ro,bind "$CCM_HOME" && exec ccm-hook run <in'
	else
		chmod -R a-w "$CCM_HOME"
		run -0 --separate-stderr ccm-hook run <in
		chmod -R u+w "$CCM_HOME"
	fi
	denied
	[[ $stderr == *"$CCM_HOME"* ]]
	[[ $stderr == *"the event waits in '$XDG_RUNTIME_DIR/"* ]]
}

# A database as the first schema left it, with one event in it.
old_database() {
	mkdir -p -m 700 "$CCM_HOME"
	sqlite3 "$CCM_HOME/ccm.db" "PRAGMA auto_vacuum = INCREMENTAL" "PRAGMA journal_mode = WAL" \
		".read $CCM_SOURCE/schema/0001_initial.sql" "PRAGMA user_version = 1" \
		"INSERT INTO event (uuid, received_ms, host, valid, payload_bytes) VALUES ('u', 1, 'claude-code', 1, 0)" >/dev/null
}

@test "storage: an old database is brought up to date with a copy kept" {
	old_database
	event Stop >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
	[ "$(db "SELECT group_concat(coalesce(event, '-')) FROM event")" = "-,Stop" ]
	[ "$(sqlite3 "$CCM_HOME/ccm.db.v1" "PRAGMA user_version" "SELECT count(*) FROM event")" = $'1\n1' ]
	[ "$(stat -c %a "$CCM_HOME/ccm.db.v1")" = 600 ]
}

@test "storage: an old database that cannot be brought up to date is left as it was, and the event spooled" {
	old_database
	# In the way of a table that is to be made.
	db "CREATE TABLE alert (x)"
	event Stop >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"migration '0002_automations.sql' failed: table alert already exists"* ]]
	[ "$(db "PRAGMA user_version; SELECT count(*) FROM event")" = $'1\n1' ]
	[ "$(spooled)" = 1 ]
	db "DROP TABLE alert"
	ccm-hook run <in
	[ "$(db "SELECT count(*) FROM event")" = 3 ]
}

@test "storage: an old database is brought up to date once by many processes at once" {
	old_database
	event Stop >in
	for _ in $(seq 10); do ccm-hook run <in 2>>err 3>&- & done
	wait
	ccm-hook run <in
	[ "$(db "SELECT count(*) FROM event")" = 12 ]
	[ "$(sqlite3 "$CCM_HOME/ccm.db.v1" "SELECT count(*) FROM event")" = 1 ]
}

@test "storage: a typo in config.ini is named with its line, and the defaults hold" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\npayload = all\nbusy_timeuot = 1s\n' >"$CCM_HOME/config.ini"
	event UserPromptSubmit >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(jq -r .systemMessage <<<"$output") == *"config.ini:2: 'payload' must be one of full|redacted|none, not 'all'; using full"* ]]
	[[ $(jq -r .systemMessage <<<"$output") == *"config.ini:3: unknown key 'busy_timeuot'"* ]]
	[ "$(db "SELECT count(*) FROM payload")" = 1 ]
}

@test "storage: a wrong value in config.ini leaves in force what a line before it said, and tells which" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\npayload = none\npayload = all\n' >"$CCM_HOME/config.ini"
	event UserPromptSubmit >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"config.ini:3: 'payload' must be one of full|redacted|none, not 'all'; using none"* ]]
	[ "$(db "SELECT count(*) FROM payload")" = 0 ]
}

@test "storage: events of many processes at once are all kept, each once" {
	ccm-hook init
	event PreToolUse-Bash >in
	for _ in $(seq 40); do ccm-hook run <in 3>&- & done
	wait
	event Stop | ccm-hook run
	[ "$(db "SELECT count(*) || count(DISTINCT uuid) FROM event WHERE event = 'PreToolUse'")" = 4040 ]
	[ "$(db "PRAGMA integrity_check")" = ok ]
}

@test "storage: first events of many processes at once make one database" {
	event PreToolUse-Bash >in
	for _ in $(seq 20); do ccm-hook run <in 3>&- & done
	wait
	event Stop | ccm-hook run
	[ "$(db "SELECT count(*) FROM event WHERE event = 'PreToolUse'")" = 20 ]
}
