/* SPDX-License-Identifier: MIT */
/* json_edit, host_settings: what install puts into a settings file, uninstall takes out again, byte for byte.
 *
 * Samples that look like real files, the odd ones that a person may have, and a thousand that are
 * made up: other tools' hooks, every kind of white space, empty containers, names that stand twice. */
#include "libccm/host_settings.h"

#include <errno.h>
#include <jansson.h>
#include <stdint.h>

#include "check.h"
#include "libccm/json_edit.h"

#define OURS "/home/dev/.local/bin/ccm-hook"
#define COUNT 1000

static const struct ccm_host_event *events[64];
static char case_name[64];

/* Fills events: the nine, all, or those whose bit is set. */
static struct ccm_host_registration want(const char *command, uint64_t which)
{
	struct ccm_host_registration w = { .command = command, .events = events };
	size_t count;
	const struct ccm_host_event *all = ccm_host_events(&count);

	for (size_t i = 0; i < count; i++)
		if (which ? which >> i & 1 : all[i].registered)
			events[w.event_count++] = &all[i];
	return w;
}

static void set(struct ccm_sbuf *doc, const char *text, size_t bytes)
{
	ccm_sbuf_clear(doc);
	ccm_sbuf_add(doc, text, bytes);
}

static bool is_text(const struct ccm_sbuf *doc, const char *text, size_t bytes)
{
	return doc->bytes == bytes && memcmp(ccm_sbuf_str(doc), text, bytes) == 0;
}

static int reg(struct ccm_sbuf *doc, const struct ccm_host_registration *w, bool is_new)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	struct ccm_diag diag = { 0 };

	return ccm_host_register(doc, is_new, w, &report, &diag);
}

static bool unreg(struct ccm_sbuf *doc)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	struct ccm_diag diag = { 0 };

	CHECK_INT(ccm_host_unregister(doc, &report, &diag), 0);
	return report.empty;
}

/* In and out again. Returns what the registration said; the installed text is left in doc. */
static int round_trip(struct ccm_sbuf *doc, const char *text, size_t bytes, const struct ccm_host_registration *w)
{
	_cleanup_sbuf_ struct ccm_sbuf again = { 0 };
	struct ccm_json root;
	int r;

	set(doc, text, bytes);
	r = reg(doc, w, false);
	if (r < 0)
		return r;
	CHECK(!is_text(doc, text, bytes));
	CHECK_INT(ccm_json_document(doc, &root, NULL), 0);
	set(&again, doc->text, doc->bytes);
	CHECK_INT(reg(&again, w, false), 0);
	if (!CHECK(is_text(&again, doc->text, doc->bytes)))
		fprintf(stderr, "%s\n---- twice:\n%s\n", doc->text, again.text);
	CHECK(!unreg(&again));
	if (!CHECK(is_text(&again, text, bytes)))
		fprintf(stderr, "%.*s\n---- installed:\n%s\n---- back:\n%s\n", (int)bytes, text, doc->text, again.text);
	return r;
}

/* ---- samples ---- */

static const char *const samples[] = {
	"{}", "{}\n", "{ }", "{\n}\n", "{\n\n}", "{\r\n}\r\n", "", "\n", "  \n", "\xef\xbb\xbf", "\xef\xbb\xbf{}",
	"\xef\xbb\xbf\r\n", " {} ",
	"{\"model\":\"opus\"}",
	"{ \"model\": \"opus\" }\n",
	"{\"model\" : \"opus\" , \"env\" : {}}",
	"{\n  \"model\": \"opus\"\n}\n",
	"{\n    \"model\": \"opus\",\n    \"env\": {}\n}",
	"{\n\t\"model\": \"opus\"\n}\n",
	"{\r\n  \"model\": \"opus\"\r\n}\r\n",
	"{\n\"model\": \"opus\"\n}\n",
	"{\"model\": \"opus\"\n}\n",
	"{\n  \"model\": \"opus\"}\n",
	"{\n  \"a\": 1\n, \"b\": 2\n}\n",
	"{\n  \"hooks\": {}\n}\n",
	"{\n  \"hooks\": {\n  }\n}\n",
	"{\n  \"hooks\": { }\n}\n",
	"{\"hooks\":{}}",
	"{ \"hooks\": { } }",
	"{\n  \"hooks\": {\n    \"PreToolUse\": []\n  }\n}\n",
	"{\n  \"hooks\": {\n    \"PreToolUse\": [\n    ]\n  }\n}\n",
	"{\"hooks\":{\"PreToolUse\":[]}}",
	"{\"hooks\":{\"PreToolUse\":[ ],\"Stop\":[]}}",
	("{\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\n        \"matcher\": \"Bash|Write\",\n        \"hooks\": [\n"
	 "          {\n            \"type\": \"command\",\n            \"command\": \"/opt/lint.sh\"\n          }\n"
	 "        ]\n      }\n    ]\n  },\n  \"permissions\": {\n    \"allow\": [\"Bash(git *)\"]\n  }\n}\n"),
	("{\n  \"hooks\": {\n    \"PreToolUse\": [{\n      \"hooks\": [{ \"type\": \"command\", \"command\": \"x\" }]\n"
	 "    }],\n    \"Later\": \"?\"\n  }\n}"),
	"{\n  \"hooks\": {\"Stop\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"x\"}]}]},\n  \"model\": \"a\"\n}\n",
	"{\"hooks\":{\"Stop\":[{\"hooks\":[]}]},\"hooks\":{\"Stop\":[]}}",
	"{\"\\u0068ooks\":{\"St\\u006fp\":[]}}",
	"{\n  \"//\": \"a comment as people write it\",\n  \"statusLine\": {\"type\": \"command\", \"command\": \"mine\"}\n}\n",
	"{\n  \"a\": \"\\u0000 \\ud83d \xff \x7f\",\n  \"b\": 1e400\n}\n",
};

static void test_samples(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
		struct ccm_host_registration w = want(OURS, 0);

		check_case = samples[i];
		CHECK_INT(round_trip(&doc, samples[i], strlen(samples[i]), &w), 0);
		w.status_line = true;
		CHECK_INT(round_trip(&doc, samples[i], strlen(samples[i]), &w), 0);
		w = want("/opt/it's \"here\"/ccm-hook", UINT64_MAX);
		w.status_line = true;
		CHECK_INT(round_trip(&doc, samples[i], strlen(samples[i]), &w), 0);
	}
	check_case = NULL;
}

static void test_new_file(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
	struct ccm_host_registration w = want(OURS, 0);

	CHECK_INT(reg(&doc, &w, true), 0);
	CHECK(unreg(&doc));
	CHECK_INT(doc.bytes, 0);
	w.status_line = true;
	CHECK_INT(reg(&doc, &w, true), 0);
	CHECK(unreg(&doc));
	CHECK_INT(doc.bytes, 0);
}

/* How our entries look in each style. */
static const struct {
	const char *before, *installed;
} layouts[] = {
	{ "{\n\t\"a\": 1\n}\n",
	  "{\n\t\"a\": 1,\n\t\"hooks\": {\n\t\t\"Stop\": [\n\t\t\t{\n\t\t\t\t\"hooks\": [\n\t\t\t\t\t{\n"
	  "\t\t\t\t\t\t\"type\": \"command\",\n\t\t\t\t\t\t\"command\": \"" OURS "\",\n"
	  "\t\t\t\t\t\t\"args\": [\"run\", \"--timeout\", \"60\"],\n\t\t\t\t\t\t\"timeout\": 60\n"
	  "\t\t\t\t\t}\n\t\t\t\t]\n\t\t\t}\n\t\t]\n\t}\n}\n" },
	{ "{\"a\":1}",
	  "{\"a\":1,\"hooks\":{\"Stop\":[{\"hooks\":[{\"type\":\"command\",\"command\":\"" OURS "\","
	  "\"args\":[\"run\",\"--timeout\",\"60\"],\"timeout\":60}]}]}}" },
	{ "{ \"a\": [1, 2] }",
	  "{ \"a\": [1, 2], \"hooks\": { \"Stop\": [{ \"hooks\": [{ \"type\": \"command\", \"command\": \"" OURS "\", "
	  "\"args\": [\"run\", \"--timeout\", \"60\"], \"timeout\": 60 }] }] } }" },
	{ "{\r\n    \"hooks\": {\r\n        \"Stop\": [\r\n            {}\r\n        ]\r\n    }\r\n}", NULL },
	{ "{\r\n  \"hooks\": {\r\n    \"Stop\": [\r\n      {\"hooks\": []}\r\n    ]\r\n  }\r\n}",
	  "{\r\n  \"hooks\": {\r\n    \"Stop\": [\r\n      {\"hooks\": []},\r\n      {\r\n        \"hooks\": [\r\n"
	  "          {\r\n            \"type\": \"command\",\r\n            \"command\": \"" OURS "\",\r\n"
	  "            \"args\": [\"run\", \"--timeout\", \"60\"],\r\n            \"timeout\": 60\r\n          }\r\n"
	  "        ]\r\n      }\r\n    ]\r\n  }\r\n}" },
};

static uint64_t bit_of(const char *name)
{
	size_t count;
	const struct ccm_host_event *all = ccm_host_events(&count);

	return UINT64_C(1) << (ccm_host_event(name) - all);
}

static void test_layouts(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct ccm_host_registration w = want(OURS, bit_of("Stop"));
		int r = round_trip(&doc, layouts[i].before, strlen(layouts[i].before), &w);

		CHECK_INT(r, layouts[i].installed ? 0 : -CCM_E_REFUSED);
		if (layouts[i].installed)
			CHECK_STR(doc.text, layouts[i].installed);
	}
}

/* ---- what is refused, and what is not ---- */

#define STOP(group) "{\"hooks\":{\"Stop\":[" group "]}}"
#define HANDLER(members) STOP("{\"hooks\":[{" members "}]}")

static const struct {
	const char *text, *words;    /* words NULL: the host takes it */
} judged[] = {
	{ "{\n  \"a\": 1,\n}\n", "line 3, column 1: expected a member name in quotes (is there a comma too many?)" },
	{ "{\n  // note\n  \"a\": 1\n}\n", "line 2, column 3: expected a member name in quotes (comments are not JSON)" },
	{ "/* note */ {}", "line 1, column 1: expected a value (comments are not JSON)" },
	{ "{\"a\" 1}", "line 1, column 6: expected ':'" },
	{ "{\"a\": 1} x", "line 1, column 10: unexpected text after the value" },
	{ "{\"a\": [1, 2", "line 1, column 12: the text ends too early" },
	{ "\xef\xbb\xbf{\"a\": nope}", "line 1, column 7: expected a value" },
	{ "[]", "line 1, column 1: the settings must be an object, not array" },
	{ "{\"hooks\": []}", "line 1, column 11: 'hooks' must not be array" },
	{ "{\"hooks\": null}", "'hooks' must not be null" },
	{ "{\"env\": \"A=1\"}", "'env' must not be string" },
	{ "{\"permissions\": {\"allow\": \"Bash\"}}", "'allow' must not be string" },
	{ "{\"disableAllHooks\": \"no\"}", "'disableAllHooks' must not be string" },
	{ "{\"statusLine\": {\"command\": \"x\"}}", "'type' is missing" },
	{ "{\"statusLine\": {\"type\": \"text\", \"command\": \"x\"}}", "the type of 'statusLine' must be command" },
	{ STOP("null"), "line 1, column 19: Stop: a group must be an object, not null" },
	{ STOP("{}"), "Stop: 'hooks' is missing" },
	{ STOP("{\"type\":\"command\",\"command\":\"x\"}"), "Stop: a handler stands where a group belongs" },
	{ STOP("{\"matcher\":5,\"hooks\":[]}"), "Stop: 'matcher' must not be number" },
	{ STOP("{\"hooks\":{}}"), "Stop: 'hooks' must not be object" },
	{ STOP("{\"hooks\":[\"x\"]}"), "Stop: a handler must be an object, not string" },
	{ HANDLER("\"command\":\"x\""), "Stop: a handler has no 'type'" },
	{ HANDLER("\"type\":\"Command\",\"command\":\"x\""), "Stop: unknown handler type \"Command\"" },
	{ HANDLER("\"type\":\"command\""), "Stop: 'command' is missing" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"args\":\"y\""), "Stop: 'args' must not be string" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"args\":[1]"), "Stop: 'args' must hold strings only" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"async\":1"), "Stop: 'async' must not be number" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"shell\":\"fish\""), "Stop: 'shell' must be bash or powershell" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"timeout\":0"), "Stop: 'timeout' must be more than 0 seconds" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"timeout\":-1"), "Stop: 'timeout' must be more than 0 seconds" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"timeout\":1e999"), "Stop: 'timeout' must be more than 0" },
	{ HANDLER("\"type\":\"command\",\"command\":\"x\",\"timeout\":\"5\""), "Stop: 'timeout' must not be string" },
	{ HANDLER("\"type\":\"http\",\"url\":\"nope\""), "Stop: 'url' is not a URL" },
	{ HANDLER("\"type\":\"mcp_tool\",\"server\":\"a\""), "Stop: 'tool' is missing" },
	{ HANDLER("\"type\":\"prompt\""), "Stop: 'prompt' is missing" },
	{ "{\"hooks\":{\"Stop\":null}}", "line 1, column 18: 'Stop' must be an array, not null" },

	{ "{\"hooks\":{\"Nope\":[5]}}", NULL },
	{ "{\"hooks\":{\"Setup\":{}}}", NULL },
	{ "{\"hooks\":5,\"hooks\":{}}", NULL },
	{ "{\"zzz\":null,\"env\":{\"A\":1}}", NULL },
	{ STOP("{\"hooks\":[],\"note\":1}"), NULL },
	{ HANDLER("\"type\":\"command\",\"command\":\"\",\"timeout\":0.5,\"note\":null"), NULL },
	{ HANDLER("\"type\":\"http\",\"url\":\"http://127.0.0.1/\",\"args\":5"), NULL },
	{ HANDLER("\"type\":\"command\",\"timeout\":0,\"command\":\"x\",\"timeout\":1"), NULL },
};

static void test_judged(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(judged); i++) {
		struct ccm_host_registration w = want(OURS, bit_of("Stop"));
		_cleanup_host_report_ struct ccm_host_report report = { 0 };
		_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
		struct ccm_diag diag = { 0 };
		int r;

		check_case = judged[i].text;
		ccm_sbuf_adds(&doc, judged[i].text);
		r = ccm_host_register(&doc, false, &w, &report, &diag);
		CHECK_INT(r, judged[i].words ? -CCM_E_REFUSED : 0);
		if (judged[i].words)
			CHECK_HAS(diag.text, judged[i].words);
	}
	check_case = NULL;
}

/* ---- entries that are there already ---- */

static void check_registered(const char *before, const char *after)
{
	struct ccm_host_registration w = want(OURS, bit_of("Stop"));
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	check_case = before;
	ccm_sbuf_adds(&doc, before);
	CHECK_INT(reg(&doc, &w, false), 0);
	CHECK_STR(doc.text, after);
	check_case = NULL;
}

#define ENTRY(path, seconds) \
	"{\"type\":\"command\",\"command\":\"" path "\",\"args\":[\"run\",\"--timeout\",\"" seconds "\"],\"timeout\":" seconds "}"
#define GROUP(handler) "{\"hooks\":[" handler "]}"

static void test_updates(void)
{
	const char *right = STOP(GROUP(ENTRY(OURS, "60")));

	check_registered(right, right);
	check_registered(STOP(GROUP(ENTRY("/old/ccm-hook", "60"))), right);
	check_registered(STOP(GROUP(ENTRY("ccm-hook", "5"))), right);
	check_registered(STOP(GROUP("{\"type\":\"command\",\"command\":\"" OURS "\",\"args\":[\"run\"]}")), right);
	/* What a person added stays; what stands there twice goes. */
	check_registered(STOP("{\"hooks\":[{\"statusMessage\":\"m\",\"type\":\"command\",\"command\":\"/o/ccm-hook\","
			      "\"args\":[\"run\"],\"timeout\":9}],\"k\":1}"),
			 STOP("{\"hooks\":[{\"statusMessage\":\"m\",\"type\":\"command\",\"command\":\"" OURS "\","
			      "\"args\":[\"run\",\"--timeout\",\"60\"],\"timeout\":60}],\"k\":1}"));
	check_registered(STOP(GROUP(ENTRY("/a/ccm-hook", "60")) "," GROUP(ENTRY("/b/ccm-hook", "1"))), right);
	check_registered(STOP("{\"hooks\":[" ENTRY(OURS, "60") "," ENTRY(OURS, "60") "]}"), right);
	/* Entries for events that were not asked for are kept up to date too. */
	check_registered("{\"hooks\":{\"Stop\":[" GROUP(ENTRY(OURS, "60")) "],\"SessionEnd\":["
			 GROUP(ENTRY("/old/ccm-hook", "60")) "]}}",
			 "{\"hooks\":{\"Stop\":[" GROUP(ENTRY(OURS, "60")) "],\"SessionEnd\":["
			 GROUP(ENTRY(OURS, "10")) "]}}");
	check_registered("{\"statusLine\":{\"type\":\"command\",\"command\":\"'/old/ccm-hook' statusline\"},"
			 "\"hooks\":{\"Stop\":[" GROUP(ENTRY(OURS, "60")) "]}}",
			 "{\"statusLine\":{\"type\":\"command\",\"command\":\"'" OURS "' statusline\"},"
			 "\"hooks\":{\"Stop\":[" GROUP(ENTRY(OURS, "60")) "]}}");
}

/* What looks like ours and is not. */
static const char *const strangers[] = {
	STOP(GROUP("{\"type\":\"command\",\"command\":\"/x/ccm-hook run\"}")),
	STOP(GROUP("{\"type\":\"command\",\"command\":\"/x/my-ccm-hook\",\"args\":[\"run\"]}")),
	STOP(GROUP("{\"type\":\"command\",\"command\":\"/x/ccm-hook\",\"args\":[\"log\"]}")),
	STOP(GROUP("{\"type\":\"command\",\"command\":\"/x/ccm-hook\",\"args\":[]}")),
	STOP(GROUP("{\"type\":\"http\",\"url\":\"http://x/ccm-hook\",\"command\":\"ccm-hook\",\"args\":[\"run\"]}")),
	"{\"statusLine\":{\"type\":\"command\",\"command\":\"echo ccm-hook statusline\"}}",
	"{\"statusLine\":{\"type\":\"command\",\"command\":\"/x/ccm-hook-2 statusline\"}}",
	"{\"zzz\":{\"hooks\":{\"Stop\":[" GROUP(ENTRY(OURS, "60")) "]}}}",
};

static void test_strangers(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(strangers); i++) {
		struct ccm_host_registration w = want(OURS, 0);

		check_case = strangers[i];
		set(&doc, strangers[i], strlen(strangers[i]));
		CHECK(!unreg(&doc));
		CHECK_STR(doc.text, strangers[i]);
		CHECK_INT(round_trip(&doc, strangers[i], strlen(strangers[i]), &w), 0);
	}
	check_case = NULL;
}

/* Uninstall works on a file that the host rejects, as long as it is JSON: that may be the way out. */
static void test_unregister_from_rejected(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	ccm_sbuf_adds(&doc, "{\"env\":5,\"hooks\":{\"Stop\":[7," GROUP(ENTRY(OURS, "60")) "],\"Setup\":{}}}");
	CHECK(!unreg(&doc));
	CHECK_STR(doc.text, "{\"env\":5,\"hooks\":{\"Stop\":[7],\"Setup\":{}}}");
}

static void test_reports(void)
{
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	struct ccm_host_registration w = want(OURS, bit_of("Stop") | bit_of("PreToolUse"));
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };

	w.status_line = true;
	ccm_sbuf_adds(&doc, "{\"disableAllHooks\":true,\"statusLine\":{\"type\":\"command\",\"command\":\"mine\"},"
		      "\"hooks\":{\"PreToolUse\":[{\"matcher\":\"Bash\",\"hooks\":[" ENTRY(OURS, "60") "]}],"
		      "\"Setup\":[" GROUP("{\"type\":\"command\",\"command\":\"ccm-hook run\"}") "]}}");
	CHECK_INT(ccm_host_register(&doc, false, &w, &report, NULL), 0);
	CHECK(report.disabled);
	CHECK(report.status_line_taken);
	CHECK_STR(ccm_sbuf_str(&report.added), "Stop");
	CHECK_STR(ccm_sbuf_str(&report.updated), "");
	CHECK_HAS(ccm_sbuf_str(&report.notes), "PreToolUse: our entry is limited by a matcher");
	CHECK_HAS(ccm_sbuf_str(&report.notes), "Setup: an entry without 'args'");
	CHECK(strstr(doc.text, "\"command\":\"mine\"") != NULL);
}

/* ---- made-up files ---- */

struct maker {
	struct ccm_sbuf out;
	uint64_t state;
	int mode;                    /* 0 all tight, 1 spaces, 2 lines, 3 anything goes */
	const char *newline, *unit;
};

static unsigned pick(struct maker *m, unsigned n)
{
	m->state ^= m->state << 13;
	m->state ^= m->state >> 7;
	m->state ^= m->state << 17;
	return (unsigned)(m->state >> 11) % n;
}

static void space(struct maker *m, int depth, bool inline_gap)
{
	static const char *const anything[] = { "", "", " ", "  ", "\n", "\r\n", "\n\n\t", "\n  ", "\t", "\r" };

	switch (m->mode) {
	case 0:
		return;
	case 1:
		ccm_sbuf_adds(&m->out, inline_gap ? " " : "");
		return;
	case 2:
		ccm_sbuf_adds(&m->out, m->newline);
		for (int i = 0; i < depth; i++)
			ccm_sbuf_adds(&m->out, m->unit);
		return;
	default:
		ccm_sbuf_adds(&m->out, anything[pick(m, ARRAY_SIZE(anything))]);
	}
}

static void colon(struct maker *m)
{
	if (m->mode == 3 && pick(m, 4) == 0)
		space(m, 0, true);
	ccm_sbuf_adds(&m->out, m->mode == 0 ? ":" : ": ");
}

typedef void make_fn(struct maker *m, int depth);

/* A container of n items, or an empty one with whatever between its brackets. */
static void make_container(struct maker *m, int depth, char open, unsigned n, make_fn *make)
{
	int mode = m->mode;

	if (mode == 2 && pick(m, 4) == 0)
		m->mode = (int)pick(m, 2);           /* this one on one line */
	ccm_sbuf_addc(&m->out, open);
	for (unsigned i = 0; i < n; i++) {
		if (i)
			ccm_sbuf_addc(&m->out, ',');
		space(m, depth + 1, i > 0);
		make(m, depth + 1);
	}
	if (n || m->mode == 3 || pick(m, 3) == 0)
		space(m, depth, false);
	ccm_sbuf_addc(&m->out, open == '{' ? '}' : ']');
	m->mode = mode;
}

static void make_scalar(struct maker *m, int depth _unused_)
{
	static const char *const scalars[] = {
		"1", "-2.50e3", "true", "null", "\"\"", "\"text\"", "\"\\u00e9\\n\\\"{[,\"", "\"ä ✓\"", "\"ccm-hook\"",
	};

	ccm_sbuf_adds(&m->out, scalars[pick(m, ARRAY_SIZE(scalars))]);
}

static void make_value(struct maker *m, int depth);

static void make_member(struct maker *m, int depth)
{
	ccm_sbuf_addf(&m->out, "\"k%u\"", pick(m, 100));
	colon(m);
	make_value(m, depth);
}

static void make_value(struct maker *m, int depth)
{
	unsigned kind = depth > 4 ? 9 : pick(m, 10);

	if (kind < 2)
		make_container(m, depth, '{', pick(m, 3), make_member);
	else if (kind < 4)
		make_container(m, depth, '[', pick(m, 3), make_value);
	else
		make_scalar(m, depth);
}

static void make_handler_member(struct maker *m, int depth)
{
	static const char *const members[] = { "\"timeout\"", "\"note\"", "\"more\"" };
	unsigned which = pick(m, ARRAY_SIZE(members));

	ccm_sbuf_adds(&m->out, members[which]);
	colon(m);
	if (which == 0)
		ccm_sbuf_addf(&m->out, "%u", pick(m, 60) + 1);
	else
		make_value(m, depth);
}

static void make_handler(struct maker *m, int depth)
{
	unsigned more = pick(m, 3);

	ccm_sbuf_addc(&m->out, '{');
	space(m, depth + 1, false);
	ccm_sbuf_adds(&m->out, "\"type\"");
	colon(m);
	ccm_sbuf_adds(&m->out, "\"command\",");
	space(m, depth + 1, true);
	ccm_sbuf_adds(&m->out, "\"command\"");
	colon(m);
	ccm_sbuf_addf(&m->out, "\"/opt/tool-%u.sh\"", pick(m, 9));
	for (unsigned i = 0; i < more; i++) {
		ccm_sbuf_addc(&m->out, ',');
		space(m, depth + 1, true);
		make_handler_member(m, depth + 1);
	}
	space(m, depth, false);
	ccm_sbuf_addc(&m->out, '}');
}

static void make_group(struct maker *m, int depth)
{
	ccm_sbuf_addc(&m->out, '{');
	space(m, depth + 1, false);
	if (pick(m, 2)) {
		ccm_sbuf_adds(&m->out, "\"matcher\"");
		colon(m);
		ccm_sbuf_adds(&m->out, "\"Bash|Edit\",");
		space(m, depth + 1, true);
	}
	ccm_sbuf_adds(&m->out, "\"hooks\"");
	colon(m);
	make_container(m, depth + 1, '[', pick(m, 3), make_handler);
	space(m, depth, false);
	ccm_sbuf_addc(&m->out, '}');
}

static void make_event(struct maker *m, int depth)
{
	size_t count;
	const struct ccm_host_event *all = ccm_host_events(&count);

	ccm_sbuf_addf(&m->out, "\"%s\"", pick(m, 8) ? all[pick(m, (unsigned)count)].name : "SomethingNew");
	colon(m);
	make_container(m, depth, '[', pick(m, 3), make_group);
}

static void make_top_member(struct maker *m, int depth)
{
	switch (pick(m, 6)) {
	case 0:
	case 1:
		ccm_sbuf_adds(&m->out, "\"hooks\"");
		colon(m);
		make_container(m, depth, '{', pick(m, 4), make_event);
		return;
	case 2:
		ccm_sbuf_adds(&m->out, "\"permissions\"");
		colon(m);
		make_container(m, depth, '{', pick(m, 3), make_member);
		return;
	default:
		make_member(m, depth);
	}
}

static void make_settings(struct maker *m, uint64_t seed)
{
	static const char *const units[] = { "  ", "    ", "\t", "   ", "" };

	*m = (struct maker){ .state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1 };
	m->mode = (int)pick(m, 4);
	m->newline = pick(m, 4) ? "\n" : "\r\n";
	m->unit = units[pick(m, ARRAY_SIZE(units))];
	if (pick(m, 8) == 0)
		ccm_sbuf_adds(&m->out, "\xef\xbb\xbf");
	if (m->mode == 3)
		space(m, 0, false);
	make_container(m, 0, '{', pick(m, 5), make_top_member);
	if (pick(m, 2))
		ccm_sbuf_adds(&m->out, m->newline);
}

static json_t *load(const struct ccm_sbuf *doc)
{
	size_t bom = ccm_json_bom(doc->text, doc->bytes);
	json_t *v = json_loadb(doc->text + bom, doc->bytes - bom, 0, NULL);

	CHECK_OR_DIE(v != NULL);
	return v;
}

/* Leaves out what holds nothing: nobody can tell, once the file was laid out anew, who had made it. */
static void prune(json_t *settings)
{
	json_t *hooks = json_object_get(settings, "hooks"), *groups;
	const char *name;
	void *next;

	json_object_foreach_safe(hooks, next, name, groups)
		if (json_is_array(groups) && json_array_size(groups) == 0)
			json_object_del(hooks, name);
	if (json_is_object(hooks) && json_object_size(hooks) == 0)
		json_object_del(settings, "hooks");
}

static void check_same(const struct ccm_sbuf *is, json_t *should)
{
	_cleanup_sbuf_ struct ccm_sbuf braces = { 0 };
	json_auto_t *v;

	ccm_sbuf_adds(&braces, "{}");
	v = load(ccm_json_is_blank(is) ? &braces : is);
	prune(v);
	prune(should);
	if (!CHECK(json_equal(v, should)))
		fprintf(stderr, "%s\n", is->text);
}

/* The client wrote the file anew in between, as it does when settings are changed in its dialogs. */
static void check_reformatted(const struct ccm_sbuf *installed, const struct ccm_sbuf *before)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
	json_auto_t *v = load(installed), *should = load(before);
	char *text = json_dumps(v, JSON_INDENT(2));

	CHECK_OR_DIE(text != NULL);
	ccm_sbuf_adds(&doc, text);
	free(text);
	unreg(&doc);
	check_same(&doc, should);
}

static int insert_at(struct ccm_sbuf *doc, const char *path, const char *key, const char *value)
{
	struct ccm_json root, container;

	CHECK_OR_DIE(ccm_json_document(doc, &root, NULL) == 0);
	return ccm_json_path(&root, path, &container) ? ccm_json_insert(doc, &container, key, value) : -ENOENT;
}

/* A person added things in between: they stay, and only ours go. */
static void check_edited(const struct ccm_sbuf *installed, const struct ccm_sbuf *before, const char *event)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
	json_auto_t *should = load(before);
	json_t *hooks, *groups;
	char path[64];

	set(&doc, installed->text, installed->bytes);
	snprintf(path, sizeof path, "hooks.%s", event);
	CHECK_INT(insert_at(&doc, "", "theirs", "[1]"), 0);
	CHECK_INT(insert_at(&doc, path, NULL, "{\"hooks\":[],\"theirs\":1}"), 0);
	CHECK(!unreg(&doc));

	json_object_set_new(should, "theirs", json_pack("[i]", 1));
	hooks = json_object_get(should, "hooks");
	if (!hooks)
		json_object_set_new(should, "hooks", hooks = json_object());
	groups = json_object_get(hooks, event);
	if (!groups)
		json_object_set_new(hooks, event, groups = json_array());
	json_array_append_new(groups, json_pack("{s:[],s:i}", "hooks", "theirs", 1));
	check_same(&doc, should);
}

static void test_made_up(void)
{
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
	int done = 0;

	check_case = case_name;
	for (uint64_t seed = 1; seed <= COUNT; seed++) {
		struct ccm_host_registration w;
		struct maker m;
		int r;

		snprintf(case_name, sizeof case_name, "made-up file %d", (int)seed);
		make_settings(&m, seed);
		w = want(OURS, pick(&m, 3) ? 0 : m.state);
		w.status_line = pick(&m, 2);
		if (w.event_count == 0)
			w = want(OURS, 0);
		r = round_trip(&doc, m.out.text, m.out.bytes, &w);
		if (r == 0) {
			check_reformatted(&doc, &m.out);
			check_edited(&doc, &m.out, w.events[pick(&m, (unsigned)w.event_count)]->name);
			done++;
		}
		ccm_sbuf_done(&m.out);
	}
	check_case = NULL;
	/* The maker makes nothing that is refused. */
	CHECK_INT(done, COUNT);
}

int main(void)
{
	test_samples();
	test_new_file();
	test_layouts();
	test_judged();
	test_updates();
	test_strangers();
	test_unregister_from_rejected();
	test_reports();
	test_made_up();
	return 0;
}
