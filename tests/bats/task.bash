# SPDX-License-Identifier: MIT
# Shared by task-*.bats: a repository of a person's own, and tasks in it.
# shellcheck shell=bash disable=SC2034

load helper

# A repository with one commit on main, in $PWD. Where the kernel lets no sandbox be made, a task must be refused, loudly
# and without a trace; then the test itself is skipped, and counted so.
task_setup() {
	ccm_sandbox
	git config --global user.name 'A Person'
	git config --global user.email person@example.org
	git init --quiet --initial-branch=main
	printf 'one\n' >file
	mkdir dir
	printf 'two\n' >dir/file
	git add .
	git commit --quiet --message 'the beginning'
	ccm-supervisor sandbox check >"$BATS_TEST_TMPDIR/check" && return
	run -1 --separate-stderr ccm-supervisor run -- true
	[[ $stderr == *'no sandbox here'* ]]
	skip "no sandbox here: $(tail -n 1 "$BATS_TEST_TMPDIR/check")"
}

# Usage: json_words KEY
# The value of KEY in each line on stdin, where it is a string of plain characters. jq takes longer to start than what is
# asked, and while a test waits it asks often.
json_words() { sed -nE 's/^(\{|.*[^\\],)"'"$1"'":"([^"\\]*)".*/\2/p'; }

# Usage: task_run SCRIPT [OPTION...]
# Runs SCRIPT in a task, to its end; sets ID, and WORK, the worktree. Its output is in $BATS_TEST_TMPDIR/out and err.
task_run() {
	local script=$1
	shift
	ccm-supervisor run "$@" -- sh -c "$script" </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	task_last
}

task_last() {
	ID=$(ccm-supervisor task list --all --json | json_words id | head -n 1)
	WORK=$CCM_HOME/tasks/$ID/work
}

# Usage: task_start SCRIPT
# Starts SCRIPT in a task in the background; returns when its file "ready" is there. Sets ID, WORK and RUNNER, a pid.
task_start() {
	task_last
	BEFORE=$ID
	ccm-supervisor run -- sh -c "$1" </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- 4>&- 5>&- 6>&- &
	RUNNER=$!
	until_true task_is_ready || return
}

task_is_ready() { task_last && [ "$ID" != "$BEFORE" ] && [ -e "$WORK/ready" ]; }

# Usage: until_true COMMAND...
# Waits for what must come, a minute at most.
until_true() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || { echo "never: $*"; cat "$BATS_TEST_TMPDIR/err" || :; return 1; }
		sleep 0.05
	done
}

task_state() { ccm-supervisor task show "$ID" --json | json_words state; }
task_state_is() { [ "$(task_state)" = "$1" ]; }

# The commit that review shows.
task_head() { ccm-supervisor task review "$ID" --json | jq -r .commit; }

# Usage: fingerprint DIR
# All of a folder's names, kinds, modes and bytes.
fingerprint() {
	(cd "$1" && find . -printf '%p %y %m %l\n' | LC_ALL=C sort && find . -type f -print0 | LC_ALL=C sort -z |
		xargs -0 sha256sum)
}
