-- SPDX-License-Identifier: MIT
-- What automations keep, and what they want the person to hear of.
-- These two were in ccm.db before (schema/0002_automations.sql); what was in them is carried over.

-- state: what automations remember between runs. Written by `ccm-hook state`.
CREATE TABLE state (
  automation TEXT    NOT NULL,         -- whose it is
  session_id TEXT    NOT NULL,         -- '' : for all sessions
  key        TEXT    NOT NULL,         -- any text
  value      TEXT    NOT NULL,         -- any text
  updated_ms INTEGER NOT NULL,         -- when it was last set
  PRIMARY KEY (automation, session_id, key)
) STRICT, WITHOUT ROWID;

-- alert: what the person should hear of. Written by `ccm-hook alert` and by ccm-hook itself.
CREATE TABLE alert (
  id         INTEGER PRIMARY KEY,      -- order of arrival
  uuid       TEXT    NOT NULL,         -- UUIDv7; the same in every delivery
  created_ms INTEGER NOT NULL,         -- when it was raised
  level      TEXT    NOT NULL CHECK (level IN ('info', 'warning', 'urgent')),  -- how much it matters
  source     TEXT    NOT NULL,         -- the automation that raised it, or ccm
  session_id TEXT,                     -- the session it is about
  event_uuid TEXT,                     -- the event it is about; event.uuid
  title      TEXT    NOT NULL,         -- one line
  body       TEXT                      -- more, if there is more
) STRICT;
