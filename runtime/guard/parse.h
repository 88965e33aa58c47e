/* SPDX-License-Identifier: MIT */
/* parse - from text to tree, by the best means there is.
 *
 * A text of plain words is split by our own reader. What is more goes to shfmt, whose grammar is bash's; a text that it
 * refuses, that is too long for it (it takes 20 us a byte), or that meets a system without it is read by our own reader
 * (reader.h), which says what it could not place.
 *
 * Ownership: see syntax.h.
 */
#ifndef CCM_GUARD_PARSE_H
#define CCM_GUARD_PARSE_H

#include <stdint.h>

#include "arena.h"
#include "syntax.h"

#define GUARD_PARSE_MAX 4096         /* bytes that shfmt is given */
#define GUARD_PARSE_RUNS 24          /* how often one analysis starts it */
#define GUARD_PARSE_US 1000000       /* after how long in it, in all, it is not started again */

/* shfmt at work on a text before anybody asks for its tree: it takes longer than all the rest of a verdict.
 *
 *     parser = guard_parser_begin(text, bytes);        // NULL: it is not needed for this text, or there is none
 *     ... with .parser = parser, the first guard_parse() of such a text takes what it says ...
 *     guard_parser_end(parser);                        // NULL: does nothing
 *
 * The text must stay until then. */
struct guard_parser;
struct guard_parser *guard_parser_begin(const char *text, size_t bytes);
void guard_parser_end(struct guard_parser *p);

struct guard_parsing {
	struct guard_parser *parser; /* in: begun on this or another text; NULL: none */
	bool without_parser;         /* in: as if there were no shfmt */
	bool nested;                 /* in: a text within a text; our own reader may take more of them */
	unsigned *runs;              /* in and out: how often shfmt was started */
	int64_t spent_us;            /* in: in shfmt before */
	bool parsed;                 /* out: by shfmt */
	int64_t took_us;             /* out: in shfmt */
	const char *problem;         /* out: what was not understood; NULL: nothing */
};

struct stmt *guard_parse(struct guard_arena *arena, const char *text, size_t bytes, struct guard_parsing *p);

/* The tree that shfmt printed about text; NULL: it is none that we understand. */
struct stmt *guard_parse_json(struct guard_arena *arena, const char *json, size_t json_bytes, const char *text, size_t bytes);

#endif
