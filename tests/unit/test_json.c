/* SPDX-License-Identifier: MIT */
/* The scanner on the way of every event: what it takes and refuses is compared with jansson, another
 * reading of the same grammar, wherever that one can follow. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "libccm/json.h"
#include "libccm/utf8.h"

#include "check.h"

/* In memory of exactly its size, so that ASan sees one read too many. */
static char *exact(const char *text, size_t bytes)
{
	char *copy = malloc(bytes ? bytes : 1);

	CHECK_OR_DIE(copy);
	memcpy(copy, text, bytes);
	return copy;
}

static bool accepts(const char *text, size_t bytes)
{
	char *copy = exact(text, bytes);
	struct ccm_json_error error = { 0 };
	struct ccm_json value;
	int r = ccm_json_parse(copy, bytes, &value, &error);

	if (r == 0) {
		CHECK(value.type != CCM_JSON_NONE && value.bytes > 0);
		CHECK(value.text >= copy && value.text + value.bytes <= copy + bytes);
	} else {
		CHECK(error.what && error.offset <= bytes);
		CHECK(!error.at_end || error.offset == bytes);
	}
	free(copy);
	return r == 0;
}

static void grammar(void)
{
	static const char *const good[] = {
		"{}", "[]", " {} ", "\t\r\n[]\n", "\"\"", "0", "-0", "-0.0", "1", "12", "-1", "1.5", "1e5", "1E5", "1e+5",
		"1e-5", "1.5e10", "0.1", "0e0", "true", "false", "null", "[1,2]", "[ 1 , 2 ]", "[[],{}]", "{\"a\":1}",
		"{ \"a\" : 1 , \"b\" : [ ] }", "{\"\":0}", "{\"a\":{\"b\":{\"c\":[[[1]]]}}}", "{\"a\":1,\"a\":2}",
		"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u0041\"", "\"\\uD83D\\uDE00\"", "\"\\u0000\"", "\"\\ud83d\"",
		"\"\\udc00\\ud800\"", "\"\xc3\xa9\"", "\"\xff\xfe\"", "\"\x7f\"", "123456789012345678901234567890",
		"1e999999", "[true,false,null]", "[\"]\",\"}\",\"{\"]", "{\"}\":\"{\"}",
	};
	static const char *const bad[] = {
		"", " ", "{", "[", "}", "]", "{]", "[}", "[1", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}",
		"[1,]", "[,1]", "[,]", "{,}", "[1 2]", "{\"a\" 1}", "{\"a\"=1}", "{a:1}", "{'a':1}", "{1:2}", "{null:1}",
		"{\"a\":1 \"b\":2}", "{\"a\":1;\"b\":2}", "{\"a\":}", "[1]]", "{}{}", "{} x", "1 2", "\"", "\"a", "\"\\\"", "\"\\",
		"\"\\x\"", "\"\\u\"", "\"\\u12\"", "\"\\u123g\"", "\"\\U0041\"", "\"\t\"", "\"\n\"", "\"a\x1f\"", "'a'", "01", "-01",
		"00", "+1", ".5", "1.", "-", "-a", "1.e5", "1e", "1e+", "1e5.5", "0x10", "1a", "Infinity", "NaN", "-Infinity",
		"tru", "truee", "True", "TRUE", "fals", "nul", "nulll", "nil", "undefined", "// x", "/* x */ 1", "[1]//",
		"\xef\xbb\xbf{}", "\xc2\xa0{}", "{\"a\":1}\x01", "\x0c[]", "\x0b[]", "[\"a\",\"b]", "{\"a\":\"b}", "[1,2,3,4}",
		"[[1,2],[3,4", "{\"a\":[1,{\"b\":2]}", "*", "@", "\\u0041", "[\\n]",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		check_case = good[i];
		CHECK(accepts(good[i], strlen(good[i])));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		check_case = bad[i];
		CHECK(!accepts(bad[i], strlen(bad[i])));
	}
	CHECK(!accepts("[1\0]", 4));
	CHECK(!accepts("\"\0\"", 3));
	CHECK(!accepts("{}\0", 3));
}

/* Each byte at each place of the words that are skipped at once. */
static void every_byte_in_a_string(void)
{
	char text[64];

	for (int byte = 0; byte < 256; byte++) {
		for (size_t before = 0; before < 20; before++) {
			struct ccm_json value;
			bool fits = byte >= 0x20 && byte != '"';
			size_t n = 0;

			if (byte == '\\')
				continue;

			text[n++] = '"';
			memset(text + n, 'a', before);
			n += before;
			text[n++] = (char)byte;
			memset(text + n, 'b', 20 - before);
			n += 20 - before;
			text[n++] = '"';
			CHECK(accepts(text, n) == fits);
			if (!fits)
				continue;
			CHECK(ccm_json_parse(text, n, &value, NULL) == 0);
			CHECK(value.bytes == n && value.type == CCM_JSON_STRING && value.plain == (byte < 0x80));
		}
	}
}

/* The tree that our views describe, as jansson would hold it. */
static json_t *tree(const struct ccm_json *value)
{
	struct ccm_sbuf text = { 0 };
	struct ccm_json_iter it;
	struct ccm_json key, child;
	json_t *t;
	int r;

	if (value->type == CCM_JSON_STRING) {
		ccm_json_decode(value, &text);
		CHECK(ccm_utf8_valid(ccm_sbuf_str(&text), text.bytes));
		t = json_stringn(ccm_sbuf_str(&text), text.bytes);
		CHECK_OR_DIE(t);
		ccm_sbuf_done(&text);
		return t;
	}
	if (value->type != CCM_JSON_OBJECT && value->type != CCM_JSON_ARRAY) {
		t = json_loadb(value->text, value->bytes, JSON_DECODE_ANY, NULL);
		CHECK_OR_DIE(t);
		return t;
	}
	t = value->type == CCM_JSON_OBJECT ? json_object() : json_array();
	ccm_json_iter_value(&it, value);
	while ((r = ccm_json_next(&it, &key, &child)) > 0) {
		if (value->type == CCM_JSON_ARRAY) {
			CHECK(key.type == CCM_JSON_NONE);
			CHECK(json_array_append_new(t, tree(&child)) == 0);
			continue;
		}
		CHECK(key.type == CCM_JSON_STRING);
		ccm_sbuf_clear(&text);
		ccm_json_decode(&key, &text);
		CHECK(json_object_set_new(t, ccm_sbuf_str(&text), tree(&child)) == 0);
	}
	CHECK(r == 0);
	CHECK(it.at == value->text + value->bytes);
	CHECK(ccm_json_next(&it, &key, &child) == 0);
	ccm_sbuf_done(&text);
	return t;
}

/* Both refuse it, or both take it and see the same in it. */
static void same_as_jansson(const char *text, size_t bytes)
{
	char *copy = exact(text, bytes);
	json_t *theirs = json_loadb(copy, bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *ours;
	struct ccm_json value;
	bool good = ccm_json_parse(copy, bytes, &value, NULL) == 0;

	if (good != !!theirs)
		fprintf(stderr, "%s it: %.*s\n", good ? "only we take" : "only we refuse", (int)bytes, text);
	CHECK(good == !!theirs);
	if (good) {
		ours = tree(&value);
		if (!json_equal(ours, theirs))
			fprintf(stderr, "seen otherwise: %.*s\n", (int)bytes, text);
		CHECK(json_equal(ours, theirs));
		json_decref(ours);
		json_decref(theirs);
	}
	free(copy);
}

static const char *const documents[] = {
	("{\"session_id\":\"9c7d\",\"hook_event_name\":\"PreToolUse\",\"tool_input\":{\"command\":\"ls -1\",\"n\":[1,-2.5e3,{}]},"
	 "\"ok\":true,\"no\":false,\"nil\":null,\"empty\":\"\",\"list\":[]}"),
	"[\"a\\nb\\\"c\\\\d\\/\\u00e9\\ud83d\\ude00\",\"\xc3\xa9\xf0\x9f\x98\x80\",{\"k\\u0041\":[[[[0]]]]},0.5,-0,1e-3]",
	" { \"a\" : [ 1 , 2 , { \"b\" : \"c\" } ] , \"d\" : \"e f\" } ",
	"\"just text\"", "-12.5e3", "[[],[[]],{},{\"a\":{}}]", "{\"a\":1,\"b\":2,\"a\":3}",
};

/* Each byte of a document left out, doubled, or replaced by one that means something. */
static void mutations(void)
{
	static const char bytes[] = "{}[]\":,\\ 0a-.+e1tnu/\n\x01\x7f";

	for (size_t d = 0; d < ARRAY_SIZE(documents); d++) {
		const char *text = documents[d];
		size_t n = strlen(text);
		char changed[1024];

		CHECK_OR_DIE(n + 1 < sizeof changed);
		same_as_jansson(text, n);
		for (size_t i = 0; i < n; i++) {
			/* Half of a character or of a pair is taken by us and not by jansson. */
			if ((unsigned char)text[i] >= 0x80 || strstr(text + (i > 11 ? i - 11 : 0), "\\ud") == text + i ||
			    (i && memchr(text + (i > 12 ? i - 12 : 0), 'u', i > 12 ? 12 : i) && strstr(text, "\\ud")))
				continue;
			memcpy(changed, text, i);
			memcpy(changed + i, text + i + 1, n - i - 1);
			same_as_jansson(changed, n - 1);
			memcpy(changed, text, i + 1);
			memcpy(changed + i + 1, text + i, n - i);
			same_as_jansson(changed, n + 1);
			memcpy(changed, text, n);
			for (size_t b = 0; b < sizeof bytes - 1; b++) {
				changed[i] = bytes[b];
				same_as_jansson(changed, n);
			}
		}
	}
}

static void spans(void)
{
	static const char text[] = " \n{\"a\" : [1, 2] ,\"b\":\"x\\ny\" }\t";
	struct ccm_json value, a, b;
	struct ccm_json_iter it;
	struct ccm_json key;

	CHECK(ccm_json_parse(text, strlen(text), &value, NULL) == 0);
	CHECK(value.text == text + 2 && value.text[value.bytes - 1] == '}' && value.bytes == strlen(text) - 3);
	CHECK(ccm_json_member(&value, "a", &a) && a.bytes == 6 && memcmp(a.text, "[1, 2]", 6) == 0);
	CHECK(a.type == CCM_JSON_ARRAY && !a.plain);
	CHECK(ccm_json_member(&value, "b", &b) && b.bytes == 6 && b.type == CCM_JSON_STRING && !b.plain);
	CHECK(!ccm_json_member(&value, "c", &b) && !ccm_json_member(&a, "a", &b));

	/* What follows the first value is left to the caller. */
	ccm_json_iter_text(&it, "[1] tail", 8);
	CHECK(ccm_json_next(&it, &key, &value) == 1 && value.bytes == 1);
	CHECK(ccm_json_next(&it, &key, &value) == 0 && strcmp(it.at, " tail") == 0);
}

static void decoding(void)
{
	static const struct { const char *json, *text; } rows[] = {
		{ "\"\"", "" }, { "\"abc\"", "abc" }, { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
		{ "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac" }, { "\"\\uD83D\\uDE00\"", "\xf0\x9f\x98\x80" },
		{ "\"\\uDBFF\\uDFFF\"", "\xf4\x8f\xbf\xbf" }, { "\"a\\u0000b\"", "a\xef\xbf\xbd" "b" },
		{ "\"\\ud83d\"", "\xef\xbf\xbd" }, { "\"\\ude00\"", "\xef\xbf\xbd" }, { "\"\\ud83dx\"", "\xef\xbf\xbdx" },
		{ "\"\\ud83d\\n\"", "\xef\xbf\xbd\n" }, { "\"\\ud83d\\u0041\"", "\xef\xbf\xbd" "A" },
		{ "\"\\ud83d\\ud83d\\ude00\"", "\xef\xbf\xbd\xf0\x9f\x98\x80" },
		{ "\"\\ud83d\\ue000\"", "\xef\xbf\xbd\xee\x80\x80" },
		{ "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd" }, { "\"\\ufffd\\uffff\"", "\xef\xbf\xbd\xef\xbf\xbf" },
		{ "\"\xff\"", "\xef\xbf\xbd" }, { "\"\xc3\"", "\xef\xbf\xbd" }, { "\"\xc3\xa9\"", "\xc3\xa9" },
		{ "\"\xed\xa0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, { "\"\xc0\x80\"", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\"\xf5\x80\x80\x80\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\"\xe2\x82\"", "\xef\xbf\xbd\xef\xbf\xbd" }, { "\"a longer plain text before \\t and after\"",
			"a longer plain text before \t and after" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t bytes = strlen(rows[i].json);
		char *copy = exact(rows[i].json, bytes), *text;
		struct ccm_json value, none = { .type = CCM_JSON_NUMBER, .text = "12", .bytes = 2 };

		check_case = rows[i].json;
		CHECK(ccm_json_parse(copy, bytes, &value, NULL) == 0);
		text = ccm_json_string(&value);
		CHECK_STR(text, rows[i].text);
		CHECK(ccm_json_is(&value, rows[i].text));
		CHECK(!ccm_json_is(&value, "something else") && !ccm_json_is(&none, "12"));
		free(text);
		free(copy);
	}
}

static void members_and_paths(void)
{
	static const char text[] = "{\"a\":1,\"n\\u0061me\":{\"list\":[10,{\"deep\":\"yes\"},[7]]},\"a\":2,\"\":3}";
	static const struct { const char *path, *value; } rows[] = {
		{ "a", "2" }, { "name.list.0", "10" }, { "name.list.1.deep", "\"yes\"" }, { "name.list.2.0", "7" },
		{ "name.list", "[10,{\"deep\":\"yes\"},[7]]" }, { "", text },
		{ "b", NULL }, { "a.b", NULL }, { "name.list.3", NULL }, { "name.list.-1", NULL }, { "name.list.x", NULL },
		{ "name.list.0x0", NULL }, { "name.list.99999999999999999999", NULL }, { "name.list.1.deep.0", NULL },
		{ "name.list.1.none", NULL },
	};
	struct ccm_json value, found;

	CHECK(ccm_json_parse(text, strlen(text), &value, NULL) == 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_case = rows[i].path;
		CHECK(ccm_json_path(&value, rows[i].path, &found) == !!rows[i].value);
		if (rows[i].value)
			CHECK(found.bytes == strlen(rows[i].value) &&
			      memcmp(found.text, rows[i].value, found.bytes) == 0);
	}
	CHECK(ccm_json_member(&value, "name", &found) && ccm_json_member(&value, "", &found));
}

static void quoting(void)
{
	static const struct { const char *text; size_t bytes; const char *seen; } rows[] = {
		{ "", 0, "" }, { "plain text of some length", 25, "plain text of some length" },
		{ "\"\\/\b\f\n\r\t\x01\x1f\x7f", 11, "\"\\/\b\f\n\r\t\x01\x1f\x7f" },
		{ "\xc3\xa9\xf0\x9f\x98\x80", 6, "\xc3\xa9\xf0\x9f\x98\x80" }, { "a\xff" "b\xc3", 4, "a\xef\xbf\xbd" "b\xef\xbf\xbd" },
		{ "\xed\xa0\xbd", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	};
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		json_t *t;

		ccm_sbuf_clear(&out);
		ccm_json_quote(&out, rows[i].text, rows[i].bytes);
		check_case = out.text;
		CHECK(accepts(out.text, out.bytes));
		t = json_loadb(out.text, out.bytes, JSON_DECODE_ANY, NULL);
		CHECK_OR_DIE(t);
		CHECK_STR(json_string_value(t), rows[i].seen);
		json_decref(t);
	}
	ccm_sbuf_clear(&out);
	ccm_json_quote(&out, "a\0b", 3);
	CHECK_STR(out.text, "\"a\\u0000b\"");
	ccm_sbuf_done(&out);
}

/* Strings that jansson refuses, in every place where a string may be. */
static const char *const odd[] = {
	"{\"a\":\"lone \\ud83d sur, nul \\u0000 end\",\"b\\udc00\":[\"\xff\",\"\\ud83d\\ude00\"],\"c\":\"\\\\ud83d\"}",
	"[\"\\ud800\\ud800\\udc00\\udc00\",\"\xed\xa0\x80\",\"\\\\\\ud800\",\"\\\\\\\\ud800\",\"\\uD8\xc3\xa9\"]",
	"\"\\u0000\\u0000\\ufffd\xc3\"", "{\"\\u0000\":{\"\xf0\x9f\":1}}",
};

static void repairing(void)
{
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct ccm_json value;
		json_t *theirs, *ours;

		if (ccm_json_parse(odd[i], strlen(odd[i]), &value, NULL) < 0)
			continue;
		ccm_sbuf_clear(&out);
		ccm_json_repair(&out, odd[i], strlen(odd[i]));
		check_case = out.text;
		theirs = json_loadb(out.text, out.bytes, JSON_DECODE_ANY, NULL);
		CHECK_OR_DIE(theirs);
		ours = tree(&value);
		CHECK(json_equal(ours, theirs));
		json_decref(theirs);
		json_decref(ours);
	}
	/* What strict parsers take stays byte for byte. */
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		ccm_sbuf_clear(&out);
		ccm_json_repair(&out, documents[i], strlen(documents[i]));
		CHECK_STR(out.text, documents[i]);
	}
	ccm_sbuf_done(&out);
}

/* All that is left is as it was; only of the last container the rest may be missing. */
static void begins_like(json_t *closed, json_t *whole)
{
	size_t left = json_is_object(closed) ? json_object_size(closed) : json_array_size(closed), i;
	const char *key;
	json_t *v, *w;

	if (!CHECK(whole && json_typeof(closed) == json_typeof(whole)))
		return;
	if (!json_is_object(closed) && !json_is_array(closed)) {
		CHECK(json_equal(closed, whole));
	} else if (json_is_object(closed)) {
		json_object_foreach(closed, key, v) {
			w = json_object_get(whole, key);
			if (--left)
				CHECK(w && json_equal(v, w));
			else
				begins_like(v, w);
		}
	} else {
		json_array_foreach(closed, i, v) {
			w = json_array_get(whole, i);
			if (--left)
				CHECK(w && json_equal(v, w));
			else
				begins_like(v, w);
		}
	}
}

static void close_prefixes(const char *text)
{
	struct ccm_sbuf closed = { 0 }, repaired = { 0 };
	size_t n = strlen(text);
	json_t *whole;

	ccm_json_repair(&repaired, text, n);
	whole = json_loadb(repaired.text, repaired.bytes, 0, NULL);
	CHECK_OR_DIE(whole);
	for (size_t bytes = 0; bytes < n; bytes++) {
		char *copy = exact(text, bytes);
		struct ccm_json_iter it;
		struct ccm_json key, value;
		json_t *t;
		int r;

		ccm_json_iter_text(&it, copy, bytes);
		while ((r = ccm_json_next(&it, &key, &value)) > 0)
			;
		if (r == 0) {
			/* Only blanks were cut off. */
			CHECK(strspn(text + bytes, " \n") == n - bytes);
			free(copy);
			continue;
		}
		CHECK(it.error.at_end && it.error.offset == bytes);
		CHECK(ccm_json_next(&it, &key, &value) < 0);
		ccm_sbuf_clear(&closed);
		ccm_json_close(&it, &closed);
		ccm_sbuf_clear(&repaired);
		ccm_json_repair(&repaired, closed.text, closed.bytes);
		t = json_loadb(repaired.text, repaired.bytes, 0, NULL);
		if (!t)
			fprintf(stderr, "%.*s\nwas closed as\n%s\n", (int)bytes, text, closed.text);
		CHECK_OR_DIE(t);
		if (it.started)
			begins_like(t, whole);
		json_decref(t);
		free(copy);
	}
	json_decref(whole);
	ccm_sbuf_done(&closed);
	ccm_sbuf_done(&repaired);
}

static void closing(void)
{
	struct ccm_sbuf out = { 0 };
	struct ccm_json_iter it;
	struct ccm_json key, value;

	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		char first = documents[i][strspn(documents[i], " ")];

		/* In one with a name that stands twice, the first value counts until the second is there. */
		if ((first == '{' || first == '[') && !strstr(documents[i], "\"a\":3"))
			close_prefixes(documents[i]);
	}
	close_prefixes(odd[0]);
	close_prefixes(odd[3]);
	close_prefixes("{\"a\":[1,[2,[3,{\"b\":{\"c\":[4,{\"d\":5}]}}]]],\"e\":{\"f\":{\"g\":{}}}}");

	/* As much as possible is kept. */
	ccm_json_iter_text(&it, "{\"a\":{\"b\":[1,2,\"x\",{\"c\":tr", 27);
	CHECK(ccm_json_next(&it, &key, &value) < 0);
	CHECK(ccm_json_is(&key, "a") && value.type == CCM_JSON_OBJECT);
	ccm_json_close(&it, &out);
	CHECK_STR(out.text, "{\"a\":{\"b\":[1,2,\"x\",{}]}}");
	ccm_sbuf_done(&out);
}

static void depth(void)
{
	size_t n = CCM_JSON_DEPTH_MAX * 2;
	char *text = malloc(n * 6);

	CHECK_OR_DIE(text);
	for (size_t levels = CCM_JSON_DEPTH_MAX - 2; levels < CCM_JSON_DEPTH_MAX + 2; levels++) {
		memset(text, '[', levels);
		memset(text + levels, ']', levels);
		CHECK(accepts(text, levels * 2) == (levels < CCM_JSON_DEPTH_MAX));
	}
	/* Object in array in object: the bits of one do not stand for the other. */
	n = 0;
	for (size_t i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "[{\"a\":");
	text[n++] = '1';
	for (size_t i = 0; i < 1000; i++)
		n += (size_t)sprintf(text + n, "}]");
	CHECK(accepts(text, n));
	text[n - 1] = '}';
	CHECK(!accepts(text, n));
	memset(text, '[', CCM_JSON_DEPTH_MAX * 6);
	CHECK(!accepts(text, CCM_JSON_DEPTH_MAX * 6));
	free(text);
}

static void errors(void)
{
	static const struct { const char *text, *what; size_t offset; bool at_end; } rows[] = {
		{ "", "the text ends too early", 0, true }, { "{\"a\"", "the text ends too early", 4, true },
		{ "[1,", "the text ends too early", 3, true }, { "\"a\\", "the text ends too early", 3, true },
		{ "tru", "the text ends too early", 3, true }, { "-", "the text ends too early", 1, true },
		{ "{a}", "expected a member name in quotes", 1, false }, { "{\"a\" 1}", "expected ':'", 5, false },
		{ "[1 2]", "expected ',' or ']'", 3, false }, { "{\"a\":1]", "expected ',' or '}'", 6, false },
		{ "[01]", "number with a leading zero", 2, false }, { "[1.x]", "expected a digit", 3, false },
		{ "[\"a\nb\"]", "control character in a string", 3, false }, { "[\"\\q\"]", "unknown escape in a string", 2, false },
		{ "[\"\\u12x4\"]", "\\u without four hexadecimal digits", 2, false }, { "[nope]", "expected a value", 1, false },
		{ "[1] 2", "unexpected text after the value", 4, false },
	};
	struct ccm_json_error error;
	struct ccm_json value;
	unsigned line, column;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_case = rows[i].text;
		CHECK(ccm_json_parse(rows[i].text, strlen(rows[i].text), &value, &error) < 0);
		CHECK_STR(error.what, rows[i].what);
		CHECK(error.offset == rows[i].offset && error.at_end == rows[i].at_end);
	}
	ccm_json_position("ab\nc\xc3\xa9" "d", 6, &line, &column);
	CHECK(line == 2 && column == 3);
	ccm_json_position("", 0, &line, &column);
	CHECK(line == 1 && column == 1);
}

static void laying_out(void)
{
	struct ccm_sbuf out = { 0 };
	char *deep = malloc(4001);

	CHECK_OR_DIE(deep);
	ccm_json_pretty(&out, " {\"a\":[1,{ },[ ],\"x\\\"{[,:\"],\n\"b\":1e5} ", 39);
	CHECK_STR(out.text, "{\n  \"a\": [\n    1,\n    {},\n    [],\n    \"x\\\"{[,:\"\n  ],\n  \"b\": 1e5\n}");
	for (size_t i = 0; i < ARRAY_SIZE(documents); i++) {
		struct ccm_json before, after;
		json_t *a, *b;

		ccm_sbuf_clear(&out);
		ccm_json_pretty(&out, documents[i], strlen(documents[i]));
		CHECK(ccm_json_parse(documents[i], strlen(documents[i]), &before, NULL) == 0);
		CHECK(ccm_json_parse(out.text, out.bytes, &after, NULL) == 0);
		a = tree(&before);
		b = tree(&after);
		CHECK(json_equal(a, b));
		json_decref(a);
		json_decref(b);
	}
	memset(deep, '[', 2000);
	memset(deep + 2000, ']', 2000);
	ccm_sbuf_clear(&out);
	ccm_json_pretty(&out, deep, 4000);
	CHECK(accepts(out.text, out.bytes) && out.bytes < 4000 * 140);
	free(deep);
	ccm_sbuf_done(&out);
}

static void trimming(void)
{
	static const struct { const char *text; size_t max; const char *trimmed; size_t cuts; } rows[] = {
		{ "{\"a\":\"12345\",\"b\":[\"123456\"]}", 5, "{\"a\":\"12345\",\"b\":[\"12345…[6 bytes in all]\"]}", 1 },
		{ "{\"a\":\"ab\\ncd\",\"b\":\"ab\\\"\"}", 3, "{\"a\":\"ab…[6 bytes in all]\",\"b\":\"ab…[4 bytes in all]\"}", 2 },
		{ "[\"\\ud83d\\ude00x\"]", 11, "[\"…[13 bytes in all]\"]", 1 },
		{ "[\"\\u0041\\u0042\"]", 11, "[\"\\u0041…[12 bytes in all]\"]", 1 },
		{ "[\"\xc3\xa9\xc3\xa9\"]", 3, "[\"\xc3\xa9…[4 bytes in all]\"]", 1 },
		{ "[1,{}]", 2, "[1,{}]", 0 }, { "[\"\\\\\",\"b\"]", 2, "[\"\\\\\",\"b\"]", 0 },
		/* Lists: four times as long, and the element that goes beyond it. */
		{ "[1,true,{}]", 1, "[1,true,\"…[1 more, 3 bytes]\"]", 1 },
		{ "[\"ab\",\"cd\",\"e,]\\\"\",[1,[2,3],{\"x\":[4]}],5 ]", 3,
		  "[\"ab\",\"cd\",\"e,]…[5 bytes in all]\",\"…[2 more, 23 bytes]\"]", 2 },
		{ "{\"a\":[1,2,3,4,5,6],\"b\":{\"c\":1,\"d\":2,\"e\":3},\"f\":[1]}", 2,
		  "{\"a\":[1,2,3,4,5,\"…[1 more, 2 bytes]\"],\"b\":{\"c\":1,\"d\":2,\"e\":3},\"f\":[1]}", 1 },
		{ "[[1,2,3,4,5,6],[7]]", 2, "[[1,2,3,4,5,\"…[1 more, 2 bytes]\"],\"…[1 more, 4 bytes]\"]", 2 },
		{ "{\"a\":[{\"b\":[\"1234567890\"]}],\"c\":[]}", 4, "{\"a\":[{\"b\":[\"1234…[10 bytes in all]\"]}],\"c\":[]}", 1 },
	};
	struct ccm_sbuf out = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ccm_sbuf_clear(&out);
		CHECK(ccm_json_trim(&out, rows[i].text, strlen(rows[i].text), rows[i].max) == rows[i].cuts);
		CHECK_STR(out.text, rows[i].trimmed);
		CHECK(accepts(out.text, out.bytes));
	}
	ccm_sbuf_done(&out);
}

int main(void)
{
	grammar();
	every_byte_in_a_string();
	mutations();
	spans();
	decoding();
	members_and_paths();
	quoting();
	repairing();
	closing();
	depth();
	errors();
	laying_out();
	trimming();
	return 0;
}
