/* SPDX-License-Identifier: MIT */
/* systemd - tell the service manager how we are, if there is one that wants to know.
 *
 * One datagram to the socket that NOTIFY_SOCKET names; that is all there is to it, and no reason to link libsystemd.
 * Errors: negative errno; 0 where nobody asked.
 * Source: sd_notify(3), sd_watchdog_enabled(3).
 */
#ifndef CCM_SUPERVISOR_SYSTEMD_H
#define CCM_SUPERVISOR_SYSTEMD_H

#include <stdint.h>

/* "READY=1", "STATUS=...", several with newlines between. */
int systemd_notify(const char *state);

/* How often a sign of life is due: half of what the manager waits. 0: it does not. */
int64_t systemd_watchdog_us(void);

#endif
