/* SPDX-License-Identifier: MIT */
/* arena - memory that goes all at once.
 *
 * An analysis makes thousands of small things and keeps nearly all of them to its end.
 *
 *     struct guard_arena *a = guard_arena_new();
 *     if (!a || setjmp(a->out_of_memory)) { guard_arena_free(a); return -ENOMEM; }
 *     char *copy = guard_arena_copy(a, text, bytes);
 *
 * Ownership: everything is the arena's.
 * Errors:    none is returned: out of memory jumps to a->out_of_memory, which whoever makes the arena has set.
 */
#ifndef CCM_GUARD_ARENA_H
#define CCM_GUARD_ARENA_H

#include <setjmp.h>
#include <stddef.h>

struct guard_arena {
	jmp_buf out_of_memory;
	struct guard_arena_block *newest;
	char *at, *end;
	size_t bytes;                /* given out so far */
};

struct guard_arena *guard_arena_new(void);       /* NULL: out of memory */
void guard_arena_free(struct guard_arena *a);    /* accepts NULL */

void *guard_arena_alloc(struct guard_arena *a, size_t bytes);    /* zeroed */

/* What was given out last grows where it stands; anything else is copied. */
void *guard_arena_grow(struct guard_arena *a, void *old, size_t old_bytes, size_t bytes);

/* With a NUL behind it that is not counted. */
char *guard_arena_copy(struct guard_arena *a, const void *text, size_t bytes);
char *guard_arena_strdup(struct guard_arena *a, const char *text);

#define GUARD_NEW(a, type) ((type *)guard_arena_alloc(a, sizeof(type)))
#define GUARD_NEWN(a, type, n) ((type *)guard_arena_alloc(a, sizeof(type) * (n)))

#endif
