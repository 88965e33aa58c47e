# SPDX-License-Identifier: MIT
# shellcheck shell=bash

load helper
load history

setup() { ccm_sandbox; }

@test "db: rows come with a tab between the values" {
	record 1
	record 2 tool=NULL verdict=deny
	run -0 --separate-stderr ccm-hook db 'SELECT id, tool, verdict FROM event ORDER BY id'
	[ "$output" = $'1\tBash\tnone\n2\t\tdeny' ]
	[ -z "$stderr" ]
}

@test "db: --header names the columns" {
	record 1
	run -0 ccm-hook db --header 'SELECT id, tool AS what FROM event'
	[ "$output" = $'id\twhat\n1\tBash' ]
	run -0 ccm-hook db --header 'SELECT id FROM event WHERE 0'
	[ "$output" = id ]
}

@test "db: a value never breaks its row, and JSON in it stays usable" {
	record 1 detail=$'a\tb\nc\rd'
	record_payload 1 '{"say":"\"hi\"\n"}'
	run -0 ccm-hook db 'SELECT detail, body FROM event, payload'
	[ "$output" = $'a\\tb\\nc\\rd\t{"say":"\\"hi\\"\\n"}' ]
	run -0 ccm-hook db "SELECT CAST('a' || char(0) || 'b' AS BLOB)"
	[ "$output" = 'a\0b' ]
}

@test "db: --json keeps types and every character" {
	record 1 detail=$'a\tb\e\xff'
	run -0 ccm-hook db --json "SELECT id, detail, tool_use_id, 0.5 AS half, 9e999 AS inf, x'' AS empty FROM event"
	[ "${#lines[@]}" -eq 1 ]
	[ "$(jq -c . <<<"$output")" = '{"id":1,"detail":"a\tb\u001b�","tool_use_id":null,"half":0.5,"inf":null,"empty":""}' ]
}

@test "db: parameters are bound by name, whole numbers as numbers" {
	record 1 session_id=007
	record 2 session_id=7
	run -0 ccm-hook db 'SELECT id FROM event WHERE session_id = :s' s=007
	[ "$output" = 1 ]
	run -0 ccm-hook db 'SELECT id FROM event WHERE session_id = :s AND id + 0 = :id' s=7 id=2
	[ "$output" = 2 ]
	run -0 ccm-hook db 'SELECT typeof(:a), typeof(:b), typeof(:c), :d' a=-5 b=-0 c=99999999999999999999 'd=a=b'
	[ "$output" = $'integer\ttext\ttext\ta=b' ]
}

@test "db: a value cannot become SQL" {
	record 1
	run -0 ccm-hook db 'SELECT count(*) FROM event WHERE tool = :t' "t=x' OR 1 --"
	[ "$output" = 0 ]
}

@test "db: parameters that do not fit are usage errors that name them" {
	record 1
	run -64 --separate-stderr ccm-hook db 'SELECT :a'
	[[ $stderr == *"':a' has no value: add a=VALUE"* ]]
	run -64 --separate-stderr ccm-hook db 'SELECT 1' b=2
	[[ $stderr == *"no parameter ':b'"* ]]
	run -64 --separate-stderr ccm-hook db 'SELECT ?' a=1
	[[ $stderr == *"parameters have a name"* ]]
	run -64 --separate-stderr ccm-hook db 'SELECT 1' nonsense
	[[ $stderr == *"'nonsense' is not NAME=VALUE"* ]]
	[ -z "$output" ]
}

@test "db: nothing can be changed, inside the database or beside it" {
	record 1
	local sum
	sum=$(db 'SELECT count(*), max(id) FROM event')
	while read -r sql; do
		run -1 --separate-stderr ccm-hook db "$sql"
		[ -z "$output" ]
		[[ $stderr == *"only statements that read are taken here"* || $stderr == *"may not be modified"* ]]
	done <<-'END'
		DELETE FROM event
		UPDATE event SET tool = 'x'
		INSERT INTO state VALUES ('a', '', 'k', 'v', 0)
		DROP TABLE event
		UPDATE sqlite_master SET sql = ''
		CREATE TEMP TABLE t (x)
		PRAGMA user_version = 99
		PRAGMA journal_mode = DELETE
		PRAGMA query_only = 0
		ATTACH 'new.db' AS other
		VACUUM INTO 'copy.db'
		BEGIN IMMEDIATE
		WITH x AS (SELECT 1) DELETE FROM event
	END
	[ "$(db 'SELECT count(*), max(id) FROM event')" = "$sum" ]
	[ ! -e new.db ] && [ ! -e copy.db ]
}

@test "db: one statement at a time" {
	record 1
	run -64 --separate-stderr ccm-hook db 'SELECT 1; SELECT 2'
	[[ $stderr == *"'SELECT 2' is left over"* ]]
	run -64 --separate-stderr ccm-hook db ' '
	[[ $stderr == *"no SQL statement given"* ]]
	run -0 ccm-hook db 'SELECT 1; '
	[ "$output" = 1 ]
}

@test "db: a mistake in the SQL is told in SQLite's words" {
	record 1
	run -1 --separate-stderr ccm-hook db 'SELECT nope FROM event'
	[ -z "$output" ]
	[[ $stderr == "ccm-hook: db: no such column: nope" ]]
	run -1 --separate-stderr ccm-hook db "SELECT json_extract('{', '$.a')"
	[[ $stderr == *"malformed JSON"* ]]
}

@test "db: REGEXP and JSON functions are there, and so are the words of the schema and the plan of a query" {
	record 1 detail='rm -rf build'
	run -0 ccm-hook db "SELECT id FROM event WHERE detail REGEXP '^rm +-[rf]+'"
	[ "$output" = 1 ]
	run -0 ccm-hook db "SELECT value FROM json_each('[5]')"
	[ "$output" = 5 ]
	run -0 ccm-hook db "SELECT name FROM pragma_table_info('state')"
	[ "${lines[0]}" = automation ]
	run -0 ccm-hook db 'PRAGMA table_info(state)'
	[[ ${lines[0]} == *automation* ]]
	run -0 ccm-hook db 'EXPLAIN QUERY PLAN SELECT * FROM event WHERE id = 1'
	[[ $output == *"SEARCH event"* ]]
}

@test "db: where nothing was recorded it says so and is no failure" {
	run -0 --separate-stderr ccm-hook db 'SELECT 1'
	[ -z "$output" ]
	[[ $stderr == *"nothing is recorded yet"* ]]
}

@test "db: on a terminal, control bytes are shown" {
	record 1 detail=$'\e[31mred'
	run -0 script -qec "ccm-hook db 'SELECT detail FROM event'" /dev/null
	[[ ${lines[0]} == '\e[31mred'* ]]
}

@test "db: a reader that goes away ends it without words" {
	ccm-hook init
	ccm-hook db 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) SELECT i FROM n' 2>err |
		head -n 1
	[ -z "$(<err)" ]
}
