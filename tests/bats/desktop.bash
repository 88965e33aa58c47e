# SPDX-License-Identifier: MIT
# A desktop for alerts: dunst under Xvfb, on a session bus of its own. `load desktop`, then desktop_start, and desktop_stop in
# teardown().
# shellcheck shell=bash

# Sets DBUS_SESSION_BUS_ADDRESS; dunst alone knows the display. It draws what it is told; nobody looks.
desktop_start() {
	local display
	desktop_configure
	# dunst 1.9 does not tell the urgency: what it draws does.
	cat >"$DESKTOP/dunstrc" <<-'EOF'
		[global]
		markup = full
		[urgency_low]
		format = "low|%s|%b"
		[urgency_normal]
		format = "normal|%s|%b"
		[urgency_critical]
		format = "critical|%s|%b"
	EOF
	mkfifo "$DESKTOP/display"
	Xvfb -displayfd 1 -nolisten tcp -screen 0 640x480x24 >"$DESKTOP/display" 2>/dev/null 3>&- &
	DESKTOP_SCREEN=$!
	read -r display <"$DESKTOP/display"
	env -u DBUS_SESSION_BUS_ADDRESS DISPLAY=":$display" dbus-run-session --config-file="$DESKTOP/bus.conf" -- \
		dunst -conf "$DESKTOP/dunstrc" >/dev/null 2>&1 3>&- &
	DESKTOP_SESSION=$!
	eventually dunstctl is-paused
}

# Only the bus, which has no server on it and can start none.
desktop_bus() {
	desktop_configure
	desktop_run dbus-daemon --config-file="$DESKTOP/bus.conf" --nofork --nopidfile
	eventually dbus-send --session --dest=org.freedesktop.DBus / org.freedesktop.DBus.Peer.Ping
}

desktop_configure() {
	DESKTOP=$BATS_TEST_TMPDIR/desktop
	mkdir "$DESKTOP"
	cat >"$DESKTOP/bus.conf" <<-EOF
		<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
			"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
		<busconfig>
			<type>session</type>
			<listen>unix:path=$DESKTOP/bus</listen>
			<policy context="default">
				<allow send_destination="*" eavesdrop="true"/>
				<allow eavesdrop="true"/>
				<allow own="*"/>
			</policy>
		</busconfig>
	EOF
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$DESKTOP/bus
}

# Usage: desktop_run COMMAND... - in the background, until desktop_stop; sets $!
desktop_run() {
	"$@" >/dev/null 2>&1 3>&- &
	DESKTOP_PIDS="${DESKTOP_PIDS-} $!"
}

desktop_stop() {
	local pid
	if [ -n "${DESKTOP_SCREEN-}" ]; then
		# Without a screen dunst ends, and with it its session.
		kill -KILL "$DESKTOP_SCREEN" || :
		wait "$DESKTOP_SCREEN" "${DESKTOP_SESSION-}" || :
	fi 2>/dev/null
	for pid in ${DESKTOP_PIDS-}; do
		kill -KILL "$pid" || :
		wait "$pid" || :
	done 2>/dev/null
}

# Usage: desktop_shown [JQ-FILTER]
# What stood on the screen, the newest first; it is closed by that. Default: urgency, title and body as drawn.
desktop_shown() {
	dunstctl close-all
	dunstctl history | jq -r ".data[0][] | ${1:-.message.data}"
}
