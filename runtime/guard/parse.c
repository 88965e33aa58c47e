/* SPDX-License-Identifier: MIT */
#include "parse.h"

#include <string.h>

#include "reader.h"

struct stmt *guard_parse(struct guard_arena *arena, const char *text, size_t bytes, struct guard_parsing *p)
{
	struct guard_reading reading;
	struct stmt *s = guard_read(arena, text, bytes, &reading);

	p->problem = reading.problem;
	return s;
}
