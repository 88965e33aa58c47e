/* SPDX-License-Identifier: MIT */
/* reader - our own reading of bash, for where the real grammar is of no use: a text that it refuses, one too long for it,
 * the inside of a word, and systems without it.
 *
 * It never gives up: what it cannot place it passes over, says so in problem, and goes on with the next word. What
 * stands before is read as bash reads it.
 *
 * Ownership: see syntax.h.
 */
#ifndef CCM_GUARD_READER_H
#define CCM_GUARD_READER_H

#include "arena.h"
#include "syntax.h"

struct guard_reading {
	const char *problem;         /* static words, or NULL: every byte had its place */
	size_t problem_offset;
};

struct stmt *guard_read(struct guard_arena *arena, const char *text, size_t bytes, struct guard_reading *ret);

/* The text as one word, blanks and operators included, as between double quotes (without them). */
struct word *guard_read_quoted(struct guard_arena *arena, const char *text, size_t bytes);

/* One ${...} or $x at the start of text. in_double: it stands in double quotes. NULL: it is none. */
struct part *guard_read_dollar(struct guard_arena *arena, const char *text, size_t bytes, bool in_double);

/* True if the bytes are a name: [A-Za-z_][A-Za-z0-9_]*. */
bool guard_is_name(const char *text, size_t bytes);

#endif
