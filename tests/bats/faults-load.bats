#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: of so many starts within so little time, none gets as far as its first instruction under valgrind.
#
# Many hooks at once, and hooks that are killed: nothing that was acknowledged is lost, nothing is there twice.
load helper
load faults
setup() { ccm_sandbox; }

registered_timeout_ms=60000

@test "load: events of 64 writers at once are all kept, once, in order, and none waits for long" {
	ccm-hook init
	storm -w 64 -s 20 -n "$(size 600 20000)" ccm-hook run
	[ "$(acknowledged)" = "$(size 600 20000)" ]
	[ ! -s storm.err ]
	[ "$(longest)" -lt "$registered_timeout_ms" ]
	all_there
	[ "$(db "SELECT count(*) FROM event")" = "$(size 600 20000)" ]
	[ "$(db "SELECT count(*) FROM session WHERE session_id GLOB 'storm-*'")" = 20 ]
}

@test "load: events that the database had no time for wait in the spool and come in once" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nbusy_timeout = 0\n' >"$CCM_HOME/config.ini"
	ccm-hook init
	automation 50-no 'Event: PreToolUse' <<<'exit 0'
	storm -w 32 -s 20 -n "$(size 300 10000)" ccm-hook run
	[ "$(acknowledged)" = "$(size 300 10000)" ]
	grep -q 'the event went to the spool' storm.err
	run -1 grep -E "lost|cannot take in" storm.err
	[ "$(longest)" -lt "$registered_timeout_ms" ]
	all_there
	[ "$(db "SELECT count(*) FROM event WHERE verdict IS NULL")" = 0 ]
	[ "$(db "SELECT count(*) FROM run")" = "$(size 300 10000)" ]
}

@test "load: hooks killed at any moment lose nothing that they had acknowledged" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nbusy_timeout = 5ms\n' >"$CCM_HOME/config.ini"
	ccm-hook init
	storm -w 16 -s 20 -n "$(size 300 4000)" -k "$(size 150 2000)" -d "$(size 20000 10000)" ccm-hook run
	[ "$(acknowledged)" -ge "$(size 50 500)" ]
	grep -q -- ' -9 ' ledger
	run -1 grep -E "lost|cannot take in" storm.err
	all_there
}

@test "load: hooks killed at any moment leave no automation behind, nor what it started" {
	ccm-hook init
	# What is to stay for a minute (keep-open.bats) would count as left.
	printf '[storage]\nkeep_open = 0\n' >"$CCM_HOME/config.ini"
	automation 50-hangs 'Event: PreToolUse' 'Timeout: 50ms' <<-'END'
		sleep 300 &
		sleep 300 | sleep 300
	END
	automation 50-waits 'Event: PreToolUse' 'Timeout: 50ms' <<<'trap "" TERM HUP INT PIPE; while :; do sleep 1; done'
	storm -w 8 -s 20 -n "$(size 100 2000)" -k "$(size 90 1900)" -d 60000 ccm-hook run
	grep -q -- ' -9 ' ledger
	[ "$(tail -n 1 ledger)" = 'left 0' ]
	all_there
}
