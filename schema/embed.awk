# SPDX-License-Identifier: MIT
# Usage: awk -f embed.awk NNNN_name.sql... queries.sql
# Prints two X-macro lists for db.c:
#   CCM_MIGRATIONS(X)   X(number, "file name", "sql")    in the order given
#   CCM_QUERIES(X)      X(NAME, "sql")                   from queries.sql
# queries.sql holds blocks that begin `-- query: NAME` or `-- fragment: NAME`; @NAME@ in a
# query stands for that fragment, which must come before. Comments and line breaks are dropped.
function quote(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); return s }
function fail(why) { printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"; failed = 1; exit 1 }
function finish_block(   name) {
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
	else
		queries = queries sprintf(" \\\n\tX(%s, \"%s\")", block, quote(text))
	kind = text = ""
}
{
	queries_file = FILENAME !~ /[0-9][0-9][0-9][0-9]_[a-z0-9_]+\.sql$/
	if (FNR == 1 && !queries_file) {
		base = FILENAME
		sub(/^.*\//, "", base)
		if (sql != "")
			migrations = migrations sql "\")"
		number++
		if (base + 0 != number)
			fail("expected migration number " number)
		sql = sprintf(" \\\n\tX(%d, \"%s\", \"", number, base)
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
	print "#define CCM_MIGRATIONS(X)" migrations sql "\")"
	print "#define CCM_QUERIES(X)" queries
}
