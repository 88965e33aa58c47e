-- SPDX-License-Identifier: MIT
-- Without the columns' names, here and for the payload: every hook compiles these two, and SQLite looks for each name among
-- all of the table's. The values are in the order of the table's columns.
--
-- query: EVENT_INSERT
INSERT INTO event
VALUES (NULL, :uuid, :received_ms, :host, :event, :tool, :tool_use_id, :session_id, :agent_id, :agent_type,
  :prompt_id, :project, :cwd, :permission_mode, :detail, :valid, :problem, :payload_bytes,
  :verdict, :reason, :stop, :answer, :exit_status, :note, :took_us);

-- query: PAYLOAD_INSERT
INSERT INTO payload VALUES (:event_id, :form, :body);

-- query: EVENT_FINISH
UPDATE event SET verdict = :verdict, reason = :reason, stop = :stop, answer = :answer,
  exit_status = :exit_status, note = :note, took_us = :took_us
WHERE id = :id;

-- query: RUN_INSERT
INSERT INTO run (event_id, seq, automation, stage, started_ms, took_us, exit_status, signal, timed_out,
  verdict, reason, problem, stdout, stderr, stdout_bytes, stderr_bytes)
VALUES (:event_id, :seq, :automation, :stage, :started_ms, :took_us, :exit_status, :signal, :timed_out,
  :verdict, :reason, :problem, :stdout, :stderr, :stdout_bytes, :stderr_bytes);

-- Most events only have to see to it that their session is known.
-- query: SESSION_SEEN
INSERT OR IGNORE INTO session (session_id, host, project, first_ms)
VALUES (:session_id, :host, :project, :received_ms);

-- Why the session is halted, if it is; no row: it is not known yet.
-- query: SESSION_GET
SELECT halted FROM session WHERE session_id = :session_id;

-- query: SESSION_HALT
INSERT INTO session (session_id, host, project, first_ms, halted)
VALUES (:session_id, :host, :project, :now_ms, :halted)
ON CONFLICT (session_id) DO UPDATE SET halted = excluded.halted;

-- query: SESSION_RESUME
UPDATE session SET halted = NULL, resumed_ms = :now_ms WHERE session_id = :session_id AND halted IS NOT NULL;

-- For events that say more of it, and for those that come late, from the spool: its ends move
-- outwards only, and a source is taken from the earliest start seen.
-- query: SESSION_TOUCH
INSERT INTO session (session_id, host, project, model, source, first_ms, ended_ms, end_reason)
VALUES (:session_id, :host, :project, :model, :source, :received_ms, :ended_ms, :end_reason)
ON CONFLICT (session_id) DO UPDATE SET
  project    = coalesce(session.project, excluded.project),
  model      = coalesce(excluded.model, session.model),
  source     = CASE WHEN excluded.first_ms <= session.first_ms THEN coalesce(excluded.source, session.source)
               ELSE coalesce(session.source, excluded.source) END,
  first_ms   = min(session.first_ms, excluded.first_ms),
  end_reason = CASE WHEN excluded.ended_ms >= coalesce(session.ended_ms, 0) THEN excluded.end_reason
               ELSE session.end_reason END,
  ended_ms   = max(coalesce(session.ended_ms, excluded.ended_ms), coalesce(excluded.ended_ms, session.ended_ms));

-- Looked up through the time in the UUID: only the spool asks, so the table has no index on it.
-- query: EVENT_BY_UUID
SELECT id, verdict FROM event WHERE received_ms = :received_ms AND uuid = :uuid;

-- What ccm.db of schema 2 had (attached as `old`) goes to state.db; what is there already has been carried over before.
-- query: CARRY_STATE
INSERT OR IGNORE INTO state.state (automation, session_id, key, value, updated_ms)
SELECT automation, session_id, key, value, updated_ms FROM old.state;

-- query: CARRY_ALERTS
INSERT INTO state.alert (uuid, created_ms, level, source, session_id, event_uuid, title, body, routed_ms)
SELECT uuid, created_ms, level, source, session_id, event_uuid, title, body, created_ms FROM old.alert o
WHERE NOT EXISTS (SELECT 1 FROM state.alert a WHERE a.uuid = o.uuid) ORDER BY o.id;

-- Changes nothing, but takes the write lock of state.db.
-- query: STATE_LOCK
DELETE FROM state WHERE false;

-- State of automations. One statement each, so that parallel hooks cannot come between.
-- query: STATE_GET
SELECT value FROM state WHERE automation = :automation AND session_id = :session_id AND key = :key;

-- query: STATE_SET
INSERT INTO state (automation, session_id, key, value, updated_ms)
VALUES (:automation, :session_id, :key, :value, :updated_ms)
ON CONFLICT (automation, session_id, key) DO UPDATE SET
  value = excluded.value, updated_ms = excluded.updated_ms;

-- No row comes back where the old value is no whole number, or the sum would not fit.
-- query: STATE_INCR
INSERT INTO state (automation, session_id, key, value, updated_ms)
VALUES (:automation, :session_id, :key, CAST(:by AS TEXT), :updated_ms)
ON CONFLICT (automation, session_id, key) DO UPDATE SET
  value = CAST(CAST(state.value AS INTEGER) + :by AS TEXT), updated_ms = excluded.updated_ms
WHERE CAST(CAST(state.value AS INTEGER) AS TEXT) = state.value
  AND typeof(CAST(state.value AS INTEGER) + :by) = 'integer'
RETURNING value;

-- query: STATE_DELETE
DELETE FROM state WHERE automation = :automation AND session_id = :session_id AND key = :key;

-- query: STATE_LIST
SELECT automation, session_id, key, value, updated_ms FROM state
WHERE (:automation IS NULL OR automation = :automation) AND (:session_id IS NULL OR session_id = :session_id)
ORDER BY automation, session_id, key;

-- query: ALERT_INSERT
INSERT INTO alert (uuid, created_ms, level, source, session_id, event_uuid, title, body, kind, event, project)
VALUES (:uuid, :created_ms, :level, :source, :session_id, :event_uuid, :title, :body, :kind, :event, :project);

-- What log and show read of an event. failed: something went wrong with it, on our side or in a run.
-- fragment: EVENT_COLUMNS
e.id, e.uuid, e.received_ms, e.host, e.event, e.tool, e.tool_use_id, e.session_id, e.agent_id, e.agent_type,
e.prompt_id, e.project, e.cwd, e.permission_mode, e.detail, e.valid, e.problem, e.payload_bytes, e.verdict,
e.reason, e.stop, e.answer, e.exit_status, e.note, e.took_us,
(e.note IS NOT NULL OR EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id AND r.problem IS NOT NULL)) AS failed,
(SELECT max(k.n) FROM checkpoint k WHERE k.event_uuid = e.uuid) AS checkpoint

-- Which events log and stats are about. session is the beginning of an id; char(1114111) is the last
-- character there is, so the range holds what begins with it. project is a path or its last part.
-- fragment: EVENT_SCOPE
e.received_ms BETWEEN :since_ms AND :until_ms
AND (:session IS NULL OR e.session_id BETWEEN :session AND :session || char(1114111))
AND (:project IS NULL OR e.project = :project OR substr(e.project, -1 - length(:project)) = '/' || :project)

-- The options of log; NULL: not asked for. Lists are JSON arrays.
-- fragment: EVENT_FILTER
@EVENT_SCOPE@
AND (:events IS NULL OR e.event IN (SELECT value FROM json_each(:events)))
AND (:tools IS NULL OR e.tool IN (SELECT value FROM json_each(:tools))
  OR EXISTS (SELECT 1 FROM json_each(:tool_globs) WHERE e.tool GLOB value))
AND (:verdicts IS NULL OR coalesce(e.verdict, 'running') IN (SELECT value FROM json_each(:verdicts)))
AND (:slow_us IS NULL OR e.took_us >= :slow_us)
AND (:invalid IS NULL OR e.valid = 0)
AND (:failed IS NULL OR e.note IS NOT NULL
  OR EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id AND r.problem IS NOT NULL))
AND (:automation IS NULL OR EXISTS (SELECT 1 FROM run r WHERE r.automation = :automation AND r.event_id = e.id))
AND (:grep IS NULL OR EXISTS (SELECT 1 FROM payload p WHERE p.event_id = e.id AND p.body REGEXP :grep))

-- Newest first is the order of an index, so that the newest 50 of a million are 50 rows read. INDEXED BY
-- holds SQLite to it: the query fails to compile, rather than becoming slow, if that should ever change.
-- fragment: LOG_BY_TIME_NEWEST
SELECT @EVENT_COLUMNS@ FROM event e INDEXED BY event_received
WHERE @EVENT_FILTER@
ORDER BY e.received_ms DESC, e.id DESC LIMIT :limit

-- fragment: LOG_BY_SESSION_NEWEST
SELECT @EVENT_COLUMNS@ FROM event e INDEXED BY event_session
WHERE e.session_id = :key AND @EVENT_FILTER@
ORDER BY e.received_ms DESC, e.id DESC LIMIT :limit

-- fragment: LOG_BY_TOOL_NEWEST
SELECT @EVENT_COLUMNS@ FROM event e INDEXED BY event_tool
WHERE e.tool = :key AND @EVENT_FILTER@
ORDER BY e.received_ms DESC, e.id DESC LIMIT :limit

-- For an automation that ran seldom: its events are looked up and sorted. (One that ran often is soon
-- met on the way back through time.)
-- fragment: LOG_BY_AUTOMATION_NEWEST
SELECT @EVENT_COLUMNS@ FROM event e NOT INDEXED
WHERE e.id IN (SELECT event_id FROM run WHERE automation = :key) AND @EVENT_FILTER@
ORDER BY e.received_ms DESC, e.id DESC LIMIT :limit

-- query: LOG_BY_TIME
@LOG_BY_TIME_NEWEST@;

-- query: LOG_BY_SESSION
@LOG_BY_SESSION_NEWEST@;

-- query: LOG_BY_TOOL
@LOG_BY_TOOL_NEWEST@;

-- query: LOG_BY_AUTOMATION
@LOG_BY_AUTOMATION_NEWEST@;

-- The same events, oldest first.
-- query: LOG_BY_TIME_REVERSE
SELECT * FROM (@LOG_BY_TIME_NEWEST@) ORDER BY received_ms, id;

-- query: LOG_BY_SESSION_REVERSE
SELECT * FROM (@LOG_BY_SESSION_NEWEST@) ORDER BY received_ms, id;

-- query: LOG_BY_TOOL_REVERSE
SELECT * FROM (@LOG_BY_TOOL_NEWEST@) ORDER BY received_ms, id;

-- query: LOG_BY_AUTOMATION_REVERSE
SELECT * FROM (@LOG_BY_AUTOMATION_NEWEST@) ORDER BY received_ms, id;

-- What is new to a follower: events behind the last it saw, and those it saw unfinished. They come whether
-- they match or not, because one that does not match yet may do so once it has a verdict.
-- query: LOG_FOLLOW
SELECT @EVENT_COLUMNS@, (@EVENT_FILTER@) AS matches FROM event e
WHERE e.id IN (SELECT id FROM event WHERE id > :after_id UNION ALL SELECT value FROM json_each(:unfinished))
ORDER BY e.id;

-- query: EVENT_LAST_ID
SELECT coalesce(max(id), 0) AS id FROM event;

-- query: EVENT_UNFINISHED
SELECT id FROM event INDEXED BY event_received WHERE received_ms >= :since_ms AND verdict IS NULL ORDER BY id;

-- Changes whenever another process has committed.
-- query: DATA_VERSION
PRAGMA data_version;

-- query: RUN_LIST
SELECT automation, stage, started_ms, took_us, exit_status, signal, timed_out, verdict, reason, problem,
  stdout, stderr, stdout_bytes, stderr_bytes
FROM run WHERE event_id = :event_id ORDER BY seq;

-- query: RUN_COUNT
SELECT count(*) AS runs FROM (SELECT 1 FROM run WHERE automation = :automation LIMIT :limit);

-- query: SESSION_BY_PREFIX
SELECT session_id FROM session WHERE session_id BETWEEN :session AND :session || char(1114111)
ORDER BY session_id LIMIT 2;

-- query: SESSION_LAST
SELECT session_id FROM event WHERE session_id IS NOT NULL ORDER BY received_ms DESC, id DESC LIMIT 1;

-- query: EVENT_BY_ID
SELECT @EVENT_COLUMNS@ FROM event e WHERE e.id = :id;

-- query: EVENT_LAST
SELECT id FROM event ORDER BY received_ms DESC, id DESC LIMIT 1;

-- query: DOCTOR_EVENTS
SELECT count(*) AS events, max(received_ms) AS last_ms, (SELECT count(*) FROM session) AS sessions FROM event;

-- query: DOCTOR_UNFINISHED
SELECT count(*) AS count, max(id) AS id FROM event
WHERE received_ms BETWEEN :since_ms AND :until_ms AND verdict IS NULL;

-- Newest first, to try an automation on.
-- query: EVENT_PAYLOADS
SELECT e.id, e.uuid, e.event, e.project, e.received_ms, p.form, p.body
FROM event e JOIN payload p ON p.event_id = e.id
WHERE :event IS NULL OR e.event = :event
ORDER BY e.id DESC LIMIT :limit;

-- query: PAYLOAD_GET
SELECT form, body FROM payload WHERE event_id = :event_id;

-- query: SESSION_SPAN
SELECT min(received_ms) AS first_ms, max(received_ms) AS last_ms FROM event WHERE session_id = :session;

-- query: STATS_TOTAL
SELECT count(*) AS events, count(DISTINCT e.session_id) AS sessions, count(DISTINCT e.project) AS projects,
  min(e.received_ms) AS first_ms, max(e.received_ms) AS last_ms,
  count(*) FILTER (WHERE e.valid = 0) AS invalid, count(*) FILTER (WHERE e.verdict IS NULL) AS unfinished,
  count(e.note) AS noted
FROM event e WHERE @EVENT_SCOPE@;

-- A value's place among the values in order; the median is the one in the middle (the lower of two), p99
-- the least that 99 of 100 do not exceed.
-- fragment: TOOK_COLUMNS
max(took_us) FILTER (WHERE place = (places + 1) / 2) AS median_us,
max(took_us) FILTER (WHERE place = (places * 99 + 99) / 100) AS p99_us,
max(took_us) AS max_us

-- query: STATS_TOOK
SELECT @TOOK_COLUMNS@ FROM (
  SELECT e.took_us, row_number() OVER (ORDER BY e.took_us) AS place, count(*) OVER () AS places
  FROM event e WHERE @EVENT_SCOPE@ AND e.took_us IS NOT NULL);

-- query: STATS_AUTOMATIONS
SELECT automation, count(*) AS runs, count(problem) AS failures, sum(timed_out) AS timeouts,
  count(*) FILTER (WHERE verdict = 'allow') AS allow, count(*) FILTER (WHERE verdict = 'ask') AS ask,
  count(*) FILTER (WHERE verdict = 'defer') AS defer, count(*) FILTER (WHERE verdict = 'deny') AS deny,
  @TOOK_COLUMNS@
FROM (
  SELECT r.automation, r.problem, r.timed_out, r.verdict, r.took_us,
    row_number() OVER (PARTITION BY r.automation ORDER BY r.took_us) AS place,
    count(*) OVER (PARTITION BY r.automation) AS places
  FROM event e CROSS JOIN run r ON r.event_id = e.id WHERE @EVENT_SCOPE@)
GROUP BY automation ORDER BY runs DESC, automation;

-- The table is read once; the parts are made from its groups, of which there are few.
-- query: STATS_PARTS
WITH groups AS MATERIALIZED (
  SELECT e.event, e.tool, coalesce(e.verdict, 'running') AS verdict, e.session_id, e.project,
    date(e.received_ms / 1000, 'unixepoch', 'localtime') AS day, count(*) AS n, max(e.received_ms) AS last_ms
  FROM event e WHERE @EVENT_SCOPE@
  GROUP BY 5, 4, 6, 1, 2, 3)
SELECT 'events' AS part, event AS name, NULL AS detail, sum(n) AS events, max(last_ms) AS last_ms, sum(n) AS sort
  FROM groups GROUP BY event
UNION ALL SELECT 'tools', tool, NULL, sum(n), max(last_ms), sum(n) FROM groups WHERE tool IS NOT NULL GROUP BY tool
UNION ALL SELECT 'verdicts', verdict, NULL, sum(n), max(last_ms), sum(n) FROM groups GROUP BY verdict
UNION ALL SELECT 'days', day, NULL, sum(n), max(last_ms), max(last_ms) FROM groups GROUP BY day
UNION ALL SELECT 'sessions', session_id, max(project), sum(n), max(last_ms), max(last_ms) FROM groups
  WHERE session_id IS NOT NULL GROUP BY session_id
UNION ALL SELECT 'projects', project, NULL, sum(n), max(last_ms), sum(n) FROM groups
  WHERE project IS NOT NULL GROUP BY project
ORDER BY sort DESC, name;

-- Pruning. The oldest events first, at most so many in one transaction; the three that belong
-- together choose the same ones.
-- fragment: OLDEST_EVENTS
SELECT id FROM event WHERE received_ms < :before_ms ORDER BY received_ms, id LIMIT :batch

-- query: PRUNE_RUNS
DELETE FROM run WHERE event_id IN (@OLDEST_EVENTS@);

-- query: PRUNE_PAYLOADS
DELETE FROM payload WHERE event_id IN (@OLDEST_EVENTS@);

-- query: PRUNE_EVENTS
DELETE FROM event WHERE id IN (@OLDEST_EVENTS@);

-- Some builds of SQLite overwrite what is deleted with zeros, which writes every page of a large payload once more. What is
-- given back to the file system need not be.
-- query: FORGET_FAST
PRAGMA secure_delete = FAST;

-- How large they are, to choose how many of them; about, and rather too much: of an output less is kept than was printed.
-- query: PRUNE_SIZES
SELECT coalesce(length(p.body), 0) + coalesce(length(e.answer), 0)
  + (SELECT coalesce(sum(r.stdout_bytes + r.stderr_bytes), 0) FROM run r WHERE r.event_id = e.id) AS bytes
FROM event e LEFT JOIN payload p ON p.event_id = e.id
WHERE e.received_ms < :before_ms ORDER BY e.received_ms, e.id LIMIT :batch;

-- Looked for by reading, which holds nobody back; then only those that were found are deleted, one by one, if it still holds.
-- query: SESSIONS_WITHOUT_EVENTS
SELECT session_id FROM session s
WHERE session_id > :after AND NOT EXISTS (SELECT 1 FROM event e WHERE e.session_id = s.session_id)
ORDER BY session_id LIMIT :batch;

-- query: PRUNE_SESSION
DELETE FROM session WHERE session_id = :session_id
  AND NOT EXISTS (SELECT 1 FROM event e WHERE e.session_id = :session_id);

-- query: STATE_WITHOUT_SESSION
SELECT automation, session_id, key FROM state t
WHERE session_id <> '' AND (automation, session_id, key) > (:automation, :session_id, :key)
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.session_id = t.session_id)
ORDER BY automation, session_id, key LIMIT :batch;

-- query: PRUNE_STATE
DELETE FROM state WHERE automation = :automation AND session_id = :session_id AND key = :key
  AND NOT EXISTS (SELECT 1 FROM session s WHERE s.session_id = :session_id);

-- query: PRUNE_COUNT
SELECT count(*) AS events FROM event WHERE received_ms < :before_ms;

-- query: EVENT_COUNT
SELECT count(*) AS events FROM event;

-- query: USED_BYTES
SELECT (pc.page_count - fc.freelist_count) * ps.page_size AS bytes
FROM pragma_page_count pc, pragma_freelist_count fc, pragma_page_size ps;

-- query: FREE_PAGES
SELECT freelist_count AS pages FROM pragma_freelist_count;

-- query: STATE_FREE_PAGES
PRAGMA state.freelist_count;

-- Of parallel hooks that refuse the same, each counts; the code stays the first one's.
-- query: REFUSAL_PUT
INSERT INTO refusal (code, session_id, project, subject, tool, rule, rule_group, event_uuid, first_ms, last_ms, times)
VALUES (:code, :session_id, :project, :subject, :tool, :rule, :rule_group, :event_uuid, :now_ms, :now_ms, 1)
ON CONFLICT (session_id, project, subject) DO UPDATE SET
  rule = excluded.rule, rule_group = excluded.rule_group, last_ms = excluded.last_ms, times = times + 1
RETURNING code;

-- What passes because a person allowed it: for some minutes, or until the session ends.
-- query: REFUSAL_PASS
UPDATE refusal SET passed_ms = :now_ms, passes = passes + 1
WHERE session_id = :session_id AND project = :project AND subject = :subject AND allowed_ms <= :now_ms
  AND (allowed_until_ms > :now_ms OR (allowed_until_ms IS NULL AND NOT EXISTS (
    SELECT 1 FROM session s WHERE s.session_id = :session_id AND s.ended_ms > allowed_ms)));

-- Differently spelled attempts at the same, since the person last said something and as far as no person allowed them.
-- query: REFUSAL_DETOURS
SELECT count(*) AS count FROM refusal
WHERE session_id = :session_id AND rule_group = :rule_group AND allowed_ms IS NULL AND last_ms > coalesce((
  SELECT resumed_ms FROM session s WHERE s.session_id = :session_id), 0);

-- query: REFUSAL_BY_CODE
SELECT r.id, r.session_id, r.project, r.rule, coalesce(CASE WHEN json_valid(CAST(p.body AS TEXT))
  THEN json_extract(CAST(p.body AS TEXT), '$.tool_input.command') END, e.tool || ' ' || e.detail) AS what
FROM refusal r
  LEFT JOIN event e ON e.uuid = r.event_uuid AND e.received_ms BETWEEN r.first_ms - 60000 AND r.first_ms + 60000
  LEFT JOIN payload p ON p.event_id = e.id
WHERE r.code = :code;

-- query: REFUSAL_ALLOW
UPDATE refusal SET allowed_ms = :now_ms, allowed_until_ms = :until_ms WHERE id = :id;

-- For security-guard: calls that may have made a file or directory in this session.
-- query: GUARD_MADE
SELECT e.tool, e.cwd, p.body, s.first_ms
FROM session s JOIN event e ON e.session_id = s.session_id AND e.received_ms >= s.first_ms
  JOIN payload p ON p.event_id = e.id
WHERE s.session_id = :session_id AND e.event = 'PostToolUse'
  AND (e.tool = 'Write' OR (e.tool = 'Bash' AND (instr(p.body, CAST('mkdir' AS BLOB)) OR instr(p.body, CAST('mktemp' AS BLOB)))))
ORDER BY e.received_ms DESC LIMIT 500;

-- Whether this session wrote the file, or a part of it; detail is its path, cut at 200 characters.
-- query: GUARD_WROTE
SELECT 1 FROM event e INDEXED BY event_tool
WHERE e.tool IN ('Write', 'Edit', 'MultiEdit', 'NotebookEdit') AND e.received_ms >= (SELECT first_ms FROM session WHERE session_id = :session_id)
  AND e.session_id = :session_id AND (e.detail = :path
    OR (e.detail LIKE '%…' AND substr(:path, 1, length(e.detail) - 1) = substr(e.detail, 1, length(e.detail) - 1)))
LIMIT 1;

-- The latest commands of this session that name a file and may write one.
-- query: GUARD_SHELL
SELECT e.cwd, p.body
FROM (SELECT id, cwd FROM event INDEXED BY event_session
  WHERE session_id = :session_id AND tool = 'Bash' AND event = 'PreToolUse' ORDER BY received_ms DESC LIMIT 1000) e
  JOIN payload p ON p.event_id = e.id
WHERE instr(p.body, CAST(:name AS BLOB)) AND (instr(p.body, x'3E') OR instr(p.body, CAST('tee' AS BLOB)))
LIMIT 50;

-- query: METER_GET
SELECT five_hour_permille, five_hour_resets_ms, seven_day_permille, seven_day_resets_ms, cost_usd_micros
FROM meter WHERE session_id = :session_id;

-- Not written again while nothing has changed, but for the time, twice a minute.
-- query: METER_PUT
INSERT INTO meter (session_id, seen_ms, project, model, transcript, context_permille, cost_usd_micros,
  five_hour_permille, five_hour_resets_ms, seven_day_permille, seven_day_resets_ms)
VALUES (:session_id, :seen_ms, :project, :model, :transcript, :context_permille, :cost_usd_micros,
  :five_hour_permille, :five_hour_resets_ms, :seven_day_permille, :seven_day_resets_ms)
ON CONFLICT (session_id) DO UPDATE SET
  seen_ms             = excluded.seen_ms,
  project             = coalesce(excluded.project, project),
  model               = coalesce(excluded.model, model),
  transcript          = coalesce(excluded.transcript, transcript),
  context_permille    = coalesce(excluded.context_permille, context_permille),
  cost_usd_micros     = coalesce(excluded.cost_usd_micros, cost_usd_micros),
  five_hour_permille  = coalesce(excluded.five_hour_permille, five_hour_permille),
  five_hour_resets_ms = coalesce(excluded.five_hour_resets_ms, five_hour_resets_ms),
  seven_day_permille  = coalesce(excluded.seven_day_permille, seven_day_permille),
  seven_day_resets_ms = coalesce(excluded.seven_day_resets_ms, seven_day_resets_ms)
WHERE abs(excluded.seen_ms - seen_ms) >= 30000
  OR excluded.context_permille IS NOT context_permille OR excluded.cost_usd_micros IS NOT cost_usd_micros
  OR excluded.model IS NOT model OR excluded.transcript IS NOT transcript OR excluded.project IS NOT project
  OR excluded.five_hour_permille IS NOT five_hour_permille OR excluded.five_hour_resets_ms IS NOT five_hour_resets_ms
  OR excluded.seven_day_permille IS NOT seven_day_permille OR excluded.seven_day_resets_ms IS NOT seven_day_resets_ms;

-- query: METER_LIST
SELECT m.session_id, m.seen_ms, m.project, m.model, m.context_permille, m.cost_usd_micros
FROM meter m WHERE m.seen_ms >= :since_ms ORDER BY m.seen_ms DESC LIMIT :limit;

-- query: QUOTA_GET
SELECT scope, state, since_ms, source, used_permille, resets_ms, read_ms, override_until_ms
FROM quota WHERE scope = :scope;

-- query: QUOTA_LIST
SELECT scope, state, since_ms, source, used_permille, resets_ms, read_ms, override_until_ms
FROM quota ORDER BY scope;

-- query: QUOTA_PUT
INSERT INTO quota (scope, state, since_ms, source, used_permille, resets_ms, read_ms, override_until_ms)
VALUES (:scope, :state, :since_ms, :source, :used_permille, :resets_ms, :read_ms, :override_until_ms)
ON CONFLICT (scope) DO UPDATE SET state = excluded.state, since_ms = excluded.since_ms, source = excluded.source,
  used_permille = excluded.used_permille, resets_ms = excluded.resets_ms, read_ms = excluded.read_ms,
  override_until_ms = excluded.override_until_ms;

-- query: READING_LAST
SELECT used_permille, resets_ms, read_ms FROM reading
WHERE scope = :scope AND source = :source AND used_permille IS NOT NULL ORDER BY id DESC LIMIT 1;

-- query: READING_INSERT
INSERT INTO reading (read_ms, scope, source, used_permille, resets_ms, from_state, to_state)
VALUES (:read_ms, :scope, :source, :used_permille, :resets_ms, :from_state, :to_state);

-- query: READING_LIST
SELECT read_ms, scope, source, used_permille, resets_ms, from_state, to_state FROM reading
WHERE read_ms >= :since_ms AND (:scope IS NULL OR scope = :scope) ORDER BY read_ms, id;

-- query: READING_PRUNE
DELETE FROM reading WHERE id IN (SELECT id FROM reading WHERE read_ms < :before_ms ORDER BY id LIMIT 1000);

-- query: METER_PRUNE
DELETE FROM meter WHERE session_id IN (SELECT session_id FROM meter WHERE seen_ms < :before_ms LIMIT 1000);

-- query: TRANSCRIPT_PRUNE
DELETE FROM transcript WHERE path IN (SELECT path FROM transcript WHERE read_ms < :before_ms LIMIT 1000);

-- query: HELD_PRUNE
DELETE FROM held WHERE id IN (SELECT id FROM held WHERE changed_ms < :before_ms ORDER BY id LIMIT 1000);

-- query: SPENT_PRUNE
DELETE FROM spent WHERE (path, hour_ms) IN (SELECT path, hour_ms FROM spent
  WHERE NOT EXISTS (SELECT 1 FROM transcript t WHERE t.path = spent.path) LIMIT 1000);

-- Each prompt once, however often it was tried.
-- query: HELD_PUT
INSERT INTO held (session_id, held_ms, scope, cwd, prompt, state, changed_ms)
SELECT :session_id, :now_ms, :scope, :cwd, :prompt, 'held', :now_ms
WHERE NOT EXISTS (SELECT 1 FROM held WHERE session_id = :session_id AND state = 'held' AND prompt IS :prompt);

-- query: HELD_LIST
SELECT id, session_id, held_ms, scope, cwd, prompt, state, resumes, changed_ms, problem FROM held
WHERE (:state IS NULL OR state = :state) ORDER BY id DESC LIMIT :limit;

-- Shown where the agent is: that it waits need not be said there.
-- query: ALERTS_PENDING
SELECT count(*) AS count FROM alert
WHERE created_ms >= :since_ms AND level <> 'info' AND folded_into IS NULL AND seen_ms IS NULL AND kind IS NOT 'agent-needs-input';

-- query: TRANSCRIPT_GET
SELECT inode, read_bytes, last_message, read_ms FROM transcript WHERE path = :path;

-- Nothing is changed where somebody else has read on meanwhile.
-- query: TRANSCRIPT_PUT
INSERT INTO transcript (path, session_id, inode, read_bytes, last_message, read_ms)
VALUES (:path, :session_id, :inode, :read_bytes, :last_message, :read_ms)
ON CONFLICT (path) DO UPDATE SET session_id = excluded.session_id, inode = excluded.inode,
  read_bytes = excluded.read_bytes, last_message = excluded.last_message, read_ms = excluded.read_ms
WHERE read_bytes = :from_bytes OR :anew;

-- query: SPENT_ADD
INSERT INTO spent (path, hour_ms, tokens) VALUES (:path, :hour_ms, :tokens)
ON CONFLICT (path, hour_ms) DO UPDATE SET tokens = tokens + excluded.tokens;

-- query: SPENT_FORGET
DELETE FROM spent WHERE path = :path;

-- query: SPENT_BY_SESSION
SELECT coalesce(sum(s.tokens), 0) AS tokens FROM transcript t JOIN spent s ON s.path = t.path
WHERE t.session_id = :session_id;

-- query: SPENT_SINCE
SELECT coalesce(sum(tokens), 0) AS tokens, min(hour_ms) AS first_ms FROM spent WHERE hour_ms >= :since_ms;

-- Sessions that did something of late, with their transcripts: as the status line told, or the newest event that has one.
-- query: TRANSCRIPTS_RECENT
SELECT s.session_id, coalesce(m.transcript, (
    SELECT json_extract(p.body, '$.transcript_path') FROM event e JOIN payload p ON p.event_id = e.id
    WHERE e.session_id = s.session_id AND e.valid = 1 AND json_valid(p.body) ORDER BY e.received_ms DESC LIMIT 1)) AS path
FROM (SELECT session_id FROM event INDEXED BY event_received WHERE received_ms >= :since_ms AND session_id IS NOT NULL
  UNION SELECT session_id FROM meter WHERE seen_ms >= :since_ms) s
LEFT JOIN meter m ON m.session_id = s.session_id;

-- query: JOB_GET
SELECT name, due_ms, lease_until_ms, started_ms, took_ms, failures, problem FROM job WHERE name = :name;

-- query: JOB_LIST
SELECT name, due_ms, lease_until_ms, started_ms, took_ms, failures, problem FROM job ORDER BY name;

-- query: JOB_ADD
INSERT OR IGNORE INTO job (name, due_ms) VALUES (:name, :due_ms);

-- Of several who try, one gets it.
-- query: JOB_LEASE
UPDATE job SET lease_until_ms = :until_ms, started_ms = :now_ms
WHERE name = :name AND due_ms <= :now_ms AND coalesce(lease_until_ms, 0) <= :now_ms;

-- query: JOB_END
UPDATE job SET lease_until_ms = NULL, due_ms = :due_ms, took_ms = :took_ms, problem = :problem,
  failures = CASE WHEN :problem IS NULL THEN 0 ELSE failures + 1 END
WHERE name = :name AND started_ms = :started_ms;

-- query: JOB_SOONER
UPDATE job SET due_ms = :due_ms WHERE name = :name AND due_ms > :due_ms;

-- Checkpoints.
-- query: CHECKPOINT_INSERT
INSERT OR REPLACE INTO checkpoint (repository, n, session_id, commit_id, tree_id, worktree, created_ms, reason, prompt,
  event_uuid, files, lines_added, lines_removed, left_out)
VALUES (:repository, :n, :session_id, :commit_id, :tree_id, :worktree, :created_ms, :reason, :prompt,
  :event_uuid, :files, :lines_added, :lines_removed, :left_out);

-- query: CHECKPOINT_FORGET
DELETE FROM checkpoint WHERE repository = :repository;

-- query: CHECKPOINT_LIST
SELECT * FROM checkpoint WHERE :session IS NULL OR session_id BETWEEN :session AND :session || char(1114111)
ORDER BY created_ms DESC, n DESC LIMIT :limit;

-- query: CHECKPOINT_REPOSITORIES
SELECT DISTINCT repository FROM checkpoint ORDER BY repository;

-- What the session was last asked to do.
-- query: CHECKPOINT_PROMPT
SELECT detail FROM event INDEXED BY event_session
WHERE session_id = :session_id AND event = 'UserPromptSubmit' ORDER BY received_ms DESC LIMIT 1;

-- query: CHECKPOINT_EVENT
SELECT id, uuid, received_ms, event, tool_use_id, session_id FROM event WHERE id = :id;

-- The tool call that the event tells the end of.
-- query: CHECKPOINT_CALL
SELECT id, uuid, received_ms, event, tool_use_id, session_id FROM event INDEXED BY event_session
WHERE session_id = :session_id AND tool_use_id = :tool_use_id AND event = 'PreToolUse' ORDER BY id LIMIT 1;

-- No row: not known, or over.
-- query: CHECKPOINT_LIVE
SELECT 1 AS live FROM session s WHERE s.session_id = :session_id AND (s.ended_ms IS NULL OR EXISTS (
  SELECT 1 FROM event e INDEXED BY event_session WHERE e.session_id = s.session_id AND e.received_ms > s.ended_ms));

-- What tells that agents are at work: nothing of ccm-supervisor's own is in it, or it would keep itself awake.
-- query: ACTIVITY
SELECT coalesce((SELECT max(id) FROM event), 0) AS event, coalesce((SELECT max(seen_ms) FROM meter), 0) AS meter,
  coalesce((SELECT max(id) FROM held), 0) AS held;

-- query: JOB_NEXT
SELECT name, due_ms FROM job WHERE coalesce(lease_until_ms, 0) <= :now_ms AND name <> 'ccusage' ORDER BY due_ms LIMIT 1;

-- Of a daemon that died: whoever has its lock knows that nobody is at it.
-- query: JOB_RECOVER
UPDATE job SET lease_until_ms = NULL, due_ms = min(due_ms, :now_ms) WHERE lease_until_ms IS NOT NULL;

-- A clock that was set back would keep what is to be done waiting.
-- query: JOB_CLAMP
UPDATE job SET due_ms = :latest_ms WHERE name = :name AND due_ms > :latest_ms;

-- When time alone moves a limit next.
-- query: QUOTA_NEXT
SELECT min(CASE WHEN state = 'resuming' THEN since_ms + 600000 ELSE resets_ms END) AS at_ms FROM quota WHERE state <> 'ok';

-- query: HELD_COUNT
SELECT count(*) AS count FROM held WHERE state = 'held';

-- over: a halt of a session in which the person has gone on since.
-- query: ALERT_LIST
SELECT id, created_ms, level, source, title, kind, kind IS 'halt' AND EXISTS (SELECT 1 FROM session s
  WHERE s.session_id = alert.session_id AND s.halted IS NULL AND s.resumed_ms > alert.created_ms) AS over
FROM alert
WHERE created_ms >= :since_ms AND level <> 'info' AND folded_into IS NULL AND seen_ms IS NULL
ORDER BY id DESC LIMIT :limit;

-- query: ALERT_DAY_COUNT
SELECT count(*) AS alerts, count(seen_ms) AS seen FROM alert
WHERE created_ms >= :since_ms AND level <> 'info' AND folded_into IS NULL;

-- An alert and those that are counted with it are seen together.
-- query: ALERT_SEEN
UPDATE alert SET seen_ms = :now_ms WHERE seen_ms IS NULL
  AND coalesce(folded_into, id) = (SELECT coalesce(folded_into, id) FROM alert WHERE id = :id);

-- query: ALERT_UNSEEN_COUNT
SELECT count(*) AS count FROM alert WHERE seen_ms IS NULL AND folded_into IS NULL;

-- query: ALERTS_SEEN
UPDATE alert SET seen_ms = :now_ms WHERE seen_ms IS NULL;

-- What the person chose on the desktop: one alert, or those of a digest.
-- query: ALERT_SEEN_THERE
UPDATE alert SET seen_ms = :now_ms WHERE seen_ms IS NULL AND id IN (
  SELECT i.alert_id FROM delivery d JOIN delivery_alert i ON i.delivery_id = d.id WHERE d.uuid = :uuid);

-- What the person answered: the prompt's alert, where there is one.
-- query: ALERT_SEEN_ANSWERED
UPDATE alert SET seen_ms = :now_ms WHERE seen_ms IS NULL AND kind = 'agent-needs-input'
  AND event_uuid = (SELECT event_uuid FROM approval WHERE uuid = :uuid);

-- query: JOB_AFTER_WORK
UPDATE job SET due_ms = max(:now_ms, coalesce(started_ms, 0) + :after_ms)
WHERE name = :name AND due_ms > max(:now_ms, coalesce(started_ms, 0) + :after_ms) AND failures = 0;

-- Whoever was at it is dead.
-- query: HELD_RECOVER
UPDATE held SET state = 'held', lease_until_ms = NULL, changed_ms = :now_ms, problem = 'it was cut short'
WHERE state = 'running' AND lease_until_ms <= :now_ms;

-- A person who went on with the session has settled it.
-- query: HELD_SETTLE
UPDATE held SET state = 'done', changed_ms = :now_ms, problem = 'a person went on with the session'
WHERE state = 'held' AND EXISTS (SELECT 1 FROM event e INDEXED BY event_session
  WHERE e.session_id = held.session_id AND e.event = 'UserPromptSubmit' AND e.received_ms > max(held.held_ms, held.changed_ms)
    AND e.verdict <> 'deny');

-- query: HELD_GIVE_UP
UPDATE held SET state = 'failed', changed_ms = :now_ms WHERE state = 'held' AND resumes >= :max_resumes;

-- The session that waits longest, of those that are over: one that is still open belongs to its person.
-- query: HELD_PICK
SELECT h.session_id, min(h.held_ms) AS held_ms, max(h.cwd) AS cwd, max(h.resumes) AS resumes,
  group_concat(h.prompt, char(10)) AS prompt
FROM held h JOIN session s ON s.session_id = h.session_id
WHERE h.state = 'held' AND s.ended_ms >= h.held_ms AND NOT EXISTS (
  SELECT 1 FROM held r WHERE r.session_id = h.session_id AND r.state = 'running')
GROUP BY h.session_id ORDER BY 2 LIMIT 1;

-- query: HELD_START
UPDATE held SET state = 'running', resumes = resumes + 1, started_ms = :now_ms, changed_ms = :now_ms,
  lease_until_ms = :until_ms, problem = NULL
WHERE session_id = :session_id AND state = 'held';

-- query: HELD_END
UPDATE held SET state = :state, changed_ms = :now_ms, lease_until_ms = NULL, problem = :problem,
  cost_usd_micros = CASE WHEN id = (SELECT min(id) FROM held WHERE session_id = :session_id AND state = 'running')
    THEN coalesce(cost_usd_micros, 0) + :cost_usd_micros ELSE cost_usd_micros END
WHERE session_id = :session_id AND state = 'running';

-- Tasks count for the gap, too.
-- query: HELD_SPENT
SELECT max(coalesce(max(started_ms), 0), (SELECT coalesce(max(resumed_ms), 0) FROM task)) AS last_ms,
  coalesce(sum(cost_usd_micros) FILTER (WHERE started_ms >= :since_ms), 0) AS cost FROM held;

-- query: APPROVAL_INSERT
INSERT INTO approval (uuid, nonce_hash, event_uuid, event, session_id, project, tool, summary, reason, created_ms, until_ms, state)
VALUES (:uuid, :nonce_hash, :event_uuid, :event, :session_id, :project, :tool, :summary, :reason, :now_ms, :until_ms, 'waiting');

-- query: APPROVAL_SENT
UPDATE approval SET message_id = :message_id, until_ms = :until_ms WHERE uuid = :uuid;

-- Nothing is changed where there is an answer already.
-- query: APPROVAL_END
UPDATE approval SET state = :state, answered_ms = :now_ms, answered_by = :by, problem = coalesce(:problem, problem),
  closed_ms = CASE WHEN message_id IS NULL THEN :now_ms END
WHERE uuid = :uuid AND state = 'waiting';

-- query: APPROVAL_GET
SELECT state, answered_by, problem FROM approval WHERE uuid = :uuid;

-- query: APPROVAL_BY_NONCE
SELECT id, uuid, state, until_ms FROM approval WHERE nonce_hash = :nonce_hash;

-- query: APPROVAL_BY_EVENT
SELECT state, created_ms, until_ms, answered_ms, answered_by, problem,
  (SELECT count(*) FROM press p WHERE p.approval_id = a.id AND p.result <> 'accepted') AS refused
FROM approval a WHERE event_uuid = :event_uuid ORDER BY id DESC LIMIT 1;

-- Questions whose asker is gone without a word.
-- query: APPROVAL_LAPSE
UPDATE approval SET state = 'expired', answered_ms = :now_ms, closed_ms = CASE WHEN message_id IS NULL THEN :now_ms END
WHERE closed_ms IS NULL AND state = 'waiting' AND until_ms < :before_ms;

-- Messages that still show their buttons.
-- query: APPROVAL_TO_CLOSE
SELECT id, event, session_id, project, tool, summary, reason, state, answered_ms, answered_by, problem, message_id
FROM approval WHERE closed_ms IS NULL AND state <> 'waiting' ORDER BY id DESC LIMIT 20;

-- query: APPROVAL_CLOSED
UPDATE approval SET closed_ms = :now_ms WHERE id = :id;

-- query: PRESS_INSERT
INSERT OR IGNORE INTO press (received_ms, update_id, callback_id, chat_id, user_id, user_name, approval_id, wish, result)
VALUES (:now_ms, :update_id, :callback_id, :chat_id, :user_id, :user_name, :approval_id, :wish, :result);

-- query: TELEGRAM_OFFSET_GET
SELECT next_update, seen_ms FROM telegram_offset WHERE bot = :bot;

-- query: TELEGRAM_OFFSET_PUT
INSERT INTO telegram_offset (bot, next_update, seen_ms) VALUES (:bot, :next_update, :now_ms)
ON CONFLICT (bot) DO UPDATE SET next_update = excluded.next_update, seen_ms = excluded.seen_ms;

-- The call that the client asks about: what it asks with does not name it.
-- query: APPROVAL_CALL
SELECT tool_use_id, verdict, reason FROM event
WHERE session_id = :session_id AND received_ms >= :since_ms AND event = 'PreToolUse' AND tool = :tool AND detail IS :detail
  AND agent_id IS :agent_id
ORDER BY received_ms DESC, id DESC LIMIT 1;

-- Whether the session shows that its question was answered at the terminal: the call has an end, or the agent went on.
-- query: APPROVAL_OVERTAKEN
SELECT EXISTS (SELECT 1 FROM event WHERE session_id = :session_id AND received_ms >= :since_ms
  AND ((event IN ('PostToolUse', 'PostToolUseFailure') AND tool_use_id = :tool_use_id)
    OR event = 'SessionEnd'
    OR (:agent_id IS NULL AND agent_id IS NULL AND event IN ('Stop', 'StopFailure'))
    OR (:agent_id IS NULL AND agent_id IS NULL AND event = 'UserPromptSubmit' AND detail NOT LIKE '<task-notification>%'))
) AS overtaken;

-- query: APPROVAL_PRUNE
DELETE FROM approval WHERE created_ms < :before_ms;

-- query: PRESS_PRUNE
DELETE FROM press WHERE received_ms < :before_ms;

-- query: TASK_INSERT
INSERT INTO task (id, uuid, title, state, created_ms, changed_ms, repository, project, base, branch, command, pid, limits)
VALUES (:id, :uuid, :title, 'created', :now_ms, :now_ms, :repository, :project, :base, :branch, :command, :pid, :limits);

-- query: TASK_FORGET
DELETE FROM task WHERE id = :id AND state = 'created';

-- query: TASK_GET
SELECT * FROM task WHERE id = :id;

-- id is the beginning of one; two rows are enough to see that it is not unique.
-- query: TASK_FIND
SELECT id FROM task WHERE id BETWEEN :id AND :id || 'g' ORDER BY id LIMIT 2;

-- query: TASK_LAST
SELECT id FROM task ORDER BY created_ms DESC, id LIMIT 1;

-- query: TASK_LIST
SELECT * FROM task
WHERE :states IS NULL OR state IN (SELECT value FROM json_each(:states))
ORDER BY created_ms DESC, id;

-- Only from the state that it was seen in: of two who want to move it, one does.
-- query: TASK_MOVE
UPDATE task SET state = :to, why = :why, changed_ms = :now_ms, pid = coalesce(:pid, pid),
  exit_status = coalesce(:exit_status, exit_status), started_ms = coalesce(:started_ms, started_ms),
  spent_ms = spent_ms + :spent_ms, layers = coalesce(:layers, layers),
  held_ms = CASE WHEN :to IN ('stopped', 'lost') THEN held_ms END
WHERE id = :id AND state = :from;

-- query: TASK_HOLD
UPDATE task SET held_ms = coalesce(held_ms, :now_ms) WHERE id = :id AND state IN ('stopped', 'failed');

-- By a person: from here on it is theirs to say what becomes of it.
-- query: TASK_TAKE_OVER
UPDATE task SET held_ms = NULL, resumes = 0, why = CASE WHEN state = 'stopped' THEN :why ELSE why END WHERE id = :id;

-- query: TASK_HELD_COUNT
SELECT count(*) AS count FROM task WHERE held_ms IS NOT NULL AND resumes < :max_resumes;

-- The one that waits longest; after id.
-- query: TASK_HELD_PICK
SELECT id FROM task WHERE held_ms IS NOT NULL AND state IN ('stopped', 'lost', 'failed') AND resumes < :max_resumes
  AND (:id IS NULL OR (held_ms, id) > (SELECT held_ms, id FROM task WHERE id = :id))
ORDER BY held_ms, id LIMIT 1;

-- query: TASK_SESSION_LAST
SELECT t.session_id FROM task_session t JOIN session s ON s.session_id = t.session_id WHERE t.task_id = :task_id
ORDER BY s.first_ms DESC, t.session_id LIMIT 1;

-- Of two who want to let tasks go on, one does; and one task within the gap.
-- query: TASK_HELD_CLAIM
UPDATE task SET resumes = resumes + 1, resumed_ms = :now_ms
WHERE id = :id AND held_ms IS NOT NULL AND resumes = :resumes AND NOT EXISTS (
  SELECT 1 FROM task o WHERE o.resumed_ms > :now_ms - :gap_ms AND o.resumed_ms <= :now_ms);

-- query: TASK_PROGRESS
UPDATE task SET changed_ms = CASE WHEN :head IS NOT NULL AND :head IS NOT head THEN :now_ms ELSE changed_ms END,
  head = coalesce(:head, head), commits = coalesce(:commits, commits), bytes = coalesce(:bytes, bytes),
  spent_ms = spent_ms + :spent_ms
WHERE id = :id;

-- query: TASK_KEEP
UPDATE task SET saved = coalesce(:saved, saved), merged = coalesce(:merged, merged), changed_ms = :now_ms WHERE id = :id;

-- query: TASK_LIMIT
UPDATE task SET limits = :limits WHERE id = :id;

-- query: TASK_UNSAVE
UPDATE task SET saved = NULL WHERE id = :id;

-- query: TASK_LOG_INSERT
INSERT INTO task_log (task_id, at_ms, kind, words) VALUES (:task_id, :at_ms, :kind, :words);

-- query: TASK_LOG_LIST
SELECT * FROM (
  SELECT id, at_ms, kind, words FROM task_log WHERE task_id = :task_id ORDER BY id DESC LIMIT :limit
) ORDER BY id;

-- query: TASK_LOG_COUNT
SELECT count(*) AS count FROM task_log WHERE task_id = :task_id AND kind = :kind;

-- query: TASK_SNAPSHOT_INSERT
INSERT INTO task_snapshot (task_id, number, commit_id, commits, made_ms, why)
SELECT :task_id, coalesce(max(number), 0) + 1, :commit_id, :commits, :made_ms, :why
FROM task_snapshot WHERE task_id = :task_id;

-- query: TASK_SNAPSHOT_LIST
SELECT number, commit_id, commits, made_ms, why FROM task_snapshot WHERE task_id = :task_id ORDER BY number;

-- query: TASK_EVENT_INSERT
INSERT INTO task_event (task_id, received_ms, event_uuid) VALUES (:task_id, :received_ms, :event_uuid);

-- query: TASK_EVENT_DELETE
DELETE FROM task_event WHERE task_id = :task_id AND received_ms = :received_ms AND event_uuid = :event_uuid;

-- query: TASK_EVENT_LIST
SELECT e.id, e.received_ms, e.event, e.tool, e.detail, e.verdict, e.reason FROM task_event t
  JOIN event e ON e.received_ms = t.received_ms AND e.uuid = t.event_uuid
WHERE t.task_id = :task_id ORDER BY e.id;

-- query: TASK_EVENT_COUNT
SELECT count(*) AS count FROM task_event WHERE task_id = :task_id;

-- A session is a task's if it said so first: neither another task nor a session outside had it.
-- query: TASK_SESSION_CLAIM
INSERT OR IGNORE INTO task_session (session_id, task_id)
SELECT :session_id, :task_id WHERE NOT EXISTS (SELECT 1 FROM session WHERE session_id = :session_id);

-- query: TASK_SESSION_OWNER
SELECT task_id FROM task_session WHERE session_id = :session_id;

-- query: TASK_STATES
SELECT state, count(*) AS count FROM task GROUP BY state ORDER BY state;

-- Before the first byte goes out; nothing is changed where somebody else had it or made an end of it.
-- For how long it is tried counts from when it was due first: the night or the digest's hour is not part of it.
-- query: DELIVERY_BEGIN
UPDATE delivery SET attempts = attempts + 1, created_ms = CASE attempts WHEN 0 THEN max(created_ms, due_ms) ELSE created_ms END
WHERE id = :id AND state = 'waiting' AND attempts = :attempts;

-- In the same transaction: how often it happened, as it is told now.
-- query: DELIVERY_TOLD
UPDATE delivery_alert SET told = (SELECT times FROM alert WHERE id = alert_id) WHERE delivery_id = :id;

-- The next one that is due, with the alert that it tells of, if it is one.
-- query: DELIVERY_NEXT
SELECT d.id, d.uuid, d.level, d.attempts, d.problem, CASE d.attempts WHEN 0 THEN max(d.created_ms, d.due_ms) ELSE d.created_ms END AS created_ms,
  d.alert_id, a.uuid AS alert_uuid, a.kind, a.source, a.title, a.body,
  a.project, a.session_id, a.event_uuid, a.created_ms AS alert_ms, a.times
FROM delivery d LEFT JOIN alert a ON a.id = d.alert_id
WHERE d.channel = :channel AND d.state = 'waiting' AND d.due_ms <= :now_ms ORDER BY d.id LIMIT 1;

-- query: DELIVERY_ITEMS
SELECT a.uuid, a.level, a.kind, a.source, a.title, a.created_ms, a.times, i.again
FROM delivery_alert i JOIN alert a ON a.id = i.alert_id WHERE i.delivery_id = :id ORDER BY a.id;

-- What the channel was last sent of what folds with that alert, within a day.
-- query: DELIVERY_EARLIER
SELECT d.remote_id FROM alert a
  JOIN alert b ON b.created_ms BETWEEN a.created_ms - 86400000 AND a.created_ms AND b.id < a.id AND b.source = a.source
    AND b.kind IS a.kind AND b.title = a.title AND b.session_id IS a.session_id
  JOIN delivery d ON d.alert_id = b.id
WHERE a.id = :alert_id AND d.channel = :channel AND d.state = 'sent' AND d.remote_id IS NOT NULL ORDER BY d.id DESC LIMIT 1;

-- query: DELIVERY_LATER
UPDATE delivery SET due_ms = :due_ms, problem = :problem WHERE id = :id AND state = 'waiting';

-- query: DELIVERY_END
UPDATE delivery SET state = :state, problem = :problem, sent_ms = :sent_ms, remote_id = :remote_id
WHERE id = :id AND state = 'waiting';

-- query: OUTLET_GET
SELECT blocked_until_ms, failures, deaths, problem FROM outlet WHERE channel = :channel;

-- query: OUTLET_BLOCK
INSERT INTO outlet (channel, blocked_until_ms, failures, problem) VALUES (:channel, :until_ms, 1, :problem)
ON CONFLICT (channel) DO UPDATE SET blocked_until_ms = :until_ms, failures = failures + 1, problem = :problem;

-- query: OUTLET_DEATH
INSERT INTO outlet (channel, deaths, problem) VALUES (:channel, 1, :problem)
ON CONFLICT (channel) DO UPDATE SET blocked_until_ms = 0, failures = 0, deaths = deaths + 1, problem = :problem;

-- query: OUTLET_WELL
UPDATE outlet SET blocked_until_ms = 0, failures = 0, deaths = 0, problem = NULL
WHERE channel = :channel AND (blocked_until_ms <> 0 OR failures <> 0 OR deaths <> 0 OR problem IS NOT NULL);

-- For people; newest first. id: only that one; channel, state: only those with such a delivery. counts: as '1 dead, 4 sent'.
-- query: ALERTS_SHOW
SELECT a.*, (SELECT group_concat(place, ', ') FROM (
  SELECT DISTINCT d.channel || CASE d.state WHEN 'sent' THEN '' ELSE ' (' || d.state || ')' END AS place
  FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id WHERE i.alert_id = a.id AND d.state <> 'dropped' ORDER BY d.id)) AS places,
(SELECT group_concat(channels || ' ' || state, ', ') FROM (
  SELECT count(DISTINCT d.channel) AS channels, d.state
  FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id WHERE i.alert_id = a.id AND d.state <> 'dropped'
  GROUP BY d.state ORDER BY d.state)) AS counts
FROM alert a
WHERE (:id IS NULL OR a.id = :id) AND a.created_ms >= :since_ms AND (:all OR a.folded_into IS NULL)
  AND (NOT :unseen OR a.seen_ms IS NULL)
  AND (:channel IS NULL AND :state IS NULL OR EXISTS (
    SELECT 1 FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id WHERE i.alert_id = a.id
      AND d.channel = coalesce(:channel, d.channel) AND d.state = coalesce(:state, d.state)))
ORDER BY a.id DESC LIMIT :limit;

-- query: DELIVERIES_OF
SELECT d.* FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id WHERE i.alert_id = :alert_id ORDER BY d.id;

-- query: DELIVERY_GET
SELECT * FROM delivery WHERE id = :id;

-- One, or all of a channel that are dead. A message of one alert begins anew; of a digest it is remembered that nothing may be added.
-- query: DELIVERY_REVIVE
UPDATE delivery SET state = 'waiting', due_ms = :now_ms, created_ms = :now_ms, problem = NULL,
  attempts = CASE WHEN alert_id IS NULL THEN min(attempts, 1) ELSE 0 END
WHERE id = :id AND state <> 'sent' OR :id IS NULL AND state = 'dead' AND channel = :channel;

-- query: OUTLET_UNBLOCK
UPDATE outlet SET blocked_until_ms = 0, failures = 0 WHERE channel IN (
  SELECT channel FROM delivery WHERE id = :id OR :id IS NULL AND state = 'dead' AND channel = :channel);

-- query: OUTLET_LIST
SELECT channel, blocked_until_ms, failures, deaths, problem FROM outlet ORDER BY channel;

-- How far alerts were derived.
-- query: ALERT_SCAN_GET
SELECT event_id, received_ms FROM alert_scan WHERE name = 'event';

-- query: ALERT_SCAN_PUT
INSERT INTO alert_scan (name, event_id, received_ms) VALUES ('event', :event_id, :received_ms)
ON CONFLICT (name) DO UPDATE SET event_id = excluded.event_id, received_ms = excluded.received_ms;

-- Events that nobody has looked at, and those that had not ended then.
-- query: ALERT_EVENTS
SELECT e.id, e.uuid, e.received_ms, e.event, e.tool, e.session_id, e.project, e.detail, e.verdict, e.reason, e.note,
  EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id AND r.automation = 'security-guard' AND r.verdict = 'deny') AS guarded,
  EXISTS (SELECT 1 FROM run r WHERE r.event_id = e.id AND r.problem IS NOT NULL) AS failed
FROM event e
WHERE e.id IN (SELECT id FROM (SELECT id FROM event WHERE id > :seen ORDER BY id LIMIT :limit)
  UNION ALL SELECT value FROM json_each(:unfinished))
ORDER BY e.id;

-- Whoever derives it: once.
-- query: ALERT_DERIVE
INSERT INTO alert (uuid, created_ms, level, source, session_id, event_uuid, title, body, kind, rule, event, project)
SELECT :uuid, :created_ms, :level, :source, :session_id, :event_uuid, :title, :body, :kind, :rule, :event, :project
WHERE NOT EXISTS (SELECT 1 FROM alert WHERE event_uuid = :event_uuid AND kind = :kind AND source = :source AND title = :title);

-- A prompt that was told of and, as far as is known, not answered: no call of that tool by that agent has ended since.
-- query: ALERT_PROMPTED
SELECT 1 AS found FROM alert a JOIN event p INDEXED BY event_received ON p.received_ms = a.created_ms AND p.uuid = a.event_uuid
WHERE a.created_ms BETWEEN :since_ms AND :until_ms AND a.session_id = :session_id
  AND a.kind = 'agent-needs-input' AND a.event <> 'Notification' AND NOT EXISTS (
    SELECT 1 FROM event e INDEXED BY event_session
    WHERE e.session_id = a.session_id AND e.received_ms > a.created_ms AND e.received_ms < :until_ms
      AND (e.event IN ('UserPromptSubmit', 'Stop') OR (e.event IN ('PostToolUse', 'PostToolUseFailure', 'PermissionDenied')
        AND e.tool = p.tool AND e.agent_id IS p.agent_id)))
LIMIT 1;

-- Of a call that was refused before, the row names the first event.
-- query: REFUSAL_RULE
SELECT rule FROM refusal WHERE event_uuid = :event_uuid
  OR (session_id = :session_id AND last_ms BETWEEN :since_ms AND :until_ms)
ORDER BY event_uuid IS :event_uuid DESC, last_ms LIMIT 1;

-- Automations that failed at this event, and as often in a row by now, of which nothing was told since they last did not.
-- query: RUN_FAILING
SELECT r.automation, r.problem FROM run r
WHERE r.event_id = :event_id AND r.problem IS NOT NULL
  AND (SELECT count(l.problem) FROM (SELECT problem FROM run WHERE automation = r.automation
    ORDER BY event_id DESC LIMIT :failures) l) = :failures
  AND NOT EXISTS (SELECT 1 FROM alert a WHERE a.kind = 'automation-fails' AND a.source = r.automation
    AND a.created_ms > max(:since_ms, coalesce((SELECT w.started_ms FROM run w
      WHERE w.automation = r.automation AND w.problem IS NULL ORDER BY w.event_id DESC LIMIT 1), 0)));

-- query: ALERT_LAST
SELECT max(created_ms) AS created_ms FROM alert
WHERE kind = :kind AND (:session_id IS NULL OR session_id = :session_id);

-- Of calls, [id, tool] each, those of which no event was heard, of tools of which there were such events of late.
-- fragment: GAP_EVENT
CASE WHEN :after THEN e.event IN ('PostToolUse', 'PostToolUseFailure') ELSE e.event = 'PreToolUse' END

-- query: GAP_CALLS
SELECT json_extract(j.value, '$[1]') AS tool, count(*) AS count FROM json_each(:calls) j
WHERE json_extract(j.value, '$[0]') NOT IN (SELECT e.tool_use_id FROM event e INDEXED BY event_session
    WHERE e.session_id = :session_id AND e.tool_use_id IS NOT NULL AND @GAP_EVENT@)
  AND EXISTS (SELECT 1 FROM event e INDEXED BY event_tool
    WHERE e.tool = json_extract(j.value, '$[1]') AND e.received_ms > :heard_ms AND @GAP_EVENT@)
GROUP BY 1 ORDER BY 2 DESC, 1;

-- query: SESSION_FIRST
SELECT first_ms FROM session WHERE session_id = :session_id;

-- query: TRANSCRIPT_PATHS
SELECT path FROM transcript WHERE read_ms >= :since_ms AND path NOT GLOB '*/subagents/*' ORDER BY path;

-- query: DELIVERY_PRUNE
DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE created_ms < :before_ms AND state <> 'waiting' LIMIT 1000);

-- query: DELIVERY_ALERT_PRUNE
DELETE FROM delivery_alert WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.id = delivery_id);

-- What is still to be told stays.
-- query: ALERT_PRUNE
DELETE FROM alert WHERE id IN (SELECT a.id FROM alert a WHERE a.created_ms < :before_ms AND NOT EXISTS (
    SELECT 1 FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id WHERE i.alert_id = a.id AND d.state = 'waiting')
  ORDER BY a.id LIMIT 1000);

-- Channels that do not take alerts, and how many were not delivered since; with unseen, only those of which the person has not seen
-- all that they tell of.
-- query: OUTLET_TROUBLE
SELECT o.channel, o.failures, o.problem, (SELECT count(*) FROM delivery d WHERE d.state = 'dead' AND d.channel = o.channel
  AND d.created_ms >= :since_ms AND (NOT :unseen OR EXISTS (SELECT 1 FROM delivery_alert i JOIN alert a ON a.id = i.alert_id
    WHERE i.delivery_id = d.id AND a.seen_ms IS NULL))) AS dead
FROM outlet o ORDER BY o.channel;

-- query: ALERT_UNROUTED_COUNT
SELECT count(*) AS count FROM (SELECT 1 FROM alert WHERE routed_ms IS NULL LIMIT 1);

-- query: ALERT_UNROUTED
SELECT a.id, a.created_ms, a.level, a.source, a.session_id, a.title, a.kind, a.rule, a.event,
  coalesce(a.project, (SELECT s.project FROM session s WHERE s.session_id = a.session_id)) AS project
FROM alert a WHERE a.routed_ms IS NULL ORDER BY a.id LIMIT 1;

-- fragment: RANK
CASE p.level WHEN 'urgent' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END

-- The last of its like, of no lower level, that was not counted with another and reaches somebody; and how often that was told to
-- have come.
-- query: ALERT_LIKE
SELECT p.id, p.created_ms, p.times, coalesce((SELECT max(i.told) FROM delivery_alert i WHERE i.alert_id = p.id), 0) AS told
FROM alert p
WHERE p.title = :title AND p.id < :id AND p.folded_into IS NULL AND p.routed_ms IS NOT NULL
  AND @RANK@ >= :rank AND EXISTS (SELECT 1 FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id
    WHERE i.alert_id = p.id AND d.state IN ('waiting', 'sent'))
  AND p.source = :source AND p.kind IS :kind AND p.session_id IS :session_id AND p.created_ms > :since_ms
ORDER BY p.id DESC LIMIT 1;

-- What an agent does only after its prompt was answered.
-- query: ALERT_WENT_ON
SELECT 1 AS found FROM event INDEXED BY event_session
WHERE session_id = :session_id AND received_ms > :since_ms AND received_ms < :until_ms
  AND event IN ('PostToolUse', 'PostToolUseFailure', 'PermissionDenied', 'UserPromptSubmit', 'Stop') LIMIT 1;

-- query: ALERT_ROUTED
UPDATE alert SET routed_ms = :now_ms, routing = :routing, times = :times, level = coalesce(:level, level),
  project = coalesce(project, :project)
WHERE id = :id;

-- query: ALERT_FOLD
UPDATE alert SET routed_ms = :now_ms, routing = 'folded', folded_into = :into WHERE id = :id;

-- What was not seen yet makes that with which it is counted unseen.
-- query: ALERT_COUNT
UPDATE alert SET times = times + 1,
  seen_ms = CASE WHEN (SELECT f.seen_ms FROM alert f WHERE f.id = :folded_id) IS NOT NULL THEN seen_ms END
WHERE id = :id;

-- Channels that were told of it, or are being told.
-- query: ALERT_TOLD
SELECT DISTINCT d.channel FROM delivery_alert i JOIN delivery d ON d.id = i.delivery_id
WHERE i.alert_id = :alert_id AND d.attempts > 0 AND d.state IN ('waiting', 'sent');

-- The halt that came of the same event, or what it is counted with: channels that tell of it, and whether by a digest.
-- query: ALERT_HALT_TOLD
SELECT DISTINCT d.channel, d.alert_id IS NULL AS digest FROM alert a
  JOIN alert h ON h.event_uuid = a.event_uuid AND h.kind = 'halt'
  JOIN delivery_alert i ON i.alert_id = coalesce(h.folded_into, h.id)
  JOIN delivery d ON d.id = i.delivery_id
WHERE a.id = :id AND d.state IN ('waiting', 'sent');

-- query: DELIVERY_INSERT
INSERT INTO delivery (uuid, channel, level, alert_id, created_ms, due_ms)
VALUES (:uuid, :channel, :level, :alert_id, :created_ms, :due_ms);

-- query: DELIVERY_PUT
INSERT OR IGNORE INTO delivery_alert (delivery_id, alert_id, again) VALUES (:delivery_id, :alert_id, :again);

-- query: DIGEST_OPEN
SELECT id FROM delivery WHERE channel = :channel AND level = :level AND state = 'waiting' AND alert_id IS NULL AND attempts = 0
  AND due_ms > :after_ms ORDER BY id DESC LIMIT 1;

-- query: DIGEST_FORGET
DELETE FROM delivery_alert WHERE alert_id = :alert_id AND again = 1 AND delivery_id IN (
  SELECT id FROM delivery WHERE state = 'waiting' AND alert_id IS NULL AND attempts = 0);

-- query: DIGEST_DROP_EMPTY
DELETE FROM delivery WHERE state = 'waiting' AND alert_id IS NULL AND attempts = 0
  AND NOT EXISTS (SELECT 1 FROM delivery_alert i WHERE i.delivery_id = delivery.id);

-- query: OUTLET_WINDOW
SELECT window_start_ms, window_count FROM outlet WHERE channel = :channel;

-- query: OUTLET_COUNT
INSERT INTO outlet (channel, window_start_ms, window_count) VALUES (:channel, :start_ms, :count)
ON CONFLICT (channel) DO UPDATE SET window_start_ms = excluded.window_start_ms, window_count = excluded.window_count;

-- fragment: LOUD
state = 'waiting' AND due_ms < :end_ms AND CASE level WHEN 'urgent' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END < :level

-- query: DELIVERY_LOUD
SELECT count(*) AS count FROM (SELECT 1 FROM delivery WHERE @LOUD@ LIMIT 1);

-- query: DELIVERY_QUIET
UPDATE delivery SET due_ms = :end_ms WHERE @LOUD@;

-- Only the quiet hours make a single alert wait that was not tried yet.
-- fragment: KEPT
state = 'waiting' AND alert_id IS NOT NULL AND attempts = 0 AND due_ms > :now_ms
  AND CASE level WHEN 'urgent' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END >= :level

-- query: DELIVERY_KEPT
SELECT count(*) AS count FROM (SELECT 1 FROM delivery WHERE @KEPT@ LIMIT 1);

-- query: DELIVERY_RELEASE
UPDATE delivery SET due_ms = :now_ms WHERE @KEPT@;

-- The interval may have been longer when it was begun.
-- query: DIGEST_LATE
SELECT count(*) AS count FROM (
  SELECT 1 FROM delivery WHERE state = 'waiting' AND alert_id IS NULL AND attempts = 0 AND due_ms > :latest_ms LIMIT 1);

-- query: DIGEST_SOONER
UPDATE delivery SET due_ms = :latest_ms WHERE state = 'waiting' AND alert_id IS NULL AND attempts = 0 AND due_ms > :latest_ms;

-- query: DELIVERY_AHEAD
SELECT count(*) AS count FROM (SELECT 1 FROM delivery WHERE state = 'waiting' AND created_ms > :ahead_ms LIMIT 1);

-- query: DELIVERY_CLAMP
UPDATE delivery SET due_ms = :now_ms + max(0, due_ms - created_ms), created_ms = :now_ms
WHERE state = 'waiting' AND created_ms > :ahead_ms;

-- When each channel has something to send; one that is blocked for longer than a block lasts was so by another clock.
-- query: DELIVERY_DUE
SELECT d.channel, max(min(d.due_ms), coalesce((SELECT o.blocked_until_ms FROM outlet o
  WHERE o.channel = d.channel AND o.blocked_until_ms < :now_ms + 7200000), 0)) AS due_ms
FROM delivery d WHERE d.state = 'waiting' GROUP BY d.channel;
