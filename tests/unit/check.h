/* SPDX-License-Identifier: MIT */
/* check - what a unit test asks for.
 *
 *     CHECK(r == 0);
 *     CHECK_INT(result.exit_status, 3);
 *     CHECK_STR(ccm_sbuf_str(&s), "abc");
 *     CHECK_HAS(diag.text, "line 3");
 *
 * A wrong answer is told with file and line, and the test goes on; the program then ends with 1,
 * whatever main() returns. CHECK_OR_DIE() ends it at once: what follows would make no sense.
 * check_case stands in front of each message: set it to the row of the table that is being tried.
 */
#ifndef CCM_TEST_CHECK_H
#define CCM_TEST_CHECK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((unused)) static const char *check_case;

__attribute__((unused)) static void check_exit(void)
{
	fflush(NULL);
	_exit(1);
}

__attribute__((unused)) static void check_failed(const char *file, int line, const char *what)
{
	static bool failed;

	if (!failed)
		atexit(check_exit);
	failed = true;
	fprintf(stderr, "%s:%d: %s%s%s", file, line, check_case ? check_case : "", check_case ? ": " : "", what);
}

static inline bool check_true(const char *file, int line, const char *what, bool is)
{
	if (!is) {
		check_failed(file, line, "not so: ");
		fprintf(stderr, "%s\n", what);
	}
	return is;
}

static inline void check_int(const char *file, int line, const char *what, long long is, long long should)
{
	if (is != should) {
		check_failed(file, line, what);
		fprintf(stderr, " is %lld and should be %lld\n", is, should);
	}
}

static inline void check_str(const char *file, int line, const char *what, const char *is, const char *should)
{
	if (is == should || (is && should && strcmp(is, should) == 0))
		return;
	check_failed(file, line, what);
	fprintf(stderr, " is\n\t%s\nand should be\n\t%s\n", is ? is : "(null)", should ? should : "(null)");
}

static inline void check_has(const char *file, int line, const char *what, const char *is, const char *part)
{
	if (is && strstr(is, part))
		return;
	check_failed(file, line, what);
	fprintf(stderr, " is\n\t%s\nand should have in it\n\t%s\n", is ? is : "(null)", part);
}

#define CHECK(condition) check_true(__FILE__, __LINE__, #condition, (condition))
#define CHECK_INT(is, should) check_int(__FILE__, __LINE__, #is, (long long)(is), (long long)(should))
#define CHECK_STR(is, should) check_str(__FILE__, __LINE__, #is, (is), (should))
#define CHECK_HAS(is, part) check_has(__FILE__, __LINE__, #is, (is), (part))
#define CHECK_OR_DIE(condition) \
	do { \
		if (!CHECK(condition)) \
			exit(1); \
	} while (0)

#endif
