-- SPDX-License-Identifier: MIT
-- How alerts reach the person. No CHECKs: hooks that use state.db parse all of this. Times ending in _ms are Unix milliseconds.

-- alert.kind: agent-needs-input, agent-finished, agent-failed, guard-deny, halt, quota, task, automation-fails, hook-gap, storage;
-- NULL: raised by an automation or a person. rule: the guard's rule it is about. event: the name of the event it is about.
-- routed_ms: when it was seen to; NULL: not yet. routing: the rule that decided, or folded, off, none, default. folded_into: alert.id of the
-- first of its like, with which it is counted. times: with those folded into it.
ALTER TABLE alert ADD COLUMN kind TEXT;
ALTER TABLE alert ADD COLUMN rule TEXT;
ALTER TABLE alert ADD COLUMN event TEXT;
ALTER TABLE alert ADD COLUMN project TEXT;
ALTER TABLE alert ADD COLUMN routed_ms INTEGER;
ALTER TABLE alert ADD COLUMN routing TEXT;
ALTER TABLE alert ADD COLUMN folded_into INTEGER;
ALTER TABLE alert ADD COLUMN times INTEGER NOT NULL DEFAULT 1;
CREATE INDEX alert_unrouted ON alert (id) WHERE routed_ms IS NULL;
CREATE INDEX alert_created ON alert (created_ms);
CREATE INDEX alert_title ON alert (title);
CREATE INDEX alert_event ON alert (event_uuid) WHERE event_uuid IS NOT NULL;

-- What was raised before is not told now.
UPDATE alert SET routed_ms = created_ms;

-- delivery: one message to one channel. Made by alerts_gather(), carried out by ccm-deliver.
CREATE TABLE delivery (
  id         INTEGER PRIMARY KEY,      -- the order in which a channel gets those that are due
  uuid       TEXT    NOT NULL UNIQUE,  -- UUIDv7; the receiver sees it, and the same again if it is sent again
  channel    TEXT    NOT NULL,         -- desktop, telegram, slack, webhook, command
  level      TEXT    NOT NULL,         -- info, warning, urgent; of a digest: info
  alert_id   INTEGER,                  -- alert.id; NULL: a digest
  created_ms INTEGER NOT NULL,
  due_ms     INTEGER NOT NULL,         -- not before
  attempts   INTEGER NOT NULL DEFAULT 0,  -- counted before the first byte goes out: from then on nothing is added to a digest
  state      TEXT    NOT NULL DEFAULT 'waiting',  -- waiting, sent, dead, dropped
  problem    TEXT,                     -- of the last attempt, redacted; NULL: none
  sent_ms    INTEGER,                  -- when the receiver had it
  remote_id  TEXT                      -- what the receiver calls it
) STRICT;
CREATE INDEX delivery_waiting ON delivery (channel, due_ms) WHERE state = 'waiting';
CREATE INDEX delivery_created ON delivery (created_ms);
CREATE INDEX delivery_about ON delivery (alert_id) WHERE alert_id IS NOT NULL;

-- delivery_alert: what a delivery tells of: one alert, or those of a digest.
CREATE TABLE delivery_alert (
  delivery_id INTEGER NOT NULL,        -- delivery.id
  alert_id    INTEGER NOT NULL,        -- alert.id
  again       INTEGER NOT NULL DEFAULT 0,  -- 1: it was told before, and only its count is news
  told        INTEGER NOT NULL DEFAULT 0,  -- alert.times as it was told; set with delivery.attempts
  PRIMARY KEY (delivery_id, alert_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_alert_about ON delivery_alert (alert_id);

-- outlet: how a channel does.
CREATE TABLE outlet (
  channel          TEXT    PRIMARY KEY,  -- as in delivery
  blocked_until_ms INTEGER NOT NULL DEFAULT 0,  -- after a failure that may pass: nothing is tried until then
  failures         INTEGER NOT NULL DEFAULT 0,  -- in a row
  deaths           INTEGER NOT NULL DEFAULT 0,  -- deliveries in a row that could not be made at all
  problem          TEXT,                 -- of the last failure, redacted; NULL: the last went well
  window_start_ms  INTEGER NOT NULL DEFAULT 0,  -- of the hour in which deliveries are counted
  window_count     INTEGER NOT NULL DEFAULT 0   -- how many since
) STRICT, WITHOUT ROWID;

-- alert_scan: up to which event alerts have been derived. One row for each that looks, by name.
CREATE TABLE alert_scan (
  name        TEXT    PRIMARY KEY,     -- event: what ccm tells of by itself
  event_id    INTEGER NOT NULL,        -- event.id
  received_ms INTEGER NOT NULL         -- its time: ids begin anew in a database that was replaced or pruned empty
) STRICT, WITHOUT ROWID;
