/* SPDX-License-Identifier: MIT */
/* resume - sessions that were held back for want of quota go on by themselves, within bounds.
 *
 * Off by default ([resume] sessions). Before each one: the quota is asked for anew, quiet hours, the daily budget and the gap
 * to the last one are kept. One session at a time, with all its prompts at once, by `claude --resume ID -p` where it worked,
 * at most max_resumes times, each within a timeout. A session that is still open in a terminal is left to its person, and
 * one that a person went on with is settled. The rows of the table held are leased meanwhile: cut short by a crash, they
 * wait again, and the try counts.
 *
 * Tasks that are held for want of quota go on by themselves, too ([resume] tasks, on by default): the same bounds, one within the
 * gap, at most max_resumes times until a person resumes or stops it. Where its processes exist, the task's supervisor
 * lets them go on (session.h). Where they have ended (its supervisor did, or the client failed while work had to wait), the
 * command is started again in its sandbox if it is `claude ... -p PROMPT ...` and has had a session: with --resume and a
 * prompt to go on instead of PROMPT, within a timeout. What tasks cost is not known, and is not part of the budget.
 */
#ifndef CCM_SUPERVISOR_RESUME_H
#define CCM_SUPERVISOR_RESUME_H

#include "ctx.h"

/* Resumes the next one, if there is one and all bounds allow it. 1: it did; 0: not now. What went wrong has been said. */
int resume_next(struct ctx *ctx);

/* Lets the task that has waited longest go on, if all bounds allow it. 1: it did; 0: not now. What went wrong has been said. */
int resume_next_task(struct ctx *ctx);

/* Whether tasks must wait: quota-pause is enabled, and work must wait. 1: why says it; 0: not. */
int resume_must_wait(struct ctx *ctx, int64_t now_ms, struct ccm_sbuf *why);

#endif
