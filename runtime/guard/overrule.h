/* SPDX-License-Identifier: MIT */
/* overrule - what was refused, the code that a person may type, and whether one did.
 *
 * A code is for one session, one project and one exact input of one tool in one directory. It says nothing of them: it is
 * eight characters that nobody can guess. Only `ccm-hook allow-once` makes it count.
 *
 * Ownership: what a struct guard_refusal points to stays the caller's.
 * Errors:    those of db.h.
 */
#ifndef CCM_GUARD_OVERRULE_H
#define CCM_GUARD_OVERRULE_H

#include <stddef.h>
#include <stdint.h>

#include "libccm/db.h"

#define GUARD_CODE_CHARS 9           /* K7QX-3M9P */

struct guard_refusal {
	const char *session_id, *project, *tool, *directory;
	const char *input;           /* the command, or tool_input as JSON */
	size_t input_bytes;
	const char *rule, *group;
	const char *event_uuid;      /* or NULL */
};

/* 1: a person allowed exactly this, and it is noted that it passed. 0: nobody did. */
int guard_overrule_passes(struct ccm_db *db, const struct guard_refusal *r);

/* Notes the refusal and writes its code: the one it had before, if it is not the first of its kind. */
int guard_overrule_refuse(struct ccm_db *db, const struct guard_refusal *r, char code[GUARD_CODE_CHARS + 1]);

/* How many different inputs the rule's group has refused in this session. */
int guard_overrule_detours(struct ccm_db *db, const struct guard_refusal *r, int64_t *ret);

#endif
