/* SPDX-License-Identifier: MIT */
#include "analyse.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "libccm/macros.h"

static const char *const fact_names[] = {
	[GUARD_FACT_RUNS_DOWNLOAD] = "runs-download",
	[GUARD_FACT_RUNS_DECODED] = "runs-decoded",
	[GUARD_FACT_RUNS_UNKNOWN] = "runs-unknown",
	[GUARD_FACT_UNKNOWN_PROGRAM] = "unknown-program",
	[GUARD_FACT_SENDS_SECRET] = "sends-secret",
	[GUARD_FACT_REVERSE_SHELL] = "reverse-shell",
	[GUARD_FACT_FORK_BOMB] = "fork-bomb",
	[GUARD_FACT_TOO_COMPLEX] = "too-complex",
	[GUARD_FACT_NOT_PARSED] = "not-parsed",
};

const char *guard_fact_name(enum guard_fact_kind kind)
{
	return fact_names[kind];
}

/* Words without anything that bash would do something with. */
static bool is_plain_text(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (!memchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+, \t=", text[i], 75))
			return false;
	return true;
}

static void take_plain_words(struct guard_analysis *a, const struct guard_source *source)
{
	struct guard_value *words = GUARD_NEWN(a->arena, struct guard_value, source->bytes / 2 + 1);
	struct guard_command *c = GUARD_NEW(a->arena, struct guard_command);
	const char *slash;

	for (size_t i = 0; i < source->bytes;) {
		size_t n = 0;

		while (i + n < source->bytes && source->text[i + n] != ' ' && source->text[i + n] != '\t')
			n++;
		if (n > 0)
			words[c->count++] = (struct guard_value){ .text = guard_arena_copy(a->arena, source->text + i, n),
								  .bytes = n, .known = true };
		i += n + 1;
	}
	if (c->count == 0)
		return;
	slash = strrchr(words[0].text, '/');
	c->words = words;
	c->name = slash ? slash + 1 : words[0].text;
	c->directory = guard_arena_strdup(a->arena, source->directory);
	c->input.text = c->via = "";
	c->bytes = source->bytes;
	a->commands = c;
	a->count = 1;
}

int guard_analyse(const struct guard_source *source, struct guard_analysis **ret)
{
	struct guard_arena *arena = guard_arena_new();
	struct guard_analysis *a;

	if (!arena)
		return -ENOMEM;
	if (setjmp(arena->out_of_memory)) {
		guard_arena_free(arena);
		return -ENOMEM;
	}
	a = GUARD_NEW(arena, struct guard_analysis);
	a->arena = arena;
	if (is_plain_text(source->text, source->bytes))
		take_plain_words(a, source);
	*ret = a;
	return 0;
}

void guard_analysis_free(struct guard_analysis *a)
{
	if (a)
		guard_arena_free(a->arena);
}

void guard_analysis_freep(struct guard_analysis **a)
{
	guard_analysis_free(*a);
}
