# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Attacks from inside a sandbox with the layers that this system has.

load lib
load classes

setup_file() { escape_setup_file; }
teardown_file() { escape_teardown_file; }

@test "escape: nothing of the person's can be written" { attacks "${WRITE[@]}"; }
@test "escape: neither ccm nor the client's settings can be switched off" { attacks "${SETTINGS[@]}"; }
@test "escape: nothing of the person's can be read or watched" { attacks "${READ[@]}"; }
@test "escape: no link and no race leads out" { attacks "${LINKS[@]}"; }
@test "escape: no file made inside has powers outside" { attacks "${POWERS[@]}"; }
@test "escape: no other process can be reached" { attacks "${PROCESSES[@]}"; }
@test "escape: nothing that the person has running can be talked to" { attacks "${TALK[@]}"; }
@test "escape: there is no network" { attacks "${NETWORK[@]}"; }
@test "escape: the kernel's less used doors are shut" { attacks "${KERNEL[@]}"; }
@test "escape: no terminal of the person's can be used" { attacks "${TERMINAL[@]}"; }
@test "escape: what it may use up is bounded" { attacks "${RESOURCES[@]}"; }
@test "escape: nothing goes on when it has ended" { attacks "${LATE[@]}"; }

@test "escape: at least 120 of these went through without a sandbox" {
	echo "# $(sort -u "$SCENE/counted" | wc -l) attacks" >&3
	[ "$(sort -u "$SCENE/counted" | wc -l)" -ge 120 ]
}
