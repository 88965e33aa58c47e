# SPDX-License-Identifier: MIT
# For the tests of list, enable, disable, test, doctor and completion: `load scripts`, and
# `setup() { scripts_sandbox; }`.
# shellcheck shell=bash

# Usage: scripts_sandbox
# A sandbox whose stock automations are the test's own, too.
scripts_sandbox() {
	ccm_sandbox
	export CCM_DATA_DIR="$HOME/share"
	STOCK="$CCM_DATA_DIR/automations"
	OWN="$CCM_HOME/automations/available"
	ENABLED="$CCM_HOME/automations/enabled"
	mkdir -p "$STOCK" "$CCM_DATA_DIR/lib-sh"
	(umask 077 && mkdir -p "$OWN" "$ENABLED")
}

# Usage: script PATH [MANIFEST-LINE...] [<TEXT]
# Writes an executable POSIX sh script: the manifest lines as comments, then the text on stdin, if any.
script() {
	local file="$1"
	shift
	{
		printf '#!/bin/sh\n'
		if [ "$#" -gt 0 ]; then printf '# %s\n' "$@"; fi
		if [ ! -t 0 ]; then cat; fi
	} >"$file"
	chmod 0755 "$file"
}

# Usage: listed NAME JQ-FILTER
# Prints what `list --json` says about one automation.
listed() {
	ccm-hook list --json | jq -cr --arg name "$1" "select(.name == \$name) | $2"
}
