# SPDX-License-Identifier: MIT
# ccm-hook field and ccm-hook quote: JSON for scripts that have no parser.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	BASH_EVENT="$FIXTURES/hooks/PreToolUse-Bash.json"
}

@test "field: a string comes as its characters, without quotes" {
	run -0 --separate-stderr ccm-hook field tool_input.command <"$BASH_EVENT"
	[ "$output" = "ls -1" ]
	[ -z "$stderr" ]
}

@test "field: escapes are decoded" {
	run -0 ccm-hook field a <<<'{"a":"tab\tquote\"newline\nsnowman\u2603 pair\ud83d\ude00"}'
	[ "$output" = $'tab\tquote"newline\nsnowman☃ pair😀' ]
}

@test "field: what no shell variable can hold becomes U+FFFD" {
	run -0 ccm-hook field a <<<'{"a":"nul\u0000 half\ud83d"}'
	[ "$output" = $'nul� half�' ]
}

@test "field: an object, a number and null come as JSON" {
	local event='{"o":{"x":[1,2]},"n":1.50,"z":null}'
	run -0 ccm-hook field o <<<"$event"
	[ "$output" = '{"x":[1,2]}' ]
	run -0 ccm-hook field n <<<"$event"
	[ "$output" = 1.50 ]
	run -0 ccm-hook field z <<<"$event"
	[ "$output" = null ]
}

@test "field: an array is entered by number" {
	run -0 ccm-hook field calls.1.name <<<'{"calls":[{"name":"a"},{"name":"b"}]}'
	[ "$output" = b ]
}

@test "field: an empty path is the whole document" {
	run -0 ccm-hook field "" <<<'[1]'
	[ "$output" = "[1]" ]
}

@test "field: a missing field prints nothing and exits 1" {
	run -1 --separate-stderr ccm-hook field tool_input.nothing <"$BASH_EVENT"
	[ -z "$output" ]
	[ -z "$stderr" ]
}

@test "field: --default stands for a missing field and for null" {
	run -0 ccm-hook field --default=none a <<<'{}'
	[ "$output" = none ]
	run -0 ccm-hook field --default=none a <<<'{"a":null}'
	[ "$output" = none ]
	run -0 ccm-hook field --default=none a <<<'{"a":""}'
	[ "$output" = "" ]
}

@test "field: a file can be named" {
	run -0 ccm-hook field tool_name "$BASH_EVENT"
	[ "$output" = Bash ]
}

@test "field: a file that is missing is named" {
	run -1 --separate-stderr ccm-hook field tool_name nowhere.json
	[ -z "$output" ]
	[ "$stderr" = "ccm-hook: field: cannot read nowhere.json: No such file or directory" ]
}

@test "field: an event on stdin can be asked more than once" {
	run -0 sh -c 'ccm-hook field tool_name; ccm-hook field hook_event_name; cat' <"$BASH_EVENT"
	[ "${lines[0]}" = Bash ]
	[ "${lines[1]}" = PreToolUse ]
	[ "${lines[2]}" = "{" ]
}

@test "field: what is not JSON is named with line and column" {
	run -1 --separate-stderr ccm-hook field a <<<$'{\n "a": nope}'
	[ -z "$output" ]
	[ "$stderr" = "ccm-hook: field: not valid JSON: expected a value (line 2, column 7)" ]
}

@test "field: an empty stdin is said" {
	run -1 --separate-stderr ccm-hook field a </dev/null
	[ "$stderr" = "ccm-hook: field: nothing on standard input" ]
}

@test "field: --set changes one member and keeps the others" {
	run -0 ccm-hook field --set command='echo "hi"' tool_input <"$BASH_EVENT"
	[ "$(jq -c . <<<"$output")" = '{"command":"echo \"hi\"","description":"List files"}' ]
}

@test "field: --set adds members that are missing, and the last of two counts" {
	run -0 ccm-hook field --set b=1 --set b=2 --set c= o <<<'{"o":{}}'
	[ "$output" = '{"b":"2","c":""}' ]
}

@test "field: --set on anything but an object is refused" {
	run -1 --separate-stderr ccm-hook field --set a=b tool_name <"$BASH_EVENT"
	[ "$stderr" = "ccm-hook: field: --set needs an object, and this is string" ]
}

@test "field: --set without a name is a usage error" {
	run -64 --separate-stderr ccm-hook field --set =b tool_input <"$BASH_EVENT"
	[[ $stderr == *"--set takes NAME=TEXT, not '=b'"* ]]
}

@test "field: without a path it is a usage error" {
	run -64 --separate-stderr ccm-hook field
	[[ $stderr == *"field: needs PATH [FILE]"* ]]
}

@test "quote: any bytes come out as one JSON string" {
	run -0 ccm-hook quote < <(printf 'a"b\\c\n\t\001\177\303\251\377')
	[ "$output" = '"a\"b\\c\n\t\u0001'$'\177''é�"' ]
}

@test "quote: a word is quoted as it stands" {
	run -0 ccm-hook quote 'say "hi"'
	[ "$output" = '"say \"hi\""' ]
}

@test "quote: nothing is an empty string" {
	run -0 ccm-hook quote </dev/null
	[ "$output" = '""' ]
}
