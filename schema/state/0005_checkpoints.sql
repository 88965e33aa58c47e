-- SPDX-License-Identifier: MIT
-- Checkpoints of working trees, for finding them across repositories.

-- checkpoint: one row per ref refs/ccm/checkpoints/SESSION/N of a git repository. The refs are the truth: written by
-- `ccm-supervisor checkpoint take`, made anew from them by `ccm-supervisor checkpoint list --rescan`.
CREATE TABLE checkpoint (
  repository    TEXT    NOT NULL,      -- its git folder, which linked working trees share
  n             INTEGER NOT NULL,      -- its number in the repository
  session_id    TEXT    NOT NULL,      -- as the host gave it; '': a person's own
  commit_id     TEXT    NOT NULL,      -- the commit, in hex
  tree_id       TEXT    NOT NULL,      -- its tree
  worktree      TEXT,                  -- the working tree that it was taken of
  created_ms    INTEGER NOT NULL,      -- when it was taken, in whole seconds
  reason        TEXT    NOT NULL,      -- why
  prompt        TEXT,                  -- first line of the prompt that was worked on
  event_uuid    TEXT,                  -- the event that it was taken at; event.uuid
  files         INTEGER NOT NULL,      -- how many changed since the one before
  lines_added   INTEGER,               -- NULL: too many files to count
  lines_removed INTEGER,               -- likewise
  left_out      INTEGER NOT NULL,      -- how many files and folders it does not hold
  PRIMARY KEY (repository, n, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoint_event ON checkpoint (event_uuid) WHERE event_uuid IS NOT NULL;
