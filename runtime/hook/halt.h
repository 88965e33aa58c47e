/* SPDX-License-Identifier: MIT */
/* halt - a session that was told to stop stays stopped until a person speaks.
 *
 * An automation may refuse a call and say `continue: false` with it. Clients before 2.1.212 lose the stop then, and the
 * agent goes on with the next attempt. So the stop is remembered: every later call of the session is refused with the same
 * words before any automation runs, and PostToolBatch, if it is registered, is answered with `continue: false`, which those clients
 * obey. The person's next prompt ends it, and so does allow-once.
 *
 * Kept with the session in the database, where it is found without opening more than a hook opens anyway.
 * Without the database nothing is remembered.
 */
#ifndef CCM_HOOK_HALT_H
#define CCM_HOOK_HALT_H

#include "libccm/db.h"
#include "libccm/event.h"

/* Ends a halt if the event is the person's prompt; else finds out whether one is in force: *ret_reason, to be freed, or
 * NULL. Asks the database only at events where it matters. */
int halt_look(struct ccm_db *db, const struct ccm_event *e, char **ret_reason);

/* True where halt_look() would ask. */
bool halt_matters(const struct ccm_event *e);

int halt_begin(struct ccm_db *db, const struct ccm_event *e, const char *reason);
int halt_end(struct ccm_db *db, const char *session_id);

#endif
