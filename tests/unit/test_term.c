/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdint.h>

#include "libccm/term.h"

#include "check.h"

static void cleaning(void)
{
	static const struct { const char *text, *line, *lines; } rows[] = {
		{ "", "", "" },
		{ "plain", "plain", "plain" },
		{ "a\tb\nc\r", "a\\tb\\nc\\r", "a\tb\nc\\r" },
		{ "\033[31mred\033[0m", "\\e[31mred\\e[0m", "\\e[31mred\\e[0m" },
		{ "\033]0;title\007", "\\e]0;title\\x07", "\\e]0;title\\x07" },
		{ "\x01\x1f\x7f\b", "\\x01\\x1f\\x7f\\x08", "\\x01\\x1f\\x7f\\x08" },
		{ "c1 \xc2\x9b[31m \xc2\x80", "c1 <U+009B>[31m <U+0080>", "c1 <U+009B>[31m <U+0080>" },
		{ "\xe2\x80\xae" "evil\xe2\x80\xac", "<U+202E>evil<U+202C>", "<U+202E>evil<U+202C>" },
		{ "a\xe2\x80\x8b" "b\xef\xbb\xbf" "c\xc2\xad", "a<U+200B>b<U+FEFF>c<U+00AD>", "a<U+200B>b<U+FEFF>c<U+00AD>" },
		{ "\xe2\x80\xa8\xe2\x81\xa6", "<U+2028><U+2066>", "<U+2028><U+2066>" },
		{ "tag \xf3\xa0\x81\x81 vs \xf3\xa0\x84\x80", "tag <U+E0041> vs <U+E0100>", "tag <U+E0041> vs <U+E0100>" },
		{ "\xff\xc3(\x80", "\\xff\\xc3(\\x80", "\\xff\\xc3(\\x80" },
		{ "\xed\xa0\x80\xc0\x80", "\\xed\\xa0\\x80\\xc0\\x80", "\\xed\\xa0\\x80\\xc0\\x80" },
		{ "\xef\xbf\xbd", "\xef\xbf\xbd", "\xef\xbf\xbd" },
		{ "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80", "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80",
		  "\xc3\xa9\xe6\xbc\xa2\xf0\x9f\x98\x80" },
		{ "back\\slash", "back\\slash", "back\\slash" },
	};
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_case = rows[i].line;
		ccm_sbuf_clear(&out);
		ccm_term_clean(&out, rows[i].text, strlen(rows[i].text), CCM_CLEAN_LINE);
		CHECK_STR(ccm_sbuf_str(&out), rows[i].line);
		ccm_sbuf_clear(&out);
		ccm_term_clean(&out, rows[i].text, strlen(rows[i].text), CCM_CLEAN_LINES);
		CHECK_STR(ccm_sbuf_str(&out), rows[i].lines);
	}
	check_case = NULL;
	ccm_sbuf_clear(&out);
	ccm_term_clean(&out, "a\0b", 3, CCM_CLEAN_LINE);
	CHECK_STR(ccm_sbuf_str(&out), "a\\x00b");
	ccm_sbuf_done(&out);
}

/* Whatever two bytes come together: nothing that a terminal acts on is left. */
static void every_pair_of_bytes(void)
{
	struct ccm_sbuf out = { 0 };

	for (unsigned pair = 0; pair < 0x10000; pair++) {
		char text[2] = { (char)(pair >> 8), (char)pair };

		ccm_sbuf_clear(&out);
		ccm_term_clean(&out, text, 2, CCM_CLEAN_LINES);
		for (size_t i = 0; i < out.bytes; i++) {
			unsigned char c = (unsigned char)out.text[i], before = i ? (unsigned char)out.text[i - 1] : 0;

			CHECK((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\t');
			CHECK(!(before == 0xc2 && c < 0xa0));
		}
	}
	ccm_sbuf_done(&out);
}

static void json(void)
{
	static const struct { const char *text, *safe; } rows[] = {
		{ "{\n\t\"a\": \"b\\n\\u001b\"\r\n}", "{\n\t\"a\": \"b\\n\\u001b\" \n}" },
		{ "\"\x7f\xc2\x9b\xe2\x80\xae\"", "\"\\u007f\\u009b\\u202e\"" },
		{ "\"\xf3\xa0\x81\x81\"", "\"\\udb40\\udc41\"" },
		{ "\"\xff\xc3\"", "\"\\ufffd\\ufffd\"" },
		{ "\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
	};
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ccm_sbuf_clear(&out);
		ccm_term_json(&out, rows[i].text, strlen(rows[i].text));
		CHECK_STR(ccm_sbuf_str(&out), rows[i].safe);
	}
	ccm_sbuf_done(&out);
}

static void widths(void)
{
	static const struct { const char *text; size_t width; } rows[] = {
		{ "", 0 }, { "abc", 3 }, { "\xc3\xa9", 1 }, { "e\xcc\x81", 1 }, { "\xe6\xbc\xa2\xe5\xad\x97", 4 },
		{ "\xed\x95\x9c", 2 }, { "\xef\xbc\xa1", 2 }, { "\xf0\x9f\x98\x80", 2 }, { "\xe2\x9c\x85 ok", 5 },
		{ "\xe2\x9d\x8c", 2 }, { "\xe2\x9c\x93", 1 }, { "\xe2\x80\xa6", 1 }, { "\xe2\x96\x88", 1 },
		{ "\xe2\x9a\xa0\xef\xb8\x8f", 1 }, { "\xf0\x9f\x9a\x80", 2 }, { "\xe3\x81\x82", 2 }, { "\xf0\xa0\x80\x80", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_case = rows[i].text;
		CHECK_INT(ccm_term_width(rows[i].text, strlen(rows[i].text)), rows[i].width);
	}
	check_case = NULL;
}

static void fitting(void)
{
	static const struct { const char *text; size_t columns; const char *cut, *padded; } rows[] = {
		{ "abc", 3, "abc", "abc" }, { "abc", 5, "abc", "abc  " }, { "abcd", 3, "ab…", "ab…" }, { "abc", 1, "…", "…" },
		{ "abc", 0, "", "" }, { "", 0, "", "" }, { "", 2, "", "  " },
		/* Half of a wide character cannot be shown. */
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 4, "\xe6\xbc\xa2\xe6\xbc\xa2", "\xe6\xbc\xa2\xe6\xbc\xa2" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 3, "\xe6\xbc\xa2…", "\xe6\xbc\xa2…" },
		{ "\xe6\xbc\xa2\xe6\xbc\xa2", 2, "…", "… " },
		/* A mark stays with its letter. */
		{ "e\xcc\x81xyz", 2, "e\xcc\x81…", "e\xcc\x81…" },
	};
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_case = rows[i].text;
		ccm_sbuf_clear(&out);
		ccm_term_fit(&out, rows[i].text, strlen(rows[i].text), rows[i].columns, false);
		CHECK_STR(ccm_sbuf_str(&out), rows[i].cut);
		ccm_sbuf_clear(&out);
		ccm_term_fit(&out, rows[i].text, strlen(rows[i].text), rows[i].columns, true);
		CHECK_STR(ccm_sbuf_str(&out), rows[i].padded);
		CHECK(ccm_term_width(ccm_sbuf_str(&out), out.bytes) == rows[i].columns);
	}
	check_case = NULL;
	ccm_sbuf_done(&out);
}

static void terminals(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);

	CHECK_OR_DIE(null >= 0);
	unsetenv("COLUMNS");
	unsetenv("NO_COLOR");
	setenv("TERM", "xterm", 1);
	CHECK_INT(ccm_term_columns(null), 100);
	CHECK(!ccm_term_colour(null));
	setenv("COLUMNS", "42", 1);
	CHECK_INT(ccm_term_columns(null), 42);
	setenv("COLUMNS", "0", 1);
	CHECK_INT(ccm_term_columns(null), 100);
	setenv("COLUMNS", "-5", 1);
	CHECK_INT(ccm_term_columns(null), 100);
	setenv("COLUMNS", "wide", 1);
	CHECK_INT(ccm_term_columns(null), 100);
	if (terminal >= 0 && isatty(terminal)) {
		CHECK(ccm_term_colour(terminal));
		setenv("NO_COLOR", "", 1);
		CHECK(ccm_term_colour(terminal));
		setenv("NO_COLOR", "1", 1);
		CHECK(!ccm_term_colour(terminal));
		unsetenv("NO_COLOR");
		setenv("TERM", "dumb", 1);
		CHECK(!ccm_term_colour(terminal));
		unsetenv("TERM");
		CHECK(!ccm_term_colour(terminal));
	}
	if (terminal >= 0)
		close(terminal);
	close(null);
}

int main(void)
{
	cleaning();
	every_pair_of_bytes();
	json();
	widths();
	fitting();
	terminals();
	return 0;
}
