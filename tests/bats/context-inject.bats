# SPDX-License-Identifier: MIT
# automations/context-inject: what the agent is told, when, and what it leaves alone.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_CEILING_DIRECTORIES="$HOME"
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
	export CLAUDE_PROJECT_DIR="$PWD"
	ccm-hook init
	install -m 0755 "$CCM_SOURCE/automations/context-inject" "$CCM_HOME/automations/enabled/20-context-inject"
}

# Usage: tell FIXTURE
# What the agent is told at that event of session s1, as $output.
tell() {
	run -0 --separate-stderr ccm-hook run < <(event "$1" '.session_id = "s1"')
	[ -z "$stderr" ]
	[ -z "$output" ] || output=$(jq -r .hookSpecificOutput.additionalContext <<<"$output")
	[ "$(db "SELECT count(*) FROM run WHERE problem IS NOT NULL OR exit_status <> 0")" = 0 ]
}

repository() {
	git init -q -b main
	echo one >file
	git add file
	git commit -q -m "First commit"
}

# Usage: notes PATH TEXT
notes() {
	mkdir -p "${1%/*}"
	printf '%s\n' "$2" >"$1"
}

@test "context-inject: with no notes and outside git it is silent" {
	tell SessionStart-startup
	[ -z "$output" ]
	tell UserPromptSubmit
	[ -z "$output" ]
}

@test "context-inject: a new session is told your notes, the project's notes and git" {
	repository
	notes "$CCM_HOME/context.md" "Be brief."
	notes .ccm/context.md $'Use "tabs".\nNo emoji \\o/ é'
	tell SessionStart-startup
	[ "$output" = "Notes for all projects ($CCM_HOME/context.md):
Be brief.

Notes for this project (.ccm/context.md):
Use \"tabs\".
No emoji \\o/ é

Git: branch main; files: 1 untracked; last commit $(git rev-parse --short HEAD) First commit." ]
}

@test "context-inject: a prompt after that is told nothing, until something changes" {
	repository
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	tell UserPromptSubmit
	[ -z "$output" ]
	echo two >>file
	tell UserPromptSubmit
	[ "$output" = "Git: branch main; files: 1 changed, 1 untracked; last commit $(git rev-parse --short HEAD) First commit." ]
	tell UserPromptSubmit
	[ -z "$output" ]
}

@test "context-inject: changed notes are told again, alone" {
	repository
	notes "$CCM_HOME/context.md" "Be brief."
	tell SessionStart-startup
	notes "$CCM_HOME/context.md" "Be long."
	tell UserPromptSubmit
	[ "$output" = "Notes for all projects ($CCM_HOME/context.md):
Be long." ]
}

@test "context-inject: notes that are gone are said to be" {
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	rm .ccm/context.md
	tell UserPromptSubmit
	[ "$output" = "Notes for this project (.ccm/context.md): empty now." ]
}

@test "context-inject: after compact and clear all of it is told again" {
	local fixture
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	for fixture in SessionStart-compact SessionStart-clear; do
		tell "$fixture"
		[[ $output == *"Use tabs."* ]]
	done
}

@test "context-inject: on resume only what has changed is told" {
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	tell SessionStart-resume
	[ -z "$output" ]
	notes .ccm/context.md "Use spaces."
	tell SessionStart-resume
	[[ $output == *"Use spaces."* ]]
}

@test "context-inject: each session is told for itself" {
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	run -0 ccm-hook run < <(event UserPromptSubmit '.session_id = "s2"')
	[[ $output == *"Use tabs."* ]]
}

@test "context-inject: long notes are cut at a line, and their length is told" {
	notes .ccm/context.md "$(seq -f 'Rule %g of many, and each of them counts.' 500)"
	tell SessionStart-startup
	[[ $output == *"Rule 9 of many, and each of them counts."* ]]
	[[ $output != *"Rule 500"* ]]
	[[ $output == *$'counts.\n[cut here: the file has '*' bytes]' ]]
	[ "${#output}" -lt 4200 ]
}

@test "context-inject: one endless line is cut, too" {
	notes .ccm/context.md "$(printf '%09000d' 0)"
	tell SessionStart-startup
	[[ $output == *$'000\n[cut here: the file has 9001 bytes]' ]]
}

@test "context-inject: project notes that are a link are not read" {
	mkdir .ccm
	echo "password" >"$HOME/secret"
	ln -s "$HOME/secret" .ccm/context.md
	tell SessionStart-startup
	[ -z "$output" ]
	[[ $(db "SELECT stderr FROM run") == *"is reached through a link: not read"* ]]
	rm -r .ccm
	mkdir "$HOME/elsewhere"
	mv "$HOME/secret" "$HOME/elsewhere/context.md"
	ln -s "$HOME/elsewhere" .ccm
	tell SessionStart-startup
	[ -z "$output" ]
}

@test "context-inject: your own notes may be a link" {
	notes "$HOME/dotfiles/context.md" "Be brief."
	ln -s "$HOME/dotfiles/context.md" "$CCM_HOME/context.md"
	tell SessionStart-startup
	[[ $output == *"Be brief."* ]]
}

@test "context-inject: in your home directory your notes are told once" {
	notes "$CCM_HOME/context.md" "Be brief."
	export CLAUDE_PROJECT_DIR="$HOME"
	tell SessionStart-startup
	[ "$(grep -c "Be brief" <<<"$output")" = 1 ]
}

@test "context-inject: notes that are a pipe are not waited for" {
	mkdir .ccm
	mkfifo .ccm/context.md
	tell SessionStart-startup
	[ -z "$output" ]
}

@test "context-inject: staged, changed, conflicting and untracked files are counted" {
	repository
	git checkout -q -b other
	echo theirs >file
	git commit -q -a -m other
	git checkout -q main
	echo ours >file
	git commit -q -a -m ours
	git merge other >/dev/null || true
	echo new >staged
	git add staged
	touch a b
	tell SessionStart-startup
	[[ $output == "Git: branch main; files: 1 changed, 1 of them staged, 1 in conflict, 2 untracked; "* ]]
}

@test "context-inject: a clean repository is said to be" {
	repository
	tell SessionStart-startup
	[[ $output == "Git: branch main; nothing uncommitted; last commit "* ]]
}

@test "context-inject: names with newlines and quotes count as one file each" {
	repository
	touch $'two\nlines' '? quoted " name'
	tell SessionStart-startup
	[[ $output == *"; files: 2 untracked; "* ]]
}

@test "context-inject: the distance to the upstream branch" {
	git init -q --bare "$HOME/origin.git"
	repository
	git remote add origin "$HOME/origin.git"
	git push -q -u origin main
	tell SessionStart-startup
	[[ $output == "Git: branch main, level with origin/main; "* ]]
	git commit -q --allow-empty -m ahead
	tell SessionStart-startup
	[[ $output == "Git: branch main, 1 ahead of and 0 behind origin/main; "* ]]
	git update-ref -d refs/remotes/origin/main
	tell SessionStart-startup
	[[ $output == "Git: branch main, upstream origin/main is gone; "* ]]
}

@test "context-inject: a detached HEAD" {
	repository
	git checkout -q --detach
	tell SessionStart-startup
	[[ $output == "Git: detached HEAD; "*"First commit." ]]
}

@test "context-inject: a repository without a commit" {
	git init -q -b trunk
	tell SessionStart-startup
	[ "$output" = "Git: branch trunk; nothing uncommitted; no commit yet." ]
}

@test "context-inject: a long subject is cut" {
	repository
	git commit -q --allow-empty -m "$(printf '%0300d' 0)"
	tell SessionStart-startup
	[ "${#output}" -lt 200 ]
}

@test "context-inject: a new commit is told at the next prompt" {
	repository
	tell SessionStart-startup
	git commit -q --allow-empty -m "Second commit"
	tell UserPromptSubmit
	[[ $output == "Git: "*" Second commit." ]]
}

@test "context-inject: it writes nothing to the repository" {
	repository
	touch -d '1 hour ago' file       # git would refresh its index
	find . -type f -exec cksum {} + >"$BATS_TEST_TMPDIR/before"
	tell SessionStart-startup
	[ -n "$output" ]
	find . -type f -exec cksum {} + | cmp "$BATS_TEST_TMPDIR/before" -
}

@test "context-inject: programs that the repository's settings name are not started" {
	repository
	printf '#!/bin/sh\ntouch "%s"\n' "$HOME/started" >"$HOME/program"
	chmod +x "$HOME/program"
	git config core.fsmonitor "$HOME/program"
	git config log.showSignature true
	git config gpg.program "$HOME/program"
	tell SessionStart-startup
	[[ $output == "Git: branch main"* ]]
	[ ! -e "$HOME/started" ]
}

@test "context-inject: a database that is locked never costs the prompt" {
	notes .ccm/context.md "Use tabs."
	tell SessionStart-startup
	notes .ccm/context.md "Use spaces."
	printf '[storage]\nbusy_timeout = 20ms\n' >"$CCM_HOME/config.ini"
	event UserPromptSubmit '.session_id = "s1"' >"$BATS_TEST_TMPDIR/event"
	run -0 --separate-stderr sqlite3 "$CCM_HOME/ccm.db" "BEGIN EXCLUSIVE" ".shell ccm-hook run <$BATS_TEST_TMPDIR/event"
	[[ $output == *"Use spaces."* ]]
	[[ $output != *decision* ]]
}

@test "context-inject: it says the same under dash, bash and busybox sh" {
	local shell first=
	repository
	notes .ccm/context.md "$(seq 3000)"
	touch $'two\nlines'
	export CCM_EVENT=SessionStart CCM_AUTOMATION=context-inject CCM_LIB_SH="$CCM_SOURCE/lib-sh" CCM_PROJECT="$PWD"
	for shell in "dash" "bash" "busybox sh"; do
		# shellcheck disable=SC2086  # two words
		CCM_SESSION_ID=$shell run -0 --separate-stderr $shell "$CCM_SOURCE/automations/context-inject"
		[ -z "$stderr" ]
		[ "${first:=$output}" = "$output" ]
	done
	[[ $output == *"cut here"*"untracked"* ]]
}
