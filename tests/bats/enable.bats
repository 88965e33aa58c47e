# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load scripts

setup() { scripts_sandbox; }

@test "enable: a stock automation is linked into enabled/ at 50" {
	script "$STOCK/guard" "Event: PreToolUse" "Match: Bash" </dev/null
	run -0 --separate-stderr ccm-hook enable guard
	[ "$output" = "enabled guard (order 50), at PreToolUse for Bash" ]
	[ -z "$stderr" ]
	[ "$(readlink "$ENABLED/50-guard")" = "$STOCK/guard" ]
}

@test "enable: what is enabled runs at the next event" {
	script "$STOCK/guard" "Event: PreToolUse" <<<'echo "no shells" >&2; exit 2'
	ccm-hook enable guard
	run -0 --separate-stderr ccm-hook run <<<"$(event PreToolUse-Bash)"
	[[ $output == *'"deny"'*"no shells"* ]]
}

@test "enable: makes ~/.ccm where there is none" {
	rm -r "$CCM_HOME"
	script "$STOCK/guard" </dev/null
	run -0 ccm-hook enable guard
	[ "$(stat -c %a "$CCM_HOME")" = 700 ]
}

@test "enable: one's own automation is taken before a stock one of the same name" {
	script "$STOCK/guard" </dev/null
	script "$OWN/guard" </dev/null
	run -0 ccm-hook enable guard
	[ "$(readlink "$ENABLED/50-guard")" = "$OWN/guard" ]
}

@test "enable: a path enables any file, from any directory" {
	script ./mine.sh </dev/null
	run -0 --separate-stderr ccm-hook enable ./mine.sh
	[ "$(readlink "$ENABLED/50-mine.sh")" = "$HOME/project/mine.sh" ]
}

@test "enable: the number in a file's name is its order" {
	script ./07-mine </dev/null
	run -0 --separate-stderr ccm-hook enable ./07-mine
	[ "$output" = "enabled mine (order 07), at all events" ]
	[ -L "$ENABLED/07-mine" ]
}

@test "enable: twice is once" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard
	run -0 --separate-stderr ccm-hook enable guard
	[ "$output" = "enabled already: guard (order 50), at all events" ]
	[ "$(ls "$ENABLED")" = 50-guard ]
}

@test "enable: twice without a number keeps the number it has" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard --order 10
	run -0 ccm-hook enable "$STOCK/guard"
	[ "$(ls "$ENABLED")" = 10-guard ]
}

@test "enable: --order moves it, and its settings with it" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard --match Bash
	run -0 --separate-stderr ccm-hook enable guard --order 3
	[ "$(ls "$ENABLED")" = $'03-guard\n03-guard.ini' ]
	[ "$(listed guard .match)" = Bash ]
}

@test "enable: --order takes 0 to 99" {
	script "$STOCK/guard" </dev/null
	run -64 --separate-stderr ccm-hook enable guard --order 100
	[[ $stderr == *"--order takes a whole number from 0 to 99, not '100'"* ]]
	[ -z "$(ls "$ENABLED")" ]
}

@test "enable: what is given goes to NAME.ini, and nothing else does" {
	script "$STOCK/guard" "Timeout: 9s" </dev/null
	run -0 ccm-hook enable guard --event PreToolUse --event Stop,SessionStart --match 'Bash|^mcp__.*' --timeout 3s
	[ "$(cat "$ENABLED/50-guard.ini")" = $'Event = PreToolUse Stop,SessionStart\nMatch = Bash|^mcp__.*\nTimeout = 3s' ]
	[ "$(listed guard '[.event, .match, .timeout_ms]')" = '[["PreToolUse","Stop","SessionStart"],"Bash|^mcp__.*",3000]' ]
}

@test "enable: --on-failure closed refuses the tool call when it fails" {
	script ./mine <<<'exit 7'
	ccm-hook enable ./mine --event PreToolUse --on-failure closed
	run -0 --separate-stderr ccm-hook run <<<"$(event PreToolUse-Bash)"
	[[ $output == *'"deny"'* ]]
}

@test "enable: without options it writes no settings" {
	script "$STOCK/guard" </dev/null
	run -0 ccm-hook enable guard
	[ ! -e "$ENABLED/50-guard.ini" ]
}

@test "enable: new options change their lines and leave the others and the comments" {
	script "$STOCK/guard" </dev/null
	ccm-hook enable guard --match Bash
	printf '; mine\nmatch=Edit\nTimeout = 4s\n' >"$ENABLED/50-guard.ini"
	run -0 ccm-hook enable guard --match Write --event Stop
	[ "$(cat "$ENABLED/50-guard.ini")" = $'; mine\nMatch = Write\nTimeout = 4s\nEvent = Stop' ]
}

@test "enable: options are added to the settings that lie beside the script" {
	script ./mine </dev/null
	printf 'On-failure = closed\n' >mine.ini
	run -0 ccm-hook enable ./mine --match Bash
	[ "$(listed mine '[.on_failure, .match]')" = '["closed","Bash"]' ]
	[ "$(cat mine.ini)" = "On-failure = closed" ]
}

@test "enable: a mistyped event is named with the right word, and nothing is enabled" {
	script "$STOCK/guard" </dev/null
	run -64 --separate-stderr ccm-hook enable guard --event PreToolUes
	[[ $stderr == *"unknown event 'PreToolUes', did you mean 'PreToolUse'?"* ]]
	[ -z "$(ls "$ENABLED")" ]
}

@test "enable: a pattern that can never match is refused" {
	script "$STOCK/guard" </dev/null
	run -64 --separate-stderr ccm-hook enable guard --match '('
	[[ $stderr == *"'(' is not a usable regular expression: a ( is not closed"* ]]
	run -64 --separate-stderr ccm-hook enable guard --match mcp__memory
	[[ $stderr == *"for all tools of that server write 'mcp__memory__.*'"* ]]
}

@test "enable: a time that is none is refused" {
	script "$STOCK/guard" </dev/null
	run -64 --separate-stderr ccm-hook enable guard --timeout soon
	[[ $stderr == *"'Timeout' must be a duration such as 250ms, 2s or 1m, not 'soon'"* ]]
}

@test "enable: a value that an ini file would change is refused" {
	script "$STOCK/guard" </dev/null
	run -1 --separate-stderr ccm-hook enable guard --match '^a ;b$'
	[[ $stderr == *"'^a ;b$' cannot stand in an ini file; write it into the header of the script"* ]]
	[ -z "$(ls "$ENABLED")" ]
	run -64 --separate-stderr ccm-hook enable guard --match $'a\nTimeout = 1s'
	[[ $stderr == *"'Match' must be one line"* ]]
}

@test "enable: a broken header is refused with file, line and mistake" {
	script "$STOCK/guard" "Evnet: Stop" </dev/null
	run -1 --separate-stderr ccm-hook enable guard
	[[ $stderr == *"guard:2: unknown key 'Evnet', did you mean 'Event'?"* ]]
	[ -z "$(ls "$ENABLED")" ]
}

@test "enable: a file that is not executable is refused with the chmod that helps" {
	echo 'echo hi' >mine
	run -1 --separate-stderr ccm-hook enable ./mine
	[[ $stderr == *"'$HOME/project/mine' is not executable: run chmod +x '$HOME/project/mine'"* ]]
}

@test "enable: a file that others can write is refused with the chmod that helps" {
	script ./mine </dev/null
	chmod 0775 mine
	run -1 --separate-stderr ccm-hook enable ./mine
	[[ $stderr == *"can be written by others: run chmod go-w '$HOME/project/mine'"* ]]
	[ -z "$(ls "$ENABLED")" ]
}

@test "enable: a directory is refused" {
	mkdir mine
	run -1 --separate-stderr ccm-hook enable ./mine
	[[ $stderr == *"'$HOME/project/mine' is not a regular file"* ]]
}

@test "enable: an unknown name is told where to look" {
	run -1 --separate-stderr ccm-hook enable nothing
	[[ $stderr == *"no automation is named 'nothing' (see 'ccm-hook list', or give the path of a file)"* ]]
	touch here
	run -1 --separate-stderr ccm-hook enable here
	[[ $stderr == *"for the file in this directory write './here'"* ]]
	run -1 --separate-stderr ccm-hook enable ./nothing
	[[ $stderr == *"cannot find './nothing': No such file or directory"* ]]
}

@test "enable: another file of the same name is refused until the first is disabled" {
	script "$STOCK/guard" </dev/null
	script ./guard </dev/null
	ccm-hook enable guard
	run -1 --separate-stderr ccm-hook enable ./guard
	[[ $stderr == *"another automation named 'guard' is enabled: run 'ccm-hook disable guard' first"* ]]
	[ "$(readlink "$ENABLED/50-guard")" = "$STOCK/guard" ]
}

@test "enable: a name never silently changes what it leads to" {
	script ./guard </dev/null
	ccm-hook enable ./guard
	script "$STOCK/guard" </dev/null
	run -1 --separate-stderr ccm-hook enable guard
	[[ $stderr == *"'guard' is enabled from another file than '$STOCK/guard': run 'ccm-hook disable guard' first"* ]]
}

@test "enable: names that could hide a file or break a list are refused" {
	local name
	for name in .hidden x.ini x~ $'a\nb' $'a\033b'; do
		script "./$name" </dev/null
		run -1 --separate-stderr ccm-hook enable "./$name"
		[[ $stderr == *"cannot be the name of an automation"* ]]
	done
	[ -z "$(ls "$ENABLED")" ]
}

@test "enable: changes the settings of a file that lies in enabled/ itself" {
	script "$ENABLED/50-mine" </dev/null
	run -0 ccm-hook enable mine --order 60 --match Edit
	[ "$(ls "$ENABLED")" = $'60-mine\n60-mine.ini' ]
	[ ! -L "$ENABLED/60-mine" ]
}

@test "enable: a CCM_HOME that cannot be written is said" {
	script "$STOCK/guard" </dev/null
	rm -r "$CCM_HOME"
	echo file >"$CCM_HOME"
	run -1 --separate-stderr ccm-hook enable guard
	[[ $stderr == *"$CCM_HOME"* ]]
}

@test "enable: what is wrong with config.ini is said" {
	script "$STOCK/guard" </dev/null
	printf '[automations]\ntimeuot = 7s\n' >"$CCM_HOME/config.ini"
	run -0 --separate-stderr ccm-hook enable guard
	[[ $stderr == *"config.ini:2: unknown key 'timeuot'"* ]]
}

@test "enable: without a name it is a usage error" {
	run -64 --separate-stderr ccm-hook enable
	[[ $stderr == *"needs NAME|PATH"* ]]
}

@test "enable: settings beside the script that others can write are refused" {
	script ./mine </dev/null
	printf 'On-failure = open\n' >mine.ini
	chmod 0666 mine.ini
	run -1 --separate-stderr ccm-hook enable ./mine
	[[ $stderr == *"'$HOME/project/mine.ini' can be written by others: run chmod go-w '$HOME/project/mine.ini'"* ]]
}

@test "enable: settings that were left in enabled/ are not lost, and said to hold" {
	script "$STOCK/guard" </dev/null
	printf 'Timeout = 3s\n' >"$ENABLED/50-guard.ini"
	run -0 --separate-stderr ccm-hook enable guard --match Bash
	[[ $output == *"with the settings that were there already: $ENABLED/50-guard.ini"* ]]
	[ "$(listed guard '[.timeout_ms, .match]')" = '[3000,"Bash"]' ]
}
