# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: the automation has three seconds, and with ccm-hook and ccm-guard under valgrind they are over before it answers.
#
# security-guard: tools that work on files, and MCP tools.
# shellcheck shell=bash

load helper
load guard

setup() {
	guard_sandbox
	git init --quiet
	mkdir -p "$HOME/.ssh" "$CLAUDE_CONFIG_DIR"
	echo key >"$HOME/.ssh/id_rsa"
}

# Usage: on_file TOOL PATH
on_file() {
	judge_call "$1" "$(jq -nc --arg path "$2" '{ file_path: $path, content: "text", old_string: "a", new_string: "b" }')"
}

# Usage: edit_settings OLD NEW
edit_settings() {
	judge_call Edit "$(jq -nc --arg path "$CLAUDE_CONFIG_DIR/settings.json" --arg old "$1" --arg new "$2" \
		'{ file_path: $path, old_string: $old, new_string: $new }')"
}

@test "files: writing and reading in the project passes" {
	for tool in Write Edit Read; do
		on_file "$tool" "$PWD/src/main.c"
		[ -z "$output$stderr" ]
	done
}

@test "files: what ccm is made of may not be written, by any name of it" {
	ln -s "$CCM_HOME" link
	mkdir deep
	for path in "$CCM_HOME/config.ini" "$CCM_HOME/automations/enabled/50-security-guard" "$CCM_HOME/guard.d/x.ini" \
		"$CCM_HOME/ccm.db" "$PWD/link/config.ini" "$PWD/deep/../link/config.ini" "$PWD/../.ccm/new" \
		"$CCM_LIBEXEC_DIR/ccm-guard"; do
		for tool in Write Edit; do
			on_file "$tool" "$path"
			[ "$verdict" = deny ] || { echo "$tool $path: $verdict" >&2; return 1; }
			[[ $reason == *'ccm'* ]]
		done
	done
}

@test "files: a notebook is a file" {
	judge_call NotebookEdit "$(jq -nc --arg p "$CCM_HOME/x.ipynb" '{ notebook_path: $p, new_source: "x" }')"
	[ "$verdict" = deny ]
	judge_call NotebookEdit "$(jq -nc --arg p "$PWD/x.ipynb" '{ notebook_path: $p, new_source: "x" }')"
	[ "$verdict" = none ]
}

@test "settings: an edit that leaves the hooks alone passes" {
	ccm-hook install >/dev/null
	edit_settings '"hooks": {' '"model": "opus",
  "hooks": {'
	[ "$verdict" = none ]
}

@test "settings: an edit that takes a hook out, or switches all off, is refused" {
	ccm-hook install >/dev/null
	edit_settings '"PreToolUse"' '"PreToolUsed"'
	[ "$verdict" = deny ]
	[[ $reason == *'hooks in the client'* ]]
	edit_settings '"hooks": {' '"disableAllHooks": true,
  "hooks": {'
	[ "$verdict" = deny ]
	edit_settings '"hooks": {' '"hooks": {{'
	[ "$verdict" = deny ]
}

@test "settings: variables for ccm and the client in env are refused, others pass" {
	config 'detour_limit = 0'
	ccm-hook install >/dev/null
	for name in CCM_HOME CLAUDE_CONFIG_DIR LD_PRELOAD; do
		edit_settings '"hooks": {' "\"env\": { \"$name\": \"/tmp\" }, \"hooks\": {"
		[ "$verdict" = deny ]
	done
	edit_settings '"hooks": {' '"env": { "EDITOR": "vi" }, "hooks": {'
	[ "$verdict" = none ]
}

@test "settings: a new file of the project's counts, too, and so does one written anew" {
	config 'detour_limit = 0'
	judge_call Write "$(jq -nc --arg p "$PWD/.claude/settings.local.json" \
		'{ file_path: $p, content: "{ \"disableAllHooks\": true }" }')"
	[ "$verdict" = deny ]
	judge_call Write "$(jq -nc --arg p "$PWD/.claude/settings.local.json" \
		'{ file_path: $p, content: "{ \"permissions\": { \"allow\": [\"Bash(ls)\"] } }" }')"
	[ "$verdict" = none ]
	ccm-hook install >/dev/null
	judge_call Write "$(jq -nc --arg p "$CLAUDE_CONFIG_DIR/settings.json" '{ file_path: $p, content: "{}" }')"
	[ "$verdict" = deny ]
	judge_call Write "$(jq -nc --arg p "$CLAUDE_CONFIG_DIR/settings.json" --rawfile old "$CLAUDE_CONFIG_DIR/settings.json" \
		'{ file_path: $p, content: ($old | fromjson | .model = "opus" | tojson) }')"
	[ "$verdict" = none ]
}

@test "settings: a link to them is no way around" {
	ccm-hook install >/dev/null
	ln -s "$CLAUDE_CONFIG_DIR" harmless
	judge_call Write "$(jq -nc --arg p "$PWD/harmless/settings.json" '{ file_path: $p, content: "{}" }')"
	[ "$verdict" = deny ]
}

@test "settings: several edits at once count as what they make" {
	ccm-hook install >/dev/null
	judge_call MultiEdit "$(jq -nc --arg p "$CLAUDE_CONFIG_DIR/settings.json" \
		'{ file_path: $p, edits: [{ old_string: "\"hooks\"", new_string: "\"x\"" }, { old_string: "\"x\"", new_string: "\"y\"" }] }')"
	[ "$verdict" = deny ]
	judge_call MultiEdit "$(jq -nc --arg p "$CLAUDE_CONFIG_DIR/settings.json" \
		'{ file_path: $p, edits: [{ old_string: "\"hooks\"", new_string: "\"x\"" }, { old_string: "\"x\"", new_string: "\"hooks\"" }] }')"
	[ "$verdict" = none ]
}

@test "files: reading a secret asks, reading its public half passes" {
	on_file Read "$HOME/.ssh/id_rsa"
	[ "$verdict" = ask ]
	on_file Read "$HOME/.ssh/id_rsa.pub"
	[ "$verdict" = none ]
	judge_call Grep "$(jq -nc --arg p "$HOME/.ssh/id_rsa" '{ pattern: ".", path: $p, output_mode: "content" }')"
	[ "$verdict" = ask ]
	ln -s "$HOME/.ssh/id_rsa" notes.txt
	on_file Read "$PWD/notes.txt"
	[ "$verdict" = ask ]
}

@test "files: what runs by itself later asks, what the machine needs is refused" {
	for path in "$HOME/.bashrc" "$PWD/.git/hooks/pre-commit" "$HOME/.ssh/authorized_keys" "$HOME/.config/systemd/user/x.service" \
		/etc/cron.d/x; do
		on_file Write "$path"
		[ "$verdict" = ask ] || { echo "$path: $verdict" >&2; return 1; }
	done
	on_file Write /etc/passwd
	[ "$verdict" = deny ]
}

@test "files: a dangerous command that is written into a file passes" {
	judge_call Write "$(jq -nc --arg p "$PWD/notes.md" '{ file_path: $p, content: "rm -rf /\ndanger\n" }')"
	[ "$verdict" = none ]
}

@test "mcp: a command is judged as one, in whatever argument it stands" {
	for input in '{ "command": "danger" }' '{ "cmd": "danger" }' '{ "command": "danger", "args": ["a b"] }' '{ "script": "danger" }'; do
		judge_call mcp__shell__run "$input"
		[ "$verdict" = deny ]
		say 'go on'
	done
	judge_call mcp__shell__run '{ "command": "make", "args": ["danger"] }'
	[ "$verdict" = none ]
}

@test "mcp: what a tool does to a file is taken from its name" {
	config 'detour_limit = 0'
	judge_call mcp__fs__read_file "$(jq -nc --arg p "$HOME/.ssh/id_rsa" '{ path: $p }')"
	[ "$verdict" = ask ]
	judge_call mcp__fs__write_file "$(jq -nc --arg p "$CCM_HOME/config.ini" '{ path: $p, content: "x" }')"
	[ "$verdict" = deny ]
	judge_call mcp__fs__delete_file "$(jq -nc --arg p "$CCM_HOME/ccm.db" '{ paths: ["a", $p] }')"
	[ "$verdict" = deny ]
	judge_call mcp__fs__move_file "$(jq -nc --arg p "$CCM_HOME/config.ini" '{ source: $p, destination: "/tmp/x" }')"
	[ "$verdict" = deny ]
	judge_call mcp__fs__read_file "$(jq -nc --arg p "$PWD/README.md" '{ path: $p }')"
	[ "$verdict" = none ]
}

@test "mcp: a text that only mentions a command or a path passes" {
	judge_call mcp__chat__send '{ "text": "danger", "to": "someone", "from": "2026-01-01", "query": "rm -rf /" }'
	[ -z "$output$stderr" ]
}

@test "mcp: SQL is judged as what a database is told" {
	judge_call mcp__postgres__query '{ "sql": "DROP TABLE users" }'
	[[ $verdict == deny || $verdict == ask ]]
	judge_call mcp__supabase__execute '{ "query": "drop database shop; -- it'"'"'s old" }'
	[[ $verdict == deny || $verdict == ask ]]
	judge_call mcp__postgres__query '{ "sql": "SELECT name FROM users WHERE note = '"'"'DROP TABLE users'"'"'" }'
	[ "$verdict" = none ]
	judge_call mcp__search__web '{ "query": "DROP TABLE users" }'
	[ "$verdict" = none ]
}
