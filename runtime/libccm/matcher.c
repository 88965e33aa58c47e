/* SPDX-License-Identifier: MIT */
#include "matcher.h"

#include <errno.h>
#include <string.h>

#include "jsre.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

static bool matches_all(const char *pattern)
{
	return !pattern || !pattern[0] || strcmp(pattern, "*") == 0;
}

static bool is_list(const char *pattern)
{
	return pattern[strspn(pattern, NAME_CHARS " ,|")] == '\0';
}

/* The next name of a list, without blanks around it; NULL: no more. *at moves behind it. */
static const char *next_name(const char **at, size_t *ret_bytes)
{
	const char *name = *at + strspn(*at, " ,|");
	size_t bytes = strcspn(name, ",|");

	*at = name + bytes;
	while (bytes && name[bytes - 1] == ' ')
		bytes--;
	*ret_bytes = bytes;
	return bytes ? name : NULL;
}

static bool list_has(const char *list, const char *value)
{
	size_t value_bytes = strlen(value), bytes;
	const char *name;

	while ((name = next_name(&list, &bytes)))
		if (bytes == value_bytes && memcmp(name, value, bytes) == 0)
			return true;
	return false;
}

/* mcp__SERVER without __TOOL looks as if it meant the whole server, and is no tool's name. */
static bool names_mcp_server(const char *name, size_t bytes)
{
	return bytes > 5 && strncmp(name, "mcp__", 5) == 0 && !memmem(name + 5, bytes - 5, "__", 2);
}

static int check_list(const char *list, struct ccm_diag *diag)
{
	const char *at = list, *name;
	size_t bytes;
	bool any = false;

	for (; (name = next_name(&at, &bytes)); any = true)
		if (names_mcp_server(name, bytes))
			return ccm_diag_set(diag, -EINVAL, "'%.*s' is no tool; for all tools of that server write "
					    "'%.*s__.*'", (int)bytes, name, (int)bytes, name);
	return any ? 0 : ccm_diag_set(diag, -EINVAL, "'%s' names nothing", list);
}

int ccm_matcher_check(const char *pattern, struct ccm_diag *diag)
{
	struct ccm_diag words = { 0 };
	struct ccm_jsre re;

	if (matches_all(pattern))
		return 0;
	if (is_list(pattern))
		return check_list(pattern, diag);
	if (ccm_jsre_compile(&re, pattern, &words) < 0)
		return ccm_diag_set(diag, -EINVAL, "'%s' is not a usable regular expression: %s", pattern, words.text);
	return 0;
}

bool ccm_matcher_match(const char *pattern, const char *value)
{
	/* Names that tools had before, which the host still takes in matchers. */
	const char *former = value && strcmp(value, "Agent") == 0 ? "Task" : NULL;
	struct ccm_jsre re;

	if (matches_all(pattern) || !value)
		return true;
	if (is_list(pattern))
		return list_has(pattern, value) || (former && list_has(pattern, former));
	if (ccm_jsre_compile(&re, pattern, NULL) < 0)
		return false;
	return ccm_jsre_test(&re, value) || (former && ccm_jsre_test(&re, former));
}
