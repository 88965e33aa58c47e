# SPDX-License-Identifier: MIT
# The manual pages say what is there, all of it, and what they show works.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	HOOK_PAGE="$CCM_SOURCE/runtime/hook/ccm-hook.1"
	SUPERVISOR_PAGE="$CCM_SOURCE/runtime/supervisor/ccm-supervisor.1"
	AUTOMATION_PAGE="$CCM_SOURCE/runtime/libccm/ccm-automation.7"
}

# Usage: page FILE
# Prints the manual page as plain text.
page() {
	mandoc -T ascii "$1" | sed 's/.\x08//g'
}

# Usage: section FILE COMMAND
# Prints what the page says of the command; one of a group is two words.
section() {
	page "$1" | awk -v command="$2" '
		/^   [^ ]/ { wanted = index(substr($0, 4) " ", command " ") == 1 }
		/^[^ ]/    { wanted = 0 }
		wanted'
}

# Usage: commands PROGRAM
# Prints the names of all its commands, as the help shows them; those of a group as two words.
commands() {
	local name group
	listed "$1" | while read -r name; do
		group=$(listed "$1" "$name")
		# shellcheck disable=SC2059,SC2086 # names are words of a-z and dashes
		if [ -n "$group" ]; then printf "$name %s\n" $group; else echo "$name"; fi
	done
}

# Usage: listed PROGRAM [GROUP]
listed() {
	"$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p'
}

# Usage: describes_all PAGE PROGRAM
# The page describes each command of the program with each of its options.
describes_all() {
	local command option text
	while read -r command; do
		text=$(section "$1" "$command")
		[ -n "$text" ] || {
			printf '%s(1) lacks %s\n' "$2" "$command" >&2
			return 1
		}
		# shellcheck disable=SC2086 # a group's command is two words
		for option in $("$2" $command --help | grep -oE -- '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
			[ "$option" = --help ] || grep -qE -- "$option([^a-z-]|\$)" <<<"$text" || {
				printf '%s(1) lacks %s %s\n' "$2" "$command" "$option" >&2
				return 1
			}
		done
	done < <(commands "$2")
}

# Usage: describes_only PAGE PROGRAM
# The page describes no command and no option that the program does not have.
describes_only() {
	local command option help
	while read -r command; do
		# shellcheck disable=SC2086
		help=$("$2" $command --help)
		for option in $(section "$1" "$command" | grep -oE -- '(^|[ ,])--[a-z-]+' | grep -oE -- '--[a-z-]+'); do
			grep -qE -- "$option([^a-z-]|\$)" <<<"$help" || {
				printf '%s has no %s %s\n' "$2" "$command" "$option" >&2
				return 1
			}
		done
	done < <(page "$1" | sed -n 's/^   \([a-z][a-z-]*\( [a-z]\{1,\}\)*\).*/\1/p' | known_words "$2")
}

# Usage: known_words PROGRAM
# Of each heading on stdin, the words that name a command: two where the first is a group.
known_words() {
	local first second rest
	while read -r first second rest; do
		if [ -n "$(listed "$1" "$first")" ]; then echo "$first $second"; else echo "$first"; fi
	done
}

# Usage: shown PAGE NAME
# Prints the text that the page shows under that name.
shown() {
	sed -n "/^\\.\\\\\" example: $2\$/,/^\\.Ed\$/p" "$1" | sed -e '/^\./d' -e 's/\\&//g; s/\\-/-/g; s/\\(aq/'\''/g; s/\\e/\\/g'
}

# Usage: example NAME
# Makes an automation of the script that ccm-automation(7) shows under that name.
example() {
	local file="$CCM_HOME/automations/enabled/50-$1"
	mkdir -p "${file%/*}"
	shown "$AUTOMATION_PAGE" "$1" >"$file"
	chmod 0755 "$file"
}

@test "manual: the pages are correct mdoc" {
	run -0 mandoc -T lint -W warning "$HOOK_PAGE" "$SUPERVISOR_PAGE" "$AUTOMATION_PAGE" "${SUPERVISOR_PAGE%/*}"/ccm-{alerts,checkpoint,sandbox}.7
	[ -z "$output" ]
}

@test "manual: ccm-config(5) is correct mdoc, and has every key with its default, as the program does" {
	local config="$CCM_BUILD/runtime/libccm/ccm-config.5" keys
	run -0 mandoc -T lint -W warning "$config"
	[ -z "$output" ]
	keys=$(ccm-hook config --sample | grep -oE '^;[a-z_.*]+ = ' | tr -d '; =')
	[ "$(sed -n 's/^\.It Ic //p' "$config")" = "$keys" ]
	[[ $(page "$config" | tr -s ' \n' ' ') == *'busy_timeout How long to wait'*'A duration; the default is "2s".'* ]]
}

@test "manual: ccm-hook(1) describes each command with each of its options" {
	describes_all "$HOOK_PAGE" ccm-hook
}

@test "manual: ccm-hook(1) describes no command and no option that is not there" {
	describes_only "$HOOK_PAGE" ccm-hook
}

@test "manual: ccm-supervisor(1) describes each command with each of its options" {
	describes_all "$SUPERVISOR_PAGE" ccm-supervisor
}

@test "manual: ccm-supervisor(1) describes no command and no option that is not there" {
	describes_only "$SUPERVISOR_PAGE" ccm-supervisor
}

@test "manual: ccm-automation(7) names each event" {
	local text event
	text=$(page "$AUTOMATION_PAGE")
	for event in $(jq -r .event "$CCM_SOURCE"/schema/events/*.json); do
		grep -qw "$event" <<<"$text" || {
			printf 'ccm-automation(7) lacks %s\n' "$event" >&2
			return 1
		}
	done
}

@test "manual: ccm-automation(7) names each variable that automations get" {
	automation 50-env <<<'env | sed -n "s/^\(CCM_[A-Z_]*\)=.*/\1/p" >>"$HOME/names"'
	event PreToolUse-Bash-in-subagent '.prompt = "x" | .tool_input.file_path = "x" * 100000' | ccm-hook run
	[ "$(sort -u "$HOME/names" | wc -l)" -ge 15 ]
	local text name names
	text=$(page "$AUTOMATION_PAGE")
	mapfile -t names < <(sort -u "$HOME/names")
	for name in "${names[@]}"; do
		[ "$name" = CCM_DATA_DIR ] || [ "$name" = CCM_LIBEXEC_DIR ] || grep -qw "$name" <<<"$text" || {
			printf 'ccm-automation(7) lacks %s\n' "$name" >&2
			return 1
		}
	done
}

@test "manual: ccm-automation(7) names each function of ccm.sh, and each says how it is used" {
	local text name names
	text=$(page "$AUTOMATION_PAGE")
	mapfile -t names < <(sed -n 's/^\(ccm_[a-z][a-z_]*\)() {$/\1/p' "$CCM_SOURCE/lib-sh/ccm.sh")
	[ "${#names[@]}" -ge 15 ]
	for name in "${names[@]}"; do
		grep -qw "$name" <<<"$text" || {
			printf 'ccm-automation(7) lacks %s\n' "$name" >&2
			return 1
		}
		grep -qE "^# Usage: $name( |\$)" "$CCM_SOURCE/lib-sh/ccm.sh"
	done
}

@test "manual: the example no-commit-on-main refuses it there, and only there" {
	example no-commit-on-main
	git init -q -b main
	run -0 --separate-stderr ccm-hook run < <(event PreToolUse-Bash ".cwd = \"$PWD\" | .tool_input.command = \"git commit -m x\"")
	[ "$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")" = "no-commit-on-main: not on main: make a branch first" ]
	run -0 --separate-stderr ccm-hook run < <(event PreToolUse-Bash ".cwd = \"$PWD\" | .tool_input.command = \"git status\"")
	[ -z "$output$stderr" ]
	git symbolic-ref HEAD refs/heads/work
	run -0 --separate-stderr ccm-hook run < <(event PreToolUse-Bash ".cwd = \"$PWD\" | .tool_input.command = \"git commit -m x\"")
	[ -z "$output$stderr" ]
}

@test "manual: the example diary writes a line" {
	example diary
	run -0 --separate-stderr ccm-hook run < <(event UserPromptSubmit '.prompt = "fix it"')
	[ -z "$output$stderr" ]
	[[ $(cat "$CCM_HOME/diary") == ????-??-??" fix it" ]]
}

@test "manual: the example until-tests-pass goes on three times, then alerts" {
	example until-tests-pass
	export CLAUDE_PROJECT_DIR="$PWD"
	unset MAKEFLAGS MFLAGS MAKELEVEL         # of the make that may have started us
	printf 'check:\n\t@echo test 7 fails; false\n' >Makefile
	for _ in 1 2 3; do
		run -0 --separate-stderr ccm-hook run < <(event Stop)
		[ "$(jq -r .decision <<<"$output")" = block ]
		[[ $(jq -r .reason <<<"$output") == "until-tests-pass: make check fails: test 7 fails"* ]]
	done
	run -0 --separate-stderr ccm-hook run < <(event Stop)
	[ -z "$output$stderr" ]
	[ "$(db "SELECT title FROM alert")" = "Tests still fail in $PWD" ]
	printf 'check:\n' >Makefile
	run -0 --separate-stderr ccm-hook run < <(event Stop)
	[ -z "$output$stderr" ]
	[ -z "$(ccm-hook state list)" ]
}

@test "manual: the example outside-project asks" {
	example outside-project
	run -0 --separate-stderr ccm-hook run < <(event PreToolUse-Write '.tool_input.file_path = "/etc/motd"')
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = ask ]
	run -0 --separate-stderr ccm-hook run < <(event PreToolUse-Write '.tool_input.file_path = .cwd + "/x"')
	[ -z "$output$stderr" ]
}

@test "manual: the example blanks names the lines" {
	example blanks
	printf 'one\ntwo \nthree\t\n' >file
	run -0 --separate-stderr ccm-hook run < <(event PostToolUse-Write ".tool_input.file_path = \"$PWD/file\"")
	[ "$(jq -r .reason <<<"$output")" = "blanks: lines that end in blanks: 2 3" ]
}

@test "manual: ccm-alerts(7) names each kind of alert, and its rules are ones" {
	local alerts="${SUPERVISOR_PAGE%/*}/ccm-alerts.7" kinds
	mkdir -p -m 700 "$CCM_HOME"
	# A kind that is not there is a problem, which lists those that are.
	printf '[alerts]\nkind.nonsense = info\n' >"$CCM_HOME/config.ini"
	kinds=$(ccm-hook doctor | grep -oE '(agent-needs-input|agent-finished)[a-z, -]*storage' | tr -d ' ' | tr ',' '\n' | sort)
	[ "$(echo "$kinds" | wc -l)" -ge 10 ]
	[ "$(sed -n '/^\.Ss What ccm tells/,/^\.El/s/^\.It Cm //p' "$alerts" | sort)" = "$kinds" ]
	shown "$alerts" rules >"$CCM_HOME/config.ini"
	printf '%s\n' '[desktop]' 'enabled = on' '[telegram]' 'token = env:A' 'chat_id = 1' '[slack]' 'url = env:B' >>"$CCM_HOME/config.ini"
	[ "$(grep -c '^rule = ' "$CCM_HOME/config.ini")" -eq 4 ]
	# A rule that names a channel which is not set up is another problem.
	printf '%s\n' '[desktop]' 'enabled = on' '[slack]' 'url = env:X' '[telegram]' 'token = env:X' 'chat_id = 1' >>"$CCM_HOME/config.ini"
	run ccm-hook doctor
	[[ $output != *config.ini* ]]
}

@test "manual: both ways of ccm-alerts(7) to check a signature take what ccm sends, and nothing else" {
	local alerts="${SUPERVISOR_PAGE%/*}/ccm-alerts.7" got="$HOME/got" port stamp signature
	mkdir -p -m 700 "$CCM_HOME"
	mkfifo in out
	python3 "$CCM_SOURCE/tests/bin/alert-receiver.py" "$got" <in >out 3>&- &
	exec 9>in
	read -r port <out
	export SECRET=not-to-be-guessed
	printf '[webhook]\nurl = http://127.0.0.1:%s/\nsecret = env:SECRET\n' "$port" >"$CCM_HOME/config.ini"
	run -0 ccm-supervisor alerts test webhook
	exec 9>&-
	stamp=$(jq -r '.headers["x-ccm-timestamp"]' "$got")
	signature=$(jq -r '.headers["x-ccm-signature"]' "$got")
	jq -j .body "$got" >body
	shown "$alerts" signature.sh >check.sh
	shown "$alerts" signature.py >check.py
	cat >>check.py <<-'EOF'
		import os, sys
		headers = {"X-CCM-Timestamp": sys.argv[1], "X-CCM-Signature": sys.argv[2]}
		sys.exit(not is_from_ccm(headers, sys.stdin.buffer.read(), os.environ["SECRET"].encode()))
	EOF
	# shellcheck disable=SC2086 # a check is two words
	for check in 'sh check.sh' 'python3 check.py'; do
		$check "$stamp" "$signature" <body
		run ! $check "$((stamp - 1))" "$signature" <body
		run ! $check "$stamp" "$signature" <<<'{}'
		run ! env SECRET=guessed $check "$stamp" "$signature" <body
	done
	# An old one, signed as it should be.
	stamp=$((stamp - 1000))
	signature="sha256=$({ printf '%s.' "$stamp"; cat body; } | openssl dgst -sha256 -hmac "$SECRET" | sed 's/.* //')"
	run ! sh check.sh "$stamp" "$signature" <body
	run ! python3 check.py "$stamp" "$signature" <body
}
