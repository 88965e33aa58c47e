-- SPDX-License-Identifier: MIT
-- What ccm-supervisor goes by: how far each transcript was read, and the work that is to be done.

-- transcript: how far a session's transcript was read. Written by whoever reads on: ccm-supervisor, `ccm-hook quota`.
CREATE TABLE transcript (
  path         TEXT PRIMARY KEY,     -- the file; a subagent has one of its own
  session_id   TEXT    NOT NULL,     -- the session that it belongs to
  inode        INTEGER NOT NULL,     -- of the file that was read; another one is read from its start
  read_bytes   INTEGER NOT NULL,     -- up to the end of the last whole line
  last_message TEXT,                 -- id of the last message counted: its parts are told one by one, each with all its tokens
  read_ms      INTEGER NOT NULL      -- when it was last read
) STRICT, WITHOUT ROWID;
CREATE INDEX transcript_session ON transcript (session_id);

-- spent: the tokens of a transcript, by the hour in which they were spent.
CREATE TABLE spent (
  path    TEXT    NOT NULL,          -- transcript.path
  hour_ms INTEGER NOT NULL,          -- the start of the hour
  tokens  INTEGER NOT NULL,          -- of every kind
  PRIMARY KEY (path, hour_ms)
) STRICT, WITHOUT ROWID;

-- job: what ccm-supervisor does again and again. A row that is leased is being done; a lease that ran out is anyone's.
CREATE TABLE job (
  name           TEXT PRIMARY KEY,   -- tidy, check, quota, ...
  due_ms         INTEGER NOT NULL,   -- when it is to be done next
  lease_until_ms INTEGER,            -- being done: when whoever does it is taken for dead
  started_ms     INTEGER,            -- when it was last begun
  took_ms        INTEGER,            -- how long it took last
  failures       INTEGER NOT NULL DEFAULT 0,  -- in a row
  problem        TEXT                -- why it failed last; NULL: it did not
) STRICT, WITHOUT ROWID;
