-- SPDX-License-Identifier: MIT
-- Tasks: what runs in a sandbox of its own. Written by ccm-supervisor. Times ending in _ms are Unix milliseconds.

-- task: one row per `ccm-supervisor run`. Its folder is CCM_HOME/tasks/ID.
CREATE TABLE task (
  id          TEXT    PRIMARY KEY,     -- 8 hexadecimal digits: what a person types
  uuid        TEXT    NOT NULL,        -- UUIDv7
  title       TEXT    NOT NULL,        -- one line
  state       TEXT    NOT NULL,        -- created, running, stopped, finished, failed, lost, merged, discarded, saved
  why         TEXT,                    -- why it is in that state, in words
  created_ms  INTEGER NOT NULL,        -- when it was begun
  changed_ms  INTEGER NOT NULL,        -- when anything of it last changed: state, head, dirty work
  repository  TEXT    NOT NULL,        -- the person's git directory
  base        TEXT    NOT NULL,        -- commit id it began from
  branch      TEXT,                    -- full name of the branch it began from, where merge goes; NULL: a bare commit
  command     TEXT    NOT NULL,        -- JSON array
  pid         INTEGER NOT NULL,        -- of its supervisor while it lives
  layers      TEXT,                    -- what kept it in: landlock, seccomp, namespaces
  exit_status INTEGER,                 -- of the command, as sh says it
  started_ms  INTEGER,                 -- when its command was last started
  spent_ms    INTEGER NOT NULL DEFAULT 0,   -- time that it ran, all starts together, stops left out
  head        TEXT,                    -- commit id that was taken over last
  commits     INTEGER NOT NULL DEFAULT 0,   -- from base to head
  bytes       INTEGER NOT NULL DEFAULT 0,   -- on disk, as last measured
  limits      TEXT    NOT NULL,        -- JSON object: what it may use
  saved       TEXT,                    -- commit id under refs/ccm/tasks/ID/saved in the person's repository
  merged      TEXT                     -- commit id that the merge made
) STRICT, WITHOUT ROWID;

-- task_log: what happened to a task: its moves from state to state, refusals, limits, snapshots.
CREATE TABLE task_log (
  id      INTEGER PRIMARY KEY,         -- order of arrival
  task_id TEXT    NOT NULL REFERENCES task (id) ON DELETE CASCADE,  -- task.id
  at_ms   INTEGER NOT NULL,            -- when
  kind    TEXT    NOT NULL,            -- state, limit, denied, import, snapshot, merge, event, note
  words   TEXT    NOT NULL             -- one line
) STRICT;
CREATE INDEX task_log_task ON task_log (task_id, id);

-- task_snapshot: commits of a task that have a ref of their own in its import.git.
CREATE TABLE task_snapshot (
  task_id   TEXT    NOT NULL REFERENCES task (id) ON DELETE CASCADE,  -- task.id
  number    INTEGER NOT NULL,          -- from 1; refs/ccm/snapshots/NUMBER
  commit_id TEXT    NOT NULL,          -- what it holds
  commits   INTEGER NOT NULL,          -- from the base
  made_ms   INTEGER NOT NULL,          -- when
  why       TEXT    NOT NULL,          -- what it was made for
  PRIMARY KEY (task_id, number)
) STRICT, WITHOUT ROWID;

-- task_event: events that came out of a task. What such an event says of itself is the agent's word.
CREATE TABLE task_event (
  task_id     TEXT    NOT NULL,        -- task.id
  received_ms INTEGER NOT NULL,        -- event.received_ms, by which events are found
  event_uuid  TEXT    NOT NULL,        -- event.uuid
  PRIMARY KEY (task_id, received_ms, event_uuid)
) STRICT, WITHOUT ROWID;

-- task_session: which task a session belongs to; an event of another task cannot speak in its name.
CREATE TABLE task_session (
  session_id TEXT PRIMARY KEY,         -- session.session_id
  task_id    TEXT NOT NULL             -- task.id
) STRICT, WITHOUT ROWID;
