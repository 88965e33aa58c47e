#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What each kind of agent gets in a task. Stand-ins tell what they were started with.

setup() {
	load task
	task_setup
	mkdir -p "$HOME/bin" "$CCM_HOME" "$CLAUDE_CONFIG_DIR"
	export PATH=$HOME/bin:$PATH
}

# Usage: agent NAME <<'EOF' ... EOF
# A program of that name in PATH.
agent() {
	{ echo '#!/bin/sh' && cat; } >"$HOME/bin/$1"
	chmod +x "$HOME/bin/$1"
}
config() { printf '[sandbox]\n%s\n' "$1" >"$CCM_HOME/config.ini"; }

# Usage: run_agent [WORD...]
# A task without a command, or with one; its output in $output.
run_agent() {
	run -0 --separate-stderr ccm-supervisor run "$@" </dev/null
	task_last
}

@test "agent claude: CLAUDE.md of the person and the project is passed in with its imports, and nothing else is imported" {
	agent claude <<-'END'
		while [ "$1" != --append-system-prompt-file ]; do shift; done
		cat "$2"
	END
	echo 'own rules, see @more.md and @~/notes.md' >"$CLAUDE_CONFIG_DIR/CLAUDE.md"
	echo OWN-MORE >"$CLAUDE_CONFIG_DIR/more.md"
	echo OWN-NOTES >"$HOME/notes.md"
	echo SECRET >"$HOME/secret.md"
	printf 'see @docs/style.md, @../outside.md @~/secret.md @/%s/secret.md `@code.md` user@docs/mail.md\n```\n@code.md\n```\n' "$HOME" >CLAUDE.md
	mkdir docs
	printf 'STYLE-MARK\n@deeper.md @../top.md @style.md\n' >docs/style.md
	sed -i 's/style.md,/style.md/' CLAUDE.md
	echo DEEPER-MARK >docs/deeper.md
	echo TOP-MARK >top.md
	echo CODE-MARK | tee code.md docs/mail.md >/dev/null
	git add .
	git commit --quiet -m instructions
	run_agent
	for mark in OWN-MORE OWN-NOTES STYLE-MARK DEEPER-MARK TOP-MARK; do
		[ "$(grep -c "^$mark" <<<"$output")" = 1 ]
	done
	[[ $output != *SECRET* && $output != *CODE-MARK* ]]
}

@test "agent claude: the skills that [sandbox] skills names are passed in, whole, and no others" {
	agent claude <<-'END'
		while [ "$1" != --plugin-dir ]; do shift; done
		cd "$2/skills" && find . -type f | sort && ./mine/run
	END
	mkdir -p "$CLAUDE_CONFIG_DIR/skills"/{mine/data,other}
	echo one | tee "$CLAUDE_CONFIG_DIR/skills/mine/SKILL.md" "$CLAUDE_CONFIG_DIR/skills/mine/data/x" >"$CLAUDE_CONFIG_DIR/skills/other/SKILL.md"
	printf '#!/bin/sh\necho ran\n' >"$CLAUDE_CONFIG_DIR/skills/mine/run"
	chmod +x "$CLAUDE_CONFIG_DIR/skills/mine/run"
	config 'skills = mine'
	run_agent
	[ "$output" = $'./mine/SKILL.md\n./mine/data/x\n./mine/run\nran' ]
}

@test "agent claude: servers of .mcp.json are started only where the command names the file" {
	agent claude <<-'END'
		printf '%s\n' "$@"
	END
	echo '{ "mcpServers": { "evil": { "command": "evil" } } }' >.mcp.json
	git add .
	git commit --quiet -m mcp
	run_agent
	[[ $output == *$'--setting-sources\n\n'* && $output != *mcp* ]]
	run_agent -- claude --mcp-config .mcp.json
	[[ $output == *$'\n--mcp-config\n.mcp.json' ]]
	[ -e "$WORK/.mcp.json" ]
}

@test "agent codex: it runs with its API's host allowed, and nothing of Claude Code's" {
	agent codex <<-'END'
		echo "codex $* ${OPENAI_API_KEY-no key}"
		env | grep -E '^(CLAUDE|ANTHROPIC)'
		[ -n "$HTTPS_PROXY" ] && echo proxy
		curl -sS -o /dev/null https://api.anthropic.com/ 2>&1 | grep -o 403
	END
	config 'agent = codex'
	export OPENAI_API_KEY=secret
	run_agent
	[ "$output" = $'codex  no key\nproxy\n403' ]
	[ "$(ccm-supervisor sandbox explain "$ID" --json | jq -c .network.hosts)" = '["api.openai.com"]' ]
	config 'environment = OPENAI_API_KEY'
	run_agent -- codex exec hello
	[ "${lines[0]}" = 'codex exec hello secret' ]
}

@test "agent custom: a command must be given, and it gets no network of its own accord" {
	config 'agent = custom'
	run -64 --separate-stderr ccm-supervisor run
	[[ $stderr == *'a command is needed: [sandbox] agent is custom'* ]]
	run_agent -- sh -c 'env | grep -i proxy; echo ran'
	[ "$output" = ran ]
}
