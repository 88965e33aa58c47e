# SPDX-License-Identifier: MIT
# Shared by the faults-*.bats files: `load helper`, then `load faults`. `make soak` runs the same files at full size.
# shellcheck shell=bash

# Usage: size SMALL FULL - prints the one that is asked for: FULL in `make soak`.
size() {
	if [ -n "${CCM_SOAK-}" ]; then echo "$2"; else echo "$1"; fi
}

# Usage: storm OPTION... PROGRAM [ARGUMENT...] - see tests/bin/storm.c; leaves ledger, and what was said in storm.err.
storm() {
	"$CCM_BUILD/tests/bin/storm" "$@" >ledger 2>storm.err 3>&-
}

# Usage: acknowledged - how many events of the ledger ended with status 0.
acknowledged() {
	awk '$1 != "left" && $2 == 0' ledger | wc -l
}

# Usage: longest - the longest time of the ledger, in milliseconds.
longest() {
	awk '$1 != "left" && $3 > most { most = $3 } END { print int(most / 1000) }' ledger
}

# Usage: all_there - takes in the spool, then holds the database against the ledger: what was acknowledged is there, what
# is there is there once, and each writer's events are in order.
all_there() {
	local missing doubled unordered
	ccm-hook tidy
	[ -z "$(ls "$CCM_HOME/spool")" ] || { ls -A "$CCM_HOME/spool" >&2; return 1; }
	db "SELECT tool_use_id FROM event WHERE session_id GLOB 'storm-*'" | LC_ALL=C sort >stored
	missing=$(awk '$1 != "left" && $2 == 0 { print $1 }' ledger | LC_ALL=C sort | LC_ALL=C comm -23 - stored)
	doubled=$(uniq -d stored)
	unordered=$(db "WITH events AS (
			SELECT id, received_ms, substr(tool_use_id, 1, instr(tool_use_id, '-')) AS writer,
			  CAST(substr(tool_use_id, instr(tool_use_id, '-') + 1) AS INTEGER) AS number
			FROM event WHERE session_id GLOB 'storm-*')
		SELECT writer || number FROM (SELECT *, lag(number) OVER (PARTITION BY writer ORDER BY received_ms, id) AS before FROM events)
		WHERE number <= before")
	[ -z "$missing$doubled$unordered" ] || {
		printf '%s\n' "missing:" "$missing" "doubled:" "$doubled" "not in order:" "$unordered" >&2
		return 1
	}
	[ "$(db 'PRAGMA integrity_check')" = ok ]
}

# Usage: guard - an automation whose refusal shows that the automations ran.
guard() { automation 50-no 'Event: PreToolUse' <<<'echo "no" >&2; exit 2'; }

# Usage: waiting - how many events wait in the spool, wherever it is.
waiting() {
	find "$CCM_HOME/spool" "$XDG_RUNTIME_DIR" -name '*.event' 2>/dev/null | wc -l
}

# Usage: suffers WORDS [PROGRAM...]
# A tool call arrives, at ccm-hook run or that program. It is refused all the same, stderr holds the words, and the event
# waits in the spool.
suffers() {
	local words="$1" before
	shift
	[ "$#" -gt 0 ] || set -- ccm-hook run
	before=$(waiting)
	event PreToolUse-Bash >in
	run -0 --separate-stderr "$@" <in
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ] || { echo "answered: $output" >&2; return 1; }
	[[ $stderr == *$words* ]] || { printf '%s\n' "said: $stderr" >&2; return 1; }
	[ "$(waiting)" -eq "$((before + 1))" ]
}

# Usage: recovers N - now that the cause is gone, one more event takes in the N that were refused: each is there, once, with
# what became of it, and the spool is empty.
recovers() {
	event Stop >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ] || { printf '%s\n' "said: $stderr" >&2; return 1; }
	[ "$(waiting)" -eq 0 ]
	[ -z "$(ls "$XDG_RUNTIME_DIR")" ]
	run -0 db "SELECT count(*), count(DISTINCT uuid), count(DISTINCT (SELECT event_id FROM run r WHERE r.event_id = e.id)),
		count(DISTINCT (SELECT event_id FROM payload p WHERE p.event_id = e.id))
		FROM event e WHERE event = 'PreToolUse' AND verdict = 'deny' AND reason = 'no: no'"
	[ "$output" = "$1|$1|$1|$1" ] || { printf '%s\n' "there are: $output" >&2; return 1; }
	[ "$(db 'PRAGMA integrity_check')" = ok ]
}
