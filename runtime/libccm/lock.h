/* SPDX-License-Identifier: MIT */
/* lock - of several processes one does a thing, and the others can see that somebody does.
 *
 * A lock on CCM_HOME/NAME.lock: "tidy" (tidy.h), "deliver" (`ccm-supervisor deliver --once`); or on NAME.PART.lock: "deliver",
 * "slack" (ccm-deliver for one channel). That of the daemon says more, see daemon_lock.h. The kernel gives it back when its
 * holder ends, however it does; the file stays.
 */
#ifndef CCM_LOCK_H
#define CCM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "paths.h"

/* part may be NULL. 1: ours, until *ret_fd is closed; 0: somebody else has it. -CCM_E_SAID: it could not be opened. */
int ccm_lock_take(const struct ccm_paths *paths, const char *name, const char *part, int *ret_fd);

/* Its file, open for reading, if somebody has it just now; else -1. The caller closes it. */
int ccm_lock_open_taken(const struct ccm_paths *paths, const char *name, const char *part);
bool ccm_lock_is_taken(const struct ccm_paths *paths, const char *name, const char *part);

/* Locks another file or folder, which is open. 0; -EWOULDBLOCK: somebody else had it all that time; else what flock() says. */
int ccm_lock_fd(int fd, int64_t wait_ms);

#endif
