/* SPDX-License-Identifier: MIT */
/* log - messages to the person, on stderr.
 *
 * In ccm-hook stdout is the answer; everything else goes through here, one line each, as
 * `ccm-hook: words`. Control bytes in arguments are shown as escapes, so that text an agent wrote
 * cannot drive the terminal.
 */
#ifndef CCM_LOG_H
#define CCM_LOG_H

#include "macros.h"

void ccm_log_program(const char *name);      /* what stands before the colon; kept, not copied */
void ccm_error(const char *format, ...) _printf_(1, 2);
void ccm_warn(const char *format, ...) _printf_(1, 2);

#endif
