# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the end-to-end tests share: the real client, alone with our stand-in for its API.
#
#     setup() { e2e_sandbox; }
#     @test "..." {
#             automation 50-no 'Event: PreToolUse' <<-'EOF'
#                     echo 'not now' >&2; exit 2
#             EOF
#             answers '[{ "call": [["Bash", { "command": "touch made" }]] }, { "say": "So be it." }]'
#             claude_p 'Touch it.'
#             assert_told 'not now'
#     }
#
# On top of the sandbox of ../bats/helper.bash. The client runs by `env -i` in a network namespace of its own, in which
# nothing but loopback exists: as root by `unshare --net`, as anybody else in a user namespace too (where the client
# takes itself for root; it makes no difference to hooks).
#
# CCM_CLIENT is the client; default: the one that `npm ci` put under $CCM_BUILD/tests/e2e for this machine.

load ../bats/helper.bash

E2E=$BATS_TEST_DIRNAME
KEY=sk-ant-api03-no-real-key-is-ever-needed-here

# ---------------------------------------------------------------------------------------------- the sandbox

# A fresh one; what an earlier one of the same test left is gone.
e2e_sandbox() {
	T=$BATS_TEST_TMPDIR
	rm -rf "${T:?}/home" "$T/tmp"
	ccm_sandbox
	PROJECT=$PWD
	export TMPDIR=$T/tmp
	mkdir -p "$TMPDIR" "$CLAUDE_CONFIG_DIR"
	git init --quiet --initial-branch=main
	find_client || return
	in_namespace true || {
		report 'no network namespace: run the tests as root, or let users make them (Debian: sysctl' \
			'kernel.unprivileged_userns_clone=1; Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)'
		return 1
	}
	# What a person answers once: theme, "do you trust this folder?", "use this API key?".
	jq -n --arg project "$PROJECT" --arg key "${KEY: -20}" '{
		hasCompletedOnboarding: true, theme: "dark",
		customApiKeyResponses: { approved: [$key], rejected: [] },
		projects: { ($project): { hasTrustDialogAccepted: true, hasCompletedProjectOnboarding: true } }
	}' >"$CLAUDE_CONFIG_DIR/.claude.json"
}

# Sets CCM_CLIENT. The package itself only holds a starter; the program is in one of its platform packages.
find_client() {
	local arch libc=
	[ -z "${CCM_CLIENT-}" ] || return 0
	case $(uname -m) in
	aarch64 | arm64) arch=arm64 ;;
	*) arch=x64 ;;
	esac
	case $(ldd --version 2>&1) in *musl*) libc=-musl ;; esac
	CCM_CLIENT=$CCM_BUILD/tests/e2e/node_modules/@anthropic-ai/claude-code-linux-$arch$libc/claude
	if ! [ -x "$CCM_CLIENT" ]; then
		report "no client at '$CCM_CLIENT': run these tests by 'make check-e2e', which fetches it"
		return 1
	fi
}

# Usage: registered [OPTION...]
# Registers ccm-hook with the client of this sandbox, as a person does.
registered() {
	ccm-hook install "$@" >"$T/install.out" 2>&1 || { cat "$T/install.out" >&2; return 1; }
}

# Usage: registered_natively EVENT MATCHER COMMAND
# Registers a script with the client itself, in shell form, beside what is registered already.
registered_natively() {
	local settings=$CLAUDE_CONFIG_DIR/settings.json
	[ -e "$settings" ] || echo '{}' >"$settings"
	jq --arg event "$1" --arg matcher "$2" --arg command "$3" \
		'.hooks[$event] += [{ matcher: $matcher, hooks: [{ type: "command", command: $command }] }]' \
		"$settings" >"$settings.new"
	mv "$settings.new" "$settings"
}

# ---------------------------------------------------------------------------------------------- the client

# Usage: answers JSON
# What the model answers, one entry per request; api.mjs says what an entry may hold.
answers() { jq . <<<"$1" >"$T/answers.json"; }

in_namespace() {
	local namespace=(unshare --net)
	[ "$(id -u)" -eq 0 ] || namespace+=(--map-root-user)
	"${namespace[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$@"
}

# The client's whole world is named here. BESIDE: words of a program that runs what follows them, in the same namespace.
client() {
	rm -f "$T/api.jsonl"
	# shellcheck disable=SC2086 # BESIDE is words
	in_namespace env -i \
		PATH="$CCM_BUILD:$(dirname "$(command -v node)"):/usr/local/bin:/usr/bin:/bin" \
		HOME="$HOME" CLAUDE_CONFIG_DIR="$CLAUDE_CONFIG_DIR" CCM_HOME="$CCM_HOME" CCM_DATA_DIR="$CCM_DATA_DIR" \
		CCM_LIBEXEC_DIR="$CCM_LIBEXEC_DIR" \
		TMPDIR="$TMPDIR" LANG=C.UTF-8 TZ=UTC TERM="${TERM:-dumb}" ANTHROPIC_API_KEY="$KEY" \
		ASAN_OPTIONS="${ASAN_OPTIONS-}" UBSAN_OPTIONS="${UBSAN_OPTIONS-}" \
		DISABLE_AUTOUPDATER=1 DISABLE_TELEMETRY=1 DISABLE_ERROR_REPORTING=1 \
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 ${DBUS_SESSION_BUS_ADDRESS:+"DBUS_SESSION_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS"} \
		${BESIDE-} node "$E2E/api.mjs" "$T/answers.json" "$T/api.jsonl" "$CCM_CLIENT" "$@"
}

# Usage: claude_p PROMPT [OPTION...]
# One `claude -p` session in the project, to its end: sets status, output and stderr as run does. Fails unless the
# session went well and asked for exactly the answers it was given.
claude_p() {
	local prompt=$1
	shift
	export -f client in_namespace
	export T E2E KEY CCM_CLIENT
	run --separate-stderr timeout --kill-after=5 120 bash -c 'client "$@"' bash -p "$prompt" \
		--permission-mode acceptEdits --allowedTools Bash Read Write Edit Agent "$@" </dev/null
	# shellcheck disable=SC2154 # set by run
	[ "$status" -eq 0 ] || { report "the client ended with $status" "$output" "$stderr"; return 1; }
	played_out
}

# Fails if the client asked for more answers than there were, or for fewer.
played_out() {
	jq -se 'any(.[]; .unscripted) or last.unused != 0 | not' "$T/api.jsonl" >/dev/null ||
		{ report 'the script was not played to its end' "$(jq -c 'del(.body)' "$T/api.jsonl")"; return 1; }
}

# ------------------------------------------------------------------------------- what the model was told

# Usage: story
# Every request of the session for an answer, in order: what the model was told, one block after the other with who
# speaks and what it is. All that a hook says to the model is somewhere in here. What no two sessions share (ids,
# times, today's date) is replaced.
story() {
	jq -r '
		def blocks: if type == "string" then [{ type: "text", text: . }] else . end;
		def words: if type == "string" then . else map(.text // tojson) | join("\n") end;
		select(.body.messages) | "--- request, \(.kind)",
		(.body.system // [] | words | "system prompt: \(.)"),
		(.body.messages[] | .role as $role | .content | blocks[]
		| if .type == "text" then "\($role): \(.text)"
		  elif .type == "tool_use" then "\($role) calls \(.name) \(.input | tojson)"
		  elif .type == "tool_result" then
			"\($role) \(if .is_error then "failed" else "result" end): \(.content | words)"
		  else "\($role) \(.type): \(tojson)" end)' "$T/api.jsonl" |
		sed -E -e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/UUID/g' -e 's/\ba[0-9a-f]{16}\b/AGENT/g' \
			-e 's/^duration_ms: [0-9]+/duration_ms: N/' -e "s/(Today's date is) [0-9-]+/\1 DATE/"
}

# Usage: told
# The last request of the main conversation, as in story(): all that the model had been told by then.
told() {
	story | awk '
		/^--- request, / { keep = $3 == "main"; if (keep) text = "" }
		keep { text = text $0 "\n" }
		END { printf "%s", text }'
}

# Usage: assert_told TEXT / refute_told TEXT
# The model has (not) been told this text, word for word, by the end of the main conversation.
assert_told() {
	[[ $(told) == *"$1"* ]] || { report "the model was not told: $1" "$(told | tail -n 20)"; return 1; }
}

refute_told() {
	[[ $(told) != *"$1"* ]] || { report "the model was told: $1" "$(told | grep -F -C 2 -e "$1")"; return 1; }
}

# Usage: recorded [JQ-FILTER]
# Every event on record, oldest first, through the filter (default: the event's name).
recorded() { ccm-hook log -n 10000 -o json --reverse | jq -r "${1:-.event}"; }

report() { printf '%s\n' "$@" >&2; }

# ------------------------------------------------------------------------------------ a session on a terminal

# Usage: term_start [OPTION...]
# The client on a terminal of its own: a tmux server that only this test knows. Permissions are asked for.
term_start() {
	export -f client in_namespace
	export T E2E KEY CCM_CLIENT
	term_tmux new-session -d -x 120 -y 50 "bash -c 'client \"\$@\"' bash $* 2>'$T/term.err'; \
		echo \"the client ended with \$?\"; exec cat"
	term_wait '← for agents'
}

term_tmux() { tmux -S "$T/tmux" -f /dev/null "$@"; }

# Usage: term_type TEXT
# Types TEXT as a person does: Enter only once it stands on the screen.
term_type() {
	term_tmux send-keys -l "$1"
	term_wait "$1"
	term_tmux send-keys Enter
}

term_screen() { term_tmux capture-pane -p; }

# Usage: term_wait TEXT
# Waits until TEXT is on the screen.
term_wait() {
	wait_for 60 term_shows "$1" || { report "never on the screen: $1" "$(term_screen)"; return 1; }
}

term_shows() { [[ $(term_screen) == *"$1"* ]]; }

# Ends the terminal, if there is one; for teardown().
term_kill() {
	[ ! -S "$T/tmux" ] || term_tmux kill-server
}

# Usage: wait_for SECONDS COMMAND...
# Tries COMMAND until it succeeds; fails after SECONDS.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
