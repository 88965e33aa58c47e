/* SPDX-License-Identifier: MIT */
#include "event.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>

#include "clock.h"
#include "error.h"
#include "utf8.h"

#define READ_BYTES 4000           /* at the least; a text that is longer doubles its room */
#define DETAIL_MAX_CHARS 200
#define MEMBERS_MAX 32

/* True if what has been read is a whole document, or a line that more text cannot mend. */
static bool is_complete(const struct ccm_sbuf *raw)
{
	struct ccm_json value;
	struct ccm_json_error error = { 0 };

	if (ccm_json_parse(raw->text, raw->bytes, &value, &error) == 0)
		return true;
	return raw->text[raw->bytes - 1] == '\n' && !error.at_end;
}

/* The end of file usually follows at once; only where it does not is the text itself asked. */
static bool is_finished(int fd, const struct ccm_sbuf *raw)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char last = raw->bytes ? raw->text[raw->bytes - 1] : '\0';

	if (last != '\n' && last != '}' && last != ']')
		return false;
	if (poll(&p, 1, 0) > 0)
		return false;
	return is_complete(raw);
}

int ccm_event_read(int fd, size_t max_bytes, struct ccm_event *ret)
{
	struct ccm_sbuf *raw = &ret->raw;

	for (;;) {
		size_t room;
		ssize_t n;

		if (raw->bytes >= max_bytes) {
			/* A line of exactly that length may still have its newline behind it. */
			if (is_complete(raw))
				break;
			ret->truncated = true;
			break;
		}
		if (ccm_sbuf_reserve(raw, READ_BYTES) < 0)
			return -ENOMEM;
		room = raw->allocated - raw->bytes - 1;
		if (room > max_bytes - raw->bytes)
			room = max_bytes - raw->bytes;
		n = read(fd, raw->text + raw->bytes, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		raw->bytes += (size_t)n;
		raw->text[raw->bytes] = '\0';
		if (is_finished(fd, raw))
			break;
	}
	if (raw->bytes && raw->text[raw->bytes - 1] == '\n')
		raw->text[--raw->bytes] = '\0';
	ret->received_ms = ccm_now_ms();
	ccm_uuid_make(ret->received_ms, ret->uuid);
	return 0;
}

static const struct text_field {
	const char *key;
	size_t offset;               /* of a char * in struct ccm_event */
} text_fields[] = {
#define FIELD(key, member) { key, offsetof(struct ccm_event, member) }
	FIELD("hook_event_name", name), FIELD("session_id", session_id), FIELD("transcript_path", transcript_path),
	FIELD("cwd", cwd), FIELD("prompt_id", prompt_id), FIELD("permission_mode", permission_mode),
	FIELD("agent_id", agent_id), FIELD("agent_type", agent_type), FIELD("tool_name", tool_name),
	FIELD("tool_use_id", tool_use_id), FIELD("prompt", prompt), FIELD("source", source),
	FIELD("reason", reason), FIELD("model", model),
#undef FIELD
};

static char **text_field(struct ccm_event *e, size_t i)
{
	return (char **)(void *)((char *)e + text_fields[i].offset);
}

static int set_text(char **to, const struct ccm_json *value)
{
	char *text;

	if (value->type != CCM_JSON_STRING)
		return 0;
	text = ccm_json_string(value);
	if (!text)
		return -ENOMEM;
	free(*to);
	*to = text;
	return 0;
}

static int take_member(struct ccm_event *e, const struct ccm_json *key, const struct ccm_json *value)
{
	if (ccm_json_is(key, "tool_input")) {
		e->tool_input = *value;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++)
		if (ccm_json_is(key, text_fields[i].key))
			return set_text(text_field(e, i), value);
	return 0;
}

struct members {
	struct ccm_json keys[MEMBERS_MAX], values[MEMBERS_MAX];
	size_t count;
	bool more;                   /* than there is room for: look in the text instead */
};

static bool find_member(const struct members *m, const struct ccm_json *root, const char *name, struct ccm_json *ret)
{
	if (m->more)
		return ccm_json_member(root, name, ret);
	for (size_t i = m->count; i-- > 0;) {
		if (ccm_json_is(&m->keys[i], name)) {
			*ret = m->values[i];
			return true;
		}
	}
	return false;
}

static void add_problem(struct ccm_event *e, const char *format, ...) _printf_(2, 3);

static void add_problem(struct ccm_event *e, const char *format, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	if (e->problem.bytes)
		ccm_sbuf_adds(&e->problem, "; ");
	ccm_sbuf_adds(&e->problem, words);
}

static void check_required(struct ccm_event *e, const struct members *m, const struct ccm_json *root)
{
	struct ccm_json value;

	for (const struct ccm_host_field *f = e->spec->required; f->name; f++) {
		if (!find_member(m, root, f->name, &value))
			add_problem(e, "field '%s' is missing", f->name);
		else if (!(value.type & f->types))
			add_problem(e, "field '%s' must be %s, not %s", f->name, ccm_json_type_name(f->types),
				    ccm_json_type_name(value.type));
	}
}

/* What a tool call is about: the first of these in its input, else its first text. */
static bool find_subject(const struct ccm_json *input, struct ccm_json *ret)
{
	static const char *const keys[] = { "command", "file_path", "notebook_path", "pattern", "url", "query",
					    "description", "skill", "subject", "prompt" };
	struct ccm_json_iter it;
	struct ccm_json key, value;

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (ccm_json_member(input, keys[i], ret) && ret->type == CCM_JSON_STRING)
			return true;
	ccm_json_iter_value(&it, input);
	while (ccm_json_next(&it, &key, &value) > 0) {
		if (value.type == CCM_JSON_STRING) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static int set_detail(struct ccm_event *e, const struct members *m, const struct ccm_json *root)
{
	static const char *const keys[] = { "prompt", "message", "last_assistant_message", "error", "source", "reason",
					    "trigger", "task_subject", "command_name", "name", "file_path", "new_cwd",
					    "worktree_path", "delta", "teammate_name", "agent_type",
					    "mcp_server_name" };
	_cleanup_free_ char *text = NULL;
	struct ccm_json value = { 0 };
	struct ccm_sbuf detail = { 0 };
	size_t chars = 0, bytes, step;
	const char *p;

	if (e->tool_input.type == CCM_JSON_OBJECT)
		find_subject(&e->tool_input, &value);
	for (size_t i = 0; i < ARRAY_SIZE(keys) && value.type != CCM_JSON_STRING; i++)
		if (!find_member(m, root, keys[i], &value))
			value.type = CCM_JSON_NONE;
	if (value.type != CCM_JSON_STRING)
		return 0;
	/* Only the beginning is shown; a text of megabytes need not be decoded for it. */
	if (value.plain && value.bytes > 4 * DETAIL_MAX_CHARS)
		text = strndup(value.text + 1, 4 * DETAIL_MAX_CHARS);
	else
		text = ccm_json_string(&value);
	if (!text)
		return -ENOMEM;
	p = text + strspn(text, " \t\r\n");
	bytes = strcspn(p, "\r\n");
	for (size_t i = 0; i < bytes && chars < DETAIL_MAX_CHARS; i += step, chars++) {
		ccm_utf8_next(p + i, bytes - i, &step);
		ccm_sbuf_add(&detail, p + i, step);
	}
	if (chars == DETAIL_MAX_CHARS || p[bytes + strspn(p + bytes, " \t\r\n")])
		ccm_sbuf_adds(&detail, "…");
	e->detail = ccm_sbuf_take(&detail);
	return e->detail ? 0 : -ENOMEM;
}

static int set_tool_fields(struct ccm_event *e)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;
	int r = 0;

	if (e->tool_input.type != CCM_JSON_OBJECT)
		return 0;
	ccm_json_iter_value(&it, &e->tool_input);
	while (r == 0 && ccm_json_next(&it, &key, &value) > 0) {
		if (ccm_json_is(&key, "command"))
			r = set_text(&e->tool_command, &value);
		else if (ccm_json_is(&key, "file_path"))
			r = set_text(&e->tool_file, &value);
		else if (ccm_json_is(&key, "notebook_path") && !e->tool_file)
			r = set_text(&e->tool_file, &value);
	}
	return r;
}

static int set_match(struct ccm_event *e, const struct members *m, const struct ccm_json *root)
{
	struct ccm_json value;

	/* An event that is not known yet is matched by its tool, if it has one. */
	if (!e->spec) {
		e->match = e->tool_name ? strdup(e->tool_name) : NULL;
		return e->match || !e->tool_name ? 0 : -ENOMEM;
	}
	if (!e->spec->matcher[0] || !find_member(m, root, e->spec->matcher, &value))
		return 0;
	return set_text(&e->match, &value);
}

static void explain_broken(struct ccm_event *e, const struct ccm_json_iter *it)
{
	unsigned line, column;

	if (e->truncated) {
		add_problem(e, "longer than %zu bytes: cut there", e->raw.bytes);
		return;
	}
	if (!e->raw.bytes) {
		add_problem(e, "empty: nothing came on standard input");
		return;
	}
	ccm_json_position(e->raw.text, it->error.offset, &line, &column);
	if (!it->started)
		add_problem(e, "not a JSON object (line %u, column %u)", line, column);
	else
		add_problem(e, "not valid JSON: %s (line %u, column %u)", it->error.what, line, column);
}

/* Behind the object only white space may stand. */
static void check_rest(struct ccm_event *e, const struct ccm_json_iter *it)
{
	const char *p = it->at;

	while (p < it->end && strchr(" \t\r\n", *p) && *p)
		p++;
	if (p < it->end)
		add_problem(e, "unexpected text after the JSON object (byte %zu)", (size_t)(p - it->text));
}

int ccm_event_parse(struct ccm_event *e, const char *project)
{
	struct members members;
	struct ccm_json_iter it;
	struct ccm_json root, key, value;
	int r, more;

	members.count = 0;
	members.more = false;
	ccm_json_iter_text(&it, ccm_sbuf_str(&e->raw), e->raw.bytes);
	while ((more = ccm_json_next(&it, &key, &value)) > 0) {
		if (!it.object)
			continue;
		r = take_member(e, &key, &value);
		if (r < 0)
			return r;
		if (members.count < MEMBERS_MAX) {
			members.keys[members.count] = key;
			members.values[members.count++] = value;
		} else {
			members.more = true;
		}
	}
	if (more < 0) {
		explain_broken(e, &it);
		/* A command may be readable in a tool_input that is not whole. */
		if (it.object && ccm_json_is(&key, "tool_input"))
			e->tool_input = value;
		if (e->truncated && it.started)
			ccm_json_close(&it, &e->closed);
	} else if (!it.object) {
		add_problem(e, "not a JSON object but an array");
	} else {
		check_rest(e, &it);
	}
	root = (struct ccm_json){ it.text, (size_t)(it.at - it.text), CCM_JSON_OBJECT, false };
	e->spec = e->name ? ccm_host_event(e->name) : NULL;
	if (it.object && more >= 0) {
		if (!e->name)
			add_problem(e, "field 'hook_event_name' is missing or not a string");
		else if (e->spec)
			check_required(e, &members, &root);
	}
	e->valid = e->problem.bytes == 0;
	r = set_tool_fields(e);
	if (r == 0)
		r = set_match(e, &members, &root);
	if (r == 0)
		r = set_detail(e, &members, &root);
	if (r == 0 && (project || e->cwd)) {
		e->project = strdup(project ? project : e->cwd);
		r = e->project ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = ccm_sbuf_error(&e->problem);
	return r;
}

static void drop_fields(struct ccm_event *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(text_fields); i++) {
		free(*text_field(e, i));
		*text_field(e, i) = NULL;
	}
	free(e->tool_command);
	free(e->tool_file);
	free(e->match);
	free(e->project);
	free(e->detail);
	e->tool_command = e->tool_file = e->match = e->project = e->detail = NULL;
	e->tool_input = (struct ccm_json){ 0 };
	ccm_sbuf_clear(&e->problem);
}

int ccm_event_set_tool_input(struct ccm_event *e, const char *json, size_t bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_free_ char *project = NULL;
	const struct ccm_sbuf *from = ccm_event_input(e);
	struct ccm_json value;
	struct ccm_json root = { ccm_sbuf_str(from), from->bytes, CCM_JSON_OBJECT, false };
	const char *after;
	int r;

	if (!ccm_json_member(&root, "tool_input", &value))
		return -CCM_E_JSON;
	after = value.text + value.bytes;
	ccm_sbuf_add(&text, root.text, (size_t)(value.text - root.text));
	ccm_sbuf_add(&text, json, bytes);
	ccm_sbuf_add(&text, after, (size_t)(root.text + root.bytes - after));
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	project = TAKE_PTR(e->project);
	drop_fields(e);
	ccm_sbuf_done(&e->closed);
	ccm_sbuf_done(&e->raw);
	e->raw = text;
	text = (struct ccm_sbuf){ 0 };
	e->truncated = false;
	r = ccm_event_parse(e, project);
	return r;
}

const struct ccm_sbuf *ccm_event_input(const struct ccm_event *e)
{
	return e->truncated && e->closed.bytes ? &e->closed : &e->raw;
}

void ccm_event_done(struct ccm_event *e)
{
	drop_fields(e);
	ccm_sbuf_done(&e->raw);
	ccm_sbuf_done(&e->closed);
	ccm_sbuf_done(&e->problem);
}
