# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	export NO_COLOR=1
	STATUS="$FIXTURES/hooks/StatusLine-subscriber.json"
}

# Usage: status JQ-FILTER
# The status line for the captured document, changed by the filter.
status() {
	jq "$1" "$STATUS" | ccm-hook statusline
}

@test "statusline: model, project, context, both limits and cost, in one line" {
	run -0 --separate-stderr status '.context_window.used_percentage = 12.4 | .cost.total_cost_usd = 1.239'
	[ -z "$stderr" ]
	[ "${#lines[@]}" = 1 ]
	[[ $output == 'Sonnet 5 │ project │ context █░░░░░░░░░ 12% │ 5h █████████░ 93%'*' │ 7d ████░░░░░░ 41%'*" │ \$1.24" ]]
}

@test "statusline: a limit shows when it starts anew, with the day if that is not soon" {
	local soon later
	soon=$(($(date +%s) + 3600))
	later=$((soon + 259200))
	run -0 status ".rate_limits.five_hour.resets_at = $soon | .rate_limits.seven_day.resets_at = $later"
	[[ $output == *"93% until $(date -d "@$soon" +%H:%M) │"* ]]
	[[ $output == *"41% until $(date -d "@$later" '+%a %H:%M')"* ]]
}

@test "statusline: a time that is past is not shown" {
	run -0 status '.rate_limits.five_hour.resets_at = 1000 | .rate_limits.seven_day.resets_at = 1000'
	[[ $output != *until* ]]
}

@test "statusline: without limits and numbers there is what there is" {
	run -0 --separate-stderr ccm-hook statusline <"$FIXTURES/hooks/StatusLine-first.json"
	[ "$output" = 'Opus 4.8 (1M context) │ project' ]
}

@test "statusline: nulls and wrong types are left out" {
	run -0 --separate-stderr status '.model = null | .workspace = 5 | .context_window = [] | .cost.total_cost_usd = "1"
		| .rate_limits.five_hour = {} | .rate_limits.seven_day.used_percentage = null'
	[ "$output" = project ]
	[ -z "$stderr" ]
}

@test "statusline: garbage, nothing and no object give a short line and exit 0" {
	local text
	for text in 'garbage' '' '{"model": {"display_name": "x"' 'null' '[1]' '{}' '"x"'; do
		run -0 --separate-stderr ccm-hook statusline <<<"$text"
		[ "$output" = ccm ]
		[ -z "$stderr" ]
	done
	run -0 --separate-stderr ccm-hook statusline </dev/null
	[ "$output" = ccm ]
}

@test "statusline: control bytes in what it is sent do not reach the terminal" {
	run -0 status '.model.display_name = "a\u001b]0;pwned\u0007b\nc" | .workspace.project_dir = "/x/\u202ey"'
	[[ $output == 'a\e]0;pwned\x07b\nc │ <U+202E>y'* ]]
	[ "${#lines[@]}" = 1 ]
}

@test "statusline: shows the branch of the directory it is in" {
	git init -q -b topic/one repo
	mkdir -p repo/a/b
	run -0 status ".workspace.project_dir = \"$PWD/repo\" | .workspace.current_dir = \"$PWD/repo/a/b\""
	[[ $output == *' │ repo (topic/one) │ '* ]]
}

@test "statusline: shows the branch of a worktree" {
	git init -q -b main repo
	git -C repo -c user.name=a -c user.email=a@b commit -q --allow-empty -m one
	git -C repo worktree add -q -b side ../tree
	run -0 status ".workspace.project_dir = \"$PWD/tree\" | .workspace.current_dir = \"$PWD/tree\""
	[[ $output == *' │ tree (side) │ '* ]]
}

@test "statusline: shows the start of the hash where no branch is checked out" {
	local hash
	git init -q repo
	git -C repo -c user.name=a -c user.email=a@b commit -q --allow-empty -m one
	git -C repo checkout -q --detach
	hash=$(git -C repo rev-parse HEAD)
	run -0 status ".workspace.current_dir = \"$PWD/repo\""
	[[ $output == *" (${hash:0:7}) "* ]]
}

@test "statusline: a repository with a pipe or garbage for HEAD holds nothing up" {
	mkdir -p odd/.git worse
	mkfifo odd/.git/HEAD
	printf 'gitdir: /dev/zero\n' >worse/.git
	run -0 timeout 5 bash -c "$(declare -f status); STATUS='$STATUS'; status '.workspace.current_dir = \"$PWD/odd\"'"
	[[ $output == 'Sonnet 5 │ project │ '* ]]
	run -0 status ".workspace.current_dir = \"$PWD/worse\""
	[[ $output == 'Sonnet 5 │ project │ '* ]]
}

@test "statusline: in a narrow terminal the bars go first, then the times" {
	local limits
	limits=".rate_limits.five_hour.resets_at = $(($(date +%s) + 3600))"
	COLUMNS=80 run -0 status "$limits"
	[[ $output == *'context 0% │ 5h 93% until '* ]]
	COLUMNS=40 run -0 status "$limits"
	[[ $output == *'context 0% │ 5h 93% │ 7d 41%' ]]
}

@test "statusline: a long name is cut" {
	run -0 status '.model.display_name = ("x" * 300)'
	[[ $output == "$(printf 'x%.0s' {1..39})… │ "* ]]
}

@test "statusline: is coloured for the client, though stdout is no terminal" {
	unset NO_COLOR
	run -0 ccm-hook statusline <"$STATUS"
	[[ $output == *$'\e[31m'* ]]
}

@test "statusline: does not wait for an end that never comes" {
	mkfifo input
	{
		cat "$STATUS"
		exec sleep 60
	} >input 2>/dev/null 3>&- &
	run -0 timeout 5 ccm-hook statusline <input
	kill "$!"
	[[ $output == 'Sonnet 5'* ]]
}

# ---- what is stored

# Usage: soon HOURS
# A reset time that is to come.
soon() { echo "$(($(date +%s) + $1 * 3600))"; }

@test "statusline: stores context, cost and both limits of the session" {
	ccm-hook init
	status ".rate_limits.five_hour.resets_at = $(soon 2) | .rate_limits.seven_day.resets_at = $(soon 30)
		| .context_window.used_percentage = 12.34 | .cost.total_cost_usd = 1.5"
	[ "$(db 'SELECT session_id, context_permille, cost_usd_micros, five_hour_permille, seven_day_permille FROM meter')" = \
		'02c2c36f-3f81-418c-a95f-8cba8ff74df3|123|1500000|930|410' ]
	[ "$(db 'SELECT scope, state, source, used_permille FROM quota')" = \
		$'five_hour|critical|client|930\nseven_day|ok|client|410' ]
}

@test "statusline: limits of 0, 100 and 130 % are taken as they are" {
	local percent
	for percent in 0 100 130; do
		rm -rf "$CCM_HOME"
		ccm-hook init
		run -0 --separate-stderr status ".rate_limits = {five_hour: {used_percentage: $percent, resets_at: $(soon 2)}}"
		[ "$(db 'SELECT scope, used_permille FROM quota')" = "five_hour|$((percent * 10))" ]
		[[ $output == *"5h "*" $percent% until "* ]]
	done
}

@test "statusline: limits that are null, a text, negative or absurd, and a reset that is past, change no state" {
	local limit
	ccm-hook init
	for limit in null '"93"' -5 1e300 '{}' '[1]'; do
		run -0 --separate-stderr status ".rate_limits = {five_hour: {used_percentage: $limit, resets_at: $(soon 2)}}"
		[ -z "$stderr" ]
	done
	status '.rate_limits = {five_hour: {used_percentage: 99, resets_at: 1000}, seven_day: null}'
	status '.rate_limits = "none"'
	[ -z "$(db 'SELECT * FROM quota')" ]
}

@test "statusline: a limit without a usable reset time is over after its whole length" {
	ccm-hook init
	status '.rate_limits = {five_hour: {used_percentage: 95, resets_at: "soon"}, seven_day: {used_percentage: 95, resets_at: 9e10}}'
	[ "$(db 'SELECT scope, (resets_ms - read_ms) / 3600000 FROM quota')" = $'five_hour|5\nseven_day|168' ]
}

@test "statusline: a session that only repeats itself does not undo what another one said later" {
	local old new
	old=".rate_limits = {five_hour: {used_percentage: 40, resets_at: $(soon 2)}}"
	new=".session_id = \"other\" | .rate_limits = {five_hour: {used_percentage: 55, resets_at: $(soon 2)}}"
	ccm-hook init
	status "$old"
	status "$new"
	status "$old"
	[ "$(db 'SELECT state, used_permille FROM quota')" = 'warning|550' ]
}

@test "statusline: shows the line though the database is locked, broken, newer or missing" {
	local expected
	expected=$(status .)
	[ ! -e "$CCM_HOME" ]
	ccm-hook init
	db 'PRAGMA user_version = 999'
	run -0 --separate-stderr status .
	[ "$output" = "$expected" ]
	echo garbage >"$CCM_HOME/ccm.db"
	run -0 --separate-stderr status .
	[ "$output" = "$expected" ]
	[ -z "$stderr" ]
}

@test "statusline: tells how many alerts there were within a day" {
	ccm-hook init
	status 'del(.rate_limits)'
	ccm-hook alert info 'nothing much'
	run -0 status 'del(.rate_limits)'
	[[ $output != *alert* ]]
	ccm-hook alert warning 'look here'
	run -0 status 'del(.rate_limits)'
	[[ $output == *' │ 1 alert' ]]
}

# ---- the template

# Usage: template TEXT
template() {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[statusline]\ntemplate = %s\n' "$1" >"$CCM_HOME/config.ini"
}

@test "statusline: the template says what is shown, and parts that have nothing to say are left out" {
	template 'at {project} {branch}|{7d}|{alerts}|cost {cost}|hello'
	COLUMNS=20 run -0 --separate-stderr status '.cost.total_cost_usd = 2'
	[ "$output" = 'at project │ 41% │ cost $2.00 │ hello' ]
}

@test "statusline: a {name} that there is none of is shown as it stands" {
	template '{model} {colour} {'
	run -0 --separate-stderr status .
	[ "$output" = 'Sonnet 5 {colour} {' ]
}

# ---- around another one

@test "statusline: --wrap prints the output of another status line first, with the same input" {
	run -0 --separate-stderr ccm-hook statusline --wrap 'jq -r .model.id; printf two' <"$FIXTURES/hooks/StatusLine-first.json"
	[ "$output" = $'claude-opus-4-8[1m]\ntwo\nOpus 4.8 (1M context) │ project' ]
}

@test "statusline: the template has a place for the first line of the wrapped one" {
	template '{project} | {wrapped}'
	run -0 --separate-stderr ccm-hook statusline --wrap 'echo one; echo two' <"$STATUS"
	[ "$output" = 'project │ one' ]
}

@test "statusline: a wrapped status line that fails or is missing takes nothing from ours" {
	run -0 --separate-stderr ccm-hook statusline --wrap 'no-such-program; exit 3' <"$FIXTURES/hooks/StatusLine-first.json"
	[ "$output" = 'Opus 4.8 (1M context) │ project' ]
}
