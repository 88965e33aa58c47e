# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load scripts

setup() {
	scripts_sandbox
	touch "$CCM_DATA_DIR/lib-sh/ccm.sh"
	ccm-hook init
	ccm-hook install >/dev/null
	SETTINGS="$CLAUDE_CONFIG_DIR/settings.json"
}

# Usage: findings
# Prints each finding of doctor as TEXT -> REMEDY; fails unless there is one.
findings() {
	run -1 --separate-stderr ccm-hook doctor --json
	[ -z "$stderr" ]
	jq -r 'select(.ok | not) | "\(.text) -> \(.remedy)"' <<<"$output"
}

# Usage: settings JQ-FILTER [FILE]
# Changes the user's settings, or writes FILE made from them.
settings() {
	jq "$1" "$SETTINGS" >"$HOME/new"
	mkdir -p "$(dirname "${2:-$SETTINGS}")"
	mv "$HOME/new" "${2:-$SETTINGS}"
}

@test "doctor: where all is well it says so, with what it looked at, and exits 0" {
	event Stop | ccm-hook run
	run -0 --separate-stderr ccm-hook doctor
	[[ $output == *"ok   registered for 9 of the 33 known events"* ]]
	[[ $output == *"ok   '$CCM_HOME' is yours and private"* ]]
	[[ $output =~ ok\ \ \ 1\ event\ of\ 1\ session\ in\ [0-9]+\ KiB,\ schema\ [0-9]+ ]]
	[[ $output == *"ok   the last event came "*"s ago"* ]]
	[[ $output == *"ok   the spool is empty"* ]]
	[[ $output == *"ok   none is enabled"* ]]
	[[ $output == *"All is well." ]]
	[[ $output != *FIX* ]]
	[ -z "$stderr" ]
}

@test "doctor: a finding stands with its remedy below it, and makes it exit 1" {
	chmod 0755 "$CCM_HOME"
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"FIX  others have access to '$CCM_HOME' (mode 0755)"$'\n'"       -> run: chmod 700 '$CCM_HOME'"* ]]
	[[ $output == *"1 finding." ]]
}

@test "doctor: --json is one object a line, with area, ok, text and remedy" {
	run -0 --separate-stderr ccm-hook doctor --json
	[ "$(jq -s -c 'map(keys) | unique' <<<"$output")" = '[["area","ok","remedy","text"]]' ]
	[ "$(jq -s -c 'map(.area) | unique' <<<"$output")" = '["Alerts","Automations","Home","Program","Registration","Storage"]' ]
}

@test "doctor: alerts that are set up, and no StopFailure, is a finding" {
	printf '[command]\nrun = true\n' >"$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"StopFailure, by which an agent's failure is heard of, is not registered"*"run 'ccm-hook install'"* ]]
	ccm-hook install
	run -0 --separate-stderr ccm-hook doctor
}

@test "doctor: changes nothing" {
	rm -r "$CCM_HOME"
	local before
	before=$(find "$HOME" -printf '%p %T@\n' | sort)
	run -1 ccm-hook doctor
	[ "$(find "$HOME" -printf '%p %T@\n' | sort)" = "$before" ]
}

@test "doctor: not being registered anywhere is a finding" {
	ccm-hook uninstall >/dev/null
	[ "$(findings)" = "no settings file that counts here registers ccm-hook: no event reaches it -> run 'ccm-hook install'" ]
}

@test "doctor: an event that is not registered is named" {
	settings 'del(.hooks.Stop, .hooks.PreCompact)'
	[[ $(findings) == "not registered for: PreCompact, Stop -> run 'ccm-hook install'" ]]
}

@test "doctor: registration in the project's settings counts as well" {
	settings . "$PWD/.claude/settings.local.json"
	ccm-hook uninstall >/dev/null
	run -0 ccm-hook doctor
}

@test "doctor: a settings file that the client ignores is named with line and column" {
	printf '{\n  "hooks": {,\n' >"$SETTINGS"
	[[ $(findings) == *"the client ignores '$SETTINGS' as a whole: line 2, column 13: "* ]]
	mkdir .claude
	echo '{"hooks":{"Stop":[{"hooks":[{"type":"shell"}]}]}}' >.claude/settings.json
	[[ $(findings) == *"the client ignores '$PWD/.claude/settings.json' as a whole: "*"unknown handler type"* ]]
}

@test "doctor: disableAllHooks is a finding" {
	settings '.disableAllHooks = true'
	[[ $(findings) == *"'$SETTINGS' says \"disableAllHooks\": true -> remove that line"* ]]
}

@test "doctor: a registered program that is not there is a finding" {
	settings '(.. | .command? | strings) = "/nowhere/ccm-hook"'
	[[ $(findings) == *"'$SETTINGS' registers '/nowhere/ccm-hook', which is no program that can be run -> run 'ccm-hook install'"* ]]
}

@test "doctor: another ccm-hook than this one is a finding" {
	mkdir bin
	script bin/ccm-hook </dev/null
	settings "(.. | .command? | strings) = \"$PWD/bin/ccm-hook\""
	[[ $(findings) == *"registers '$PWD/bin/ccm-hook', and this is '"* ]]
}

@test "doctor: an entry that a matcher limits is a finding" {
	settings '.hooks.PreToolUse[0].matcher = "Bash"'
	[[ $(findings) == "'$SETTINGS': PreToolUse reaches us for some tools only -> "* ]]
}

@test "doctor: an entry without a timeout is a finding" {
	settings 'del(.hooks.SessionEnd[0].hooks[0].timeout)'
	[[ $(findings) == "'$SETTINGS': SessionEnd has no timeout"*"-> run 'ccm-hook install'" ]]
}

@test "doctor: being called twice for one event is a finding" {
	settings '{hooks: {Stop: [{hooks: [{type: "command", command: "ccm-hook run"}]}]}}' .claude/settings.json
	local found
	found=$(findings)
	[[ $found == *"'$PWD/.claude/settings.json': Stop is registered a second time, as 'ccm-hook run' -> keep one"* ]]
	[[ $found == *"'ccm-hook run' is run through a shell"* ]]
}

@test "doctor: without a home it says how to make one" {
	rm -r "$CCM_HOME"
	local found
	found=$(findings)
	[[ $found == *"'$CCM_HOME': No such file or directory -> run 'ccm-hook init'"* ]]
	[[ $found == *"there is no database yet"* ]]
}

@test "doctor: a database that others can read is a finding" {
	chmod 0644 "$CCM_HOME/ccm.db"
	[[ $(findings) == "others have access to '$CCM_HOME/ccm.db' (mode 0644) -> run: chmod 600 '$CCM_HOME/ccm.db'" ]]
}

@test "doctor: a missing folder and a file in its place are findings" {
	rmdir "$CCM_HOME/spool"
	[[ $(findings) == "'$CCM_HOME/spool': No such file or directory -> run 'ccm-hook init'" ]]
	touch "$CCM_HOME/spool"
	[[ $(findings) == "'$CCM_HOME/spool' is not a directory -> move it away and run 'ccm-hook init'" ]]
}

@test "doctor: a mistake in config.ini is named with its line" {
	printf '[storage]\npayloda = none\n' >"$CCM_HOME/config.ini"
	[[ $(findings) == *"config.ini:2: unknown key 'payloda' in [storage] -> correct the line"* ]]
}

@test "doctor: a line that is no setting is named by its number, comments and empty lines counted" {
	ccm-hook init
	printf '# one\n\n; three\n[storage]\n# five\n\nnonsense\n' >"$CCM_HOME/config.ini"
	[[ $(findings) == *"config.ini:7: neither a [section] nor 'key = value'"* ]]
}

@test "doctor: a file that is no database is a finding" {
	rm -f "$CCM_HOME"/ccm.db-*
	head -c 8192 /dev/urandom >"$CCM_HOME/ccm.db"
	[[ $(findings) == *"'$CCM_HOME/ccm.db'"*"not a database -> nothing: the next event sets it aside"* ]]
}

@test "doctor: a damaged page is found by the integrity check" {
	event PreToolUse-Bash ".tool_input.command = \"$(printf 'x%.0s' {1..20000})\"" | ccm-hook run
	ccm-hook tidy
	db "PRAGMA wal_checkpoint(TRUNCATE)" >/dev/null
	local page
	page=$(db "SELECT rootpage FROM sqlite_schema WHERE name = 'event_received'")
	dd if=/dev/zero of="$CCM_HOME/ccm.db" bs=1 seek=$(((page - 1) * 4096)) count=64 conv=notrunc status=none
	[[ $(findings) == *"the database is damaged: "*" -> save what can be read: sqlite3 '$CCM_HOME/ccm.db' .recover"* ]]
}

@test "doctor: a database from the future is a finding, and left alone" {
	db "PRAGMA user_version = 999"
	[[ $(findings) == *"has schema 999"*" -> install the newer ccm again"* ]]
	[ "$(db "PRAGMA user_version")" = 999 ]
}

@test "doctor: a locked database is a finding, not a wait without end" {
	printf '[storage]\nbusy_timeout = 100ms\n' >"$CCM_HOME/config.ini"
	python3 - "$CCM_HOME/ccm.db" <<-'EOF' &
		import sqlite3, sys, time
		db = sqlite3.connect(sys.argv[1], isolation_level=None)
		db.execute("PRAGMA locking_mode = EXCLUSIVE")
		db.execute("BEGIN EXCLUSIVE")
		open("locked", "w")
		time.sleep(60)
	EOF
	local holder=$!
	eventually test -e locked
	run -1 --separate-stderr ccm-hook doctor --json
	kill "$holder"
	wait "$holder" || true
	[[ $(jq -r 'select(.area == "Storage" and (.ok | not)) | .remedy' <<<"$output") == "find out what holds it"* ]]
}

@test "doctor: a set-aside database stays a finding until someone has looked after it" {
	cp "$CCM_HOME/ccm.db" "$CCM_HOME/ccm.db.damaged-20260701-101112"
	[[ $(findings) == "a damaged database was set aside: '$CCM_HOME/ccm.db.damaged-20260701-101112'"*"then delete it" ]]
}

@test "doctor: hook runs that never finished are a finding" {
	event Stop | ccm-hook run
	db "UPDATE event SET verdict = NULL, received_ms = received_ms - 3600000"
	[[ $(findings) == "1 event of the last 7 days never finished -> 'ccm-hook show 1' tells"* ]]
}

@test "doctor: an event that waits in the spool for long is a finding" {
	event Stop | ccm-hook run
	local uuid
	uuid=$(db "SELECT uuid FROM event")
	# The first twelve digits of a UUID are its time: here one of 2020.
	touch "$CCM_HOME/spool/01702a3b-4c5d-${uuid:14}.event"
	[[ $(findings) == "1 event waits in the spool, the oldest from "*"d ago -> run 'ccm-hook tidy'"* ]]
}

@test "doctor: a spooled file that could not be taken in is a finding" {
	touch "$CCM_HOME/spool/x.bad"
	[[ $(findings) == "1 file in '$CCM_HOME/spool' could not be taken in (*.bad) -> look at them, then delete them" ]]
}

@test "doctor: a broken automation is a finding with file, line and mistake" {
	script "$ENABLED/20-typo" "Evnet: Stop" </dev/null
	[[ $(findings) == "typo does not run: 20-typo:2: unknown key 'Evnet', did you mean 'Event'? -> "* ]]
}

@test "doctor: a broken guard is said to refuse what it guards" {
	script "$ENABLED/20-guard" "Event: PreToolUse" "On-failure: closed" "Timeout: soon" </dev/null
	[[ $(findings) == "guard does not run, and so refuses what it guards: "* ]]
}

@test "doctor: two automations of one name are a finding" {
	script "$ENABLED/20-x" </dev/null
	script "$ENABLED/30-x" </dev/null
	[[ $(findings) == "two enabled automations are named 'x'"*"-> run 'ccm-hook disable 20-x' or 'ccm-hook disable 30-x'" ]]
}

@test "doctor: settings without their automation are a finding" {
	printf 'Match = Bash\n' >"$ENABLED/20-x.ini"
	[[ $(findings) == "'$ENABLED/20-x.ini' belongs to no automation -> "* ]]
}

@test "doctor: an automation that waits for an event that is not registered is a finding, and enable warns of it" {
	script "$OWN/x" "Event: Stop TaskCreated" </dev/null
	run -0 --separate-stderr ccm-hook enable x
	[[ $stderr == *"x waits for TaskCreated, which is not registered: run 'ccm-hook install --events=TaskCreated'"* ]]
	[[ $(findings) == "50-x waits for TaskCreated, which is not registered -> run 'ccm-hook install --events=TaskCreated'" ]]
	ccm-hook install --events=TaskCreated >/dev/null
	run -0 ccm-hook doctor
}

@test "doctor: a missing shell library is a finding" {
	rm "$CCM_DATA_DIR/lib-sh/ccm.sh"
	[[ $(findings) == "the shell library '$CCM_DATA_DIR/lib-sh/ccm.sh' cannot be read: "* ]]
}

@test "doctor: control bytes of a file's name do not reach the terminal" {
	ln -s nowhere "$ENABLED/50-"$'x\033]0;owned\007'
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *'\e]0;owned\x07'* ]]
	[[ $output != *$'\033'* ]]
}
