# SPDX-License-Identifier: MIT
# tests/run-all tells the truth: run over a small tree that builds at once and whose tests end as we like.
# shellcheck shell=bash

load helper

setup() {
	ccm_sandbox
	unset MAKEFLAGS MFLAGS MAKELEVEL
	export CCM_CHECK=release
	mkdir -p tree/tests
	cp "$CCM_SOURCE/tests/run-all" tree/tests/
	# Its configure leaves a Makefile whose `check` runs results.sh in tests/.
	cat >tree/configure <<-'END'
		#!/bin/sh
		mkdir -p tests && printf 'all:\ncheck:\n\tcd tests && sh %s/results.sh\n' "$(dirname "$0")" >Makefile
	END
	chmod 0755 tree/configure
	: >tree/results.sh
}

# Usage: result NAME RESULT [LOG-TEXT]
# Adds one to what `make check` leaves.
result() {
	printf "echo ':test-result: %s' >>%s.trs; printf '%%b' '%s' >>%s.log\n" "$2" "$1" "${3-}" "$1" >>tree/results.sh
}

@test "run-all: every result counts, and the last line is the sum" {
	result a 'PASS 1 one'
	result a 'PASS 2 two'
	result b PASS
	run -0 --separate-stderr tree/tests/run-all out
	[ "${lines[-1]}" = '3 passed, 0 failed' ]
	[ -z "$stderr" ]
}

@test "run-all: a failed test is shown by name with what it said, and without what the others said" {
	result a 'FAIL 2 it holds' '1..2\nok 1 fine\n# chatter\nnot ok 2 it holds\n# saw nothing\n'
	run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *$'not ok 2 it holds\n# saw nothing'* ]]
	[[ $output != *chatter* ]]
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "run-all: a test file that ends before its plan is a failure" {
	result a 'PASS 1 one'
	result a 'ERROR - too few tests run (expected 2, got 1)' '1..2\nok 1 one\nERROR: a - too few tests run\n'
	run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *'too few tests run'* ]]
	[ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "run-all: a make that fails without a failed test is a failure" {
	result a PASS
	echo 'echo no such thing as a compiler >&2; exit 1' >>tree/results.sh
	run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *'no such thing as a compiler'* ]]
	[ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "run-all: no results at all are a failure" {
	run -1 --separate-stderr tree/tests/run-all out
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "run-all: results of an earlier run do not count" {
	result a PASS
	run -0 tree/tests/run-all out
	: >tree/results.sh
	result b PASS
	run -0 --separate-stderr tree/tests/run-all out
	[ "${lines[-1]}" = '1 passed, 0 failed' ]
}

@test "run-all: a tree that does not build is one failure, with the compiler's words" {
	printf '#!/bin/sh\necho "error: no semicolon" >&2\nexit 1\n' >tree/configure
	run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *'error: no semicolon'* ]]
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "run-all: what hangs is ended in time, and is a failure" {
	result a PASS
	echo 'exec sleep 60' >>tree/results.sh
	CCM_CHECK_SECONDS=16 run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *"'make check' ended with status 124"* ]]
	[ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "run-all: a build that is given is what the release pass tests, and it builds none of its own" {
	result a 'FAIL 1 one' '1..1\nnot ok 1 one\n'
	mkdir given
	(cd given && "$HOME/project/tree/configure")
	run -1 --separate-stderr tree/tests/run-all out given
	[[ $output == *"---- release: tests/a"* ]]
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
	[ ! -e out/release ]
	rm given/Makefile
	run -1 --separate-stderr tree/tests/run-all out given
	[[ $output == *'does not build'* ]]
	[ "${lines[-1]}" = '0 passed, 1 failed' ]
}

@test "run-all: a skipped test is named and counts as neither" {
	result a PASS
	result b SKIP
	echo 'echo "SKIP: b 1 it flies # SKIP needs a moon"' >>tree/results.sh
	run -0 --separate-stderr tree/tests/run-all out
	[[ $output == *'skipped: b 1 it flies # SKIP needs a moon'* ]]
	[ "${lines[-1]}" = '1 passed, 0 failed' ]
}

@test "run-all: what valgrind found is a failure, whatever the test around it says" {
	result a PASS
	cat >>tree/results.sh <<-'END'
		echo '--7-- WARNING: of no importance' >../valgrind-errors/1
		echo '==8== Invalid read of size 1' >../valgrind-errors/2
		: >../valgrind-errors/3
	END
	CCM_CHECK=valgrind run -1 --separate-stderr tree/tests/run-all out
	[[ $output == *'in 3 starts of ccm-hook'*'==8== Invalid read of size 1'* ]]
	[[ $output != *'of no importance'* ]]
	[ "${lines[-1]}" = '1 passed, 1 failed' ]
}

@test "run-all: the faults pass runs the tests of faults and disguises, and at full size" {
	mkdir tree/tests/bats
	: >tree/tests/bats/faults-a.bats
	printf 'all:\ncheck:\n\techo "$$CCM_SOAK $(TESTS)" >>seen; echo ":test-result: PASS" >tests/a.trs\n' >tree/Makefile
	printf '#!/bin/sh\nmkdir -p tests && cp "$(dirname "$0")/Makefile" .\n' >tree/configure
	CCM_CHECK=faults run -0 --separate-stderr tree/tests/run-all out
	[ "$(cat out/release/seen)" = '1 tests/bats/faults-a.bats tests/bats/guard-disguise.bats' ]
	[ "${lines[-1]}" = '1 passed, 0 failed' ]
}

@test "run-all: the slow pass links every program with syncs that take their time" {
	mkdir tree/tests/bin
	cp "$CCM_SOURCE/tests/bin/slow_sync.c" tree/tests/bin/
	sed -i "2i printf '%s\\\\n' \"\$@\" >seen" tree/configure
	result a PASS
	CCM_CHECK=slow run -0 --separate-stderr tree/tests/run-all out
	[ -s "$(sed -n 's/^LIBS=//p' out/slow/seen)" ]
	[ "${lines[-1]}" = '1 passed, 0 failed' ]
}
