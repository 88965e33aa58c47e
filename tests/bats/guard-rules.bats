# SPDX-License-Identifier: MIT
# security-guard's rules: the rows of tests/fixtures/guard, and files with rules that hold mistakes.
# shellcheck shell=bash

load helper
load guard

setup() {
	ccm_sandbox
	mkdir src            # a directory of the project that no build makes
}

# Prints all rows: verdict, rule, command. ␤ in a command is the end of a line.
rows() {
	grep -hv '^#' "$FIXTURES"/guard/*.tsv
}

# Prints the commands of the rows on stdin as JSON strings.
commands() {
	jq -Rc 'split("\t") | .[2:] | join("\t") | gsub("␤"; "\n")'
}

# Usage: own_problem RULES
# Judges 'odd one' with these rules of the person's own.
own_problem() {
	own_rules mine <<<"$1"
	run -0 --separate-stderr ccm-guard check -- 'odd one'
}

@test "rules: each row gets its verdict, by the rule that it names" {
	[ "$(rows | wc -l)" -ge 600 ]
	rows | commands | ccm-guard check --batch | cut -f1,2 >is
	rows | paste is - | awk -F'\t' '$1 != $3 || ($1 != "none" && $2 != $4) {
		print "is " $1 " " $2 ", should be " $3 " " $4 ": " $5 }' >wrong
	cat wrong >&2
	[ ! -s wrong ]
}

@test "rules: there is a row on each side of the line of each rule" {
	rows | awk -F'\t' '{ print $2 "\t" ($1 == "none" ? "safe" : "hit") }' | sort -u >have
	grep -hv '^#' "$FIXTURES"/guard/calls/*.tsv | awk -F'\t' '{ print $2 "\t" ($1 == "none" ? "safe" : "hit") }' >>have
	ccm-guard rules | cut -f3 | grep -vx -e ccm-tool-settings -e ccm-kill-number -e git-push-lease-shared >ids      # these have tests of their own
	[ "$(wc -l <ids)" -ge 350 ]
	awk '{ print $1 "\thit"; print $1 "\tsafe" }' ids | grep -vxF -f have >missing || true
	cat missing >&2
	[ ! -s missing ]
	cut -f1 have | sort -u | grep -vxF -e ccm-kill-number -e git-push-lease-shared -f ids >unknown || true
	cat unknown >&2
	[ ! -s unknown ]
}

@test "rules: a lease on a shared branch is asked about in the strict profile only" {
	run -0 --separate-stderr ccm-guard check -- 'git push --force-with-lease origin main'
	[[ $output == none* ]]
	mkdir -p "$CCM_HOME"
	config 'profile = strict'
	run -0 --separate-stderr ccm-guard check -- 'git push --force-with-lease origin main'
	[[ $output == ask$'\t'git-push-lease-shared$'\t'* ]]
}

# Each command on stdin, mentioned in eight ways that follow each other, as one command: to read one costs a process.
as_mentions() {
	jq -c '[
		"echo \(@sh)",
		"printf \"%s\\n\" \(@sh)",
		"git commit -m \(@sh)",
		"cat >notes.txt <<\"END_OF_NOTES\"\n\(.)\nEND_OF_NOTES",
		"grep -rn -- \(@sh) src",
		"true # \(gsub("\n"; " "))",
		"never_used=\(@sh)",
		"gh issue create --title x --body \(@sh)"] | join("\n")'
}

@test "rules: a danger that is only mentioned is left alone" {
	rows | grep -v '^none' | commands | as_mentions >mentions
	[ "$(wc -l <mentions)" -ge 375 ]
	ccm-guard check --batch <mentions | cut -f1,2 >is
	paste is mentions | grep -v '^none' >wrong || true
	cat wrong >&2
	[ ! -s wrong ]
}

@test "rules: a danger that stands behind all that is only mentioned is found" {
	rows | grep '^deny' | awk 'NR % 20 == 1' | commands >dangers
	paste -d '\n' <(as_mentions <dangers) dangers | jq -s -c 'while(. != []; .[2:]) | .[:2] | join("\n")' >both
	[ "$(wc -l <both)" -ge 10 ]
	ccm-guard check --batch <both | cut -f1 >is
	[ "$(grep -cx deny is)" -eq "$(wc -l <both)" ]
}

@test "rules: a danger that stands in a program that is written is left alone" {
	guard_sandbox
	rows | grep -v '^none' | awk 'NR % 60 == 1' | commands | jq -c '
		{ file_path: "notes.py", content: "import os\nprint(\(tojson))\n" }' >inputs
	[ "$(wc -l <inputs)" -ge 10 ]
	while read -r input; do
		judge_call Write "$input"
		[ -z "$output$stderr" ]
	done <inputs
}

@test "rules: each call of a tool for files gets its verdict" {
	guard_sandbox
	local session=0 json
	while IFS=$'\t' read -r should rule tool file; do
		[[ $should != '#'* ]] || continue
		json_of "${file/#\~/$HOME}"
		# Each in a session of its own: else it were halted for its detours.
		judge_call "$tool" "{\"file_path\":$json,\"path\":$json,\"content\":\"x\"}" "s$((++session))"
		[ "$verdict" = "$should" ] && { [ "$should" = none ] || [[ $reason == *"$rule"* ]]; } || {
			echo "$tool $file: $verdict ($reason), should be $should by $rule" >&2
			return 1
		}
	done <"$FIXTURES/guard/calls/files.tsv"
}

@test "rules: those that come with ccm have no mistake" {
	run -0 --separate-stderr ccm-guard rules --check
	[ -z "$output$stderr" ]
}

@test "rules: each has an id, a group, a verdict and a reason that are printed" {
	run -0 --separate-stderr ccm-guard rules
	run ! grep -vE $'^(deny|ask|warn)\t[a-z-]+\t[a-z0-9-]+\t[^ ].*\\.$' <<<"$output"
}

@test "rules: a person's own rule counts" {
	own_problem $'[mine]\ncommand = odd\nverdict = ask\nreason = It is odd.'
	[[ $output == ask$'\tmine\t'*"It is odd."* ]]
	[ -z "$stderr" ]
}

@test "rules: a rule with an unknown key is named with its line, and the others stay in force" {
	own_problem $'[first]\ncommand = odd\nverdict = ask\nreason = R.\n[second]\ncommand = odd\nverdct = deny\nreason = R.'
	[[ $output == ask$'\tfirst\t'* ]]
	[[ $stderr == *"guard.d/mine.ini:7: [second]: unknown key 'verdct'"* ]]
}

@test "rules: a rule without a reason is left out" {
	own_problem $'[first]\ncommand = odd\nverdict = deny'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:1: [first]: has no reason"* ]]
}

@test "rules: a rule without a verdict is left out" {
	own_problem $'[first]\ncommand = odd\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:1: [first]: has no verdict"* ]]
}

@test "rules: a verdict that is none is named" {
	own_problem $'[first]\ncommand = odd\nverdict = forbid\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:3: [first]: 'forbid' is no verdict: deny, ask and warn are"* ]]
}

@test "rules: an id that there is already is named with the other place" {
	own_problem $'[rm-root]\ncommand = odd\nverdict = deny\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:1: there is a rule 'rm-root' already, at "*"filesystem.ini:"* ]]
}

@test "rules: a class of paths that does not exist is named" {
	own_problem $'[first]\ncommand = odd\noperand = @rot\nverdict = deny\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:3: [first]: there is no class '@rot' of paths"* ]]
}

@test "rules: a condition that does not exist is named" {
	own_problem $'[first]\ncommand = odd\nwhen = sunday\nverdict = deny\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:3: [first]: there is no condition 'sunday'"* ]]
}

@test "rules: a rule that never says when it holds is left out" {
	own_problem $'[first]\nverdict = deny\nreason = R.'
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:1: [first]: never says when it holds"* ]]
}

@test "rules: a section that is not closed is named" {
	own_problem $'[first\ncommand = odd\nverdict = deny\nreason = R.\n[second]\ncommand = odd\nverdict = ask\nreason = R.'
	[[ $output == ask$'\tsecond\t'* ]]
	[[ $stderr == *"mine.ini:1: a section is written [id]"* ]]
}

@test "rules: a line that is too long is named" {
	own_problem "[first]"$'\n'"command = odd"$'\n'"verdict = deny"$'\n'"reason = $(printf 'x%.0s' {1..300})"
	[[ $output == none* ]]
	[[ $stderr == *"mine.ini:4: [first]: the line is longer than "* ]]
}

@test "rules: options count bundled, in any order, abbreviated, with their values, and not behind --" {
	own_rules mine <<'EOF'
[mine]
command = odd
option  = -r|--recursive
option  = --level=9*
without = -n|--dry-run
verdict = ask
reason  = R.
EOF
	printf '"%s"\n' 'odd -r --level=9' 'odd --level 9 -xr' 'odd x --recurs --level=95' >hits
	printf '"%s"\n' 'odd -r' 'odd -r --level=8' 'odd -rn --level=9' 'odd --level=9 -- -r' 'odd --dry -r --level=9' >misses
	run -0 --separate-stderr ccm-guard check --batch <hits
	[ "$(cut -f1,2 <<<"$output" | sort -u)" = ask$'\tmine' ]
	[ -z "$stderr" ]
	run -0 --separate-stderr ccm-guard check --batch <misses
	[ "$(cut -f1 <<<"$output" | sort -u)" = none ]
}

@test "rules: a tool's options that take a value do not hide the sub-command" {
	own_rules mine <<'EOF'
[tool odd]
names  = odd|very odd
valued = -c|--config
[mine]
command = odd
sub     = pool drop, wipe
operand = *
verdict = ask
reason  = R.
EOF
	printf '"%s"\n' 'odd pool drop x' 'odd -c file pool --config=y drop x' 'very odd wipe x' 'odd wipe $X' >hits
	printf '"%s"\n' 'odd pool drop' 'odd pool x drop' 'odd pool list' 'odd -c wipe x' 'oddly wipe x' 'very wipe x' >misses
	run -0 --separate-stderr ccm-guard check --batch <hits
	[ "$(cut -f1,2 <<<"$output" | sort -u)" = ask$'\tmine' ]
	[ -z "$stderr" ]
	run -0 --separate-stderr ccm-guard check --batch <misses
	[ "$(cut -f1 <<<"$output" | sort -u)" = none ]
}

@test "rules: a directory of the project that is in the last commit as it is may be deleted, others are asked about" {
	git init -q
	echo one >src/one
	git add src
	git -c user.name=dev -c user.email=dev@example.com commit -qm first
	run -0 --separate-stderr ccm-guard check -- 'rm -rf src'
	[[ $output == none$'\t'* ]]
	echo two >src/two
	run -0 --separate-stderr ccm-guard check -- 'rm -rf src'
	[[ $output == ask$'\trm-inside\t'* ]]
	rm src/two
	echo more >>src/one
	run -0 --separate-stderr ccm-guard check -- 'rm -rf src'
	[[ $output == ask$'\trm-inside\t'* ]]
}

@test "rules: one dangerous word is found behind a hundred harmless ones" {
	run -0 --separate-stderr ccm-guard check -- "rm -rf $(printf 'gone-%s ' {1..100}) src"
	[[ $output == ask$'\trm-inside\t'* ]]
	run -0 --separate-stderr ccm-guard check -- "rm -rf $(printf 'build/%s ' {1..100}) /"
	[[ $output == deny$'\trm-root\t'* ]]
}

@test "rules: what is not known is asked, never denied" {
	run -0 --separate-stderr ccm-guard check -- 'rm -rf "$NOBODY_KNOWS"/*'
	[[ $output == ask$'\t'* ]]
}

@test "rules: ccm-guard(7) is correct mdoc and has each rule with its verdict, reason and alternative" {
	run -0 --separate-stderr mandoc -T lint -W warning "$CCM_BUILD/runtime/guard/ccm-guard.7"
	[ -z "$output" ]
	mandoc -T ascii "$CCM_BUILD/runtime/guard/ccm-guard.7" | sed 's/.\x08//g' | tr -s ' \n' ' ' >page
	ccm-guard rules >all
	[ -s all ]
	while IFS=$'\t' read -r verdict group id reason; do
		grep -qF -- " $id ($verdict) $reason" page || {
			echo "ccm-guard(7) lacks $group: $id ($verdict) $reason" >&2
			return 1
		}
	done <all
	grep -h '^instead' "$CCM_SOURCE"/automations/security-guard.d/*.ini | sed 's/^[^=]*= *//' | sort -u >instead
	while read -r line; do
		grep -qF -- "$line" page || {
			echo "ccm-guard(7) lacks $line" >&2
			return 1
		}
	done <instead
}

@test "rules: ccm-guard(7) describes each key that the rules use" {
	page="$(mandoc -T ascii "$CCM_BUILD/runtime/guard/ccm-guard.7" | sed 's/.\x08//g')"
	while IFS= read -r key; do
		[[ $page == *"$key"* ]] || {
			echo "ccm-guard(7) lacks $key" >&2
			return 1
		}
	done < <(grep -hoE '^[a-z-]+( [a-z]+)? *=' "$CCM_SOURCE"/automations/security-guard.d/*.ini | grep -oE '^[a-z]+' | sort -u)
}
