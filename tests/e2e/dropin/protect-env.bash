#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# PreToolUse, Write|Edit: jq in, a permission decision out.
set -euo pipefail
file=$(jq -r '.tool_input.file_path // empty')
[[ $file == */.env ]] || exit 0
jq -n --arg reason "\"${file##*/}\" holds secrets — it stays as it is" '{
	hookSpecificOutput: { hookEventName: "PreToolUse", permissionDecision: "deny", permissionDecisionReason: $reason }
}'
