/* SPDX-License-Identifier: MIT */
/* approval - what is left to the person is put to the person from afar: [telegram] approvals.
 *
 * Asked is where the automations said ask on a tool call, and where the client is about to ask (PermissionRequest) and no
 * automation has decided. In a session at a terminal the client shows a dialog in both cases, and the second is told of; so
 * the first waits for nobody there, if PermissionRequest is registered. Elsewhere (claude -p) nobody would be asked at all.
 *
 * The question, its answer and all that belongs to them are `ccm-deliver approve`'s, a program that talks to the network; it
 * gets a JSON object on stdin and prints another one:
 *
 *     event_uuid, event, session_id, agent_id, project, tool, detail, reason, wait_ms,
 *     input: what the tool is to be called with; input_bytes: of how much it is the beginning
 *     state: approved, denied, expired, cancelled (answered elsewhere), failed (nobody could be asked); by: who; problem: words
 *
 * A deny is never lifted. An answer of no, and none in time, is a deny; where nobody could be asked, what was to be asked stays as it is.
 * In a task, which has neither network nor database, nobody is asked.
 */
#ifndef CCM_HOOK_APPROVAL_H
#define CCM_HOOK_APPROVAL_H

#include "ctx.h"
#include "libccm/answer.h"
#include "libccm/event.h"

/* True if the person may be asked about such an event, before it is known what the automations say: with approvals off,
 * which is the default, it looks at nothing. */
bool approval_matters(const struct ctx *ctx, const struct ccm_event *e);

/* Asks if there is reason to, and waits: settles the outcome. note: words for what went wrong. left_ms: when the hook must be done.
 * -ENOMEM is the only failure. */
int approval_ask(const struct ctx *ctx, const struct ccm_event *e, int64_t left_ms, struct ccm_outcome *o, struct ccm_sbuf *note);

/* How many seconds the registration must allow for it, see struct ccm_host_registration. */
int approval_registered_s(const struct ccm_settings *s);

#endif
