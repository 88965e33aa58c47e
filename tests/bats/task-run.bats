#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A task from its start to its end: what it can do, and what is noted.

setup() { load task; task_setup; }

@test "run: a command works in a worktree of its own, on a branch of its own, and commits there" {
	run -0 --separate-stderr ccm-supervisor run -- sh -c 'git status -sb; echo more >>file; git commit -qam more; git log --format=%s'
	task_last
	[ "$output" = "## ccm/task-$ID
more
the beginning" ]
	[[ $stderr == *"task $ID finished (status 0): 1 commit; 'ccm-supervisor task review $ID' shows them"* ]]
	[ "$(cat file)" = one ]
	[ "$(git log --format=%s)" = 'the beginning' ]
}

@test "run: the person's repository gets one ref and nothing else" {
	before=$(fingerprint .)
	task_run 'echo more >>file; git commit -qam more'
	[ "$(git for-each-ref --format='%(refname)' refs/ccm)" = "refs/ccm/tasks/$ID/base" ]
	git update-ref -d "refs/ccm/tasks/$ID/base"
	rm -rf .git/refs/ccm
	[ "$(fingerprint .)" = "$before" ]
}

@test "run: the exit status is the command's, and the state says how it ended" {
	run -7 ccm-supervisor run -- sh -c 'exit 7'
	task_last
	[ "$(ccm-supervisor task show "$ID" --json | jq -r '"\(.state) \(.exit_status)"')" = 'failed 7' ]
	run -0 ccm-supervisor run -- true
	task_last
	task_state_is finished
}

@test "run: input and output are the caller's" {
	run -0 --separate-stderr bash -c 'echo words | ccm-supervisor run -- tr a-z A-Z'
	[ "$output" = WORDS ]
}

@test "run: --base begins from another commit, --name names the task, --repo another repository" {
	git branch old
	echo later >>file
	git commit --quiet -am later
	repo=$PWD
	cd "$HOME"
	task_run 'git log -1 --format=%s >said' --repo "$repo/dir" --base old --name 'A title'
	[ "$(cat "$WORK/said")" = 'the beginning' ]
	[ "$(ccm-supervisor task show "$ID" --json | jq -r '"\(.title) \(.branch)"')" = 'A title refs/heads/old' ]
}

@test "run: what cannot be is named, and leaves nothing behind" {
	before=$(fingerprint .)
	run -1 --separate-stderr ccm-supervisor run --base nowhere -- true
	[ "$stderr" = "ccm-supervisor: '.' has no commit 'nowhere' (--base takes a branch, a tag or a commit id)" ]
	run -1 --separate-stderr ccm-supervisor run --repo "$HOME" -- true
	[[ $stderr == "ccm-supervisor: '$HOME' is in no git repository that can be used: "* ]]
	git init --quiet "$HOME/empty"
	run -1 --separate-stderr ccm-supervisor run --repo "$HOME/empty" -- true
	[ "$stderr" = "ccm-supervisor: '$HOME/empty' has no commit yet: a task begins from one" ]
	[ -z "$(ls "$CCM_HOME/tasks" 2>/dev/null)" ]
	[ "$(ccm-supervisor task list)" = 'no tasks' ]
	[ "$(fingerprint .)" = "$before" ]
}

@test "run: a failure while the folders are made leaves the repository byte for byte as it was" {
	ccm-supervisor task list >/dev/null
	before=$(fingerprint .)
	mkdir "$CCM_HOME/tasks"
	mount_or_file="$CCM_HOME/tasks"
	rmdir "$mount_or_file"
	: >"$mount_or_file"
	run -1 --separate-stderr ccm-supervisor run -- true
	[[ $stderr == *"$CCM_HOME/tasks/"*': Not a directory' ]]
	[ "$(fingerprint .)" = "$before" ]
	[ "$(ccm-supervisor task list)" = 'no tasks' ]
}

@test "run: a program that is not there fails the task, in words" {
	run -1 --separate-stderr ccm-supervisor run -- no-such-program
	[[ $stderr == *"there is no program 'no-such-program' in PATH" ]]
	task_last
	task_state_is failed
}

# What is written, removed or moved although it must not be.
spoil_repository() {
	task_run 'cd "$(git rev-parse --git-common-dir)" || exit
		for at in config hooks/post-commit packed-refs objects/info/alternates HEAD worktrees/work/HEAD \
			worktrees/work/commondir worktrees/work/gitdir ../work/.git refs/heads/main refs/tags/x; do
			(echo evil >"$at") 2>/dev/null && echo "wrote $at"
			rm -f "$at" 2>/dev/null && [ ! -e "$at" ] && case $at in hooks/*|refs/*) ;; *) echo "removed $at" ;; esac
			mv "$at" "$at.x" 2>/dev/null && echo "moved $at"
		done; exit 0'
	[ ! -s "$BATS_TEST_TMPDIR/out" ] || { cat "$BATS_TEST_TMPDIR/out"; return 1; }
}

@test "run: the task's repository cannot be given another config, hook, HEAD or object store from inside" {
	spoil_repository
}

# Inside, /dev/shm is a folder of the task's own.
@test "run: nor where ~/.ccm lies in /dev/shm" {
	CCM_HOME=$(mktemp -d /dev/shm/ccm-test.XXXXXX)
	spoil_repository || { rm -rf "$CCM_HOME"; return 1; }
	rm -rf "$CCM_HOME"
}

@test "run: push, switch, branch, tag, stash, worktree and submodule are refused inside; add, amend, revert and reset work" {
	git clone --quiet --bare . "$HOME/remote.git"
	task_run 'for c in "push '"$HOME/remote.git"' HEAD:main" "switch -c x" "branch x" "tag x" "stash" "worktree add ../x" \
			"update-ref refs/heads/x HEAD" "submodule add ./dir sub"; do
			echo change >>file; git $c >/dev/null 2>&1 && echo "$c went through"; git checkout -q file
		done
		set -e; echo a >>file; git add file; git commit -qm a; git commit -q --amend -m b; git revert --no-edit HEAD >/dev/null
		git reset -q --hard HEAD~1; git cherry-pick --allow-empty HEAD >/dev/null 2>&1 || git cherry-pick --abort; git log --format=%s -1'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = b ]
}

@test "run: the base stays, whatever the person's gc does, and a deleted branch of theirs does not harm the task" {
	git switch --quiet -c passing
	echo passing >>file
	git commit --quiet -am passing
	task_run 'echo more >>file; git commit -qam more'
	git switch --quiet main
	git branch --quiet -D passing
	git reflog expire --expire=now --all
	git gc --quiet --prune=now
	run -0 ccm-supervisor task resume "$ID" -- sh -c 'git fsck --no-dangling 2>&1; git log --format=%s'
	[[ $output == *'more
passing
the beginning'* ]]
}

@test "run: it works from a linked worktree, and in a repository that borrows its objects" {
	git worktree add --quiet ../linked
	cd ../linked
	task_run 'git log -1 --format=%s >said'
	[ "$(cat "$WORK/said")" = 'the beginning' ]
	git clone --quiet --shared ../project ../borrows
	cd ../borrows
	task_run 'git log -1 --format=%s >said; echo x >>file; git commit -qam x'
	[ "$(cat "$WORK/said")" = 'the beginning' ]
	[ "$(ccm-supervisor task list --json | jq -r .commits | head -n 1)" = 1 ]
}

@test "run: the paths of the repository and of ~/.ccm may hold what means something to git" {
	for name in 'C#' '"quoted" \back' 'co:lon' "it's \$HOME"; do
		git clone --quiet . "$HOME/$name"
		(
			export CCM_HOME="$HOME/$name.ccm"
			cd "$HOME/$name"
			task_run 'echo two >>file; git commit -qam two'
			ccm-supervisor task merge "$ID" --approve "$(task_head)"
			[ "$(cat file)" = $'one\ntwo' ]
			ccm-supervisor task discard "$ID"
			ccm-supervisor task restore "$ID"
		)
	done
}

@test "run: a repository with SHA-256 ids works, a partial clone is refused" {
	git init --quiet --object-format=sha256 "$HOME/new"
	cd "$HOME/new"
	echo one >file
	git add file
	git commit --quiet -m one
	task_run 'echo two >>file; git commit -qam two'
	run -0 ccm-supervisor task merge "$ID" --approve "$(task_head)"
	[ "$(cat file)" = "one
two" ]
	git config extensions.partialClone origin
	run -1 --separate-stderr ccm-supervisor run -- true
	[[ $stderr == *"is a partial clone: "* ]]
}

@test "run: a command is needed where the agent is custom" {
	(umask 077 && mkdir -p "$CCM_HOME")
	printf '[sandbox]\nagent = custom\n' >"$CCM_HOME/config.ini"
	run -64 --separate-stderr ccm-supervisor run
	[ "$stderr" = "ccm-supervisor: run: a command is needed: [sandbox] agent is custom (see 'ccm-supervisor run --help')" ]
}

@test "run: a command that the agent made a link of opens nothing that the link leads to" {
	mkdir -p "$HOME/mine/node_modules/tool" "$HOME/mine/node_modules/private"
	echo secret >"$HOME/mine/node_modules/private/file"
	printf '#!/bin/sh\ncat "%s"/mine/node_modules/private/file\n' "$HOME" >"$HOME/mine/node_modules/tool/run"
	chmod +x "$HOME/mine/node_modules/tool/run"
	[ "$("$HOME/mine/node_modules/tool/run")" = secret ]
	task_run "ln -s $HOME/mine/node_modules/tool/run run; ln -s /usr/bin/id id"
	run ! ccm-supervisor task resume "$ID" -- ./run
	[[ $output != *secret* && $output == *"./run"* ]]
	ccm-supervisor task resume "$ID" -- ./id
	run -1 --separate-stderr ccm-supervisor run -- /etc
	[[ $stderr == *"cannot run '/etc': it is no file" ]]
}

@test "task: a supervisor that is killed takes its processes along, and its task is lost, with its work" {
	task_start 'echo kept >kept; touch ready; exec sleep 1000.25'
	kill -KILL "$RUNNER"
	wait "$RUNNER" || :
	until_true task_state_is lost
	until_true sh -c '! pgrep -f "sleep 1000[.]25" >/dev/null'
	[ "$(cat "$WORK/kept")" = kept ]
	run -0 ccm-supervisor task resume "$ID" -- cat kept
	[ "${lines[0]}" = kept ]
	task_state_is finished
}

@test "task: what the kernel refuses is told by task log" {
	task_run 'python3 -c "import socket; socket.socket(socket.AF_UNIX)" 2>/dev/null; true'
	run -0 ccm-supervisor task log "$ID"
	[[ $output == *'denied    seccomp: socket, AF_UNIX'*'by python3'* ]]
}

@test "task: ids may be cut short, 'last' is the newest, and a wrong one is named" {
	task_run true
	run -0 ccm-supervisor task show "${ID:0:3}"
	[[ $output == "Task $ID"* ]]
	run -0 ccm-supervisor task show last
	[[ $output == "Task $ID"* ]]
	run -1 --separate-stderr ccm-supervisor task show zzz
	[[ $stderr == "ccm-supervisor: 'zzz' is no task id: "* ]]
	run -1 --separate-stderr ccm-supervisor task show ffffffff
	[[ $stderr == "ccm-supervisor: there is no task 'ffffffff' "* ]]
}

@test "task: list shows state, commits and title; --json one object a line" {
	task_run 'echo more >>file; git commit -qam more' --name $'bad \e[31mtitle'
	run -0 ccm-supervisor task list
	[[ ${lines[0]} == 'ID        STATE       AGE  COMMITS       SIZE  LIMITS  TITLE' ]]
	[[ ${lines[1]} == "$ID  finished "*'  1  '*'bad \e[31mtitle' ]]
	ccm-supervisor task list --json | jq -es 'length == 1 and .[0].commits == 1 and .[0].state == "finished" and .[0].limits.commits == 100'
}
