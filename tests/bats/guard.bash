# SPDX-License-Identifier: MIT
# Shared by the tests of security-guard, on top of helper.bash.
# shellcheck shell=bash
# shellcheck disable=SC2034 # verdict and reason are the tests'

# A home in which security-guard is enabled, and rules that no other test depends on:
#     danger      deny   group perils        hazard     deny   group perils
#     risky       ask    group chances       odd        warn   group chances
guard_sandbox() {
	ccm_sandbox
	ccm-hook init
	ccm-hook enable security-guard >/dev/null
	own_rules perils <<-'EOF'
		group = perils
		[danger]
		command = danger
		verdict = deny
		reason  = It would do harm.
		instead = Do something else.
		[hazard]
		command = hazard
		verdict = deny
		reason  = It would do other harm.
	EOF
	own_rules chances <<-'EOF'
		group = chances
		[risky]
		command = risky
		verdict = ask
		reason  = It may do harm.
		instead = Do it by hand.
		[odd]
		command = odd
		verdict = warn
		reason  = It is odd.
	EOF
}

# Usage: own_rules NAME <RULES
own_rules() {
	(umask 077 && mkdir -p "$CCM_HOME/guard.d")
	cat >"$CCM_HOME/guard.d/$1.ini"
}

# Usage: config LINE...
# Puts the lines into [guard] of config.ini.
config() {
	printf '%s\n' '[guard]' "$@" >"$CCM_HOME/config.ini"
}

# Usage: json_of TEXT
# Sets json to the text as a string of JSON. jq is asked only where it must: it takes longer to start than all that is tested.
json_of() {
	if [[ $1 == *[!\ -~$'\n\t']* ]]; then
		json=$(jq -nc --arg text "$1" '$text')
		return
	fi
	json=${1//\\/\\\\}
	json=${json//\"/\\\"}
	json=${json//$'\n'/\\n}
	json=\"${json//$'\t'/\\t}\"
}

# Usage: call TOOL INPUT-JSON [SESSION]
# Prints the event of a tool call in the working directory.
call() {
	local tool cwd json
	json_of "$1" && tool=$json
	json_of "$PWD" && cwd=$json
	json_of "${3-s1}"
	printf '{"session_id":%s,"transcript_path":"/t","cwd":%s,"hook_event_name":"PreToolUse","permission_mode":"default",%s%s}\n' \
		"$json" "$cwd" "\"tool_name\":$tool,\"tool_use_id\":\"t1\"," "\"tool_input\":$2"
}

# Usage: bash_call COMMAND [SESSION]
bash_call() {
	local json
	json_of "$1"
	call Bash "{\"command\":$json}" "${2-s1}"
}

# Usage: judge COMMAND [SESSION] / judge_call TOOL INPUT-JSON
# Sends the call to ccm-hook: sets status, output and stderr; verdict and reason are taken from the answer.
judge() {
	run --separate-stderr ccm-hook run < <(bash_call "$@")
	take_answer
}

judge_call() {
	run --separate-stderr ccm-hook run < <(call "$@")
	take_answer
}

take_answer() {
	local answer
	verdict=none reason=
	[ "$status" -eq 0 ] || return 1
	[ -n "$output" ] || return 0
	answer=$(jq -r '.hookSpecificOutput | (.permissionDecision // "none"), (.permissionDecisionReason // .additionalContext // "")' \
		<<<"$output")
	verdict=${answer%%$'\n'*}
	[[ $answer != *$'\n'* ]] || reason=${answer#*$'\n'}
}

# Usage: say PROMPT [SESSION]
# The person's next prompt.
say() {
	local prompt cwd json
	json_of "$1" && prompt=$json
	json_of "$PWD" && cwd=$json
	json_of "${2-s1}"
	printf '{"session_id":%s,"transcript_path":"/t","cwd":%s,"hook_event_name":"UserPromptSubmit",%s}\n' \
		"$json" "$cwd" "\"permission_mode\":\"default\",\"prompt\":$prompt" | ccm-hook run
}

# Usage: code_of REASON
code_of() {
	sed -n 's/.*allow-once \([A-Z0-9-]*\)$/\1/p' <<<"$1"
}

# Usage: at_terminal COMMAND
# What a person does: the command in a shell on a terminal of its own, which no agent has started. Prints what appears there.
at_terminal() {
	local tmux=(env -i PATH="$PATH" HOME="$HOME" CCM_HOME="$CCM_HOME" CCM_DATA_DIR="$CCM_DATA_DIR" TERM=xterm SHELL=/bin/sh LC_ALL=C.UTF-8
		ASAN_OPTIONS="${ASAN_OPTIONS-}" tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null)
	local done="$BATS_TEST_TMPDIR/done" end=$((SECONDS + 120))
	rm -f "$done"
	printf '%s\n' "$1" >"$BATS_TEST_TMPDIR/typed"
	"${tmux[@]}" new-session -d -x 200 -y 50 "sh '$BATS_TEST_TMPDIR/typed' >'$BATS_TEST_TMPDIR/shown' 2>&1; echo \$? >'$done.new'; \
		mv '$done.new' '$done'"
	until [ -e "$done" ]; do
		[ "$SECONDS" -lt "$end" ] || { echo 'nothing happened at the terminal' >&2; return 99; }
		sleep 0.05
	done
	cat "$BATS_TEST_TMPDIR/shown"
	return "$(cat "$done")"
}
