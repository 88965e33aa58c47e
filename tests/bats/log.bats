# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load history

setup() { ccm_sandbox; }

teardown() {
	if [ -n "${FOLLOWER:-}" ]; then
		kill "$FOLLOWER" 2>/dev/null || true
		wait "$FOLLOWER" 2>/dev/null || true
	fi
}

# Usage: follow [OPTION...]
# Starts a follower whose output goes to the file "out".
follow() {
	: >out
	ccm-hook log -f "$@" >out 2>err 3>&- &
	FOLLOWER=$!
}

@test "log: where nothing was recorded it says so and is no failure" {
	run -0 --separate-stderr ccm-hook log
	[ -z "$output" ]
	[[ $stderr == *"nothing is recorded yet"* ]]
	[ ! -e "$CCM_HOME" ]
}

@test "log: an empty database gives no lines and no words" {
	ccm-hook init
	run -0 --separate-stderr ccm-hook log
	[ -z "$output$stderr" ]
}

@test "log: shows the newest 50, newest first" {
	record 1
	db "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 60)
	    INSERT INTO event (uuid, received_ms, host, valid, payload_bytes) SELECT i, $EPOCH_MS + 1000 * i, 'x', 1, 0 FROM n"
	run -0 --separate-stderr ccm-hook log
	[ "${#lines[@]}" -eq 50 ]
	[[ ${lines[0]} =~ ^\ *60\  ]]
	[[ ${lines[49]} =~ ^\ *11\  ]]
	[ -z "$stderr" ]
}

@test "log: -n all shows every event, -n 0 none" {
	for id in 1 2 3; do record $id; done
	run -0 ccm-hook log -n all
	[ "$(ids)" = "3 2 1" ]
	run -0 ccm-hook log -n 0
	[ -z "$output" ]
}

@test "log: newest is by time, not by when the database got it" {
	record 1
	record 2 received_ms=$((EPOCH_MS - 5000))
	run -0 ccm-hook log
	[ "$(ids)" = "1 2" ]
}

@test "log: --reverse shows the same newest events, oldest first" {
	for id in 1 2 3; do record $id; done
	run -0 ccm-hook log -n 2 --reverse
	[ "$(ids)" = "2 3" ]
}

@test "log: a line tells time, event, tool, verdict, duration, session and detail" {
	record 7 verdict=deny took_us=12345 session_id=0123456789 detail='rm -rf build'
	run -0 ccm-hook log
	[[ $output == "  7 Jul 01 10:00:07 PreToolUse         Bash           deny       12ms 01234567 rm -rf build" ]]
}

@test "log: lines are cut at the width of the terminal" {
	record 1 detail="$(printf 'x%.0s' {1..300})" session_id="$(printf 's%.0s' {1..40})"
	for COLUMNS in 60 80 100 140; do
		run -0 ccm-hook log
		[ "${#output}" -eq "$COLUMNS" ]
		[[ $output == *… ]]
	done
}

@test "log: into a pipe, lines are whole unless COLUMNS says otherwise" {
	local text
	text=$(printf 'x%.0s' {1..300})
	record 1 detail="$text"
	run -0 env -u COLUMNS ccm-hook log
	[[ $output == *" $text" ]]
}

@test "log: on a terminal there is a header, and a deny is red" {
	record 1 verdict=deny
	run -0 script -qec 'TERM=xterm ccm-hook log' /dev/null
	[[ ${lines[0]} == *id\ time*event*tool*verdict*took*session*detail* ]]
	[[ ${lines[1]} == *$'\e[31mdeny\e[0m'* ]]
}

@test "log: NO_COLOR and a dumb terminal get no colour" {
	record 1 verdict=deny
	run -0 script -qec 'TERM=xterm NO_COLOR=1 ccm-hook log; TERM=dumb ccm-hook log' /dev/null
	[[ $output == *deny* ]]
	[[ $output != *$'\e'* ]]
}

@test "log: no control byte from an agent reaches the reader" {
	record 1 detail=$'a\e[31mb\rc\a\xc2\x9bd\xe2\x80\xaee\xff' tool=$'B\e]0;x\a' reason=$'r\e[2J' verdict=deny event=$'E\x7f'
	for how in short full; do
		run -0 ccm-hook log -o $how
		[[ $output == *'a\e[31mb\rc\x07<U+009B>d<U+202E>e\xff'* ]]
		[ -z "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -dc '\001-\037\177')" ]
	done
}

@test "log: an event at work shows as running; one that never got its end as such" {
	record 1 verdict=NULL took_us=NULL exit_status=NULL
	record 2 verdict=NULL took_us=NULL exit_status=NULL received_ms="$(date +%s)000"
	run -0 ccm-hook log
	[[ ${lines[0]} == *" running "* ]]
	[[ ${lines[1]} == *" no end "* ]]
	run -0 ccm-hook log --verdict running -o json
	[ "$(jq -c '[.id, .verdict, .took_us, .exit_status]' <<<"${lines[0]}")" = '[2,null,null,null]' ]
	[ "${#lines[@]}" -eq 2 ]
}

@test "log: a mark beside the verdict tells that a run failed, or ccm itself" {
	for id in 1 2 3; do record $id; done
	record_run 1 1 guard problem='exit 3'
	db "UPDATE event SET note = 'the database was locked' WHERE id = 2"
	run -0 ccm-hook log
	[[ ${lines[0]} == *" none  "* && ${lines[1]} == *" none! "* && ${lines[2]} == *" none! "* ]]
	run -0 ccm-hook log --failed
	[ "$(ids)" = "2 1" ]
}

@test "log: --invalid shows the broken ones, with what is wrong with them" {
	record 1
	record 2 valid=0 problem='tool_name is missing' event=NULL
	run -0 ccm-hook log --invalid
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == *" ? "*"invalid: tool_name is missing" ]]
}

@test "log: what happened in a subagent says so" {
	record 1 agent_id=a1 agent_type=Explore detail=ls
	run -0 ccm-hook log
	[[ $output == *"[Explore] ls" ]]
}

@test "log: --since and --until take a time as people write it, both ends included" {
	for id in 1 2 3 4; do record $id; done
	run -0 ccm-hook log --since '2026-07-01 10:00:02' --until 2026-07-01T10:00:03Z
	[ "$(ids)" = "3 2" ]
	run -0 ccm-hook log --since @1782900004
	[ "$(ids)" = "4" ]
	record 5 received_ms="$(date +%s)000"
	run -0 ccm-hook log --since '2 minutes ago'
	[ "$(ids)" = "5" ]
}

@test "log: --event may be repeated and minds no capitals" {
	record 1 event=Stop
	record 2 event=SessionEnd
	record 3
	run -0 --separate-stderr ccm-hook log --event stop --event SessionEnd
	[ "$(ids)" = "2 1" ]
	[ -z "$stderr" ]
}

@test "log: an event name that ccm does not know is looked for all the same, with a warning" {
	record 1 event=BrandNew
	run -0 --separate-stderr ccm-hook log --event BrandNew
	[ "$(ids)" = "1" ]
	[[ $stderr == *"'BrandNew' is no event that this ccm knows"* ]]
}

@test "log: --tool takes names and patterns, and may be repeated" {
	record 1 tool=Bash
	record 2 tool=mcp__files__read
	record 3 tool=Edit
	record 4 tool=NULL
	run -0 ccm-hook log --tool Bash
	[ "$(ids)" = "1" ]
	run -0 ccm-hook log --tool 'mcp__*'
	[ "$(ids)" = "2" ]
	run -0 ccm-hook log --tool Edit -t '*read' -t Bash
	[ "$(ids)" = "3 2 1" ]
}

@test "log: --session takes a whole id, the beginning of one, or 'last'" {
	record 1 session_id=abc-1
	record 2 session_id=abd-2
	record 3 session_id=abc-1
	record 4 session_id=abc-11
	record 5 session_id=abd-2
	run -0 ccm-hook log --session abc-1
	[ "$(ids)" = "3 1" ]
	run -0 ccm-hook log --session abc
	[ "$(ids)" = "4 3 1" ]
	run -0 ccm-hook log --session abd --reverse
	[ "$(ids)" = "2 5" ]
	run -0 ccm-hook log --session last -n 1
	[ "$(ids)" = "5" ]
}

@test "log: a session that is not there is named, and nothing is shown instead" {
	record 1
	run -0 --separate-stderr ccm-hook log --session zzz
	[ -z "$output" ]
	[[ $stderr == *"no session's id begins with 'zzz'"* ]]
	run -64 ccm-hook log --session ''
}

@test "log: --project takes a folder or the last part of its path" {
	mkdir -p "$HOME/project/sub"
	record 1 project=/home/dev/ccm
	record 2 project=/home/dev/notccm
	record 3 project="$HOME/project"
	run -0 ccm-hook log --project ccm
	[ "$(ids)" = "1" ]
	run -0 ccm-hook log --project /home/dev/notccm/
	[ "$(ids)" = "2" ]
	cd sub
	run -0 ccm-hook log --project ..
	[ "$(ids)" = "3" ]
}

@test "log: --verdict may be repeated" {
	record 1 verdict=deny
	record 2 verdict=ask
	record 3
	run -0 ccm-hook log --verdict deny --verdict ask
	[ "$(ids)" = "2 1" ]
}

@test "log: --automation shows the events it ran on, however often it ran" {
	for id in 1 2 3; do record $id; done
	record_run 1 1 guard
	record_run 3 1 guard
	record_run 2 1 other
	run -0 ccm-hook log --automation guard
	[ "$(ids)" = "3 1" ]
	# More runs than are looked up one by one.
	db "WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 2100)
	    INSERT INTO run SELECT 1, i, 'guard', 50, 0, 0, 0, NULL, 0, 'none', NULL, NULL, NULL, NULL, 0, 0 FROM n"
	run -0 ccm-hook log --automation guard
	[ "$(ids)" = "3 1" ]
}

@test "log: --slow counts whole milliseconds" {
	record 1 took_us=9999
	record 2 took_us=10000
	run -0 ccm-hook log --slow 10
	[ "$(ids)" = "2" ]
}

@test "log: --grep looks at the payload, -i without regard to case" {
	record 1
	record_payload 1 '{"command":"rm -rf build"}'
	record 2
	record_payload 2 '{"command":"ls"}'
	record 3
	run -0 ccm-hook log --grep 'rm +-[rf]+'
	[ "$(ids)" = "1" ]
	run -0 ccm-hook log --grep '"LS"'
	[ -z "$output" ]
	run -0 ccm-hook log -i --grep '"LS"'
	[ "$(ids)" = "2" ]
}

@test "log: --grep looks behind a NUL byte" {
	record 1
	db "INSERT INTO payload VALUES (1, 'full', CAST('{' || char(0) || 'needle' AS BLOB))"
	run -0 ccm-hook log --grep needle
	[ "$(ids)" = "1" ]
}

@test "log: what cannot be used is a usage error that names it" {
	record 1
	while read -r option words; do
		run -64 --separate-stderr ccm-hook log "$option"
		[ -z "$output" ]
		[[ $stderr == *"$words"* ]]
	done <<-'END'
		--since=foo 'foo' is not a time
		--until=2026-02-31 '2026-02-31' is not a time
		--verdict=maybe not 'maybe'
		--grep=a( 'a(' is not a regular expression
		--output=xml not 'xml'
		--lines=-1 not '-1'
		--lines=1x not '1x'
		--slow=fast not 'fast'
		stray unexpected 'stray'
	END
}

@test "log: -o json gives one object a line, with its runs" {
	record 1 verdict=deny reason='guard: no' tool_use_id=toolu_1 agent_id=a1 permission_mode=plan stop=1 answer='{}'
	record_run 1 1 guard verdict=deny reason=no took_us=2000
	record_run 1 2 slow exit_status=NULL signal=9 timed_out=1 problem='timed out'
	record 2 valid=0 problem='x' tool=NULL
	run -0 --separate-stderr ccm-hook log -o json
	[ "${#lines[@]}" -eq 2 ]
	[ "$(jq -c '[.id, .valid, .problem, .tool, .runs]' <<<"${lines[0]}")" = '[2,false,"x",null,[]]' ]
	run -0 jq -ce '
		.id == 1 and (.uuid | length) == 36 and .received_ms == 1782900001000 and .event == "PreToolUse"
		and .tool == "Bash" and .tool_use_id == "toolu_1" and .session_id == "aaaaaaaa-1" and .agent_id == "a1"
		and .project == "/home/dev/project" and .cwd == "/home/dev/project" and .valid == true and .verdict == "deny"
		and .took_us == 1500 and .reason == "guard: no" and .stop == true and .permission_mode == "plan" and .answer == "{}"
		and .detail == "detail 1" and .problem == null
		and .runs == [
			{ automation: "guard", stage: 50, verdict: "deny", exit_status: 0, signal: null, timed_out: false,
			  took_us: 2000, reason: "no", problem: null },
			{ automation: "slow", stage: 50, verdict: "none", exit_status: null, signal: 9, timed_out: true,
			  took_us: 1000, reason: null, problem: "timed out" } ]' <<<"${lines[1]}"
}

@test "log: JSON holds an agent's control bytes as escapes only" {
	record 1 detail=$'a\e\xc2\x9b\x7f\xe2\x80\xae"\\\n.'
	run -0 ccm-hook log --json
	[ "$(LC_ALL=C tr -d '\040-\176' <<<"$output" | wc -c)" -eq 1 ]
	[ "$(jq -r .detail <<<"$output")" = $'a\e\xc2\x9b\x7f\xe2\x80\xae"\\\n.' ]
}

@test "log: -o csv quotes as RFC 4180 says" {
	record 1 detail=$'say "hi", then\nbye' tool=NULL
	ccm-hook log -o csv >out
	run -0 python3 - out <<-'END'
		import csv, sys
		text = open(sys.argv[1], newline="").read()
		rows = list(csv.reader(text.splitlines(keepends=True)))
		head, row = rows
		row = dict(zip(head, row))
		print(text.endswith("\r\n"), len(head), row["id"], row["tool"] == "", repr(row["detail"]), row["took_us"])
	END
	[ "$output" = "True 20 1 True 'say \"hi\", then\\nbye' 1500" ]
}

@test "log: -o full tells all that is known of an event, and its runs" {
	record 3 verdict=deny reason=$'guard: first line\nsecond line' agent_type=Explore agent_id=a1 note='spooled'
	record_run 3 1 guard verdict=deny reason='first line' took_us=2500
	record_run 3 2 crash exit_status=NULL signal=11 problem='it crashed'
	run -0 ccm-hook log -o full
	[ "${lines[0]}" = "3 PreToolUse Bash deny" ]
	[[ $output == *"  time        2026-07-01T10:00:03.000+00:00"* ]]
	[[ $output == *"  session     aaaaaaaa-1"* ]]
	[[ $output == *"  agent       Explore a1"* ]]
	[[ $output == *"  reason      guard: first line"$'\n'"              second line"* ]]
	[[ $output == *"  note        spooled"* ]]
	[[ $output == *"  guard       deny in 2.5ms, exit 0: first line"* ]]
	[[ $output == *"  crash       none in 1.0ms, signal 11 (Segmentation fault): it crashed"* ]]
}

@test "log: -f shows the last ten oldest first, then events as they come" {
	for id in 1 2 3 4 5 6 7 8 9 10 11; do record $id; done
	follow -o json
	wait_for out '"id":11,'
	[ "$(jq -s -c 'map(.id)' out)" = '[2,3,4,5,6,7,8,9,10,11]' ]
	record 12
	wait_for out '"id":12,'
	[ "$(wc -l <out)" -eq 11 ]
}

@test "log: real events are told as they happened" {
	automation guard 'Event: PreToolUse' 'Match: Bash' <<<'echo "not that" >&2; exit 2'
	for fixture in SessionStart-startup UserPromptSubmit PreToolUse-Bash PreToolUse-Write PostToolUse-Write Stop; do
		event "$fixture" | ccm-hook run >/dev/null
	done
	run -0 ccm-hook log --reverse -o json
	[ "$(jq -s -c 'map([.event, .tool, .valid, .verdict, (.runs | length)])' <<<"$output")" = "$(jq -c . <<-'END'
		[["SessionStart",null,true,"none",0],["UserPromptSubmit",null,true,"none",0],["PreToolUse","Bash",true,"deny",1],
		 ["PreToolUse","Write",true,"none",0],["PostToolUse","Write",true,"none",0],["Stop",null,true,"none",0]]
	END
	)" ]
	run -0 ccm-hook log --verdict deny
	[[ $output == *" PreToolUse "*" Bash "*" deny "*" ls -1" ]]
	run -0 ccm-hook log --grep '"prompt": *"SCRIPT' -o json
	[ "$(jq -r .event <<<"$output")" = UserPromptSubmit ]
}

@test "log: -f shows an event of the agent at once" {
	local start waited_ms
	ccm-hook init
	follow -o json
	sleep 0.3
	event Stop | ccm-hook run
	start=${EPOCHREALTIME/./}
	wait_for out '"event":"Stop"'
	waited_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	echo "waited $waited_ms ms"
	# 200 is what is promised; a busy machine may be late.
	[ "$waited_ms" -le 1000 ]
}

@test "log: -f shows an event again when it has got its verdict" {
	record 1 verdict=NULL took_us=NULL exit_status=NULL received_ms="$(date +%s)000"
	follow -o json
	wait_for out '"id":1,'
	record 2 verdict=NULL took_us=NULL exit_status=NULL received_ms="$(date +%s)000"
	wait_for out '"id":2,'
	db "UPDATE event SET verdict = 'deny', took_us = 5, exit_status = 0 WHERE id = 2"
	wait_for out '"id":2,.*"verdict":"deny"'
	db "UPDATE event SET verdict = 'none', took_us = 5, exit_status = 0 WHERE id = 1"
	wait_for out '"id":1,.*"verdict":"none"'
	[ "$(jq -s -c 'map([.id, .verdict])' out)" = '[[1,null],[2,null],[2,"deny"],[1,"none"]]' ]
}

@test "log: -f --verdict shows an event once it has that verdict" {
	ccm-hook init
	follow --verdict deny -o json
	record 1 verdict=NULL took_us=NULL exit_status=NULL received_ms="$(date +%s)000"
	record 2 verdict=ask
	sleep 0.3
	db "UPDATE event SET verdict = 'deny', took_us = 5, exit_status = 0 WHERE id = 1"
	wait_for out '"id":1,.*"verdict":"deny"'
	[ "$(wc -l <out)" -eq 1 ]
}

@test "log: -f waits for the first event of all" {
	follow -o json
	wait_for err 'nothing is recorded yet'
	record 1
	wait_for out '"id":1,'
}

@test "log: -f goes on in the new database when the old one was set aside" {
	record 1
	follow -o json
	wait_for out '"id":1,'
	rm "$CCM_HOME/ccm.db"*
	record 2
	wait_for out '"id":2,'
}

@test "log: -f ends cleanly on an interrupt" {
	record 1
	follow
	wait_for out 'detail 1'
	kill -INT "$FOLLOWER"
	wait "$FOLLOWER"
	[ -z "$(<err)" ]
}

@test "log: -f ends when nobody reads any more, even if nothing happens" {
	record 1
	mkfifo pipe
	ccm-hook log -f >pipe 2>err 3>&- &
	FOLLOWER=$!
	head -n 1 <pipe
	wait "$FOLLOWER"
	[ -z "$(<err)" ]
}

@test "log: a reader that goes away early is no failure worth words" {
	for id in 1 2 3; do record $id; done
	ccm-hook log 2>err | head -n 1
	[ -z "$(<err)" ]
}

@test "log: no query reads the whole table" {
	record 1
	for query in LOG_BY_TIME LOG_BY_SESSION LOG_BY_TOOL LOG_BY_AUTOMATION LOG_FOLLOW EVENT_UNFINISHED; do
		run -0 plan "$query"
		[[ $output != *"SCAN e"* ]]
		[[ $output == *"SEARCH e"* ]]
	done
	for query in LOG_BY_TIME LOG_BY_SESSION LOG_BY_TOOL LOG_FOLLOW; do
		run -0 plan "$query"
		[[ $output != *"USE TEMP B-TREE"* ]]
	done
	run -0 plan LOG_BY_TOOL
	[[ $output == *"event_tool (tool=? AND received_ms>? AND received_ms<?)"* ]]
	run -0 plan LOG_BY_SESSION
	[[ $output == *"event_session (session_id=? AND received_ms>? AND received_ms<?)"* ]]
}

@test "log: events that wait in the spool are not passed over in silence" {
	ccm-hook init
	printf '[storage]\nbusy_timeout = 0\n' >"$CCM_HOME/config.ini"
	event Stop >in
	sqlite3 "$CCM_HOME/ccm.db" 'BEGIN IMMEDIATE' '.shell ccm-hook run <in 2>said'
	run -0 --separate-stderr ccm-hook log
	[ -z "$output" ]
	[[ $stderr == "ccm-hook: warning: 1 event waits in the spool since "*" and is not shown: 'ccm-hook tidy' takes them in"* ]]
	ccm-hook tidy
	run -0 --separate-stderr ccm-hook log
	[ "${#lines[@]}" = 1 ]
	[ -z "$stderr" ]
}
