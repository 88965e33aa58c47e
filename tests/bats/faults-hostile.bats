#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Input that means harm: what is sent, what lies where ccm-hook looks, and other users of the machine.
load helper
load faults
setup() { ccm_sandbox; }
teardown() {
	[ -z "${planted-}" ] || rm -rf "$planted"
}

# Usage: sees - an automation that keeps what it is told, and refuses.
sees() {
	automation 50-no 'Event: PreToolUse' 'Match: Bash' <<-'END'
		cat >"$HOME/stdin"
		env -0 >"$HOME/env"
		echo "no" >&2
		exit 2
	END
}

# Usage: told NAME - what the automation found in that variable, byte for byte.
told() { tr '\0\n' '\n\001' <"$HOME/env" | sed -n "s/^$1=//p" | tr '\001' '\n'; }

verdict() { jq -r .hookSpecificOutput.permissionDecision <<<"$output"; }
reason() { jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output"; }

# Usage: judged FILE - the event is refused by the automation and kept, byte for byte.
judged() {
	run -0 --separate-stderr ccm-hook run <"$1"
	[ "$(verdict)" = deny ]
	[ -z "$stderr" ]
	cmp "$1" "$HOME/stdin"
	ccm-hook show last --payload >kept
	tr -d '\n' <"$1" | cmp - kept
	[ "$(db 'SELECT valid FROM event')" = 1 ]
}

# Usage: tool_call TOOL_INPUT - an event with that text as its tool_input.
tool_call() {
	printf '{"session_id":"s","transcript_path":"/t","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"u","tool_input":%s}\n' "$1"
}

# ------------------------------------------------------------------------------------------------ what is sent

@test "hostile: JSON that is 100,000 deep is judged and kept" {
	sees
	tool_call "{\"command\":\"ls\",\"x\":$(printf '%*s' 100000 '' | tr ' ' '[')$(printf '%*s' 100000 '' | tr ' ' ']')}" >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	# Half as deep is more than the client can write.
	[[ $stderr == *"nested too deeply"* ]]
	cmp in "$HOME/stdin"
	[ "$(told CCM_TOOL_COMMAND)" = ls ]
	ccm-hook show last --payload | cmp - <(tr -d '\n' <in)
	run -0 ccm-hook show last
	run -0 ccm-hook log -o json --grep '\[\[\[\['
	[ "${#lines[@]}" -eq 1 ]
}

@test "hostile: JSON as deep as the client can write it is judged and kept" {
	sees
	tool_call "{\"x\":$(printf '%*s' 5000 '' | tr ' ' '[')$(printf '%*s' 5000 '' | tr ' ' ']'),\"command\":\"ls\"}" >in
	judged in
	[ "$(told CCM_TOOL_COMMAND)" = ls ]
}

@test "hostile: 10,000 keys, before and after what counts, are judged and kept" {
	local keys
	sees
	keys=$(seq -f '"k%.0f":0' -s , 10000)
	printf '{%s,"session_id":"s","transcript_path":"/t","cwd":"/","hook_event_name":"PreToolUse","tool_name":"Bash","tool_use_id":"u","tool_input":{%s,"command":"ls",%s},%s}\n' \
		"$keys" "$keys" "$keys" "$keys" >in
	judged in
	[ "$(told CCM_TOOL_COMMAND)" = ls ]
}

@test "hostile: numbers that no machine can hold pass as they were written" {
	sees
	tool_call '{"command":"ls","a":1e999999,"b":-0.0,"c":123456789012345678901234567890,"d":1E-400,"e":9007199254740993}' >in
	judged in
}

@test "hostile: a doubled command is judged as the client will run it" {
	sees
	printf '{"session_id":"s","transcript_path":"/t","cwd":"/","hook_event_name":"Stop","tool_name":"Read","tool_use_id":"u","tool_input":{"command":"ls","command":"rm -rf /","\\u0063ommand":"mkfs"},"hook_event_name":"PreToolUse","tool_name":"Bash"}\n' >in
	judged in
	[ "$(told CCM_TOOL_COMMAND)" = mkfs ]
}

@test "hostile: names and paths with quotes, newlines, \$() and control bytes stay what they are" {
	local odd=$'a\'b"c`touch hit`$(touch hit);touch hit\n\\n\t\033]0;x\007%s%n\177..//\u202e'
	sees
	jq -c --arg odd "$odd" '.session_id = $odd | .cwd = $odd | .tool_use_id = $odd | .prompt_id = $odd | .agent_id = $odd
		| .permission_mode = $odd | .tool_input = {command: $odd, file_path: $odd}' "$FIXTURES/hooks/PreToolUse-Bash.json" >in
	judged in
	for name in CCM_SESSION_ID CCM_CWD CCM_TOOL_USE_ID CCM_TOOL_COMMAND CCM_TOOL_FILE CCM_AGENT_ID; do
		[ "$(told "$name")" = "$odd" ]
	done
	[ "$(db "SELECT count(DISTINCT value) FROM event, json_each(json_array(session_id, cwd, tool_use_id, prompt_id, agent_id, permission_mode))")" = 1 ]
	[ "$(db 'SELECT session_id FROM event')" = "$odd" ]
	run -0 ccm-hook log --session "$odd" -o full
	[[ $output != *$'\033'* && $output != *$'\007'* && $output != *$'\177'* ]]
	run -0 ccm-hook show last
	[[ $output != *$'\033'* && $output != *$'\007'* && $output != *$'\177'* ]]
	[ -z "$(find "$HOME" -name hit)" ]
}

@test "hostile: ids that look like SQL, paths or options do nothing but name" {
	local id
	ccm-hook init
	printf '[storage]\nkeep_open = 0\n' >"$CCM_HOME/config.ini"
	for id in "'; DROP TABLE event; --" '../../../../tmp/x' '-rf' '%00' '*' '' "$(printf '%*s' 200000 '' | tr ' ' x)"; do
		jq -c --rawfile id <(printf %s "$id") '.session_id = $id | .tool_name = $id | .tool_use_id = $id | .agent_id = $id' \
			"$FIXTURES/hooks/PreToolUse-Bash.json" | ccm-hook run
		[ "$(db "SELECT session_id FROM event ORDER BY id DESC LIMIT 1")" = "$id" ]
		[ "$(db "SELECT tool FROM event ORDER BY id DESC LIMIT 1")" = "$id" ]
	done
	[ "$(db 'SELECT count(*) FROM event')" = 7 ]
	[ "$(db 'PRAGMA integrity_check')" = ok ]
	run -0 ccm-hook log --session "'; DROP TABLE event; --" -o json
	[ "${#lines[@]}" -eq 1 ]
	run -0 ccm-hook log --tool '../../../../tmp/x' -o json
	[ "${#lines[@]}" -eq 1 ]
	[ "$(find "$CCM_HOME" -mindepth 1 -maxdepth 1 -printf '%f ' | xargs -n 1 | sort | xargs)" = \
		'automations ccm.db ccm.db-shm ccm.db-wal config.ini spool state.db state.db-shm state.db-wal' ]
}

@test "hostile: what is remembered for a session is kept apart, whatever the session is called" {
	automation 50-state <<-'END'
		"$CCM_HOOK" state --session set k "$CCM_TOOL_USE_ID"
	END
	jq -c '.session_id = "a\u0027; --" | .tool_use_id = "1"' "$FIXTURES/hooks/PreToolUse-Bash.json" | ccm-hook run
	jq -c '.session_id = "../a" | .tool_use_id = "2"' "$FIXTURES/hooks/PreToolUse-Bash.json" | ccm-hook run
	[ "$(db "SELECT group_concat(session_id || '=' || value, ' ') FROM (SELECT * FROM state ORDER BY value)")" = "a'; --=1 ../a=2" ]
}

# ------------------------------------------------------------------------------------- what lies where ccm-hook looks

@test "hostile: names of automations that lead out of their folder are refused" {
	local name before
	ccm-hook init
	printf '#!/bin/sh\n' >mine
	chmod +x mine
	before=$(find "$HOME" "$CCM_HOME" | sort)
	for name in ../mine a/../../mine $'a\nb' $'a\033b' -- . .. .mine mine.ini 'mine~' "$(printf '%*s' 300 '' | tr ' ' x)"; do
		for command in enable disable test; do
			run --separate-stderr ccm-hook "$command" -- "$name"
			[ "$status" -ne 0 ]
			[ -n "$stderr" ]
			[[ $stderr != *$'\033'* ]]
		done
	done
	[ "$(find "$HOME" "$CCM_HOME" | sort)" = "$before" ]
}

@test "hostile: an automation's file name with quotes and newlines is a name like others" {
	local odd=$'50-o\'d"d $(touch hit)\n;x'
	automation "$odd" 'Event: PreToolUse' <<<'printf "%s" "$CCM_AUTOMATION" >"$HOME/name"; echo "no" >&2; exit 2'
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[ "$(cat "$HOME/name")" = "${odd#50-}" ]
	[ "$(db 'SELECT automation FROM run')" = "${odd#50-}" ]
	run -0 ccm-hook list
	run -0 ccm-hook show last
	[ -z "$(find "$HOME" -name hit)" ]
}

@test "hostile: a FIFO, a folder or a link to a terminal in the place of config.ini holds nobody up" {
	sees
	event PreToolUse-Bash >in
	mkfifo "$CCM_HOME/config.ini"
	run -0 --separate-stderr timeout 20 ccm-hook run <in
	[ "$(verdict)" = deny ]
	[[ $stderr == *"config.ini: not a regular file; using the defaults"* ]]
	rm "$CCM_HOME/config.ini"
	mkdir "$CCM_HOME/config.ini"
	run -0 --separate-stderr timeout 20 ccm-hook run <in
	[[ $stderr == *"config.ini: not a regular file; using the defaults"* ]]
	rmdir "$CCM_HOME/config.ini"
	ln -s /dev/ptmx "$CCM_HOME/config.ini"
	run -0 --separate-stderr timeout 20 ccm-hook run <in
	[[ $stderr == *"config.ini: not a regular file; using the defaults"* ]]
}

@test "hostile: a FIFO or a folder among the automations holds nobody up, and is named" {
	sees
	mkfifo "$CCM_HOME/automations/enabled/40-fifo" "$CCM_HOME/automations/enabled/50-no.ini"
	mkdir "$CCM_HOME/automations/enabled/41-folder"
	event PreToolUse-Bash >in
	run -0 --separate-stderr timeout 20 ccm-hook run <in
	[ "$(db "SELECT group_concat(automation || ': ' || problem, char(10)) FROM run")" = \
		"fifo: '$CCM_HOME/automations/enabled/40-fifo' is not a regular file
folder: '$CCM_HOME/automations/enabled/41-folder' is not a regular file
no: cannot read '$CCM_HOME/automations/enabled/50-no.ini': not a regular file" ]
}

@test "hostile: a link in the place of the database leads to no harm" {
	sees
	event PreToolUse-Bash >in
	printf 'my precious notes, longer than nothing\n%600s' x >precious
	cp precious copy
	for target in precious /dev/null /dev/zero in-no-folder/db; do
		rm -f "$CCM_HOME"/ccm.db*
		ln -s "$target" "$CCM_HOME/ccm.db"
		[ "$target" != precious ] || ln -sf "$PWD/precious" "$CCM_HOME/ccm.db"
		run -0 --separate-stderr timeout 20 ccm-hook run <in
		[ "$(verdict)" = deny ]
		[[ $stderr == *"$CCM_HOME/ccm.db"* ]]
		cmp precious copy
	done
}

@test "hostile: links, FIFOs, folders and foreign files in the spool are put aside, and the rest comes in" {
	local spool="$CCM_HOME/spool" uuid=019f0000-0000-7000-8000-00000000000
	sees
	ccm-hook init
	mv "$CCM_HOME/ccm.db" "$HOME/"
	mkdir "$CCM_HOME/ccm.db"
	event PreToolUse-Bash | ccm-hook run >answer 2>/dev/null
	rmdir "$CCM_HOME/ccm.db"
	mv "$HOME/ccm.db" "$CCM_HOME/"
	[ "$(find "$spool" -name '*.event' | wc -l)" = 1 ]
	printf 'precious\n' >precious
	ln -s "$PWD/precious" "$spool/${uuid}1.event"
	mkfifo "$spool/${uuid}2.event"
	mkdir "$spool/${uuid}3.event"
	printf '{"uuid":"x"}\n' >"$spool/${uuid}4.event"
	head -c 300000 /dev/urandom >"$spool/${uuid}5.event"
	: >"$spool/${uuid}6.event"
	if [ "$(id -u)" -eq 0 ]; then
		printf '{}\n\n' >"$spool/${uuid}7.event"
		chown nobody "$spool/${uuid}7.event"
	fi
	event Stop >in
	run -0 --separate-stderr timeout 20 ccm-hook run <in
	[[ $stderr == *"'$spool/${uuid}1.event' is not a spooled event (a symbolic link): it is kept as '${uuid}1.bad'"* ]]
	[[ $stderr == *"'$spool/${uuid}2.event' is not a spooled event (not a regular file)"* ]]
	[ -z "$(find "$spool" -name '*.event')" ]
	[ "$(find "$spool" -name '*.bad' | wc -l)" -ge 6 ]
	[ "$(cat precious)" = precious ]
	[ "$(db "SELECT count(*) FROM event WHERE event = 'PreToolUse' AND verdict = 'deny'")" = 1 ]
	run -0 --separate-stderr ccm-hook run <in
	[ -z "$stderr" ]
}

@test "hostile: a spool that is a link to a folder of one's own works, one to nothing does no harm" {
	sees
	ccm-hook init
	rmdir "$CCM_HOME/spool"
	mkdir elsewhere
	ln -s "$PWD/elsewhere" "$CCM_HOME/spool"
	mv "$CCM_HOME/ccm.db" "$HOME/"
	mkdir "$CCM_HOME/ccm.db"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(find elsewhere -name '*.event' | wc -l)" = 1 ]
	mv elsewhere gone
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[[ $stderr == *"the event waits in '$XDG_RUNTIME_DIR/ccm-spool-"* ]]
	mv gone elsewhere
	rmdir "$CCM_HOME/ccm.db"
	mv "$HOME/ccm.db" "$CCM_HOME/"
	event Stop | ccm-hook run
	[ "$(db "SELECT count(*) FROM event WHERE event = 'PreToolUse'")" = 2 ]
}

# ------------------------------------------------------------------------------------------------ other users

# Usage: asked WORDS - nothing from CCM_HOME was used or changed; the call is asked about, with the words; the event waits.
asked() {
	local before after
	before=$(find "$CCM_HOME/" -printf '%p %i %m %T@\n' 2>/dev/null | grep -v '/ ' | sort)
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = ask ] || { echo "answered: $output" >&2; return 1; }
	[[ $(reason) == "ccm: no automation could look at this call: "*"$1"* ]] || { reason >&2; return 1; }
	[[ $stderr == *"the event waits in '$XDG_RUNTIME_DIR/ccm-spool-"* ]]
	[ ! -e "$HOME/stdin" ]
	after=$(find "$CCM_HOME/" -printf '%p %i %m %T@\n' 2>/dev/null | grep -v '/ ' | sort)
	[ "$before" = "$after" ]
	event UserPromptSubmit >in
	run -0 --separate-stderr ccm-hook run <in
	[[ $(jq -r .systemMessage <<<"$output") == *"$1"*"ccm-hook doctor tells more"* ]]
}

# Usage: mended - all is well again, and what waited comes in.
mended() {
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[ -z "$stderr" ]
	[ "$(db "SELECT group_concat(verdict) FROM (SELECT verdict FROM event ORDER BY received_ms)")" = ask,none,deny ]
	[ -z "$(ls "$XDG_RUNTIME_DIR")" ]
}

@test "hostile: nothing in a CCM_HOME that others can write is used" {
	local mode
	sees
	ccm-hook init
	for mode in g+w o+w; do
		chmod "$mode" "$CCM_HOME"
		asked "others can write '$CCM_HOME' and change what is in it: run chmod go-w '$CCM_HOME'"
		chmod 700 "$CCM_HOME"
		mended
		rm -f "$HOME/stdin" "$CCM_HOME"/ccm.db*
	done
}

@test "hostile: nothing in a CCM_HOME of another user is used" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give files away"
	sees
	ccm-hook init
	chown 65534 "$CCM_HOME"
	asked "'$CCM_HOME' belongs to another user (uid 65534), who can change what is in it"
	chown 0 "$CCM_HOME"
	mended
}

@test "hostile: nothing in a CCM_HOME that others can replace is used" {
	local open="$HOME/open"
	mkdir -m 777 "$open"
	export CCM_HOME="$open/ccm"
	sees
	ccm-hook init 2>/dev/null || :
	asked "everybody can write '$open' and put another '$CCM_HOME' there: run chmod o-w '$open'"
	chmod o-w "$open"
	event Stop | ccm-hook run
	[ "$(db "SELECT group_concat(verdict) FROM (SELECT verdict FROM event ORDER BY received_ms)")" = ask,none,none ]
}

@test "hostile: a CCM_HOME in a folder that is everybody's but sticky, as /tmp is, is one's own" {
	mkdir -m 1777 "$HOME/open"
	export CCM_HOME="$HOME/open/ccm"
	sees
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	[ -z "$stderr" ]
}

@test "hostile: a link to CCM_HOME counts only if it is one's own, and what it leads through is looked at" {
	mkdir -m 1777 "$HOME/open"
	export CCM_HOME="$HOME/open/ccm"
	mkdir -m 700 "$HOME/mine"
	ln -s "$HOME/mine" "$CCM_HOME"
	sees
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ "$(verdict)" = deny ]
	rm -f "$HOME/stdin"
	if [ "$(id -u)" -eq 0 ]; then
		chown -h 65534 "$CCM_HOME"
		asked "'$CCM_HOME' is a link of another user's (uid 65534)"
		chown -h 0 "$CCM_HOME"
	fi
	mkdir -m 777 "$HOME/wide"
	mv "$HOME/mine" "$HOME/wide/mine"
	ln -sfn "$HOME/wide/mine" "$CCM_HOME"
	asked "everybody can write '$HOME/wide'"
}

@test "hostile: a folder of automations that others can reach and write disarms nobody" {
	sees
	ccm-hook init
	chmod 755 "$CCM_HOME" "$CCM_HOME/automations"
	chmod 777 "$CCM_HOME/automations/enabled"
	asked "others can write '$CCM_HOME/automations/enabled'"
	chmod 755 "$CCM_HOME/automations/enabled"
	chmod 775 "$CCM_HOME/automations"
	asked "others can write '$CCM_HOME/automations'"
}

@test "hostile: a script in a folder that everybody can write is refused by name, and closed if it is closed" {
	sees
	mkdir -m 777 open
	printf '#!/bin/sh\n# On-failure: closed\ntouch "$HOME/ran"\n' >open/script
	chmod 755 open/script
	ln -s "$PWD/open/script" "$CCM_HOME/automations/enabled/20-open"
	event PreToolUse-Bash >in
	run -0 --separate-stderr ccm-hook run <in
	[ ! -e "$HOME/ran" ]
	[[ $(reason) == "open: everybody can write '$PWD/open' and put another '$PWD/open/script' there"* ]]
	run -0 ccm-hook list
	[[ $output == *"everybody can write '$PWD/open'"* ]]
	rm "$CCM_HOME/automations/enabled/20-open"
	run -1 --separate-stderr ccm-hook enable ./open/script
	[[ $stderr == *"everybody can write '$PWD/open'"* ]]
}

@test "hostile: commands refuse a CCM_HOME that others can write, and doctor says what to do" {
	local command
	sees
	ccm-hook init
	chmod o+w "$CCM_HOME"
	for command in init log 'show last' stats 'db SELECT' 'enable event-note' 'disable no' tidy 'prune --max-age 1d' 'alert info x'; do
		# shellcheck disable=SC2086 # a command and its arguments
		run -1 --separate-stderr ccm-hook $command
		[ -z "$output" ]
		[[ $stderr == *"others can write '$CCM_HOME' and change what is in it: run chmod go-w '$CCM_HOME'"* ]]
	done
	run -1 --separate-stderr ccm-hook doctor
	[[ $output == *"others can write '$CCM_HOME'"* ]]
}

@test "hostile: a refuge that somebody else has prepared is not used" {
	local name
	mkdir -p -m 700 "$CCM_HOME"
	chmod o+w "$CCM_HOME"
	event Stop | ccm-hook run 2>/dev/null
	name=$(ls "$XDG_RUNTIME_DIR")
	planted="/dev/shm/$name"
	mv "$XDG_RUNTIME_DIR/$name" "$HOME/real"
	event Stop >in
	ln -s "$HOME/real" "$XDG_RUNTIME_DIR/$name"
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"the event waits in '/dev/shm/$name'"* ]]
	rm "$XDG_RUNTIME_DIR/$name"
	mkdir -m 755 "$XDG_RUNTIME_DIR/$name"
	run -0 --separate-stderr ccm-hook run <in
	[[ $stderr == *"the event waits in '/dev/shm/$name'"* ]]
	if [ "$(id -u)" -eq 0 ]; then
		chmod 700 "$XDG_RUNTIME_DIR/$name"
		chown 65534 "$XDG_RUNTIME_DIR/$name"
		run -0 --separate-stderr ccm-hook run <in
		[[ $stderr == *"the event waits in '/dev/shm/$name'"* ]]
	fi
	[ -z "$(ls "$XDG_RUNTIME_DIR/$name")" ]
	[ "$(find "$HOME/real" -name '*.event' | wc -l)" = 1 ]
}
