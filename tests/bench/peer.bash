#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Stores one hook event as `ccm-hook run` does: what somebody would write who takes bash, jq and the sqlite3 shell for
# it, in as few processes as that can be done in: jq makes the SQL.
set -eu
jq -r '
	def q: if . == null then "NULL" else "\u0027\(tostring | gsub("\u0027"; "\u0027\u0027"))\u0027" end;
	tojson as $body | (now * 1000 | floor) as $now | "
	PRAGMA synchronous = NORMAL;
	BEGIN IMMEDIATE;
	INSERT INTO event (uuid, received_ms, host, event, tool, tool_use_id, session_id, prompt_id, project, cwd,
		permission_mode, detail, valid, payload_bytes, verdict, exit_status, took_us)
	VALUES (lower(hex(randomblob(16))), \($now), \("claude-code" | q), \(.hook_event_name | q), \(.tool_name | q),
		\(.tool_use_id | q), \(.session_id | q), \(.prompt_id | q), \(.cwd | q), \(.cwd | q), \(.permission_mode | q),
		\(.tool_input.command // .tool_input.file_path | q), 1, \($body | utf8bytelength), \("none" | q), 0, 0);
	INSERT INTO payload (event_id, form, body) VALUES (last_insert_rowid(), \("full" | q), CAST(\($body | q) AS BLOB));
	INSERT OR IGNORE INTO session (session_id, host, project, first_ms)
	VALUES (\(.session_id | q), \("claude-code" | q), \(.cwd | q), \($now));
	COMMIT;"' | sqlite3 -bail -cmd '.timeout 10000' "$CCM_HOME/ccm.db"
