/* SPDX-License-Identifier: MIT */
/* value - texts of which a part may be unknown: see struct guard_value in analyse.h.
 *
 *     struct text t = { .arena = arena };
 *     text_adds(&t, "rm -rf ");
 *     text_add_value(&t, &v);
 *     struct guard_value joined = text_take(&t);
 *
 * Ownership: everything is the arena's.
 * Bounds:    a text stops growing at GUARD_TEXT_MAX; what is beyond is GUARD_UNKNOWN.
 */
#ifndef CCM_GUARD_VALUE_H
#define CCM_GUARD_VALUE_H

#include "analyse.h"
#include "arena.h"

#define GUARD_TEXT_MAX (1u << 18)

struct text {
	struct guard_arena *arena;
	char *text;
	size_t bytes, room;
	unsigned taint;
	bool quoted, cut;
};

void text_add(struct text *t, const char *bytes, size_t n);
void text_adds(struct text *t, const char *s);
void text_addc(struct text *t, char c);
void text_add_value(struct text *t, const struct guard_value *v);
struct guard_value text_take(struct text *t);    /* t is empty then */
void text_clear(struct text *t);

/* A growing list of values. */
struct values {
	struct guard_arena *arena;
	struct guard_value *items;
	size_t count, room;
};
void values_add(struct values *l, struct guard_value v);

struct guard_value value_of(const char *text);                   /* text must outlive it */
struct guard_value value_copy(struct guard_arena *a, const char *text, size_t bytes);
struct guard_value value_unknown(unsigned taint);
bool value_is(const struct guard_value *v, const char *text);    /* known, and exactly that */
bool value_begins(const struct guard_value *v, const char *text);
bool value_is_unknown(const struct guard_value *v);              /* nothing of it is known */
bool value_equal(const struct guard_value *a, const struct guard_value *b);

/* The part from offset on, with the taint of the whole. */
struct guard_value value_from(const struct guard_value *v, size_t offset);

/* Without marks: a STAR is '*' again, ONE is '?'. What is unknown stays. */
struct guard_value value_as_code(struct guard_arena *a, const struct guard_value *v);

/* Does the whole text match the pattern (with marks)? Unknown text in either matches nothing but itself. */
bool value_matches(const char *text, size_t bytes, const char *pattern, size_t pattern_bytes);

/* What $'..' and echo -e make of backslashes. ansi: \' and \" too, as $'..'; a \c ends the text (echo -e, printf %b). */
void text_add_unescaped(struct text *t, const char *bytes, size_t n, bool ansi);

/* A byte that was written as a number: NUL vanishes in bash, 1 to 3 would look like marks. */
void text_add_byte(struct text *t, unsigned c);

/* Adds what is encoded; what is none of the alphabet is passed over. */
void text_add_base64(struct text *t, const char *bytes, size_t n);
void text_add_hex(struct text *t, const char *bytes, size_t n);

/* The last slash in the first bytes of a text; NULL: there is none. */
const char *text_last_slash(const char *text, size_t bytes);

/* True if the word is one of those in the list, which are divided by blanks. */
bool text_in(const char *word, const char *list);

#endif
