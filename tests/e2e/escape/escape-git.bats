# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What an agent in a task might try with git, and what would run later, outside.

load lib

setup_file() {
	escape_setup_file || return
	local repo=$SCENE/template/repo git
	as_user git init -q --bare -b main "$SCENE/origin.git"
	git=(as_user git -c user.name=p -c user.email=p@example.org -C "$repo")
	cp "$BATS_TEST_DIRNAME/git.sh" "$repo/"
	# shellcheck disable=SC2153
	printf 'REPO=%s ORIGIN=%s VHOME=%s\n' "$REPO" "$SCENE/origin.git" "$VHOME" >"$repo/places"
	[ "$EUID" -ne 0 ] || chown "$ESCAPE_UID:$ESCAPE_UID" "$repo/git.sh" "$repo/places"
	"${git[@]}" add .
	"${git[@]}" commit -qm second
	"${git[@]}" branch other HEAD~1
	"${git[@]}" remote add origin "$SCENE/origin.git"
	"${git[@]}" push -q origin HEAD~1:refs/heads/main
	cp -a "$SCENE/origin.git" "$SCENE/template/origin.git"
	mapfile -t GIT_NAMES < <(sed -n 's/^\([a-z_]*\)() {.*/\1/p' "$BATS_TEST_DIRNAME/git.sh")
	echo "${GIT_NAMES[*]}" >"$SCENE/names"
}

teardown_file() { escape_teardown_file; }

setup() { read -ra GIT_NAMES <"$SCENE/names"; }

# The person's things, the remote and a worktree, as they were.
fresh_git() {
	rm -rf "$V" "$SCENE/origin.git" "$V/repo-evil" "$SCENE/work" "$SCENE/evil"
	cp -a "$SCENE/template" "$V"
	mv "$V/origin.git" "$SCENE/"
}

# Usage: in_task COMMAND...
# With a place for ccm's things that is not the one under attack.
in_task() {
	(cd "$REPO" && as_user env HOME="$VHOME" CCM_HOME="$SCENE/ccm" CCM_DATA_DIR="$SCENE/data" \
		CCM_LIBEXEC_DIR="$SCENE/bin" timeout 100 "$SCENE/bin/ccm-supervisor" run -- "$@") </dev/null 3>&-
}

# All that is the person's: every file, except what ccm itself adds to the repository, which may only be added.
git_picture() {
	(cd "$V" && find . "$SCENE/origin.git" -type f ! -path './repo/.git/refs/ccm/*' -printf '%p %m %n\n' -exec sha256sum {} + | sort)
}

@test "escape: without a sandbox git does all of this" {
	local name
	for name in "${GIT_NAMES[@]}"; do
		fresh_git
		as_user git -C "$REPO" worktree add -q -b ccm/task "$SCENE/work"
		if (cd "$SCENE/work" && as_user sh ./git.sh "$name") >"$SCENE/output" 2>&1 </dev/null 3>&-; then
			echo "$name" >>"$SCENE/counted"
		else
			printf '# cannot be tried on this system: %s: %s\n' "$name" "$(tail -n 1 "$SCENE/output")" >&3
		fi
	done
	[ "$(wc -l <"$SCENE/counted")" -ge 80 ]
}

@test "escape: in a task git does none of it, and nothing of the person's changes" {
	[ -z "$NONE" ] || skip 'no sandbox here, see sandbox.bats'
	fresh_git
	git_picture >"$SCENE/before"
	in_task sh ./git.sh --all "${GIT_NAMES[@]}" >"$SCENE/output" 2>"$SCENE/errors" || { cat "$SCENE/errors" >&2; false; }
	git_picture >"$SCENE/after"
	# What ccm adds are objects.
	diff "$SCENE/before" "$SCENE/after" | grep '^[<>]' | grep -v '^> .*\./repo/\.git/objects/' >&2 && false
	grep -x "tried ${#GIT_NAMES[@]}" "$SCENE/output"
	run ! grep '^through' "$SCENE/output"
}

@test "escape: a task's commits are still made after all of that" {
	[ -z "$NONE" ] || skip 'no sandbox here, see sandbox.bats'
	fresh_git
	in_task sh -ec 'sh ./git.sh --all own_head own_file raw_hook config_hooks; date >made; git add -A
		git -c user.name=a -c user.email=a@example.org commit -qm work; git log --format=%s -1' \
		>"$SCENE/output" 2>"$SCENE/errors" || cat "$SCENE/output" "$SCENE/errors" >&2
	[ "$(tail -n 1 "$SCENE/output")" = work ]
}

@test "escape: nothing planted in a task runs when the person looks at it with git" {
	[ -z "$NONE" ] || skip 'no sandbox here, see sandbox.bats'
	[ -z "$ALONE" ] || skip 'what is pinned needs namespaces, see ccm-sandbox(7)'
	fresh_git
	# shellcheck disable=SC2016
	in_task sh -c 'mkdir -p evil/objects evil/refs; echo "ref: refs/heads/x" >evil/HEAD
		printf "[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch %s;\n\thooksPath = .\n" "$1/ran" >evil/config
		echo "gitdir: $PWD/evil" >.git; rm -f .git; mv evil .git; cp evil/config "$(git rev-parse --git-common-dir)/config"
		printf "#!/bin/sh\ntouch %s\n" "$1/ran" >h; chmod +x h; cp h "$(git rev-parse --git-common-dir)/hooks/post-checkout"; true' \
		sh "$SERVICES/shared" >"$SCENE/output" 2>&1
	local work
	for work in "$SCENE"/ccm/tasks/*/work; do
		as_user git -C "$work" status >/dev/null
		as_user git -C "$work" -c advice.detachedHead=false checkout -q HEAD
	done
	as_user git -C "$REPO" status >/dev/null
	[ ! -e "$SERVICES/shared/ran" ]
}
