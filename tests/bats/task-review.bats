#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a person is shown, and warned of, before anything is merged.

setup() { load task; task_setup; }

# Usage: warned KIND WORDS
warned() {
	ccm-supervisor task review "$ID" --json |
		jq -e --arg kind "$1" --arg words "$2" 'any(.warnings[]; .kind == $kind and (.words | contains($words)))' >/dev/null ||
		{ echo "no warning $1: $2" && ccm-supervisor task review "$ID"; return 1; }
}

@test "review: commits, files with their lines, and how to merge exactly this" {
	task_run 'echo a >>file; echo n >new; git rm -q dir/file; git add .; git commit -qm "all at once"'
	run -0 --separate-stderr ccm-supervisor task review "$ID"
	[ -z "$stderr" ]
	head=$(task_head)
	[[ $output == *"1 commit
  ${head:0:12}  all at once"* ]]
	[[ $output == *'3 files
  D  +0      -1      dir/file
  M  +1      -0      file
  A  +1      -0      new'* ]]
	[[ $output == *'0 warnings'* ]]
	[[ $output == *"ccm-supervisor task merge $ID --approve $head" ]]
}

@test "review: what is not committed is no part of it, and that is said" {
	task_run 'echo a >>file; git commit -qam a; echo open >open'
	[[ $(ccm-supervisor task review "$ID") == *$'\n1 file in its folder is not committed, and no part of this: '"$WORK"$'\n'* ]]
	[ "$(ccm-supervisor task review "$ID" --json | jq .not_committed)" = 1 ]
}

@test "review: it warns of what runs later, by itself" {
	task_run 'mkdir -p .github/workflows .husky .vscode sub/.github/workflows .claude
		for at in .github/workflows/ci.yml sub/.github/workflows/ci.yml .gitlab-ci.yml .husky/pre-commit .gitattributes \
			.vscode/tasks.json Makefile package-lock.json .claude/settings.json sub/Cargo.lock; do echo x >"$at"; done
		echo "#!/bin/sh" >tool; chmod +x tool dir/file; git add .; git commit -qm all'
	warned ci '.github/workflows/ci.yml: runs in CI'
	warned ci 'sub/.github/workflows/ci.yml: runs in CI'
	warned ci .gitlab-ci.yml
	warned hook .husky/pre-commit
	warned attributes .gitattributes
	warned editor .vscode/tasks.json
	warned build Makefile
	warned lock package-lock.json
	warned lock sub/Cargo.lock
	warned agent .claude/settings.json
	warned executable 'tool: a new executable file'
	warned executable dir/file
}

@test "review: it warns of package scripts that changed, and not of a new version number" {
	echo '{ "version": "1", "scripts": { "test": "true" } }' >package.json
	git add .
	git commit --quiet -m package
	task_run 'echo "{ \"version\": \"2\", \"scripts\": { \"test\": \"true\" } }" >package.json; git commit -qam version'
	[ "$(ccm-supervisor task review "$ID" --json | jq -r '.warnings | length')" = 0 ]
	task_run 'echo "{ \"version\": \"2\", \"scripts\": { \"postinstall\": \"evil\" } }" >package.json; git commit -qam scripts'
	warned scripts "package.json: changes 'scripts', which npm runs"
}

@test "review: it warns of secrets, links that lead out, repositories in the tree, binaries and other authors" {
	task_run 'echo "key = sk-ant-api03-$(printf a%.0s $(seq 90))" >conf; echo x >.env; ln -s /etc/passwd out; ln -s ../x dir/in; ln -s ../../x dir/up
		mkdir -p bare/refs; echo "ref: refs/heads/x" >bare/HEAD; echo "[core]" >bare/config; echo x >bare/refs/x
		printf "a\0b" >data; git add -f .; git commit -qm all --author "Boss <boss@example.org>"'
	warned secret 'conf: holds what looks like a secret'
	warned secret .env
	warned link 'out: a symbolic link that leads out of the tree, to /etc/passwd'
	warned link dir/up
	[ "$(ccm-supervisor task review "$ID" --json | jq '[.warnings[] | select(.words | startswith("dir/in"))] | length')" = 0 ]
	warned repository bare/HEAD
	warned binary data
	warned author 'names another author: Boss <boss@example.org>'
}

@test "review: it warns of large files, however little room they take in the repository" {
	task_run 'head -c 11000000 /dev/zero >zeros; yes "a line" | head -c 10485760 >lines; echo x >file; rm dir/file; git add .; git commit -qm all'
	warned large 'zeros: a large file: 10 MiB'
	warned large 'lines: a large file: 10 MiB'
	[ "$(ccm-supervisor task review "$ID" --json | jq '[.warnings[] | select(.kind == "large")] | length')" = 2 ]
}

@test "review: a hook path of the person's own that leads into the tree is named" {
	git config core.hooksPath tools/hooks
	task_run 'mkdir -p tools/hooks; echo x >tools/hooks/post-merge; git add .; git commit -qm hook'
	warned hook 'tools/hooks/post-merge'
}

@test "review: nothing that an agent wrote drives the terminal" {
	task_run 'f=$(printf "a\033]0;evil\007\342\200\256b"); echo x >"$f"; git add .; git commit -qm "$(printf "sub\033[2Jject\342\200\256")"' \
		--name $'t\e[31m'
	run -0 ccm-supervisor task review "$ID"
	[[ $output != *$'\e'* && $output != *$'\a'* && $output != *$'\u202e'* ]]
	[[ $output == *'sub\e[2Jject<U+202E>'* ]]
	warned name 'a\e]0;evil'
	run -0 ccm-supervisor task review "$ID" --json
	[[ $output != *$'\e'* && $output != *$'\u202e'* ]]
	run -0 ccm-supervisor task log "$ID"
	[[ $output != *$'\e'* ]]
}

@test "review: --commit looks at what was there up to it" {
	task_run 'echo a >>file; git commit -qam first; git rev-parse HEAD; echo b >b; git add .; git commit -qm second'
	run -0 ccm-supervisor task review "$ID" --commit "$(cut -c 1-10 "$BATS_TEST_TMPDIR/out")"
	[[ $output == *'1 commit'*'first'* ]]
	[[ $output != *second* ]]
}
