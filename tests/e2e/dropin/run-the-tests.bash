#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Stop: sends the agent back to work once, by exit 2.
set -eu
read -r event
[ "$(jq -r .stop_hook_active <<<"$event")" = false ] || exit 0
echo "The tests have not been run." >&2
exit 2
