# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: the automation has three seconds, and with ccm-hook and ccm-guard under valgrind they are over before it answers.
#
# security-guard: the conditions that rules name: the repository, the branch, and what a session made itself.
# shellcheck shell=bash

load helper
load guard

setup() {
	guard_sandbox
	own_rules conditions <<-'EOF'
		group = conditions
		[dirty]
		command = git
		sub     = reset
		when    = dirty-tree
		verdict = deny
		reason  = dirty
		[restore]
		command = git
		sub     = restore|checkout
		when    = dirty-tree
		verdict = deny
		reason  = dirty paths
		[untracked]
		command = git
		sub     = clean
		when    = untracked
		verdict = deny
		reason  = untracked
		[stash]
		command = git
		sub     = stash clear
		when    = stashed
		verdict = deny
		reason  = stashed
		[push]
		command = git
		sub     = push
		when    = shared-branch
		verdict = deny
		reason  = shared
		[made]
		command = wipe
		operand = *
		unless  = made-here
		verdict = deny
		reason  = not made here
	EOF
	config 'group.git = off' 'group.filesystem = off' 'detour_limit = 0'
	export GIT_CONFIG_GLOBAL=/dev/null
	git init --quiet --initial-branch=main
	git config user.email a@example.org
	git config user.name A
	echo one >one
	echo two >two
	git add .
	git commit --quiet -m first
}

# Usage: verdict_of COMMAND
# Says what the verdict on it is, in the working directory.
verdict_of() { ccm-guard check -- "$1" | cut -f 1,3 | sed 's/ \[.*//'; }

# Usage: ran COMMAND [STDOUT]
# A Bash call of the session that went well.
ran() {
	bash_call "$1" | ccm-hook run
	bash -c "$1" >/dev/null
	bash_call "$1" | jq -c --arg out "${2-}" '.hook_event_name = "PostToolUse" | .tool_response = { stdout: $out, stderr: "",
		interrupted: false, isImage: false }' | ccm-hook run
}

@test "context: a clean tree has nothing to lose, a changed or a staged file has" {
	[ "$(verdict_of 'git reset --hard')" = $'none\t' ]
	echo more >>one
	[ "$(verdict_of 'git reset --hard')" = $'deny\tdirty' ]
	git add one
	[ "$(verdict_of 'git reset --hard')" = $'deny\tdirty' ]
}

@test "context: a file that git does not know is no change, and is lost by clean" {
	[ "$(verdict_of 'git clean -f')" = $'none\t' ]
	touch new
	[ "$(verdict_of 'git reset --hard')" = $'none\t' ]
	[ "$(verdict_of 'git clean -f')" = $'deny\tuntracked' ]
}

@test "context: git clean loses only what lies in the directories that it names" {
	mkdir old new
	echo x >new/file
	[ "$(verdict_of 'git clean -fd old')" = $'none\t' ]
	[ "$(verdict_of 'git clean -fd -e old new')" = $'deny\tuntracked' ]
	[ "$(verdict_of 'git clean -fd -e old')" = $'deny\tuntracked' ]
}

@test "context: the tree of -C is looked at, and where nobody knows it counts as dirty" {
	mkdir "$HOME/elsewhere"
	echo more >>one
	[ "$(cd "$HOME/elsewhere" && verdict_of "git -C $PWD reset --hard")" = $'deny\tdirty' ]
	git checkout --quiet one
	[ "$(cd "$HOME/elsewhere" && verdict_of "git -C ../project reset --hard")" = $'none\t' ]
	[ "$(cd "$HOME/elsewhere" && verdict_of "git reset --hard")" = $'deny\tdirty' ]
	[ "$(verdict_of "git --git-dir=/x/.git reset --hard")" = $'deny\tdirty' ]
	[ "$(PATH=$CCM_BUILD verdict_of_without_git)" = $'deny\tdirty' ]
}

verdict_of_without_git() { "$CCM_BUILD/ccm-guard" check -- 'git reset --hard' | /usr/bin/cut -f 1,3 | /bin/sed 's/ \[.*//'; }

@test "context: restoring a file that has no changes is harmless" {
	echo more >>one
	[ "$(verdict_of 'git restore two')" = $'none\t' ]
	[ "$(verdict_of 'git restore one two')" = $'deny\tdirty paths' ]
	[ "$(verdict_of 'git checkout -- two')" = $'none\t' ]
	[ "$(verdict_of 'git checkout -- .')" = $'deny\tdirty paths' ]
	[ "$(verdict_of 'git checkout -f two')" = $'deny\tdirty paths' ]
}

@test "context: what the repository says to run is not run for a look at it" {
	echo more >>one
	git config core.fsmonitor "touch $HOME/ran; false"
	printf '#!/bin/sh\ntouch %s\n' "$HOME/ran" >.git/hooks/post-index-change
	chmod +x .git/hooks/post-index-change
	[ "$(verdict_of 'git reset --hard')" = $'deny\tdirty' ]
	[ ! -e "$HOME/ran" ]
}

@test "context: a look at the tree writes nothing to it" {
	touch -d '2001-01-01' one
	local before
	before=$(stat -c %y%i .git/index)
	verdict_of 'git reset --hard'
	[ "$(stat -c %y%i .git/index)" = "$before" ]
}

@test "context: a stash is something to lose" {
	[ "$(verdict_of 'git stash clear')" = $'none\t' ]
	echo more >>one
	git stash --quiet
	[ "$(verdict_of 'git stash clear')" = $'deny\tstashed' ]
}

@test "context: main, master, release branches and the remote's default are shared, others are one's own" {
	for words in 'origin main' 'origin HEAD:main' 'origin +x:release/1.0' 'origin :master' 'origin refs/heads/develop' '--all' \
		'origin --mirror' '-u origin main' '-o opt origin mine main'; do
		[ "$(verdict_of "git push $words")" = $'deny\tshared' ] || { echo "not shared: $words" >&2; return 1; }
	done
	for words in 'origin mine' 'origin main:mine' 'origin +HEAD:refs/heads/fix-main' 'origin refs/tags/v1'; do
		[ "$(verdict_of "git push $words")" = $'none\t' ] || { echo "shared: $words" >&2; return 1; }
	done
	git update-ref refs/remotes/origin/mine HEAD
	git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/mine
	[ "$(verdict_of 'git push origin mine')" = $'deny\tshared' ]
}

@test "context: a push without a branch is about the one that is checked out, also in a worktree" {
	[ "$(verdict_of 'git push')" = $'deny\tshared' ]
	[ "$(verdict_of 'git push origin HEAD')" = $'deny\tshared' ]
	git checkout --quiet -b mine
	[ "$(verdict_of 'git push')" = $'none\t' ]
	git worktree add --quiet "$HOME/tree" main
	[ "$(cd "$HOME/tree" && verdict_of 'git push')" = $'deny\tshared' ]
	git checkout --quiet --detach
	[ "$(verdict_of 'git push')" = $'deny\tshared' ]
}

@test "context: a directory that this session made is its own, in whatever way it is named" {
	ran 'mkdir made'
	mkdir given
	ln -s ../given made/link
	for path in made made/below "$PWD/made" ./given/../made; do
		judge "wipe $path"
		[ "$verdict" = none ] || { echo "refused: $path" >&2; return 1; }
	done
	for path in given made/link made/../given . made/..; do
		judge "wipe $path"
		[ "$verdict" = deny ] || { echo "passed: $path" >&2; return 1; }
	done
	judge 'wipe made given'
	[ "$verdict" = deny ]
	judge 'wipe made' s2
	[ "$verdict" = deny ]
}

@test "context: mkdir -p makes nothing its own that was there before" {
	mkdir given
	sleep 0.1
	say 'begin'
	ran 'mkdir -p given made'
	judge 'wipe made'
	[ "$verdict" = none ]
	judge 'wipe given'
	[ "$verdict" = deny ]
}

@test "context: what mktemp printed is the session's own" {
	local made
	say 'begin'
	made=$(mktemp -d "$HOME/tmp.XXXX")
	ran 'mktemp -u' "$made"
	judge "wipe $made"
	[ "$verdict" = none ]
}

@test "context: a file that Write made is the session's own" {
	say 'begin'
	sleep 0.1
	echo x >new
	judge 'wipe new'
	[ "$verdict" = deny ]
	event PostToolUse-Write ".tool_response.type = \"create\" | .session_id = \"s1\" | .tool_input.file_path = \"$PWD/new\"" | ccm-hook run
	judge 'wipe new'
	[ "$verdict" = none ]
}

@test "context: a script that this session wrote is judged as if typed, as it is on disk" {
	printf 'danger\n' >x.sh
	judge 'sh x.sh'
	[ "$verdict" = none ]
	judge_call Write "$(jq -nc --arg p "$PWD/x.sh" '{ file_path: $p, content: "make" }')"
	judge 'sh x.sh'
	[ "$verdict" = deny ]
	[[ $reason == *'[rule danger]'* ]]
	judge 'sh x.sh' s2
	[ "$verdict" = none ]
	printf 'make\n' >x.sh
	judge 'sh x.sh'
	[ "$verdict" = none ]
}

@test "context: a script that this session edited, or wrote in a command, is its own, too" {
	mkdir bin
	for file in edited redirected teed bin/run; do printf 'danger\n' >"$file"; done
	for file in edited redirected teed ./bin/run; do
		judge "sh $file"
		[ "$verdict" = none ]
	done
	judge_call Edit "$(jq -nc --arg p "$PWD/edited" '{ file_path: $p, old_string: "a", new_string: "b" }')"
	judge $'cat >redirected <<\'EOF\'\nmake\nEOF'
	judge 'printf "make\n" | tee -a teed'
	judge "cd bin && echo make >'run'"
	for file in edited redirected teed ./bin/run; do
		judge "sh $file"
		[ "$verdict" = deny ]
	done
}

@test "context: a script that a command of this session only names is not its own" {
	printf 'danger\n' >x.sh
	judge 'cat x.sh >copy; bash -n x.sh 2>&1 | tee log; echo "cat >x.sh"'
	judge 'sh x.sh'
	[ "$verdict" = none ]
}

@test "context: a long path of a script is found, though the log cuts it" {
	local dir=$PWD
	for part in {1..6}; do dir=$dir/$(printf "%s%040d" d "$part"); done
	mkdir -p "$dir"
	printf 'danger\n' >"$dir/x.sh"
	judge_call Write "$(jq -nc --arg p "$dir/x.sh" '{ file_path: $p, content: "make" }')"
	judge "sh $dir/x.sh"
	[ "$verdict" = deny ]
}

@test "context: a number of a process of ccm's is not to be killed, others are" {
	cp "$(command -v sleep)" "$BATS_TEST_TMPDIR/ccm-sleep"
	"$BATS_TEST_TMPDIR/ccm-sleep" 20 3>&- &
	local ccm=$!
	sleep 20 3>&- &
	local other=$!
	until [ "$(readlink "/proc/$ccm/exe")" = "$BATS_TEST_TMPDIR/ccm-sleep" ]; do :; done
	for command in "kill $ccm" "kill -9 $other $ccm" "kill -TERM -- -$ccm"; do
		run -0 --separate-stderr ccm-guard check -- "$command"
		[[ $output == deny$'\t'ccm-kill-number$'\t'* ]]
	done
	for command in "kill $other" "kill -0 $ccm" "echo kill $ccm"; do
		run -0 --separate-stderr ccm-guard check -- "$command"
		[[ $output == none* ]]
	done
	kill "$ccm" "$other"
}

@test "context: a link in the project that leads into the system is judged as the system" {
	rm -f "$CCM_HOME/config.ini"
	ln -s /etc conf
	mkdir plain
	ln -s plain other
	run -0 --separate-stderr ccm-guard check --project "$PWD" -- 'rm -rf conf/ssl'
	[[ $output == deny$'\t'rm-* ]]
	run -0 --separate-stderr ccm-guard check --project "$PWD" -- 'echo x >conf/hosts'
	[[ $output == ask$'\t'write-system$'\t'* ]]
	for command in 'rm conf' 'cat conf/hosts' 'echo x >other/hosts' 'rm other/x'; do
		run -0 --separate-stderr ccm-guard check --project "$PWD" -- "$command"
		[[ $output == none* ]]
	done
}

@test "context: branches of [guard] shared_branches are shared, also those of the project" {
	config 'group.git = off' 'shared_branches = qa/* next-*'
	[ "$(verdict_of 'git push origin qa/one')" = $'deny\tshared' ]
	[ "$(verdict_of 'git push origin mine')" = $'none\t' ]
	mkdir .ccm
	printf '[guard]\nshared_branches = mine\n' >.ccm/config.ini
	[ "$(ccm-guard check --project "$PWD" -- 'git push origin mine' | cut -f 1)" = deny ]
}

@test "context: a project that is named by a link is where it leads" {
	ln -s "$PWD" "$HOME/link"
	[ "$(ccm-guard check --project "$HOME/link" -- "rm -r $PWD" | cut -f 1)" = none ]
	config
	[ "$(ccm-guard check --project "$HOME/link" -- "rm -rf $PWD" | cut -f 2)" = rm-project ]
	[ "$(ccm-guard check --project "$HOME/link" -- "rm -rf $PWD/node_modules" | cut -f 1)" = none ]
}

@test "context: a home directory is nobody's project" {
	config
	[ "$(cd "$HOME" && ccm-guard check --project "$HOME" -- 'rm -rf notes/old' | cut -f 1)" = ask ]
}
