# SPDX-License-Identifier: MIT
# bats file_tags=native
# Native: what is looked at here is a build of its own.
#
# ./bootstrap without a network: whoever runs these tests has what the build needs. One real installation, made once
# into a home of its own, is looked at from several sides; it is not optimized, because that takes longer than the rest.
# shellcheck shell=bash

load helper

setup_file() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR ccm_sandbox
	bootstrap_env
	"$CCM_SOURCE/bootstrap" --no-packages --build "$HOME/build" >"$HOME/first.out" 2>"$HOME/first.err"
}

setup() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR ccm_sandbox
	bootstrap_env
	INSTALLED="$HOME/.local/bin/ccm-hook"
}

# As for a person: nothing of the build that is tested, nor of the make that runs us.
bootstrap_env() {
	unset CCM_HOME CLAUDE_CONFIG_DIR CCM_DATA_DIR CCM_LIBEXEC_DIR CC MAKEFLAGS MFLAGS MAKELEVEL CFLAGS SUDO_UID
	export SHELL=/bin/bash CFLAGS=-O0
}

bootstrap() {
	"$CCM_SOURCE/bootstrap" --no-packages --build "$HOME/build" "$@"
}

# Usage: path_without NAME...
# A PATH of one folder, FARM, with what bootstrap calls and looks for, but not those named. Everybody may read it: what only
# root can reach (a version manager in root's home) is taken only where the system has none.
path_without() {
	local name
	FARM=$(mktemp -d "${BATS_RUN_TMPDIR%/*}/ccm-path.XXXXXX")
	chmod 0755 "$FARM"
	for name in sh awk cat date dirname env find getconf grep id ln ls mkdir mktemp rm sed sort tail tr uname wc \
		as cc gcc ld bats clang node $(sed -nE 's/^(build|run|test) +cmd:([^ ]+) .*/\2/p' "$CCM_SOURCE/bootstrap")
	do
		case " $* " in *" $name "*) ;; *) ln -sf "$(PATH="/usr/bin:/bin:$PATH" type -P "$name")" "$FARM/" ;; esac
	done
}

# Usage: stand_in NAME <<'END' ... END
stand_in() {
	rm -f "$FARM/$1"
	cat >"$FARM/$1"
	chmod 0755 "$FARM/$1"
}

# Usage: as_nobody COMMAND...
as_nobody() {
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}

teardown() {
	[ -z "${FARM-}" ] || rm -rf "$FARM"
}

# ------------------------------------------------------------------------------------------------ what is asked

@test "bootstrap: --help is on stdout and fits 80 columns" {
	run -0 --separate-stderr "$CCM_SOURCE/bootstrap" --help
	[ -z "$stderr" ]
	[[ $output == 'Usage: ./bootstrap'* ]]
	run ! grep -E '^.{81}' <<<"$output"
}

@test "bootstrap: a mistyped option is a usage error, and nothing is done" {
	run -64 --separate-stderr "$CCM_SOURCE/bootstrap" --regsiter
	[ -z "$output" ]
	[[ $stderr == *"unknown option '--regsiter'"* ]]
}

@test "bootstrap: --prefix without a folder is a usage error" {
	run -64 --separate-stderr "$CCM_SOURCE/bootstrap" --prefix
	[[ $stderr == *"option '--prefix' needs a folder"* ]]
}

@test "bootstrap: --uninstall refuses to go with --check" {
	run -64 --separate-stderr "$CCM_SOURCE/bootstrap" --uninstall --check
	[[ $stderr == *'--uninstall goes with neither'* ]]
}

# ------------------------------------------------------------------------------------------------ packages

@test "bootstrap: without root and sudo it says what the administrator should run, and changes nothing" {
	path_without make
	stand_in apt-get <<<'#!/bin/false'
	cd /
	run -1 --separate-stderr as_nobody env PATH="$FARM" HOME="$FARM/home" sh -s <"$CCM_SOURCE/bootstrap"
	[[ $stderr == *'missing: make'*'not root and cannot use sudo'*'Nothing was changed'* ]]
	[[ $stderr == *'    apt-get update && apt-get install -y --no-install-recommends make'* ]]
	[ ! -e "$FARM/home" ]
}

@test "bootstrap: --check asks for what the tests need, too, and still ends with a count" {
	path_without bats jq
	stand_in apt-get <<<'#!/bin/false'
	cd /
	run -1 --separate-stderr as_nobody env PATH="$FARM" HOME="$FARM/home" sh -s -- --check <"$CCM_SOURCE/bootstrap"
	[[ $stderr == *'missing: bats >= 1.5, jq'*' bats jq'* ]]
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "bootstrap: without root it installs packages by sudo" {
	path_without make
	stand_in sudo <<-'END'
		#!/bin/sh
		[ "$1" = -n ] && exit 0
		echo "sudo $*" >>"$HOME/ran" && exec "$@"
	END
	stand_in apt-cache <<<$'#!/bin/sh\necho "Package: $2"'
	stand_in apt-get <<-END
		#!/bin/sh
		case \$* in *--download-only*) ;; *make*) ln -s $(command -v make) $FARM/make ;; esac
	END
	chmod 0777 "$FARM"
	cd /
	# The script's folder is / here: it cannot be built, but the packages are there by then.
	run -1 --separate-stderr as_nobody env PATH="$FARM" HOME="$FARM/home" sh -s -- --build "$FARM/home/b" <"$CCM_SOURCE/bootstrap"
	[[ $output == *'[1/7] packages   tools and libraries ... installing make ... done'* ]]
	grep -x 'sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends make' "$FARM/home/ran"
}

@test "bootstrap: a package that brings not what it should is named" {
	path_without make
	stand_in sudo <<<$'#!/bin/sh\n[ "$1" = -n ] || exec "$@"'
	stand_in apt-cache <<<$'#!/bin/sh\necho "Package: $2"'
	stand_in apt-get <<<$'#!/bin/sh\n:'
	mkdir -m 0777 "$FARM/home"
	cd /
	run -1 --separate-stderr as_nobody env PATH="$FARM" HOME="$FARM/home" sh -s -- --build "$FARM/home/b" <"$CCM_SOURCE/bootstrap"
	[[ $stderr == *'step 1 of 7 (packages): still missing after the packages were installed: make'* ]]
}

@test "bootstrap: a package manager that fails is quoted, with the command to run by hand" {
	path_without make
	stand_in sudo <<<$'#!/bin/sh\n[ "$1" = -n ] || exec "$@"'
	stand_in apt-cache <<<$'#!/bin/sh\necho "Package: $2"'
	stand_in apt-get <<<$'#!/bin/sh\necho "E: no route to the archive"; exit 100'
	mkdir -m 0777 "$FARM/home"
	cd /
	run -1 --separate-stderr as_nobody env PATH="$FARM" HOME="$FARM/home" sh -s -- --build "$FARM/home/b" <"$CCM_SOURCE/bootstrap"
	[[ $stderr == *'E: no route to the archive'*'command: sudo apt-get'* ]]
}

@test "bootstrap: --no-packages says what is missing and installs nothing" {
	path_without make
	stand_in apt-get <<<'#!/bin/false'
	run -1 --separate-stderr env PATH="$FARM" "$CCM_SOURCE/bootstrap" --no-packages --build "$HOME/none"
	[[ $stderr == *'missing: make (--no-packages: nothing was installed)'* ]]
	[ ! -e "$HOME/none" ]
}

@test "bootstrap: a CC that makes no program is told apart from a missing one" {
	CC=false run -1 --separate-stderr "$CCM_SOURCE/bootstrap" --build "$HOME/none"
	[[ $stderr == *"CC='false' makes no program"*'remedy:'* ]]
	[ ! -e "$HOME/none" ]
}

@test "bootstrap: root who came by sudo leaves nothing in another person's home" {
	path_without
	stand_in id <<<$'#!/bin/sh\necho 0'
	mkdir "$FARM/home"
	chown 65534 "$FARM/home" 2>/dev/null || :
	run -1 --separate-stderr env SUDO_UID=1000 PATH="$FARM" HOME="$FARM/home" "$CCM_SOURCE/bootstrap"
	[[ $stderr == *"files of root's in '$FARM/home'"*'run ./bootstrap as yourself'* ]]
}

# ------------------------------------------------------------------------------------------------ an installation

@test "bootstrap: a first run goes through numbered steps without a word on stderr" {
	[ ! -s "$HOME/first.err" ]
	[ "$(grep -c '^\[[1-7]/7\] ' "$HOME/first.out")" -eq 7 ]
}

@test "bootstrap: it installs ccm-hook and its manual to ~/.local, and it runs from there" {
	[ -s "$HOME/.local/share/man/man1/ccm-hook.1" ]
	run -0 "$INSTALLED" --version
	[ "$output" = "$(ccm-hook --version)" ]
}

@test "bootstrap: it makes ~/.ccm for nobody but its owner" {
	[ "$(find "$HOME/.ccm" -prune -perm 700)" = "$HOME/.ccm" ]
	[ -s "$HOME/.ccm/config.ini" ]
}

@test "bootstrap: it enables the default automations, in the place where they were installed" {
	run -0 readlink -f "$HOME/.ccm/automations/enabled/"*-context-inject
	[[ $output == "$HOME/.local/"*context-inject ]]
	run -0 readlink -f "$HOME/.ccm/automations/enabled/"*-security-guard
	[[ $output == "$HOME/.local/"*security-guard ]]
}

@test "bootstrap: the security-guard that it installs judges" {
	export CCM_HOME="$BATS_TEST_TMPDIR/.ccm"
	"$INSTALLED" init
	"$INSTALLED" enable security-guard
	run -0 --separate-stderr "$INSTALLED" run < <(event PreToolUse-Bash '.tool_input.command = "rm -rf /"')
	[ "$(jq -r .hookSpecificOutput.permissionDecision <<<"$output")" = deny ]
	[ -z "$stderr" ]
	run -0 --separate-stderr "$INSTALLED" run < <(event PreToolUse-Bash '.tool_input.command = "ls"')
	[ -z "$output$stderr" ]
}

@test "bootstrap: it shows a first event that is in the log" {
	[[ $(<"$HOME/first.out") == *'[7/7] record     first event ... done'*Setup* ]]
	run -0 --separate-stderr "$INSTALLED" log -o json
	[ "$(jq -r '.event + " " + (.session_id | sub("-.*"; "")) + " " + (.valid | tostring)' <<<"$output")" = 'Setup bootstrap true' ]
}

@test "bootstrap: where ccm-hook is not in PATH it gives the line that puts it there" {
	[[ $(<"$HOME/first.out") == *"add this line to $HOME/.bashrc:"*"export PATH=\"$HOME/.local/bin:\$PATH\""* ]]
}

@test "bootstrap: a second run repeats nothing" {
	find "$HOME/.local" "$HOME/.ccm/automations" | sort >"$HOME/before"
	run -0 --separate-stderr bootstrap
	[ -z "$stderr" ]
	[[ $output == *'... as before'*'... there are some already'* ]]
	[ "$("$INSTALLED" log -o json | wc -l)" -eq 1 ]
	find "$HOME/.local" "$HOME/.ccm/automations" | sort | cmp - "$HOME/before"
}

@test "bootstrap: an automation that was disabled stays so" {
	"$INSTALLED" disable context-inject
	run -0 --separate-stderr bootstrap
	run ! ls "$HOME/.ccm/automations/enabled/"*-context-inject
}

@test "bootstrap: --register registers once, however often it is run, by absolute path" {
	run -0 --separate-stderr bootstrap
	[[ $output == *'Claude Code does not call it yet'* ]]
	run -0 --separate-stderr bootstrap --register
	run -0 --separate-stderr bootstrap --register
	[[ $output != *'does not call it yet'* ]]
	[ "$(jq -r '[.hooks.PreToolUse[].hooks[].command] | join(" ")' "$HOME/.claude/settings.json")" = "$INSTALLED" ]
}

@test "bootstrap: a step that fails is named, with its command, its words and a remedy" {
	CCM_HOME=/dev/null/ccm run -1 --separate-stderr bootstrap
	[[ $output == *'[5/7] home       /dev/null/ccm ... failed' ]]
	[[ $stderr == *'step 5 of 7 (home)'*'/dev/null/ccm'*"command: $INSTALLED init"*'remedy:  set CCM_HOME'* ]]
}

@test "bootstrap: a tree that cannot be configured is told with the log to read" {
	CFLAGS=-no-such-flag run -1 --separate-stderr bootstrap --build "$HOME/other"
	[[ $stderr == *'step 2 of 7 (configure)'*"remedy:  config.log in $HOME/other"* ]]
}

@test "bootstrap: a folder in which autoconf cannot build is refused before anything is done" {
	run -1 --separate-stderr bootstrap --build "$HOME/my build"
	[[ $stderr == *"cannot build in '$HOME/my build'"*'--build'* ]]
	[ ! -e "$HOME/my build" ]
}

@test "bootstrap: what it asks to run by hand can be pasted" {
	export CFLAGS=-no-such-flag
	run -1 --separate-stderr bootstrap --build "$HOME/other" --prefix "$HOME/it's mine"
	run ! sh -c "$(sed -n 's/^  command: //p' <<<"$stderr")"
	[[ $output == *'C compiler cannot create executables'* ]]
}

@test "bootstrap: while a newer ccm-hook is installed, the old one or the new one can be called" {
	local caller
	rm -f "$HOME/installed" "$HOME/failed"
	until [ -e "$HOME/installed" ]; do "$INSTALLED" --version || echo failed >>"$HOME/failed"; done >/dev/null 2>&1 3>&- &
	caller=$!
	for _ in $(seq 20); do make -s -C "$HOME/build" install-binPROGRAMS >/dev/null; done
	: >"$HOME/installed"
	wait "$caller"
	[ ! -e "$HOME/failed" ]
}

@test "bootstrap: --uninstall takes back what it installed and registered, and leaves ~/.ccm" {
	bootstrap --register
	run -0 --separate-stderr bootstrap --uninstall
	[ -z "$(find "$HOME/.local" -type f)" ]
	[ -z "$(find "$HOME/.local" -name ccm)" ]
	run ! grep ccm-hook "$HOME/.claude/settings.json"
	[ -s "$HOME/.ccm/ccm.db" ]
}
