#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The real client works on a repository and destroys things; every state comes back.

setup() { load lib.bash; e2e_sandbox; }

# Each state that the session goes through, in the order in which it does.
states() {
	mkdir -p "$T/state"
	answers "$(jq -n --arg dir "$PROJECT" '
		def bash($command): { call: [["Bash", { command: $command }]] };
		[
			{ call: [["Read", { file_path: "\($dir)/cart.js" }]] },
			{ call: [["Edit", { file_path: "\($dir)/cart.js", old_string: "total = 0", new_string: "total = 1" }]] },
			bash("mv cart.js basket.js"),
			bash("sed -i s/total/sum/ basket.js"),
			bash("rm -rf lib basket.js"),
			{ say: "All gone." }
		]')"
}

@test "a session that edits with Edit and destroys with mv, sed -i and rm: restore brings every state back" {
	mkdir lib
	echo 'let total = 0;' >cart.js
	echo 'lib' >lib/money.js
	git add . && git -c user.name=Dev -c user.email=dev@example.org commit -q -m first
	echo 'mine, and nowhere else' >notes.txt
	registered
	ccm-hook enable git-checkpoint >/dev/null
	states
	claude_p 'Clean up.'
	[ "$(ls)" = notes.txt ]

	[ "$(ccm-supervisor checkpoint list --json | jq -r .reason | tac)" = "\
session start
before mv cart.js basket.js
before sed -i s/total/sum/ basket.js
before rm -rf lib basket.js
the agent stopped" ]
	[ -z "$(ccm-hook log --failed -o json)" ]
	[ "$(git log --format=%s)" = first ]

	local calls
	mapfile -t calls < <(recorded 'select(.event == "PreToolUse" and .tool == "Bash") | .id')
	ccm-supervisor checkpoint restore --before "${calls[2]}" --yes
	[ "$(cat basket.js lib/money.js notes.txt)" = $'let sum = 1;\nlib\nmine, and nowhere else' ]
	ccm-supervisor checkpoint restore --before "${calls[1]}" --yes
	[ "$(cat basket.js)" = 'let total = 1;' ]
	ccm-supervisor checkpoint restore --before "${calls[0]}" --yes
	[ "$(cat cart.js)" = 'let total = 1;' ]
	[ ! -e basket.js ]
	ccm-supervisor checkpoint restore 1 --yes
	[ "$(cat cart.js lib/money.js notes.txt)" = $'let total = 0;\nlib\nmine, and nowhere else' ]
	ccm-supervisor checkpoint restore 5 --yes
	[ "$(ls)" = notes.txt ]
	git fsck --strict --no-dangling
}
