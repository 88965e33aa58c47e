-- SPDX-License-Identifier: MIT
-- Answers from afar: what a person was asked over Telegram, and every press of a button. Times ending in _ms are Unix milliseconds.

-- approval: one row per question. Written by `ccm-deliver approve`, which the hook runs.
CREATE TABLE approval (
  id          INTEGER PRIMARY KEY,     -- order of asking
  uuid        TEXT    NOT NULL,        -- UUIDv7
  nonce_hash  TEXT    NOT NULL,        -- SHA-256 of what its buttons carry, in hex: they alone can answer it
  event_uuid  TEXT,                    -- the event it is about; event.uuid
  event       TEXT    NOT NULL,        -- its name
  session_id  TEXT,                    -- the session it is about
  project     TEXT,                    -- its project
  tool        TEXT    NOT NULL,        -- tool_name
  summary     TEXT    NOT NULL,        -- what would be done, as it was shown: redacted and cut
  reason      TEXT,                    -- why it was asked, likewise; NULL: the client asks
  created_ms  INTEGER NOT NULL,        -- when it was asked
  until_ms    INTEGER NOT NULL,        -- from then on nobody's answer counts
  state       TEXT    NOT NULL,        -- waiting, approved, denied, expired, cancelled, failed
  answered_ms INTEGER,                 -- when it came to be no longer waiting
  answered_by TEXT,                    -- who pressed: @name, or user and the number
  problem     TEXT,                    -- what went wrong, redacted; NULL: nothing
  message_id  INTEGER,                 -- the question's message; NULL: it was not sent
  closed_ms   INTEGER                  -- when that message was made to tell the outcome; NULL: not yet
) STRICT;
CREATE UNIQUE INDEX approval_nonce ON approval (nonce_hash);
CREATE INDEX approval_event ON approval (event_uuid) WHERE event_uuid IS NOT NULL;
CREATE INDEX approval_open ON approval (id) WHERE closed_ms IS NULL;

-- press: every press of a button that Telegram told of, whatever became of it.
CREATE TABLE press (
  id          INTEGER PRIMARY KEY,     -- order of arrival
  received_ms INTEGER NOT NULL,        -- when it was read
  update_id   INTEGER NOT NULL,        -- Telegram's number of the update
  callback_id TEXT    NOT NULL,        -- Telegram's id of the press
  chat_id     INTEGER,                 -- where it was pressed; NULL: it did not say
  user_id     INTEGER,                 -- by whom; likewise
  user_name   TEXT,                    -- his @name, without the @
  approval_id INTEGER,                 -- approval.id; NULL: its buttons are of no question that is known
  wish        TEXT,                    -- approve, deny; NULL: neither
  result      TEXT    NOT NULL,        -- accepted; or why not: late, again, unknown, stranger
  UNIQUE (update_id, callback_id)
) STRICT;

-- telegram_offset: up to which update each bot was read.
CREATE TABLE telegram_offset (
  bot         TEXT    PRIMARY KEY,     -- SHA-256 of its token, the first 16 digits
  next_update INTEGER NOT NULL,        -- the first that was not read
  seen_ms     INTEGER NOT NULL         -- when the last was read: after some days without any, Telegram counts anew
) STRICT, WITHOUT ROWID;
