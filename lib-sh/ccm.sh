# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# ccm.sh - what an automation may call. Sourced, under dash, bash or busybox sh:
#
#     . "${CCM_LIB_SH:?}/ccm.sh"
#
# An automation answers with one JSON document on stdout, or with nothing. So:
#   * A verdict ends the script: ccm_deny, ccm_ask and ccm_allow print the answer and exit. The first
#     one reached counts: check for what is worst first.
#   * ccm_context and ccm_update_input collect. What they collected is printed with the verdict, or
#     by a trap when the script ends. A script with an EXIT trap of its own calls ccm_end in it.
#   * Nothing else may be printed on stdout. What goes to stderr is kept with the run.
#   * In a pipeline or $( ) a script is another process: a deny there ends only that process, with
#     status 2, which `set -e` passes on; what is collected there is lost, and ccm_context says so.
#
# The library sets no shell options, works with `set -eu`, and starts no process unless one is named
# below. Names that begin with ccm__ are its own.

ccm__nl='
'
# Printable ASCII without the two characters that JSON escapes: such text is quoted without help. All
# of it one by one, because what a range holds depends on the locale. The order suits a [bracket].
ccm__plain='] ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&()*+,./;:<=>?@[^_`{|}~'"'-"
ccm__context=
ccm__input=
ccm__ended=
ccm__may_block=1
: "${CCM_HOOK:=ccm-hook}"

# How this event hears a verdict, and whether it takes context; as schema/events says it.
case ${CCM_EVENT-} in
PreToolUse) ccm__form=permission ;;
PermissionRequest) ccm__form=request ;;
ConfigChange | PostToolBatch | PostToolUse | PostToolUseFailure | PreCompact | Stop | SubagentStop | \
	TaskCompleted | TaskCreated | UserPromptExpansion | UserPromptSubmit) ccm__form=block ;;
Elicitation | ElicitationResult) ccm__form=elicit ;;
CwdChanged | DirectoryAdded | FileChanged | InstructionsLoaded | MessageDisplay | Notification | PermissionDenied | \
	PostCompact | PostModelSwitch | PreModelSwitch | SessionEnd | SessionStart | Setup | StopFailure | \
	SubagentStart | WorktreeRemove) ccm__form=none ;;
*) ccm__form='exit' ;;
esac
case ${CCM_EVENT-} in
PostToolBatch | PostToolUse | PostToolUseFailure | PreToolUse | SessionStart | Setup | Stop | SubagentStart | \
	SubagentStop | UserPromptExpansion | UserPromptSubmit) ccm__takes_context=1 ;;
*) ccm__takes_context= ;;
esac
trap ccm__at_exit EXIT

# Usage: ccm_deny REASON
# Refuses what the event is about, tells the agent why, and ends the script. The agent reads
# `NAME: REASON`. It is said in both ways that the host knows, as JSON and as exit status 2 with the
# reason on stderr, so that stray output on stdout does not disarm it. PostToolUse and its kin cannot
# undo anything: there the reason is a remark on the result; on Stop the agent goes on with it.
# On an event that cannot be refused (Notification, SessionEnd, ...) it is a warning on stderr.
# Exit: 2; 0 where the event cannot be refused.
#     case $CCM_TOOL_COMMAND in *--no-verify*) ccm_deny "hooks must run: commit without --no-verify" ;; esac
ccm_deny() {
	local reason="${1:-no reason given}"
	if [ "$ccm__form" = none ]; then
		ccm_warn "$CCM_EVENT cannot be refused (reason: $reason)"
		exit 0
	fi
	ccm__may_block=1
	ccm__answer deny "$reason"
	printf '%s\n' "$reason" >&2
	exit 2
}

# Usage: ccm_ask REASON
# Lets the person decide about this tool call, shows them why, and ends the script. PreToolUse only:
# on PermissionRequest the person is being asked anyway; elsewhere it is a warning on stderr.
# Exit: 0
#     case $CCM_TOOL_FILE in *.lock) ccm_ask "lock files are made by tools" ;; esac
ccm_ask() {
	case $ccm__form in
	permission) ccm__answer ask "${1:-no reason given}" ;;
	request) ;;
	*) ccm_warn "${CCM_EVENT-this event} has nothing to ask about (reason: ${1-})" ;;
	esac
	exit 0
}

# Usage: ccm_allow [REASON]
# Lets this tool call pass without asking the person, and ends the script. PreToolUse and
# PermissionRequest; elsewhere it says nothing. The person's own deny and ask rules still hold, and
# so does a deny of another automation.
# Exit: 0
#     case $CCM_TOOL_COMMAND in 'make check') ccm_allow "the tests may always run" ;; esac
ccm_allow() {
	case $ccm__form in permission | request) ccm__answer allow "${1-}" ;; esac
	exit 0
}

# Usage: ccm_context TEXT
# Adds TEXT to what the agent knows. May be called several times: the texts are joined by newlines.
# An event that takes no context (PreCompact, Notification, ...) drops it with a warning.
#     ccm_context "Today is $(date +%A)."
ccm_context() {
	if [ -z "$ccm__takes_context" ]; then
		ccm_warn "${CCM_EVENT-this event} takes no context: dropped"
	elif ! ccm__is_main; then
		ccm_warn "ccm_context in a pipeline or \$( ): lost, call it in the script itself"
	else
		ccm__context="$ccm__context${ccm__context:+$ccm__nl}${1-}"
	fi
}

# Usage: ccm_update_input NAME TEXT [NAME TEXT...]
#        ccm_update_input JSON
# Changes what the tool is called with: sets members of tool_input to texts and keeps the others, or
# replaces all of it by a JSON object. Later calls build on earlier ones. PreToolUse, and
# PermissionRequest together with ccm_allow. Starts ccm-hook.
# Returns: 0; 1 where the event has no input to change or the event could not be read.
#     ccm_update_input command "timeout 60 $CCM_TOOL_COMMAND"
ccm_update_input() {
	local left="$#" input
	case $ccm__form in
	permission | request) ;;
	*) ccm_warn "${CCM_EVENT-this event} has no tool input to change"; return 1 ;;
	esac
	if [ "$left" -eq 1 ]; then
		ccm__input="$1"
		return 0
	fi
	if [ "$((left % 2))" -ne 0 ] || [ "$left" -eq 0 ]; then
		ccm_warn "ccm_update_input takes pairs of NAME and TEXT, or one JSON object"
		return 1
	fi
	while [ "$left" -gt 0 ]; do
		set -- "$@" "--set=$1=$2"
		shift 2
		left="$((left - 2))"
	done
	if [ -n "$ccm__input" ]; then
		input=$(printf '%s' "$ccm__input" | "$CCM_HOOK" field "$@" -- '') || return 1
	else
		input=$("$CCM_HOOK" field "$@" -- tool_input) || return 1
	fi
	ccm__input="$input"
}

# Usage: ccm_end
# Prints what ccm_context and ccm_update_input collected, once. Runs by itself when the script ends;
# only a script that sets an EXIT trap of its own calls it, in that trap.
#     trap 'ccm_end; rm -f "$list"' EXIT
ccm_end() {
	if [ -n "$ccm__ended" ] || [ -z "$ccm__context$ccm__input" ]; then return 0; fi
	case $ccm__form in
	request) ccm_warn "a changed input goes with ccm_allow only on $CCM_EVENT: dropped" ;;
	*) ccm__answer none ;;
	esac
}

# Usage: ccm_never_block
# For an automation that refuses nothing: status 2 from here on is a failure (status 1), not a
# refusal. The host takes any status 2 for one, and dash ends with 2 on errors of its own (a variable
# that is not set, a file that cannot be written), as grep and diff do under `set -e`.
#     ccm_never_block
ccm_never_block() {
	ccm__may_block=
}

# Usage: ccm_field PATH [DEFAULT]
# Prints one field of the event: names and array indexes joined by dots. Strings come as they are,
# the rest as JSON. What the environment holds already ($CCM_TOOL, $CCM_TOOL_COMMAND, ...) need not
# be asked for. Starts ccm-hook.
# Exit: 0; 1 and no output if there is no such field and no DEFAULT.
#     pattern=$(ccm_field tool_input.pattern '')
ccm_field() {
	if [ "$#" -gt 1 ]; then
		"$CCM_HOOK" field "--default=$2" -- "$1"
	else
		"$CCM_HOOK" field -- "$1"
	fi
}

# Usage: ccm_state_get [--session] KEY [DEFAULT]
# Prints what this automation has kept under KEY; with --session, for this session only. Starts ccm-hook.
# Exit: 0; 1 and no output if there is nothing and no DEFAULT.
#     last=$(ccm_state_get --session last_branch '')
ccm_state_get() {
	local session=
	case ${1-} in --session) session=--session; shift ;; esac
	if [ "$#" -gt 1 ]; then
		"$CCM_HOOK" state get ${session:+"$session"} "--default=$2" -- "$1"
	else
		"$CCM_HOOK" state get ${session:+"$session"} -- "$1"
	fi
}

# Usage: ccm_state_set [--session] KEY VALUE
# Keeps VALUE, any text up to 1 MiB, under KEY. Starts ccm-hook.
#     ccm_state_set --session last_branch "$branch"
ccm_state_set() {
	local session=
	case ${1-} in --session) session=--session; shift ;; esac
	if [ "${#2}" -lt 30000 ]; then
		"$CCM_HOOK" state set ${session:+"$session"} -- "$1" "$2"
	else
		printf '%s' "$2" | "$CCM_HOOK" state set ${session:+"$session"} -- "$1"
	fi
}

# Usage: ccm_state_incr [--session] KEY [BY]
# Adds BY (default 1) to the whole number under KEY (default 0) and prints the sum. Of parallel runs
# each gets a number of its own. Starts ccm-hook.
#     [ "$(ccm_state_incr --session stops)" -le 3 ] || exit 0
ccm_state_incr() {
	local session=
	case ${1-} in --session) session=--session; shift ;; esac
	"$CCM_HOOK" state incr ${session:+"$session"} -- "$@"
}

# Usage: ccm_state_del [--session] KEY
# Forgets KEY. Starts ccm-hook.
#     ccm_state_del --session last_branch
ccm_state_del() {
	local session=
	case ${1-} in --session) session=--session; shift ;; esac
	"$CCM_HOOK" state del ${session:+"$session"} -- "$@"
}

# Usage: ccm_alert LEVEL TITLE [BODY]
# Tells the person something: LEVEL is info, warning or urgent. Starts ccm-hook.
#     ccm_alert warning "Tests fail on $branch" "$summary"
ccm_alert() {
	"$CCM_HOOK" alert -- "$@"
}

# Usage: ccm_db SQL [NAME=VALUE...]
# Prints what a reading SQL statement finds in the database of events: a line each row, tabs between
# the columns. :NAME in the statement stands for VALUE, whatever characters it holds. Starts ccm-hook.
#     calls=$(ccm_db 'SELECT count(*) FROM event WHERE session_id = :session' session="$CCM_SESSION_ID")
ccm_db() {
	"$CCM_HOOK" db -- "$@"
}

# Usage: ccm_log TEXT...
# Notes TEXT with this run: `ccm-hook show` prints it. It goes to stderr.
#     ccm_log "skipped: no Makefile here"
ccm_log() {
	printf '%s: %s\n' "${CCM_AUTOMATION:-automation}" "$*" >&2
}

# Usage: ccm_warn TEXT...
# The same for something that is wrong.
#     ccm_warn "cannot read '$file'"
ccm_warn() {
	printf '%s: warning: %s\n' "${CCM_AUTOMATION:-automation}" "$*" >&2
}

# Usage: ccm_to_ms DURATION
# Prints DURATION (250ms, 90s, 5m, 2h, 3d; a bare number is seconds) in milliseconds.
# Exit: 0 printed; 64 not a duration, named on stderr.
#     timeout_ms=$(ccm_to_ms "$1") || return
ccm_to_ms() {
	local number="${1%[smhd]}" factor=1000
	case $1 in
	*ms) number="${1%ms}" factor=1 ;;
	*m) factor=60000 ;;
	*h) factor=3600000 ;;
	*d) factor=86400000 ;;
	esac
	case $number in
	'' | *[!0123456789]* | 0?* | ??????????*) ccm_warn "not a duration: '$1'"; return 64 ;;
	esac
	printf '%s\n' "$((number * factor))"
}

# What the EXIT trap does; the status stays what it was, but see ccm_never_block.
ccm__at_exit() {
	local status="$?"
	ccm_end
	if [ "$status" -eq 2 ] && [ -z "$ccm__may_block" ]; then
		exit 1
	fi
}

# Usage: ccm__answer deny|ask|allow|none [REASON]
# Prints the one document: the verdict in the event's form, and what was collected.
ccm__answer() {
	ccm__ended=1
	case $ccm__form.$1 in
	exit.*) return 0 ;;
	block.deny)
		printf '{"decision":"block","reason":'
		ccm__quote "$2"
		if [ -z "$ccm__context" ]; then
			printf '}\n'
			return 0
		fi
		printf ',"hookSpecificOutput":{"hookEventName":"%s"' "$CCM_EVENT"
		;;
	*)
		printf '{"hookSpecificOutput":{"hookEventName":"%s"' "$CCM_EVENT"
		;;
	esac
	case $ccm__form.$1 in
	permission.none) ;;
	permission.*)
		printf ',"permissionDecision":"%s"' "$1"
		if [ -n "$2" ]; then
			printf ',"permissionDecisionReason":'
			ccm__quote "$2"
		fi
		;;
	request.deny)
		printf ',"decision":{"behavior":"deny","message":'
		ccm__quote "$2"
		printf '}'
		;;
	request.allow)
		printf ',"decision":{"behavior":"allow"'
		if [ -n "$ccm__input" ]; then printf ',"updatedInput":%s' "$ccm__input"; fi
		printf '}'
		;;
	elicit.deny) printf ',"action":"decline"' ;;
	esac
	if [ -n "$ccm__context" ]; then
		printf ',"additionalContext":'
		ccm__quote "$ccm__context"
	fi
	case $ccm__form.$1 in
	permission.deny) ;;
	permission.*) if [ -n "$ccm__input" ]; then printf ',"updatedInput":%s' "$ccm__input"; fi ;;
	esac
	printf '}}\n'
}

# Usage: ccm__quote TEXT
# Prints TEXT as a JSON string; only text with something to escape starts ccm-hook. If that fails,
# the document stays broken: it is seen then, where a wrong one would not be.
ccm__quote() {
	case $1 in
	*[!$ccm__plain]*)
		if [ "${#1}" -lt 30000 ]; then
			"$CCM_HOOK" quote -- "$1" || :
		else
			printf '%s' "$1" | "$CCM_HOOK" quote || :
		fi
		;;
	*) printf '"%s"' "$1" ;;
	esac
}

# True in the script itself, false in a pipeline or $( ), where $$ is another's; true if nobody knows.
ccm__is_main() {
	local pid rest
	# shellcheck disable=SC2034  # rest: what follows the number
	{ read -r pid rest </proc/self/stat; } 2>/dev/null || return 0
	[ "$pid" = "$$" ]
}
