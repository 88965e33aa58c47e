/* SPDX-License-Identifier: MIT */
/* transcript - the tokens that a session has spent, from the files in which its client keeps it.
 *
 * A transcript only grows, by lines of JSON; those of type "assistant" hold message.id and message.usage. It is read from
 * where it was left, in pieces, so that one of 500 MB costs its length once and little memory. A file that was replaced
 * or cut is read from its start. Subagents have files of their own, in SESSION/subagents beside SESSION.jsonl.
 *
 * Counted are input, output, cache creation and cache read tokens together, as ccusage does. A message whose parts stand on
 * several lines counts once. Lines that are no JSON, longer than CCM_TRANSCRIPT_LINE_MAX, or whose numbers are
 * negative or absurd count nothing.
 *
 * Errors: those of db.h; -errno of the file. A file that is not there yet has nothing to read: 0.
 * Source: seen with Claude Code 2.1.197.
 */
#ifndef CCM_TRANSCRIPT_H
#define CCM_TRANSCRIPT_H

#include <stdint.h>

#include "db.h"

#define CCM_TRANSCRIPT_LINE_MAX (32 << 20)
#define CCM_TRANSCRIPT_TOKENS_MAX 1000000000000LL        /* of one message; more is not believed */

/* Reads on, at most about max_bytes in all, and adds to the table spent. Returns 1 if there is more to read, else 0. */
int ccm_transcript_follow(struct ccm_db *db, const char *session_id, const char *path, int64_t max_bytes, int64_t now_ms);

/* What the session has spent as far as it was read. */
int ccm_transcript_tokens(struct ccm_db *db, const char *session_id, int64_t *ret);

#endif
