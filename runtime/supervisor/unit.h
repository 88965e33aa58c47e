/* SPDX-License-Identifier: MIT */
/* unit - the text that makes a service manager start the daemon.
 *
 * It names this program, and hands on what decides which files are meant (CCM_HOME, CLAUDE_CONFIG_DIR) and where programs are
 * found (PATH), as they are when it is written.
 * Source: systemd.service(5), systemd.syntax(7); launchd.plist(5).
 */
#ifndef CCM_SUPERVISOR_UNIT_H
#define CCM_SUPERVISOR_UNIT_H

#include "libccm/sbuf.h"

#define UNIT_NAME "ccm-supervisor.service"
#define UNIT_LABEL "ccm-supervisor"

void unit_systemd(struct ccm_sbuf *out, const char *program);
void unit_launchd(struct ccm_sbuf *out, const char *program);

/* Where it belongs; empty if neither XDG_CONFIG_HOME nor HOME is set. */
void unit_systemd_path(struct ccm_sbuf *out);
void unit_launchd_path(struct ccm_sbuf *out);

#endif
