# SPDX-License-Identifier: MIT
# Looking at checkpoints and having them back.
# shellcheck shell=bash

load helper
load checkpoint

setup() { checkpoint_sandbox; }

# Three states: 1 has a new file and a changed one, 2 is the first commit's with src gone, 3 has everything changed.
three() {
	printf 'one\nmore\n' >a
	echo new >u
	take --reason first >/dev/null
	git checkout -q a
	rm -r u src
	take --reason second >/dev/null
	ln -s a link
	mkdir src
	echo other >src/b
	chmod -x run
	take --reason third >/dev/null
}

@test "checkpoint list: newest first, with time, session, files, lines and reason" {
	three
	run -0 --separate-stderr cp_ list
	[ -z "$stderr" ]
	[ "${#lines[@]}" -eq 4 ]
	[[ ${lines[1]} =~ ^\ +3\ 20[0-9-]+\ [0-9:]+\ -\ +3\ \+2\ -0\ +third$ ]]
	[[ ${lines[2]} =~ ^\ +2\ .*\ 3\ \+0\ -3\ +second$ ]]
	[[ ${lines[3]} =~ ^\ +1\ .*\ 2\ \+2\ -0\ +first$ ]]
	[ "$(cp_ list -n 1 --json | jq -c '[.n, .reason, .files, .lines_added, .lines_removed, .ref]')" = \
		'[3,"third",3,2,0,"refs/ccm/checkpoints/none/3"]' ]
}

@test "checkpoint list: of one session, and of all repositories" {
	echo 1 >a && take --session s1
	echo 2 >a && take --session s2
	[ "$(cp_ list --session s1 --json | jq .n)" = 1 ]
	git init -q ../other && cd ../other && echo 1 >x && take --session s1
	[ "$(cp_ list --json | jq .n)" = 1 ]
	[ "$(cp_ list --all --json | jq -r '"\(.n) \(.worktree)"' | sort)" = "\
1 $HOME/other
1 $HOME/project
2 $HOME/project" ]
	[ "$(cp_ list --all --session s1 --json | wc -l)" -eq 2 ]
}

@test "checkpoint list --rescan: makes the table from the refs, and forgets repositories that are gone" {
	three
	db "DELETE FROM checkpoint WHERE n = 1; UPDATE checkpoint SET reason = 'wrong'; INSERT INTO checkpoint
		SELECT repository, 99, session_id, commit_id, tree_id, worktree, created_ms, reason, prompt, event_uuid, files,
		lines_added, lines_removed, left_out FROM checkpoint WHERE n = 2"
	cp_ list --rescan >/dev/null
	[ "$(db 'SELECT n, reason FROM checkpoint ORDER BY n' | paste -sd ' ')" = '1|first 2|second 3|third' ]
	rm "$CCM_HOME"/ccm.db*
	cp_ list --rescan >/dev/null
	[ "$(db 'SELECT count(*) FROM checkpoint')" = 3 ]
	cd "$HOME" && rm -rf project
	cp_ list --all --rescan >/dev/null
	[ "$(db 'SELECT count(*) FROM checkpoint')" = 0 ]
}

@test "checkpoint show: what is known of one, with its files; and a number that is not there" {
	three
	run -0 --separate-stderr cp_ show 3
	[[ $output == "checkpoint 3"*$'\n  reason     third\n'*$'\n  ref        refs/ccm/checkpoints/none/3\n'* ]]
	[[ $output == *$'\n  A link\n  M run\n  A src/b' ]]
	[ "$(cp_ show '#2' --json | jq -c '[.changes[].path]')" = '["src/b","u","a"]' ] ||
		[ "$(cp_ show '#2' --json | jq -c '[.changes[].path] | sort')" = '["a","src/b","u"]' ]
	run -1 --separate-stderr cp_ show 9
	[[ $stderr == *'there is no checkpoint 9 in this repository' ]]
	run -64 --separate-stderr cp_ show nine
	[[ $stderr == *"'nine' is no checkpoint: give its number, or last"* ]]
}

@test "checkpoint diff: what one changed, from one to another, to now, and of one path" {
	three
	[[ $(cp_ diff 1) == *$'\n+more\n'*$'\n+new' ]]
	[ "$(cp_ diff 1 3 | grep -c '^diff')" -eq 5 ]
	[ "$(cp_ diff 3 --now)" = '' ]
	echo now >a
	[[ $(cp_ diff 3 --now) == *$'\n-one\n+now' ]]
	cd src
	[ "$(cp_ diff 1 3 -- b ../u | grep '^diff')" = "\
diff --git a/src/b b/src/b
diff --git a/u b/u" ]
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 3 ]
}

@test "checkpoint diff: into a pipe it is a patch that git applies" {
	three
	cp_ restore 1 --yes >/dev/null
	cp_ diff 1 3 | git apply
	files_state >../after
	cp_ restore 3 --yes >/dev/null
	files_state | diff ../after -
}

@test "checkpoint restore: brings back content, modes and links, and removes what was not there" {
	three
	cp -a . ../3
	run -0 --separate-stderr cp_ restore 1 --yes
	[ -z "$stderr" ]
	[[ $output == *'  change a'*'  remove link'*'  create u'*'restored checkpoint 1: 5 files; '* ]]
	[ "$(cat a u src/b)" = $'one\nmore\nnew\ntwo' ]
	[ -x run ]
	[ ! -e link ]
	cp_ restore 3 --yes
	diff -r --exclude=.git . ../3
	[ "$(readlink link)" = a ]
	[ ! -x run ]
}

@test "checkpoint restore: index, HEAD, refs, stash and reflog stay as they are; status compares with them" {
	echo stashed >a && git stash -q
	echo 1 >a
	take
	echo 2 >a && git add a && git commit -q -m second
	echo staged >src/b && git add src/b
	local git=.git
	(git for-each-ref | grep -v refs/ccm; cat $git/HEAD $git/logs/HEAD $git/logs/refs/stash; cksum $git/index; git ls-files -s) >../before
	cp_ restore 1 --yes
	(git for-each-ref | grep -v refs/ccm; cat $git/HEAD $git/logs/HEAD $git/logs/refs/stash; cksum $git/index; git ls-files -s) | diff ../before -
	[ "$(cat a src/b)" = $'1\ntwo' ]
	[ "$(git status --short)" = $' M a\nMM src/b' ]
}

@test "checkpoint restore: only the paths that are named, relative to where one is" {
	three
	(cd src && cp_ restore 1 --yes -- ../a .)
	[ "$(cat a src/b)" = $'one\nmore\ntwo' ]
	[ ! -e u ]
	[ -L link ]
	run -64 --separate-stderr cp_ restore 1 --yes -- ../outside
	[[ $stderr == *"'../outside' is outside the working tree"* ]]
}

@test "checkpoint restore: says what will change and asks; without an answer nothing happens" {
	three
	run -1 --separate-stderr cp_ restore 1 </dev/null
	[[ $output == *'  create u'* ]]
	[[ $stderr == *'nobody is there to ask: give --yes to do it' ]]
	[ ! -e u ]
	run -0 --separate-stderr cp_ restore 1 --dry-run
	[[ $output == *'  create u'* ]]
	[ ! -e u ]
	for answer in n y; do
		python3 - "$answer" <<-'END'
			import os, pty, sys
			pid, fd = pty.fork()
			if pid == 0:
			    os.execvp("ccm-supervisor", ["ccm-supervisor", "checkpoint", "restore", "1"])
			seen = b""
			while b"[y/N]" not in seen:
			    seen += os.read(fd, 4096)
			os.write(fd, sys.argv[1].encode() + b"\n")
			try:
			    while os.read(fd, 4096):
			        pass
			except OSError:
			    pass
			os.waitpid(pid, 0)
		END
		[ -e u ] && [ "$answer" = y ] || [ "$answer" = n ]
	done
	[ -e u ]
}

@test "checkpoint undo: takes the last restore back, and itself" {
	run -1 --separate-stderr cp_ undo --yes
	[[ $stderr == *'there is nothing to undo' ]]
	three
	echo unsaved >a
	files_state >../before
	cp_ restore 1 --yes
	cp_ undo --yes
	files_state | diff ../before -
	cp_ undo --yes
	[ "$(cat a)" = $'one\nmore' ]
}

@test "checkpoint restore: ignored files are neither removed nor overwritten; one in the way stops it before anything changes" {
	mkdir build && echo mine >build/x
	take
	echo w >w
	take
	rm w
	printf 'w\n' >>.gitignore
	echo precious >w
	take
	files_state >../before
	run -1 --separate-stderr cp_ restore 2 --yes
	[[ $stderr == *'nothing was changed'*$'\n  w: a file is there now that is ignored or was left out' ]]
	[ "$(cat w)" = precious ]
	files_state | diff ../before -
	cp_ restore 1 --yes
	[ "$(cat build/x w)" = $'mine\nprecious' ]
}

@test "checkpoint restore: what was too large to keep stays" {
	mkdir -p "$CCM_HOME" && chmod 700 "$CCM_HOME"
	printf '[checkpoint]\nmax_file = 1K\n' >"$CCM_HOME/config.ini"
	take
	head -c 2000 /dev/zero >big
	echo x >small
	take
	cp_ restore 1 --yes
	[ ! -e small ]
	[ -e big ]
	echo short >big
	run -0 --separate-stderr cp_ restore 2 --yes
	[[ $output == *"'big' stays: the checkpoint left it out"* ]]
	[ "$(cat big)" = short ]
	head -c 2000 /dev/zero >a
	run -1 --separate-stderr cp_ restore 1 --yes
	[[ $stderr == *'  a: a file is there now that is ignored or was left out' ]]
	[ "$(wc -c <a)" -eq 2000 ]
}

@test "checkpoint restore: a file where a folder is, a folder where a file is, and links in between" {
	mkdir -p x/y && echo 1 >x/y/z && echo 2 >w
	ln -s src s
	take
	rm -r x w s
	echo file >x
	mkdir w && echo in >w/in
	mkdir s && echo real >s/b
	take
	cp_ restore 1 --yes
	[ "$(cat x/y/z w)" = $'1\n2' ]
	[ "$(readlink s)" = src ]
	[ "$(cat src/b)" = two ]
	cp_ restore 2 --yes
	[ "$(cat x w/in s/b src/b)" = $'file\nin\nreal\ntwo' ]
}

@test "checkpoint restore: writes through no link that leads out of the tree" {
	mkdir d && echo in >d/f
	take
	rm -r d
	mkdir ../outside && echo theirs >../outside/f
	ln -s ../outside d
	take
	cp_ restore 1 --yes
	[ "$(cat d/f ../outside/f)" = $'in\ntheirs' ]
	[ ! -L d ]
}

@test "checkpoint restore: repositories within stay as they are, with a line that says at what commit they were" {
	git init -q inner && git -C inner commit -q --allow-empty -m 1
	local commit
	commit=$(git -C inner rev-parse --short=12 HEAD)
	take
	git -C inner commit -q --allow-empty -m 2
	echo 1 >a
	take
	run -0 --separate-stderr cp_ restore 1 --yes
	[[ $output == *"the repository 'inner' stays as it is; it was at commit $commit"* ]]
	[ "$(git -C inner log --format=%s | paste -sd ' ')" = '2 1' ]
	[ "$(cat a)" = one ]
}

@test "checkpoint restore --to: lays the files down in a new folder and nowhere else" {
	three
	files_state >../before
	cp_ restore 1 --to ../then
	[ "$(cat ../then/a ../then/u ../then/src/b)" = $'one\nmore\nnew\ntwo' ]
	[ -x ../then/run ]
	files_state | diff ../before -
	run -1 --separate-stderr cp_ restore 2 --to ../then
	[[ $stderr == *"'../then' is not empty: name a new folder" ]]
	cp_ restore 1 --to ../part -- src
	[ "$(ls -A ../part)" = src ]
}

@test "checkpoint restore --branch: makes it a branch and changes no file; one that exists is left alone" {
	three
	files_state >../before
	cp_ restore 1 --branch rescue
	[ "$(git rev-parse rescue)" = "$(git rev-parse refs/ccm/checkpoints/none/1)" ]
	files_state | diff ../before -
	run -1 --separate-stderr cp_ restore 2 --branch main
	[[ $stderr == *'cannot make the branch'* ]]
	[ "$(git symbolic-ref HEAD)" = refs/heads/main ]
}

@test "checkpoint restore: its own words are checked" {
	three
	run -64 --separate-stderr cp_ restore
	[[ $stderr == *"which? give a checkpoint's number, or --before=ID"* ]]
	run -64 --separate-stderr cp_ restore 1 --to x --branch y
	[[ $stderr == *'do not go together'* ]]
}

@test "checkpoint restore: a file that only its owner may read stays so" {
	chmod 600 a
	take
	echo 2 >a
	take
	cp_ restore 1 --yes
	[ "$(stat -c %a a)" = 600 ]
}

# ------------------------------------------------------------------------------------------------ forgetting

@test "checkpoint prune: keeps the newest of each session, and git can drop what went" {
	local round          # run has an i of its own
	for round in 1 2 3 4 5 6; do
		head -c 3000 /dev/urandom >u
		take --session s1 >/dev/null
	done
	echo 1 >a && take --session s2
	local gone kept
	gone=$(git rev-parse refs/ccm/checkpoints/s1/2:u)
	kept=$(git rev-parse "refs/ccm/checkpoints/s1/6^{tree}")
	run -0 --separate-stderr cp_ prune --keep-per-session 2 --dry-run
	[ "$output" = '4 checkpoints would go' ]
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 7 ]
	run -0 --separate-stderr cp_ prune --keep-per-session 2
	[ "$output" = '4 checkpoints are gone' ]
	[ "$(cp_ list --json | jq .n | sort -n | paste -sd ' ')" = '5 6 7' ]
	[ "$(git rev-parse refs/ccm/checkpoints/s1/5^)" = "$(git rev-parse HEAD)" ]
	[ "$(git rev-parse refs/ccm/checkpoints/s1/6^)" = "$(git rev-parse refs/ccm/checkpoints/s1/5)" ]
	[ "$(git rev-parse "refs/ccm/checkpoints/s1/6^{tree}")" = "$kept" ]
	[ "$(db 'SELECT group_concat(n) FROM (SELECT n FROM checkpoint ORDER BY n)')" = 5,6,7 ]
	git gc -q --prune=now
	git fsck --strict --no-dangling
	run ! git cat-file -e "$gone"
	echo later >a
	[ "$(take --session s1)" = 'taken 8' ]
	git fsck --strict --no-dangling
}

@test "checkpoint prune: what is old goes, but never the newest of a session that goes on" {
	event SessionStart-startup '.session_id = "live"' | ccm-hook run
	event SessionStart-startup '.session_id = "over"' | ccm-hook run
	event SessionEnd-other '.session_id = "over"' | ccm-hook run
	local session
	for session in live over; do
		echo "1 $session" >a && take --session "$session"
		echo "2 $session" >a && take --session "$session"
	done
	# As if they had been taken long ago.
	git for-each-ref --format='%(refname) %(objectname)' refs/ccm | while read -r ref commit; do
		git update-ref "$ref" "$(git cat-file commit "$commit" | sed -E 's/> 1[0-9]{9} /> 1000000000 /' |
			git hash-object -t commit -w --stdin)"
	done
	cp_ prune --keep-days 30
	[ "$(cp_ list --json | jq -r '"\(.session_id) \(.n)"')" = 'live 2' ]
	git fsck --strict --no-dangling
}

@test "checkpoint prune: 0 keeps everything" {
	three
	run -0 --separate-stderr cp_ prune --keep-days 0 --keep-per-session 0 --json
	[ "$output" = '{"dry_run":false,"checkpoints":0}' ]
	[ "$(git for-each-ref refs/ccm | wc -l)" -eq 3 ]
}

@test "checkpoint: many small packs are made one" {
	local round
	for round in $(seq 24); do
		echo "$round" >a
		cp_ take --quiet
	done
	[ "$(find .git/objects/pack -name '*.pack' | wc -l)" -le 20 ]
	[ -z "$(find .git/objects/pack -name '*.keep')" ]
	git fsck --strict --no-dangling
	for round in $(seq 24); do
		[ "$(git cat-file blob "refs/ccm/checkpoints/none/$round:a")" = "$round" ]
	done
}

@test "checkpoint: the examples of ccm-checkpoint(7) for plain git work" {
	three
	[ "$(git for-each-ref --sort=-creatordate refs/ccm/checkpoints | wc -l)" -eq 3 ]
	[[ $(git show --stat refs/ccm/checkpoints/none/3) == *'src/b'* ]]
	[ "$(git show refs/ccm/checkpoints/none/1:u)" = new ]
	git worktree add -q ../then refs/ccm/checkpoints/none/1
	[ "$(cat ../then/u)" = new ]
	git for-each-ref --format='delete %(refname)' refs/ccm | git update-ref --stdin
	[ -z "$(git for-each-ref refs/ccm)" ]
}
