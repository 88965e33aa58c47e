/* SPDX-License-Identifier: MIT */
/* deliver - what a channel is to send: found, made into messages, and recorded. See deliver_main.c.
 *
 * Each send is between two transactions of state.db: the first counts the attempt and notes what is told, the second
 * records the outcome.
 */
#ifndef CCM_SUPERVISOR_DELIVER_H
#define CCM_SUPERVISOR_DELIVER_H

#include "sender.h"

/* Sends what is due, in order, until nothing is or the channel is blocked by a failure. The caller holds the channel's lock.
 * 1: done; or an error of the database. */
int deliver_due(struct ctx *ctx, const struct sender *sender, struct sender_ctx *s);

/* 1: something is due there now, and the channel is not blocked. */
int deliver_is_due(struct ctx *ctx, const struct sender *sender);

/* Notes that the person has seen what that delivery tells of; opens the database for it where it is not open. Failures are said. */
void deliver_seen(struct ctx *ctx, const char *uuid);

#endif
