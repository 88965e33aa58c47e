/* SPDX-License-Identifier: MIT */
/* alerts - what the person should hear of, from the first sign of it to the deliveries that are due.
 *
 * Two steps, each a transaction on state.db, so that however many processes do it and whenever they are killed, each
 * alert is made once and routed once:
 *
 *     deriving   What hooks stored of events since it was last looked becomes rows of alert. No hook does anything for it.
 *     routing    An alert that is new is counted with one of its like ([alerts] fold), or becomes a delivery for each channel
 *                that the rules say, or goes into the channel's next digest; a channel that has had its share of the hour gets
 *                it with the digest, too. In the quiet hours deliveries are made due for when they end.
 *
 * Nothing here speaks to a network; ccm-deliver does (sender.h). Both work without a daemon.
 *
 * Units:  _ms are Unix milliseconds.
 * Errors: as db.h has them.
 */
#ifndef CCM_SUPERVISOR_ALERTS_H
#define CCM_SUPERVISOR_ALERTS_H

#include "ctx.h"

/* What whoever looks again and again remembers, so that it looks at each event once or twice. Begins as { 0 }. */
struct alerts {
	bool begun;
	int64_t seen, kept;          /* event ids: looked at up to there; and what the database says of it */
	int64_t seen_ms;             /* the time of that event */
	struct ccm_sbuf unfinished;  /* ids of events before it that had not ended, as a JSON array */
};
void alerts_done(struct alerts *a);

/* Writes down how far it was looked at, so that whoever comes next need not look at that again. */
int alerts_keep(struct alerts *a, struct ccm_db *db);

/* Does both. Returns how many alerts were made or routed. *ret_next_ms, if something is to be looked at again although nothing
 * changes: when, if that is sooner. */
int alerts_gather(struct alerts *a, struct ccm_db *db, const struct ccm_settings *s, int64_t now_ms, int64_t *ret_next_ms);

/* Which channels have something to send, as bits. *ret_next_ms: when one has next, if that is sooner. */
int alerts_due(struct ccm_db *db, int64_t now_ms, unsigned *ret_channels, int64_t *ret_next_ms);

/* Starts `ccm-supervisor deliver --once`, and does not wait for it, where a channel is set up and no daemon runs: what was raised
 * is urgent. */
void alerts_deliver(const struct ctx *ctx);

#endif
