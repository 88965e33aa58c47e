#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Builds in a task that fetch what they need from a registry that is allowed, here one on the person's own loopback.

setup() {
	load task
	task_setup
	: >"$BATS_TEST_TMPDIR/asked"
	coproc REGISTRY { exec python3 "$CCM_SOURCE/tests/bin/registry.py" "$BATS_TEST_TMPDIR/asked" 3>&-; }
	read -r PORT <&"${REGISTRY[0]}"
	export PIP_INDEX_URL=http://127.0.0.1:$PORT/simple PIP_DISABLE_PIP_VERSION_CHECK=1
	mkdir -p "$CCM_HOME"
	printf '[sandbox]\nagent = custom\nenvironment = PIP_INDEX_URL PIP_DISABLE_PIP_VERSION_CHECK\n' >"$CCM_HOME/config.ini"
}

teardown() {
	[ -z "${REGISTRY_PID-}" ] || kill "$REGISTRY_PID"
}

allow_registry() { printf 'allow_hosts = 127.0.0.1:%s\n' "$PORT" >>"$CCM_HOME/config.ini"; }

npm_project() {
	echo '{ "name": "shop", "version": "1.0.0", "dependencies": { "tiny": "1.0.0" } }' >package.json
	jq -n --arg at "http://127.0.0.1:$PORT/npm/tiny/-/tiny-1.0.0.tgz" '{ name: "shop", version: "1.0.0", lockfileVersion: 3,
		packages: { "": { name: "shop", version: "1.0.0", dependencies: { tiny: "1.0.0" } },
			"node_modules/tiny": { version: "1.0.0", resolved: $at } } }' >package-lock.json
	printf 'registry=http://127.0.0.1:%s/npm/\naudit=false\nfund=false\nupdate-notifier=false\nfetch-retries=0\n' "$PORT" >.npmrc
	echo node_modules >.gitignore
	git add .
	git commit --quiet -m npm
}

@test "toolchains: npm ci fetches from an allowed registry, and from no other" {
	npm_project
	task_run 'npm ci || echo failed'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = failed ]
	[ ! -s "$BATS_TEST_TMPDIR/asked" ]
	allow_registry
	task_run 'npm ci >&2 && node -p "require(\"tiny\")"'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = 'tiny of npm' ]
	grep -qx /npm/tiny/-/tiny-1.0.0.tgz "$BATS_TEST_TMPDIR/asked"
}

@test "toolchains: pip install fetches from an allowed registry" {
	allow_registry
	task_run '/usr/bin/python3 -m pip install --quiet --target lib tiny >&2 && PYTHONPATH=lib /usr/bin/python3 -c "import tiny; print(tiny.NAME)"'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = 'tiny of pip' ]
	grep -qx /simple/tiny/ "$BATS_TEST_TMPDIR/asked"
}

@test "toolchains: make and cc build, in parallel, and what was built runs" {
	printf 'all: one two\n\techo built\n%%: %%.c\n\tcc -O -o $@ $<\n' >Makefile
	for name in one two; do printf '#include <stdio.h>\nint main(void) { puts("%s"); }\n' "$name" >"$name.c"; done
	git add .
	git commit --quiet -m make
	task_run 'make -s -j2 && ./one && ./two'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = $'built\none\ntwo' ]
}

@test "toolchains: a server of the task's own is reached on its loopback, and the person's only if it is allowed" {
	allow_registry
	# shellcheck disable=SC2016
	task_run 'python3 -u -m http.server --bind 127.0.0.1 0 >said 2>&1 & until port=$(grep -o "port [0-9]*" said); do sleep 0.05; done
		curl -sf -o /dev/null "http://localhost:${port#port }/" && echo own
		curl -sf -o /dev/null http://127.0.0.1:'"$PORT"'/simple/tiny/ && echo allowed
		curl -sf -o /dev/null http://localhost:'"$PORT"'/simple/tiny/ || echo not by another name'
	[ "$(cat "$BATS_TEST_TMPDIR/out")" = $'own\nallowed\nnot by another name' ]
}
