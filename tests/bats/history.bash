# SPDX-License-Identifier: MIT
# A database with a known past, for the commands that look back: `load history` behind `load helper`.
# shellcheck shell=bash

# The time of event 0: 2026-07-01 10:00:00 UTC. Event N is N seconds later unless it says otherwise.
EPOCH_MS=1782900000000

quoted() {
	[ "$1" = NULL ] && echo NULL && return
	printf "'%s'" "${1//\'/\'\'}"
}

# Usage: record ID [COLUMN=VALUE...]
# A finished event without verdict, in session aaaaaaaa-1 of /home/dev/project, but for what the arguments say
# (NULL: no value). Its session gets a row, too.
record() {
	local id=$1 assignment columns='' values='' time
	shift
	[ -e "$CCM_HOME/ccm.db" ] || ccm-hook init
	local -A row=(
		[id]=$id [received_ms]=$((EPOCH_MS + id * 1000)) [host]=claude-code [event]=PreToolUse [tool]=Bash
		[session_id]=aaaaaaaa-1 [project]=/home/dev/project [cwd]=/home/dev/project [detail]="detail $id" [valid]=1
		[payload_bytes]=2 [verdict]=none [exit_status]=0 [took_us]=1500
	)
	for assignment; do
		row[${assignment%%=*}]=${assignment#*=}
	done
	time=${row[received_ms]}
	row[uuid]=$(printf '%08x-%04x-7000-8000-%012x' $((time >> 16)) $((time & 0xffff)) "$id")
	for assignment in "${!row[@]}"; do
		columns+=",$assignment"
		values+=",$(quoted "${row[$assignment]}")"
	done
	db "INSERT INTO event (${columns#,}) VALUES (${values#,});
	    INSERT OR IGNORE INTO session (session_id, host, project, first_ms)
	    SELECT session_id, host, project, received_ms FROM event WHERE id = $id AND session_id IS NOT NULL;"
}

# Usage: record_run EVENT-ID SEQ AUTOMATION [COLUMN=VALUE...]
record_run() {
	local assignment columns='' values=''
	local -A row=(
		[event_id]=$1 [seq]=$2 [automation]=$3 [stage]=50 [started_ms]=$((EPOCH_MS + $1 * 1000)) [took_us]=1000
		[exit_status]=0 [timed_out]=0 [verdict]=none [stdout_bytes]=0 [stderr_bytes]=0
	)
	shift 3
	for assignment; do
		row[${assignment%%=*}]=${assignment#*=}
	done
	for assignment in "${!row[@]}"; do
		columns+=",$assignment"
		values+=",$(quoted "${row[$assignment]}")"
	done
	db "INSERT INTO run (${columns#,}) VALUES (${values#,})"
}

# Usage: record_payload EVENT-ID TEXT
record_payload() {
	db "INSERT INTO payload VALUES ($1, 'full', CAST($(quoted "$2") AS BLOB))"
}

# Usage: ids
# The first column of the last output of `run`, in one line.
# shellcheck disable=SC2154
ids() {
	awk '{ printf "%s%s", sep, $1; sep = " " }' <<<"$output"
}

# Usage: plan QUERY
# How SQLite goes about a query of schema/queries.sql.
plan() {
	local sql
	sql=$(sed -n "s/^[[:space:]]*X($1, [01], \"[^\"]*\", \"\(.*\)\").*/\1/p" "$CCM_BUILD/schema/sql.inc" | sed 's/\\\(.\)/\1/g')
	db "EXPLAIN QUERY PLAN $sql"
}

# Usage: wait_for FILE PATTERN - for a line that matches.
wait_for() { LOG="$1" eventually grep -q -- "$2" "$1"; }
