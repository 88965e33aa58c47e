#!/usr/bin/awk -f
# SPDX-License-Identifier: MIT
# SessionStart: plain text on stdout, which the model gets as it is.
BEGIN {
	print "Open tasks of this project:"
	while ((getline line < "TASKS") > 0)
		if (line !~ /^done /)
			print "- " line
}
