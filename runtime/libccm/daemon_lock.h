/* SPDX-License-Identifier: MIT */
/* daemon_lock - whether ccm-supervisor's daemon runs, for everybody else.
 *
 * It holds a lock on CCM_HOME/supervisor.lock as long as it lives, be it killed. The file has its process id, and the time of
 * the config.ini that it goes by; that of 1970 is: of none.
 */
#ifndef CCM_DAEMON_LOCK_H
#define CCM_DAEMON_LOCK_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "paths.h"

#define CCM_DAEMON_LOCK "supervisor"     /* see lock.h */

/* *ret_pid, if not NULL: its process id; 0: it has just begun, or there is none. */
bool ccm_daemon_runs(const struct ccm_paths *paths, pid_t *ret_pid);

/* When config.ini was written; 0: there is none. */
struct timespec ccm_daemon_config_time(const struct ccm_paths *paths);

/* A daemon runs, and config.ini was written since it read that. */
bool ccm_daemon_config_is_old(const struct ccm_paths *paths);

#endif
