# SPDX-License-Identifier: MIT
# Shared by all .bats files: `load helper`, then `setup() { ccm_sandbox; }`.
# CCM_BUILD is the build tree whose programs are tested, CCM_SOURCE the source tree; `make check` sets both.
# shellcheck shell=bash

bats_require_minimum_version 1.5.0

# Usage: ccm_sandbox
# A home of its own for each test: HOME, CCM_HOME, CLAUDE_CONFIG_DIR, XDG_RUNTIME_DIR and the working directory lie in
# $BATS_TEST_TMPDIR; the built programs come first in PATH; nothing of the caller's settings is left.
ccm_sandbox() {
	: "${CCM_BUILD:?set it to the build tree}"
	: "${CCM_SOURCE:?set it to the source tree}"
	FIXTURES="$CCM_SOURCE/tests/fixtures"
	export HOME="$BATS_TEST_TMPDIR/home"
	export CCM_HOME="$HOME/.ccm"
	export CLAUDE_CONFIG_DIR="$HOME/.claude"
	export CCM_DATA_DIR="$CCM_SOURCE" CCM_LIBEXEC_DIR="$CCM_BUILD"
	export XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/run"
	export PATH="$CCM_BUILD:$PATH"
	export TZ=UTC LC_ALL=C.UTF-8 COLUMNS=120
	unset CLAUDE_PROJECT_DIR CLAUDECODE CLAUDE_CODE_SESSION_ID CLAUDE_ENV_FILE NO_COLOR XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS
	umask 022
	mkdir -p "$HOME/project"
	mkdir -p -m 700 "$XDG_RUNTIME_DIR"
	cd "$HOME/project" || return
}

# Usage: automation NN-NAME [MANIFEST-LINE...] <<'EOF' ... EOF
# Writes an executable POSIX sh automation into enabled/: the manifest lines as comments, then the text on stdin.
automation() {
	local file="$CCM_HOME/automations/enabled/$1"
	shift
	(umask 077 && mkdir -p "${file%/*}")
	{
		printf '#!/bin/sh\n'
		if [ "$#" -gt 0 ]; then printf '# %s\n' "$@"; fi
		cat
	} >"$file"
	chmod 0755 "$file"
}

# Usage: event FIXTURE [JQ-FILTER]
# Prints a captured payload as the host sends it: on one line. jq refuses some of what the host sends,
# so it is asked only where there is a filter.
event() {
	if [ "$#" -gt 1 ]; then
		jq -c "$2" "$FIXTURES/hooks/$1.json"
	else
		tr -d '\n' <"$FIXTURES/hooks/$1.json"
		echo
	fi
}

# Usage: db SQL
# Asks the test's database directly, both files of it.
db() {
	if [ -e "$CCM_HOME/state.db" ]; then
		sqlite3 -cmd '.timeout 10000' "$CCM_HOME/ccm.db" "ATTACH '$CCM_HOME/state.db' AS state" "$1"
	else
		sqlite3 -cmd '.timeout 10000' "$CCM_HOME/ccm.db" "$1"
	fi
}

# Usage: eventually COMMAND... - tries until it succeeds, for long. $LOG, if there is one, tells why it never did.
eventually() {
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 600 ] || { echo "never: $*" >&2; [ -z "${LOG-}" ] || cat "$LOG" >&2; return 1; }
		sleep 0.05
	done
}
