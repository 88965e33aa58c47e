/* SPDX-License-Identifier: MIT */
/* check - what a unit test asks for; the first wrong answer ends it with file and line. */
#ifndef CCM_TEST_CHECK_H
#define CCM_TEST_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
		exit(1); \
	} \
} while (0)

#define CHECK_STR(is, should) do { \
	const char *is_ = (is), *should_ = (should); \
	if (!is_ || strcmp(is_, should_) != 0) { \
		fprintf(stderr, "%s:%d: %s is\n\t%s\nand should be\n\t%s\n", __FILE__, __LINE__, #is, \
			is_ ? is_ : "(null)", should_); \
		exit(1); \
	} \
} while (0)

#endif
