/* SPDX-License-Identifier: MIT */
/* diff: the form of a unified diff, and that what it says is what changes. */
#include "libccm/diff.h"

#include <stdint.h>

#include "check.h"

static const struct {
	const char *a, *b, *diff;
} cases[] = {
	{ "", "", "" },
	{ "a\nb\n", "a\nb\n", "" },
	{ "a\n", "b\n", "--- A\n+++ B\n@@ -1 +1 @@\n-a\n+b\n" },
	{ "", "a\nb\n", "--- A\n+++ B\n@@ -0,0 +1,2 @@\n+a\n+b\n" },
	{ "a\nb\n", "", "--- A\n+++ B\n@@ -1,2 +0,0 @@\n-a\n-b\n" },
	{ "a", "a\n", "--- A\n+++ B\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n" },
	{ "a\nb", "a\nc\nb", "--- A\n+++ B\n@@ -1,2 +1,3 @@\n a\n+c\n b\n\\ No newline at end of file\n" },
	{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nX\n6\n7\n8\n9\n",
	  "--- A\n+++ B\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+X\n 6\n 7\n 8\n" },
	/* Six lines apart: one piece. Seven: two. */
	{ "X\n1\n2\n3\n4\n5\n6\nY\n", "1\n2\n3\n4\n5\n6\n",
	  "--- A\n+++ B\n@@ -1,8 +1,6 @@\n-X\n 1\n 2\n 3\n 4\n 5\n 6\n-Y\n" },
	{ "X\n1\n2\n3\n4\n5\n6\n7\nY\n", "1\n2\n3\n4\n5\n6\n7\n",
	  "--- A\n+++ B\n@@ -1,4 +1,3 @@\n-X\n 1\n 2\n 3\n@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-Y\n" },
	{ "a\r\nb\r\n", "a\r\nc\r\nb\r\n", "--- A\n+++ B\n@@ -1,2 +1,3 @@\n a\r\n+c\r\n b\r\n" },
};

static void test_cases(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

		CHECK_INT(ccm_diff_unified("A", cases[i].a, strlen(cases[i].a), "B", cases[i].b, strlen(cases[i].b),
					   &out), 0);
		CHECK_STR(ccm_sbuf_str(&out), cases[i].diff);
	}
}

static void test_missing_file(void)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };

	CHECK_INT(ccm_diff_unified(NULL, "", 0, "B", "a\n", 2, &out), 0);
	CHECK_STR(ccm_sbuf_str(&out), "--- /dev/null\n+++ B\n@@ -0,0 +1 @@\n+a\n");
}

/* One line of text, moved past. */
static const char *line(const char **p)
{
	const char *start = *p;

	*p = strchr(start, '\n') + 1;
	return start;
}

/* What `patch` would do, for texts whose lines all end. */
static void apply(const char *a, const char *diff, struct ccm_sbuf *out)
{
	unsigned at = 1, from;

	line(&diff);
	line(&diff);
	while (*diff) {
		const char *l = line(&diff);

		if (*l == '@') {
			unsigned count = 1;

			CHECK_OR_DIE(sscanf(l, "@@ -%u,%u", &from, &count) >= 1);
			for (from += count == 0; at < from; at++) {
				l = line(&a);
				ccm_sbuf_add(out, l, (size_t)(a - l));
			}
			continue;
		}
		if (*l != '-')
			ccm_sbuf_add(out, l + 1, (size_t)(diff - l - 1));
		if (*l != '+') {
			const char *old = line(&a);

			CHECK(a - old == diff - l - 1 && memcmp(old, l + 1, (size_t)(a - old)) == 0);
			at++;
		}
	}
	ccm_sbuf_adds(out, a);
}

static uint64_t state = 88172645463325252u;

static unsigned pick(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11) % n;
}

/* Few different lines, so that many are alike. */
static void make(struct ccm_sbuf *out, unsigned lines, unsigned kinds)
{
	for (unsigned i = 0; i < lines; i++)
		ccm_sbuf_addf(out, "%u\n", pick(kinds));
}

static void test_applies(unsigned lines, unsigned kinds)
{
	_cleanup_sbuf_ struct ccm_sbuf a = { 0 }, b = { 0 }, diff = { 0 }, back = { 0 };

	make(&a, pick(lines + 1), kinds);
	make(&b, pick(lines + 1), kinds);
	CHECK_INT(ccm_diff_unified("A", ccm_sbuf_str(&a), a.bytes, "B", ccm_sbuf_str(&b), b.bytes, &diff), 0);
	if (!diff.bytes) {
		CHECK_STR(ccm_sbuf_str(&a), ccm_sbuf_str(&b));
		return;
	}
	apply(ccm_sbuf_str(&a), diff.text, &back);
	CHECK_STR(ccm_sbuf_str(&back), ccm_sbuf_str(&b));
}

/* A shortest script: 100 lines put into 1,000 are 100 changes. */
static void test_shortest(void)
{
	_cleanup_sbuf_ struct ccm_sbuf a = { 0 }, b = { 0 }, diff = { 0 };
	unsigned plus = 0, minus = 0;

	for (unsigned i = 0; i < 1000; i++) {
		ccm_sbuf_addf(&a, "%u\n", i % 7);
		ccm_sbuf_addf(&b, "%u\n", i % 7);
		if (i % 10 == 3)
			ccm_sbuf_addf(&b, "new %u\n", i);
	}
	CHECK_INT(ccm_diff_unified("A", a.text, a.bytes, "B", b.text, b.bytes, &diff), 0);
	for (const char *p = diff.text; *p; line(&p)) {
		plus += *p == '+' && p[1] != '+';
		minus += *p == '-' && p[1] != '-';
	}
	CHECK_INT(plus, 100);
	CHECK_INT(minus, 0);
}

int main(void)
{
	test_cases();
	test_missing_file();
	for (unsigned i = 0; i < 3000; i++)
		test_applies(1 + i % 40, 1 + i % 9);
	test_applies(4000, 100000);
	test_shortest();
	return 0;
}
