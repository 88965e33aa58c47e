#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What becomes of a task's work: discard, restore, rollback, gc. None of it may be lost.

setup() { load task; task_setup; }

# A task with all kinds of work in it.
messy() {
	printf 'ignored\n' >.gitignore
	git add .
	git commit --quiet -m ignore
	task_run 'echo committed >c; git add c; git commit -qm c; echo staged >s; git add s; echo dirty >>c; rm dir/file
		echo untracked >"odd
name"; echo x >ignored; git init -q nested; echo in >nested/file; git init -q full; echo deep >full/file; git -C full add .
		git -C full commit -qm x; echo closed >closed; chmod 000 closed'
}

assert_messy() {
	[ "$(git -C "$1" log --format=%s -1)" = c ]
	[ "$(cat "$1/c")" = 'committed
dirty' ]
	[ "$(cat "$1/s" "$1/odd
name" "$1/nested/file" "$1/full/file" "$1/closed")" = 'staged
untracked
in
deep
closed' ]
	[ ! -e "$1/dir/file" ]
}

@test "discard: keeps all but ignored files in a ref, and restore brings them back as they were" {
	messy
	run -0 --separate-stderr ccm-supervisor task discard "$ID"
	[ "$output" = "kept in a ref: 'ccm-supervisor task restore $ID' brings it back" ]
	[ ! -e "$CCM_HOME/tasks/$ID" ]
	task_state_is discarded
	git gc --quiet --prune=now
	run -0 ccm-supervisor task restore "$ID"
	[ "$output" = "$WORK" ]
	assert_messy "$WORK"
	[ ! -e "$WORK/ignored" ]
	[ "$(ccm-supervisor task review "$ID" --json | jq -r '.commits | length')" = 1 ]
	run -0 --separate-stderr ccm-supervisor task resume "$ID" -- sh -c 'git add c; git commit -qm goes-on; git log --format=%s -2'
	[ "${lines[0]}" = goes-on ]
	[[ $stderr == "ccm-supervisor: task $ID finished (status 0): 2 commits, "*" not committed; 'ccm-supervisor task review $ID' shows them" ]]
}

@test "discard, rollback: files in the folder of a submodule are told of, kept and brought back" {
	git init --quiet "$HOME/sub"
	git -C "$HOME/sub" commit --quiet --allow-empty --message one
	git -c protocol.file.allow=always submodule --quiet add "$HOME/sub" lib
	git -c protocol.file.allow=always submodule --quiet add "$HOME/sub" other
	git commit --quiet --message 'submodules'
	task_run 'for i in 1 2 3 4 5 6 7 8 9 10; do git commit -q --allow-empty -m $i; done; mkdir lib/in; echo work >lib/in/file'
	[[ $(cat "$BATS_TEST_TMPDIR/err") == *'10 commits, 1 file not committed; '* ]]
	ccm-supervisor task discard "$ID"
	ccm-supervisor task restore "$ID"
	[ "$(cat "$WORK/lib/in/file")" = work ]
	[ "$(git -C "$WORK" ls-files --stage | grep -c ^160000)" = 2 ]
	ccm-supervisor task rollback "$ID" 1
	[ -z "$(find "$WORK/lib" -type f)" ]
	ccm-supervisor task rollback "$ID" 2
	[ "$(cat "$WORK/lib/in/file")" = work ]
}

@test "discard: a branch that names no commit, as after a power cut, loses no work" {
	task_run 'echo more >>file; git commit -qam more'
	ccm-supervisor task resume "$ID" -- sh -c 'echo work >work; git add work; : >"$(git rev-parse --git-common-dir)/refs/heads/ccm/task-$CCM_TASK_ID"'
	run -1 --separate-stderr ccm-supervisor task review "$ID"
	[[ $stderr == *"cannot be taken over: its branch names no commit; 'ccm-supervisor task discard $ID' and 'task restore $ID' keep"* ]]
	run -0 --separate-stderr ccm-supervisor task discard "$ID"
	[[ $stderr == "ccm-supervisor: warning: the branch of task $ID named no commit: it is back at "* ]]
	ccm-supervisor task restore "$ID"
	[ "$(cat "$WORK/work")" = work ]
	[ "$(git -C "$WORK" log --format=%s)" = $'more\nthe beginning' ]
}

@test "discard: --forget keeps nothing, and leaves no ref" {
	messy
	run -0 ccm-supervisor task discard "$ID" --forget
	[ -z "$(git for-each-ref refs/ccm)" ]
	[ ! -e "$CCM_HOME/tasks/$ID" ]
	run -1 --separate-stderr ccm-supervisor task restore "$ID"
	[[ $stderr == *"nothing is kept of task $ID"* ]]
}

@test "discard: what cannot be taken over is not thrown away" {
	task_run 'git init -q sub; git -C sub commit -q --allow-empty -m x; git add sub 2>/dev/null; git commit -qm sub; echo work >work'
	run -1 --separate-stderr ccm-supervisor task discard "$ID"
	[[ $stderr == *"gitlink"*"nothing was removed (--forget discards without keeping anything)" ]]
	[ "$(cat "$WORK/work")" = work ]
	run -0 ccm-supervisor task discard "$ID" --forget
	[ ! -e "$CCM_HOME/tasks/$ID" ]
}

@test "discard: a running task is left alone" {
	task_start 'touch ready; exec sleep 100'
	run -1 --separate-stderr ccm-supervisor task discard "$ID" --forget
	[[ $stderr == *"task $ID is at work: end it first"* ]]
	[ -e "$WORK/ready" ]
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
}

@test "discard: folders that are deep, closed or full of links are removed, and nothing that they point to" {
	mkdir "$HOME/precious"
	touch "$HOME/precious/thing"
	task_run 'ln -s '"$HOME"'/precious link; mkdir -p closed/in; touch closed/in/x; chmod 000 closed
		python3 -c "
import os
for i in range(200):
    os.mkdir(\"d\"); os.chdir(\"d\")
"; :'
	run -0 ccm-supervisor task discard "$ID" --forget
	[ ! -e "$CCM_HOME/tasks/$ID" ]
	[ -e "$HOME/precious/thing" ]
}

# Longer than any path may be, closed on the way, and broad where it is deep.
# Usage: deep_tree LEVELS
deep_tree() {
	printf '%s\n' 'import os' "for i in range($1):" '    os.mkdir("d" * 50)' \
		'    if i % 250 == 249:' '        for j in range(50): os.mkdir("b%d" % j); open("b%d/f" % j, "w").close(); os.chmod("b%d" % j, 0)' \
		'    os.chdir("d" * 50)' 'open("last", "w").close()'
}

@test "discard: a tree that is deeper than any path can say is refused, as it cannot be saved, and removed with --forget" {
	config_own 'max_worktree_size = 0'
	task_start "touch ready; python3 -c '$(deep_tree 600)'; exec sleep 100"
	until_true task_state_is stopped
	grep -F 'limit reached: folders in folders: 256 of 256' "$BATS_TEST_TMPDIR/err"
	kill "$RUNNER"
	wait "$RUNNER" || :
	run -1 --separate-stderr ccm-supervisor task discard "$ID"
	[[ $stderr == *'git cannot look at all files'*'nothing was removed (--forget discards'* ]]
	run -1 --separate-stderr ccm-supervisor task gc --idle 0s
	[[ $stderr == *"task $ID is kept: "* ]]
	run -0 --separate-stderr ccm-supervisor task discard --forget "$ID"
	[ ! -e "$CCM_HOME/tasks/$ID" ]
}
config_own() { mkdir -p "$CCM_HOME" && printf '[sandbox]\n%s\n' "$1" >"$CCM_HOME/config.ini"; }

@test "snapshots: every ten commits, with a ref of their own, and rollback goes back to one, and forth again" {
	task_run 'for i in 1 2 3 4 5 6 7 8 9 10; do echo $i >>file; git commit -qam "commit $i"; done'
	ccm-supervisor task resume "$ID" -- sh -c 'git commit -q --amend -m rewritten; echo later >later; git add .; git commit -qm later; echo loose >loose'
	run -0 ccm-supervisor task show "$ID"
	[[ $output == *'  1   '*'10 commits: ten commits more'* ]]
	run -0 ccm-supervisor task rollback "$ID" 1
	[ "$(git -C "$WORK" log -1 --format=%s)" = 'commit 10' ]
	[ ! -e "$WORK/later" ]
	[ ! -e "$WORK/loose" ]
	run -0 ccm-supervisor task rollback "$ID" 2
	[ "$(cat "$WORK/later" "$WORK/loose")" = 'later
loose' ]
	run -1 --separate-stderr ccm-supervisor task rollback "$ID" 99
	[[ $stderr == *"task $ID has no snapshot 99"* ]]
}

@test "resume: what has finished or is merged is not done a second time without a word" {
	task_run 'echo more >>file; git commit -qam more'
	run -1 --separate-stderr ccm-supervisor task resume "$ID"
	[ "$stderr" = "ccm-supervisor: task $ID has finished: its command would do the same a second time ('ccm-supervisor task resume --again $ID' starts it all the same, 'task resume $ID -- COMMAND' another one)" ]
	ccm-supervisor task merge "$ID" --approve "$(task_head)"
	run -1 --separate-stderr ccm-supervisor task resume --background "$ID"
	[[ $stderr == "ccm-supervisor: task $ID is merged: its command would"* ]]
	[ "$(git -C "$WORK" log --format=%s)" = $'more\nthe beginning' ]
	task_state_is merged
	run -0 --separate-stderr ccm-supervisor task resume --again "$ID"
	[ "$(git -C "$WORK" log --format=%s)" = $'more\nmore\nthe beginning' ]
}

@test "gc: a task at rest for long is saved and removed; a young one and a live one are not" {
	messy
	old=$ID
	task_run 'echo young >young'
	young=$ID
	task_start 'touch ready; exec sleep 100'
	db "UPDATE task SET changed_ms = changed_ms - 8 * 86400000 WHERE id <> '$young'"
	find "$CCM_HOME/tasks/$old" "$CCM_HOME/tasks/$ID" -exec touch -h -d '8 days ago' {} +
	run -0 ccm-supervisor task gc --dry-run
	[ "${lines[0]}" = "$old would be saved and removed" ]
	[ -e "$CCM_HOME/tasks/$old" ]
	run -0 ccm-supervisor task gc
	[[ $output == "$old saved as refs/ccm/tasks/$old/saved ("*') and removed
1 cleaned' ]]
	[ ! -e "$CCM_HOME/tasks/$old" ]
	[ -e "$CCM_HOME/tasks/$young/work/young" ]
	[ -e "$WORK/ready" ]
	ccm-supervisor task restore "$old"
	assert_messy "$CCM_HOME/tasks/$old/work"
	ccm-supervisor task stop --end "$ID"
	wait "$RUNNER" || :
}

@test "gc: what cannot be saved stays, and is named" {
	task_run 'git init -q sub; git -C sub commit -q --allow-empty -m x; git add sub 2>/dev/null; git commit -qm sub; echo work >work'
	db "UPDATE task SET changed_ms = changed_ms - 8 * 86400000"
	find "$CCM_HOME/tasks" -exec touch -h -d '8 days ago' {} +
	run -1 --separate-stderr ccm-supervisor task gc
	[[ $stderr == *"task $ID is kept: "*gitlink* ]]
	[ "$(cat "$WORK/work")" = work ]
}

@test "gc: a folder that no task of the database owns is named and left" {
	task_run 'echo work >work'
	db "DELETE FROM task"
	run -0 --separate-stderr ccm-supervisor task gc
	[[ $stderr == *"'$CCM_HOME/tasks/$ID' belongs to no task of this database and was left as it is" ]]
	[ -e "$WORK/work" ]
}

@test "job: tasks saves and removes what has been at rest for long, and says what it cannot save" {
	task_run 'echo work >work'
	old=$ID
	task_run 'git init -q sub; git -C sub commit -q --allow-empty -m x; git add sub 2>/dev/null; git commit -qm sub'
	db "UPDATE task SET changed_ms = changed_ms - 8 * 86400000"
	find "$CCM_HOME/tasks" -exec touch -h -d '8 days ago' {} +
	run -1 --separate-stderr ccm-supervisor job tasks
	[[ $stderr == *"task $ID is kept: "*gitlink* ]]
	[ ! -e "$CCM_HOME/tasks/$old" ]
	[ "$(git show "refs/ccm/tasks/$old/saved:work")" = work ]
	[ -e "$WORK" ]
	[ "$(db 'SELECT state FROM task ORDER BY created_ms')" = $'saved\nfinished' ]
}
