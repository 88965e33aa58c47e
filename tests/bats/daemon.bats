# SPDX-License-Identifier: MIT
# The daemon, seen from outside: the database, its log, its exit status. It is waited for, never timed.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	LOG="$CCM_HOME/supervisor.log"
	CLOCK="$BATS_TEST_TMPDIR/clock"
	daemon=''
}

teardown() {
	if [ -n "$daemon" ]; then
		kill -KILL "$daemon" || :
		wait "$daemon" || :
	fi 2>/dev/null
}

# Usage: start [ENVIRONMENT...]
# Starts a daemon, and waits until its first jobs are done.
start() {
	launch "$@"
	eventually idle
}

# Usage: launch [ENVIRONMENT...]
launch() {
	env "$@" "${SUPERVISOR:-ccm-supervisor}" daemon --verbose >out 2>err 3>&- &
	daemon="$!"
	eventually logged event=started || { cat err >&2; return 1; }
}

# Usage: stop - ends it and says how it ended.
stop() {
	local status=0
	kill -TERM "$daemon"
	wait "$daemon" || status="$?"
	daemon=''
	return "$status"
}

logged() { grep -q -e "$1" "$LOG" 2>/dev/null; }
idle() { [ "$(db "SELECT count(*) FROM job WHERE started_ms IS NULL OR lease_until_ms IS NOT NULL AND name <> 'ccusage'" 2>/dev/null)" = 0 ]; }
is() { [ "$(db "$1" 2>/dev/null)" = "$2" ]; }
due() { db "UPDATE job SET due_ms = 0 WHERE name = '$1'"; event Stop | ccm-hook run; }

@test "daemon: makes ~/.ccm where there is none, does each job once, and ends with status 0 when told" {
	start
	[ "$(stat -c %a "$CCM_HOME" "$LOG" "$CCM_HOME/supervisor.lock")" = $'700\n600\n600' ]
	[ "$(db 'SELECT name, failures FROM job WHERE problem IS NOT NULL')" = '' ]
	[ "$(db "SELECT name FROM job WHERE name <> 'ccusage'" | tr '\n' ' ')" = 'check gaps quota resume resume-tasks tasks tidy vacuum ' ]
	stop
	[ ! -s out ]
	[ ! -s err ]
}

@test "daemon: only one runs for each CCM_HOME, and the other says which" {
	start
	run -1 --separate-stderr ccm-supervisor daemon
	[ -z "$output" ]
	[ "$stderr" = "ccm-supervisor: a daemon is running already for '$CCM_HOME' (process $daemon)" ]
	kill -0 "$daemon"
}

@test "daemon: an event wakes it" {
	start
	event Stop | ccm-hook run
	eventually logged 'event=activity'
}

@test "daemon: what had to be spooled is taken in without any other hook" {
	start
	mkdir -p -m 700 other/ccm.db
	event Stop '.session_id = "away"' | CCM_HOME="$PWD/other" ccm-hook run
	cp other/spool/*.event "$CCM_HOME/spool/"
	eventually is "SELECT count(*) FROM event WHERE session_id = 'away'" 1
	[ -z "$(ls "$CCM_HOME/spool")" ]
}

@test "daemon: SIGKILL at any moment loses nothing, and what was begun is begun anew" {
	start
	db "UPDATE job SET lease_until_ms = 9e15, started_ms = 1, due_ms = 9e15 WHERE name = 'tidy'"
	kill -KILL "$daemon"
	wait "$daemon" || :
	event Stop | ccm-hook run
	start
	eventually is "SELECT started_ms > 1 FROM job WHERE name = 'tidy'" 1
	[ "$(db 'SELECT count(*) FROM event')" = 1 ]
}

@test "daemon: its worker ends with it" {
	local worker
	printf '#!/bin/sh\necho $$ >"%s/worker"\nexec sleep 1000\n' "$HOME" >"$HOME/ccusage"
	chmod +x "$HOME/ccusage"
	(umask 077 && mkdir -p "$CCM_HOME" && printf '[quota]\ntoken_limit = 1000\nccusage_command = %s/ccusage\nccusage_timeout = 200s\n' "$HOME" >"$CCM_HOME/config.ini")
	launch
	eventually test -s "$HOME/worker"
	worker=$(cat "$HOME/worker")
	kill -0 "$worker"
	kill -KILL "$daemon"
	wait "$daemon" || :
	daemon=''
	gone() { ! kill -0 "$worker" 2>/dev/null; }
	eventually gone
}

@test "daemon: a job that fails is said, kept with its reason, and shown by status" {
	start
	stop
	printf '#!/bin/sh\nexec kill -9 $PPID\n' >"$HOME/ccusage"
	chmod +x "$HOME/ccusage"
	printf '[quota]\ntoken_limit = 1000\nccusage_command = %s/ccusage\n' "$HOME" >"$CCM_HOME/config.ini"
	chmod 600 "$CCM_HOME/config.ini"
	db "UPDATE job SET due_ms = 0, failures = 2; UPDATE job SET lease_until_ms = NULL"
	launch
	eventually logged 'event=job-failed job=quota'
	eventually is "SELECT failures, problem FROM job WHERE name = 'quota'" '3|was ended by signal 9'
	run -1 --separate-stderr ccm-supervisor status
	[[ $output == *'the job quota fails: was ended by signal 9'* ]]
}

@test "daemon: leaves ccusage alone where nothing could be made of its answer" {
	printf '#!/bin/sh\necho x >>"%s/asked"\n' "$HOME" >"$HOME/ccusage"
	chmod +x "$HOME/ccusage"
	(umask 077 && mkdir -p "$CCM_HOME" && printf '[quota]\nccusage_command = %s/ccusage\n' "$HOME" >"$CCM_HOME/config.ini")
	start
	stop
	[ ! -e "$HOME/asked" ]
	ccm-supervisor quota poll 2>/dev/null
	[ -e "$HOME/asked" ]
}

@test "daemon: damage in the database is an urgent alert" {
	ccm-hook init
	db "PRAGMA ignore_check_constraints = ON;
		INSERT INTO alert (uuid, created_ms, level, source, title) VALUES ('x', 1, 'loud', 'x', 'x')"
	run -1 --separate-stderr ccm-supervisor job check
	[[ $stderr == 'ccm-supervisor: the database state.db is damaged: '*"'ccm-hook doctor' tells what to do" ]]
	[ "$(db "SELECT level, title FROM alert WHERE level <> 'loud'")" = 'urgent|the database state.db is damaged' ]
}

@test "daemon: a database that is replaced under it is seen, and the new one is watched" {
	start
	mkdir aside
	mv "$CCM_HOME"/ccm.db* aside/
	event Stop '.session_id = "new"' | ccm-hook run
	eventually is "SELECT count(*) FROM event WHERE session_id = 'new'" 1
	eventually idle
	logged event=database-replaced || logged event=database-open || [ -e "$CCM_HOME/ccm.db" ]
	event Stop '.session_id = "newer"' | ccm-hook run
	[ "$(db "SELECT count(*) FROM event WHERE session_id = 'newer'")" = 1 ]
	eventually is "SELECT count(*) > 0 FROM job" 1
	stop
}

@test "daemon: when state.db is taken away it goes on with a new one" {
	start
	mv "$CCM_HOME/state.db" aside
	eventually test -e "$CCM_HOME/state.db"
	eventually idle
	stop
}

@test "daemon: ends when a newer ccm has brought state.db up to date" {
	local status=0
	start
	db 'PRAGMA state.user_version = 999'
	wait "$daemon" || status="$?"
	daemon=''
	[ "$status" = 1 ]
	logged 'event=newer-ccm'
}

@test "daemon: when ~/.ccm is taken away it goes on with a new one" {
	start
	mv "$CCM_HOME" aside
	eventually test -e "$CCM_HOME/ccm.db"
	eventually idle
	stop
}

@test "daemon: ends when a newer ccm has brought the database up to date" {
	local status=0
	start
	db 'PRAGMA user_version = 999'
	wait "$daemon" || status="$?"
	daemon=''
	[ "$status" = 1 ]
	logged 'event=newer-ccm'
}

@test "daemon: reload takes a new configuration, and refuses one with mistakes" {
	start
	printf '[quota]\nwarnin = 5\n' >"$CCM_HOME/config.ini"
	chmod 600 "$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-supervisor reload
	[[ $stderr == *"config.ini:2: unknown key 'warnin' in [quota]"*'what was in force stays so'* ]]
	kill -HUP "$daemon"
	eventually logged 'event=reload-refused .*the old configuration stays in force'
	printf '[quota]\nwarning = 5\n' >"$CCM_HOME/config.ini"
	run -0 --separate-stderr ccm-supervisor reload
	eventually logged event=reloaded
}

@test "daemon: that config.ini was written since it read that is said, until it reads it" {
	start
	run -0 --separate-stderr ccm-supervisor status
	printf '[command]\nrun = true\n' >"$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-supervisor status
	[[ $output == *"to do     the daemon goes by an older config.ini: 'ccm-supervisor reload' makes it read this one" ]]
	run -0 --separate-stderr ccm-supervisor alerts test command
	[[ $stderr == "ccm-supervisor: warning: the daemon goes by an older config.ini: 'ccm-supervisor reload' "* ]]
	[[ $(ccm-hook doctor) == *"FIX  the daemon, which sends alerts, goes by an older config.ini"*"run 'ccm-supervisor reload'"* ]]
	ccm-supervisor reload
	eventually logged event=reloaded
	run -0 --separate-stderr ccm-supervisor status
	[[ $(ccm-hook doctor) != *'older config.ini'* ]]
	run -0 --separate-stderr ccm-supervisor alerts test command
	[ -z "$stderr" ]
}

@test "daemon: after a refused reload its workers go by the old configuration" {
	printf '#!/bin/sh\necho old >>"%s/asked"\n' "$HOME" >"$HOME/old"
	sed 's/old/new/' "$HOME/old" >"$HOME/new"
	chmod +x "$HOME/old" "$HOME/new"
	(umask 077 && mkdir -p "$CCM_HOME" && printf '[quota]\ntoken_limit = 1000\nccusage_command = %s/old\n' "$HOME" >"$CCM_HOME/config.ini")
	start
	printf '[quota]\ntoken_limit = 1000\nccusage_command = %s/new\nfoo = bar\n' "$HOME" >"$CCM_HOME/config.ini"
	kill -HUP "$daemon"
	eventually logged event=reload-refused
	rm "$HOME/asked"
	db "UPDATE job SET due_ms = 0, lease_until_ms = NULL WHERE name = 'ccusage'"
	due quota
	eventually test -s "$HOME/asked"
	[ "$(cat "$HOME/asked")" = old ]
}

@test "daemon: reload without a daemon says so" {
	run -1 --separate-stderr ccm-supervisor reload
	[ "$stderr" = "ccm-supervisor: reload: no daemon is running for '$CCM_HOME'" ]
}

@test "daemon: a limit that starts anew while the clock jumps is seen" {
	echo 0 >"$CLOCK"
	SUPERVISOR="$CCM_BUILD/tests/bin/ccm-supervisor-shifted" start CCM_TEST_CLOCK_FILE="$CLOCK"
	jq ".rate_limits = {five_hour: {used_percentage: 95, resets_at: $(($(date +%s) + 7200))}}" \
		"$FIXTURES/hooks/StatusLine-subscriber.json" | ccm-hook statusline
	[ "$(db 'SELECT state FROM quota')" = critical ]
	echo 7300 >"$CLOCK"
	event Stop | ccm-hook run
	eventually is 'SELECT state FROM quota' resuming
}

@test "daemon: a clock that was set back keeps nothing waiting for longer than usual" {
	echo 864000 >"$CLOCK"
	SUPERVISOR="$CCM_BUILD/tests/bin/ccm-supervisor-shifted" start CCM_TEST_CLOCK_FILE="$CLOCK"
	stop
	: >"$LOG"
	echo 0 >"$CLOCK"
	SUPERVISOR="$CCM_BUILD/tests/bin/ccm-supervisor-shifted" launch CCM_TEST_CLOCK_FILE="$CLOCK"
	eventually is "SELECT max(due_ms) <= (unixepoch() + 7 * 86400 + 60) * 1000 FROM job WHERE name IN ('tidy', 'check')" 1
}

@test "daemon: tells the service manager that it is ready, alive, reloading and ending" {
	export NOTIFY_SOCKET="$BATS_TEST_TMPDIR/notify" WATCHDOG_USEC=100000
	python3 - "$NOTIFY_SOCKET" >told 3>&- <<-'EOF' &
		import socket, sys
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind(sys.argv[1])
		s.settimeout(60)
		while True:
		    text = s.recv(4096).decode()
		    print(text.split("\n")[0], flush=True)
		    if text.startswith("STOPPING"):
		        break
	EOF
	local listener="$!"
	eventually test -S "$NOTIFY_SOCKET"
	launch
	eventually grep -qx WATCHDOG=1 told
	kill -HUP "$daemon"
	eventually grep -qx RELOADING=1 told
	eventually idle
	stop
	wait "$listener"
	[ "$(grep -vx -e WATCHDOG=1 -e 'STATUS=.*' told | tr '\n' ' ')" = 'READY=1 RELOADING=1 READY=1 STOPPING=1 ' ]
}

@test "daemon: its log is rotated, and holds neither control bytes nor secrets" {
	start
	stop
	head -c 1100000 /dev/zero | tr '\0' x >"$LOG"
	printf '[quota]\nfoo\033[31m = sk-ant-api03-%s\n' "$(printf 'x%.0s' {1..90})" >"$CCM_HOME/config.ini"
	chmod 600 "$CCM_HOME/config.ini"
	start
	[ "$(stat -c %s "$LOG.1")" = 1100000 ]
	run ! grep -q -e $'\033' -e sk-ant-api03-xxx "$LOG"
	logged event=config-problem
}

@test "daemon: idle it needs less than 12 MB" {
	start
	[ "$(awk '/^VmRSS/ { print $2 }' "/proc/$daemon/status")" -lt 12288 ] || grep -q -e -fsanitize=address "$CCM_BUILD/Makefile"
}

@test "daemon: idle it needs less than a thousandth of a core" {
	# Idle it looks once a minute: a hundred looks may take a thousandth of a hundred minutes, which is 600 hundredths.
	start
	local before after
	before=$(awk '{ print $14 + $15 }' "/proc/$daemon/stat")
	for _ in {1..100}; do db "PRAGMA user_version = $(db 'PRAGMA user_version')"; done
	after=$(awk '{ print $14 + $15 }' "/proc/$daemon/stat")
	[ "$((after - before))" -lt 600 ]
}

# ---- as a service

@test "install: the unit names this program, its CCM_HOME and PATH, and systemd takes it" {
	run -0 --separate-stderr ccm-supervisor install --print systemd
	[[ $output == *"ExecStart=\"$(realpath "$CCM_BUILD/ccm-supervisor")\" daemon"* ]]
	[[ $output == *"Environment=\"CCM_HOME=$CCM_HOME\""* ]]
	[[ $output == *Type=notify*WatchdogSec=120* ]]
	[ ! -e "$HOME/.config" ]
	echo "$output" >ccm-supervisor.service
	run -0 systemd-analyze --user --man=no --recursive-errors=no verify "$PWD/ccm-supervisor.service"
	[ -z "$output" ]
}

@test "install: the agent for launchd is a property list" {
	CCM_HOME="$HOME/a & <b>" run -0 --separate-stderr ccm-supervisor install --print launchd
	python3 -c 'import plistlib, sys; p = plistlib.loads(sys.stdin.buffer.read()); print(p["ProgramArguments"][1], p["EnvironmentVariables"]["CCM_HOME"])' \
		<<<"$output" >parsed
	[ "$(cat parsed)" = "daemon $HOME/a & <b>" ]
}

@test "install: without a service manager the unit is written, and it says that nothing is started" {
	run -1 --separate-stderr env PATH=/nowhere "$CCM_BUILD/ccm-supervisor" install
	[[ $stderr == "ccm-supervisor: install: it is not started: 'systemctl' is not there;"* ]]
	[ -e "$HOME/.config/systemd/user/ccm-supervisor.service" ]
	run -1 --separate-stderr env PATH=/nowhere "$CCM_BUILD/ccm-supervisor" uninstall
	[ ! -e "$HOME/.config/systemd/user/ccm-supervisor.service" ]
	run -0 --separate-stderr ccm-supervisor uninstall
	[ "$output" = 'It is not installed; nothing to change.' ]
}

# ---- status

@test "status: all is well where there is nothing, and exit 0" {
	run -0 --separate-stderr ccm-supervisor status
	[[ $output == "daemon    does not run ('ccm-supervisor install' starts it for good)"* ]]
	[[ $output == *'database  there is none yet' ]]
	[ ! -e "$CCM_HOME" ]
}

@test "status: shows the daemon, limits, alerts and the database; --json the same" {
	start
	event Stop | ccm-hook run
	ccm-hook alert warning 'look here'
	run -0 --separate-stderr ccm-supervisor status
	[ "${lines[0]}" = "daemon    runs as process $daemon" ]
	[ "${lines[1]}" = 'quota     not known' ]
	[ "${lines[2]}" = 'alerts    1 within a day' ]
	[[ ${lines[3]} == *'  warning  look here' ]]
	[[ ${lines[4]} == 'database  1 events, '* ]]
	run -0 --separate-stderr ccm-supervisor status --json
	[ "$(jq -c '[.daemon.running, .daemon.pid, .alerts.day, .database.events, .needs, (.daemon.jobs | length > 3)]' <<<"$output")" = \
		"[true,$daemon,1,1,[],true]" ]
}

@test "status: shows how many tasks are in which state" {
	ccm-hook init
	db "INSERT INTO task (id, uuid, title, state, created_ms, changed_ms, repository, base, command, pid, limits)
		SELECT value, value, 'x', iif(value = 1, 'running', 'finished'), 1, 1, '/r', 'b', '[]', 1, '{}' FROM generate_series(1, 3)"
	run -0 --separate-stderr ccm-supervisor status
	[[ $output == *$'\ntasks     2 finished, 1 running\n'* ]]
	run -0 --separate-stderr ccm-supervisor status --json
	[ "$(jq -c .tasks <<<"$output")" = '{"finished":2,"running":1}' ]
}

@test "status: what needs a person is named, and exits 1" {
	ccm-hook init
	ccm-hook alert urgent 'the house is on fire'
	run -1 --separate-stderr ccm-supervisor status
	[[ $output == *"to do     1 urgent alert within a day: 'ccm-supervisor alerts list' shows it, 'ccm-supervisor alerts seen' says that you know" ]]
	run -1 --separate-stderr ccm-supervisor status --json
	[[ $(jq -c .needs <<<"$output") == '["1 urgent alert within a day: '*'"]' ]]
}

@test "status: an urgent alert that the person has seen is nothing to do, and the next one is" {
	ccm-hook alert urgent 'the house is on fire'
	ccm-supervisor alerts seen
	run -0 --separate-stderr ccm-supervisor status
	[[ $output == *$'\nalerts    1 within a day, 1 of them seen\ndatabase '* ]]
	ccm-hook alert urgent 'the garage, too'
	run -1 --separate-stderr ccm-supervisor status
	[[ $output == *'2 within a day, 1 of them seen'*'urgent   the garage, too'*'to do     1 urgent alert '* ]]
	[[ $output != *house* ]]
	run -1 --separate-stderr ccm-supervisor status --json
	[ "$(jq -c '.alerts | [.day, .seen, .newest[].id]' <<<"$output")" = '[2,1,2]' ]
}

@test "job: an unknown one is a usage error" {
	run -64 --separate-stderr ccm-supervisor job dance
	[[ $stderr == *"there is no job 'dance'"* ]]
}

@test "job: vacuum gives free pages back" {
	ccm-hook init
	db "CREATE TABLE filler (x); INSERT INTO filler SELECT zeroblob(4000) FROM generate_series(1, 2000); DROP TABLE filler"
	[ "$(db 'PRAGMA freelist_count')" -gt 1000 ]
	ccm-supervisor job vacuum
	[ "$(db 'PRAGMA freelist_count')" = 0 ]
}
