# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: the automation has three seconds, and with ccm-hook and ccm-guard under valgrind they are over before it answers.
#
# security-guard: from a tool call to the client's answer, and what the configuration makes of it.
# shellcheck shell=bash

load helper
load guard

setup() { guard_sandbox; }

@test "security-guard: a denied command is refused with its reason, rule and alternative" {
	judge 'danger now'
	[ "$verdict" = deny ]
	[[ $reason == "security-guard: It would do harm. [rule danger] Instead: Do something else. "* ]]
	[ -z "$stderr" ]
}

@test "security-guard: an ask carries its reason and alternative, and no code" {
	judge 'risky'
	[ "$verdict" = ask ]
	[ "$reason" = 'security-guard: It may do harm. [rule risky] Instead: Do it by hand.' ]
}

@test "security-guard: a warning lets the command run and tells person and agent" {
	judge 'odd'
	[ "$verdict" = none ]
	[ "$reason" = 'It is odd. [rule odd]' ]
	[ "$(jq -r .systemMessage <<<"$output")" = 'It is odd. [rule odd]' ]
}

@test "security-guard: what no rule is about passes without a word" {
	judge 'make all'
	[ -z "$output$stderr" ]
}

@test "security-guard: it never says allow" {
	for command in 'make all' 'odd' 'risky' 'danger'; do
		judge "$command"
		[[ $output != *'"allow"'* ]]
	done
}

@test "security-guard: a dangerous command that is only mentioned passes" {
	judge 'echo "danger now" && git commit -m "danger; danger"'
	[ -z "$output$stderr" ]
}

@test "security-guard: Monitor runs commands, too" {
	judge_call Monitor '{ "command": "danger", "description": "x" }'
	[ "$verdict" = deny ]
}

@test "security-guard: without ccm-guard every call is refused, with the remedy" {
	export CCM_LIBEXEC_DIR="$HOME/nowhere"
	judge 'make all'
	[ "$verdict" = deny ]
	[[ $reason == *"'$HOME/nowhere/ccm-guard' is missing"*"install ccm again"* ]]
}

@test "security-guard: without the rules that come with ccm every call is refused, with the remedy" {
	mkdir -p "$HOME/share/automations"
	cp -r "$CCM_SOURCE/lib-sh" "$HOME/share"
	export CCM_DATA_DIR="$HOME/share"
	judge 'make all'
	[ "$verdict" = deny ]
	[ "$(ccm-hook show last --json | jq -r '.runs[0].stderr')" = \
		"ccm-guard: the rules in '$HOME/share/automations/security-guard.d' cannot be read (No such file or directory): install ccm again" ]
}

@test "security-guard: an event that is no JSON is refused" {
	run -1 --separate-stderr env CCM_HOME="$CCM_HOME" ccm-guard judge <<<'{"hook_event_name": "PreToolUse",'
	[ -z "$output" ]
	[[ $stderr == *"the event is no JSON object: "* ]]
}

@test "security-guard: a command in an event that was cut asks" {
	printf '[storage]\nmax_event = 1024\n' >"$CCM_HOME/config.ini"
	judge "echo $(printf 'x%.0s' {1..3000})"
	[ "$verdict" = ask ]
	[[ $reason == *'too long to be read whole'* ]]
}

@test "security-guard: a rule with a mistake is named with its line, in the log of the event, and the others hold" {
	own_rules broken <<-'EOF'
		group = broken
		[half]
		command = half
		verdict = forbid
		reason  = x
		[whole]
		command = whole
		verdict = deny
		reason  = It counts.
	EOF
	judge 'half'
	[ "$verdict" = none ]
	[[ $(ccm-hook show last --json | jq -r '.runs[0].stderr') == *"guard.d/broken.ini:4: "*forbid* ]]
	judge 'whole'
	[ "$verdict" = deny ]
}

@test "security-guard: own rules that others can write are left out, by name" {
	chmod 0777 "$CCM_HOME/guard.d"
	judge 'danger'
	[ "$verdict" = none ]
	[[ $(ccm-hook show last --json | jq -r '.runs[0].stderr') == *"$CCM_HOME/guard.d"*"its rules are left out"* ]]
}

@test "guard config: a group's verdict can be changed, and a rule's counts more than its group's" {
	config 'group.perils = ask' 'rule.hazard = off'
	judge 'danger'
	[ "$verdict" = ask ]
	judge 'hazard'
	[ "$verdict" = none ]
	config 'rule.hazard = deny' 'group.perils = off'
	judge 'hazard'
	[ "$verdict" = deny ]
}

@test "guard config: a verdict for a rule that does not exist is named with its line" {
	config 'rule.dnager = off'
	judge 'make all'
	[ "$verdict" = none ]
	[[ $(ccm-hook show last --json | jq -r '.runs[0].stderr') == *"config.ini:2: there is no rule 'dnager'"* ]]
}

@test "guard config: a verdict that is none is named with the words that are" {
	config 'group.perils = no'
	judge 'danger'
	[ "$verdict" = deny ]
	[[ $stderr == *"config.ini:2: 'group.perils' must be one of off|warn|ask|deny, not 'no'; the line is not used"* ]]
}

@test "guard config: allow_paths lets pass what touches nothing else" {
	config "allow_paths = $HOME/scratch" 'allow_paths = ~/more*'
	judge "danger $HOME/scratch/a"
	[ "$verdict" = none ]
	judge 'danger -x ~/more/b'
	[ "$verdict" = none ]
	judge "danger $HOME/scratch/a /etc"
	[ "$verdict" = deny ]
	judge "danger $HOME/scratch/../a"
	[ "$verdict" = deny ]
}

@test "guard config: allow_paths is not led out by a link" {
	mkdir -p "$HOME/scratch"
	ln -s / "$HOME/scratch/out"
	config 'allow_paths = ~/scratch'
	judge "danger $HOME/scratch/out/etc"
	[ "$verdict" = deny ]
}

@test "guard config: a project may only tighten" {
	mkdir .ccm
	printf '%s\n' '[guard]' 'rule.risky = deny' 'group.perils = off' 'allow_commands = hazard' 'profile = relaxed' >.ccm/config.ini
	judge 'risky'
	[ "$verdict" = deny ]
	judge 'danger'
	[ "$verdict" = deny ]
	judge 'hazard'
	[ "$verdict" = deny ]
	local log
	log=$(ccm-hook show last --json | jq -r '.runs[0].stderr')
	[[ $log == *".ccm/config.ini: 'profile' in [guard] is not taken from a project"* ]]
	[[ $log == *".ccm/config.ini: 'allow_commands' in [guard] is not taken from a project"* ]]
}

@test "guard config: config prints all keys of [guard] as they are in force" {
	config 'group.perils = ask' 'wrappers = rtk' 'allow_paths = ~/a' 'detour_limit = 5'
	run -0 --separate-stderr ccm-hook config
	[ -z "$stderr" ]
	for line in 'group.perils = ask' 'wrappers = rtk' 'allow_paths = ~/a' 'detour_limit = 5' 'overrule = 10m' 'profile = standard'; do
		grep -qxF -e "$line" <<<"$output"
	done
}

@test "guard check: a verdict for each line of a batch" {
	run -0 --separate-stderr ccm-guard check --batch <<<'"danger"
{"cmd": "make all", "cwd": "/tmp"}
{"cmd": "risky"}'
	[ "$output" = "deny	danger	It would do harm. [rule danger] Instead: Do something else.
none	-	
ask	risky	It may do harm. [rule risky] Instead: Do it by hand." ]
	[ -z "$stderr" ]
}

@test "guard check: a line of a batch that is no command is named" {
	run -1 --separate-stderr ccm-guard check --batch <<<'"ls"
{"command": "ls"}'
	[[ $stderr == *'line 2 is neither a JSON string nor an object with a string "cmd"'* ]]
}

@test "guard rules: every rule in force with its verdict, and mistakes by line" {
	config 'rule.risky = off'
	printf '[x]\ncommand = x\n' | own_rules bad
	run -0 --separate-stderr ccm-guard rules
	grep -qx 'deny	perils	danger	It would do harm.' <<<"$output"
	grep -qx 'off	chances	risky	It may do harm.' <<<"$output"
	[[ $stderr == *"guard.d/bad.ini:1: "* ]]
	run -1 --separate-stderr ccm-guard rules --check
	[ -z "$output" ]
}

@test "ccm-hook test: a trial of security-guard keeps nothing" {
	bash_call danger >event
	run --separate-stderr ccm-hook test security-guard --event ./event
	[[ $output == *'It would do harm.'* ]]
	[ "$(db 'SELECT count(*) FROM refusal')" = 0 ]
}

@test "doctor: looks at security-guard where it is enabled" {
	ccm-hook install >/dev/null
	run -0 ccm-hook doctor
	grep -qF 'security-guard has rules without a mistake' <<<"$output"
	ccm-hook disable security-guard
	run -0 ccm-hook doctor
	run ! grep -F security-guard <<<"$output"
}

@test "doctor: rules and verdicts with a mistake are findings" {
	ccm-hook install >/dev/null
	printf '[x]\ncommand = x\n' | own_rules bad
	config 'rule.dnager = off'
	run -1 ccm-hook doctor
	[[ $output == *"FIX  $CCM_HOME/guard.d/bad.ini:1: "* ]]
	[[ $output == *"FIX  $CCM_HOME/config.ini:2: there is no rule 'dnager'"* ]]
}

@test "doctor: a missing ccm-guard, and a missing shfmt, are findings" {
	ccm-hook install >/dev/null
	CCM_LIBEXEC_DIR=/nowhere run -1 ccm-hook doctor
	[[ $output == *"FIX  '/nowhere/ccm-guard' is missing"*'refuses every call'* ]]
	PATH=$CCM_BUILD run -1 ccm-hook doctor
	[[ $output == *'FIX  shfmt is missing: '*'apt install shfmt'* ]]
}

@test "explain: what would run, each word, the rule that decides and the one that came near" {
	run -0 --separate-stderr ccm-hook explain -- danger now
	[ "${lines[0]}" = 'Command    danger now' ]
	grep -qx 'Verdict    deny, by rule danger of the group perils' <<<"$output"
	grep -qx 'Why        It would do harm. \[rule danger\] Instead: Do something else.' <<<"$output"
	grep -qx '  1  danger now' <<<"$output"
	grep -qx '     word 2    now' <<<"$output"
	grep -Eqx '  deny  danger +command 1' <<<"$output"
	grep -Eqx 'Time       [0-9.]+ ms: [0-9.]+ shfmt, [0-9.]+ rules, [0-9.]+ conditions' <<<"$output"
	[ -z "$stderr" ]
	[ "$(db 'SELECT count(*) FROM refusal')" = 0 ]
}

@test "explain: the rule that came near is shown with what was missing" {
	own_rules near <<-'EOF'
		group = near
		[near]
		command = danger-zone
		option  = -f|--force
		verdict = deny
		reason  = No.
	EOF
	run -0 --separate-stderr ccm-hook explain -- danger-zone now
	grep -qx 'Verdict    no opinion' <<<"$output"
	grep -Eqx "  near  near +command 1, but not 'option = -f\|--force'" <<<"$output"
}

@test "explain: a recorded call by its number, with what was answered then" {
	judge 'danger now'
	config 'rule.danger = off'
	for name in 1 '#1' last; do
		run -0 --separate-stderr ccm-hook explain "$name"
		[[ ${lines[0]} == 'Event      1, '*': deny' ]]
		[ "${lines[1]}" = 'Command    danger now' ]
		grep -qx 'Verdict    no opinion' <<<"$output"
	done
}

@test "explain: what is no event, about no tool, or not kept, is told" {
	judge 'make all'
	run -1 --separate-stderr ccm-hook explain 7
	[[ $stderr == *'there is no event 7'* ]]
	say 'hello'
	run -1 --separate-stderr ccm-hook explain last
	[[ $stderr == *'the event is about no tool'* ]]
	printf '[storage]\npayload = none\n' >"$CCM_HOME/config.ini"
	judge 'make all'
	run -1 --separate-stderr ccm-hook explain last
	[[ $stderr == *'the payload of event last was not kept'* ]]
}

@test "explain: control bytes of an agent do not reach the terminal" {
	run -0 --separate-stderr ccm-hook explain -- $'danger \033]0;owned\007'
	[[ $output != *$'\033'* ]]
}
@test "security-guard: the reason names the command that was found behind a disguise" {
	judge 'R=dan; sudo ${R}ger /'
	[ "$verdict" = deny ]
	[[ $reason == *'Found: danger / (by sudo).'* ]]
}

@test "guard config: allow_commands lets that command pass, word by word" {
	config 'allow_commands = danger one *'
	judge 'danger one two'
	[ "$verdict" = none ]
	judge 'danger one'
	[ "$verdict" = deny ]
	judge 'danger one two; danger one'
	[ "$verdict" = deny ]
}

@test "guard config: a wrapper of one's own is looked through" {
	judge 'through danger'
	[ "$verdict" = none ]
	config 'wrappers = through another'
	judge 'through danger'
	[ "$verdict" = deny ]
	judge 'another danger'
	[ "$verdict" = deny ]
}


# Usage: own_stock
# A copy of the rules that come with ccm, which a test may change.
own_stock() {
	export CCM_DATA_DIR="$HOME/share"
	mkdir -p "$CCM_DATA_DIR"
	cp -r "$CCM_SOURCE/automations" "$CCM_SOURCE/lib-sh" "$CCM_DATA_DIR"
	cat >"$CCM_DATA_DIR/automations/security-guard.d/zz.ini" <<-'EOF'
		[zz-one]
		command = zz
		verdict = deny
		reason  = one
	EOF
	CACHE=$CCM_HOME/guard-rules.cache
}

@test "guard rules: what is remembered of them says the same as they do" {
	own_stock
	judge 'zz'
	[ "$(stat -c %a "$CACHE")" = 600 ]
	ccm-guard rules >recalled
	ccm-guard check --batch <"$CCM_SOURCE/tests/bats/guard.batch" >recalled.batch
	rm "$CACHE"
	ccm-guard rules >whole
	ccm-guard check --batch <"$CCM_SOURCE/tests/bats/guard.batch" >whole.batch
	[ ! -e "$CACHE" ]
	cmp whole recalled
	cmp whole.batch recalled.batch
}

@test "guard rules: a file of them that is changed, added or removed counts at once" {
	own_stock
	judge 'zz'
	[ "$verdict" = deny ]
	sed -i 's/deny/ask/' "$CCM_DATA_DIR/automations/security-guard.d/zz.ini"
	judge 'zz'
	[ "$verdict" = ask ]
	printf '[yy]\ncommand = yy\nverdict = deny\nreason = two\n' >"$CCM_DATA_DIR/automations/security-guard.d/yy.ini"
	judge 'yy'
	[ "$verdict" = deny ]
	rm "$CCM_DATA_DIR/automations/security-guard.d/zz.ini"
	judge 'zz'
	[ "$verdict" = none ]
}

@test "guard rules: what is remembered and damaged, or others could have written, is not used" {
	own_stock
	judge 'zz'
	cp "$CACHE" kept
	local bytes
	bytes=$(stat -c %s kept)
	for at in 8 40 60 100 700 3000 9000 15000 $((bytes - 1)); do
		cp kept "$CACHE"
		printf '\377\377\377\377' | dd of="$CACHE" bs=1 seek="$at" conv=notrunc status=none
		judge 'zz'
		[ "$status" -eq 0 ]
	done
	for size in 0 50 20000; do
		head -c "$size" kept >"$CACHE"
		judge 'zz'
		[ "$verdict" = deny ]
	done
	sed 's/zz/xx/g' kept >"$CACHE"
	chmod 0666 "$CACHE"
	judge 'zz'
	[ "$verdict" = deny ]
	[ "$(stat -c %a "$CACHE")" = 600 ]
}

@test "guard rules: a mistake in those that come with ccm is told each time" {
	own_stock
	echo 'verdict = deny' >"$CCM_DATA_DIR/automations/security-guard.d/00-bad.ini"
	for _ in 1 2; do
		judge 'make'
		[[ $(ccm-hook show last --json | jq -r '.runs[0].stderr') == *"security-guard.d/00-bad.ini:1: only 'group = NAME'"* ]]
	done
	[ ! -e "$CACHE" ]
}
