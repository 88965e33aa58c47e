/* SPDX-License-Identifier: MIT */
/* daemon - the one process per user that waits.
 *
 * It holds the database open, which makes hooks faster, and otherwise sleeps: woken by a change of the database or of the
 * spool (libccm/watch.h), by the time at which a job is due or a limit starts anew, and by signals. What takes time is done
 * by workers (jobs.h), one at a time, so nothing keeps it from answering. It shares nothing with ccm-hook
 * but the database.
 *
 * Single instance: a lock on CCM_HOME/supervisor.lock, which holds the process number. Its time is that of the config.ini that the
 * daemon goes by.
 * Signals: SIGHUP reloads the configuration, if it is free of mistakes; SIGTERM and SIGINT end it.
 * The system's clock may jump and the machine may sleep: it looks at the clock at least once a minute.
 */
#ifndef CCM_SUPERVISOR_DAEMON_H
#define CCM_SUPERVISOR_DAEMON_H

#include <sys/types.h>

#include "ctx.h"

/* Runs until it is told to end. 0; -CCM_E_SAID: it could not begin, and has said why. */
int daemon_run(struct ctx *ctx, bool verbose);

/* What to do about ccm_daemon_config_is_old(). */
#define DAEMON_CONFIG_OLD "the daemon goes by an older config.ini: 'ccm-supervisor reload' makes it read this one"

#endif
