#!/bin/sh
# SPDX-License-Identifier: MIT
# PreToolUse, Bash: the oldest form there is. Exit 2, and the reason on stderr.
case $(cat) in
*'rm -rf'*)
	echo 'rm -rf is not for agents.' >&2
	echo 'Name the files, or ask.' >&2
	exit 2
	;;
esac
