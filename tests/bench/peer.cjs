// SPDX-License-Identifier: MIT
// Stores one hook event as `ccm-hook run` does: what somebody would write who takes node for it. With node's own SQLite
// where it has one (from node 22 on), else with libsql, whose npm packages bring the compiled library along.
const { readFileSync } = require('node:fs');
const { randomUUID } = require('node:crypto');

function open(path) {
	try {
		return new (require('node:sqlite').DatabaseSync)(path);
	} catch (error) {
		if (error.code !== 'ERR_UNKNOWN_BUILTIN_MODULE')
			throw error;
		return new (require('libsql'))(path);
	}
}

const body = readFileSync(0);
const event = JSON.parse(body.toString());
const now = Date.now();
const about = event.tool_input ?? {};
const db = open(`${process.env.CCM_HOME}/ccm.db`);
db.exec('PRAGMA synchronous = NORMAL');
db.exec('PRAGMA busy_timeout = 10000');
db.exec('BEGIN IMMEDIATE');
const { lastInsertRowid } = db.prepare(`
	INSERT INTO event (uuid, received_ms, host, event, tool, tool_use_id, session_id, prompt_id, project, cwd,
		permission_mode, detail, valid, payload_bytes, verdict, exit_status, took_us)
	VALUES (?, ?, 'claude-code', ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 'none', 0, 0)`).run(randomUUID(), now,
	event.hook_event_name, event.tool_name ?? null, event.tool_use_id ?? null, event.session_id,
	event.prompt_id ?? null, event.cwd, event.cwd, event.permission_mode ?? null,
	about.command ?? about.file_path ?? null, body.length);
db.prepare("INSERT INTO payload (event_id, form, body) VALUES (?, 'full', ?)").run(lastInsertRowid, body);
db.prepare("INSERT OR IGNORE INTO session (session_id, host, project, first_ms) VALUES (?, 'claude-code', ?, ?)").run(
	event.session_id, event.cwd, now);
db.exec('COMMIT');
db.close();
