#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a task may do, before it is started and as it was started.

setup() {
	load task
	task_setup
	mkdir -p "$CCM_HOME" "$HOME/tools" .ccm
	printf '[sandbox]\nagent = custom\nread_only = ~/tools\nallow_hosts = registry.example.org other.example.org\nenvironment = MINE\n' \
		>"$CCM_HOME/config.ini"
	printf '[sandbox]\nallow_hosts = registry.example.org\nmax_commits = 7\n' >.ccm/config.ini
	export MINE=a-secret
}

# What each form must say, whichever it is.
has_the_rules() {
	[[ $output == *"  read, execute          $HOME/tools"$'\n'* ]]
	[[ $output == *"  read                   $PWD/.git/objects"$'\n'* ]]
	[[ $output == *$'Network:\n  registry.example.org\n'* && $output != *other.example.org* ]]
	[[ $output == *$'  MINE: yours'* && $output != *a-secret* ]]
	[[ $output == *$'  max_commits            7\n'* ]]
	[[ $output == *'  max_worktree_size      2.0 GiB'* ]]
}

@test "sandbox explain: in a repository, what a task of it would get, by both configurations" {
	cd dir
	run -0 --separate-stderr ccm-supervisor sandbox explain
	cd "$OLDPWD"
	[ -z "$stderr" ]
	[[ $output == "A task of '$PWD', if it were started now by 'any command'"$'\n'* ]]
	has_the_rules
	[ -z "$(ls -A "$CCM_HOME/tasks" 2>/dev/null)" ]
}

@test "sandbox explain ID: the rules that the task was started with, whatever the configuration says now" {
	task_run 'exit 0'
	printf '[sandbox]\nagent = custom\nallow_hosts = later.example.org\n' >"$CCM_HOME/config.ini"
	rm .ccm/config.ini
	run -0 --separate-stderr ccm-supervisor sandbox explain "$ID"
	[[ $output == "Task $ID, as it was started at "* && $output == *"  read, write, execute   $WORK"$'\n'* ]]
	has_the_rules
	run -1 --separate-stderr ccm-supervisor sandbox explain 99999999
	[[ $stderr == *"there is no task '99999999'"* ]]
}

@test "sandbox explain --json: one object, of a task to come, of one that was, and of exec" {
	task_run 'exit 0'
	for of in "$ID" '' '--max-file=4096'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr ccm-supervisor sandbox explain --json $of
		jq -e '(.paths | any(.path == "/usr" and .access == "read, execute")) and (.layers | index("seccomp")) and
			(.network | has("hosts")) and (.environment | has("PATH")) and (.limits | length > 2)' <<<"$output"
	done
}

@test "sandbox explain: a mistake in the configuration is named, as run would name it" {
	printf '[sandbox]\nagent = custom\nread_write = ~\n' >"$CCM_HOME/config.ini"
	run -1 --separate-stderr ccm-supervisor sandbox explain
	[ -z "$output" ]
	[[ $stderr == *"[sandbox] read_write: '$HOME' holds or is part of "* ]]
}

hosts() { ccm-supervisor sandbox explain "$@" --json | jq -c .network.hosts; }

@test "sandbox explain: a project's own file binds in a linked worktree and where .git lies elsewhere, also when started again" {
	printf '[sandbox]\nallow_hosts = registry.example.org other.example.org\n' >"$CCM_HOME/config.ini"
	rm .ccm/config.ini
	git worktree add --quiet "$HOME/linked"
	git init --quiet --separate-git-dir "$HOME/elsewhere.git" "$HOME/apart"
	git -C "$HOME/apart" commit --quiet --allow-empty --message one
	for at in "$HOME/linked" "$HOME/apart"; do
		cd "$at"
		mkdir .ccm
		printf '[sandbox]\nallow_hosts = other.example.org\n' >.ccm/config.ini
		rule=$(hosts 2>/dev/null)
		task_run 'exit 0'
		[ "$(hosts "$ID")" = "$rule" ]
		[[ $rule == *other.example.org* && $rule != *registry* ]]
		ccm-supervisor task resume --again "$ID"
		[ "$(hosts "$ID")" = "$rule" ]
	done
}
