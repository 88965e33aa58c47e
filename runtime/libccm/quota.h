/* SPDX-License-Identifier: MIT */
/* quota - how much of what may be spent is spent, and whether work must wait.
 *
 * Each limit ("scope") has a state of its own, a row of the table quota:
 *     ok         below [quota] warning
 *     warning    above it
 *     critical   above [quota] critical
 *     paused     critical, and work was held back because of it
 *     resuming   it was held back, and the limit has started anew or the number fell; the next number decides
 * A state is left downwards only once the number is CCM_QUOTA_SLACK below what led there, so that one that trembles
 * about a bound does not ring twice.
 *
 * Numbers come from whoever has them, the best first: "client" (what the host itself says, through its status line),
 * "ccusage", "estimate". A lesser source is recorded but does not count while a better one is fresh. Within one window
 * the client's numbers only grow, so one whose reset lies before the known one is old news. A window that has
 * started anew is at an unknown number: nothing is held because of it.
 *
 * The state machine runs in whoever brings a number or looks; no daemon is needed.
 *
 * Units:  _permille tenths of a percent; _ms Unix milliseconds; 0 for a time that is not known.
 * Errors: those of db.h. A reading that makes no sense is -EINVAL and changes nothing.
 */
#ifndef CCM_QUOTA_H
#define CCM_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "db.h"
#include "sbuf.h"
#include "settings.h"

#define CCM_QUOTA_SLACK 50               /* permille */
#define CCM_QUOTA_MOST 9990              /* permille; more is not believed */
#define CCM_QUOTA_FRESH_MS (30LL * 60 * 1000)

struct ccm_quota_reading {
	const char *scope;           /* five_hour, seven_day */
	const char *source;          /* client, ccusage, estimate */
	int64_t used_permille;
	int64_t resets_ms;           /* 0: not said; then a whole window from now on */
	int64_t read_ms;
};

/* Records the reading and moves the state. Inside a transaction of the caller's, or each statement by itself. */
int ccm_quota_take(struct ccm_db *db, const struct ccm_settings *settings, const struct ccm_quota_reading *reading);

/* Moves what time alone moves. Returns how many states changed. */
int ccm_quota_tick(struct ccm_db *db, int64_t now_ms);

/* By a person: pauses all work (until_ms 0: until told otherwise), ends that pause and every other one, or lets
 * everything pass until until_ms. */
int ccm_quota_pause(struct ccm_db *db, int64_t now_ms, int64_t until_ms);
int ccm_quota_resume(struct ccm_db *db, int64_t now_ms);
int ccm_quota_override(struct ccm_db *db, int64_t now_ms, int64_t until_ms);

struct ccm_quota_gate {
	const char *scope;           /* what holds work back: five_hour, seven_day, person, session; NULL: nothing does */
	int64_t until_ms;            /* when that ends by itself; 0: it does not */
	struct ccm_sbuf why;         /* in a sentence, with the end and the command to go on anyway */
};

/* Whether work must wait; session_id may be NULL. Reads only. */
int ccm_quota_ask(struct ccm_db *db, const struct ccm_settings *settings, const char *session_id, int64_t now_ms,
		  struct ccm_quota_gate *ret);
void ccm_quota_gate_done(struct ccm_quota_gate *g);

/* Keeps what was held back: prompt NULL for a session that was stopped at work. The state becomes paused. */
struct ccm_quota_held {
	const char *session_id, *cwd, *prompt;
};
int ccm_quota_hold(struct ccm_db *db, const struct ccm_quota_gate *g, const struct ccm_quota_held *held, int64_t now_ms);

/* "5 h", "7 d", "all work", "session". */
const char *ccm_quota_scope_words(const char *scope);

/* "14:30", or "Mon 14:30" if that is not within a day. buf holds at least 32. */
const char *ccm_quota_time(int64_t ms, int64_t now_ms, char *buf, size_t bytes);

#endif
