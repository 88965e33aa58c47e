#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# From what a task committed to a branch of the person's: only what was approved, whole or not at all.

setup() { load task; task_setup; }

merge() { ccm-supervisor task merge "$ID" "$@"; }

@test "merge: squash makes one commit of the approved one, and the checked-out files follow" {
	task_run 'echo a >>file; git commit -qam first; echo b >>file; git commit -qam second' --name 'Two more lines'
	run -0 --separate-stderr merge --approve "$(task_head)"
	[[ $output == 'main: '*'its files are up to date in '* ]]
	[ "$(git log --format=%s)" = 'Two more lines
the beginning' ]
	[[ $(git log -1 --format=%B) == *'* first
* second'*"Ccm-Task: $ID"* ]]
	[ "$(cat file)" = 'one
a
b' ]
	[ -z "$(git status --porcelain)" ]
	task_state_is merged
}

@test "merge: --method merge keeps the commits, rebase puts each on top with its author and message" {
	task_run 'echo x >x; git add x; git commit -qm "x comes" --author "Someone <s@example.org>"; echo y >y; git add y; git commit -qm "y comes"'
	head=$(task_head)
	echo else >else
	git add else
	git commit --quiet -m meanwhile
	merge --approve "$head" --method merge
	[ "$(git rev-parse HEAD^2)" = "$head" ]
	git reset --quiet --hard HEAD^1
	merge --approve "$head" --method rebase
	[ "$(git log -3 --format='%an: %s')" = 'A Person: y comes
Someone: x comes
A Person: meanwhile' ]
	[ "$(ls)" = 'dir
else
file
x
y' ]
}

@test "merge: --method rebase refuses a merge commit, whose own changes it would leave out" {
	task_run 'echo a >a; git add .; git commit -qm a; side=$(git commit-tree -p HEAD~1 -m side HEAD~1^{tree})
		git merge -q --no-ff --no-commit $side; echo own >own; git add .; git commit -qm joined; git rev-parse HEAD'
	run -1 --separate-stderr merge --approve "$(task_head)" --method rebase
	[[ $stderr == "ccm-supervisor: commit $(task_head | cut -c 1-12) is a merge, which cannot be put on top of another commit; "* ]]
	merge --approve "$(task_head)"
	[ "$(cat own)" = own ]
}

@test "merge: exactly the approved commit is merged, not what came after it" {
	task_run 'echo a >>file; git commit -qam first; git rev-parse HEAD; echo evil >evil; git add .; git commit -qm second'
	merge --approve "$(cat "$BATS_TEST_TMPDIR/out")"
	[ "$(git log -1 --format=%B | grep -c second)" -eq 0 ]
	[ ! -e evil ]
}

@test "merge: nothing is merged without an approval, or with one for another commit" {
	task_run 'echo a >>file; git commit -qam first'
	before=$(git rev-parse HEAD)
	run -64 --separate-stderr merge
	[[ $stderr == *"needs --approve=SHA"* ]]
	run -64 --separate-stderr merge --approve "$before" --message ' '
	[[ $stderr == *"--message is empty"* ]]
	run -1 --separate-stderr merge --approve main
	[[ $stderr == *"'main' is no commit id"* ]]
	run -1 --separate-stderr merge --approve 0123456789abcdef0123456789abcdef01234567
	[[ $stderr == *"has no commit '0123456789abcdef"* ]]
	run -1 --separate-stderr merge --approve "$before"
	[[ $stderr == *'is part of the base: there is nothing to merge' ]]
	git commit --quiet --allow-empty -m 'not of the task'
	run -1 --separate-stderr merge --approve "$(git rev-parse HEAD)"
	[[ $stderr == *'is none that was taken over from task'* ]]
	[ "$(git rev-parse HEAD^)" = "$before" ]
}

@test "merge: a conflict names the files and changes nothing" {
	task_run 'echo agent >>file; echo agent >>dir/file; git commit -qam agent'
	head=$(task_head)
	echo person >>file
	echo person >>dir/file
	git commit --quiet -am person
	before=$(fingerprint .)
	for method in squash merge rebase; do
		run -1 --separate-stderr merge --approve "$head" --method "$method"
		[ "$stderr" = "ccm-supervisor: conflicts with main: nothing was merged
  dir/file
  file" ]
		[ "$(fingerprint .)" = "$before" ]
	done
	task_state_is finished
}

@test "merge: what is not committed in the checked-out files is never overwritten" {
	task_run 'echo agent >>file; echo new >new; git add .; git commit -qm agent'
	head=$(task_head)
	echo mine >>file
	before=$(fingerprint .)
	run -1 --separate-stderr merge --approve "$head"
	[[ $stderr == *"what is not committed there is in the way: "*file*"commit it or put it aside, then merge again" ]]
	[ "$(fingerprint .)" = "$before" ]
	git checkout --quiet file
	echo mine >new
	run -1 --separate-stderr merge --approve "$head"
	[[ $stderr == *'is in the way: '*new* ]]
	[ "$(cat new)" = mine ]
	rm new
	echo mine >>dir/file
	merge --approve "$head"
	[ "$(git status --porcelain)" = ' M dir/file' ]
}

@test "merge: a file, link or folder that git ignores is never overwritten either" {
	printf '%s\n' secret build cache .gitignore >.gitignore
	echo mine >secret
	mkdir cache dir/cache "$HOME/elsewhere"
	echo mine | tee cache/a >dir/cache/a
	ln -s "$HOME/elsewhere" build
	merge_of() {
		task_run "$1; git add -f .; git commit -qm agent"
		before=$(fingerprint .)
		run -1 --separate-stderr merge --approve "$(task_head)"
		[[ $stderr == "ccm-supervisor: main is checked out in '$PWD', and what is not committed there is in the way: '$2', which git ignores, would be overwritten; move it away, then merge again" ]]
		[ "$(fingerprint .)" = "$before" ]
	}
	merge_of 'echo theirs >secret' secret
	merge_of 'mkdir build; echo theirs >build/x' build
	merge_of 'echo theirs >cache' cache/a
	merge_of 'rm -r dir; echo theirs >dir' dir/cache/a
	task_run 'rm -r dir; echo theirs >dir; git add .; mkdir cache; echo more >cache/b; git add -f .; git commit -qm agent'
	rm -r dir/cache
	merge --approve "$(task_head)"
	[ "$(cat dir cache/a cache/b secret)" = $'theirs\nmine\nmore\nmine' ]
}

@test "merge: a branch that is checked out nowhere moves, and no file does" {
	git switch --quiet -c other
	task_run 'echo agent >>file; git commit -qam agent'
	git switch --quiet main
	merge --approve "$(task_head)"
	[ "$(git show other:file)" = 'one
agent' ]
	[ "$(cat file)" = one ]
	merge --approve "$(task_head)" --into main --method merge
	[ "$(cat file)" = 'one
agent' ]
}

@test "merge: while a merge of the person's is in progress, nothing is merged" {
	task_run 'echo agent >new; git add .; git commit -qm agent'
	head=$(task_head)
	git switch --quiet -c theirs
	echo theirs >>file
	git commit --quiet -am theirs
	git switch --quiet main
	echo ours >>file
	git commit --quiet -am ours
	run git merge theirs
	before=$(fingerprint .)
	run -1 --separate-stderr merge --approve "$head"
	[[ $stderr == *'a merge or rebase is in progress'* ]]
	[ "$(fingerprint .)" = "$before" ]
}

@test "merge: a branch that is being rebased is left alone, and the rebase ends well" {
	task_run 'echo agent >new; git add .; git commit -qm agent'
	git switch --quiet -c theirs
	echo theirs >>file
	git commit --quiet -am theirs
	git switch --quiet main
	echo ours >>file
	git commit --quiet -am ours
	run git rebase theirs
	run -1 --separate-stderr merge --approve "$(task_head)"
	[[ $stderr == "ccm-supervisor: main is being rebased ('$PWD/.git'): end that first" ]]
	git checkout --quiet --theirs file
	git add file
	GIT_EDITOR=true git rebase --continue
	merge --approve "$(task_head)"
	[ "$(git log --format=%s -2 main | tail -n 1)" = ours ]
}

@test "merge: what git holds locked is seen before anything is written" {
	task_run 'echo agent >new; git add .; git commit -qm agent'
	head=$(task_head)
	for lock in index HEAD refs/heads/main; do
		touch ".git/$lock.lock"
		before=$(fingerprint .)
		run -1 --separate-stderr merge --approve "$head"
		[ "$stderr" = "ccm-supervisor: '$PWD/.git/$lock.lock' is there: another git is at work, or was killed; nothing was merged" ]
		[ "$(fingerprint .)" = "$before" ]
		rm ".git/$lock.lock"
	done
}

@test "merge: a working tree whose .git lies elsewhere is brought along, one that is gone is named" {
	git init --quiet --initial-branch=main --separate-git-dir "$HOME/elsewhere.git" "$HOME/apart"
	git worktree add --quiet inside
	task_run 'echo agent >new; git add .; git commit -qm agent' --repo inside
	rm inside/.git
	run -1 --separate-stderr merge --approve "$(task_head)"
	[[ $stderr == "ccm-supervisor: inside is checked out in '$PWD/inside', whose files cannot be brought along; "* ]]
	rm -rf inside
	run -1 --separate-stderr merge --approve "$(task_head)"
	[[ $stderr == *"cannot be brought along: "*"No such file or directory; "*"'git worktree prune' forgets"* ]]
	cd "$HOME/apart"
	git commit --quiet --allow-empty -m one
	task_run 'echo agent >new; git add .; git commit -qm agent'
	run -0 merge --approve "$(task_head)"
	[[ $output == *"its files are up to date in $PWD)" ]]
	[ "$(cat new)" = agent ]
}

@test "merge: no hook, filter, merge driver or fsmonitor runs, though the person's configuration names one in the tree" {
	for name in hook filter driver monitor; do
		printf '#!/bin/sh\ntouch "%s/ran-%s"\ncat "$@" 2>/dev/null\n' "$HOME" "$name" >"$name"
	done
	chmod +x hook filter driver monitor
	mkdir .husky
	for name in post-merge post-checkout reference-transaction pre-merge-commit post-commit post-index-change; do
		cp hook ".husky/$name"
	done
	git add .
	git commit --quiet -m scripts
	task_run 'echo "*.txt filter=evil merge=evil" >.gitattributes; echo a >a.txt; echo b >>hook; git add .; git commit -qm agent'
	git config core.hooksPath .husky
	git config core.fsmonitor ./monitor
	git config filter.evil.smudge ./filter
	git config merge.evil.driver './driver %A'
	run -1 --separate-stderr merge --approve "$(task_head)"
	[[ $stderr == *"'a.txt' would go through your filter 'evil' when it is checked out"*"--run-filters allows it" ]]
	git config --unset filter.evil.smudge
	merge --approve "$(task_head)"
	[ -e a.txt ]
	[ -z "$(find "$HOME" -maxdepth 1 -name 'ran-*')" ]
}

@test "import: a submodule is refused, in the newest commit and in one before it" {
	task_run 'git init -q sub; git -C sub commit -q --allow-empty -m x; git add sub 2>/dev/null; git commit -qm sub'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[[ $stderr == *"it commits a submodule (a gitlink) at 'sub', which is never taken over" ]]
	task_run 'git init -q sub; git -C sub commit -q --allow-empty -m x; git add sub 2>/dev/null; git commit -qm sub
		git rm -q --cached sub; rm -rf sub; git commit -qm gone'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[[ $stderr == *"at 'sub', which is never taken over" ]]
	[ -z "$(git for-each-ref | grep -v -e refs/heads/main -e /base || :)" ]
}

@test "import: a tree that holds .git, a bad .gitmodules or broken objects is refused" {
	before=$(git count-objects -v)
	task_run 'blob=$(echo evil | git hash-object -w --stdin)
		sub=$(printf "100644 blob $blob\tconfig\n" | git mktree)
		tree=$(printf "40000 .git\0" >t; python3 -c "import sys; sys.stdout.buffer.write(bytes.fromhex(sys.argv[1]))" "$sub" >>t; git hash-object -w -t tree --literally t)
		git update-ref refs/heads/ccm/task-$CCM_TASK_ID $(git commit-tree $tree -p HEAD -m evil)'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[[ $stderr == *"cannot be taken over: git fetch: "*"hasDotgit"* ]]
	task_run 'printf "[submodule \"x\"]\n\tpath = -x\n\turl = --upload-pack=evil\n" >.gitmodules; git add .; git commit -qm evil'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[[ $stderr == *"cannot be taken over: git fetch: "*"gitmodulesPath"* ]]
	task_run 'echo x >>file; git commit -qam x; o=$(git rev-parse HEAD:file); cd "$(git rev-parse --git-common-dir)/objects/"
		f=$(echo $o | sed "s|..|&/|"); rm -f "$f"; echo garbage >"$f"'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[ "$(git count-objects -v)" = "$before" ]
}

@test "import: what git is told inside (config, replace refs, grafts, alternates in the environment) changes nothing outside" {
	task_run 'echo a >>file; git commit -qam first
		git config --global uploadpack.packObjectsHook "touch $HOME/hooked; exec"
		printf "[core]\n\tfsmonitor = touch %s/../evil\n" "$HOME" >"$HOME/.gitconfig"; exit 0'
	run -0 ccm-supervisor task review "$ID"
	[ ! -e "$CCM_HOME/tasks/$ID/evil" ]
	[ ! -e "$CCM_HOME/tasks/$ID/home/hooked" ]
}

# Ten trees of ten entries each can stand for ten thousand million files, and git would hold the list of them in memory.
@test "import: git that looks through what was committed may only have so much memory" {
	task_run 'echo a >>file; git commit -qam first'
	mkdir "$HOME/bin"
	printf '#!/bin/sh\ncase " $* " in *" log "*" --raw "*) ulimit -d >"%s/bound" ;; esac\nexec "%s" "$@"\n' "$HOME" \
		"$(command -v git)" >"$HOME/bin/git"
	chmod +x "$HOME/bin/git"
	PATH=$HOME/bin:$PATH merge --approve "$(task_head)"
	[ "$(cat "$HOME/bound")" = 4194304 ]
}

@test "diff: shows what the task changed, as a patch that applies" {
	task_run 'echo a >>file; echo n >new; git add .; git commit -qm first'
	ccm-supervisor task diff "$ID" >"$HOME/patch"
	git apply "$HOME/patch"
	[ "$(cat new)" = n ]
	run -0 ccm-supervisor task diff "$ID" --stat
	[[ $output == *'2 files changed, 2 insertions(+)'* ]]
}
