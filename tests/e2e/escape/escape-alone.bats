# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Attacks from inside a sandbox that has Landlock and seccomp alone. That they go through outside, escape.bats shows.

load lib
load classes

setup_file() { export LAYERS=--no-namespaces ONLY_INSIDE=1; escape_setup_file; }
teardown_file() { escape_teardown_file; }

@test "escape without namespaces: nothing of the person's can be written" { attacks "${WRITE[@]}"; }
@test "escape without namespaces: neither ccm nor the client's settings can be switched off" { attacks "${SETTINGS[@]}"; }
@test "escape without namespaces: nothing of the person's can be read or watched" { attacks "${READ[@]}"; }
@test "escape without namespaces: no link and no race leads out" { attacks "${LINKS[@]}"; }
@test "escape without namespaces: no file made inside has powers outside" { attacks "${POWERS[@]}"; }
@test "escape without namespaces: no other process can be reached" { attacks "${PROCESSES[@]}"; }
@test "escape without namespaces: nothing that the person has running can be talked to" { attacks "${TALK[@]}"; }
@test "escape without namespaces: there is no network" { attacks "${NETWORK[@]}"; }
@test "escape without namespaces: the kernel's less used doors are shut" { attacks "${KERNEL[@]}"; }
@test "escape without namespaces: no terminal of the person's can be used" { attacks "${TERMINAL[@]}"; }
@test "escape without namespaces: what it may use up is bounded" { attacks "${RESOURCES[@]}"; }
@test "escape without namespaces: nothing goes on when it has ended" { attacks "${LATE[@]}"; }
