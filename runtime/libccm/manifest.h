/* SPDX-License-Identifier: MIT */
/* manifest - what an automation's header says about it.
 *
 *     #!/bin/sh
 *     # Summary: one line
 *     # Event:   PreToolUse PostToolUse     (default: all)
 *     # Match:   Bash|Edit|mcp__.*          (the host's matcher rules; default: all)
 *     # Timeout: 2s                         (default: config.ini [automations] timeout)
 *     # On-failure: open | closed           (default open)
 *     # Effects: none | writes              (default writes)
 *     # Libexec: NAME ARG...                (a program of ccm's that the script only hands over to)
 *
 * It stands in the first comment block, in which blank lines may stand too; the comment sign may
 * be #, //, --, ;, % or the lines of a C comment. Other lines of the block are just comments, but a
 * word that looks like a misspelt key is an error: `Evnet: PreToolUse` must not become a script
 * that runs at every event. A file NAME.ini beside the script holds the same keys as `key = value`
 * and wins over the header.
 *
 * Ownership: ccm_manifest_done() releases it.
 * Errors:    -CCM_E_MANIFEST with words for the first mistake, naming file and line; -ENOMEM. What
 *            could be read is filled in nevertheless; what could not errs on the safe side: a wrong
 *            Event or Match narrows nothing, a wrong On-failure is closed.
 */
#ifndef CCM_MANIFEST_H
#define CCM_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define CCM_MANIFEST_MAX_BYTES 8192      /* the header must lie in the first 8 KiB */

enum ccm_manifest_key {
	CCM_KEY_SUMMARY, CCM_KEY_EVENT, CCM_KEY_MATCH, CCM_KEY_TIMEOUT, CCM_KEY_ON_FAILURE, CCM_KEY_EFFECTS, CCM_KEY_LIBEXEC,
	CCM_KEY_COUNT
};

struct ccm_manifest {
	char *summary;               /* NULL: none */
	char *events;                /* names separated by single spaces; NULL: all */
	char *match;                 /* NULL: all */
	int64_t timeout_ms;          /* 0: the configured default */
	bool closed;                 /* On-failure: closed */
	bool pure;                   /* Effects: none */
	char *libexec;               /* words separated by single spaces, the first without a slash; NULL: none */
	unsigned set;                /* bit per enum ccm_manifest_key that was given */
};

/* "Summary", "Event", ... */
const char *ccm_manifest_key_name(enum ccm_manifest_key key);

/* Reads the beginning of a script (bytes may cut it anywhere behind the header). file is only named. */
int ccm_manifest_parse_header(const char *file, const char *text, size_t bytes, struct ccm_manifest *m,
			      struct ccm_diag *diag);

/* Reads a NAME.ini over what is there already. */
int ccm_manifest_parse_ini(const char *file, const char *text, struct ccm_manifest *m, struct ccm_diag *diag);

/* Sets one key as a line would; the words name no file. Used for options of `enable`, too. */
int ccm_manifest_set(struct ccm_manifest *m, enum ccm_manifest_key key, const char *value, struct ccm_diag *diag);

bool ccm_manifest_wants_event(const struct ccm_manifest *m, const char *event);

void ccm_manifest_done(struct ccm_manifest *m);

#endif
