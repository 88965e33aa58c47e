# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the attacks share. Each is run as an ordinary user, first as it is, where it must go through, then in a sandbox,
# where it must not; afterwards the person's files are as they were, byte for byte.
#
# For the attacks: VHOME a home, REPO a repository, CCM a ~/.ccm, SERVICES what runs for the person, VICTIM one of their
# processes, KEEPER the process above the attack, PORT ... what listens, PTS a terminal, LATER a file to be written late.

load ../../bats/helper.bash

# Some of what is attacked is there once for each user, so that each file takes another one; where it cannot, they take
# turns.
[ -n "${ESCAPE_USER-}" ] || case $BATS_TEST_FILENAME in
*-alone.bats) ESCAPE_UID=40405 ;;
*-git.bats) ESCAPE_UID=40406 ;;
*) ESCAPE_UID=40404 ;;
esac

# As root, an ordinary user made for this: with a name and a home of its own, as people are. Where none can be made, a bare
# number.
escape_user() {
	export ESCAPE_USER='' ESCAPE_UID
	[ "$EUID" -eq 0 ] || return 0
	if command -v useradd >/dev/null && useradd --no-create-home --home-dir "$SCENE/v/home" --shell /bin/sh --no-user-group \
		--gid nogroup "ccm-escape-$$" 2>/dev/null; then
		ESCAPE_USER=ccm-escape-$$
		ESCAPE_UID=$(id -u "$ESCAPE_USER")
	fi
}

# Once for all attacks of a file: a place that another user can reach, the programs, the template and the services.
escape_setup_file() {
	: "${CCM_BUILD:?set it to the build tree}"
	[ "$EUID" -eq 0 ] || { exec 9>"/var/tmp/ccm-escape-$EUID.lock" && flock 9; }
	SCENE=$(mktemp -d /var/tmp/ccm-escape.XXXXXX)
	chmod 755 "$SCENE"
	export SCENE V=$SCENE/v SERVICES=$SCENE/services VHOME=$SCENE/v/home REPO=$SCENE/v/repo CCM=$SCENE/v/home/.ccm
	mkdir "$SERVICES" "$SERVICES/shared" "$SCENE/bin" "$SCENE/work"
	cp "$CCM_BUILD/ccm-supervisor" "$CCM_BUILD/ccm-hook" "$CCM_BUILD/tests/e2e/escape/attack" \
		"$BATS_TEST_DIRNAME"/{services.py,attacks.sh} "$SCENE/bin/" || return
	make_template
	mkdir "$SCENE/data"
	cp -r "$CCM_SOURCE/automations" "$CCM_SOURCE/lib-sh" "$SCENE/data/"
	cp "$CCM_BUILD/ccm-proxy" "$CCM_BUILD/ccm-guard" "$CCM_BUILD/ccm-checkpoint" "$SCENE/bin/"
	escape_user
	[ "$EUID" -ne 0 ] || chown -R "$ESCAPE_UID:$ESCAPE_UID" "$SCENE"
	start_services
	: >"$SCENE/counted"
	local check
	check=$(as_user env HOME="$VHOME" CCM_HOME="$SCENE/ccm" "$SCENE/bin/ccm-supervisor" sandbox check) || true
	ALONE=
	[[ $check == *'Sandboxes have all three layers.'* && -z ${LAYERS-} ]] || ALONE=1
	# Where there is no sandbox to attack, that nothing is run is what is to be shown.
	NONE=
	case $check in
	*'No sandbox'*) NONE=1 ;;
	*'Landlock     yes      ABI '[1-5]$'\n'*) NONE=$ALONE ;;
	esac
	export ALONE NONE
}

escape_teardown_file() {
	local pid
	[ -n "${SCENE-}" ] || return 0
	tmux -S "$SERVICES/tmux" kill-server 2>/dev/null || true
	while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$SERVICES/pids"
	# shellcheck disable=SC2016
	as_user sh -c 'ipcrm -M "$1" -S "$1" -Q "$1"; rm -f "/dev/shm$2"' sh "$((0x63636d00 ^ $(as_user id -u)))" "$MQ" || true
	rm -rf "$SCENE"
	# The last of their processes may still be ending.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ -n "${ESCAPE_USER-}" ] && ! userdel "$ESCAPE_USER" 2>/dev/null || return 0
		sleep 0.3
	done
	userdel --force "$ESCAPE_USER"
}

# With a PATH that every user can search.
as_user() {
	local be=()
	[ "$EUID" -ne 0 ] || be=(setpriv --reuid "$ESCAPE_UID" --regid "$ESCAPE_UID" --clear-groups)
	HOME=$SCENE PATH=/usr/local/bin:/usr/bin:/bin "${be[@]}" "$@"
}

make_template() {
	local home=$SCENE/template/home repo=$SCENE/template/repo
	mkdir -p "$home"/{.ssh,.claude,.local/bin,.config/autostart,.config/systemd/user} "$repo" \
		"$home"/.ccm/{spool,automations/enabled,tasks/other/work}
	echo SECRET | tee "$home/.ssh/id_rsa" "$home/.netrc" "$home/.claude/.credentials.json" >/dev/null
	chmod 700 "$home" "$home/.ssh" "$home/.ccm"
	chmod 600 "$home/.ssh/id_rsa" "$home/.netrc"
	echo '{}' >"$home/.claude/settings.json"
	touch "$home"/{.bashrc,.gitconfig} "$home"/.ccm/{config.ini,ccm.db}
	echo other >"$home/.ccm/tasks/other/work/file"
	echo '#!/bin/sh' >"$home/.ccm/automations/enabled/10-guard"
	git init -q -b main "$repo"
	echo a >"$repo/a.txt"
	git -C "$repo" add .
	git -C "$repo" -c user.name=p -c user.email=p@example.org commit -qm first
}

start_services() {
	local service ports tries=0
	MQ=/ccm-escape-$ESCAPE_UID
	ABSTRACT=ccm-escape-$(as_user id -u)
	export MQ ABSTRACT
	for service in "python3 $SCENE/bin/services.py $SERVICES" "$SCENE/bin/attack victim"; do
		# shellcheck disable=SC2016,SC2086
		as_user sh -c 'echo $$ >"$SERVICES/pid"; echo $$ >>"$SERVICES/pids"; exec "$@"' sh $service \
			>>"$SERVICES/log" 2>&1 </dev/null 3>&- &
		until [ -s "$SERVICES/ports" ] || [ "$((tries += 1))" -gt 500 ]; do sleep 0.02; done
	done
	as_user tmux -S "$SERVICES/tmux" -f /dev/null new-session -d cat 3>&- </dev/null
	until [ -s "$SERVICES/ports" ] && [ -e "$SERVICES/ready" ]; do
		[ "$((tries += 1))" -lt 1000 ] || { cat "$SERVICES/log" >&2; return 1; }
		sleep 0.02
	done
	VICTIM=$(cat "$SERVICES/pid")
	KEY=$(cat "$SERVICES/key")
	PTS=$(cat "$SERVICES/pts")
	SECRET_ADDRESS=$(cat "$SERVICES/address")
	ports=$(cat "$SERVICES/ports")
	export VICTIM KEY PTS SECRET_ADDRESS
	# shellcheck disable=SC2163,SC2086
	export $ports
}

# The person's things as they were, and an empty place to work in.
fresh() {
	rm -rf "$V" "$V.gone" "${SERVICES:?}/shared" "${SCENE:?}/work"
	mkdir -m 1777 "$SERVICES/shared" "$SCENE/work"
	cp -a "$SCENE/template" "$V"
	cp "$SCENE/bin/attacks.sh" "$SCENE/work/"
	[ "$EUID" -ne 0 ] || chown -R "$ESCAPE_UID:$ESCAPE_UID" "$SCENE/work"
}

# Prints all that there is to know of the person's files, and of all else in the scene, but for
#     work                  where the attack may write
#     output, counted       what the tests write down
#     the scene's own time  which those change when they are made
#     services/log          where what runs for the person says that somebody knocked, also in vain
# and of what they have in /dev/shm. That a socket or terminal was used, no file tells: those attacks tell it themselves.
picture() {
	local but=(-path "$SCENE/work" -prune -o -path "$SCENE/output" -prune -o -path "$SCENE/counted" -prune -o
		-path "$SERVICES/log" -prune -o)
	find "$SCENE" -mindepth 1 "${but[@]}" -printf '%p %y %m %U %G %s %n %T@ %l\n' | sort
	find "$SCENE" -mindepth 1 "${but[@]}" -type f -exec sha256sum {} + | sort
	find "/dev/shm$MQ" -printf '%p %m %s\n' 2>&1
}

readonly NAMES='VHOME REPO CCM SERVICES VICTIM PORT PORT6 UDP FREE_PORT PTS LATER MQ ABSTRACT KEY SECRET_ADDRESS TOO_MUCH_MIB'

# Usage: attack_command NAME
# The words that run the attack; KEEPER is the process above it.
attack_command() {
	# shellcheck disable=SC2016 # for the shell inside
	if grep -q "^$1()" "$BATS_TEST_DIRNAME/attacks.sh"; then
		COMMAND=(sh -c 'export KEEPER=$PPID; sh ./attacks.sh "$1"; exit $?' sh "$1")
	else
		COMMAND=(sh -c 'export KEEPER=$PPID; "$0" "$1"; exit $?' "$SCENE/bin/attack" "$1")
	fi
}

# What bounds a run, or, where its supervisor is to be killed, tells its number.
START=(timeout --kill-after=5 30)
# shellcheck disable=SC2016
START_TO_KILL=(sh -c 'echo $$ >"$SCENE/work/number"; exec "$@"' sh)

outside() {
	(cd "$SCENE/work" && as_user "${START[@]}" "${COMMAND[@]}")
}

inside() {
	local name options=()
	for name in $NAMES; do options+=(--env "$name"); done
	# shellcheck disable=SC2086 # none or one word
	(cd "$SCENE/work" && as_user "${START[@]}" env HOME="$VHOME" CCM_HOME="$SCENE/ccm" "$SCENE/bin/ccm-supervisor" \
		sandbox exec "${options[@]}" ${LAYERS-} --rw "$SCENE/work" --ro "$SCENE/bin" \
		--max-processes 200 --max-file 104857600 --max-memory 1073741824 -- "${COMMAND[@]}")
}

# Usage: went_through outside|inside NAME
went_through() {
	local knock='' status=0
	export LATER=$SCENE/work/late TOO_MUCH_MIB=2000
	case $2 in net_listen)
		# A program of the person's that connects to a port it knows.
		(until (exec 4<>"/dev/tcp/127.0.0.1/$FREE_PORT") 2>/dev/null; do sleep 0.05; done) 3>&- &
		knock=$!
		;;
	esac
	attack_command "$2"
	case $2 in
	killed*)
		local START=("${START_TO_KILL[@]}") end=$((SECONDS + 30))
		"$1" >"$SCENE/output" 2>&1 </dev/null 3>&- &
		until [ -e "$SCENE/work/started" ] || [ "$SECONDS" -gt "$end" ]; do sleep 0.05; done
		kill -KILL "$(cat "$SCENE/work/number")"
		wait "$!" 2>/dev/null || status=$?
		;;
	*) "$1" >"$SCENE/output" 2>&1 </dev/null 3>&- || status=$? ;;
	esac
	[ -z "$knock" ] || { kill "$knock"; wait "$knock"; } 2>/dev/null || true
	case $2 in orphan* | killed*)
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
			[ ! -e "$LATER" ] || return 0
			sleep 0.1
		done
		return 1
		;;
	esac
	return "$status"
}

# Usage: attacks NAME...
# Tries each; says all that are not as they should be.
attacks() {
	local name before bad=0
	for name; do
		[ -n "${ONLY_INSIDE-}" ] || tried_outside "$name" || continue
		fresh
		before=$(picture)
		if went_through inside "$name" && ! known "$name"; then
			printf 'went through: %s\n' "$name" >&2
			bad=1
		fi
		if [ "$(picture)" != "$before" ]; then
			printf 'changed by %s:\n%s\n' "$name" "$(diff <(echo "$before") <(picture))" >&2
			bad=1
		fi
		[ -z "$NONE" ] || grep -q 'no sandbox here' "$SCENE/output" || { echo "not refused: $name" >&2; bad=1; }
	done
	return "$bad"
}

# It must go through outside, or its failure inside says nothing. What a system does not have is said, and not counted.
tried_outside() {
	fresh
	if went_through outside "$1"; then
		echo "$1" >>"$SCENE/counted"
	else
		printf '# cannot be tried on this system: %s: %s\n' "$1" "$(tail -n 1 "$SCENE/output")" >&3
		return 1
	fi
}

known() { [ -n "$ALONE" ] && [[ " ${WITHOUT_NAMESPACES[*]} " == *" $1 "* ]]; }
