/* SPDX-License-Identifier: MIT */
#include "check.h"
#include "libccm/jsre.h"

enum says { NO, YES, INVALID };

static const struct row {
	const char *pattern, *text;
	enum says says;
} rows[] = {
#include "jsre_rows.inc"
};

/* What JavaScript takes and we do not, with the words for it. */
static const struct refusal {
	const char *pattern, *words;
} refusals[] = {
	{ "(a)\\1", "back-references and octal escapes are not supported" },
	{ "\\01", "back-references and octal escapes are not supported" },
	{ "(?<name>a)", "named groups are not supported: use (...)" },
	{ "\\u{61}", "\\u{...} means something else without the u flag: use \\uXXXX or the character itself" },
	{ "\\p{L}", "\\p{...} means something else without the u flag" },
	{ "(a{100}){100}", "it is too large" },
	{ "(?=(?=(?=(?=(?=a)))))", "look-around is nested too deeply" },
};

static void test_says_what_javascript_says(void)
{
	static struct ccm_jsre re;
	int wrong = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		struct ccm_diag diag = { 0 };
		enum says says = INVALID;

		if (ccm_jsre_compile(&re, row->pattern, &diag) == 0)
			says = row->text && ccm_jsre_test(&re, row->text) ? YES : NO;
		if (says == row->says)
			continue;
		fprintf(stderr, "/%s/ on '%s': %d, not %d: %s\n", row->pattern, row->text ? row->text : "", says,
			row->says, diag.text);
		wrong++;
	}
	CHECK(wrong == 0);
}

static void test_refuses_with_words(void)
{
	static struct ccm_jsre re;

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		struct ccm_diag diag = { 0 };

		CHECK(ccm_jsre_compile(&re, refusals[i].pattern, &diag) < 0);
		CHECK_STR(diag.text, refusals[i].words);
	}
}

/* A pattern that takes a backtracking matcher longer than the universe lasts. */
static void test_no_pattern_takes_for_ever(void)
{
	static struct ccm_jsre re;

	CHECK(ccm_jsre_compile(&re, "^(a|a?)*(a*)*b$", NULL) == 0);
	CHECK(!ccm_jsre_test(&re, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"));
}

static void test_long_texts(void)
{
	static struct ccm_jsre re;
	static char text[100001];

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 2] = 'z';
	CHECK(ccm_jsre_compile(&re, "z$", NULL) == 0);
	CHECK(ccm_jsre_test(&re, text));
	CHECK(ccm_jsre_compile(&re, text, NULL) < 0);
}

int main(void)
{
	test_says_what_javascript_says();
	test_refuses_with_words();
	test_no_pattern_takes_for_ever();
	test_long_texts();
	return 0;
}
