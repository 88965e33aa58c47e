/* SPDX-License-Identifier: MIT */
/* event: what is read from a descriptor that may never end, and what is made of it. */
#include "libccm/event.h"

#include <dirent.h>
#include <jansson.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "check.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/utf8.h"

#define BASE "\"session_id\":\"s\",\"transcript_path\":\"/t\",\"cwd\":\"/c\""
#define TOOL "{\"hook_event_name\":\"PreToolUse\"," BASE ",\"tool_name\":\"Bash\",\"tool_use_id\":\"u\",\"tool_input\":"

static struct ccm_event parse_bytes(const char *text, size_t bytes, bool truncated)
{
	struct ccm_event e = { .truncated = truncated };

	ccm_sbuf_add(&e.raw, text, bytes);
	CHECK_OR_DIE(ccm_event_parse(&e, NULL) == 0);
	return e;
}

static struct ccm_event parse(const char *text)
{
	return parse_bytes(text, strlen(text), false);
}

/* ---- the captured payloads ---- */

static void check_payload(const char *name, const char *path)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_auto_t *tree = NULL;
	_cleanup_free_ char *compact = NULL;
	struct ccm_event e;

	check_case = name;
	CHECK_OR_DIE(ccm_read_file(path, 1 << 26, &text) == 0);
	e = parse(text.text);
	CHECK_STR(ccm_sbuf_str(&e.problem), "");
	CHECK(e.valid && e.spec);
	CHECK(e.name && strncmp(name, e.name, strlen(e.name)) == 0 && strchr("-.", name[strlen(e.name)]));
	CHECK(e.session_id && e.cwd && e.transcript_path);
	CHECK_STR(e.project, e.cwd);
	ccm_event_done(&e);

	/* As it is on the wire: one line. */
	tree = json_loads(text.text, JSON_ALLOW_NUL, NULL);
	if (!tree)
		return;              /* the odd ones, which jansson refuses */
	compact = json_dumps(tree, JSON_COMPACT);
	e = parse(compact);
	CHECK(e.valid);
	CHECK_STR(e.tool_command, json_string_value(json_object_get(json_object_get(tree, "tool_input"), "command")));
	CHECK_STR(e.permission_mode, json_string_value(json_object_get(tree, "permission_mode")));
	if (e.spec && e.spec->matcher[0])
		CHECK_STR(e.match, json_string_value(json_object_get(tree, e.spec->matcher)));
	ccm_event_done(&e);
}

static void test_captured_payloads(void)
{
	char dir[4096], path[8192];
	struct dirent **names;
	int n, events = 0;

	CHECK_OR_DIE(getenv("CCM_SOURCE"));
	snprintf(dir, sizeof dir, "%s/tests/fixtures/hooks", getenv("CCM_SOURCE"));
	n = scandir(dir, &names, NULL, alphasort);
	CHECK_OR_DIE(n > 0);
	for (int i = 0; i < n; i++) {
		const char *name = names[i]->d_name, *end = strrchr(name, '.');

		/* What the status line is given is no event. */
		if (end && strcmp(end, ".json") == 0 && strncmp(name, "StatusLine-", 11) != 0) {
			snprintf(path, sizeof path, "%s/%s", dir, name);
			check_payload(name, path);
			events++;
		}
		free(names[i]);
	}
	free(names);
	check_case = NULL;
	CHECK(events >= 109);
}

/* ---- what is wrong with an event ---- */

static void test_what_is_wrong(void)
{
	static const struct { const char *text, *problem, *name; } cases[] = {
		{ "", "empty: nothing came on standard input", NULL },
		{ "hello", "not a JSON object (line 1, column 1)", NULL },
		{ "\377\376\001", "not a JSON object", NULL },
		{ "[1]", "not a JSON object but an array", NULL },
		{ "\"text\"", "not a JSON object", NULL },
		{ "{}", "field 'hook_event_name' is missing or not a string", NULL },
		{ "{\"hook_event_name\":7," BASE "}", "field 'hook_event_name' is missing or not a string", NULL },
		{ "{\"hook_event_name\":null," BASE "}", "field 'hook_event_name' is missing or not a string", NULL },
		{ "{\"hook_event_name\":\"Stop\"," BASE "}", "field 'stop_hook_active' is missing", "Stop" },
		{ "{\"hook_event_name\":\"Stop\"," BASE ",\"stop_hook_active\":\"no\"}",
		  "field 'stop_hook_active' must be boolean, not string", "Stop" },
		{ "{\"hook_event_name\":\"SessionEnd\",\"session_id\":1,\"transcript_path\":null,\"cwd\":\"/\",\"reason\":\"x\"}",
		  "field 'session_id' must be string, not number; field 'transcript_path' must be string, not null", "SessionEnd" },
		{ TOOL "[]}", "field 'tool_input' must be object, not array", "PreToolUse" },
		{ TOOL "{}} x", "unexpected text after the JSON object", "PreToolUse" },
		{ TOOL "{}", "not valid JSON: the text ends too early", "PreToolUse" },
		{ TOOL "{\"a\":01}}", "not valid JSON: number with a leading zero (line 1", "PreToolUse" },
		{ "{\n  \"hook_event_name\": \"Stop\",\n  \"x\" 1}", "not valid JSON: expected ':' (line 3, column 7)", "Stop" },
		{ "{\"hook_event_name\":\"St\nop\"}", "control character in a string", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ccm_event e = parse(cases[i].text);

		check_case = cases[i].text;
		CHECK(!e.valid);
		CHECK_HAS(ccm_sbuf_str(&e.problem), cases[i].problem);
		CHECK_STR(e.name, cases[i].name);
		CHECK(!!e.spec == !!cases[i].name);
		ccm_event_done(&e);
	}
	check_case = NULL;
}

static void test_unknown_things_pass(void)
{
	struct ccm_event e = parse("{\"hook_event_name\":\"PreCoffeeBreak\",\"tool_name\":\"Kettle\",\"new\":{\"a\":[1,null]}}");

	CHECK(e.valid && !e.spec);
	CHECK_STR(e.name, "PreCoffeeBreak");
	CHECK_STR(e.match, "Kettle");
	CHECK(!e.session_id && !e.project);
	ccm_event_done(&e);

	e = parse("{\"hook_event_name\":\"SessionStart\"," BASE ",\"source\":\"teleport\",\"extra\":1}");
	CHECK(e.valid);
	CHECK_STR(e.match, "teleport");
	ccm_event_done(&e);
}

static void test_text_that_is_odd(void)
{
	struct ccm_event e = parse(TOOL "{\"command\":\"a\\u0000b\\ud83dc\\ud83d\\ude00\",\"file_path\":\"\\ude00\\u00e4\"}}\n");

	CHECK(e.valid);
	CHECK_STR(e.tool_command, "a\357\277\275b\357\277\275c\360\237\230\200");
	CHECK_STR(e.tool_file, "\357\277\275\303\244");
	CHECK_HAS(e.raw.text, "a\\u0000b\\ud83dc");
	ccm_event_done(&e);

	e = parse(TOOL "{\"command\":\"x\355\240\275\377y\"}}");
	CHECK(e.valid);
	CHECK(e.tool_command && ccm_utf8_valid(e.tool_command, strlen(e.tool_command)));
	ccm_event_done(&e);

	/* A NUL byte is no JSON, but what stands before it was read. */
	e = parse_bytes("{\"hook_event_name\":\"Stop\",\"x\":\0}", 32, false);
	CHECK(!e.valid);
	CHECK_STR(e.name, "Stop");
	ccm_event_done(&e);
}

static void test_the_last_of_two_counts(void)
{
	struct ccm_event e = parse("{\"hook_event_name\":\"Stop\"," BASE ",\"hook_event_name\":\"SessionEnd\",\"reason\":\"a\","
				   "\"\\u0072eason\":\"b\",\"tool_input\":{\"command\":\"x\"},\"tool_input\":{\"command\":\"y\"}}");

	CHECK(e.valid);
	CHECK_STR(e.name, "SessionEnd");
	CHECK_STR(e.reason, "b");
	CHECK_STR(e.match, "b");
	CHECK_STR(e.tool_command, "y");
	ccm_event_done(&e);
}

static void test_more_members_than_expected(void)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_event e;

	ccm_sbuf_adds(&text, "{");
	for (int i = 0; i < 500; i++)
		ccm_sbuf_addf(&text, "\"x%d\":%d,", i, i);
	ccm_sbuf_adds(&text, "\"hook_event_name\":\"Stop\"," BASE ",\"stop_hook_active\":true}");
	e = parse(text.text);
	CHECK(e.valid);
	ccm_event_done(&e);
}

static void test_detail(void)
{
	static const struct { const char *text, *detail; } cases[] = {
		{ TOOL "{\"description\":\"d\",\"command\":\"ls -l\"}}", "ls -l" },
		{ TOOL "{\"zzz\":1,\"yyy\":\"only text\"}}", "only text" },
		{ TOOL "{\"command\":\"\\n  first\\nsecond\"}}", "first\342\200\246" },
		{ "{\"hook_event_name\":\"UserPromptSubmit\"," BASE ",\"prompt\":\"do it\"}", "do it" },
		{ "{\"hook_event_name\":\"SessionStart\"," BASE ",\"source\":\"startup\"}", "startup" },
	};
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_event e;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		e = parse(cases[i].text);
		check_case = cases[i].text;
		CHECK_STR(e.detail, cases[i].detail);
		ccm_event_done(&e);
	}
	check_case = NULL;
	ccm_sbuf_adds(&text, TOOL "{\"command\":\"");
	for (int i = 0; i < 5000; i++)
		ccm_sbuf_adds(&text, "\303\244");
	ccm_sbuf_adds(&text, "\"}}");
	e = parse(text.text);
	CHECK_INT(strlen(e.detail), 200 * 2 + 3);
	ccm_event_done(&e);
}

/* ---- too long ---- */

static void test_cut_off_at_every_byte(void)
{
	static const char text[] = TOOL "{\"command\":\"echo \\u00e4 \303\244\",\"n\":[1,{\"a\":null}]}}";

	for (size_t cut = 0; cut < sizeof text - 1; cut++) {
		struct ccm_event e = parse_bytes(text, cut, true);
		const struct ccm_sbuf *input = ccm_event_input(&e);
		struct ccm_json value;

		CHECK(!e.valid);
		if (cut > 0) {
			CHECK_HAS(e.problem.text, "bytes: cut there");
			CHECK(ccm_json_parse(input->text, input->bytes, &value, NULL) == 0);
		}
		if (cut >= sizeof "{\"hook_event_name\":\"PreToolUse\"" - 1)
			CHECK_STR(e.name, "PreToolUse");
		if (cut > sizeof TOOL "{\"command\":\"echo \\u00e4 \303\244\"" - 1)
			CHECK_STR(e.tool_command, "echo \303\244 \303\244");
		ccm_event_done(&e);
	}
}

/* ---- another tool_input ---- */

static void test_set_tool_input(void)
{
	static const char input[] = "{\"command\":\"pwd\"}";
	struct ccm_event e = { 0 };

	ccm_sbuf_adds(&e.raw, TOOL "{\"command\":\"ls\",\"file_path\":\"/x\"}, \"z\": [ 1 ]}");
	CHECK_OR_DIE(ccm_event_parse(&e, "/project") == 0);
	CHECK_INT(ccm_event_set_tool_input(&e, input, strlen(input)), 0);
	CHECK_STR(e.raw.text, TOOL "{\"command\":\"pwd\"}, \"z\": [ 1 ]}");
	CHECK(e.valid);
	CHECK_STR(e.tool_command, "pwd");
	CHECK_STR(e.tool_file, NULL);
	CHECK_STR(e.detail, "pwd");
	CHECK_STR(e.project, "/project");
	ccm_event_done(&e);

	/* Of an event that was cut off, the rest that automations saw is kept. */
	e = parse_bytes(TOOL "{\"command\":\"ls\"},\"z\":1,\"tool_response\":{\"a\":\"bcd", sizeof TOOL + 48, true);
	CHECK_INT(ccm_event_set_tool_input(&e, input, strlen(input)), 0);
	CHECK_HAS(ccm_sbuf_str(ccm_event_input(&e)), "{\"command\":\"pwd\"},\"z\":1,\"tool_response\":{}}");
	ccm_event_done(&e);

	e = parse("{\"hook_event_name\":\"Stop\"}");
	CHECK(ccm_event_set_tool_input(&e, input, strlen(input)) < 0);
	ccm_event_done(&e);
}

/* ---- reading ---- */

/* Writes the parts with pauses; stays open for a while if asked to. */
static int writer(const char *const *parts, bool hold, pid_t *ret_pid)
{
	int fds[2];

	CHECK_OR_DIE(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	*ret_pid = fork();
	CHECK_OR_DIE(*ret_pid >= 0);
	if (*ret_pid == 0) {
		close(fds[0]);
		for (; *parts; parts++) {
			ccm_write_all(fds[1], *parts, strlen(*parts));
			usleep(20000);
		}
		if (hold)
			sleep(60);
		_exit(0);
	}
	close(fds[1]);
	return fds[0];
}

static void test_read(void)
{
	static const struct { const char *parts[5]; bool hold; size_t max; const char *raw; bool truncated; } cases[] = {
		{ { "{\"a\":1}\n" }, true, 100, "{\"a\":1}", false },
		{ { "{\"a\":1}" }, true, 100, "{\"a\":1}", false },
		{ { "{\"a\"", ":", "1}", "\n" }, true, 100, "{\"a\":1}", false },
		{ { "{\n", "\"a\": {}\n", "}" }, true, 100, "{\n\"a\": {}\n}", false },
		{ { "{\n", "\"a\":", "1" }, false, 100, "{\n\"a\":1", false },
		{ { "no JSON at all\n" }, true, 100, "no JSON at all", false },
		{ { "no end" }, false, 100, "no end", false },
		{ { "" }, false, 100, "", false },
		{ { "{\"a\":12345}" }, false, 8, "{\"a\":123", true },
		{ { "{\"a\":12}" }, false, 8, "{\"a\":12}", false },
		{ { "{\"a\":12}", "\n" }, false, 8, "{\"a\":12}", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ccm_event e = { 0 };
		int64_t start = ccm_mono_us();
		pid_t pid;
		int fd = writer(cases[i].parts, cases[i].hold, &pid);

		check_case = cases[i].parts[0];
		CHECK_INT(ccm_event_read(fd, cases[i].max, &e), 0);
		CHECK(ccm_mono_us() - start < 10000000);
		CHECK_STR(ccm_sbuf_str(&e.raw), cases[i].raw);
		CHECK_INT(e.truncated, cases[i].truncated);
		CHECK(ccm_uuid_time(e.uuid, &start) && start == e.received_ms);
		ccm_event_done(&e);
		close(fd);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	check_case = NULL;
}

int main(void)
{
	test_captured_payloads();
	test_what_is_wrong();
	test_unknown_things_pass();
	test_text_that_is_odd();
	test_the_last_of_two_counts();
	test_more_members_than_expected();
	test_detail();
	test_cut_off_at_every_byte();
	test_set_tool_input();
	test_read();
	return 0;
}
