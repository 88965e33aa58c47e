# SPDX-License-Identifier: MIT
# A property of security-guard: no disguise softens a verdict, and no danger that is only text gets one.
# shellcheck shell=bash

load helper
load guard

setup() {
	ccm_sandbox
	mkdir src
}

# Usage: for_ci SHORT LONG
# LONG where there is time for all of it. Of what is short, a build with sanitizers gets one: it is about memory there.
for_ci() {
	if [ -n "${CCM_SOAK-}" ]; then
		echo "$2"
	elif grep -q -e -fsanitize=address "$CCM_BUILD/Makefile"; then
		echo 1
	else
		echo "$1"
	fi
}

# Usage: seed
# As the tables are, so are the disguises: who did not touch them sees the same twice. `make soak` takes new ones each time.
seed() { if [ -n "${CCM_SOAK-}" ]; then echo "$RANDOM$RANDOM"; else cat "$FIXTURES"/guard/*.tsv | cksum | cut -d ' ' -f 1; fi; }

@test "disguise: a danger keeps its verdict under random disguises, and as random text it is left alone" {
	run "$CCM_SOURCE/tests/bin/guard-disguise" --seed "$(seed)" --disguises "$(for_ci 3 200)" --embeddings "$(for_ci 1 50)" \
		"$FIXTURES"/guard/*.tsv
	echo "$output"
	[ "$status" -eq 0 ]
	[[ ${lines[-1]} == *': 0 of '* ]]
}

@test "disguise: the test finds a disguise that works" {
	printf 'deny\tno-such-rule\tls -l\n' >table.tsv
	run -1 "$CCM_SOURCE/tests/bin/guard-disguise" --seed 1 --disguises 4 --embeddings 0 table.tsv
	[ "${lines[-1]}" = 'seed 1: 4 of 4 failed' ]
}

@test "disguise: the test finds the text that somebody objects to, among others" {
	printf 'none\t-\tls -l\nnone\t-\tls\nask\todd\todd one\n' >table.tsv
	own_rules mine <<<$'[mine]\ncommand = echo|printf|git|cat|grep\noperand = *odd*\nverdict = ask\nreason = R.'
	run -1 "$CCM_SOURCE/tests/bin/guard-disguise" --seed 2 --disguises 0 --embeddings 30 table.tsv
	[[ $output == *'none odd, but is ask mine'* ]]
	[[ $output != *"'ls"* ]]
}

@test "disguise: the same seed makes the same disguises" {
	printf 'deny\trm-root\trm -rf /\n' >table.tsv
	"$CCM_SOURCE/tests/bin/guard-disguise" --seed 7 --show table.tsv >first
	"$CCM_SOURCE/tests/bin/guard-disguise" --seed 7 --show table.tsv >second
	[ "$(wc -l <first)" -eq 250 ]
	cmp first second
}
