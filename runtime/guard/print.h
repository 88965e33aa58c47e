/* SPDX-License-Identifier: MIT */
/* print - commands and values as text for people and tests.
 *
 * Written as bash would take it, with single quotes where bytes would mean something else; an active glob stands bare,
 * and what nobody knows is ${?}.
 *
 *     rm -rf '/tmp/a b'/${?}
 */
#ifndef CCM_GUARD_PRINT_H
#define CCM_GUARD_PRINT_H

#include "analyse.h"
#include "libccm/sbuf.h"

void guard_print_value(struct ccm_sbuf *out, const struct guard_value *v);

/* Words and redirections on one line; without line end. */
void guard_print_command(struct ccm_sbuf *out, const struct guard_command *c);

/* "root,maybe"; nothing if there are none. */
void guard_print_flags(struct ccm_sbuf *out, unsigned flags);
void guard_print_taint(struct ccm_sbuf *out, unsigned taint);

#endif
