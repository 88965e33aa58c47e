/* SPDX-License-Identifier: MIT */
/* approve - one question to the person over Telegram, and the answer to it. The hook runs it and waits; see
 * runtime/hook/approval.h for what goes in and out.
 *
 *     ccm-deliver approve            asks: the question is JSON on stdin, the answer JSON on stdout
 *     ccm-deliver approve --close    makes the messages of questions that are over tell what became of them
 *
 * The message carries two buttons. What they send back holds 128 random bits, of which the database has only a fingerprint: who
 * has not seen the message cannot press. An answer counts if it comes from the configured chat (and, with [telegram] user_ids,
 * from one of those), while the question waits and its time is not over; all of that is looked at and recorded in one
 * transaction, so that one answer counts. Every press is recorded, whatever becomes of it.
 *
 * Of several that wait, one asks Telegram for presses, for all of them: whoever has CCM_HOME/telegram.lock. The others see
 * in the database what became of their question.
 *
 * No answer in time is a no. Where the question could not be sent, or no press could be fetched in all the time, nobody was asked:
 * failed. SIGTERM, or a session that shows that the client's own dialog was answered, withdraws the question: cancelled.
 */
#ifndef CCM_SUPERVISOR_APPROVE_H
#define CCM_SUPERVISOR_APPROVE_H

#include "libccm/command.h"

int cmd_approve(struct ctx *ctx, int argc, char **argv);

#endif
