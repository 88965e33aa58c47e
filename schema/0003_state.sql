-- SPDX-License-Identifier: MIT
-- What was not written with each event is in state.db (schema/state/) from here on: SQLite reads the whole schema of a file
-- that it opens, and every hook opens this one. What is in the two tables is carried over before (db.c).
DROP TABLE state;
DROP TABLE alert;

-- A halt must be known before every tool call.
ALTER TABLE session ADD COLUMN halted TEXT;         -- why nothing of it is allowed until a person speaks; NULL: it is
ALTER TABLE session ADD COLUMN resumed_ms INTEGER;  -- when a halt of it last ended
