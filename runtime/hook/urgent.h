/* SPDX-License-Identifier: MIT */
/* urgent - what cannot wait is delivered although no daemon runs.
 *
 * Alerts are made of what is stored of events, later and elsewhere; see runtime/supervisor/alerts.h. Here it is only asked, of
 * what the hook knows already, whether an event will make an urgent one. If so, and a channel is set up, and no daemon
 * runs, `ccm-supervisor deliver --once` is started, and not waited for. Other events cost nothing: no file is looked at.
 */
#ifndef CCM_HOOK_URGENT_H
#define CCM_HOOK_URGENT_H

#include "ctx.h"
#include "libccm/answer.h"
#include "libccm/event.h"

/* trouble: something was wrong with the database, and it is on record by now. */
bool urgent_is(const struct ccm_settings *s, const struct ccm_event *e, const struct ccm_outcome *o, bool trouble);

/* Starts it, if there is reason to. What goes wrong is said on stderr. */
void urgent_deliver(const struct ctx *ctx);

#endif
