#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# ccm-hook run: which automations are run, with what, and how they may fail.
load helper
setup() { ccm_sandbox; }

# The reason the client is given, from $output.
reason() { jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output"; }
verdict() { jq -r .hookSpecificOutput.permissionDecision <<<"$output"; }

@test "automations: only those whose Event names the event are run" {
	automation 50-yes 'Event: Stop PreToolUse' <<<'touch "$HOME/yes"'
	automation 50-no 'Event: PostToolUse' <<<'touch "$HOME/no"'
	event PreToolUse-Bash | ccm-hook run
	[ -e "$HOME/yes" ] && [ ! -e "$HOME/no" ]
}

@test "automations: without a manifest a script is run on every event" {
	automation 50-all <<<'echo "$CCM_EVENT" >>"$HOME/seen"'
	event PreToolUse-Bash | ccm-hook run
	event Notification-idle_prompt | ccm-hook run
	[ "$(tr '\n' ' ' <"$HOME/seen")" = "PreToolUse Notification " ]
}

@test "automations: Match is compared with the tool as the client does it" {
	automation 50-bash 'Event: PreToolUse' 'Match: Bash|Edit' <<<'echo bash >>"$HOME/seen"'
	automation 50-mcp 'Event: PreToolUse' 'Match: mcp__.*' <<<'echo mcp >>"$HOME/seen"'
	automation 50-case 'Event: PreToolUse' 'Match: bash' <<<'echo case >>"$HOME/seen"'
	event PreToolUse-Bash | ccm-hook run
	event PreToolUse-mcp | ccm-hook run
	event PreToolUse-Read | ccm-hook run
	[ "$(tr '\n' ' ' <"$HOME/seen")" = "bash mcp " ]
}

@test "automations: Match says nothing on events on which the client has no matcher" {
	automation 50-bash 'Match: Bash' <<<'echo "$CCM_EVENT" >>"$HOME/seen"'
	event Stop | ccm-hook run
	event SessionStart-startup | ccm-hook run
	[ "$(cat "$HOME/seen")" = Stop ]
}

@test "automations: the event arrives on stdin byte for byte" {
	automation 50-copy <<<'cat >"$HOME/copy"'
	event PreToolUse-Write-odd-unicode >in
	ccm-hook run <in
	cmp in "$HOME/copy"
}

@test "automations: one that reads stdin by line gets the event as a whole line" {
	automation 50-line <<<'read -r line || exit 2; [ "${#line}" -gt 100 ] || exit 2'
	event PreToolUse-Bash | tr -d '\n' >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
}

@test "automations: the fields they need most are in the environment" {
	automation 50-env 'Event: PreToolUse' <<<'env >"$HOME/env"'
	event PreToolUse-Bash-in-subagent | CLAUDE_PROJECT_DIR=/home/dev/start ccm-hook run
	grep -qx 'CCM_EVENT=PreToolUse' "$HOME/env"
	grep -qx "CCM_TOOL_COMMAND=$(event PreToolUse-Bash-in-subagent | jq -r .tool_input.command)" "$HOME/env"
	grep -qx 'CCM_TOOL=Bash' "$HOME/env"
	grep -qx 'CCM_PROJECT=/home/dev/start' "$HOME/env"
	grep -qx "CCM_SESSION_ID=$(event PreToolUse-Bash-in-subagent | jq -r .session_id)" "$HOME/env"
	grep -qx "CCM_EVENT_ID=$(db 'SELECT uuid FROM event')" "$HOME/env"
	grep -qx 'CCM_AUTOMATION=env' "$HOME/env"
	grep -qx "CCM_HOME=$CCM_HOME" "$HOME/env"
	[ -x "$(sed -n 's/^CCM_HOOK=//p' "$HOME/env")" ]
	[ -r "$(sed -n 's/^CCM_LIB_SH=//p' "$HOME/env")/ccm.sh" ]
}

@test "automations: what an outer hook has set is not taken for this event's" {
	automation 50-env 'Event: Stop' <<<'echo "${CCM_TOOL_COMMAND-unset}" >"$HOME/env"'
	event Stop | CCM_TOOL_COMMAND=old ccm-hook run
	[ "$(cat "$HOME/env")" = unset ]
}

@test "automations: a command too long for the environment is left out and named, and is whole on stdin" {
	automation 50-env 'Event: PreToolUse' <<-'EOS'
		echo "${CCM_TOOL_COMMAND-unset} $CCM_OMITTED" >"$HOME/env"
		jq '.tool_input.command | length' >>"$HOME/env"
	EOS
	event PreToolUse-Bash '.tool_input.command = ("x" * 200000)' | ccm-hook run
	[ "$(tr '\n' ' ' <"$HOME/env")" = "unset CCM_TOOL_COMMAND 200000 " ]
}

@test "automations: a NUL in a command cannot hide what stands behind it" {
	automation 50-env 'Event: PreToolUse' <<<'printf %s "$CCM_TOOL_COMMAND" >"$HOME/env"'
	event PreToolUse-Bash '.tool_input.command = "true \u0000; rm x"' | ccm-hook run
	[ "$(cat "$HOME/env")" = $'true \ufffd; rm x' ]
}

@test "automations: equal order numbers run side by side" {
	for i in 1 2 3 4; do
		automation "50-wait$i" 'Event: Stop' <<-EOS
			touch "\$HOME/here$i"
			for n in \$(seq 200); do
				[ -e "\$HOME/here1" ] && [ -e "\$HOME/here2" ] && [ -e "\$HOME/here3" ] && [ -e "\$HOME/here4" ] && exit 0
				sleep 0.05
			done
			exit 1
		EOS
	done
	event Stop | ccm-hook run
	[ "$(db "SELECT count(*) FROM run WHERE exit_status = 0")" = 4 ]
}

@test "automations: different order numbers run one after the other" {
	automation 20-second <<<'echo second >>"$HOME/seen"'
	automation 10-first <<<'sleep 0.2; echo first >>"$HOME/seen"'
	automation last <<<'echo last >>"$HOME/seen"'
	event Stop | ccm-hook run
	[ "$(tr '\n' ' ' <"$HOME/seen")" = "first second last " ]
	[ "$(db "SELECT group_concat(stage || automation, ' ') FROM run")" = "10first 20second 50last" ]
}

@test "automations: a deny ends it, and later stages are not run" {
	automation 10-no 'Event: PreToolUse' <<<'echo no >&2; exit 2'
	automation 20-late <<<'touch "$HOME/late"'
	event PreToolUse-Bash | ccm-hook run
	[ ! -e "$HOME/late" ]
}

@test "automations: a run is kept with stage, exit status, verdict, reason, output and time" {
	automation 30-no 'Event: PreToolUse' <<<'echo out; echo err >&2; exit 2'
	event PreToolUse-Bash | ccm-hook run
	run -0 db "SELECT automation, stage, exit_status, signal IS NULL, timed_out, verdict, reason, trim(stdout, char(10)), trim(stderr, char(10)), stdout_bytes, stderr_bytes, took_us > 0 FROM run"
	[ "$output" = "no|30|2|1|0|deny|err|out|err|4|4|1" ]
}

@test "automations: an event whose run was killed half way is kept as not finished" {
	automation 50-slow 'Event: Stop' <<<'touch "$HOME/started"; sleep 20'
	event Stop >in
	ccm-hook run <in 3>&- &
	hook=$!
	eventually test -e "$HOME/started"
	kill -KILL "$hook"
	wait "$hook" || true
	pkill -KILL -f "$CCM_HOME/automations/enabled/50-slow" || true
	[ "$(db "SELECT event || (verdict IS NULL) FROM event")" = Stop1 ]
}

@test "automations: SIGTERM to the hook ends the automation and stores what happened" {
	automation 50-slow 'Event: PreToolUse' <<<'trap "touch $HOME/ended; exit 0" TERM; touch "$HOME/started"; while :; do sleep 0.05; done'
	event PreToolUse-Bash >in
	ccm-hook run <in 3>&- &
	hook=$!
	eventually test -e "$HOME/started"
	kill -TERM "$hook"
	wait "$hook"
	[ -e "$HOME/ended" ]
	[[ $(db "SELECT problem FROM run") == *"asked to end"* ]]
}

@test "automations: a deadline ends the whole process group" {
	automation 50-slow 'Event: PreToolUse' 'Timeout: 200ms' <<<'sleep 20 & echo $! >"$HOME/pid"; sleep 20'
	event PreToolUse-Bash >in
	run -0 --separate-stderr timeout 10 ccm-hook run <in
	[ -z "$output" ]
	[ "$(db "SELECT timed_out || verdict FROM run")" = 1none ]
	state=$(ps -o stat= -p "$(cat "$HOME/pid")" || true)
	[ -z "$state" ] || [[ $state == Z* ]]
}

@test "automations: one that ignores SIGTERM is killed" {
	automation 50-deaf 'Event: PreToolUse' 'Timeout: 200ms' <<<'trap "" TERM; while :; do sleep 1; done'
	event PreToolUse-Bash >in
	run -0 timeout 10 ccm-hook run <in
	[ "$(db "SELECT timed_out || signal FROM run")" = 19 ]
}

# Native: under valgrind ccm-hook alone takes half of the second that is left.
# bats test_tags=native
@test "automations: all is over well before the timeout the hook is registered with" {
	automation 10-slow 'Event: PreToolUse' 'Timeout: 60s' <<<'sleep 60'
	automation 20-never 'Event: PreToolUse' 'On-failure: closed' <<<'sleep 60'
	event PreToolUse-Bash >in
	SECONDS=0
	run -0 --separate-stderr ccm-hook run --timeout 3 <in
	[ "$SECONDS" -lt 4 ]
	[ "$(verdict)" = deny ]
	[[ $(reason) == "never: was ended at its deadline"* ]]
}

@test "automations: a crash lets the tool run, and is kept" {
	automation 50-crash 'Event: PreToolUse' <<<'kill -SEGV $$'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	[[ $(db "SELECT signal || problem FROM run") == "11was ended by signal 11 (Segmentation fault)" ]]
}

@test "automations: On-failure closed turns a crash into a deny" {
	automation 50-crash 'Event: PreToolUse' 'On-failure: closed' <<<'kill -SEGV $$'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[ "$(reason)" = "crash: was ended by signal 11 (Segmentation fault); it refuses when it fails (On-failure: closed)" ]
}

@test "automations: On-failure closed turns a timeout into a deny" {
	automation 50-slow 'Event: PreToolUse' 'Timeout: 100ms' 'On-failure: closed' <<<'sleep 20'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(reason) == "slow: was ended at its deadline"* ]]
}

@test "automations: On-failure closed turns bad output into a deny" {
	automation 50-half 'Event: PreToolUse' 'On-failure: closed' <<<"printf '{\"hookSpecificOutput\": {'"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(reason) == "half: stdout begins with { but is not one JSON document"* ]]
}

@test "automations: On-failure closed denies tool calls only" {
	automation 50-crash 'On-failure: closed' <<<'exit 9'
	event PostToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
}

@test "automations: a daemon that keeps our pipes is not waited for, and lives on" {
	automation 50-daemon 'Event: PreToolUse' <<<'sleep 15 & echo $! >"$HOME/pid"; echo "no" >&2; exit 2'
	event PreToolUse-Bash >in
	SECONDS=0
	run -0 --separate-stderr ccm-hook run <in
	[ "$SECONDS" -lt 10 ]
	[ "$(reason)" = "daemon: no" ]
	kill "$(cat "$HOME/pid")"
}

@test "automations: nothing that one leaves behind holds the stdout or stderr of the hook" {
	automation 50-daemon 'Event: PreToolUse' <<<'sleep 15 & echo $! >"$HOME/pid"'
	event PreToolUse-Bash >in
	SECONDS=0
	ccm-hook run <in 2>&1 3>&- | cat
	[ "$SECONDS" -lt 10 ]
	kill "$(cat "$HOME/pid")"
}

@test "automations: 10 MB of output are cut, counted, and count as a failure" {
	automation 50-loud 'Event: PreToolUse' 'On-failure: closed' <<<'head -c 10485760 /dev/zero | tr "\0" x'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(reason)" = "loud: printed 10485760 bytes, more than the 1048576 that are taken; it refuses when it fails (On-failure: closed)" ]
	[ "$(db "SELECT stdout_bytes, length(stdout) FROM run")" = "10485760|4096" ]
}

@test "automations: one that does not read its stdin is fine with megabytes of it" {
	automation 50-deaf 'Event: PreToolUse' <<<'exit 0'
	event PreToolUse-Write '.tool_input.content = ("x" * 3000000)' >in
	run -0 timeout 20 ccm-hook run <in
	[ "$(db "SELECT exit_status FROM run")" = 0 ]
}

@test "automations: one that reads slowly gets all of it" {
	automation 50-slow 'Event: PreToolUse' <<<'sleep 0.3; wc -c >"$HOME/count"'
	event PreToolUse-Write '.tool_input.content = ("x" * 3000000)' >in
	run -0 timeout 20 ccm-hook run <in
	[ "$(cat "$HOME/count")" -eq "$(wc -c <in)" ]
}

@test "automations: one that is not executable is named with the remedy" {
	automation 50-plain 'Event: PreToolUse' <<<'exit 2'
	chmod -x "$CCM_HOME/automations/enabled/50-plain"
	event PreToolUse-Bash | ccm-hook run
	[[ $(db "SELECT problem FROM run") == *"50-plain' is not executable: run chmod +x"* ]]
}

# Native, this one and the next: valgrind gives up where execve() fails.
# bats test_tags=native
@test "automations: one without an interpreter line is named with the remedy" {
	automation 50-bare <<<''
	printf 'echo hi\n' >"$CCM_HOME/automations/enabled/50-bare"
	event PreToolUse-Bash | ccm-hook run
	[[ $(db "SELECT problem FROM run") == *"its first line must be #! and an interpreter"* ]]
}

# bats test_tags=native
@test "automations: one whose interpreter is missing says so" {
	automation 50-odd <<<''
	printf '#!/no/such/interpreter\n' >"$CCM_HOME/automations/enabled/50-odd"
	event PreToolUse-Bash | ccm-hook run
	[[ $(db "SELECT problem FROM run") == *"the interpreter in its first line"* ]]
}

@test "automations: a dangling link is named" {
	mkdir -p -m 700 "$CCM_HOME/automations/enabled"
	ln -s /no/such/file "$CCM_HOME/automations/enabled/50-gone"
	event PreToolUse-Bash | ccm-hook run
	[[ $(db "SELECT problem FROM run") == *"50-gone' is a link to nothing"* ]]
}

@test "automations: a script that others can write is refused by name, and fails closed if it is closed" {
	automation 50-open 'Event: PreToolUse' 'On-failure: closed' <<<'touch "$HOME/ran"'
	chmod 0777 "$CCM_HOME/automations/enabled/50-open"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ ! -e "$HOME/ran" ]
	[[ $(reason) == "open: '"*"50-open' can be written by others: run chmod go-w"* ]]
}

@test "automations: a script of another user is refused by name" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give files away"
	automation 50-theirs 'Event: PreToolUse' <<<'touch "$HOME/ran"'
	chown nobody "$CCM_HOME/automations/enabled/50-theirs"
	event PreToolUse-Bash | ccm-hook run
	[ ! -e "$HOME/ran" ]
	[[ $(db "SELECT problem FROM run") == *"belongs to another user"* ]]
}

@test "automations: a folder that others can write is said, and does not disarm what is in it" {
	automation 50-no 'Event: PreToolUse' <<<'echo no >&2; exit 2'
	chmod 0777 "$CCM_HOME/automations/enabled"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[[ $stderr == *"enabled' can be written by others"* ]]
}

@test "automations: a broken manifest is shown, never a script that silently does nothing" {
	automation 50-typo 'Evnet: PreToolUse' <<<'exit 0'
	event PreToolUse-Bash | ccm-hook run
	[[ $(db "SELECT problem FROM run") == *"'Evnet'"*"'Event'"* ]]
	event UserPromptSubmit >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(jq -r .systemMessage <<<"$output") == *"automation typo cannot run"* ]]
}

@test "automations: NAME.ini beside a program stands in for its header" {
	automation 50-plain <<<'touch "$HOME/ran"'
	printf 'event = PostToolUse\n' >"$CCM_HOME/automations/enabled/50-plain.ini"
	event PreToolUse-Bash | ccm-hook run
	[ ! -e "$HOME/ran" ]
	event PostToolUse-Bash | ccm-hook run
	[ -e "$HOME/ran" ]
}

@test "automations: a program that Libexec names is started without the script, which runs where it is missing" {
	mkdir "$BATS_TEST_TMPDIR/libexec" && export CCM_LIBEXEC_DIR="$BATS_TEST_TMPDIR/libexec"
	printf '#!/bin/sh\ncat >"%s/event"; echo "$1 $2 $CCM_AUTOMATION" >"%s/given"\n' "$BATS_TEST_TMPDIR" "$BATS_TEST_TMPDIR" \
		>"$CCM_LIBEXEC_DIR/judge"
	chmod +x "$CCM_LIBEXEC_DIR/judge"
	automation 50-a "Libexec: judge all  of-it" <<<'echo missing >&2; exit 2'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$output" ]
	cmp in "$BATS_TEST_TMPDIR/event"
	[ "$(cat "$BATS_TEST_TMPDIR/given")" = "all of-it a" ]
	rm "$CCM_LIBEXEC_DIR/judge"
	run -0 --separate-stderr ccm-hook run <in
	[[ $output == *'"deny"'*missing* ]]
}

@test "automations: hidden files, backups and settings files are not automations" {
	automation .hidden <<<'touch "$HOME/ran"'
	automation '50-old~' <<<'touch "$HOME/ran"'
	automation 50-settings.ini <<<'touch "$HOME/ran"'
	event Stop | ccm-hook run
	[ ! -e "$HOME/ran" ]
}

@test "automations: the folder of the project is not run" {
	mkdir -p .ccm/automations/enabled
	printf '#!/bin/sh\ntouch "$HOME/ran"\n' >.ccm/automations/50-theirs
	chmod +x .ccm/automations/50-theirs
	cp .ccm/automations/50-theirs .ccm/automations/enabled/
	event Stop ".cwd = \"$PWD\"" | CLAUDE_PROJECT_DIR="$PWD" ccm-hook run
	[ ! -e "$HOME/ran" ]
}

@test "automations: none of our descriptors reach them, and their signals are as usual" {
	# The shell reads its own state: while it starts a program, it blocks signals for a moment.
	automation 50-fds 'Event: Stop' <<-'END'
		ls -l /proc/$$/fd >"$HOME/fds"
		while read -r name mask; do
			case $name in SigIgn: | SigBlk:) echo "$name $mask" >>"$HOME/sigs" ;; esac
		done </proc/self/status
	END
	event Stop | ccm-hook run
	run -1 grep -E 'ccm\.db|/automations$' "$HOME/fds"
	# The C library keeps 32 and 33 to itself.
	while read -r _ mask; do
		[ "$((16#$mask & 0x7fffffff))" -eq 0 ]
	done <"$HOME/sigs"
	[ "$(wc -l <"$HOME/sigs")" -eq 2 ]
}
