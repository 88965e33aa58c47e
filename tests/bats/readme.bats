#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What README.md shows is what happens.
load helper
load telegram

setup() {
	ccm_sandbox
	README=$CCM_SOURCE/README.md
	# The example automation, and the session that the sample log shows.
	awk '/the tests run this script/ { found = 1 } found && /^```$/ { exit } found && started { print } /^```sh$/ && found { started = 1 }' \
		"$README" >no-force-push
	chmod +x no-force-push
}

# Usage: say FIXTURE FILTER [OPTION...] - sends one event of the sample session.
say() {
	event "$1" '.session_id = "7f3c2d1e-a1ae-4f59-b5fe-a08d977498f1" | .cwd = "/home/dev/shop" | '"$2" |
		CLAUDE_PROJECT_DIR=/home/dev/shop ccm-hook run "${@:3}"
}

sample_session() {
	say SessionStart-startup .
	say UserPromptSubmit '.prompt = "Fix the cart total and push it"'
	say PreToolUse-Edit '.tool_input.file_path = "/home/dev/shop/cart.js"'
	say PostToolUse-Edit '.tool_input.file_path = "/home/dev/shop/cart.js"'
	say PreToolUse-Bash '.tool_input.command = "npm test"'
	say PostToolUse-Bash '.tool_input.command = "npm test"'
	say PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	say Stop '.last_assistant_message = "Done: the total is right; pushed normally."'
}

# Times and durations differ from one run to the next.
without_times() { sed -E 's/[A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8}/TIME/; s/ +[0-9.]+(us|ms|s) / TOOK /'; }

@test "readme: the example automation is accepted, and its command does not run" {
	run -0 ccm-hook enable ./no-force-push --order 10
	run -0 --separate-stderr say PreToolUse-Bash '.tool_input.command = "git push --force origin main"'
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	reason=$(jq -r .hookSpecificOutput.permissionDecisionReason <<<"$output")
	grep -qxF "\`$reason\`." "$README"
}

@test "readme: the sample log is what such a session leaves" {
	ccm-hook enable ./no-force-push --order 10
	sample_session >/dev/null
	run -0 ccm-hook log -n 8
	[ "$(without_times <<<"$output")" = "$(sed -n '/^\$ ccm-hook log -n 8$/,/^```$/p' "$README" | sed '1d;$d' | without_times)" ]
}

@test "readme: every query shown can be asked, and finds something in such a session" {
	ccm-hook enable ./no-force-push --order 10
	sample_session >/dev/null
	say PreToolUse-Bash '.tool_input.command = "rm -rf build"'
	asked=0
	while IFS= read -r line; do
		run -0 --separate-stderr timeout 20 bash -c "$line"
		[ -n "$output" ]
		asked=$((asked + 1))
	done < <(grep -E '^ccm-hook (log|show|stats|db|test)' "$README" | grep -v 'log -f')
	[ "$asked" -ge 6 ]
}

@test "readme: the table of commands is the program's own list" {
	listed=$(sed -n '/^## Commands/,/^Each has/p' "$README" | grep -oE '^\| `[^|]*\|' | grep -oE '[a-z-]+' | sort)
	real=$(ccm-hook --help | sed -nE 's/^  ([a-z-]+) .*/\1/p' | sort)
	[ "$listed" = "$real" ]
}

@test "readme: the functions of ccm.sh it names are there" {
	while IFS= read -r name; do
		grep -qE "^$name\(\)" "$CCM_SOURCE/lib-sh/ccm.sh"
	done < <(grep -oE '`ccm_[a-z_]+`' "$README" | tr -d '`' | sort -u)
}

@test "readme: the stock automations it names are the ones there are" {
	listed=$(grep -oE '`(context-inject|event-note|git-checkpoint|quota-pause|security-guard)`' "$README" | tr -d '`' | sort -u)
	real=$(find "$CCM_SOURCE/automations" -type f -perm -u+x -printf '%f\n' | sort)
	[ "$listed" = "$real" ]
}

@test "readme: explain says what is shown of a disguised command" {
	ccm-hook init
	git init --quiet
	shown=$(sed -n '/^\$ ccm-hook explain/,/^```$/p' "$README" | sed '$d')
	run -0 bash -c "$(head -n 1 <<<"$shown" | cut -c 3-)"
	[ "${output//"$PWD"//home/dev/shop}" = "$(tail -n +2 <<<"$shown")" ]
}

@test "readme: list, diff and restore show what such a session leaves" {
	mkdir shop && cd shop
	git init -q -b main
	git config user.name Dev
	git config user.email dev@example.org
	printf 'let total = 0;\nfor (const item of cart)\n\ttotal += item.price;\n' >cart.js
	git add . && git commit -q -m first
	ccm-hook enable git-checkpoint >/dev/null
	happens() { event "$1" '.session_id = "7f3c2d1e-a1ae-4f59-b5fe-a08d977498f1" | .cwd = "'"$PWD"'" | '"$2" | ccm-hook run; }
	sed -i 's/item.price/item.price * item.count/' cart.js
	echo test >cart.test.js
	happens PreToolUse-Bash '.tool_input.command = "git checkout . && rm cart.test.js"'
	git checkout -q . && rm cart.test.js
	happens Stop .
	without_times() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/TIME/'; }
	sed -n '/^\$ ccm-supervisor checkpoint list/,/^```$/p' "$README" | sed '$d' | without_times >../shown
	while IFS= read -r command; do
		printf '$ %s\n' "$command"
		bash -c "$command"
	done < <(sed -n 's/^\$ //p' ../shown) | without_times >../really
	diff ../shown ../really
}

# Times of the day differ from one run to the next.
without_hours() { sed -E 's/until ([A-Z][a-z]{2} )?[0-9]{2}:[0-9]{2}/until TIME/g; s/anew at ([A-Z][a-z]{2} )?[0-9]{2}:[0-9]{2}/anew at TIME/; s/client, .*/client/'; }

# The session of the sample, as the client tells it to its status line.
tell_status() {
	mkdir -p shop
	git init -q -b main shop
	jq --arg dir "$PWD/shop" --argjson now "$(date +%s)" '.session_id = "7f3c2d1e-a1ae-4f59-b5fe-a08d977498f1"
		| .workspace = {project_dir: $dir, current_dir: $dir} | .cost.total_cost_usd = 1.24
		| .context_window.used_percentage = 12 | .rate_limits.five_hour.resets_at = $now + 7200
		| .rate_limits.seven_day.resets_at = $now + 400000' "$FIXTURES/hooks/StatusLine-subscriber.json" |
		NO_COLOR=1 COLUMNS=140 ccm-hook statusline
}

@test "readme: the status line and the state of the limits are as shown" {
	ccm-hook init
	run -0 --separate-stderr tell_status
	[ "$(without_hours <<<"$output")" = "$(awk '/the tests compare this line/ { n = NR + 2 } NR == n' "$README" | without_hours)" ]
	run -0 --separate-stderr ccm-supervisor quota status
	[ "$(without_hours <<<"$output")" = "$(sed -n '/^\$ ccm-supervisor quota status$/,/^```$/p' "$README" | sed '1d;$d' | without_hours)" ]
}

@test "readme: the alerts and the question are what reach the person" {
	ccm-hook init
	ccm-hook enable security-guard >/dev/null
	telegram_start
	sed -n '/^\[telegram\]$/,/^```$/p' "$README" | sed -e '$d' -e "s|^token.*|token = file:$HOME/token|" -e 's/^chat_id.*/chat_id = 4711/' \
		>"$CCM_HOME/config.ini"
	[ "$(wc -l <"$CCM_HOME/config.ini")" -eq 4 ]
	echo "api = http://127.0.0.1:$(cat "$T/port")" >>"$CCM_HOME/config.ini"
	say PreToolUse-Bash '.tool_input.command = "npm publish"' --timeout 360 >answer &
	hook=$!
	eventually test -s "$T/calls"
	jq -c '{update_id: 1, callback_query: {id: "1", from: {id: 1, username: "dev"}, message: {chat: {id: 4711}},
		data: .body.reply_markup.inline_keyboard[0][1].callback_data}}' <(head -n 1 "$T/calls") >"$T/update"
	mv "$T/update" "$T/updates/1"
	wait "$hook"
	[ "$(jq -r .hookSpecificOutput.permissionDecision answer)" = deny ]
	[ "$(head -n 1 "$T/calls" | jq -r .body.text)" = "$(sed -n '/^Claude Code wants/,/is a no\.$/p' "$README")" ]
	say PreToolUse-Bash '.tool_input.command = "git push --force origin main"' >/dev/null
	say Notification-idle_prompt . >/dev/null
	ccm-supervisor deliver --once
	all_sent() { [ "$(db "SELECT count(*) FROM delivery WHERE state = 'sent'")" -eq 2 ]; }
	eventually all_sent
	without_times() { sed -E 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}/TIME/'; }
	run -0 ccm-supervisor alerts list
	[ "$(without_times <<<"$output")" = "$(sed -n '/^\$ ccm-supervisor alerts list$/,/^```$/p' "$README" | sed '1d;$d' | without_times)" ]
	telegram_stop
}
