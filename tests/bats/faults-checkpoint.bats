# SPDX-License-Identifier: MIT
# Checkpoints where something is wrong: repositories, disks, other processes, and what lies in the tree.
# shellcheck shell=bash

load helper
load checkpoint
load faults

setup() { checkpoint_sandbox; }

teardown() {
	cd /
	if mountpoint -q "$HOME/small" 2>/dev/null; then umount --lazy "$HOME/small"; fi
}

# Usage: fewer N INSTRUMENTED - INSTRUMENTED in a build with sanitizers, which takes many times longer.
fewer() {
	if grep -q -e -fsanitize=address "$CCM_BUILD/Makefile"; then echo "$2"; else echo "$1"; fi
}

# Usage: repositories N DRIVER ARGUMENT... - runs the driver of tests/bin in N repositories side by side, each with its own
# number as the last argument; all must end well.
repositories() {
	local n="$1" driver="$2" i pids=()
	shift 2
	for i in $(seq "$n"); do
		git clone -q . "../r$i" && git -C "../r$i" config gc.auto 0
		(cd "../r$i" && exec "$CCM_SOURCE/tests/bin/$driver" "$@" "$i") >"../out$i" 2>&1 &
		pids+=("$!")
	done
	for i in "${!pids[@]}"; do
		wait "${pids[i]}" || { cat "../out$((i + 1))" && return 1; }
	done
}

@test "checkpoint faults: 300 rounds of random work: every state comes back exactly, and nothing else is touched" {
	repositories 3 checkpoint-rounds "$(fewer "$(size 100 1000)" 15)"
	[ "$(cat ../out* | grep -c 'every state came back')" -eq 3 ]
}

@test "checkpoint faults: killed 200 times at random moments: no lock that blocks git, no broken ref" {
	repositories 2 checkpoint-kills "$(fewer "$(size 100 1000)" 15)"
	[ "$(cat ../out* | grep -c 'no lock left, no ref broken')" -eq 2 ]
}

@test "checkpoint faults: git gc --prune=now may run at any time" {
	(while [ ! -e "$HOME/enough" ]; do git gc -q --prune=now || exit 1; done) 2>"$HOME/gc.err" &
	local gc=$! round
	for round in $(seq "$(fewer "$(size 40 400)" 10)"); do
		echo "$round" >a
		head -c 2000 /dev/urandom >u
		cp_ take --quiet --session "s$((round % 3))"
	done
	touch "$HOME/enough"
	wait "$gc" || { cat "$HOME/gc.err" && return 1; }
	git fsck --strict --no-dangling
	[ "$(cp_ list -n 1000 --json | wc -l)" -eq "$round" ]
}

@test "checkpoint faults: locks that somebody holds in the repository are nobody's business" {
	touch .git/index.lock .git/HEAD.lock .git/packed-refs.lock .git/config.lock .git/refs/heads/main.lock
	echo 1 >a
	[ "$(take)" = 'taken 1' ]
	cp_ restore 1 --yes
	[ -e .git/index.lock ]
}

@test "checkpoint faults: a damaged index is said to be so, and nothing is written" {
	echo 1 >a
	printf 'DIRCgarbage' >.git/index
	run -1 --separate-stderr cp_ take
	[ -z "$output" ]
	[[ $stderr == 'ccm-supervisor: checkpoint take: git '*index* ]]
	[ -z "$(git for-each-ref refs/ccm)" ]
	[ "$(cat .git/index)" = DIRCgarbage ]
}

@test "checkpoint faults: a HEAD whose objects are gone is said to be so" {
	echo 1 >a
	rm -rf .git/objects/??
	run -1 --separate-stderr cp_ take

	[[ $stderr == *'cannot read HEAD: '* ]]
	[ "$(cat a)" = 1 ]
}

@test "checkpoint faults: a damaged index of our own is made anew" {
	echo 1 >a && take
	echo garbage >"$(echo .git/ccm/none/index-*)"
	echo 2 >a
	[ "$(take)" = 'taken 2' ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:a)" = 2 ]
	rm -rf .git/ccm
	echo 3 >a
	[ "$(take)" = 'taken 3' ]
	git fsck --strict --no-dangling
}

@test "checkpoint faults: refs that were deleted and collected are no ground to build on" {
	echo 1 >a && mkdir d && echo 1 >d/x && take
	git for-each-ref --format='delete %(refname)' refs/ccm | git update-ref --stdin
	git gc -q --prune=now
	echo 2 >a
	[ "$(take)" = 'taken 2' ]
	git fsck --strict --no-dangling
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:d/x)" = 1 ]
}

@test "checkpoint faults: a broken checkpoint is named, and the others are listed" {
	echo 1 >a && take --session s1
	echo 2 >a && take --session s2
	echo 0123456789012345678901234567890123456789 >.git/refs/ccm/checkpoints/s1/1
	run -0 --separate-stderr cp_ list
	[[ $stderr == *'a checkpoint is broken: refs/ccm/checkpoints/s1/1: '* ]]
	[[ $output == *' by hand' ]]
	run -1 --separate-stderr cp_ restore 1 --yes
	[[ $stderr == *'refs/ccm/checkpoints/s1/1: object not found'* ]]
}

@test "checkpoint faults: a shallow clone" {
	git commit -q --allow-empty -m second
	git clone -q --depth 1 "file://$PWD" ../shallow
	cd ../shallow
	echo 1 >a
	[ "$(take)" = 'taken 1' ]
	git fsck --no-dangling
	echo 2 >a
	cp_ restore 1 --yes
	[ "$(cat a)" = 1 ]
}

@test "checkpoint faults: a partial clone, and nothing is fetched for it" {
	git config uploadpack.allowFilter true
	git clone -q --filter=blob:none --no-checkout "file://$PWD" ../partial
	cd ../partial
	git sparse-checkout set src && git checkout -q
	git remote set-url origin /nowhere
	echo 1 >src/b && echo new >u
	[ "$(take)" = 'taken 1' ]
	echo 2 >src/b
	cp_ restore 1 --yes
	[ "$(cat src/b)" = 1 ]
	git checkout -q src/b && rm u
	[ "$(take)" = 'taken 3' ]
}

# Usage: as_owner COMMAND... - without root's right to pass over permissions.
as_owner() {
	if [ "$(id -u)" -ne 0 ]; then
		"$@"
	else
		setpriv --bounding-set=-dac_override,-dac_read_search --inh-caps=-dac_override,-dac_read_search -- "$@"
	fi
}

@test "checkpoint faults: a repository that cannot be written is said to be so" {
	echo 1 >a
	chmod a-w .git
	run -1 --separate-stderr as_owner ccm-supervisor checkpoint take
	chmod u+w .git
	[[ $stderr == *"cannot make '$PWD/.git/ccm/none': Permission denied" ]]
	[ -z "$(git for-each-ref refs/ccm)" ]
	take
	chmod a-w .git/objects/pack
	echo 2 >a
	run -1 --separate-stderr as_owner ccm-supervisor checkpoint take
	chmod u+w .git/objects/pack
	[[ $stderr == *"cannot write '$PWD/.git/objects/pack/"*"Permission denied" ]]
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 1 ]
	[ "$(take)" = 'taken 3' ]
}

@test "checkpoint faults: another user's repository is left alone until git trusts it" {
	echo 1 >a
	GIT_TEST_ASSUME_DIFFERENT_OWNER=1 run -1 --separate-stderr cp_ take
	[[ $stderr == *'dubious ownership'* ]]
	[ "$(id -u)" -ne 0 ] || {
		chown -R 65534:65534 .
		run -1 --separate-stderr cp_ take

		[[ $stderr == *"the repository of '.' belongs to another user"*'safe.directory'* ]]
		git config --global --add safe.directory "$PWD"
		[ "$(take)" = 'taken 1' ]
	}
}

@test "checkpoint faults: a file that cannot be read is left out, with a line that says so" {
	echo secret >locked
	chmod 0 locked
	run -0 --separate-stderr as_owner ccm-supervisor checkpoint take
	chmod 600 locked
	[[ $stderr == *'locked: Permission denied'* ]]
	[ "$(cp_ show 1 --json | jq -c .left_out)" = '["locked"]' ]
	mkfifo pipe
	[ "$(take)" = 'taken 2' ]
}

@test "checkpoint faults: a disk that is full half way" {
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	mkdir "$HOME/small"
	mount -t tmpfs -o size=4m tmpfs "$HOME/small"
	git clone -q . "$HOME/small/r"
	cd "$HOME/small/r"
	local kib
	for kib in 0 4 16 64 200 400 600; do
		head -c 300000 /dev/urandom >u
		cat /dev/zero >"$HOME/small/fill" 2>/dev/null || :
		truncate -s "-${kib}K" "$HOME/small/fill"
		if ccm-supervisor checkpoint take >"$HOME/out" 2>"$HOME/err"; then
			[ "$kib" -ge 200 ]
		else
			grep -qiE 'no space left|unable to write|out of diskspace' "$HOME/err" || { cat "$HOME/err" && return 1; }
		fi
		rm "$HOME/small/fill"
		git fsck --strict --no-dangling
		[ -z "$(find .git -path .git/ccm -prune -o -name '*.lock' -print)" ]
		cmp <(git cat-file blob HEAD:a) a
	done
	take
	[ "$(git cat-file blob "$(cp_ show last --json | jq -r .ref):u" | cksum)" = "$(cksum <u)" ]
	# A restore that does not fit says how far it came, and how to go back.
	head -c 1500000 /dev/urandom >u
	take
	rm u
	take
	cat /dev/zero >"$HOME/small/fill" 2>/dev/null || :
	truncate -s -300K "$HOME/small/fill"
	run -1 --separate-stderr cp_ restore "$(($(cp_ show last --json | jq .n) - 1))" --yes
	[[ $stderr == *'No space left on device'* ]]
	rm "$HOME/small/fill"
	git fsck --strict --no-dangling
}

@test "checkpoint faults: a file that changes while it is read does no harm" {
	(while [ ! -e "$HOME/enough" ]; do head -c 50000 /dev/urandom >busy; echo x >>growing; done) &
	local writer=$! round
	for round in $(seq 15); do
		echo "$round" >a
		cp_ take --quiet
		[ "$(git cat-file blob "refs/ccm/checkpoints/none/$round:a")" = "$round" ]
	done
	touch "$HOME/enough"
	wait "$writer"
	git fsck --strict --no-dangling
	take
	[ "$(git cat-file blob "$(cp_ show last --json | jq -r .ref):busy" | cksum)" = "$(cksum <busy)" ]
}

@test "checkpoint faults: 200,000 files" {
	local count
	count=$(size 25000 200000)
	mkdir many
	(cd many && python3 -c '
import sys
for i in range(int(sys.argv[1])):
    open(f"f{i}", "w").close()' "$count")
	run -0 --separate-stderr cp_ take --quiet --deadline 60s
	[[ $stderr == *"many/: $count files that git does not track, more than max_files"* ]]
	git add many && git commit -q -m many
	echo 1 >many/f7
	run -0 --separate-stderr cp_ take --quiet --deadline 60s
	[ -z "$stderr" ] || { echo "$stderr" && return 1; }
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:many/f7)" = 1 ]
	[ "$(git ls-tree -r --name-only refs/ccm/checkpoints/none/2 | wc -l)" -eq "$((count + 4))" ]
}

@test "checkpoint faults: without a database there are checkpoints, and the database hears of them later" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	echo garbage >"$CCM_HOME/ccm.db"
	chmod a-w "$CCM_HOME"
	echo 1 >a
	run -0 --separate-stderr as_owner ccm-supervisor checkpoint take
	chmod u+w "$CCM_HOME"
	[ "$output" = 'checkpoint 1: 0 added, 1 changed, 0 deleted' ]
	rm -f "$CCM_HOME"/ccm.db*
	cp_ list --rescan >/dev/null
	[ "$(db 'SELECT n FROM checkpoint')" = 1 ]
}

@test "checkpoint faults: git that is not there is said to be so" {
	mkdir empty
	echo 1 >a
	run -1 --separate-stderr env PATH="$PWD/empty" "$CCM_BUILD/ccm-supervisor" checkpoint take
	[[ $stderr == *'git is not in PATH' ]]
}
