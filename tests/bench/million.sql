-- SPDX-License-Identifier: MIT
-- Fills a new database with :events events, as some months of work leave them behind: sessions of about 500 events, ten
-- of them at a time, half of the events from Bash and Read, payloads of about 600 bytes, one Bash call in two judged by
-- an automation. The same rows each time, ending at :until_ms. Read by the sqlite3 shell:
--
--     .parameter init
--     .parameter set :events 1000000
--     .parameter set :until_ms 1700000000000
--     .read million.sql
--
-- A needle for --grep stands in three payloads: "Xq7needle".
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -200000;
BEGIN;

-- n: its number; h: the same "random" number for it each time.
CREATE TEMP TABLE made (n INTEGER PRIMARY KEY, h INTEGER, received_ms INTEGER, session_id TEXT, project TEXT, event TEXT,
  tool TEXT, tool_use_id TEXT, detail TEXT, verdict TEXT);
CREATE TEMP TABLE tools (slot INTEGER PRIMARY KEY, tool TEXT, input TEXT);
INSERT INTO tools VALUES
  (0, 'Bash', 'make -j2 check TESTS=tests/unit/%d'), (1, 'Bash', 'git diff --stat HEAD~%d'),
  (2, 'Bash', 'grep -rn "handler_%d" src include | head -40'), (3, 'Bash', 'sed -n %d,+40p src/server/route.c'),
  (4, 'Bash', 'npm test -- --filter case-%d'), (5, 'Bash', 'ls -la build/obj%d'),
  (6, 'Read', 'src/server/file_%d.c'), (7, 'Read', 'include/file_%d.h'), (8, 'Read', 'docs/page-%d.md'),
  (9, 'Read', 'tests/data/%d.json'), (10, 'Read', 'src/lib/module_%d.py'),
  (11, 'Edit', 'src/server/file_%d.c'), (12, 'Edit', 'src/lib/module_%d.py'), (13, 'Edit', 'tests/test_%d.py'),
  (14, 'Grep', 'handler_%d\('), (15, 'Grep', 'TODO.*%d'), (16, 'Write', 'notes/%d.md'), (17, 'Glob', '**/*_%d.c'),
  (18, 'mcp__tracker__get_item', 'ITEM-%d'), (19, 'Agent', 'Look into part %d');
CREATE TEMP TABLE filler (text TEXT);
INSERT INTO filler
  WITH RECURSIVE w (i, word) AS (SELECT 0, 'static' UNION ALL
    SELECT i + 1, substr('intreturnstructconstcharwhilebufferlengthserverrequestanswervaluepointererrorindexconfigtoken',
      1 + (i * 7919) % 80, 3 + (i * 31) % 8) FROM w WHERE i < 1200)
  SELECT group_concat(word, ' ') FROM w;

INSERT INTO made
  WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :events),
  r (n, h) AS (SELECT n, ((n * 2654435761) % 4294967296 / 64 * 40503 + n) % 16777216 FROM c),
  -- Four of five events are the two halves of a tool call; the first half's number decides for both.
  k (n, h, kind, slot, use) AS (SELECT n, h, n % 10,
    ((n - n % 2) * 2654435761 % 4294967296 / 4096) % 20, n - n % 2 FROM r)
  SELECT n, h, :until_ms - (:events - n) * 7000 - h % 5000,
    printf('%08x-%04x-4%03x-8%03x-%012x', n / 5000 * 10 + (n / 2) % 10, 4660, 291, 1110, (n / 5000 * 10 + (n / 2) % 10) * 7919),
    printf('/home/dev/project-%d', (n / 5000 * 10 + (n / 2) % 10) % 20),
    CASE WHEN kind < 8 THEN iif(n % 2, 'PostToolUse', 'PreToolUse')
      ELSE CASE h % 8 WHEN 0 THEN 'UserPromptSubmit' WHEN 1 THEN 'Stop' WHEN 2 THEN 'SubagentStop' WHEN 3 THEN 'Notification'
        ELSE 'PostToolBatch' END END,
    iif(kind < 8, tool, NULL), iif(kind < 8, printf('toolu_%024d', use), NULL),
    iif(kind < 8, printf(input, h % 1000), iif(h % 8 = 0, printf('Please look at part %d once more.', h % 1000), NULL)),
    iif(kind < 8 AND n % 2 = 0 AND h % 200 = 0, 'deny', 'none')
  FROM k JOIN tools USING (slot);

INSERT INTO event (id, uuid, received_ms, host, event, tool, tool_use_id, session_id, prompt_id, project, cwd,
  permission_mode, detail, valid, payload_bytes, verdict, reason, stop, exit_status, took_us)
SELECT n, printf('%08x-%04x-7%03x-8%03x-%012x', received_ms >> 16, received_ms & 65535, h & 4095, n & 4095, h * 65537),
  received_ms, 'claude-code', event, tool, tool_use_id, session_id,
  printf('%08x-aaaa-4bbb-8ccc-%012x', n / 50, n / 50), project, project, 'acceptEdits', detail, 1, 600, verdict,
  iif(verdict = 'deny', 'this removes files outside of the project', NULL), 0, 0, 700 + h % 300
FROM made;

INSERT INTO payload (event_id, form, body)
SELECT n, 'full', CAST(printf('{"session_id":"%s","transcript_path":"/home/dev/.claude/projects/x/%s.jsonl","cwd":"%s",'
  || '"permission_mode":"acceptEdits","hook_event_name":"%s","tool_name":"%s","tool_input":{"command":"%s",'
  || '"description":"%s"},"tool_use_id":"%s"}', session_id, session_id, project, event, tool, detail,
  substr(text, 1 + h % 5000, 20 + h % 460) || iif(n % (:events / 3) = 7, ' Xq7needle', ''), tool_use_id) AS BLOB)
FROM made, filler;
UPDATE event SET payload_bytes = (SELECT length(body) FROM payload WHERE event_id = id);

INSERT INTO run (event_id, seq, automation, stage, started_ms, took_us, exit_status, timed_out, verdict, reason,
  stdout_bytes, stderr_bytes)
SELECT n, 1, 'security-guard', 50, received_ms, 1500 + h % 1000, 0, 0, verdict,
  iif(verdict = 'deny', 'this removes files outside of the project', NULL), 0, 0
FROM made WHERE event = 'PreToolUse' AND tool = 'Bash';

INSERT INTO session (session_id, host, project, source, first_ms)
SELECT session_id, 'claude-code', min(project), 'startup', min(received_ms)
FROM made GROUP BY session_id;
COMMIT;
ANALYZE temp;
PRAGMA journal_mode = WAL;
