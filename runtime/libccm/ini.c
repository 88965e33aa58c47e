/* SPDX-License-Identifier: MIT */
#include "ini.h"

#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const struct ccm_ini *ini;
	const char *text;            /* what is left to read */
	int line;                    /* the line read last */
};

static char *read_line(char *buf, int size, void *user)
{
	struct reader *reader = user;
	const char *end = strchr(reader->text, '\n');
	size_t bytes = end ? (size_t)(end + 1 - reader->text) : strlen(reader->text), taken;
	char words[64];

	if (!*reader->text)
		return NULL;
	/* Most of what `ccm-hook init` writes are comments, and every hook reads it. */
	if (*reader->text == '#' || *reader->text == ';') {
		reader->text += bytes;
		reader->line++;
		return strcpy(buf, "\n");
	}
	taken = bytes < (size_t)size ? bytes : (size_t)size - 1;
	memcpy(buf, reader->text, taken);
	buf[taken] = '\0';
	reader->text += bytes;
	reader->line++;
	if (taken < bytes) {
		snprintf(words, sizeof words, "the line is longer than %d bytes", size - 1);
		reader->ini->problem(reader->ini->user, reader->line, words);
	}
	return buf;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
	struct reader *reader = user;

	reader->ini->key(reader->ini->user, reader->line, section, name, value);
	return 1;
}

void ccm_ini_parse(const struct ccm_ini *ini, const char *text)
{
	struct reader reader = { .ini = ini, .text = text };
	int r = ini_parse_stream(read_line, &reader, handle, &reader);

	if (r > 0)
		ini->problem(ini->user, r, "neither a [section] nor 'key = value'");
	else if (r < 0)
		ini->problem(ini->user, 0, "out of memory");
}
