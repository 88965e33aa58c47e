# SPDX-License-Identifier: MIT
# Usage: awk -f embed.awk NNNN_name.sql... state/NNNN_name.sql... queries.sql
# Prints three X-macro lists for db.c:
#   CCM_MIGRATIONS(X)        X(number, "file name", "sql")    of ccm.db, in the order given
#   CCM_STATE_MIGRATIONS(X)  the same of state.db; what they create is named state.NAME, as that file is attached
#   CCM_QUERIES(X)           X(NAME, needs_state, "parameters", "sql")  from queries.sql; needs_state: 1 if it uses a table of
#                            state.db. parameters: their names, a blank between, in the order of their numbers; in the SQL
#                            only the numbers are left, as SQLite would compare each name with all before it.
# queries.sql holds blocks that begin `-- query: NAME` or `-- fragment: NAME`; @NAME@ in a
# query stands for that fragment, which must come before. Comments and line breaks are dropped.
function quote(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return s }
function fail(why) { printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"; failed = 1; exit 1 }
function needs_state(text,   words, count, i, before) {
	count = split(text, words, /[^A-Za-z_.]+/)
	for (i = 2; i <= count; i++) {
		before = words[i - 1]
		if (words[i] ~ /^state\./ && before != "SET" && substr(words[i], 7) in state_tables)
			return 1
		if (words[i] in state_tables && (before == "FROM" || before == "JOIN" || before == "INTO" || before == "UPDATE"))
			return 1
	}
	return text ~ /PRAGMA state\./
}
# Takes the names of parameters out of text. Outside quotes a colon begins one, and nothing else.
function number_parameters(   out, quoted, name, count, numbers, part) {
	parameters = ""
	while (match(text, quoted ? "'" : "'|:[a-z_]+")) {
		name = substr(text, RSTART, RLENGTH)
		out = out substr(text, 1, RSTART - 1)
		text = substr(text, RSTART + RLENGTH)
		if (name == "'") {
			quoted = !quoted
			part = name
		} else if (name in numbers) {
			part = "?" numbers[name]
		} else {
			numbers[name] = ++count
			parameters = parameters (count > 1 ? " " : "") name
			part = "?"
		}
		out = out part
	}
	text = out text
}
function finish_block(   name, state) {
	if (kind == "")
		return
	sub(/[ ;]+$/, "", text)
	if (text == "")
		fail("'" block "' is empty")
	for (name in fragments)
		gsub("@" name "@", fragments[name], text)
	if (match(text, /@[A-Z_]+@/))
		fail("'" block "' uses unknown fragment " substr(text, RSTART, RLENGTH))
	if (kind == "fragment")
		fragments[block] = text
	else {
		state = needs_state(text)
		number_parameters()
		queries = queries sprintf(" \\\n\tX(%s, %d, \"%s\", \"%s\")", block, state, parameters, quote(text))
	}
	kind = text = ""
}
function finish_migration() {
	if (sql != "")
		migrations[of_state] = migrations[of_state] sql "\")"
	sql = ""
}
FNR == 1 {
	finish_migration()
	queries_file = FILENAME !~ /[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/
	if (!queries_file) {
		base = FILENAME
		sub(/^.*\//, "", base)
		of_state = FILENAME ~ /\/state\/[^\/]*$/
		if (base + 0 != ++number[of_state])
			fail("expected migration number " number[of_state])
		sql = sprintf(" \\\n\tX(%d, \"%s%s\", \"", number[of_state], of_state ? "state/" : "", base)
	}
}
queries_file && /^-- (query|fragment): [A-Z_]+$/ {
	finish_block()
	kind = ($2 == "query:") ? "query" : "fragment"
	block = $3
	if (block in seen)
		fail("'" block "' stands twice")
	seen[block] = 1
	next
}
{
	sub(/--.*$/, "")
	gsub(/[ \t]+/, " ")
	sub(/^ /, "")
	sub(/ $/, "")
	if ($0 == "")
		next
	if (!queries_file && of_state) {
		if ($0 ~ /^CREATE TABLE /)
			state_tables[$3] = 1
		sub(/^CREATE (TABLE|INDEX|UNIQUE INDEX) /, "&state.")
	}
	if (!queries_file)
		sql = sql quote($0) " "
	else if (kind == "")
		fail("text outside a query")
	else
		text = text (text == "" ? "" : " ") $0
}
END {
	if (failed)
		exit 1
	finish_block()
	print "/* Made by embed.awk: edit the .sql files instead. */"
	print "#define CCM_MIGRATIONS(X)" migrations[0]
	print "#define CCM_STATE_MIGRATIONS(X)" migrations[1]
	print "#define CCM_QUERIES(X)" queries
}
