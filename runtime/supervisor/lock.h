/* SPDX-License-Identifier: MIT */
/* lock - who brings alerts, and on which channel: one process at a time.
 *
 * A lock on CCM_HOME/deliver.lock (`deliver --once`) or CCM_HOME/deliver.CHANNEL.lock (ccm-deliver). The kernel gives it back when its
 * holder ends, however it does; the file stays.
 */
#ifndef CCM_SUPERVISOR_LOCK_H
#define CCM_SUPERVISOR_LOCK_H

#include <stdbool.h>

#include "libccm/paths.h"

/* channel NULL: of all. 1: ours, until *ret_fd is closed; 0: somebody else has it. -CCM_E_SAID: it could not be opened. */
int lock_deliver(const struct ccm_paths *paths, const char *channel, int *ret_fd);

/* Whether somebody has it just now. */
bool lock_deliver_is_taken(const struct ccm_paths *paths, const char *channel);

#endif
