#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# A day of 5,000 tool calls on files of 200 kB stays under 100 MB, and every event can still be shown.
load helper
load faults
setup() { ccm_sandbox; }

# Usage: text - 200 kB of lines, unique and without anything to compress, as they stand in JSON.
text() { head -c 148000 /dev/urandom | base64 -w 76 | tr '\n' '|' | sed 's/|/\\n/g'; }

# Usage: patch TEXT - the hunk of a file that was replaced as a whole.
patch() { printf '{"oldStart":1,"oldLines":1,"newStart":1,"newLines":2600,"lines":["+%s"]}' "${1//\\n/\",\"+}"; }

# Usage: call PRE-OR-POST NUMBER TOOL INPUT [RESPONSE]
call() {
	printf '{"session_id":"day","transcript_path":"/home/dev/.claude/projects/x/day.jsonl","cwd":"/home/dev/project","prompt_id":"p","permission_mode":"acceptEdits","effort":{"level":"high"},"hook_event_name":"%sToolUse","tool_name":"%s","tool_use_id":"toolu_%05d","tool_input":%s%s}\n' \
		"$1" "$3" "$2" "$4" "${5:+,\"tool_response\":$5,\"duration_ms\":5}"
}

# Usage: day CALLS - one after the other an Edit, a Write and a Read, each with its Pre and its Post.
day() {
	local i path old='"old_string":"an old line of code","new_string":"a new line of code","replace_all":false' text
	for i in $(seq "$1"); do
		text=$(text)
		path="\"/home/dev/project/src/file-$((i % 100)).c\""
		case $((i % 3)) in
		0)
			call Pre "$i" Edit "{\"file_path\":$path,$old}" | ccm-hook run
			call Post "$i" Edit "{\"file_path\":$path,$old}" \
				"{\"filePath\":$path,\"oldString\":\"x\",\"newString\":\"y\",\"originalFile\":\"$text\",\"structuredPatch\":[{\"oldStart\":1,\"oldLines\":7,\"newStart\":1,\"newLines\":7,\"lines\":[\" a\",\"-b\",\"+c\",\" d\"]}],\"userModified\":false,\"replaceAll\":false}" |
				ccm-hook run
			;;
		1)
			call Pre "$i" Write "{\"file_path\":$path,\"content\":\"$text\"}" | ccm-hook run
			call Post "$i" Write "{\"file_path\":$path,\"content\":\"$text\"}" \
				"{\"type\":\"update\",\"filePath\":$path,\"content\":\"$text\",\"structuredPatch\":[$(patch "$text")],\"originalFile\":\"$text\",\"userModified\":false}" |
				ccm-hook run
			;;
		2)
			call Pre "$i" Read "{\"file_path\":$path}" | ccm-hook run
			call Post "$i" Read "{\"file_path\":$path}" \
				"{\"type\":\"text\",\"file\":{\"filePath\":$path,\"content\":\"$text\",\"numLines\":2600,\"startLine\":1,\"totalLines\":2600}}" |
				ccm-hook run
			;;
		esac
	done
}

@test "growth: a day of tool calls on large files stays under 100 MB" {
	local calls bytes
	calls=$(size 30 5000)
	day "$calls"
	ccm-hook tidy
	[ "$(db "SELECT count(*), count(DISTINCT tool_use_id), sum(valid) FROM event")" = "$((2 * calls))|$calls|$((2 * calls))" ]
	bytes=$(($(stat -c %s "$CCM_HOME/ccm.db") + $(stat -c %s "$CCM_HOME/ccm.db-wal" 2>/dev/null || echo 0)))
	printf '# %d bytes for each of %d events; %d bytes came in\n' "$((bytes / calls / 2))" "$((2 * calls))" \
		"$(db 'SELECT sum(payload_bytes) FROM event')" >&3
	# 20,000 for each call, and what a database needs that is empty.
	[ "$bytes" -lt "$((calls * 20000 + 300000))" ]
}

@test "growth: each event of such a day can still be shown: what it was about, its texts' beginnings and lengths" {
	day 3
	for id in 1 2 3 4 5 6; do
		run -0 ccm-hook show "$id" --json
		[ "$(jq -r '.payload.tool_input.file_path' <<<"$output")" = "/home/dev/project/src/file-$(((id + 1) / 2)).c" ]
		[ "$(jq -r '[.. | strings | length] | max < 4200' <<<"$output")" = true ]
		[ "$(jq -r '.payload_bytes' <<<"$output")" = "$(db "SELECT payload_bytes FROM event WHERE id = $id")" ]
	done
	run -0 ccm-hook show 2
	[[ $output == *"bytes in all]"* && $output == *" more, "*" bytes]"* ]]
	run -0 ccm-hook show 6
	[[ $output == *'"-b"'*'"+c"'* ]]
}

@test "growth: max_text = 0 keeps all of it" {
	mkdir -p -m 700 "$CCM_HOME"
	printf '[storage]\nmax_text = 0\n' >"$CCM_HOME/config.ini"
	day 3
	[ "$(db "SELECT count(*), sum(length(body)) = sum(payload_bytes), sum(payload_bytes) > 1200000, group_concat(DISTINCT form)
		FROM event JOIN payload ON event_id = id")" = '6|1|1|full' ]
}
