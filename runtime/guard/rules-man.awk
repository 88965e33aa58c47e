# SPDX-License-Identifier: MIT
# Makes the lists of ccm-guard(7): the classes of paths (path.h), the conditions (context.h) and the rules (*.ini).
# Usage: awk -f rules-man.awk path.h context.h FILE.ini...

# A line of text in mdoc.
function escaped(text) {
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	while (match(text, /[.] [A-Z]/))         # mdoc wants a new line for a new sentence
		text = substr(text, 1, RSTART) "\n" substr(text, RSTART + 2)
	if (text ~ /^[.']/)
		text = "\\\\&" text
	return text
}

# The words of a macro's argument.
function argument(text) {
	text = escaped(text)
	gsub(/"/, "\\(dq", text)
	return text ~ /^[.,:;()!?|]/ || text ~ /^\[/ ? "\\&" text : text
}

function close_list() {
	if (listing)
		print ".El"
	listing = 0
}

function tell_rule() {
	if (id == "")
		return
	print ".It Li " argument(id) " Pq " verdict
	print escaped(reason)
	if (instead != "")
		print ".br\n" escaped(instead)
	id = reason = instead = verdict = ""
}

function value(line) {
	sub(/^[^=]*=[ \t]*/, "", line)
	return line
}

FNR == 1 {
	tell_rule()
	close_list()
	kind = FILENAME ~ /path\.h$/ ? "paths" : FILENAME ~ /context\.h$/ ? "conditions" : "rules"
	if (kind == "paths")
		print ".Sh CLASSES OF PATHS"
	if (kind == "conditions")
		print ".Sh CONDITIONS\nThey are asked last, because an answer may take a moment.\n" \
			"Where nobody knows the answer, the dangerous one is taken."
	if (kind != "rules") {
		print ".Bl -tag -width Ds"
		listing = 1
	} else {
		if (!told++)
			print ".Sh RULES"
		group = FILENAME
		sub(/.*\//, "", group)
		sub(/\.ini$/, "", group)
		begun = 0
	}
}

kind != "rules" && /^\tX\(/ {
	split($0, part, "\"")
	print ".It Li " (kind == "paths" ? "@" : "") argument(part[2])
	print escaped(part[4])
	next
}

kind != "rules" { next }

/^group[ \t]*=/ && id == "" { group = value($0) }
/^\[/ {
	tell_rule()
	name = $0
	gsub(/[][]/, "", name)
	if (name ~ /^tool /)
		next
	id = name
	if (!begun++) {
		print ".Ss " group
		print ".Bl -tag -width Ds"
		listing = 1
	}
}
/^verdict[ \t]*=/ { verdict = value($0) }
/^reason[ \t]*=/  { reason = value($0) }
/^instead[ \t]*=/ { instead = value($0) }

END {
	tell_rule()
	close_list()
	print ".Sh SEE ALSO\n.Xr ccm-hook 1 ,\n.Xr ccm-automation 7"
}
