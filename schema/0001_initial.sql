-- SPDX-License-Identifier: MIT
-- The first schema. Times ending in _ms are Unix milliseconds, _us are microseconds elapsed.

-- event: one row per hook call. Written by `ccm-hook run`.
-- Kept narrow: the payload has a table of its own, so that listing a million events reads few
-- pages and finishing an event does not rewrite its payload. Every hook parses this file's
-- statements anew: the tables it writes have no CHECKs, and there are no views.
CREATE TABLE event (
  id              INTEGER PRIMARY KEY,  -- order of arrival in this database
  uuid            TEXT    NOT NULL,     -- UUIDv7; its first 48 bits are received_ms
  received_ms     INTEGER NOT NULL,     -- when ccm-hook had read it
  host            TEXT    NOT NULL,     -- the program that sent it: claude-code
  event           TEXT,                 -- hook_event_name; NULL if it could not be read
  tool            TEXT,                 -- tool_name, on tool events
  tool_use_id     TEXT,                 -- as the host gave it; pairs Pre with Post
  session_id      TEXT,                 -- as the host gave it; NULL if it could not be read
  agent_id        TEXT,                 -- the subagent it happened in; NULL: the main agent
  agent_type      TEXT,                 -- kind of subagent
  prompt_id       TEXT,                 -- the user's prompt it belongs to
  project         TEXT,                 -- directory the session was started in
  cwd             TEXT,                 -- the session's directory at that moment
  permission_mode TEXT,                 -- default, plan, acceptEdits, ...
  detail          TEXT,                 -- what it was about, in one line: command, file, prompt, ...
  valid           INTEGER NOT NULL,  -- 0: broke the event's description
  problem         TEXT,                 -- why it is not valid
  payload_bytes   INTEGER NOT NULL,  -- as received
  verdict         TEXT,                 -- none, allow, ask, defer, deny; NULL: not finished
  reason          TEXT,                 -- reason given with the verdict
  stop            INTEGER NOT NULL DEFAULT 0,  -- 1: continue:false was answered
  answer          TEXT,                 -- what was printed, exactly; NULL: nothing
  exit_status     INTEGER,              -- 0 or 2; NULL: not finished
  note            TEXT,                 -- what went wrong on our side, for a person
  took_us         INTEGER               -- from the event being read to the answer; NULL: not finished
) STRICT;
CREATE INDEX event_received ON event (received_ms);
CREATE INDEX event_session  ON event (session_id, received_ms);
CREATE INDEX event_tool     ON event (tool, received_ms) WHERE tool IS NOT NULL;

-- payload: what the host sent. No row: configured not to be kept.
CREATE TABLE payload (
  event_id INTEGER PRIMARY KEY REFERENCES event (id) ON DELETE CASCADE,  -- event.id
  form     TEXT NOT NULL,        -- full, trimmed (long texts in it cut), redacted, cut (over max_event)
  body     BLOB NOT NULL                                                 -- the bytes as they came
) STRICT;

-- run: one row per automation that was started, or could not be, for an event.
CREATE TABLE run (
  event_id     INTEGER NOT NULL REFERENCES event (id) ON DELETE CASCADE,  -- event.id
  seq          INTEGER NOT NULL,       -- order of the merge, from 1
  automation   TEXT    NOT NULL,       -- its name, without the order number
  stage        INTEGER NOT NULL,       -- its order number, 0 to 99; equal numbers run together
  started_ms   INTEGER NOT NULL,       -- when it was started
  took_us      INTEGER NOT NULL,       -- from start to the end of its output
  exit_status  INTEGER,                -- NULL: ended by a signal, or never started
  signal       INTEGER,                -- number of the signal that ended it
  timed_out    INTEGER NOT NULL,  -- 1: ended at its deadline
  verdict      TEXT    NOT NULL,       -- none, allow, ask, defer, deny
  reason       TEXT,                   -- its reason, as it gave it
  problem      TEXT,                   -- why it failed, for a person; NULL: it did not
  stdout       TEXT,                   -- cut; NULL: nothing
  stderr       TEXT,                   -- cut; NULL: nothing
  stdout_bytes INTEGER NOT NULL,       -- whole length
  stderr_bytes INTEGER NOT NULL,       -- whole length
  PRIMARY KEY (event_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_automation ON run (automation, event_id);

-- session: one row per session that any event named. Events may be missing, late or doubled; when
-- the session was last heard of is asked of its events, so that not every event writes here.
CREATE TABLE session (
  session_id TEXT PRIMARY KEY,         -- as the host gave it
  host       TEXT    NOT NULL,         -- the program it runs in
  project    TEXT,                     -- directory it was started in
  model      TEXT,                     -- last model named by the host; NULL: never named
  source     TEXT,                     -- how it began: startup, resume, clear, compact; NULL: not seen
  first_ms   INTEGER NOT NULL,         -- earliest event
  ended_ms   INTEGER,                  -- latest SessionEnd; NULL: not seen. A later event shows that it went on
  end_reason TEXT                      -- the reason given with it
) STRICT, WITHOUT ROWID;
