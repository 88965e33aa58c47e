-- SPDX-License-Identifier: MIT
-- What security-guard refused, and what a person allowed all the same.

-- refusal: one row per session, project and exact command (or other tool input). Written by `ccm-guard judge` when it
-- refuses and when it lets pass what was allowed, and by `ccm-hook allow-once`.
CREATE TABLE refusal (
  id               INTEGER PRIMARY KEY,  -- order of arrival
  code             TEXT    NOT NULL,     -- what a person types to overrule it
  session_id       TEXT    NOT NULL,     -- the session that was refused
  project          TEXT    NOT NULL,     -- its project
  subject          TEXT    NOT NULL,     -- SHA-256 of the tool, the directory and the exact input
  tool             TEXT    NOT NULL,     -- tool_name
  rule             TEXT    NOT NULL,     -- id of the rule that gave the reason
  rule_group       TEXT    NOT NULL,     -- its group
  event_uuid       TEXT,                 -- the event first refused; event.uuid
  first_ms         INTEGER NOT NULL,     -- when it was refused first
  last_ms          INTEGER NOT NULL,     -- and last
  times            INTEGER NOT NULL,     -- how often it was refused
  allowed_ms       INTEGER,              -- when a person allowed it; NULL: nobody did
  allowed_until_ms INTEGER,              -- until when; NULL with allowed_ms: until the session ends
  passed_ms        INTEGER,              -- when it last passed because of that
  passes           INTEGER NOT NULL DEFAULT 0,  -- how often it did
  UNIQUE (session_id, project, subject)
) STRICT;
CREATE UNIQUE INDEX refusal_code ON refusal (code);
