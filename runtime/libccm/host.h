/* SPDX-License-Identifier: MIT */
/* host - what is peculiar to the program that calls us: Claude Code.
 *
 * Its events stand in schema/events/, one file each, from which the table here is built: which
 * fields must be there, which field a matcher is compared with, and what an answer may say. The
 * list is open: an event that is not in it is stored and offered to the automations all the same,
 * and can be blocked by exit status only. A second host would bring a second table.
 *
 * Source: the host's hook reference, and what its 2.1.197 was seen to do.
 */
#ifndef CCM_HOST_H
#define CCM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"

#define CCM_HOST_NAME "claude-code"
#define CCM_HOST_ANY (CCM_JSON_OBJECT | CCM_JSON_ARRAY | CCM_JSON_STRING | CCM_JSON_NUMBER | CCM_JSON_BOOLEAN | \
		      CCM_JSON_NULL)
/* The host moves a longer additionalContext to a file and shows 2 KB of it (characters, per value). */
#define CCM_HOST_CONTEXT_MAX_CHARS 10000

/* How a verdict is told. */
enum ccm_verdict_by {
	CCM_VERDICT_BY_none,         /* it has no control: verdicts are stored, not sent */
	CCM_VERDICT_BY_permission,   /* hookSpecificOutput.permissionDecision: deny, defer, ask, allow */
	CCM_VERDICT_BY_block,        /* decision: "block" at the top; nothing for the others */
	CCM_VERDICT_BY_request,      /* hookSpecificOutput.decision.behavior: deny, allow */
	CCM_VERDICT_BY_exit,         /* exit status 2, the reason on stderr */
	CCM_VERDICT_BY_elicit,       /* hookSpecificOutput.action: decline */
};

/* What becomes of an automation's output that is not JSON. */
enum ccm_plain {
	CCM_PLAIN_ignored,
	CCM_PLAIN_context,           /* it counts as additionalContext */
	CCM_PLAIN_path,              /* its last line is the answer (WorktreeCreate) */
};

struct ccm_host_field {
	const char *name;            /* NULL ends the list */
	unsigned types;              /* enum ccm_json_type bits */
};

struct ccm_host_event {
	const char *name, *summary;
	const char *matcher;         /* payload field that Match is compared with; "": none */
	bool registered;             /* among the nine that install registers by default */
	const char *since;           /* the client's version that brought it; NULL: 2.1.197 has it */
	int timeout_s;               /* what it is registered with */
	const struct ccm_host_field *required;
	const struct ccm_host_field *answer;     /* fields of hookSpecificOutput besides verdict and context */
	enum ccm_verdict_by verdict;
	enum ccm_plain plain;
	bool document;               /* a JSON document may be printed; else only a block may */
	bool specific;               /* false: the host refuses a document with hookSpecificOutput */
	bool context;                /* hookSpecificOutput.additionalContext is honoured */
};

/* The table, in alphabetical order. */
const struct ccm_host_event *ccm_host_events(size_t *ret_count);

/* NULL: not a known event. */
const struct ccm_host_event *ccm_host_event(const char *name);

#endif
