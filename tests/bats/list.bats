# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load scripts

setup() { scripts_sandbox; }

@test "list: with nothing there it says so and is no failure" {
	run -0 --separate-stderr ccm-hook list
	[ "$output" = "No automation is enabled." ]
	[ -z "$stderr" ]
}

@test "list: makes no ~/.ccm" {
	rm -r "$CCM_HOME"
	run -0 --separate-stderr ccm-hook list
	[ ! -e "$CCM_HOME" ]
}

@test "list: shows the enabled ones in the order in which they run" {
	script "$ENABLED/late" </dev/null
	script "$ENABLED/70-last" </dev/null
	script "$ENABLED/05-first" </dev/null
	run -0 --separate-stderr ccm-hook list
	[[ $output == *"05  first"*$'\n'"50  late"*$'\n'"70  last"* ]]
}

@test "list: shows what the header says of each" {
	script "$ENABLED/10-guard" "Summary: no pushes" "Event: PreToolUse" "Match: Bash" "Timeout: 2s" \
		"On-failure: closed" </dev/null
	run -0 --separate-stderr ccm-hook list
	[[ $output =~ 10\ +guard\ +PreToolUse\ +Bash\ +2s\ +closed\ +no\ pushes ]]
}

@test "list: shows the configured timeout where a header sets none" {
	printf '[automations]\ntimeout = 7s\n' >"$CCM_HOME/config.ini"
	script "$ENABLED/plain" </dev/null
	[ "$(listed plain .timeout_ms)" = 7000 ]
}

@test "list: a broken one stands there with its file, line and mistake" {
	script "$ENABLED/20-typo" "Summary: x" "Evnet: Stop" </dev/null
	run -0 --separate-stderr ccm-hook list
	[[ $output =~ 20\ +typo\ +BROKEN:\ 20-typo:3:\ unknown\ key\ \'Evnet\',\ did\ you\ mean\ \'Event\'\? ]]
}

@test "list: a link to nothing is broken, and told how to be rid of" {
	ln -s "$HOME/gone" "$ENABLED/50-gone"
	run -0 --separate-stderr ccm-hook list
	[[ $output == *"BROKEN: "*"is a link to nothing: run ccm-hook disable gone"* ]]
}

@test "list: NAME.ini beside a script wins over its header" {
	script "$ENABLED/50-x" "Event: Stop" "Timeout: 1s" </dev/null
	printf 'Event = PreToolUse\n' >"$ENABLED/50-x.ini"
	[ "$(listed x '[.event[], .timeout_ms]')" = '["PreToolUse",1000]' ]
}

@test "list: then come the ones that are not enabled, one's own before the stock ones" {
	script "$STOCK/inject" "Summary: adds context" </dev/null
	script "$STOCK/guard" </dev/null
	script "$OWN/zeal" </dev/null
	ln -s "$STOCK/guard" "$ENABLED/50-guard"
	run -0 --separate-stderr ccm-hook list
	[[ $output =~ guard.*Not\ enabled.*own\ +zeal.*stock\ +inject.*adds\ context ]]
	[ "$(listed guard .enabled)" = true ]
	[ "$(listed inject '[.enabled, .origin]')" = '[false,"stock"]' ]
}

@test "list: one's own automation hides a stock one of the same name" {
	script "$STOCK/guard" </dev/null
	script "$OWN/guard" </dev/null
	[ "$(listed guard .origin)" = own ]
}

@test "list: files that are no automations are not listed" {
	echo text >"$STOCK/Makefile.inc"
	script "$ENABLED/50-x" </dev/null
	touch "$ENABLED/50-x~" "$ENABLED/.hidden" "$ENABLED/50-x.ini"
	run -0 --separate-stderr ccm-hook list --names all
	[ "$output" = x ]
}

@test "list: --names prints what can be enabled, disabled, or both" {
	script "$ENABLED/50-on" </dev/null
	script "$OWN/off" </dev/null
	run -0 ccm-hook list --names enabled
	[ "$output" = on ]
	run -0 ccm-hook list --names available
	[ "$output" = off ]
	run -0 ccm-hook list --names all
	[ "$output" = $'on\noff' ]
}

@test "list: --json is one object a line with all there is to know" {
	script "$ENABLED/10-guard" "Summary: say \"no\"" "Event: PreToolUse PostToolUse" "Match: Bash" "Timeout: 2s" \
		"On-failure: closed" "Effects: none" </dev/null
	run -0 --separate-stderr ccm-hook list --json
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -S -c . <<<"$output")" = "$(jq -S -c . <<EOT
{"name":"guard","enabled":true,"origin":"own","path":"$ENABLED/10-guard","file":"$ENABLED/10-guard","stage":10,
"summary":"say \"no\"","event":["PreToolUse","PostToolUse"],"match":"Bash","timeout_ms":2000,"on_failure":"closed",
"effects":"none","problem":null}
EOT
	)" ]
}

@test "list: control bytes in a header do not reach the terminal" {
	printf '#!/bin/sh\n# Summary: \033]0;owned\007\n' >"$ENABLED/50-x"
	chmod +x "$ENABLED/50-x"
	run -0 --separate-stderr ccm-hook list
	[[ $output == *'\e]0;owned\x07'* ]]
	[[ $output != *$'\033'* ]]
}

@test "list: says that others can write the folder" {
	chmod 0777 "$ENABLED"
	run -0 --separate-stderr ccm-hook list
	[[ $output == *"'$ENABLED' can be written by others: run chmod go-w '$ENABLED'"* ]]
}

@test "list: a word too many is a usage error" {
	run -64 --separate-stderr ccm-hook list guard
	[ -z "$output" ]
	[[ $stderr == *"unexpected 'guard'"* ]]
}
