/* SPDX-License-Identifier: MIT */
/* The tree that shfmt prints, as it might be if shfmt were another version, broken or hostile: a command, a NUL byte,
 * and JSON about it. */
#include "fuzz.h"

#include <string.h>

#include "guard/parse.h"
#include "libccm/macros.h"

static void free_arena(struct guard_arena **a)
{
	guard_arena_free(*a);
}

/* Every node is read once. */
static size_t count_stmts(const struct stmt *s, int depth)
{
	size_t n = 0;

	for (; s && depth < 2000; s = s->next)
		n += 1 + count_stmts(s->body, depth + 1) + count_stmts(s->cond, depth + 1) + count_stmts(s->orelse, depth + 1);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(free_arena) struct guard_arena *arena = guard_arena_new();
	_cleanup_free_ char *text = fuzz_copy(data, size);
	const char *json = memchr(text, '\0', size);
	size_t bytes = json ? (size_t)(json - text) : size;

	MUST(arena && setjmp(arena->out_of_memory) == 0);
	json = json ? json + 1 : text;
	count_stmts(guard_parse_json(arena, json, (size_t)(text + size - json), text, bytes), 0);
	return 0;
}
