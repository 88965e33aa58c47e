/* SPDX-License-Identifier: MIT */
/* gaps - what happened and did not reach ccm.
 *
 * The client keeps a transcript of each session. A tool call that stands there with a good result, of a tool whose calls ccm
 * otherwise hears of, and that no event names, ran without anybody looking: hooks were switched off meanwhile, were ended before
 * they had stored it, or failed. So did a session of which there is no event at all, where others of the same folder have
 * some. Calls that were refused or failed are left out: of some of these the client tells nobody.
 *
 * Looked at is the end of each transcript, from what was told last. Each gap is told once, as an alert of the kind hook-gap. While
 * events wait in the spool nothing is said; if they have waited for long, that is told, as storage.
 */
#ifndef CCM_SUPERVISOR_GAPS_H
#define CCM_SUPERVISOR_GAPS_H

#include "ctx.h"

int gaps_look(struct ctx *ctx, int64_t now_ms);

#endif
