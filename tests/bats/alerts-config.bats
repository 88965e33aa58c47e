#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What config.ini may say of alerts and channels, and what is told of mistakes in it.
load helper
setup() {
	ccm_sandbox
	mkdir -p -m 700 "$CCM_HOME"
}

# Usage: problems LINE... - what is told of a config.ini with these lines, without the file's name.
problems() {
	printf '%s\n' "$@" >"$CCM_HOME/config.ini"
	ccm-hook run <"$FIXTURES/hooks/UserPromptSubmit.json" 2>&1 >/dev/null | sed -n "s|.*$CCM_HOME/config.ini:||p"
}

@test "config: rules, levels, times and channels that are right are taken without a word" {
	[ -z "$(problems '[alerts]' 'rule = level>=warning kind=guard-* project=*/clients/* -> desktop telegram' 'rule = -> digest slack' \
		'rule = event=Notification rule=git-* source=ccm level=urgent -> all' 'rule = kind=halt -> none' 'kind.agent-finished = off' \
		'quiet_hours = 22:00-07:00' 'quiet_hours = 12:00-13:30' 'quiet_level = off' 'digest = 0' '[desktop]' 'enabled = off' \
		'level = warning' '[telegram]' 'token = file:~/t' 'chat_id = -100123' '[slack]' 'url = keyring:ccm/slack' '[webhook]' \
		'url = https://u@h.example:8443/x?y=z' 'secret = env:S' '[command]' 'run = /bin/tell me' 'max_per_hour = 0')" ]
	run -0 --separate-stderr ccm-hook config
	[[ $output == *$'\nrule = kind=halt -> none\n'*$'\nkind.agent-finished = off\n'*$'\nquiet_level = off\n'* ]]
	[[ $output == *$'\ntoken = file:~/t\n'*$'\nmax_per_hour = 0'* ]]
}

@test "config: a rule that cannot be read is named with its line and what is wrong in it" {
	local found
	found=$(problems '[alerts]' 'rule = level>=warning desktop' 'rule = level>=loud -> desktop' 'rule = kindd=halt -> desktop' \
		'rule = kind=halts -> desktop' 'rule = kind=halt ->' 'rule = -> desktop pager' 'rule = -> none desktop' 'rule = halt -> all')
	[[ $found == *"2: 'rule' is no rule: '->' is missing, as in level>=warning -> desktop; the line is not used"* ]]
	[[ $found == *"3: 'rule' is no rule: 'level>=loud' is not level= or level>= and one of info, warning, urgent;"* ]]
	[[ $found == *"4: 'rule' is no rule: 'kindd' is not one of level, kind, source, event, rule, project;"* ]]
	[[ $found == *"5: 'rule' is no rule: there is no kind 'halts';"* ]]
	[[ $found == *"6: 'rule' is no rule: nothing stands behind '->', such as desktop;"* ]]
	[[ $found == *"7: 'rule' is no rule: 'pager' is not one of desktop, telegram, slack, webhook, command, all, digest, none;"* ]]
	[[ $found == *"8: 'rule' is no rule: none goes with nothing else;"* ]]
	[[ $found == *"9: 'rule' is no rule: 'halt' is no condition such as kind=guard-*;"* ]]
}

@test "config: a kind that is none, and a time of the day that is none, are named" {
	local found
	found=$(problems '[alerts]' 'kind.halts = off' 'kind.halt = loud' 'quiet_hours = 25:00-7')
	[[ $found == *"2: 'kind.halts' is no kind of alerts; they are agent-needs-input, agent-finished, "* ]]
	[[ $found == *"3: 'kind.halt' must be one of info|warning|urgent|off, not 'loud'; the line is not used"* ]]
	[[ $found == *"4: 'quiet_hours' is no time of the day such as 22:00-07:00: '25:00-7'; the line is not used"* ]]
}

@test "config: a rule with two conditions of a kind is not one that forgets the first" {
	run -0 problems '[alerts]' 'rule = kind=halt kind=quota -> all' 'rule = level=info level=urgent -> all' 'rule = -> digest slack digest command'
	[ "${#lines[@]}" = 3 ]
	[[ ${lines[0]} == "2: 'rule' is no rule: kind stands twice: all conditions must hold, and "* ]]
	[[ ${lines[1]} == "3: 'rule' is no rule: level stands twice: "* ]]
	[[ ${lines[2]} == "4: 'rule' is no rule: digest stands twice;"* ]]
}

@test "config: a value out of range is told with the range, and hours that end as they begin are named" {
	run -0 problems '[alerts]' 'retry = 1h' 'quiet_hours = 07:00-07:00' '[quota]' 'warning = 2000'
	[ "${lines[0]}" = "2: 'retry' must be from 1ms to 15m, not '1h'; using 1s" ]
	[[ ${lines[1]} == "3: 'quiet_hours' is no time of the day such as "* ]]
	[ "${lines[2]}" = "5: 'warning' must be from 1 to 1000, not '2000'; using 50" ]
	[ "${#lines[@]}" = 3 ]
}

@test "config: a secret that stands in the file itself is neither taken nor repeated" {
	run -0 problems '[telegram]' 'token = 123456:AAsecret' '[slack]' 'url = https://hooks.slack.example/AAsecret' '[webhook]' \
		'secret = AAsecret' 'url = hooks.example/AAsecret' '[telegram]' 'token = file:AAsecret' 'token = env:AA secret'
	[ "${#lines[@]}" = 6 ]
	[ "${lines[0]}" = "2: 'token' must say where the secret is, as env:NAME, file:PATH or keyring:SERVICE/ACCOUNT; the line is not used" ]
	[[ $output == *"7: 'url' must begin with https:// or http://, and have no blanks, or say where the address is, "* ]]
	[[ $output != *AA* ]]
	[[ $(ccm-hook config) != *AA* ]]
}
