/* SPDX-License-Identifier: MIT */
/* Events: whole, cut short, and with another tool_input. */
#include "fuzz.h"

#include <jansson.h>

#include "libccm/event.h"
#include "libccm/macros.h"
#include "libccm/utf8.h"

static void check_text(const char *text)
{
	MUST(!text || ccm_utf8_valid(text, strlen(text)));
}

static void check_fields(const struct ccm_event *e)
{
	const struct ccm_sbuf *input = ccm_event_input(e);
	const char *in = e->tool_input.text, *raw = e->raw.text;
	struct ccm_json value;

	check_text(e->name);
	check_text(e->session_id);
	check_text(e->cwd);
	check_text(e->prompt);
	check_text(e->tool_command);
	check_text(e->tool_file);
	check_text(e->match);
	check_text(e->detail);
	MUST(e->valid == (e->problem.bytes == 0));
	MUST(!e->detail || !strpbrk(e->detail, "\r\n"));
	MUST(!e->tool_input.type || (in >= raw && in + e->tool_input.bytes <= raw + e->raw.bytes));
	if (e->valid || (e->truncated && e->closed.bytes))
		MUST(ccm_json_parse(input->text, input->bytes, &value, NULL) == 0);
	if (e->valid && e->spec)
		MUST(strcmp(e->spec->name, e->name) == 0 && e->session_id && e->cwd);
}

/* The fields are what a JSON library finds. */
static void check_against_jansson(const struct ccm_event *e)
{
	static const char *const names[] = { "hook_event_name", "session_id", "prompt", "tool_name" };
	const char *const fields[] = { e->name, e->session_id, e->prompt, e->tool_name };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	json_auto_t *tree = NULL;

	if (!e->valid)
		return;
	ccm_json_repair(&text, e->raw.text, e->raw.bytes);
	tree = json_loadb(text.text, text.bytes, 0, NULL);
	for (size_t i = 0; tree && i < ARRAY_SIZE(names); i++) {
		const char *want = json_string_value(json_object_get(tree, names[i]));

		if (want)
			MUST(fields[i] && strcmp(fields[i], want) == 0);
	}
}

static void check_other_input(struct ccm_event *e)
{
	static const char input[] = "{\"command\":\"true # \\u0000\",\"file_path\":\"/x\"}";
	_cleanup_free_ char *name = e->name ? strdup(e->name) : NULL;
	_cleanup_free_ char *project = e->project ? strdup(e->project) : NULL;
	bool valid = e->valid, object = e->tool_input.type == CCM_JSON_OBJECT;
	int r = ccm_event_set_tool_input(e, input, sizeof input - 1);

	if (valid && object)
		MUST(r == 0);
	if (r < 0 || !valid)
		return;
	MUST(e->valid);
	MUST(e->tool_command && strcmp(e->tool_command, "true # \357\277\275") == 0);
	MUST(e->tool_file && strcmp(e->tool_file, "/x") == 0);
	MUST(strcmp(e->name, name) == 0);
	MUST(!project == !e->project && (!project || strcmp(project, e->project) == 0));
	check_fields(e);
}

static void check(const uint8_t *data, size_t size, bool truncated)
{
	struct ccm_event e = { .truncated = truncated };

	ccm_sbuf_add(&e.raw, data, size);
	MUST(ccm_event_parse(&e, size % 2 ? NULL : "/project") == 0);
	MUST(!(truncated && e.valid && e.closed.bytes));
	check_fields(&e);
	check_against_jansson(&e);
	check_other_input(&e);
	ccm_event_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check(data, size, false);
	if (size)
		check(data, fuzz_hash(data, size) % size, true);
	return 0;
}
