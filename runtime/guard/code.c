/* SPDX-License-Identifier: MIT */
#include "shell.h"
bool run_interpreter(struct shell *sh, const char *name, struct guard_value *words, size_t count, struct emitted *self)
{
	(void)sh; (void)name; (void)words; (void)count; (void)self;
	return false;
}
