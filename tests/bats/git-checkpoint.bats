# SPDX-License-Identifier: MIT
# The automation git-checkpoint, through ccm-hook run: when it takes checkpoints, and what log and show say of them.
# shellcheck shell=bash

load helper
load checkpoint

setup() {
	checkpoint_sandbox
	ccm-hook enable git-checkpoint >/dev/null
}

# Usage: happens FIXTURE [JQ-FILTER]
# The event, in this repository and in session s1, is answered with nothing and without a failure.
happens() {
	run -0 --separate-stderr ccm-hook run < <(event "$1" ".session_id = \"s1\" | .cwd = \"$PWD\" | ${2:-.}")
	[ -z "$output$stderr" ] || { echo "$output$stderr" && return 1; }
	[ -z "$(ccm-hook log --failed -n 1 -o json)" ] || { ccm-hook show last && return 1; }
}

runs() { happens PreToolUse-Bash ".tool_input.command = $(jq -Rn --arg c "$1" '$c')"; }
ran() { happens PostToolUse-Bash ".tool_input.command = $(jq -Rn --arg c "$1" '$c')"; }
count() { git for-each-ref refs/ccm | wc -l; }

@test "git-checkpoint: keeps a tree that has changes when the session starts, and no clean one" {
	happens SessionStart-startup
	[ "$(count)" -eq 0 ]
	echo 1 >a
	happens SessionStart-startup
	[ "$(count)" -eq 1 ]
	[ "$(cp_ list --json | jq -r '"\(.session_id) \(.reason)"')" = 's1 session start' ]
}

@test "git-checkpoint: takes one after five tool calls that changed files; Bash counts where the tree changed" {
	local round          # run has an i of its own
	for round in 1 2; do
		echo "$round" >a && happens PostToolUse-Write
		echo "$round" >src/b && happens PostToolUse-Edit
		ran 'ls' && ran 'git status'
		[ "$(count)" -eq 0 ]
	done
	echo x >u
	ran 'echo x | tee u'
	[ "$(count)" -eq 1 ]
	[ "$(cp_ list --json | jq -r .reason)" = 'files changed' ]
	echo y >u
	happens PostToolUse-mcp
	[ "$(count)" -eq 1 ]
}

@test "git-checkpoint: keeps the state before a command that may destroy something" {
	local n=0 command
	for command in 'rm -rf src' '/bin/rm a' 'cd src && mv b c' "sed -i s/x/y/ a" 'git reset --hard' 'git checkout .' \
		'git clean -fd' 'find . -name b -delete' 'echo x > a' 'echo x >>a' 'make clean' 'ls | xargs rm'; do
		echo "$n" >u
		runs "$command"
		n=$((n + 1))
		[ "$(count)" -eq "$n" ] || { echo "not before: $command" && return 1; }
	done
	[ "$(cp_ show last --json | jq -r .reason)" = 'before ls | xargs rm' ]
	for command in 'ls -l' 'git status' 'git log --format=%h' 'make test 2>&1 | tail' 'cat form.txt' 'npm test >/dev/null' \
		'grep -r firmware .' '[ 3 -gt 2 ]'; do
		echo "$n $command" >u
		runs "$command"
		[ "$(count)" -eq "$n" ] || { echo "before: $command" && return 1; }
	done
}

@test "git-checkpoint: keeps the state before compaction and when the agent stops, if anything changed" {
	happens Stop
	happens PreCompact-auto
	[ "$(count)" -eq 0 ]
	echo 1 >a
	happens PreCompact-auto
	happens Stop
	[ "$(count)" -eq 1 ]
	echo 2 >a
	happens Stop
	[ "$(cp_ list --json | jq -r .reason | paste -sd ,)" = 'the agent stopped,before compaction' ]
}

@test "git-checkpoint: show and log name the checkpoint that was taken at an event" {
	echo 1 >a
	runs 'rm a'
	rm a
	ran 'rm a'
	run -0 --separate-stderr ccm-hook show 1
	[[ $output == *$'\n  checkpoint  1\n'* ]]
	[ "$(ccm-hook show 1 --json | jq .checkpoint)" = 1 ]
	run -0 --separate-stderr ccm-hook log
	[[ ${lines[0]} == *'[checkpoint 1] rm a' ]] || [[ ${lines[1]} == *'[checkpoint 1] rm a' ]]
	echo 2 >b
	happens Stop
	[ "$(ccm-hook log -o json | jq -c '[.id, .checkpoint]' | sort | paste -sd ' ')" = '[1,1] [2,null] [3,2]' ]
	[ "$(cp_ show 2 --json | jq .event_id)" = 3 ]
}

@test "git-checkpoint: restore --before brings back what was there before a tool call, by either of its events" {
	echo mine >a
	runs 'rm a'
	rm a
	ran 'rm a'
	run -0 --separate-stderr cp_ restore --before 2 --yes
	[[ $output == 'checkpoint 1 is the last one before event 2'* ]]
	[ "$(cat a)" = mine ]
	cp_ undo --yes
	[ ! -e a ]
	cp_ restore --before 1 --yes
	[ "$(cat a)" = mine ]
	run -1 --separate-stderr cp_ restore --before 99 --yes
	[[ $stderr == *'there is no event 99'* ]]
}

@test "git-checkpoint: a command that another automation refuses gets none, one that it asks about does" {
	automation 10-judge 'Event: PreToolUse' <<'EOF2'
	case $CCM_TOOL_COMMAND in
	*deny*) echo no >&2; exit 2 ;;
	esac
	. "$CCM_LIB_SH/ccm.sh"
	ccm_ask 'sure?'
EOF2
	echo 1 >a
	event PreToolUse-Bash ".session_id = \"s1\" | .cwd = \"$PWD\" | .tool_input.command = \"rm deny\"" | ccm-hook run 2>/dev/null || :
	[ "$(count)" -eq 0 ]
	event PreToolUse-Bash ".session_id = \"s1\" | .cwd = \"$PWD\" | .tool_input.command = \"rm a\"" | ccm-hook run
	[ "$(count)" -eq 1 ]
}

@test "git-checkpoint: when it is only tried, it takes none" {
	echo 1 >a
	run -0 --separate-stderr ccm-hook test git-checkpoint --event - < <(event Stop ".cwd = \"$PWD\"")
	[ "$(count)" -eq 0 ]
}

@test "git-checkpoint: outside git nothing happens, and a bare repository is a note, no failure" {
	cd "$HOME"
	happens PostToolUse-Write
	happens Stop
	git init -q --bare bare.git && cd bare.git
	happens Stop
	[[ $(ccm-hook show last) == *'is a bare repository'* ]]
}

@test "git-checkpoint: a checkpoint that cannot be taken is on record and does not hold up the agent" {
	echo 1 >a
	printf '[core\n' >.git/config
	run -0 --separate-stderr ccm-hook run < <(event Stop ".session_id = \"s1\" | .cwd = \"$PWD\"")
	[ -z "$output" ]
	[[ $(ccm-hook log --failed -n 1) == *' Stop '* ]]
	[[ $(ccm-hook show last) == *'cannot open the repository'* ]]
}

@test "git-checkpoint: after the deadline the checkpoint goes on in the background" {
	mkdir slow
	cat >slow/git <<EOF2
#!/bin/sh
while ! [ -e "$HOME/go" ]; do sleep 0.05; done
exec $(command -v git) "\$@"
EOF2
	chmod +x slow/git
	echo 1 >a
	PATH="$PWD/slow:$PATH" run -0 --separate-stderr cp_ take --deadline 100ms
	[ -z "$output" ]
	[[ $stderr == *'takes longer than 100ms: it goes on in the background'* ]]
	[ "$(count)" -eq 0 ]
	touch "$HOME/go"
	taken() { [ "$(count)" -eq 1 ]; }
	eventually taken
}

@test "git-checkpoint: what goes wrong in the background becomes an alert" {
	mkdir slow
	cat >slow/git <<EOF2
#!/bin/sh
while ! [ -e "$HOME/go" ]; do sleep 0.05; done
echo 'fatal: the disk is on fire' >&2
exit 128
EOF2
	chmod +x slow/git
	ccm-hook init
	PATH="$PWD/slow:$PATH" run -0 cp_ take --deadline 100ms
	touch "$HOME/go"
	told() { [ -n "$(db 'SELECT 1 FROM alert')" ]; }
	eventually told
	[[ $(db 'SELECT title, body FROM alert') == *'a checkpoint could not be taken'*'the disk is on fire'* ]]
}
