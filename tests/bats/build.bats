# SPDX-License-Identifier: MIT
# What the build promises of its programs, whatever they do.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	PROGRAM="$CCM_BUILD/ccm-hook"
}

@test "build: the programs tell the version that configure was given" {
	local version
	version=$(sed -n 's/^#define PACKAGE_VERSION "\(.*\)"/\1/p' "$CCM_BUILD/config.h")
	for program in ccm-hook ccm-supervisor; do
		run -0 --separate-stderr "$program" --version
		[ "$output" = "$program $version" ]
		[ -z "$stderr" ]
	done
}

@test "build: no program has a stack that can be executed, nor anything else that can be written" {
	for program in ccm-hook ccm-guard ccm-supervisor; do
		run -0 readelf -lW "$CCM_BUILD/$program"
		[[ $output =~ GNU_STACK[^$'\n']*\ RW\  ]]
		[[ ! $output =~ \ RWE\  ]]
	done
}

@test "build: what the loader has written in ccm-hook is made read-only (full RELRO)" {
	run -0 readelf -lW "$PROGRAM"
	[[ $output == *GNU_RELRO* ]]
	# A program without a loader has nothing that is bound later.
	if [[ $output == *INTERP* ]]; then
		run -0 readelf -dW "$PROGRAM"
		[[ $output == *NOW* ]]
	fi
}

@test "build: ccm-hook may lie at any address (PIE) where it is not linked for the fastest start" {
	run -0 readelf -hW "$PROGRAM"
	[[ $output =~ Type:\ +DYN ]] || grep -qE '^HOOK_LDFLAGS = -static( |$)' "$CCM_BUILD/Makefile"
}

@test "build: ccm-supervisor may lie at any address (PIE), and what the loader has written in it is made read-only" {
	run -0 readelf -hW "$CCM_BUILD/ccm-supervisor"
	[[ $output =~ Type:\ +DYN ]]
	run -0 readelf -ldW "$CCM_BUILD/ccm-supervisor"
	[[ $output == *GNU_RELRO*NOW* ]]
}

@test "build: our own functions guard their stack frames" {
	run -0 readelf -sW "$CCM_BUILD/libccm.a"
	[[ $output =~ UND\ __stack_chk_fail ]]
}

@test "build: ccm-hook needs no library beyond sqlite3, jansson, inih and what libc and the compiler bring" {
	local name
	run -0 readelf -dW "$PROGRAM"
	while read -r name; do
		case $name in
		libc.so.* | libm.so.* | ld-linux*.so.* | libsqlite3.so.* | libjansson.so.* | libinih.so.*) ;;
		libasan.so.* | libubsan.so.* | libgcc_s.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.*) ;;
		*) echo "unexpected: $name" && return 1 ;;
		esac
	done < <(sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' <<<"$output")
}

@test "build: ccm-supervisor needs no library that is for one of its commands only: git, web, messages" {
	run -0 readelf -dW "$CCM_BUILD/ccm-supervisor"
	run ! grep -E 'lib(git2|z|curl|ssl|crypto|ssh|notify|glib|gio)[-.0-9]' <<<"$output"
}
