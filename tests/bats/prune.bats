#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helper
setup() { ccm_sandbox; }

# Usage: fill N - makes N events, one a day, the newest of today, each with a payload and a run.
fill() {
	ccm-hook init
	db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
	    INSERT INTO event (id, uuid, received_ms, host, event, session_id, valid, payload_bytes, verdict)
	    SELECT i, printf('u%d', i), (unixepoch() - ($1 - i) * 86400) * 1000, 'claude-code', 'Stop', 's' || (i / 10), 1, 2000, 'none' FROM n;
	    INSERT INTO payload SELECT id, 'full', zeroblob(2000) FROM event;
	    INSERT INTO run (event_id, seq, automation, stage, started_ms, took_us, timed_out, verdict, stdout_bytes, stderr_bytes)
	    SELECT id, 1, 'a', 50, received_ms, 1, 0, 'none', 0, 0 FROM event;
	    INSERT INTO session (session_id, host, first_ms) SELECT session_id, 'claude-code', min(received_ms) FROM event GROUP BY 1;
	    INSERT INTO state SELECT 'a', session_id, 'k', 'v', 1 FROM session UNION SELECT 'a', '', 'k', 'v', 1;"
}

@test "prune: without a rule nothing goes, and it says where to set one" {
	fill 10
	run -64 --separate-stderr ccm-hook prune
	[[ $stderr == *"max_age or max_bytes in [retention]"* ]]
	[ "$(db "SELECT count(*) FROM event")" = 10 ]
}

@test "prune: --max-age forgets what is older, with payloads and runs" {
	fill 100
	run -0 ccm-hook prune --max-age 30d
	[[ $output == "70 events are gone, "* ]]
	[ "$(db "SELECT min(id), (SELECT count(*) FROM payload), (SELECT count(*) FROM run) FROM event")" = "71|30|30" ]
}

@test "prune: sessions of which no event is left go too, with what was kept for them" {
	fill 100
	ccm-hook prune --max-age 30d
	[ "$(db "SELECT group_concat(session_id, ' ') FROM session")" = "s10 s7 s8 s9" ]
	[ "$(db "SELECT group_concat(session_id, ' ') FROM (SELECT session_id FROM state ORDER BY 1)")" = " s10 s7 s8 s9" ]
}

@test "prune: --max-bytes forgets the oldest until the database is small enough" {
	fill 1000
	run -0 ccm-hook prune --max-bytes 1M
	[ "$(db "SELECT page_count * page_size <= 1048576 FROM pragma_page_count, pragma_page_size")" = 1 ]
	[ "$(db "SELECT max(id) = 1000 AND count(*) > 400 FROM event")" = 1 ]
}

@test "prune: what is freed is given back to the file system" {
	fill 1000
	before=$(stat -c %s "$CCM_HOME/ccm.db")
	ccm-hook prune --max-age 100d
	[ "$(stat -c %s "$CCM_HOME/ccm.db")" -lt "$((before / 4))" ]
	[ "$(db "PRAGMA integrity_check")" = ok ]
}

@test "prune: --dry-run says what would go and changes nothing" {
	fill 100
	run -0 ccm-hook prune --dry-run --max-age 30d
	[[ $output == "70 events would go, about "* ]]
	[ "$(db "SELECT count(*) FROM event")" = 100 ]
	run -0 ccm-hook prune --dry-run --max-age 30d --json
	[ "$(jq -c '[.dry_run, .events]' <<<"$output")" = "[true,70]" ]
}

@test "prune: one event is one event" {
	fill 2
	run -0 ccm-hook prune --dry-run --max-age 12h
	[[ $output == "1 event would go, about "* ]]
	run -0 ccm-hook prune --max-age 12h
	[[ $output == "1 event is gone, "* ]]
}

@test "prune: config.ini sets the rule, and tidy follows it" {
	fill 100
	printf '[retention]\nmax_age = 10d\n' >"$CCM_HOME/config.ini"
	ccm-hook tidy
	[ "$(db "SELECT count(*) FROM event")" = 10 ]
}

@test "prune: a size that is none is a usage error" {
	run -64 --separate-stderr ccm-hook prune --max-bytes lots
	[[ $stderr == *"--max-bytes takes a size such as 500M or 2G, not 'lots'"* ]]
}

@test "prune: events are taken in at once while it is at work" {
	fill 20000
	event Stop >in
	ccm-hook prune --max-age 1d >/dev/null 3>&- &
	pruner=$!
	for _ in $(seq 20); do ccm-hook run <in; done
	wait "$pruner"
	[ "$(db "SELECT count(*) FROM event WHERE length(uuid) = 36")" = 20 ]
	[ -z "$(ls "$CCM_HOME/spool")" ]
}

@test "prune: while somebody reads for long, neither it nor tidy keeps the events out" {
	local reader
	fill 2000
	printf '[storage]\nbusy_timeout = 30s\n' >"$CCM_HOME/config.ini"
	mkfifo reading
	sqlite3 "$CCM_HOME/ccm.db" <reading >first 3>&- &
	reader=$!
	exec 9>reading
	echo 'BEGIN; SELECT count(*) FROM event;' >&9
	eventually test -s first
	# With the reader in the way, they would wait for it for the whole 30 seconds, and the events for them.
	run -0 --separate-stderr timeout 20 ccm-hook prune --max-age 1d
	[ -z "$stderr" ]
	run -0 --separate-stderr timeout 20 ccm-hook tidy
	[ -z "$stderr" ]
	echo 'SELECT count(*) FROM event;' >&9
	exec 9>&-
	wait "$reader"
	# The reader has seen all the time what it saw first.
	[ "$(cat first)" = $'2000\n2000' ]
	[ "$(db 'SELECT count(*) FROM event')" = 1 ]
}
