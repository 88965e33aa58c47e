# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load scripts

setup() { scripts_sandbox; }

@test "disable: removes the link and leaves the script" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard --order 10
	run -0 --separate-stderr ccm-hook disable guard
	[ "$output" = "disabled guard" ]
	[ -z "$stderr$(ls "$ENABLED")" ]
	[ -x "$STOCK/guard" ]
}

@test "disable: what is disabled runs no more" {
	script "$STOCK/guard" <<<'exit 2'
	ccm-hook enable guard
	ccm-hook disable guard
	run -0 --separate-stderr ccm-hook run <<<"$(event PreToolUse-Bash)"
	[ -z "$output" ]
}

@test "disable: a script in enabled/ itself is moved to available/, its settings along, and never deleted" {
	script "$ENABLED/50-mine" </dev/null
	printf 'Match = Bash\n' >"$ENABLED/50-mine.ini"
	run -0 --separate-stderr ccm-hook disable mine
	[[ $output == *"it was a file, not a link, and is kept as $OWN/mine"* ]]
	[[ $output == *"its settings are kept as $OWN/mine.ini"* ]]
	[ -z "$(ls "$ENABLED")" ]
	[ "$(cat "$OWN/mine.ini")" = "Match = Bash" ]
	ccm-hook enable mine
	[ "$(listed mine .match)" = Bash ]
}

@test "disable: a script that would be moved over another one stays" {
	script "$ENABLED/50-mine" </dev/null
	script "$OWN/mine" "Summary: other" </dev/null
	run -1 --separate-stderr ccm-hook disable mine
	[[ $stderr == *"would be moved to '$OWN/mine', but that exists"* ]]
	[ -e "$ENABLED/50-mine" ]
	grep -q other "$OWN/mine"
}

@test "disable: settings are kept, and hold again when it is enabled again" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard --match Bash
	run -0 --separate-stderr ccm-hook disable guard
	[[ $output == *"its settings are kept as $OWN/guard.ini"* ]]
	run -0 --separate-stderr ccm-hook enable guard
	[[ $output == *"with the settings that were kept when it was disabled: $ENABLED/50-guard.ini"* ]]
	[ "$(listed guard .match)" = Bash ]
	[ ! -e "$OWN/guard.ini" ]
}

@test "disable: settings that lie beside a script of one's own are not overwritten" {
	script "$OWN/mine" </dev/null
	printf '; written by hand\nTimeout = 1s\n' >"$OWN/mine.ini"
	ccm-hook enable mine --match Bash
	run -0 --separate-stderr ccm-hook disable mine
	[[ $output == *"its settings are kept as $OWN/mine.ini~"* ]]
	[ "$(cat "$OWN/mine.ini")" = $'; written by hand\nTimeout = 1s' ]
}

@test "disable: a link to nothing is removed" {
	ln -s "$HOME/gone" "$ENABLED/50-gone"
	run -0 --separate-stderr ccm-hook disable gone
	[ -z "$(ls "$ENABLED")" ]
}

@test "disable: of several with one name it takes none until the number is given" {
	script "$ENABLED/10-mine" </dev/null
	ln -s "$ENABLED/10-mine" "$ENABLED/20-mine"
	run -1 --separate-stderr ccm-hook disable mine
	[[ $stderr == *"2 enabled automations are named 'mine': give the whole name of one of them (NN-mine)"* ]]
	run -0 --separate-stderr ccm-hook disable 20-mine
	[ "$(ls "$ENABLED")" = 10-mine ]
}

@test "disable: a name that is not enabled is a failure that says so" {
	run -1 --separate-stderr ccm-hook disable nothing
	[ -z "$output" ]
	[[ $stderr == *"no enabled automation is named 'nothing' (see 'ccm-hook list')"* ]]
}

@test "disable: a path out of enabled/ is no name" {
	script "$HOME/victim" </dev/null
	run -1 --separate-stderr ccm-hook disable ../../../victim
	[ -e "$HOME/victim" ]
}
