# SPDX-License-Identifier: MIT
# Stores one hook event as `ccm-hook run` does: what somebody would write who takes Python for it.
import json
import os
import sqlite3
import sys
import time
import uuid

body = sys.stdin.buffer.read()
event = json.loads(body)
now = int(time.time() * 1000)
about = event.get("tool_input", {})
db = sqlite3.connect(os.environ["CCM_HOME"] + "/ccm.db", timeout=10)
db.execute("PRAGMA synchronous = NORMAL")
with db:
    cursor = db.execute(
        "INSERT INTO event (uuid, received_ms, host, event, tool, tool_use_id, session_id, prompt_id, project, cwd,"
        " permission_mode, detail, valid, payload_bytes, verdict, exit_status, took_us)"
        " VALUES (?, ?, 'claude-code', ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, 'none', 0, 0)",
        (str(uuid.uuid4()), now, event["hook_event_name"], event.get("tool_name"), event.get("tool_use_id"),
         event["session_id"], event.get("prompt_id"), event["cwd"], event["cwd"], event.get("permission_mode"),
         about.get("command") or about.get("file_path"), len(body)))
    db.execute("INSERT INTO payload (event_id, form, body) VALUES (?, 'full', ?)", (cursor.lastrowid, body))
    db.execute(
        "INSERT OR IGNORE INTO session (session_id, host, project, first_ms) VALUES (?, 'claude-code', ?, ?)",
        (event["session_id"], event["cwd"], now))
db.close()
