/* SPDX-License-Identifier: MIT */
/* sources - quota numbers for when the client itself does not tell them: transcripts, ccusage, an estimate.
 *
 *     1. Transcripts of the sessions of the last hours are read on (libccm/transcript.h).
 *     2. While the client's own number is fresh, nothing more is done.
 *     3. `ccusage blocks --active --json --offline` tells the tokens of the running five-hour block and when it ends.
 *        Its own percentUsed is not used: it is of the projected end of the block, not of now.
 *     4. Without ccusage, the tokens of the transcripts of the last five hours are counted, and a quarter added.
 * 3 and 4 make a percentage only with [quota] token_limit, because the tokens of a plan are told by nobody.
 *
 * ccusage is one program that may hang, print anything, or take seconds: it is run by a process of its own, with a deadline.
 */
#ifndef CCM_SUPERVISOR_SOURCES_H
#define CCM_SUPERVISOR_SOURCES_H

#include "libccm/db.h"
#include "libccm/settings.h"

#define SOURCES_EVERY_MS 60000                   /* ccusage is not asked more often */
#define SOURCES_RECENT_MS (6LL * 3600 * 1000)

struct sources_result {
	bool client_fresh;           /* the client's own numbers are good enough: nothing else was asked */
	bool too_soon;               /* ccusage was asked less than a minute ago */
	int64_t tokens;              /* of the running block, or of the last five hours; -1: not asked */
	const char *source;          /* "ccusage", "estimate" or NULL */
	struct ccm_sbuf trouble;     /* one line each: what did not work */
};

/* Reads on, asks and records. ccusage is left alone where nothing could be made of its answer, without token_limit, unless a
 * person asks. */
int sources_poll(struct ccm_db *db, const struct ccm_settings *settings, int64_t now_ms, bool person_asks,
		 struct sources_result *ret);
void sources_result_done(struct sources_result *r);

/* Cuts a configured command into words, in place; the first one as the path of a program; ~/ is the home folder. -ENOENT: there
 * is none. */
#define SOURCES_WORDS 16
int sources_split_command(char *text, const char **words, size_t *count, struct ccm_sbuf *program);

/* Reads what ccusage printed. False: no block is active. -CCM_E_JSON: that is no answer of ccusage. */
int sources_read_ccusage(const char *text, size_t bytes, int64_t now_ms, int64_t *ret_tokens, int64_t *ret_ends_ms);

#endif
