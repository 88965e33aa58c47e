#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Tasks in the background, and joining their terminal.

setup() {
	load task
	task_setup
}

teardown() {
	[ ! -S "$BATS_TEST_TMPDIR/tmux" ] || tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server
	[ -z "${ID-}" ] || ccm-supervisor task stop --end "$ID" 2>/dev/null || :
}

# Usage: background SCRIPT
# Starts SCRIPT in a task in the background; sets ID and WORK.
background() {
	run -0 --separate-stderr ccm-supervisor run --background -- sh -c "$1" </dev/null
	ID=$output WORK=$CCM_HOME/tasks/$ID/work
	[[ $ID =~ ^[0-9a-f]{8}$ ]]
}

# What answers each line that is typed, until "end".
# shellcheck disable=SC2016
ANSWERS='echo begun; while read -r line && [ "$line" != end ]; do echo "got $line at $(stty size)"; done; exit 3'

# Its supervisor has ended, and not only said so.
unlocked() { flock --nonblock "$CCM_HOME/tasks/$ID/lock" true; }

# Usage: attach NAME COLUMNS ROWS [OPTION...]
# A terminal of that name, attached to the task.
attach() {
	local name=$1 columns=$2 rows=$3
	shift 3
	tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -s "$name" -x "$columns" -y "$rows" \
		"ccm-supervisor task attach $* $ID; echo \"status \$?\"; stty -a | grep -ow '[-]*echo'; exec cat" 3>&-
}
# Usage: types NAME TEXT / keys NAME KEY...
types() { keys "$1" -l "$2" && keys "$1" Enter; }
keys() { tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t "$@"; }
screen_of() { tmux -S "$BATS_TEST_TMPDIR/tmux" capture-pane -p -t "$1"; }
shows() { [[ $(screen_of "$1") == *"$2"* ]]; }
sees() { until_true shows "$@" 2>/dev/null || { screen_of "$1" && return 1; }; }

@test "background: run prints the id and returns; the task goes on, on a terminal of its own" {
	background 'test -t 0 && test -t 1 && test -t 2 && stty size; touch ready; until [ -e go ]; do sleep 0.05; done; exit 3'
	until_true test -e "$WORK/ready"
	task_state_is running
	touch "$WORK/go"
	until_true task_state_is failed
	[ "$(ccm-supervisor task show "$ID" --json | jq .exit_status)" = 3 ]
	[ "$(ccm-supervisor task log "$ID" --output | head -n 1)" = '40 120' ]
}

@test "background: its end is an alert, a failure a louder one" {
	background true
	until_true task_state_is finished
	until_true unlocked
	[ "$(db "SELECT level, title FROM alert")" = "info|${PWD##*/}: task $ID (sh -c true): has finished" ]
	background 'exit 3'
	until_true task_state_is failed
	until_true unlocked
	[ "$(db "SELECT level, title FROM alert WHERE level = 'warning'")" = "warning|${PWD##*/}: task $ID (sh -c exit 3): failed (status 3)" ]
	background 'touch ready; exec sleep 100'
	until_true test -e "$WORK/ready"
	ccm-supervisor task stop --end "$ID"
	until_true task_state_is failed
	until_true unlocked
	[ "$(db "SELECT count(*) FROM alert")" = 2 ]
}

@test "background: a command that cannot be run is said in words, and fails" {
	run -1 --separate-stderr ccm-supervisor run --background -- no-such-program </dev/null
	[ -z "$output" ]
	[[ $stderr == *"could not be started: there is no program 'no-such-program' in PATH"* ]]
}

@test "background: it survives the terminal that it was started on, and who started it" {
	tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -x 80 -y 24 \
		"ccm-supervisor run --background -- sh -c 'touch ready; exec sleep 100'; exec cat" 3>&-
	until_true task_is_ready
	tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server
	task_state_is running
}

# Prints the number of the process that is this part of the task.
part() { pgrep -o -f "ccm-supervisor task $1 .*$ID"; }

@test "background: without the process that keeps its terminal it ends, without its supervisor it is lost; both can start again" {
	background 'touch ready; exec sleep 100'
	until_true test -e "$WORK/ready"
	kill -KILL "$(part terminal)"
	until_true task_state_is failed
	until_true unlocked
	ccm-supervisor task resume --background "$ID"
	task_state_is running
	kill -KILL "$(part resume)"
	until_true task_state_is lost
	ccm-supervisor task resume --background "$ID"
	task_state_is running
}

@test "attach: what was written is there, keys get in, the size follows the window, and Ctrl-\\ leaves it running" {
	background "$ANSWERS"
	attach one 91 21
	sees one begun
	types one hello
	sees one 'got hello at 21 91'
	tmux -S "$BATS_TEST_TMPDIR/tmux" resize-window -t one -x 77 -y 17
	until_true eval "types one again; shows one 'got again at 17 77'"
	keys one "C-\\"
	sees one 'left task'
	sees one $'status 0\necho'
	task_state_is running
	attach two 80 24
	sees two 'got hello at 21 91'
	types two end
	sees two "the end of task $ID"
	sees two 'status 3'
}

@test "attach: several at once see the same, and each may type" {
	background "$ANSWERS"
	attach one 91 21
	attach two 80 24
	sees one begun
	sees two begun
	types one first
	sees two 'got first at 21 91'
	types two second
	sees one 'got second at 24 80'
}

@test "attach: --leave names another key, also as programs have it told that tell keys apart" {
	background "printf '\\033[>1u'; $ANSWERS"
	attach one 80 24 --leave=^Q
	sees one begun
	tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys -t one -l $'\033[113;5u'
	sees one 'left task'
	attach two 80 24 --leave=^Q
	sees two begun
	keys two "C-\\"
	sees two "the end of task $ID"
	sees two 'status 131'
	run -64 --separate-stderr ccm-supervisor task attach --leave=Q "$ID"
	[[ $stderr == *"'Q' is no key to leave with"* ]]
}

@test "attach: a terminal that was left is as it was before, whatever the program had done to it" {
	background "printf '\\033[?1049h\\033[?25l\\033[?1000h\\033[?2004hon the other screen'; $ANSWERS"
	attach one 80 24
	until_true eval '[ "$(modes one)" = 110 ]'
	keys one "C-\\"
	sees one 'left task'
	[ "$(modes one)" = 001 ]
}
modes() { tmux -S "$BATS_TEST_TMPDIR/tmux" display-message -p -t "$1" '#{alternate_on}#{mouse_standard_flag}#{cursor_flag}'; }

@test "attach: one that takes nothing does not hold up the task" {
	background 'i=0; while [ $i -lt 40000 ]; do echo "a line that is written to be looked at, number $i"; i=$((i + 1)); done; touch ready; exec sleep 100'
	python3 -c 'import os, socket, struct, sys, time
s = socket.socket(socket.AF_UNIX)
os.chdir(sys.argv[1])
s.connect("terminal")
s.send(b"s\4\0" + struct.pack("<HH", 24, 80))
time.sleep(60)' "$CCM_HOME/tasks/$ID" 3>&- &
	until_true test -e "$WORK/ready"
	kill $!
}

@test "attach: without a terminal, in the foreground, and after the end it is refused in words" {
	task_start 'touch ready; exec sleep 100'
	run -1 --separate-stderr ccm-supervisor task attach "$ID" </dev/null
	[[ $stderr == *'attach needs a terminal'*'task log '*' --output'* ]]
	attach one 120 24
	sees one 'runs where it was started, in the foreground or by the daemon'
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
	attach two 120 24
	sees two 'is not running: it is failed'
}

@test "attach: the sandbox sees neither the terminal's socket nor what is kept of the output" {
	background 'ls ..; python3 -c "import socket; socket.socket(socket.AF_UNIX).connect(\"../terminal\")" 2>&1 | tail -n 1
		cat ../output; touch ready; exec sleep 100'
	until_true test -e "$WORK/ready"
	[ -S "$CCM_HOME/tasks/$ID/terminal" ]
	[ "$(stat -c %a "$CCM_HOME/tasks/$ID")" = 700 ]
	run -0 ccm-supervisor task log "$ID" --output
	[[ $output == *PermissionError* && $output != *$'\nterminal\n'* ]]
}

# By ioctls with which a program would type on its terminal, or have the console paste: on the one that it has, and so on the
# person's. EPERM is our filter; a kernel may refuse them besides.
@test "terminal: nothing can be typed into that of the task, nor into the person's that run is on" {
	printf '%s\n' 'import fcntl, os' 'for fd in 0, 1, 2, os.open("/dev/tty", os.O_RDWR):' '    for call in 0x5412, 0x541C:' \
		'        for c in b"echo evil\n":' '            try: fcntl.ioctl(fd, call, bytes([c])); print("typed")' \
		'            except OSError as e: print("refused" if e.errno == 1 else e)' >type.py
	git add .
	git commit --quiet -m type
	tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -s one -x 100 -y 30 \
		"ccm-supervisor run -- sh -c 'python3 type.py >said'; echo ended; read -r -t 1 line; echo \"got '\$line'\"; exec cat" 3>&-
	sees one "got ''"
	task_last
	[ "$(sort "$WORK/said" | uniq -c | tr -s ' ')" = ' 80 refused' ]
	ID=
}

@test "log --output: nothing in it drives the terminal, and of much the last is kept" {
	background 'printf "plain \033[31mred\033[0m \033]0;title\007end\r\n"; head -c 2200000 /dev/zero | tr "\0" x; echo; echo last'
	until_true task_state_is finished
	[ "$(cat "$CCM_HOME/tasks/$ID/output" "$CCM_HOME/tasks/$ID/output.old" | wc -c)" -le 2097152 ]
	run -0 ccm-supervisor task log "$ID" --output
	[[ $output == *$'\nlast'* && $output != *$'\033'* ]]
	background 'printf "plain \033[31mred\033[0m \033]0;title\007end\r\n"'
	until_true task_state_is finished
	[ "$(ccm-supervisor task log "$ID" --output | head -n 1)" = 'plain red end' ]
}

@test "resume --background: starts one that has ended again, by its command or another" {
	background 'exit 3'
	until_true task_state_is failed
	until_true unlocked
	run -0 --separate-stderr ccm-supervisor task resume --background "$ID" -- sh -c 'echo again; touch ready'
	until_true task_state_is finished
	[ -e "$WORK/ready" ]
	[[ $(ccm-supervisor task log "$ID" --output) == *again* ]]
	until_true unlocked
	rm "$WORK/ready"
	ccm-supervisor task resume --background --again "$ID"
	until_true task_state_is failed
}
