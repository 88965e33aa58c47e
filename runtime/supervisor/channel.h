/* SPDX-License-Identifier: MIT */
/* channel - take in what the hooks of a task say: events and alerts, as files in its channel/spool.
 *
 * Inside, ccm-hook judges each event with the task's copies of the automations and leaves it as a file (spool.h), because
 * CCM_TASK_DIR is set. Whatever else runs inside can write such files, too, so all of it is hostile:
 *   - no link is followed, only regular files of ours are opened, and at most CHANNEL_FILE_MAX bytes read;
 *   - an event gets an id and a time of ours, so it can neither replace nor predate anything;
 *   - it is stored as the task's (task_event); a session that belongs to somebody else is not believed: its events
 *     are stored under "ID/session";
 *   - at most CHANNEL_STEP files are looked at in one go, and at most CHANNEL_EVENTS_MAX stored in all.
 * What cannot be read is removed and counted.
 */
#ifndef CCM_SUPERVISOR_CHANNEL_H
#define CCM_SUPERVISOR_CHANNEL_H

#include "libccm/db.h"
#include "place.h"
#include "task.h"

#define CHANNEL_FILE_MAX ((size_t)48 << 20)
#define CHANNEL_STEP 256
#define CHANNEL_EVENTS_MAX 200000
#define CHANNEL_ALERTS_MAX 100

struct channel {
	int64_t stored, alerts, bad;
	bool full_said;
	bool urgent;                 /* something came that the person should hear of at once; the caller sets it back */
};

/* Returns how many were taken; negative if the database does not take any. last: the task has ended, so a file that is
 * still locked is taken as it is. */
int channel_take(struct channel *c, struct ccm_db *db, const struct place *p, const struct task *t, bool last);

#endif
