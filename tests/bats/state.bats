# SPDX-License-Identifier: MIT
# ccm-hook state: what automations remember between their runs.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	export CCM_AUTOMATION=counter CCM_SESSION_ID=s1
}

@test "state: what was set is got" {
	ccm-hook state set colour blue
	run -0 --separate-stderr ccm-hook state get colour
	[ "$output" = blue ]
	[ -z "$stderr" ]
}

@test "state: a missing key prints nothing and exits 1" {
	run -1 --separate-stderr ccm-hook state get colour
	[ -z "$output" ]
	[ -z "$stderr" ]
}

@test "state: --default stands for a missing key only" {
	run -0 ccm-hook state get --default=red colour
	[ "$output" = red ]
	ccm-hook state set colour ""
	run -0 ccm-hook state get --default=red colour
	[ "$output" = "" ]
}

@test "state: a value on stdin is kept byte for byte" {
	printf 'two\nlines "quoted" \\ é \001\n\n' | ccm-hook state set text
	run -0 bash -c 'ccm-hook state get text | head -c -1 | cmp - <(printf "two\nlines \"quoted\" \\\\ é \001\n\n")'
}

@test "state: a value over 1 MiB is refused and the old one stays" {
	ccm-hook state set text old
	run -1 --separate-stderr ccm-hook state set text < <(head -c 1048577 /dev/zero | tr '\0' x)
	[ "$stderr" = "ccm-hook: state: the value of 'text' is longer than 1 MiB" ]
	[ "$(ccm-hook state get text)" = old ]
}

@test "state: incr counts from nothing, by one or by a given number" {
	[ "$(ccm-hook state incr n)" = 1 ]
	[ "$(ccm-hook state incr n 41)" = 42 ]
	[ "$(ccm-hook state incr n -2)" = 40 ]
}

@test "state: incr of what is no whole number is refused and changes nothing" {
	ccm-hook state set n 1.5
	run -1 --separate-stderr ccm-hook state incr n
	[ -z "$output" ]
	[ "$stderr" = "ccm-hook: state: 'n' holds no whole number that 1 can be added to" ]
	[ "$(ccm-hook state get n)" = 1.5 ]
}

@test "state: incr never wraps around" {
	ccm-hook state set n 9223372036854775807
	run -1 --separate-stderr ccm-hook state incr n
	[ "$(ccm-hook state get n)" = 9223372036854775807 ]
}

@test "state: incr by what is no number is a usage error" {
	run -64 --separate-stderr ccm-hook state incr n lots
	[[ $stderr == *"incr takes a whole number, not 'lots'"* ]]
}

# Native: under valgrind each holds the lock for so long that the last of twenty waits in vain.
# bats test_tags=native
@test "state: parallel hooks lose no count" {
	local i pids=()
	for i in {1..20}; do
		ccm-hook state incr n >"$BATS_TEST_TMPDIR/$i" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do wait "$i"; done
	[ "$(ccm-hook state get n)" = 20 ]
	[ "$(cat "$BATS_TEST_TMPDIR"/{1..20} | sort -nu | wc -l)" = 20 ]
}

@test "state: a deleted key is gone, and deleting it again is no failure" {
	ccm-hook state set colour blue
	ccm-hook state del colour
	run -1 ccm-hook state get colour
	run -0 ccm-hook state del colour
}

@test "state: automations do not see each other's keys" {
	ccm-hook state set colour blue
	run -1 ccm-hook state get --automation=other colour
}

@test "state: a session's state is its own" {
	ccm-hook state set --session colour blue
	run -1 ccm-hook state get colour
	run -1 ccm-hook state get --session=s2 colour
	[ "$(ccm-hook state get --session=s1 colour)" = blue ]
}

@test "state: --session without a session is a usage error, never the state of all" {
	unset CCM_SESSION_ID
	run -64 --separate-stderr ccm-hook state set --session colour blue
	[[ $stderr == *"CCM_SESSION_ID is not set: give --session=ID"* ]]
}

@test "state: without an automation it is a usage error" {
	unset CCM_AUTOMATION
	run -64 --separate-stderr ccm-hook state get colour
	[[ $stderr == *"CCM_AUTOMATION is not set: give --automation=NAME"* ]]
}

@test "state: list shows each key, with control bytes as escapes" {
	ccm-hook state set --automation=b k $'\e[31mred\nline'
	ccm-hook state set --session k v
	unset CCM_AUTOMATION
	run -0 ccm-hook state list
	[[ ${lines[0]} == "b "*" - "*" k "*'\e[31mred\nline' ]]
	[[ ${lines[1]} == "counter "*" s1 "*" k "*" v" ]]
}

@test "state: list of an automation shows only its keys" {
	ccm-hook state set --automation=other k v
	ccm-hook state set mine 1
	run -0 ccm-hook state list
	[ "${#lines[@]}" = 1 ]
	[[ $output == *mine* ]]
}

@test "state: list --json is one object a line" {
	ccm-hook state set --session k $'a"b\nc'
	run -0 ccm-hook state list --json
	[ "$(jq -r '.automation, .session_id, .key, .value' <<<"$output")" = $'counter\ns1\nk\na"b\nc' ]
}

@test "state: list --json sends no control bytes to a terminal" {
	ccm-hook state set k $'\x7f\xc2\x9b31m\e'
	run -0 ccm-hook state list --json
	[[ $output != *[$'\x7f\e']* ]]
	[[ $output != *$'\xc2\x9b'* ]]
	[ "$(jq -r .value <<<"$output")" = $'\x7f\xc2\x9b31m\e' ]
}

@test "state: an unknown verb is a usage error" {
	run -64 --separate-stderr ccm-hook state put k v
	[[ $stderr == *"the first word is get, set, incr, del or list"* ]]
}

@test "state: words too many or too few are usage errors" {
	run -64 --separate-stderr ccm-hook state get
	[[ $stderr == *"which key?"* ]]
	run -64 --separate-stderr ccm-hook state get a b
	[[ $stderr == *"too many words"* ]]
}

@test "state: a locked database is said, after the busy timeout" {
	ccm-hook state set k v
	printf '[storage]\nbusy_timeout = 50ms\n' >"$CCM_HOME/config.ini"
	run --separate-stderr sqlite3 "$CCM_HOME/state.db" "BEGIN EXCLUSIVE" ".shell ccm-hook state set k w"
	[[ $stderr == *"ccm-hook: state: database is locked by another process"*"returns 256"* ]]
	[ "$(ccm-hook state get k)" = v ]
}

@test "state: a damaged database is said and left alone" {
	mkdir -p "$CCM_HOME"
	printf 'this is no database, whatever its name says' >"$CCM_HOME/ccm.db"
	run -1 --separate-stderr ccm-hook state get k
	[ -z "$output" ]
	[[ $stderr == *"cannot use '$CCM_HOME/ccm.db': file is not a database"* ]]
	[ "$(cat "$CCM_HOME/ccm.db")" = "this is no database, whatever its name says" ]
}
