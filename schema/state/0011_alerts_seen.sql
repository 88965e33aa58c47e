-- SPDX-License-Identifier: MIT
-- Which alerts the person has seen. Times ending in _ms are Unix milliseconds.

-- alert.seen_ms: when they said so, or answered it; NULL: not yet. What is counted with an alert later makes it NULL again.
ALTER TABLE alert ADD COLUMN seen_ms INTEGER;

-- alert.routing may also say: told with the halt. No delivery is made for it, as that of the halt tells of both.
