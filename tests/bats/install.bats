# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	SETTINGS="$CLAUDE_CONFIG_DIR/settings.json"
	SELF=$(realpath "$CCM_BUILD/ccm-hook")
	NINE='Notification PostToolUse PreCompact PreToolUse SessionEnd SessionStart Stop SubagentStop UserPromptSubmit'
}

# Usage: settings [TEXT]
# Makes the settings file, and a copy to compare with: TEXT as printf writes it, or what is on stdin.
settings() {
	mkdir -p "${SETTINGS%/*}"
	# shellcheck disable=SC2059
	if [ "$#" -gt 0 ]; then printf "$1" >"$SETTINGS"; else cat >"$SETTINGS"; fi
	cp "$SETTINGS" before
}

# Usage: theirs
# Settings as people have them: other tools' hooks, tabs, no line end at the end.
theirs() {
	settings <<-'EOF'
		{
			"model": "opus",
			"hooks": {
				"PreToolUse": [
					{
						"matcher": "Bash|Write",
						"hooks": [ { "type": "command", "command": "/opt/lint.sh", "timeout": 5 } ]
					}
				],
				"PostToolUse": []
			},
			"permissions": { "allow": ["Bash(git *)"] }
		}
	EOF
	truncate -s -1 "$SETTINGS"
	cp "$SETTINGS" before
}

# Usage: back
# Installs and uninstalls; then the file must be as it was before.
back() {
	ccm-hook install "$@" >/dev/null
	if cmp -s before "$SETTINGS"; then return 1; fi
	ccm-hook uninstall >/dev/null
	cmp before "$SETTINGS"
}

# Usage: events [FILE]
# The events in which we stand.
events() {
	jq -r '[.hooks // {} | to_entries[] | select(any(.value[].hooks[]; .command | endswith("/ccm-hook"))) | .key]
	       | sort | join(" ")' "${1:-$SETTINGS}"
}

backups() {
	find "$HOME" -name '*.ccm-backup-*'
}

# ---- what is registered ----

@test "install: the nine classic events, in exec form, with the path of this program" {
	run -0 --separate-stderr ccm-hook install
	[ -z "$stderr" ]
	[[ $output == *"$SETTINGS"* ]]
	[[ $output == *"ccm-hook uninstall"* ]]
	[ "$(events)" = "$NINE" ]
	[ "$(jq -c .hooks.PreToolUse "$SETTINGS")" = \
		'[{"hooks":[{"type":"command","command":"'"$SELF"'","args":["run","--timeout","60"],"timeout":60}]}]' ]
}

@test "install: each event's timeout is that of its description, and ours is told the same" {
	local name seconds
	ccm-hook install --events=all
	while read -r name seconds; do
		[ "$seconds" = "$(jq .timeout_s "$CCM_SOURCE/schema/events/$name.json")" ]
	done < <(jq -r '.hooks | to_entries[] | "\(.key) \(.value[0].hooks[0] | select(.args[2] == "\(.timeout)") | .timeout)"' \
		"$SETTINGS")
}

@test "install: without CLAUDE_CONFIG_DIR the file is ~/.claude/settings.json, its folder private" {
	unset CLAUDE_CONFIG_DIR
	ccm-hook install
	[ "$(events "$HOME/.claude/settings.json")" = "$NINE" ]
	[ "$(stat -c %a "$HOME/.claude")" = 700 ]
}

@test "install: makes neither ~/.ccm nor anything beside the settings" {
	ccm-hook install
	[ "$(find "$HOME" -type f)" = "$SETTINGS" ]
	[ ! -e "$CCM_HOME" ]
}

@test "install: twice is once" {
	theirs
	ccm-hook install
	cp "$SETTINGS" once
	rm "$(backups)"
	run -0 --separate-stderr ccm-hook install
	[[ $output == *"Already registered"* ]]
	[ -z "$stderr" ]
	cmp once "$SETTINGS"
	[ -z "$(backups)" ]
}

@test "install: PermissionRequest and StopFailure, too, where alerts are set up, so that they are told at once" {
	mkdir "$CCM_HOME"
	printf '[command]\nrun = true\n' >"$CCM_HOME/config.ini"
	ccm-hook install
	[ "$(events)" = "$(tr ' ' '\n' <<<"$NINE PermissionRequest StopFailure" | LC_ALL=C sort | paste -sd ' ')" ]
}

@test "install: --events=A,B registers these, and leaves those that were registered before" {
	ccm-hook install --events=Stop
	ccm-hook install --events=PreToolUse,SessionEnd
	[ "$(events)" = 'PreToolUse SessionEnd Stop' ]
}

@test "install: --events=all leaves out WorktreeCreate, and says why" {
	run -0 --separate-stderr ccm-hook install --events all
	[[ $stderr == *"WorktreeCreate is left out: a hook there replaces the client's own making of worktrees"* ]]
	[ "$(jq '.hooks.WorktreeCreate' "$SETTINGS")" = null ]
}

@test "install: --events=all leaves out what only newer clients know, and says so" {
	run -0 --separate-stderr ccm-hook install --events all
	[[ $stderr == *"DirectoryAdded is left out: a client older than 2.1.219 complains of it at each start"* ]]
	[ "$(events)" = "$(jq -rs 'map(select(.since == null and .event != "WorktreeCreate") | .event) | sort | join(" ")' \
		"$CCM_SOURCE"/schema/events/*.json)" ]
}

@test "install: WorktreeCreate by name is taken, with a warning" {
	run -0 --separate-stderr ccm-hook install --events WorktreeCreate
	[[ $stderr == *"an automation of yours must make the worktree and print its path"* ]]
	[ "$(events)" = WorktreeCreate ]
}

@test "install: an unknown event is a usage error that names the right one" {
	run -64 --separate-stderr ccm-hook install --events=Stop,pretooluse
	[ -z "$output" ]
	[[ $stderr == *"unknown event 'pretooluse': did you mean 'PreToolUse'?"* ]]
	[ ! -e "$SETTINGS" ]
}

@test "install: --project registers in the project, and says that the others need ccm too" {
	run -0 --separate-stderr ccm-hook install --project
	[[ $output == *"whoever works on the project needs ccm too"* ]]
	[[ $output == *"ccm-hook uninstall --project"* ]]
	[ "$(events .claude/settings.json)" = "$NINE" ]
	[ ! -e "$SETTINGS" ]
}

@test "install: --local registers in settings.local.json" {
	run -0 --separate-stderr ccm-hook install --local
	[[ $output != *"needs ccm too"* ]]
	[ "$(events .claude/settings.local.json)" = "$NINE" ]
	[ ! -e .claude/settings.json ]
}

@test "install: --settings registers in any file" {
	echo '{"model": "x"}' >mine.json
	ccm-hook install --settings=mine.json
	[ "$(events mine.json)" = "$NINE" ]
	[ "$(jq -r .model mine.json)" = x ]
	ccm-hook uninstall --settings mine.json
	[ "$(cat mine.json)" = '{"model": "x"}' ]
}

@test "install: two places at once are a usage error" {
	run -64 --separate-stderr ccm-hook install --project --local
	[[ $stderr == *"--project, --local and --settings exclude each other"* ]]
}

@test "install: an older path and other timeouts are put right in place" {
	settings '{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"/old/bin/ccm-hook","args":["run"],"timeout":5}]}]}}'
	run -0 --separate-stderr ccm-hook install --events=Stop
	[[ $output == *"Updated:"*"Stop"* ]]
	[ "$(cat "$SETTINGS")" = '{"hooks":{"Stop":[{"hooks":[{"type":"command","command":"'"$SELF"'","args":["run","--timeout","60"],"timeout":60}]}]}}' ]
}

@test "install: an entry that stands there twice is kept once" {
	local group='{"hooks":[{"type":"command","command":"/old/ccm-hook","args":["run"]}]}'
	settings "{\"hooks\":{\"Stop\":[$group,$group]}}"
	run -0 --separate-stderr ccm-hook install --events=Stop
	[[ $output == *"Doubled:"*"Stop"* ]]
	[ "$(jq '.hooks.Stop | length' "$SETTINGS")" = 1 ]
}

@test "install: an entry that a person has limited to some tools stays so, and that is said" {
	ccm-hook install --events=PreToolUse
	jq '.hooks.PreToolUse[0].matcher = "Bash"' "$SETTINGS" >before
	cp before "$SETTINGS"
	run -0 --separate-stderr ccm-hook install --events=PreToolUse
	[[ $stderr == *"PreToolUse: our entry is limited by a matcher"* ]]
	cmp before "$SETTINGS"
}

@test "install: under another name it is refused, for it would not be found again" {
	cp "$CCM_BUILD/ccm-hook" my-hook
	run -1 --separate-stderr ./my-hook install
	[[ $stderr == *"only where it is installed, under the name ccm-hook"* ]]
	[ ! -e "$SETTINGS" ]
}

# ---- what stays ----

@test "install: other tools' hooks stay, and ours come behind them" {
	theirs
	ccm-hook install
	[ "$(jq -c '[.hooks.PreToolUse[].hooks[0].command]' "$SETTINGS")" = "[\"/opt/lint.sh\",\"$SELF\"]" ]
	[ "$(events)" = "$NINE" ]
	jq -e '.permissions.allow == ["Bash(git *)"] and .model == "opus"' "$SETTINGS"
}

@test "install: lines that were there stay as they were, but for a comma" {
	theirs
	ccm-hook install
	run diff before "$SETTINGS"
	# Behind the last group, in the empty array, and before the line end that is not there.
	[ "$(grep -c '^<' <<<"$output")" -le 3 ]
	[ "$(tail -c 2 "$SETTINGS" | od -An -c | tr -d ' ')" = '\n}' ]
}

@test "install: follows the indentation and the line ends of the file" {
	settings '{\r\n\t"model": "x"\r\n}\r\n'
	ccm-hook install
	run ! grep -v $'\r$' "$SETTINGS"
	grep -q $'^\t"hooks": {\r$' "$SETTINGS"
	grep -q $'^\t\t\t\t\t\t"type": "command",\r$' "$SETTINGS"
}

@test "install: a file on one line stays on one line" {
	settings '{"model":"x"}'
	ccm-hook install
	[ "$(wc -l <"$SETTINGS")" = 0 ]
	[ "$(events)" = "$NINE" ]
}

@test "install: the mode of the file stays" {
	theirs
	chmod 600 "$SETTINGS"
	ccm-hook install
	[ "$(stat -c %a "$SETTINGS")" = 600 ]
	[ "$(stat -c %a "$(backups)")" = 600 ]
}

@test "install: through a link the file behind it is changed, and the link stays" {
	theirs
	mkdir "$HOME/dotfiles"
	mv "$SETTINGS" "$HOME/dotfiles/claude.json"
	ln -s ../dotfiles/claude.json "$SETTINGS"
	ccm-hook install
	[ "$(readlink "$SETTINGS")" = ../dotfiles/claude.json ]
	[ "$(events "$HOME/dotfiles/claude.json")" = "$NINE" ]
	ccm-hook uninstall
	cmp before "$HOME/dotfiles/claude.json"
	[ -L "$SETTINGS" ]
}

@test "install: a link to a file that is not there yet makes that file, and uninstall takes it away" {
	mkdir -p "$HOME/dotfiles" "$CLAUDE_CONFIG_DIR"
	ln -s "$HOME/dotfiles/claude.json" "$SETTINGS"
	ccm-hook install
	[ "$(events "$HOME/dotfiles/claude.json")" = "$NINE" ]
	ccm-hook uninstall
	[ -L "$SETTINGS" ]
	[ ! -e "$HOME/dotfiles/claude.json" ]
}

@test "install: keeps a dated copy of the old text, and says where" {
	theirs
	run -0 --separate-stderr ccm-hook install
	[[ $(backups) =~ ^"$SETTINGS".ccm-backup-[0-9]{8}-[0-9]{6}$ ]]
	[[ $output == *"$(backups)"* ]]
	cmp before "$(backups)"
}

@test "install: another name of the file (a hard link) is not lost silently" {
	theirs
	ln "$SETTINGS" other
	run -0 --separate-stderr ccm-hook install
	[[ $stderr == *"hard links"* ]]
	cmp before other
}

@test "install: several at once lose nothing" {
	local name
	settings '{}'
	for name in $NINE; do
		ccm-hook install --events="$name" >/dev/null 3>&- &
	done
	wait
	[ "$(events)" = "$NINE" ]
	for name in $NINE; do ccm-hook uninstall >/dev/null; done
	cmp before "$SETTINGS"
}

# ---- and back ----

@test "uninstall: gives back the exact bytes, with other tools' hooks" {
	theirs
	back
}

@test "uninstall: takes away the file that install made" {
	ccm-hook install --statusline
	run -0 --separate-stderr ccm-hook uninstall
	[[ $output == *"gone"* ]]
	[ -z "$(ls -A "$CLAUDE_CONFIG_DIR")" ]
}

@test "uninstall: gives back empty files, objects and arrays of any shape" {
	local text
	for text in '' '\n' '{}' '{}\n' '{ }' '{\n}\n' '\xef\xbb\xbf{}\r\n' '{"hooks":{}}' '{\n  "hooks": {}\n}\n' \
		'{\n  "hooks": {\n  }\n}' '{"hooks":{"Stop":[]}}' '{\n "hooks": { "Stop": [ ], "PreToolUse": [\n ] }\n}\n'; do
		settings "$text"
		back --statusline
	done
}

@test "uninstall: what was changed in between stays, and only ours go" {
	settings '{\n  "model": "opus"\n}\n'
	ccm-hook install
	jq '.model = "sonnet" | .env.A = "1" | .hooks.Stop += [{hooks: [{type: "command", command: "mine"}]}]' \
		"$SETTINGS" >edited
	cp edited "$SETTINGS"
	ccm-hook uninstall
	[ "$(jq -c . "$SETTINGS")" = \
		'{"model":"sonnet","hooks":{"Stop":[{"hooks":[{"type":"command","command":"mine"}]}]},"env":{"A":"1"}}' ]
}

@test "uninstall: where nothing is registered it changes nothing and is no failure" {
	run -0 --separate-stderr ccm-hook uninstall
	[[ $output == *"Not registered"* ]]
	[ ! -e "$CLAUDE_CONFIG_DIR" ]
	theirs
	run -0 --separate-stderr ccm-hook uninstall
	[[ $output == *"Not registered"* ]]
	cmp before "$SETTINGS"
	[ -z "$(backups)" ]
}

@test "uninstall: takes out each of --project and --local by itself" {
	ccm-hook install --project
	ccm-hook install --local
	ccm-hook uninstall --local
	[ "$(ls .claude)" = settings.json ]
	ccm-hook uninstall --project
	[ -z "$(ls -A .claude)" ]
}

@test "uninstall: a file that is not JSON is refused with line and column" {
	settings '{\n  "model": opus\n}\n'
	run -1 --separate-stderr ccm-hook uninstall
	[[ $stderr == *"line 2, column 12: expected a value"* ]]
	cmp before "$SETTINGS"
}

# ---- the status line ----

@test "install: --statusline sets the client's status line, and uninstall takes it out" {
	settings '{\n  "model": "opus"\n}\n'
	ccm-hook install --statusline
	run -0 jq -r '.statusLine | .type, .command' "$SETTINGS"
	[ "$output" = $'command\n'"'$SELF' statusline" ]
	ccm-hook uninstall
	cmp before "$SETTINGS"
}

@test "install: a status line of another program is kept, and that is said" {
	settings '{"statusLine": {"type": "command", "command": "mine.sh"}}'
	run -1 --separate-stderr ccm-hook install --statusline
	[[ $stderr == *"has a status line of another program, which was left as it is"* ]]
	[ "$(jq -r .statusLine.command "$SETTINGS")" = mine.sh ]
	[ "$(events)" = "$NINE" ]
}

@test "install: --wrap-statusline runs the status line that was there, and uninstall puts it back byte for byte" {
	settings <<-'EOF'
		{"statusLine": {"padding": 0, "type": "command", "command": "wc -c; printf '\u0041\n'; echo \"it's\" mine"}}
	EOF
	ccm-hook install --wrap-statusline
	NO_COLOR=1 run -0 --separate-stderr sh -c "$(jq -r .statusLine.command "$SETTINGS")" <<<'{"cwd":"/x/y"}'
	[ "$output" = $'15\nA\nit'"'"$'s mine\ny' ]
	ccm-hook install
	[ "$(jq -r .statusLine.padding "$SETTINGS")" = 0 ]
	ccm-hook uninstall
	cmp before "$SETTINGS"
}

@test "install: a status line whose quotes are written as escapes is left alone, even with --wrap-statusline" {
	settings <<-'EOF'
		{"statusLine": {"type": "command", "command": "echo \u0027mine\u0027"}}
	EOF
	run -1 --separate-stderr ccm-hook install --wrap-statusline
	[[ $stderr == *"has a status line of another program, which was left as it is"* ]]
	[ "$(jq -r .statusLine.command "$SETTINGS")" = "echo 'mine'" ]
}

@test "install: the status line's command runs as the client runs it" {
	mkdir -p "it's here"
	cp "$CCM_BUILD/ccm-hook" "it's here/ccm-hook"
	"./it's here/ccm-hook" install --statusline
	run -0 --separate-stderr sh -c "$(jq -r .statusLine.command "$SETTINGS")" <"$FIXTURES/hooks/StatusLine-api-key.json"
	[[ $output == *"Opus 4.8"* ]]
}

# ---- a look first ----

@test "install: --dry-run shows a diff that patch takes, and changes nothing" {
	theirs
	run -0 --separate-stderr bash -c 'ccm-hook install --dry-run --statusline >the.diff'
	[ -z "$stderr" ]
	cmp before "$SETTINGS"
	[ -z "$(backups)" ]
	cp before patched
	patch -s patched the.diff
	ccm-hook install --statusline
	cmp patched "$SETTINGS"
}

@test "install: --dry-run makes no folder" {
	run -0 --separate-stderr ccm-hook install --dry-run
	[ "${lines[0]}" = '--- /dev/null' ]
	[ "${lines[1]}" = "+++ $SETTINGS" ]
	[ "${lines[2]}" = '@@ -0,0 +1,112 @@' ]
	[ ! -e "$CLAUDE_CONFIG_DIR" ]
}

@test "uninstall: --dry-run shows a diff that patch takes, and changes nothing" {
	theirs
	ccm-hook install
	cp "$SETTINGS" installed
	ccm-hook uninstall --dry-run >the.diff
	cmp installed "$SETTINGS"
	patch -s installed the.diff
	cmp before installed
}

@test "install: --dry-run of what is there already prints nothing" {
	ccm-hook install
	run -0 --separate-stderr ccm-hook install --dry-run
	[ -z "$output$stderr" ]
}

# ---- what is refused ----

# Usage: refused WORDS
# The settings file is refused with these words, and nothing was touched.
refused() {
	run -1 --separate-stderr ccm-hook install --statusline
	[ -z "$output" ]
	[[ $stderr == *"$SETTINGS"*"$1"* ]]
	cmp before "$SETTINGS"
	[ -z "$(backups)" ]
	[ "$(ls -A "$CLAUDE_CONFIG_DIR")" = settings.json ]
}

@test "install: bad JSON is refused with line and column, and left alone" {
	settings '{\n  "model": "opus",\n}\n'
	refused "line 3, column 1: expected a member name in quotes"
}

@test "install: JSON with comments is refused, as the client refuses it" {
	settings '{\n  // mine\n  "model": "opus"\n}\n'
	refused "line 2, column 3: "
}

@test "install: settings that are no object are refused" {
	settings '[]'
	refused "line 1, column 1: the settings must be an object, not array"
}

@test "install: an entry that would void the client's whole file is refused, with its place" {
	settings '{\n  "hooks": {\n    "Stop": [\n      {"type": "command", "command": "x"}\n    ]\n  }\n}\n'
	refused "line 4, column 7: Stop: a handler stands where a group belongs"
	settings '{"hooks": {"Stop": [{"hooks": [{"type": "shell", "command": "x"}]}]}}'
	refused "line 1, column 41: Stop: unknown handler type \"shell\""
	settings '{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "x", "timeout": 0}]}]}}'
	refused "Stop: 'timeout' must be more than 0 seconds"
	settings '{"hooks": {"Stop": [{"matcher": 1, "hooks": []}]}}'
	refused "line 1, column 33: Stop: 'matcher' must not be number"
}

@test "install: disableAllHooks is told loudly" {
	settings '{"disableAllHooks": true}'
	run -0 --separate-stderr ccm-hook install
	[[ $stderr == *"NOTHING WILL RUN"*"disableAllHooks"* ]]
	run -0 --separate-stderr ccm-hook install
	[[ $stderr == *"NOTHING WILL RUN"* ]]
}

@test "install: a write-protected file is refused with the remedy" {
	theirs
	chmod 444 "$SETTINGS"
	refused "is write-protected: chmod u+w it first"
}

@test "install: a folder that cannot be written is named" {
	run -1 --separate-stderr ccm-hook install --settings /proc/settings.json
	[[ $stderr == *"cannot write in '/proc'"* ]]
}

@test "install: a folder that cannot be made is named" {
	: >"$HOME/.claude"
	run -1 --separate-stderr ccm-hook install
	[[ $stderr == *"'$HOME/.claude'"* ]]
	[ -f "$HOME/.claude" ]
}

@test "install: a file of another user is refused" {
	local file="$HOME/foreign.json"
	echo '{}' >"$file"
	# Only root can make one; for everybody else root has made some.
	if [ "$(id -u)" = 0 ]; then chown 65534 "$file"; else file=/etc/passwd; fi
	run -1 --separate-stderr ccm-hook install --settings "$file"
	[[ $stderr == *"'$file' belongs to another user"* ]]
}

@test "install: what is no regular file is refused" {
	mkdir -p "$CLAUDE_CONFIG_DIR"
	mkfifo "$SETTINGS"
	run -1 --separate-stderr ccm-hook install
	[[ $stderr == *"is not a regular file"* ]]
}

# ---- the plugin ----

@test "hooks.json: is the registration that install makes, in the form of a plugin" {
	run -0 --separate-stderr ccm-hook install --print-plugin
	[ "$output" = "$(cat "$CCM_SOURCE/hooks/hooks.json")" ]
	ccm-hook install
	[ "$(jq -S '.hooks | walk(if type == "object" then del(.command) else . end)' "$CCM_SOURCE/hooks/hooks.json")" = \
		"$(jq -S '.hooks | walk(if type == "object" then del(.command) else . end)' "$SETTINGS")" ]
}

@test "hooks.json: names the program so that it is found in PATH" {
	run -0 jq -r '[.hooks[][].hooks[].command] | unique[]' "$CCM_SOURCE/hooks/hooks.json"
	[ "$output" = ccm-hook ]
}
