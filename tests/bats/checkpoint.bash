# SPDX-License-Identifier: MIT
# What the tests of checkpoints share. On top of helper.bash: `load helper`, `load checkpoint`.
# shellcheck shell=bash

# A sandbox with a repository of a few files in the working directory.
checkpoint_sandbox() {
	ccm_sandbox
	export GIT_CONFIG_NOSYSTEM=1
	unset CCM_SESSION_ID CCM_EVENT_ID
	git config --global user.name Dev
	git config --global user.email dev@example.org
	git config --global init.defaultBranch main
	git config --global protocol.file.allow always
	git init -q
	mkdir src
	printf 'one\n' >a
	printf 'two\n' >src/b
	printf '#!/bin/sh\n' >run
	chmod +x run
	printf '*.log\nbuild/\n' >.gitignore
	git add .
	git commit -q -m first
}

cp_() { ccm-supervisor checkpoint "$@"; }

# Usage: take [OPTION...]
# Takes one and prints its number.
take() { cp_ take --json "$@" | jq -r '"\(.outcome) \(.n // "-")"'; }

# Usage: tree_of N
# Prints mode, type, object and path of everything in checkpoint N.
tree_of() { git ls-tree -r -z "$(cp_ show "$1" --json | jq -r .ref)" | tr '\0' '\n'; }

# Everything of the repository that is the user's, in a form that can be compared: refs, HEAD, reflogs, stash, the index
# byte for byte with its times, configuration, what git status says, and each file with its times.
users_state() {
	local git
	git=$(git rev-parse --git-dir)
	git for-each-ref | grep -v refs/ccm/ || :
	cat "$git/HEAD"
	find "$git" -path "$git/ccm" -prune -o -path "$git/refs/ccm" -prune -o -path "$git/objects" -prune -o \
		-type f -printf '%p %T@ %s\n' | sort
	cksum "$git"/index "$git"/config
	find . -path ./.git -prune -o -printf '%p %m %T@ %s %l\n' | sort
	GIT_OPTIONAL_LOCKS=0 git status --porcelain=v2 --branch --show-stash
}

# Usage: files_state
# Each file of the working tree that git does not ignore: path, executable or not, content.
files_state() {
	git ls-files -z --cached --others --exclude-standard | sort -z | while IFS= read -r -d '' path; do
		if [ -L "$path" ]; then
			printf '%q link %q\n' "$path" "$(readlink "$path")"
		elif [ -f "$path" ]; then
			printf '%q %s %s\n' "$path" "$([ -x "$path" ] && echo x)" "$(cksum <"$path")"
		fi
	done
}
