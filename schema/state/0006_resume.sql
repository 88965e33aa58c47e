-- SPDX-License-Identifier: MIT
-- What it cost to resume a session that was held back.

-- held.started_ms: when it was last resumed; held.cost_usd_micros: what that cost, millionths of a dollar.
ALTER TABLE held ADD COLUMN started_ms INTEGER;
ALTER TABLE held ADD COLUMN cost_usd_micros INTEGER;
