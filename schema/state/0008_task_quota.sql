-- SPDX-License-Identifier: MIT
-- Tasks that are held for want of quota, and go on by themselves.

-- task.held_ms: since when it is held for want of quota; NULL: it is not. task.resumes: how often it has gone on by itself since
-- a person last spoke; task.resumed_ms: when it last did.
ALTER TABLE task ADD COLUMN held_ms INTEGER;
ALTER TABLE task ADD COLUMN resumes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE task ADD COLUMN resumed_ms INTEGER;
