# SPDX-License-Identifier: MIT
# The daemon as a service of systemd's user manager, which is started here by itself: in mount and process namespaces of
# its own, with a fresh control group file system in place of the machine's and a bus of its own.
# shellcheck shell=bash

load helper

setup() {
	[ "$(id -u)" -eq 0 ] || skip "only root can make control groups everywhere"
	ccm_sandbox
	unset XDG_DATA_HOME
	export XDG_CONFIG_HOME="$HOME/.config"
	mkdir -p "$XDG_CONFIG_HOME"
}

# Usage: managed SCRIPT
# Runs the shell script where a user manager runs; systemctl --user and `eventually COMMAND...` are at hand.
managed() {
	local namespaces=(unshare --mount --propagation private --cgroup --pid --fork --mount-proc --kill-child)
	cat >script <<-'EOF'
		eventually() {
			tries=0
			until "$@"; do
				tries=$((tries + 1))
				[ "$tries" -lt 600 ] || { echo "never: $*" >&2; cat manager.log >&2; exit 1; }
				sleep 0.05
			done
		}
		pid() { systemctl --user show --property=MainPID --value ccm-supervisor; }
		is_active() { [ "$(systemctl --user is-active ccm-supervisor)" = active ]; }
		/lib/systemd/systemd --user >manager.log 2>&1 &
		eventually test -S "$XDG_RUNTIME_DIR/systemd/private"
	EOF
	printf '%s\n' "$1" 'systemctl --user exit' >>script
	run -0 --separate-stderr timeout --kill-after=5 120 "${namespaces[@]}" sh -ec '
		mount -t cgroup2 none /sys/fs/cgroup
		exec dbus-run-session -- sh -e script' 3>&- || { echo "$output" "$stderr"; cat manager.log; return 1; }
}

@test "service: install starts it, and it is ready; uninstall ends it and leaves nothing" {
	managed '
		ccm-supervisor install
		is_active
		echo "type $(systemctl --user show --property=Type,NRestarts --value ccm-supervisor | tr "\n" " ")"
		systemctl --user is-enabled ccm-supervisor
		ccm-supervisor status | head -n 1
		echo "pid $(pid)"
		ccm-supervisor uninstall
		eventually test ! -e "/proc/$(cat "$CCM_HOME/supervisor.lock")"
	'
	[[ $output == *'Started: '*'type notify 0'*enabled*'Removed: '* ]]
	[ "$(sed -n 's/^daemon    runs as process //p' <<<"$output")" = "$(sed -n 's/^pid //p' <<<"$output")" ]
	[ ! -e "$XDG_CONFIG_HOME/systemd/user/ccm-supervisor.service" ]
}

@test "service: after SIGKILL it is started again, and goes on where it was" {
	managed '
		ccm-supervisor install
		first=$(pid)
		kill -KILL "$first"
		another() { [ "$(pid)" != "$first" ] && [ "$(pid)" != 0 ] && is_active; }
		eventually another
		systemctl --user show --property=NRestarts --value ccm-supervisor
	'
	[ "${lines[-1]}" = 1 ]
	[ "$(db "SELECT count(*) FROM job WHERE lease_until_ms IS NOT NULL AND name <> 'ccusage'")" -le 1 ]
}

@test "service: one that hangs is ended by the watchdog and started again" {
	managed '
		ccm-supervisor install
		mkdir -p "$XDG_CONFIG_HOME/systemd/user/ccm-supervisor.service.d"
		printf "[Service]\nWatchdogSec=500ms\n" >"$XDG_CONFIG_HOME/systemd/user/ccm-supervisor.service.d/soon.conf"
		systemctl --user daemon-reload
		systemctl --user restart ccm-supervisor
		first=$(pid)
		kill -STOP "$first"
		another() { [ "$(pid)" != "$first" ] && [ "$(pid)" != 0 ] && is_active; }
		eventually another
		systemctl --user show --property=NRestarts --value ccm-supervisor
	'
	# One that is stopped does not end by itself.
	[ "${lines[-1]}" -ge 1 ]
}

@test "service: systemctl reload takes a good configuration, and fails on one with mistakes" {
	managed '
		ccm-supervisor install
		(umask 077; printf "[quota]\nwarning = 5\n" >"$CCM_HOME/config.ini")
		systemctl --user reload ccm-supervisor && echo taken
		printf "[quota]\nwarnin = 5\n" >"$CCM_HOME/config.ini"
		systemctl --user reload ccm-supervisor || echo refused
		is_active && echo active
	'
	[[ $output == *taken*refused*active ]]
}

@test "service: odd characters in CCM_HOME reach the daemon as they are" {
	export CCM_HOME="$HOME/50% of \"it\" \\ \$HOME %h"
	managed '
		ccm-supervisor install
		is_active && echo active
		ccm-supervisor uninstall
	'
	[[ $output == *active* ]]
	[ -e "$CCM_HOME/ccm.db" ]
}
