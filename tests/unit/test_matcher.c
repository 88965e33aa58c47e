/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "libccm/matcher.h"

static const struct row {
	const char *pattern, *value;
	bool match;
} rows[] = {
	{ NULL, "Bash", true },
	{ "", "Bash", true },
	{ "*", "Bash", true },
	/* a list of exact names */
	{ "Bash", "Bash", true },
	{ "Bash", "BashOutput", false },
	{ "Ba", "Bash", false },
	{ "bash", "Bash", false },
	{ "WRITE", "Write", false },
	{ "Bash|Write", "Write", true },
	{ "Bash, Write", "Write", true },
	{ "Write|", "Write", true },
	{ " Bash | Write ", "Bash", true },
	{ "Bash|Write", "Bash|Write", false },
	{ "Bash Write", "Bash", false },
	{ "Bash Write", "Bash Write", true },
	{ "prompt_input_exit|other", "other", true },
	{ "general-purpose", "general-purpose", true },
	/* a regular expression, anywhere in the value */
	{ "^Ba", "Bash", true },
	{ "(Read)", "NotebookRead", true },
	{ "Rea?d", "Red", true },
	{ "mcp__memory__.*", "mcp__memory__create_entities", true },
	{ "mcp__.*", "Bash", false },
	{ "Bash|mcp__.*", "BashOutput", true },
	{ ".*", "", true },
	/* `[` never matches */
	{ "[", "[", false },
	/* the former name of a tool */
	{ "Task", "Agent", true },
	{ "Agent", "Agent", true },
	{ "Task|Bash", "Agent", true },
	{ "^Task$", "Agent", true },
	{ "^Agent$", "Agent", true },
	{ "Task", "TaskCreate", false },
	{ "Agent", "Task", false },
	/* nothing to compare with */
	{ "Bash", NULL, true },
};

static const struct refusal {
	const char *pattern, *words;
} refusals[] = {
	{ "[", "'[' is not a usable regular expression: a [ is not closed" },
	{ "*Bash", "'*Bash' is not a usable regular expression: there is nothing to repeat before a *, +, ? or {...}" },
	{ "|", "'|' names nothing" },
	{ "Bash|mcp__memory", "'mcp__memory' is no tool; for all tools of that server write 'mcp__memory__.*'" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (ccm_matcher_match(rows[i].pattern, rows[i].value) != rows[i].match) {
			fprintf(stderr, "'%s' on '%s' is not %d\n", rows[i].pattern, rows[i].value, rows[i].match);
			return 1;
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct ccm_diag diag = { 0 };

		CHECK(ccm_matcher_check(refusals[i].pattern, &diag) < 0);
		CHECK_STR(diag.text, refusals[i].words);
		CHECK(!ccm_matcher_match(refusals[i].pattern, "Bash") || strstr(refusals[i].pattern, "Bash|"));
	}
	CHECK(ccm_matcher_check(NULL, NULL) == 0);
	CHECK(ccm_matcher_check("mcp__memory__.*", NULL) == 0);
	CHECK(ccm_matcher_check("mcp__memory__create", NULL) == 0);
	return 0;
}
