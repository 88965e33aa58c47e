-- SPDX-License-Identifier: MIT
-- How much of what may be spent is spent, and what waits because of that.

-- meter: what the client's status line last said of each session. Written by `ccm-hook statusline`; NULL: it did not say.
CREATE TABLE meter (
  session_id          TEXT PRIMARY KEY,  -- as the host gave it
  seen_ms             INTEGER NOT NULL,  -- when it was said
  project             TEXT,              -- directory the session was started in
  model               TEXT,              -- the model's id
  transcript          TEXT,              -- the session's transcript file
  context_permille    INTEGER,           -- of the context window, used; tenths of a percent
  cost_usd_micros     INTEGER,           -- what the session has cost so far, millionths of a dollar
  five_hour_permille  INTEGER,           -- of the five-hour limit, used
  five_hour_resets_ms INTEGER,           -- when that limit starts anew
  seven_day_permille  INTEGER,           -- the same for the limit of seven days
  seven_day_resets_ms INTEGER
) STRICT, WITHOUT ROWID;

-- quota: where each limit stands. Written by whoever brings a reading, and when time passes by whoever looks.
CREATE TABLE quota (
  scope             TEXT PRIMARY KEY,  -- five_hour, seven_day; person: what a person said by hand
  state             TEXT    NOT NULL,  -- ok, warning, critical, paused, resuming
  since_ms          INTEGER NOT NULL,  -- when it became that
  source            TEXT,              -- who brought the number: client, ccusage, estimate
  used_permille     INTEGER,           -- the last number; NULL: not known since the limit started anew
  resets_ms         INTEGER,           -- when it starts anew; of person: when the pause ends
  read_ms           INTEGER,           -- when the number was read
  override_until_ms INTEGER            -- of person: nothing is held back until then
) STRICT, WITHOUT ROWID;

-- reading: the numbers as they came, and how the state moved. Pruned after 90 days.
CREATE TABLE reading (
  id            INTEGER PRIMARY KEY,   -- order of arrival
  read_ms       INTEGER NOT NULL,      -- when it was read
  scope         TEXT    NOT NULL,      -- as in quota
  source        TEXT    NOT NULL,      -- client, ccusage, estimate, person, time
  used_permille INTEGER,               -- NULL: no number, but a move
  resets_ms     INTEGER,               -- when the limit starts anew
  from_state    TEXT,                  -- the move that it caused; NULL: none
  to_state      TEXT
) STRICT;

-- held: prompts that were refused and sessions that were stopped for lack of quota. Written by `ccm-hook quota`.
CREATE TABLE held (
  id             INTEGER PRIMARY KEY,  -- order of arrival
  session_id     TEXT    NOT NULL,     -- as the host gave it
  held_ms        INTEGER NOT NULL,     -- when
  scope          TEXT    NOT NULL,     -- what held it: five_hour, seven_day, person, session
  cwd            TEXT,                 -- where the session works
  prompt         TEXT,                 -- what was refused; NULL: stopped at a tool call
  state          TEXT    NOT NULL,     -- held, running, done, failed
  resumes        INTEGER NOT NULL DEFAULT 0,  -- how often it was resumed
  changed_ms     INTEGER NOT NULL,     -- when its state was last changed
  lease_until_ms INTEGER,              -- running: when whoever resumes it is taken for dead
  problem        TEXT                  -- why the last attempt failed
) STRICT;
