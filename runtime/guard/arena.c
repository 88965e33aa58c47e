/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 65536
#define ALIGNMENT alignof(max_align_t)

struct guard_arena_block {
	struct guard_arena_block *older;
	alignas(max_align_t) char bytes[];
};

struct guard_arena *guard_arena_new(void)
{
	return calloc(1, sizeof(struct guard_arena));
}

void guard_arena_free(struct guard_arena *a)
{
	if (!a)
		return;
	for (struct guard_arena_block *b = a->newest, *older; b; b = older) {
		older = b->older;
		free(b);
	}
	free(a);
}

static void add_block(struct guard_arena *a, size_t bytes)
{
	size_t size = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
	struct guard_arena_block *b = malloc(sizeof *b + size);

	if (!b)
		longjmp(a->out_of_memory, 1);
	b->older = a->newest;
	a->newest = b;
	a->at = b->bytes;
	a->end = b->bytes + size;
}

static size_t rounded(size_t bytes)
{
	return (bytes + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

static void *take(struct guard_arena *a, size_t bytes)
{
	void *p;

	if (bytes > SIZE_MAX / 2)
		longjmp(a->out_of_memory, 1);
	bytes = rounded(bytes);
	if (!a->at || bytes > (size_t)(a->end - a->at))
		add_block(a, bytes);
	p = a->at;
	a->at += bytes;
	a->bytes += bytes;
	return p;
}

void *guard_arena_alloc(struct guard_arena *a, size_t bytes)
{
	return memset(take(a, bytes), 0, bytes);
}

void *guard_arena_grow(struct guard_arena *a, void *old, size_t old_bytes, size_t bytes)
{
	size_t old_room = rounded(old_bytes), room = rounded(bytes);
	char *start = old;
	void *p;

	if (old && start + old_room == a->at && room >= old_room && room - old_room <= (size_t)(a->end - a->at)) {
		a->at += room - old_room;
		a->bytes += room - old_room;
		return old;
	}
	p = take(a, bytes);
	if (old)
		memcpy(p, old, old_bytes < bytes ? old_bytes : bytes);
	return p;
}

char *guard_arena_copy(struct guard_arena *a, const void *text, size_t bytes)
{
	char *p = take(a, bytes + 1);

	if (bytes > 0)
		memcpy(p, text, bytes);
	p[bytes] = '\0';
	return p;
}

char *guard_arena_strdup(struct guard_arena *a, const char *text)
{
	return guard_arena_copy(a, text, strlen(text));
}
