-- SPDX-License-Identifier: MIT
-- query: EVENT_INSERT
INSERT INTO event (uuid, received_ms, host, event, tool, tool_use_id, session_id, agent_id, agent_type,
  prompt_id, project, cwd, permission_mode, detail, valid, problem, payload_bytes,
  verdict, reason, stop, answer, exit_status, note, took_us)
VALUES (:uuid, :received_ms, :host, :event, :tool, :tool_use_id, :session_id, :agent_id, :agent_type,
  :prompt_id, :project, :cwd, :permission_mode, :detail, :valid, :problem, :payload_bytes,
  :verdict, :reason, :stop, :answer, :exit_status, :note, :took_us);

-- query: PAYLOAD_INSERT
INSERT INTO payload (event_id, form, body) VALUES (:event_id, :form, :body);

-- query: EVENT_FINISH
UPDATE event SET verdict = :verdict, reason = :reason, stop = :stop, answer = :answer,
  exit_status = :exit_status, note = :note, took_us = :took_us
WHERE id = :id;

-- query: RUN_INSERT
INSERT INTO run (event_id, seq, automation, stage, started_ms, took_us, exit_status, signal, timed_out,
  verdict, reason, problem, stdout, stderr, stdout_bytes, stderr_bytes)
VALUES (:event_id, :seq, :automation, :stage, :started_ms, :took_us, :exit_status, :signal, :timed_out,
  :verdict, :reason, :problem, :stdout, :stderr, :stdout_bytes, :stderr_bytes);

-- The session's ends move outwards only, so that late and repeated events do no harm. A source is
-- taken from the earliest start seen; an end holds only until a later event shows life.
-- query: SESSION_TOUCH
INSERT INTO session (session_id, host, project, model, source, end_reason, first_ms, last_ms, events)
VALUES (:session_id, :host, :project, :model, :source, :end_reason, :received_ms, :received_ms, 1)
ON CONFLICT (session_id) DO UPDATE SET
  project    = coalesce(session.project, excluded.project),
  model      = CASE WHEN excluded.last_ms >= session.last_ms THEN coalesce(excluded.model, session.model)
               ELSE coalesce(session.model, excluded.model) END,
  source     = CASE WHEN excluded.first_ms <= session.first_ms THEN coalesce(excluded.source, session.source)
               ELSE coalesce(session.source, excluded.source) END,
  end_reason = CASE WHEN excluded.last_ms >= session.last_ms THEN excluded.end_reason
               ELSE session.end_reason END,
  first_ms   = min(session.first_ms, excluded.first_ms),
  last_ms    = max(session.last_ms, excluded.last_ms),
  events     = session.events + 1;

-- Looked up through the time in the UUID: only the spool asks, so the table has no index on it.
-- query: EVENT_BY_UUID
SELECT id, verdict FROM event WHERE received_ms = :received_ms AND uuid = :uuid;

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
INSERT INTO alert (uuid, created_ms, level, source, session_id, event_uuid, title, body)
VALUES (:uuid, :created_ms, :level, :source, :session_id, :event_uuid, :title, :body);
