# SPDX-License-Identifier: MIT
# Which alerts come of what happens, and which channel gets them when. The channel here is a program.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	unset XDG_RUNTIME_DIR
	(umask 077 && mkdir "$CCM_HOME")
	printf '#!/bin/sh\ncat >>"%s/told"\necho >>"%s/told"\n' "$HOME" "$HOME" >"$HOME/tell"
	chmod 0755 "$HOME/tell"
	configured
	# The lock of a daemon that does nothing: no hook delivers by itself.
	exec 9>"$CCM_HOME/supervisor.lock"
	flock 9
}

# Usage: configured [LINE...] - lines of [alerts] beside the channel.
configured() {
	printf '%s\n' '[alerts]' "$@" '[command]' "run = $HOME/tell" >"$CCM_HOME/config.ini"
}

# Usage: hears FIXTURE [JQ-FILTER] - an event happens. The status is the hook's.
hears() { event "$@" | ccm-hook run >/dev/null 2>"$BATS_TEST_TMPDIR/hook.err"; }

# Usage: told - delivers, and prints of what the channel was told since it was last asked: level, kind, title, times.
told() {
	ccm-supervisor deliver --once || return
	[ ! -e "$HOME/told" ] || jq -r '[.level, .kind // "-", .title, .times] | join("|")' "$HOME/told"
	rm -f "$HOME/told"
}

# Usage: later MINUTES - as if so much more time had passed since all that has happened.
later() {
	db "UPDATE state.alert SET created_ms = created_ms - $1 * 60000, routed_ms = routed_ms - $1 * 60000;
		UPDATE state.delivery SET due_ms = due_ms - $1 * 60000, created_ms = created_ms - $1 * 60000;
		UPDATE state.outlet SET window_start_ms = window_start_ms - $1 * 60000"
}

digest() { db "SELECT group_concat(a.title || ' ' || i.again, ', ') FROM delivery d JOIN delivery_alert i ON i.delivery_id = d.id
	JOIN alert a ON a.id = i.alert_id WHERE d.alert_id IS NULL AND d.state = 'waiting'"; }

is() { [ "$(db "$1" 2>/dev/null)" = "$2" ]; }
has_told() { jq -r .title "$HOME/told" 2>/dev/null | grep -qxF -e "$1"; }

# ---- what is told

@test "needs input: of one prompt the person hears once, and of the next one again" {
	hears PermissionRequest-Bash
	[ "$(told)" = "urgent|agent-needs-input|project: the agent asks for your permission: Bash|1" ]
	hears Notification-permission_prompt
	[ -z "$(told)" ]
	hears PostToolUse-Bash '.session_id = "d9aaa074-9474-40d9-a26a-3328e7165ff8"'
	hears PermissionRequest-Bash
	[ "$(told)" = "urgent|agent-needs-input|project: the agent asks for your permission: Bash|1" ]
}

@test "needs input: notifications that wait for the person are told, others are not" {
	hears Notification-permission_prompt
	hears Notification-idle_prompt
	hears Notification-elicitation_dialog
	hears Notification-elicitation_response
	[ "$(told)" = "urgent|agent-needs-input|project: Claude needs your permission|1
urgent|agent-needs-input|project: Claude is waiting for your input|1
urgent|agent-needs-input|project: Claude Code needs your input|1" ]
}

@test "needs input: a question is told with its words and choices, and its prompt is not told again" {
	hears PreToolUse-AskUserQuestion
	hears PermissionRequest-Bash '.tool_name = "AskUserQuestion"'
	hears Notification-permission_prompt
	ccm-supervisor deliver --once
	[ "$(jq -r '.title, .body' "$HOME/told")" = $'project: the agent has a question\nWhich framework?\n- React\n- Vue' ]
}

@test "needs input: a prompt that comes after a question was answered is told, though no other event tells of it" {
	local same='.session_id = "d9aaa074-9474-40d9-a26a-3328e7165ff8"'
	hears PreToolUse-AskUserQuestion
	[ "$(told | wc -l)" = 1 ]
	hears PostToolUse-Bash "$same"
	hears Notification-permission_prompt
	[ -z "$(told)" ]
	hears PostToolUse-Bash "$same | .tool_name = \"AskUserQuestion\""
	hears Notification-permission_prompt
	[ "$(told)" = "urgent|agent-needs-input|project: Claude needs your permission|1" ]
}

@test "needs input: a permission that an automation gives or denies is nothing to wait for" {
	automation 50-yes 'Event: PermissionRequest' \
		<<<'echo '\''{"hookSpecificOutput":{"hookEventName":"PermissionRequest","decision":{"behavior":"allow"}}}'\'
	hears PermissionRequest-Bash
	[ -z "$(told)" ]
}

@test "finished: a turn's end is in the digest, unless it was refused or a subagent works on" {
	hears Stop-background-subagent
	hears SessionEnd-clear
	hears SubagentStop
	automation 50-no 'Event: Stop' <<<'echo no >&2; exit 2'
	hears Stop
	[ -z "$(told)" ]
	[ -z "$(digest)" ]
	rm "$CCM_HOME/automations/enabled/50-no"
	hears Stop
	hears SessionEnd-other '.session_id = "2fb1be04-527b-471e-be94-ed9a564430d7"'
	[ -z "$(told)" ]
	[ "$(digest)" = 'project: the agent has finished 0' ]
	[ "$(db 'SELECT kind, level, times FROM alert WHERE folded_into IS NULL')" = 'agent-finished|info|2' ]
}

@test "failed: a turn that ends with an error is told with the error" {
	hears StopFailure-rate_limit
	[ "$(told)" = 'warning|agent-failed|project: the agent failed: rate_limit|1' ]
}

@test "guard: a refusal is told with its rule, and rules can go by it" {
	configured 'rule = rule=rm-* -> none'
	ccm-hook enable security-guard >/dev/null
	hears PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	hears PreToolUse-Bash '.tool_input.command = "rm -rf /"'
	[ "$(told)" = 'warning|guard-deny|project: security-guard refused Bash (git-push-force)|1' ]
	[ "$(db "SELECT rule, routing FROM alert WHERE rule GLOB 'rm-*'" | sed 's/^[^|]*//')" = '|rule=rm-* -> none' ]
}

@test "halt: a session that was halted is told at once, though no daemon runs" {
	configured 'kind.guard-deny = off'
	printf '[guard]\ndetour_limit = 1\n' >>"$CCM_HOME/config.ini"
	ccm-hook enable security-guard >/dev/null
	exec 9>&-
	hears PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	eventually test -s "$HOME/told"
	[[ $(jq -r '[.level, .kind, .project, .title] | join(" ")' "$HOME/told") == "urgent halt $(db 'SELECT project FROM event') ${PWD##*/}: security-guard halted the session: "* ]]
}

@test "halt: the refusal that led to it is told with it, once, and each has its row" {
	printf '[guard]\ndetour_limit = 1\n' >>"$CCM_HOME/config.ini"
	ccm-hook enable security-guard >/dev/null
	hears PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	[[ $(told) == 'urgent|halt|project: security-guard halted the session: '*'|1' ]]
	[[ $(db "SELECT body FROM alert WHERE kind = 'halt'") == *$'\nIt was refused Bash: git push --force origin main\n'* ]]
	[ "$(ccm-supervisor alerts list --json | jq -r '[.kind, .routing, (.deliveries | length)] | join("|")')" = \
		$'guard-deny|told with the halt|0\nhalt|default|1' ]
	# It is over when the person goes on in the session.
	run -1 ccm-supervisor status
	hears UserPromptSubmit ".session_id = \"$(db 'SELECT session_id FROM event')\" | .prompt = \"go on\""
	run -0 ccm-supervisor status
}

@test "halt: a channel that hears of no halt, or only with the digest, is told of the refusal" {
	configured 'kind.halt = info'
	printf '[guard]\ndetour_limit = 1\n' >>"$CCM_HOME/config.ini"
	ccm-hook enable security-guard >/dev/null
	hears PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	[[ $(told) == 'warning|guard-deny|'* ]]
	configured 'rule = kind=halt -> none'
	printf '[guard]\ndetour_limit = 1\n' >>"$CCM_HOME/config.ini"
	hears PreToolUse-Bash '.session_id = "other" | .tool_input.command = "rm -rf /"'
	[[ $(told) == 'warning|guard-deny|'*'(rm-root)|1' ]]
}

@test "automations: one that fails three times in a row is told once, until it works again" {
	automation 50-bad 'Event: Stop' <<<'[ -e works ] || exit 7'
	hears Stop
	hears Stop
	[ -z "$(told)" ]
	hears Stop
	hears Stop
	[[ $(told) == "warning|automation-fails|the automation bad keeps failing: "*"7"*"|1" ]]
	hears Stop
	[ -z "$(told)" ]
	touch works
	hears Stop
	rm works
	later 30
	for _ in 1 2 3; do hears Stop; done
	[[ $(told) == "warning|automation-fails|the automation bad keeps failing: "*"|1" ]]
}

@test "storage: an event that had to go to the spool is told once it is taken in, one that a busy database kept waiting is not" {
	ccm-hook run <"$FIXTURES/hooks/Stop.json"
	db "INSERT INTO event (uuid, received_ms, host, event, valid, payload_bytes, verdict, note) SELECT 'u' || value, received_ms, host,
		event, valid, 0, 'none', CASE value WHEN 1 THEN 'cannot write to ''x'': database is locked; the event went to the spool'
		ELSE 'cannot write to ''x'': database or disk is full; the event went to the spool' END FROM event, json_each('[1,2]')"
	[ "$(told)" = "urgent|storage|storage: cannot write to 'x': database or disk is full; the event went to the spool|1" ]
}

@test "storage: a damaged database that was set aside is told at once, though no daemon runs" {
	hears Stop
	exec 9>&-
	rm "$CCM_HOME"/ccm.db-*
	head -c 8192 /dev/urandom >"$CCM_HOME/ccm.db"
	hears PostToolUse-Bash
	eventually test -s "$HOME/told"
	[[ $(jq -r '[.level, .kind, .title] | join(" ")' "$HOME/told") == "urgent storage storage: the database was damaged: it is kept as '$CCM_HOME/ccm.db.damaged-"* ]]
}

# ---- where it goes

@test "rules: the first that matches decides, a kind can be switched off, or have another level" {
	configured 'rule = kind=agent-failed -> digest command' 'rule = level>=warning -> command' 'rule = -> none' \
		'kind.agent-finished = warning' 'kind.agent-needs-input = off'
	hears Notification-idle_prompt
	hears StopFailure-rate_limit
	hears Stop
	ccm-hook alert info mine
	[ "$(told)" = 'warning|agent-finished|project: the agent has finished|1' ]
	[ "$(digest)" = 'project: the agent failed: rate_limit 0' ]
	[ "$(db "SELECT title || ' / ' || routing FROM alert WHERE title = 'mine'")" = 'mine / -> none' ]
}

@test "rules: what an automation raises goes by its event and project" {
	configured 'rule = event=UserPromptSubmit project=*/project -> none' 'rule = event=Stop source=mine -> command'
	automation 50-mine 'Event: UserPromptSubmit, Stop' <<<'"$CCM_HOOK" alert info "at $CCM_EVENT"'
	hears UserPromptSubmit
	hears Stop
	[[ $(told) == *'info|-|at Stop|1'* ]]
	[ "$(db "SELECT event, routing FROM alert WHERE kind IS NULL ORDER BY id")" = \
		$'UserPromptSubmit|event=UserPromptSubmit project=*/project -> none\nStop|event=Stop source=mine -> command' ]
}

@test "rules: the level of a kind holds for what other parts of ccm raised, too" {
	configured 'kind.task = info' 'kind.quota = off'
	ccm-hook alert urgent task
	ccm-hook alert urgent quota
	db "UPDATE state.alert SET kind = title"
	[ -z "$(told)" ]
	[ "$(digest)" = 'task 0' ]
	[ "$(db "SELECT level || ' ' || routing FROM alert ORDER BY id")" = $'info default\nurgent off' ]
}

@test "rules: a question that Telegram asks by itself is not told there a second time" {
	hears PermissionRequest-Bash
	printf '[command]\nrun = %s\n[telegram]\ntoken = env:T\nchat_id = 1\napprovals = on\n' "$HOME/tell" >"$CCM_HOME/config.ini"
	[ "$(told | wc -l)" = 1 ]
	[ "$(db 'SELECT group_concat(channel) FROM delivery')" = command ]
}

@test "fold: what is alike is sent once and counted, and the count is told with the next or with the digest" {
	for _ in 1 2 3; do ccm-hook alert warning same; done
	[ "$(told)" = 'warning|-|same|3' ]
	ccm-hook alert warning same
	ccm-hook alert warning same
	[ -z "$(told)" ]
	[ "$(digest)" = 'same 1' ]
	later 15
	ccm-hook alert warning same
	[ "$(told)" = 'warning|-|same|3' ]
	[ -z "$(digest)" ]
	ccm-hook alert warning same
	[ -z "$(told)" ]
	later 70
	ccm-supervisor deliver --once
	[ "$(jq -r '.kind, .items[0].title, .items[0].times, .items[0].again' "$HOME/told" | tr '\n' ' ')" = 'digest same 4 true ' ]
}

@test "fold: an alert is not counted with one that mattered less, or that reached nobody" {
	ccm-hook alert info same
	[ -z "$(told)" ]
	ccm-hook alert warning same
	[ "$(told)" = 'warning|-|same|1' ]
	echo '[desktop]' >"$CCM_HOME/config.ini"
	ccm-hook alert warning other
	ccm-supervisor deliver --once
	configured
	ccm-hook alert warning other
	[ "$(told)" = 'warning|-|other|1' ]
}

@test "fold: what comes after the person has seen the first of its like is not seen" {
	ccm-hook alert urgent same
	ccm-hook alert urgent same
	ccm-supervisor alerts seen
	told >/dev/null
	[ "$(ccm-supervisor alerts list --unseen)" = '' ]
	ccm-hook alert urgent same
	told >/dev/null
	[[ $(ccm-supervisor alerts list --unseen) == *'(3 times) same' ]]
	run -0 --separate-stderr ccm-supervisor alerts seen 1
	[ "$(db 'SELECT count(*) FROM alert WHERE seen_ms IS NULL')" = 0 ]
}

@test "digest: the low ones go out together, once the time has come" {
	ccm-hook alert info one
	ccm-supervisor deliver --once
	ccm-hook alert info two
	[ -z "$(told)" ]
	later 61
	ccm-supervisor deliver --once
	[ "$(jq -r '.kind, .title, (.items | map(.title) | join(" "))' "$HOME/told" | tr '\n' ' ')" = 'digest 2 alerts one two ' ]
	[ "$(db "SELECT count(*) FROM delivery WHERE state <> 'sent'")" = 0 ]
}

@test "digest: what was raised more than a day before there was anybody to send it comes as one message" {
	# All day long, so that nothing need be waited for.
	configured 'quiet_hours = 00:00-24:00' 'quiet_level = off'
	ccm-hook alert urgent first
	ccm-hook alert warning second
	later 1441
	ccm-hook alert warning today
	[ "$(told)" = '' ]
	[ "$(digest)" = 'first 0, second 0' ]
	[ "$(db 'SELECT count(*) FROM delivery')" = 2 ]
}

@test "digest: one that was begun when the interval was longer does not wait so long" {
	configured 'digest = 7d'
	ccm-hook alert info one
	[ -z "$(told)" ]
	configured 'digest = 5m'
	[ -z "$(told)" ]
	later 6
	[ "$(told | cut -d'|' -f2)" = digest ]
}

@test "rate limit: what is more than the hour's share waits for the digest, and none is lost" {
	configured
	echo 'max_per_hour = 2' >>"$CCM_HOME/config.ini"
	for i in 1 2 3 4; do ccm-hook alert warning "alert $i"; done
	[ "$(told | wc -l)" = 2 ]
	[ "$(digest)" = 'alert 3 0, alert 4 0' ]
	later 61
	ccm-hook alert warning "alert 5"
	[ "$(told | cut -d'|' -f3)" = $'2 alerts\nalert 5' ]
}

@test "quiet hours: what goes out in them does not wait for their end in a digest either" {
	configured 'quiet_hours = 00:00-24:00' 'digest = 1h' '[command]' 'max_per_hour = 1'
	for title in first second third; do ccm-hook alert urgent "$title"; done
	ccm-hook alert info low
	[ "$(told)" = 'urgent|-|first|1' ]
	[ "$(db "SELECT level, due_ms - created_ms <= 3600000, (SELECT count(*) FROM delivery_alert i WHERE i.delivery_id = d.id)
		FROM delivery d WHERE alert_id IS NULL")" = $'urgent|1|2\ninfo|0|1' ]
	later 60
	[[ $(told) == 'urgent|digest|2 alerts|2' ]]
}

@test "quiet hours: urgent alerts go out, others wait for their end, and so does what waited before" {
	ccm-hook alert warning before
	db "UPDATE state.alert SET routed_ms = 1, routing = 'x'; INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms,
		due_ms) SELECT 'd', 'command', level, id, created_ms, 0 FROM state.alert"
	configured 'quiet_hours = 00:00-24:00'
	ccm-hook alert warning quiet
	ccm-hook alert urgent loud
	[ "$(told)" = 'urgent|-|loud|1' ]
	[ "$(db "SELECT count(*) FROM delivery WHERE state = 'waiting' AND due_ms > created_ms")" = 2 ]
	configured 'quiet_hours = 00:00-24:00' 'quiet_level = off'
	ccm-hook alert urgent louder
	[ -z "$(told)" ]
	configured
	[ "$(told | cut -d'|' -f3)" = $'before\nquiet\nlouder' ]
}

@test "clock: one that was set back keeps nothing waiting" {
	ccm-hook alert warning early
	db "UPDATE state.alert SET routed_ms = 1, routing = 'x'; INSERT INTO state.delivery (uuid, channel, level, alert_id, created_ms,
		due_ms) SELECT 'd', 'command', level, id, created_ms + 86400000, created_ms + 86400000 FROM state.alert;
		INSERT INTO state.outlet (channel, window_start_ms, window_count) SELECT 'command', due_ms, 60 FROM state.delivery"
	ccm-hook alert warning late
	[ "$(told | cut -d'|' -f3)" = $'early\nlate' ]
}

# ---- who does it

@test "deliver: each event makes its alert once, whoever looks how often, and old ones make none" {
	hears StopFailure-rate_limit
	hears StopFailure-unknown
	db "INSERT INTO event (uuid, received_ms, host, event, valid, payload_bytes, verdict)
		SELECT 'old', received_ms - 3 * 86400000, host, event, valid, 0, 'none' FROM event LIMIT 1"
	for _ in 1 2 3 4; do ccm-supervisor deliver --once 3>&- & done
	wait
	db "DELETE FROM state.alert_scan"
	ccm-supervisor deliver --once
	[ "$(jq -r .kind "$HOME/told")" = $'agent-failed\nagent-failed' ]
	[ "$(db 'SELECT count(*) FROM alert')" = 2 ]
}

@test "deliver: however often it is killed, each alert is made once, and arrives, with one id" {
	local i
	configured
	echo 'max_per_hour = 0' >>"$CCM_HOME/config.ini"
	for i in {1..12}; do
		hears StopFailure-rate_limit ".session_id = \"s$i\""
		ccm-supervisor deliver --once 2>/dev/null 3>&- 9>&- &
		sleep "0.0$((RANDOM % 10))"
		kill -KILL "$!" || :
		wait "$!" || :
	done 2>/dev/null
	ccm-supervisor deliver --once
	[ "$(db 'SELECT count(*), count(DISTINCT session_id) FROM alert')" = '12|12' ]
	[ "$(jq -r .session_id "$HOME/told" | sort -u | wc -l)" = 12 ]
	[ "$(jq -r .id "$HOME/told" | sort -u | wc -l)" = 12 ]
}

@test "deliver: an event that has not ended is told of when it has" {
	hears Stop
	ccm-supervisor deliver --once
	db "INSERT INTO event (uuid, received_ms, host, event, session_id, valid, payload_bytes)
		SELECT 'u', received_ms + 1, host, 'StopFailure', 's', 1, 0 FROM event"
	hears Notification-idle_prompt
	[ "$(told | cut -d'|' -f2)" = agent-needs-input ]
	db "UPDATE event SET verdict = 'none' WHERE uuid = 'u'"
	[ "$(told | cut -d'|' -f2)" = agent-failed ]
	[ -z "$(told)" ]
}

@test "deliver: a question whose hook still waits for an answer is told all the same" {
	hears PermissionRequest-Bash
	db "UPDATE event SET verdict = NULL, received_ms = received_ms + 100"
	[ "$(told)" = "urgent|agent-needs-input|project: the agent asks for your permission: Bash|1" ]
	db "UPDATE event SET verdict = 'allow'"
	[ -z "$(told)" ]
}

@test "deliver: a database that was begun anew is told of from its first event on" {
	for _ in 1 2 3; do hears Stop; done
	ccm-supervisor deliver --once
	rm "$CCM_HOME"/ccm.db*
	hears StopFailure-rate_limit
	[ "$(told)" = 'warning|agent-failed|project: the agent failed: rate_limit|1' ]
}

@test "deliver: what fails is tried again, and it needs --once" {
	printf '#!/bin/sh\n[ -e "%s/up" ] || { touch "%s/up"; exit 75; }\ncat >>"%s/told"\n' "$HOME" "$HOME" "$HOME" >"$HOME/tell"
	configured 'retry = 10ms'
	ccm-hook alert warning mine
	run -0 --separate-stderr ccm-supervisor deliver --once
	[[ $stderr == *"wants to be asked later"* ]]
	[ "$(jq -r .title "$HOME/told")" = mine ]
	[ "$(db 'SELECT state, attempts FROM delivery')" = 'sent|2' ]
	run -64 --separate-stderr ccm-supervisor deliver
	[[ $stderr == *"it needs --once"* ]]
}

@test "hook: what is urgent is delivered although no daemon runs, what is not waits" {
	hears Notification-idle_prompt
	[ ! -e "$CCM_HOME/deliver.lock" ]
	exec 9>&-
	hears StopFailure-rate_limit
	ccm-hook alert warning calm
	[ ! -e "$CCM_HOME/deliver.lock" ]
	hears Notification-permission_prompt
	eventually has_told 'project: Claude needs your permission'
	ccm-hook alert urgent mine
	eventually has_told mine
	eventually has_told calm
}

@test "hook: what is urgent is as config.ini has it" {
	configured 'kind.agent-needs-input = info' 'kind.agent-failed = urgent'
	exec 9>&-
	hears Notification-idle_prompt
	[ ! -e "$CCM_HOME/deliver.lock" ]
	hears StopFailure-rate_limit
	eventually has_told 'project: the agent failed: rate_limit'
	configured
	flock "$CCM_HOME/deliver.lock" rm "$CCM_HOME/deliver.lock"
	hears Notification-elicitation_response
	[ ! -e "$CCM_HOME/deliver.lock" ]
}

# Usage: daemon - starts one, for teardown to end.
daemon() {
	exec 9>&-
	ccm-supervisor daemon >/dev/null 2>&1 3>&- &
	pid="$!"
	eventually grep -qs event=started "$CCM_HOME/supervisor.log"
}
teardown() {
	if [ -n "${pid-}" ]; then
		kill -KILL "$pid" || :
		wait "$pid" || :
	fi 2>/dev/null
}

@test "daemon: delivers what happens as it happens, and no hook does it beside" {
	daemon
	hears Notification-idle_prompt
	eventually has_told 'project: Claude is waiting for your input'
	ccm-hook alert urgent mine
	eventually has_told mine
	[ ! -e "$CCM_HOME/deliver.lock" ]
	eventually is "SELECT count(*) FROM delivery WHERE state <> 'sent'" 0
	[ "$(wc -l <"$HOME/told")" = 2 ]
}

@test "daemon: a channel that stalls holds up neither the daemon nor its end, and what is lost with it comes again with the same id" {
	printf '#!/bin/sh\ncat >>"%s/told"; echo >>"%s/told"\n[ -e "%s/up" ] || exec sleep 600\n' "$HOME" "$HOME" "$HOME" >"$HOME/tell"
	daemon
	ccm-hook alert warning one
	eventually has_told one
	ccm-hook alert warning two
	eventually is "SELECT count(*) FROM alert WHERE routed_ms IS NOT NULL" 2
	kill -TERM "$pid"
	wait "$pid"
	pid=''
	touch "$HOME/up"
	ccm-supervisor deliver --once
	[ "$(jq -r .title "$HOME/told" | tr '\n' ' ')" = 'one one two ' ]
	[ "$(jq -r .id "$HOME/told" | sort -u | wc -l)" = 2 ]
}

@test "daemon: where ccm-deliver is missing, that is said in its log, and tried again" {
	mkdir "$HOME/libexec"
	export CCM_LIBEXEC_DIR="$HOME/libexec"
	daemon
	ccm-hook alert warning one
	eventually grep -q "event=deliver-said channel=command text=\"'$HOME/libexec/ccm-deliver' cannot be started: No such file" \
		"$CCM_HOME/supervisor.log"
	ln -s "$CCM_BUILD/ccm-deliver" "$HOME/libexec/ccm-deliver"
	eventually has_told one
}

@test "retention: what was told 90 days ago is forgotten, what still waits is not" {
	ccm-hook alert warning told
	ccm-hook alert info waits
	ccm-supervisor deliver --once
	db "UPDATE state.alert SET created_ms = created_ms - 91 * 86400000; UPDATE state.delivery SET created_ms = created_ms - 91 * 86400000"
	ccm-hook alert warning fresh
	ccm-supervisor job quota
	[ "$(db 'SELECT title FROM alert ORDER BY id')" = $'waits\nfresh' ]
	[ "$(db 'SELECT (SELECT count(*) FROM delivery), (SELECT count(*) FROM delivery_alert)')" = '1|1' ]
}

@test "list, doctor: where ccm-deliver cannot be run, a library of its missing, that is named" {
	mkdir "$HOME/libexec"
	cp "$CCM_BUILD/ccm-guard" "$HOME/libexec/"
	printf '#!/bin/sh\necho "ccm-deliver: error while loading shared libraries: libnotify.so.4" >&2\nexit 127\n' >"$HOME/libexec/ccm-deliver"
	chmod +x "$HOME/libexec/ccm-deliver"
	export CCM_LIBEXEC_DIR="$HOME/libexec"
	daemon
	ccm-hook alert warning one
	eventually is "SELECT problem FROM outlet" \
		'ccm-deliver does not run: ccm-deliver: error while loading shared libraries: libnotify.so.4'
	[[ $(ccm-supervisor alerts list) == *'command fails'*': ccm-deliver does not run: '*'libnotify.so.4' ]]
	[[ $(ccm-hook doctor) == *"'$HOME/libexec/ccm-deliver' cannot be run: ccm-deliver: error while loading shared libraries: libnotify.so.4"* ]]
	ln -sf "$CCM_BUILD/ccm-deliver" "$HOME/libexec/ccm-deliver"
	eventually has_told one
	is "SELECT problem FROM outlet" ''
}

# ---- what went wrong with it

@test "status, doctor: alerts that could not be delivered are named, and a channel that takes none" {
	printf '#!/bin/sh\necho "no such number" >&2\nexit 64\n' >"$HOME/tell"
	ccm-hook alert warning mine
	ccm-supervisor deliver --once 2>/dev/null
	run -1 ccm-supervisor status
	[[ $output == *"1 alert could not be delivered by command: 'ccm-supervisor alerts list --state=dead' tells why"* ]]
	[ "$(ccm-supervisor status --json | jq -c '.alerts.channels[0] | [.name, .dead]')" = '["command",1]' ]
	run ccm-hook doctor
	[[ $output == *"1 alert could not be delivered by command: "*"no such number"*"alerts test command"* ]]
	db "UPDATE state.delivery SET state = 'waiting'; UPDATE state.outlet SET failures = 3, problem = 'nobody there'"
	run -1 ccm-supervisor status
	[[ $output == *"command takes no alerts: nobody there"* ]]
	run ccm-hook doctor
	[[ $output == *"command takes no alerts: nobody there"* ]]
	# What is not set up any more needs nobody.
	: >"$CCM_HOME/config.ini"
	run -0 ccm-supervisor status
	run ccm-hook doctor
	[[ $output != *'takes no alerts'* ]]
	[[ $(ccm-supervisor alerts list) != *fails* ]]
}

@test "status, doctor: an alert that could not be delivered, but was seen all the same, is nothing to do" {
	printf '#!/bin/sh\nexit 64\n' >"$HOME/tell"
	ccm-hook alert warning mine
	ccm-supervisor deliver --once 2>/dev/null
	ccm-supervisor alerts seen
	run -0 ccm-supervisor status
	run ccm-hook doctor
	[[ $output != *'could not be delivered'* ]]
	run -1 --separate-stderr ccm-supervisor alerts retry --all
	[[ $stderr == *'1 could not be delivered again '* ]]
}

@test "status: a kind of alerts that config.ini switches off, or finds less urgent, is nothing to do" {
	ccm-hook alert urgent mine
	db "UPDATE state.alert SET kind = 'halt'"
	run -1 ccm-supervisor status
	configured 'kind.halt = off'
	run -0 ccm-supervisor status
	ccm-supervisor deliver --once
	run -0 ccm-supervisor status
	configured 'kind.halt = warning'
	run -0 ccm-supervisor status
}

@test "status: an agent that waited for the person is an alert, but nothing to do" {
	hears Notification-idle_prompt
	ccm-supervisor deliver --once
	run -0 ccm-supervisor status
	[[ $output == *"1 within a day"*"Claude is waiting for your input"* ]]
	ccm-hook alert urgent mine
	run -1 ccm-supervisor status
	[[ $output == *"1 urgent alert within a day"* ]]
}

@test "doctor: a rule that names a channel which is not set up is named with its line" {
	configured 'rule = kind=halt -> all' 'rule = -> command digest slack'
	run ccm-hook doctor
	[[ $output == *"ok   alerts go to: command"* ]]
	[[ $output == *"'$CCM_HOME/config.ini', line 3: 'rule' names slack, which is not set up"* ]]
}
