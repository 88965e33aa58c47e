/* SPDX-License-Identifier: MIT */
#include "ini.h"

#include <ini.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const struct ccm_ini *ini;
	const char *text;            /* what is left to read */
	int line;                    /* the line read last */
	bool only_counts;            /* every line is handed over, and nothing is told */
};

static size_t line_bytes(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? (size_t)(end + 1 - text) : strlen(text);
}

/* Most of what `ccm-hook init` writes are comments, and every hook reads it. */
static void skip_comments(struct reader *reader)
{
	while (*reader->text == '#' || *reader->text == ';' || *reader->text == '\n') {
		reader->text += line_bytes(reader->text);
		reader->line++;
	}
}

static char *read_line(char *buf, int size, void *user)
{
	struct reader *reader = user;
	size_t bytes, taken;
	char words[64];

	if (!reader->only_counts)
		skip_comments(reader);
	bytes = line_bytes(reader->text);
	if (!bytes)
		return NULL;
	taken = bytes < (size_t)size ? bytes : (size_t)size - 1;
	memcpy(buf, reader->text, taken);
	buf[taken] = '\0';
	reader->text += bytes;
	reader->line++;
	if (taken < bytes && !reader->only_counts) {
		snprintf(words, sizeof words, "the line is longer than %d bytes", size - 1);
		reader->ini->problem(reader->ini->user, reader->line, words);
	}
	return buf;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;

	if (!reader->only_counts)
		reader->ini->key(reader->ini->user, reader->line, section, name, value);
	return 1;
}

void ccm_ini_parse(const struct ccm_ini *ini, const char *text)
{
	struct reader reader = { .ini = ini, .text = text };
	int r = ini_parse_stream(read_line, &reader, handle, &reader);

	if (r > 0) {
		/* The library counts what it is given. */
		reader = (struct reader){ .ini = ini, .text = text, .only_counts = true };
		r = ini_parse_stream(read_line, &reader, handle, &reader);
	}
	if (r > 0)
		ini->problem(ini->user, r, "neither a [section] nor 'key = value'");
	else if (r < 0)
		ini->problem(ini->user, 0, "out of memory");
}
