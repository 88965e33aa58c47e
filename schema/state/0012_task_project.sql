-- SPDX-License-Identifier: MIT
-- Whose .ccm/config.ini a task is bound by, also when it is started a second time.

-- task.project: the working tree that it was begun in, which need not be the repository's own; NULL: a bare repository, or
-- a task from before this was kept.
ALTER TABLE task ADD COLUMN project TEXT;
