/* SPDX-License-Identifier: MIT */
/* background - starts a task's command where no terminal is needed and none can take it away.
 *
 * The supervisor is `ccm-supervisor task resume ID`, on a terminal of its own that `task terminal ID` keeps (terminal.h), in
 * a session of its own.
 *
 * Errors: negative, words in diag.
 */
#ifndef CCM_SUPERVISOR_BACKGROUND_H
#define CCM_SUPERVISOR_BACKGROUND_H

#include "ops.h"

/* words: the command; none: the task's own. Returns once it runs, or is over; o->task is as it is then. o's lock must have
 * been given back. -CCM_E_REFUSED: it could not be started. */
int background_start(struct ctx *ctx, struct opened *o, const char *const *words, struct ccm_diag *diag);

#endif
