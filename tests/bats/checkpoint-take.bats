# SPDX-License-Identifier: MIT
# Taking checkpoints: what is in them, and that nothing of the user's is touched.
# shellcheck shell=bash

load helper
load checkpoint

setup() { checkpoint_sandbox; }

@test "checkpoint take: holds changed, deleted and new files, modes and links, and not what is ignored" {
	echo changed >a
	rm src/b
	chmod -x run
	ln -s a link
	mkdir build new
	echo x >build/x
	echo x >x.log
	echo new >new/file
	run -0 --separate-stderr cp_ take --reason 'to see'
	[ "$output" = "checkpoint 1: 2 added, 2 changed, 1 deleted" ]
	[ -z "$stderr" ]
	[ "$(tree_of 1 | awk '{ print $1, $4 }')" = "\
100644 .gitignore
100644 a
120000 link
100644 new/file
100644 run" ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:a)" = changed ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:link)" = a ]
}

@test "checkpoint take: index, HEAD, refs, stash, reflog, files and git status are as before, byte for byte" {
	echo stashed >a
	git stash -q
	echo staged >src/b
	git add src/b
	echo more >>src/b
	echo untracked >u
	sleep 0.01
	users_state >"$BATS_TEST_TMPDIR/before"
	for i in 1 2 3; do
		[ "$(take --session s1)" = "$([ "$i" = 1 ] && echo taken || echo same) 1" ]
		[ "$(take --session s2)" = "$([ "$i" = 1 ] && echo taken || echo same) 2" ]
	done
	users_state >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

@test "checkpoint take: the same state twice makes no second one, and going back to an older one does" {
	echo 1 >a
	[ "$(take)" = 'taken 1' ]
	touch a
	[ "$(take)" = 'same 1' ]
	echo 2 >a
	[ "$(take)" = 'taken 2' ]
	echo 1 >a
	[ "$(take)" = 'taken 3' ]
	[ "$(git rev-parse "refs/ccm/checkpoints/none/1^{tree}")" = "$(git rev-parse "refs/ccm/checkpoints/none/3^{tree}")" ]
}

@test "checkpoint take: the parent is the session's one before, and HEAD that of its first" {
	echo 1 >a && take --session s1
	echo 2 >a && take --session s2
	echo 3 >a && take --session s1
	[ "$(git rev-parse refs/ccm/checkpoints/s1/1^)" = "$(git rev-parse HEAD)" ]
	[ "$(git rev-parse refs/ccm/checkpoints/s2/2^)" = "$(git rev-parse HEAD)" ]
	[ "$(git rev-parse refs/ccm/checkpoints/s1/3^)" = "$(git rev-parse refs/ccm/checkpoints/s1/1)" ]
}

@test "checkpoint take: the message has reason, session, event, prompt and counts" {
	event UserPromptSubmit '.prompt = "Fix the total\nand more"' | ccm-hook run
	event PreToolUse-Bash | ccm-hook run
	local session
	session=$(db "SELECT session_id FROM event WHERE id = 2")
	echo 2 >a && echo 3 >>a && rm src/b
	cp_ take --reason $'before rm\nsecond line' --session "$session" --event 2
	run -0 git log -1 --format=%B "refs/ccm/checkpoints/$session/1"
	[ "${lines[0]}" = 'checkpoint 1: before rm' ]
	[[ $output == *"
Reason: before rm
Session: $session
Event: $(db 'SELECT uuid FROM event WHERE id = 2') 2
Prompt: Fix the total…
Worktree: $PWD
Files: 0 added, 1 changed, 1 deleted
Lines: +2 -2"* ]]
}

@test "checkpoint take: a tree that is as HEAD says is not the first of a session with --if-dirty" {
	[ "$(take --if-dirty)" = 'clean -' ]
	[ -z "$(git for-each-ref refs/ccm)" ]
	echo 1 >a
	[ "$(take --if-dirty)" = 'taken 1' ]
	git checkout -q a
	[ "$(take --if-dirty)" = 'taken 2' ]
}

@test "checkpoint take --count: one after every few changes of the tree, and looking is no change" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	printf '[checkpoint]\nevery = 3\n' >"$CCM_HOME/config.ini"
	for i in 1 2; do
		echo "$i" >a
		[ "$(take --count)" = 'counted -' ]
		[ "$(take --count)" = 'counted -' ]
	done
	echo 3 >a
	[ "$(take --count)" = 'taken 1' ]
	echo 4 >a
	[ "$(take --count)" = 'counted -' ]
}

@test "checkpoint take: a file over max_file is left out, with a line that says so" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	printf '[checkpoint]\nmax_file = 4K\n' >"$CCM_HOME/config.ini"
	head -c 5000 /dev/zero >big
	head -c 4096 /dev/zero >small
	head -c 5000 /dev/zero >a
	run -0 --separate-stderr cp_ take
	[[ $stderr == *"big: 4.9 KiB, more than max_file"* ]]
	[[ $stderr == *"a: 4.9 KiB, more than max_file"* ]]
	[ "$(tree_of 1 | awk '{ print $4 }' | paste -sd ' ')" = '.gitignore run small src/b' ]
	[ "$(cp_ show 1 --json | jq -c .left_out)" = '["a","big"]' ]
	[ "$(take)" = 'same 1' ]
}

@test "checkpoint take: a folder with more than max_files untracked files is left out, and nothing beside it" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	printf '[checkpoint]\nmax_files = 10\n' >"$CCM_HOME/config.ini"
	mkdir -p lib/deps/{x,y} lib-other
	touch lib/deps/{x,y}/{1..8} lib/own{1..5} lib-other/file
	run -0 --separate-stderr cp_ take
	[[ $stderr == *"lib/deps/: 16 files that git does not track, more than max_files"* ]]
	[ "$(tree_of 1 | awk '{ print $4 }' | grep ^lib | paste -sd ' ')" = 'lib-other/file lib/own1 lib/own2 lib/own3 lib/own4 lib/own5' ]
	touch {1..11}
	run -0 --separate-stderr cp_ take
	[[ $stderr == *"./: 17 files that git does not track, more than max_files"* ]]
	[ "$(tree_of 2 | awk '{ print $4 }' | paste -sd ' ')" = '.gitignore a run src/b' ]
}

@test "checkpoint take: what the user tracks although it is ignored is in it, and what is ignored later goes" {
	echo forced >forced.log
	git add -f forced.log
	echo new >notes
	take
	[[ $(tree_of 1) == *forced.log* ]]
	[[ $(tree_of 1) == *notes* ]]
	echo notes >>.gitignore
	echo more >>forced.log
	take
	[[ $(tree_of 2) == *forced.log* ]]
	[[ $(tree_of 2) != *notes* ]]
	git rm -q -f --cached forced.log
	take
	[[ $(tree_of 3) != *forced.log* ]]
	git add -f forced.log
	take
	[[ $(tree_of 4) == *forced.log* ]]
}

@test "checkpoint take: what the user tracks although it is ignored is in it again when it comes back" {
	echo forced >forced.log
	git add -f forced.log
	take
	rm forced.log
	echo '*.tmp' >>.gitignore
	take
	[[ $(tree_of 2) != *forced.log* ]]
	echo again >forced.log
	take
	[[ $(tree_of 3) == *forced.log* ]]
	echo more >>forced.log
	take
	[ "$(git cat-file blob refs/ccm/checkpoints/none/4:forced.log)" = $'again\nmore' ]
}

@test "checkpoint take: names with blanks, newlines, quotes and bytes that are no UTF-8 are kept" {
	local odd=$'odd\nname "x" \x01%0A' bytes=$'b\xff\xfe'
	mkdir " d "
	echo 1 >" d /$odd"
	echo 2 >"$bytes"
	echo 3 >-dash
	echo 4 >'*.c'
	take
	[ "$(git cat-file blob "refs/ccm/checkpoints/none/1: d /$odd")" = 1 ]
	[ "$(git cat-file blob "refs/ccm/checkpoints/none/1:$bytes")" = 2 ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:-dash)" = 3 ]
	[ "$(git cat-file blob 'refs/ccm/checkpoints/none/1:*.c')" = 4 ]
	rm -r " d " "$bytes" -- -dash '*.c'
	cp_ restore 1 --yes
	[ "$(cat " d /$odd" "$bytes" ./-dash '*.c')" = $'1\n2\n3\n4' ]
}

@test "checkpoint take: works on an unborn branch" {
	git init -q ../unborn
	cd ../unborn
	[ "$(take --if-dirty)" = 'taken 1' ]
	echo 1 >x
	[ "$(take)" = 'taken 2' ]
	run ! git rev-parse -q --verify refs/ccm/checkpoints/none/1^
	[ "$(git symbolic-ref HEAD)" = refs/heads/main ]
	run ! git rev-parse -q --verify HEAD
	git add x && git commit -q -m x
	echo 2 >x
	[ "$(take)" = 'taken 3' ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/3:x)" = 2 ]
}

@test "checkpoint take: works detached, in the middle of a merge and of a rebase, and leaves both to be finished" {
	git checkout -q -b side
	echo side >a && git commit -q -am side
	git checkout -q main
	echo main >a && git commit -q -am main
	git checkout -q --detach
	echo 1 >u
	[ "$(take --session s1)" = 'taken 1' ]
	rm u
	git checkout -q main
	run ! git merge -q side
	users_state >"$BATS_TEST_TMPDIR/before"
	[ "$(take --session s2)" = 'taken 2' ]
	users_state >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	[[ $(git cat-file blob refs/ccm/checkpoints/s2/2:a) == *'<<<<<<<'*main*side* ]]
	echo both >a && git commit -q -am merged
	git checkout -q side
	run ! git rebase -q main~1
	users_state >"$BATS_TEST_TMPDIR/before"
	[ "$(take --session s3)" = 'taken 3' ]
	users_state >"$BATS_TEST_TMPDIR/after"
	diff "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
	echo rebased >a && git add a && GIT_EDITOR=true git rebase --continue
}

@test "checkpoint take: HEAD may be moved by a rebase between two" {
	echo 1 >u
	take
	git checkout -q -b work
	echo work >a && git commit -q -am work
	git checkout -q main && echo m >src/b && git commit -q -am m
	git checkout -q work && git rebase -q main
	take
	git fsck --strict --no-dangling
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:src/b)" = m ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:a)" = work ]
}

@test "checkpoint take: in a linked worktree it keeps that tree, under numbers of the whole repository" {
	git worktree add -q ../linked
	echo 1 >a && take --session s1
	cd ../linked
	echo 2 >a
	[ "$(take --session s1)" = 'taken 2' ]
	[ "$(git cat-file blob refs/ccm/checkpoints/s1/2:a)" = 2 ]
	cd ../project
	echo 3 >src/b
	[ "$(take --session s1)" = 'taken 3' ]
	[ "$(git cat-file blob refs/ccm/checkpoints/s1/3:a)" = 1 ]
	git worktree remove --force ../linked
	git fsck --strict --no-dangling
}

@test "checkpoint take: submodules and repositories within are recorded by commit and not entered" {
	git init -q ../lib && git -C ../lib commit -q --allow-empty -m 1
	git submodule -q add "$HOME/lib" lib
	git commit -q -m lib
	git init -q inner && git -C inner commit -q --allow-empty -m 1
	git init -q empty
	echo x >inner/file && echo x >lib/file
	run -0 --separate-stderr cp_ take
	[[ $stderr == *"empty: a repository without a commit"* ]]
	[ "$(tree_of 1 | awk '$1 == 160000 { print $3, $4 }')" = "\
$(git -C inner rev-parse HEAD) inner
$(git -C lib rev-parse HEAD) lib" ]
	git -C lib commit -q --allow-empty -m 2
	git -C inner commit -q --allow-empty -m 2
	take
	[ "$(tree_of 2 | awk '$1 == 160000 { print $3, $4 }')" = "\
$(git -C inner rev-parse HEAD) inner
$(git -C lib rev-parse HEAD) lib" ]
}

@test "checkpoint take: a sparse checkout's files that are not there are not taken for deleted" {
	mkdir doc && echo doc >doc/d && git add doc && git commit -q -m doc
	git sparse-checkout set src
	[ ! -e doc ]
	echo changed >src/b
	take
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:doc/d)" = doc ]
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:src/b)" = changed ]
	git sparse-checkout set --sparse-index src
	echo again >src/b
	take
	[ "$(git cat-file blob refs/ccm/checkpoints/none/2:doc/d)" = doc ]
}

@test "checkpoint take: a split index, an untracked cache and index version 4 are fine" {
	git update-index --split-index --untracked-cache --index-version 4
	git status >/dev/null
	echo 1 >a
	take
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:a)" = 1 ]
	git status >/dev/null
	git fsck --strict --no-dangling
}

@test "checkpoint take: outside git it does nothing, and says so to a person" {
	cd "$HOME"
	run -0 --separate-stderr cp_ take --quiet
	[ -z "$output$stderr" ]
	run -1 --separate-stderr cp_ take
	[ -z "$output" ]
	[[ $stderr == *"is in no git repository" ]]
}

@test "checkpoint take: a bare repository and one that GIT_DIR names are declined with a message" {
	git init -q --bare ../bare.git
	run -1 --separate-stderr cp_ take --dir ../bare.git
	[[ $stderr == *"is a bare repository: there is no working tree to keep" ]]
	run -0 --separate-stderr cp_ take --quiet --dir ../bare.git
	[[ $stderr == *"no checkpoint: "*"is a bare repository"* ]]
	GIT_DIR=$PWD/.git run -1 --separate-stderr cp_ take
	[[ $stderr == *"GIT_DIR is set"* ]]
	[ -z "$(git for-each-ref refs/ccm)" ]
}

@test "checkpoint take: a repository with SHA-256 names is declined with a message" {
	git init -q --object-format=sha256 ../sha256 && cd ../sha256
	echo 1 >x
	run -1 --separate-stderr cp_ take
	[[ $stderr == *'cannot open the repository: unsupported extension name extensions.objectformat' ]]
	run -0 --separate-stderr cp_ take --quiet
	[[ $stderr == *'no checkpoint: '* ]]
	[ ! -e .git/ccm ]
}

@test "checkpoint take: runs no hook and no file system monitor" {
	mkdir -p .git/hooks
	for hook in post-index-change pre-commit post-checkout reference-transaction fsmonitor-watchman; do
		printf '#!/bin/sh\necho %s >>%q\n' "$hook" "$HOME/ran" >".git/hooks/$hook"
		chmod +x ".git/hooks/$hook"
	done
	git config core.fsmonitor .git/hooks/fsmonitor-watchman
	rm -f "$HOME/ran"
	echo 1 >a && take
	echo 2 >a && take
	cp_ restore 1 --yes
	[ ! -e "$HOME/ran" ]
}

@test "checkpoint take: a filter that the user configured runs, and is undone by restore" {
	git config filter.rot.clean 'tr a-z n-za-m'
	git config filter.rot.smudge 'tr a-z n-za-m'
	echo '*.sec filter=rot' >.gitattributes
	echo hello >x.sec
	take
	[ "$(git cat-file blob refs/ccm/checkpoints/none/1:x.sec)" = uryyb ]
	echo other >x.sec
	take
	cp_ restore 1 --yes
	[ "$(cat x.sec)" = hello ]
}

@test "checkpoint take: line ends that a conversion would lose come back as they were" {
	echo '* text=auto' >.gitattributes
	printf '*.bat text eol=crlf\n' >>.gitattributes
	printf 'a\r\nb\r\n' >crlf.txt
	printf 'a\r\nb\n' >mixed.txt
	printf 'a\nb\n' >lf.bat
	printf 'a\r\nb\r\n' >crlf.bat
	cksum -- *.txt *.bat >../sums
	take
	rm -- *.txt *.bat
	echo 1 >a
	take
	cp_ restore 1 --yes
	cksum -- *.txt *.bat | diff ../sums -
	echo 2 >a
	take
	rm -- *.txt *.bat
	cp_ restore last --yes
	cksum -- *.txt *.bat | diff ../sums -
}

@test "checkpoint take: two sessions at once get numbers of their own and do not hinder each other" {
	for i in 1 2 3 4 5 6 7 8; do
		(echo "$i" >"s$i" && cp_ take --quiet --session "s$i") &
	done
	wait
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 8 ]
	[ "$(cp_ list --json | jq .n | sort -n | paste -sd ' ')" = '1 2 3 4 5 6 7 8' ]
	git fsck --strict --no-dangling
}

@test "checkpoint take: a session id that no ref may hold is taken, and stays what it is" {
	echo 1 >a
	take --session '../x y.lock~^:'
	echo 2 >a
	take --session '../x y.lock~^?'
	[ "$(cp_ list --json | jq -r .session_id | sort | paste -sd ' ')" = '../x y.lock~^: ../x y.lock~^?' ]
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 2 ]
}

@test "checkpoint take: with secrets redacted or payloads not kept, so is the prompt" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	event UserPromptSubmit '.prompt = "use password=hunter2hunter2 now" | .session_id = "s1"' | ccm-hook run
	echo 1 >a
	printf '[storage]\npayload = redacted\n' >"$CCM_HOME/config.ini"
	take --session s1
	run ! grep -q hunter2 <(git log -1 --format=%B refs/ccm/checkpoints/s1/1)
	[[ $(cp_ show 1 --json | jq -r .prompt) == 'use password='* ]]
	printf '[storage]\npayload = none\n' >"$CCM_HOME/config.ini"
	echo 2 >a
	take --session s1
	[ "$(cp_ show 2 --json | jq -r .prompt)" = null ]
}

@test "checkpoint: a part of ccm that is missing is named, with the remedy" {
	CCM_LIBEXEC_DIR="$HOME/none" run -1 --separate-stderr ccm-supervisor checkpoint list
	[ -z "$output" ]
	[ "$stderr" = "ccm-supervisor: cannot start '$HOME/none/ccm-checkpoint': No such file or directory; install ccm again" ]
}
