# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What a sandboxed program can and cannot do, plainly; tests/e2e/escape/ attacks it.

load helper

setup() {
	ccm_sandbox
	SHELF=$(mktemp -d "${TMPDIR:-/tmp}/ccm-sandbox.XXXXXX")
	chmod 755 "$SHELF"
	mkdir -m 755 "$SHELF/rw" "$SHELF/ro"
	mkdir -m 700 "$SHELF/home"
	echo secret >"$SHELF/home/secret"
	echo read-me >"$SHELF/ro/text"
	# The build tree may lie where another user cannot look.
	cp "$CCM_BUILD/ccm-supervisor" "$SHELF/"
	export HOME=$SHELF/home CCM_HOME=$SHELF/home/.ccm
	[ "$(id -u)" -ne 0 ] || chown -R 40404:40404 "$SHELF"
	cd "$SHELF" || return
}

teardown() {
	[ ! -S "$BATS_TEST_TMPDIR/tmux" ] || tmux -S "$BATS_TEST_TMPDIR/tmux" kill-server
	rm -rf "$SHELF"
}

# Runs as an ordinary user, also where the tests run as root.
as_user() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid 40404 --regid 40404 --clear-groups "$@"
	else
		"$@"
	fi
}

sandbox() { as_user "$SHELF/ccm-supervisor" sandbox "$@"; }

# Usage: has_namespaces
# Whether this system lets an ordinary user have them; what differs without is tested by itself.
has_namespaces() { [[ $(sandbox check) == *'Sandboxes have all three layers.'* ]]; }

# Usage: in_each_way COMMAND...
# With the layers that this system has, and without namespaces. Where they are refused both are the same.
in_each_way() {
	"$@" || return
	"$@" --no-namespaces
}

# Usage: shows TEXT
# Waits until the terminal of the test shows it.
shows() {
	local tries=0
	until tmux -S "$BATS_TEST_TMPDIR/tmux" capture-pane -p | grep -q "$1"; do
		if [ "$((tries += 1))" -gt 300 ]; then
			tmux -S "$BATS_TEST_TMPDIR/tmux" capture-pane -p >&2
			return 1
		fi
		sleep 0.1
	done
}

@test "sandbox check: names each layer, and what the sandboxes here are made of" {
	run --separate-stderr sandbox check
	[ -z "$stderr" ]
	[ "$(grep -cE '^(Landlock|seccomp|namespaces) +(yes|no) ' <<<"$output")" -eq 3 ]
	[[ $output == *'Sandboxes have '* || $output == *'No sandbox: nothing is run.'* ]]
	[[ $output != *'No sandbox'* ]] || [ "$status" -eq 1 ]
}

@test "sandbox exec: the program's output and status are handed on" {
	handed_on() {
		run -7 --separate-stderr sandbox exec "$@" -- sh -c 'cat; echo out; echo err >&2; exit 7' <<<in
		[ "$output" = "in"$'\n'"out" ]
		[[ $stderr == *err ]]
	}
	in_each_way handed_on
}

@test "sandbox exec: a program that a signal ends has the status that sh gives it" {
	run -143 sandbox exec -- sh -c 'kill -TERM $$'
}

@test "sandbox exec: a program that is not there is named, and nothing runs" {
	run -1 --separate-stderr sandbox exec -- no-such-program
	[ -z "$output" ]
	[[ $stderr == *"cannot run 'no-such-program' in the sandbox: No such file or directory"* ]]
}

@test "sandbox exec: what was not named cannot be read, listed or written" {
	closed() {
		run --separate-stderr sandbox exec "$@" -- cat "$SHELF/home/secret"
		[ "$status" -ne 0 ]
		[ -z "$output" ]
		run --separate-stderr sandbox exec "$@" -- ls "$SHELF/home"
		[ "$status" -ne 0 ]
		run --separate-stderr sandbox exec "$@" -- touch "$SHELF/home/made"
		[ "$status" -ne 0 ]
		[ ! -e "$SHELF/home/made" ]
	}
	in_each_way closed
}

@test "sandbox exec: --ro may be read and run, not written" {
	read_only() {
		run -0 sandbox exec --ro "$SHELF/ro" "$@" -- cat "$SHELF/ro/text"
		[ "${lines[-1]}" = read-me ]
		for write in "echo x >>$SHELF/ro/text" "rm $SHELF/ro/text" "touch $SHELF/ro/new" "mv $SHELF/ro/text $SHELF/ro/b" \
			"chmod 777 $SHELF/ro/text" "touch -d yesterday $SHELF/ro/text"; do
			run sandbox exec --ro "$SHELF/ro" "$@" -- sh -c "$write"
			[ "$status" -ne 0 ] || { echo "went through: $write" >&2; return 1; }
		done
		[ "$(cat "$SHELF/ro/text")" = read-me ]
	}
	in_each_way read_only
}

@test "sandbox exec: the root directory is not given as a whole, and that is said" {
	given() {
		run -1 --separate-stderr sandbox exec --ro / "$@" -- true
		[ -z "$output" ]
		[[ $stderr == *"the root directory cannot be in a sandbox as a whole: name what is in it" ]]
	}
	in_each_way given
}

@test "sandbox exec: in --rw files can be made, changed, moved, marked and removed" {
	writable() {
		run -0 --separate-stderr sandbox exec --rw "$SHELF/rw" "$@" -- sh -ec "cd '$SHELF/rw'
			mkdir a b && echo x >a/f && mv a/f b/g && chmod 700 b/g && touch -d 2001-01-01 b/g && ln -s g b/l
			cp -p b/g b/h && rm b/g && ls b"
		[ "$output" = h$'\n'l ]
		[ "$(stat -c '%a %Y' "$SHELF/rw/b/h")" = "700 $(date -d 2001-01-01 +%s)" ]
		rm -r "$SHELF/rw/a" "$SHELF/rw/b"
	}
	in_each_way writable
}

@test "sandbox exec: a place that is reached by a symbolic link is the place that it led to" {
	as_user ln -s rw "$SHELF/link"
	run -0 sandbox exec --rw "$SHELF/link" -- touch "$SHELF/rw/through"
	[ -e "$SHELF/rw/through" ]
}

@test "sandbox exec: of the environment only a few harmless variables and what was named get in" {
	run -0 --separate-stderr env KEY=secret OTHER=2 TZ=UTC "$(command -v bash)" -c "$(declare -f as_user sandbox)
		SHELF=$SHELF sandbox exec --env OTHER --env NEW=3 -- env"
	[[ $'\n'$output$'\n' == *$'\nOTHER=2\n'* ]]
	[[ $'\n'$output$'\n' == *$'\nNEW=3\n'* ]]
	[[ $'\n'$output$'\n' == *$'\nTZ=UTC\n'* ]]
	[[ $output != *secret* && $output != *HOME=* ]]
}

@test "sandbox exec: what it started is gone when it has ended" {
	nothing_left() {
		run -0 sandbox exec --rw "$SHELF/rw" "$@" -- sh -c "setsid sh -c 'sleep 1; touch $SHELF/rw/late' & \
			(sleep 1; touch $SHELF/rw/later) & exit 0"
		! pgrep -u 40404 -x sleep
		[ ! -e "$SHELF/rw/late" ]
	}
	in_each_way nothing_left
}

@test "sandbox exec: it ends with ccm-supervisor, also by SIGKILL" {
	ends_too() {
		as_user rm -f "$SHELF/rw/alive"
		# shellcheck disable=SC2016
		as_user sh -c 'echo $$ >"$1/rw/pid"; shift; exec "$@"' sh "$SHELF" "$SHELF/ccm-supervisor" sandbox exec \
			--rw "$SHELF/rw" "$@" -- \
			sh -c "exec 9>$SHELF/rw/lock; flock 9; touch $SHELF/rw/alive; sleep 1000" 3>&- &
		until [ -e "$SHELF/rw/alive" ]; do sleep 0.01; done
		kill -KILL "$(cat "$SHELF/rw/pid")"
		# The lock is free once nothing that held it is left.
		timeout 60 flock "$SHELF/rw/lock" true
	}
	in_each_way ends_too
}

@test "sandbox exec: --max-file, --max-memory and --max-processes hold" {
	run sandbox exec --max-file 4096 --rw "$SHELF/rw" -- sh -c "head -c 8192 /dev/zero >$SHELF/rw/big"
	[ "$status" -ne 0 ]
	[ "$(stat -c %s "$SHELF/rw/big")" -eq 4096 ]
	run sandbox exec --max-memory 50000000 -- python3 -c 'bytearray(100000000)'
	[ "$status" -ne 0 ]
	[[ $output == *MemoryError* ]]
	has_namespaces || return 0
	# shellcheck disable=SC2016
	run sandbox exec --max-processes 10 -- sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done'
	[ "$status" -ne 0 ]
	[[ $output == *'annot fork'* ]]
}

@test "sandbox exec: --refusals tells what the kernel tells of, each kind once" {
	told() {
		as_user rm -f "$SHELF/rw/refused"
		run -0 sandbox exec "$@" --refusals "$SHELF/rw/refused" -- python3 -c '
import ctypes, socket
for i in range(3):
    try: socket.socket(socket.AF_UNIX)
    except PermissionError: pass
ctypes.CDLL(None).unshare(0x10000000)'
		[ "$(jq -r '[.layer, .call, .detail] | join(" ")' "$SHELF/rw/refused")" = \
			"seccomp socket AF_UNIX, SOCK_STREAM"$'\n'"seccomp unshare flags 0x10000000" ]
	}
	in_each_way told
}

@test "sandbox exec: on a terminal it has a terminal of its own, resized with the window" {
	export -f as_user sandbox
	export SHELF
	as_user tee "$SHELF/rw/script" >/dev/null <<-'END'
		tty; stty size
		read -r line; echo "got $line"
		until [ "$(stty size)" = "17 77" ]; do sleep 0.1; done
		echo resized
		read -r line
	END
	tmux -S "$BATS_TEST_TMPDIR/tmux" -f /dev/null new-session -d -x 91 -y 21 \
		"bash -c 'sandbox exec --rw $SHELF/rw -- sh $SHELF/rw/script'"
	shows '21 91'
	tmux -S "$BATS_TEST_TMPDIR/tmux" send-keys hello Enter
	shows 'got hello'
	tmux -S "$BATS_TEST_TMPDIR/tmux" resize-window -x 77 -y 17
	shows resized
}

@test "sandbox explain: the rules that the same options of exec come to" {
	run -0 --separate-stderr sandbox explain --ro "$SHELF/ro" --rw "$SHELF/rw" --max-file 4096
	[[ $output == *"  read, execute          $SHELF/ro"$'\n'* ]]
	[[ $output == *"  read, write, execute   $SHELF/rw"$'\n'* ]]
	[[ $output == *$'Network:\n  none\n'* ]]
	[[ $output == *'  size of a file         4.0 KiB'* ]]
}
