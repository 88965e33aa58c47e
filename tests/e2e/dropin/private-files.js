#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// PreToolUse, Bash: rewrites the call, so that what it creates is private.
let text = '';
process.stdin.on('data', (chunk) => (text += chunk));
process.stdin.on('end', () => {
	const { hook_event_name: hookEventName, tool_name: tool, tool_input: input } = JSON.parse(text);
	if (hookEventName !== 'PreToolUse' || tool !== 'Bash')
		return;
	const updatedInput = { ...input, command: `umask 077; ${input.command}` };
	console.log(JSON.stringify({
		hookSpecificOutput: { hookEventName, permissionDecision: 'allow', updatedInput },
	}, null, 2));
});
