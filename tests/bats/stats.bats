# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154

load helper
load history

setup() { ccm_sandbox; }

# Usage: stats FILTER [OPTION...]
# What jq finds in `ccm-hook stats --json`.
stats() {
	local filter=$1
	shift
	ccm-hook stats --json "$@" | jq -c "$filter"
}

@test "stats: where nothing was recorded it says so and is no failure" {
	run -0 --separate-stderr ccm-hook stats
	[ -z "$output" ]
	[[ $stderr == *"nothing is recorded yet"* ]]
}

@test "stats: an empty database counts nothing" {
	ccm-hook init
	run -0 --separate-stderr ccm-hook stats
	[ "$output" = "0 events in 0 sessions of 0 projects" ]
	[ "$(stats '[.total.events, .total.median_us, .events, .automations]')" = '[0,null,[],[]]' ]
}

@test "stats: real events are counted by name, tool, verdict, day, session and project" {
	automation guard 'Event: PreToolUse' 'Match: Write' <<<'echo no >&2; exit 2'
	for fixture in PreToolUse-Bash PostToolUse-Bash PreToolUse-Write Stop; do
		event "$fixture" '.session_id = "one"' | CLAUDE_PROJECT_DIR=/srv/p ccm-hook run >/dev/null
	done
	event Stop '.session_id = "two"' | CLAUDE_PROJECT_DIR=/srv/q ccm-hook run >/dev/null
	[ "$(stats '.total | [.events, .sessions, .projects, .invalid, .unfinished]')" = '[5,2,2,0,0]' ]
	[ "$(stats '.events | map([.event, .events])')" = '[["PreToolUse",2],["Stop",2],["PostToolUse",1]]' ]
	[ "$(stats '.tools | map([.tool, .events])')" = '[["Bash",2],["Write",1]]' ]
	[ "$(stats '.verdicts | map([.verdict, .events])')" = '[["none",4],["deny",1]]' ]
	[ "$(stats '.days | map(.events)')" = '[5]' ]
	[ "$(stats '.sessions | map([.session_id, .project, .events])')" = '[["two","/srv/q",1],["one","/srv/p",4]]' ]
	[ "$(stats '.projects | map([.project, .events])')" = '[["/srv/p",4],["/srv/q",1]]' ]
	[ "$(stats '.automations | map([.automation, .runs, .failures, .verdicts.deny, .verdicts.none])')" = '[["guard",1,0,1,0]]' ]
}

@test "stats: median and p99 are values that were measured" {
	record 1
	# Runs that took 1 to 200 us, in no order.
	db "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
	    INSERT INTO run SELECT 1, i, 'guard', 50, 0, 1 + i * 37 % 200, 0, NULL, 0, 'none', NULL, NULL, NULL, NULL, 0, 0 FROM n"
	record_run 1 201 once took_us=7 problem='failed with exit status 1' timed_out=1
	record_run 1 202 twice took_us=10
	record_run 1 203 twice took_us=20
	[ "$(stats '.automations | map([.automation, .runs, .failures, .timeouts, .median_us, .p99_us, .max_us])')" = \
		'[["guard",200,0,0,100,198,200],["twice",2,0,0,10,20,20],["once",1,1,1,7,7,7]]' ]
}

@test "stats: our own time is counted, unfinished events apart" {
	record 1 took_us=1000
	record 2 took_us=3000
	record 3 took_us=2000
	record 4 took_us=NULL verdict=NULL exit_status=NULL
	[ "$(stats '.total | [.median_us, .p99_us, .max_us, .unfinished]')" = '[2000,3000,3000,1]' ]
	run -0 ccm-hook stats
	[ "${lines[1]}" = "we took 2.0ms (median), 3.0ms (99 of 100), 3.0ms (longest)" ]
	[ "${lines[2]}" = "1 without an end" ]
}

@test "stats: tables have bars to scale" {
	for id in 1 2 3 4; do record $id tool=Bash; done
	record 5 tool=Edit
	run -0 env COLUMNS=40 ccm-hook stats
	[ "${lines[0]}" = "5 events in 1 session of 1 project, 2026-07-01 10:00:01 to 2026-07-01 10:00:05" ]
	[[ $output == *$'\n''tool  events'$'\n''Bash       4  80%  ████'* ]]
	bash_bar=$(grep '^Bash ' <<<"$output") && bash_bar=${bash_bar##* }
	edit_bar=$(grep '^Edit ' <<<"$output") && edit_bar=${edit_bar##* }
	[ "${#bash_bar}" -eq "$((40 - 19))" ]
	[ "${#edit_bar}" -eq 6 ]
	while IFS= read -r line; do [ "${#line}" -le 40 ]; done < <(tail -n +4 <<<"$output")
}

@test "stats: a table shows ten rows, -n more, and says what is left out" {
	for id in {1..12}; do record "$id" tool="T$id"; done
	run -0 ccm-hook stats
	[[ $output == *$'\n''and 2 more (2)'* ]]
	run -0 ccm-hook stats -n all
	[[ $output == *"T9 "* && $output != *"more ("* ]]
	[ "$(stats '.tools | length')" = 12 ]
	[ "$(stats '.tools | length' -n 3)" = 3 ]
	run -64 --separate-stderr ccm-hook stats -n x
	[[ $stderr == *"not 'x'"* ]]
}

@test "stats: only what --since, --until, --session and --project leave is counted" {
	record 1 session_id=s1 project=/srv/a
	record 2 session_id=s1 project=/srv/a
	record 3 session_id=s2 project=/srv/b
	record_run 1 1 guard
	record_run 3 1 guard
	[ "$(stats .total.events --since @1782900002)" = 2 ]
	[ "$(stats .total.events --until '2026-07-01 10:00:01')" = 1 ]
	[ "$(stats '[.total.events, .automations[0].runs]' --session s1)" = '[2,1]' ]
	[ "$(stats .total.events --session s)" = 3 ]
	[ "$(stats '[.total.events, .automations[0].runs]' --project b)" = '[1,1]' ]
	run -64 ccm-hook stats --since never
}

@test "stats: days are those of the reader's clock" {
	record 1 received_ms="$(date -d '2026-07-01 23:30:00 UTC' +%s)000"
	[ "$(TZ=UTC stats '.days[0].day')" = '"2026-07-01"' ]
	[ "$(TZ=UTC-2 stats '.days[0].day')" = '"2026-07-02"' ]
}

@test "stats: names that an agent made up cannot drive the terminal" {
	record 1 tool=$'mcp\e]0;x\a' event=$'E\xc2\x9b' session_id=$'s\e[2J' project=$'/p\e[2J'
	record_run 1 1 $'a\e[2J'
	run -0 ccm-hook stats
	[[ $output == *'mcp\e]0;x\x07'* ]]
	[ -z "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -dc '\001-\037\177')" ]
	run -0 ccm-hook stats --json
	[ -z "$(tr -d '\n' <<<"$output" | LC_ALL=C tr -dc '\001-\037\177')" ]
}

@test "stats: the table of events is read through an index, once for each question" {
	record 1
	for query in STATS_TOTAL STATS_TOOK STATS_AUTOMATIONS STATS_PARTS; do
		run -0 plan "$query"
		[ "$(grep -c 'SEARCH e USING INDEX event_received (received_ms>? AND received_ms<?)' <<<"$output")" -eq 1 ]
		[[ $output != *"SCAN e"* ]]
	done
}

@test "stats: sessions stand below each other, however short their names are" {
	record 1 session_id=a project=/srv/p
	record 2 session_id=0123456789 project=/srv/q
	record 3 session_id='日本' project=/srv/r
	run -0 ccm-hook stats
	[[ $output == *$'\na        p  '* ]]
	[[ $output == *$'\n01234567 q  '* ]]
	[[ $output == *$'\n日本     r  '* ]]
}
