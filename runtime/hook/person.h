/* SPDX-License-Identifier: MIT */
/* person - was this started by a person at a terminal, or by an agent?
 *
 * Three things tell an agent: what it sets in the environment of all that it starts; the agent itself, or ccm-hook, among the
 * processes that this one descends from, or its environment in one of them; and that there is no terminal, because the client
 * gives its tools none. A person's terminal shows none of them. Where it cannot be found out, it counts as an agent.
 *
 * Errors: -CCM_E_REFUSED, with words in diag: what tells an agent.
 */
#ifndef CCM_HOOK_PERSON_H
#define CCM_HOOK_PERSON_H

#include "libccm/error.h"

int person_check(struct ccm_diag *diag);

#endif
