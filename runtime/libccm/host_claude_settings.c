/* SPDX-License-Identifier: MIT */
#include "host_settings.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "json_edit.h"
#include "utf8.h"

#ifdef __APPLE__
#define MANAGED_SETTINGS "/Library/Application Support/ClaudeCode/managed-settings.json"
#else
#define MANAGED_SETTINGS "/etc/claude-code/managed-settings.json"
#endif
#define PLUGIN_DESCRIPTION "ccm: record every hook event and run your automations"

/* ---- where the file is ---- */

int ccm_host_settings_path(enum ccm_host_scope scope, char **ret, struct ccm_diag *diag)
{
	const char *config = getenv("CLAUDE_CONFIG_DIR"), *home = getenv("HOME");
	_cleanup_free_ char *cwd = NULL;
	struct ccm_sbuf s = { 0 };

	if (scope != CCM_HOST_USER || (config && config[0] && config[0] != '/')) {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return ccm_diag_set(diag, -errno, "cannot tell the working directory: %s", strerror(errno));
	}
	if (scope == CCM_HOST_MANAGED)
		ccm_sbuf_adds(&s, MANAGED_SETTINGS);
	else if (scope == CCM_HOST_PROJECT)
		ccm_sbuf_addf(&s, "%s/.claude/settings.json", cwd);
	else if (scope == CCM_HOST_LOCAL)
		ccm_sbuf_addf(&s, "%s/.claude/settings.local.json", cwd);
	else if (config && config[0])
		ccm_sbuf_addf(&s, "%s%s%s/settings.json", cwd ? cwd : "", cwd ? "/" : "", config);
	else if (home && home[0] == '/')
		ccm_sbuf_addf(&s, "%s/.claude/settings.json", home);
	else
		return ccm_diag_set(diag, -ENOENT, "neither CLAUDE_CONFIG_DIR nor HOME says where the settings are");
	*ret = ccm_sbuf_take(&s);
	return *ret ? 0 : -ENOMEM;
}

void ccm_host_report_done(struct ccm_host_report *r)
{
	ccm_sbuf_done(&r->added);
	ccm_sbuf_done(&r->updated);
	ccm_sbuf_done(&r->removed);
	ccm_sbuf_done(&r->notes);
}

static void add_name(struct ccm_sbuf *list, const char *name)
{
	if (list->bytes)
		ccm_sbuf_adds(list, ", ");
	ccm_sbuf_adds(list, name);
}

/* For what is found from the end of the text to its start. */
static int add_name_in_front(struct ccm_sbuf *list, const struct ccm_json *name)
{
	_cleanup_free_ char *text = ccm_json_string(name);
	struct ccm_sbuf names = { 0 };

	if (!text)
		return -ENOMEM;
	add_name(&names, text);
	if (list->bytes)
		add_name(&names, list->text);
	ccm_sbuf_done(list);
	*list = names;
	return ccm_sbuf_error(list);
}

/* ---- what the host would reject ---- */

static bool is_text(const struct ccm_json *object, const char *name, const char *text)
{
	struct ccm_json v;

	return ccm_json_member(object, name, &v) && ccm_json_is(&v, text);
}

struct check {
	const struct ccm_sbuf *doc;
	struct ccm_diag *diag;
	const char *event;           /* whose groups are being checked */
};

static int complain(const struct check *c, const char *at, const char *format, ...) _printf_(3, 4);

static int complain(const struct check *c, const char *at, const char *format, ...)
{
	const char *text = ccm_sbuf_str(c->doc);
	size_t bom = ccm_json_bom(text, c->doc->bytes);
	unsigned line, column;
	char words[256];
	va_list ap;

	ccm_json_position(text + bom, (size_t)(at - text) - bom, &line, &column);
	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	return ccm_diag_set(c->diag, -CCM_E_REFUSED, "line %u, column %u: %s%s%s", line, column,
			    c->event ? c->event : "", c->event ? ": " : "", words);
}

/* On a closing bracket, with nothing but white space between it and a comma. */
static bool is_behind_comma(const char *text, const char *at)
{
	if (*at != '}' && *at != ']')
		return false;
	while (at > text && strchr(" \t\r\n", at[-1]))
		at--;
	return at > text && at[-1] == ',';
}

static int parse(const struct check *c, struct ccm_json *ret_root)
{
	struct ccm_json_error error = { 0 };
	const char *text = ccm_sbuf_str(c->doc), *at;
	size_t bom = ccm_json_bom(text, c->doc->bytes);

	if (ccm_json_document(c->doc, ret_root, &error) < 0) {
		at = text + bom + error.offset;
		if (!error.at_end && *at == '/')
			return complain(c, at, "%s (comments are not JSON)", error.what);
		if (!error.at_end && is_behind_comma(text, at))
			return complain(c, at, "%s (is there a comma too many?)", error.what);
		return complain(c, at, "%s", error.what);
	}
	if (ret_root->type != CCM_JSON_OBJECT)
		return complain(c, ret_root->text, "the settings must be an object, not %s",
				ccm_json_type_name(ret_root->type));
	return 0;
}

struct field {
	const char *name;
	unsigned types;
	bool required;
};

/* Unknown members are fine; the known ones must be of their type. */
static int check_fields(const struct check *c, const struct ccm_json *object, const struct field *fields)
{
	struct ccm_json v;

	for (const struct field *f = fields; f->name; f++) {
		if (!ccm_json_member(object, f->name, &v)) {
			if (f->required)
				return complain(c, object->text, "'%s' is missing", f->name);
			continue;
		}
		if (!(v.type & f->types))
			return complain(c, v.text, "'%s' must not be %s", f->name, ccm_json_type_name(v.type));
	}
	return 0;
}

static double number(const struct ccm_json *v)
{
	_cleanup_free_ char *text = strndup(v->text, v->bytes);

	return text ? strtod(text, NULL) : 0;
}

static const struct handler_type {
	const char *name;
	struct field fields[6];
} handler_types[] = {
	{ "command", {
		{ "command", CCM_JSON_STRING, true }, { "args", CCM_JSON_ARRAY, false },
		{ "async", CCM_JSON_BOOLEAN, false }, { "asyncRewake", CCM_JSON_BOOLEAN, false },
		{ "shell", CCM_JSON_STRING, false }, { 0 } } },
	{ "http", { { "url", CCM_JSON_STRING, true }, { 0 } } },
	{ "mcp_tool", { { "server", CCM_JSON_STRING, true }, { "tool", CCM_JSON_STRING, true }, { 0 } } },
	{ "prompt", { { "prompt", CCM_JSON_STRING, true }, { 0 } } },
	{ "agent", { { "prompt", CCM_JSON_STRING, true }, { 0 } } },
};

static const struct handler_type *handler_type(const struct ccm_json *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(handler_types); i++)
		if (ccm_json_is(type, handler_types[i].name))
			return &handler_types[i];
	return NULL;
}

static int check_args(const struct check *c, const struct ccm_json *handler)
{
	struct ccm_json_iter it;
	struct ccm_json args, key, arg;

	if (!ccm_json_member(handler, "args", &args))
		return 0;
	ccm_json_iter_value(&it, &args);
	while (ccm_json_next(&it, &key, &arg) > 0)
		if (arg.type != CCM_JSON_STRING)
			return complain(c, arg.text, "'args' must hold strings only");
	return 0;
}

static int check_handler(const struct check *c, const struct ccm_json *handler)
{
	static const struct field common[] = {
		{ "timeout", CCM_JSON_NUMBER, false }, { "if", CCM_JSON_STRING, false },
		{ "statusMessage", CCM_JSON_STRING, false }, { "once", CCM_JSON_BOOLEAN, false }, { 0 }
	};
	const struct handler_type *t;
	struct ccm_json v;
	int r;

	if (handler->type != CCM_JSON_OBJECT)
		return complain(c, handler->text, "a handler must be an object, not %s",
				ccm_json_type_name(handler->type));
	if (!ccm_json_member(handler, "type", &v))
		return complain(c, handler->text, "a handler has no 'type'");
	t = handler_type(&v);
	if (!t)
		return complain(c, v.text, "unknown handler type %.*s", (int)(v.bytes < 40 ? v.bytes : 40), v.text);
	r = check_fields(c, handler, common);
	if (r == 0)
		r = check_fields(c, handler, t->fields);
	if (r == 0 && t == &handler_types[0])
		r = check_args(c, handler);
	if (r < 0)
		return r;
	if (ccm_json_member(handler, "url", &v) && v.type == CCM_JSON_STRING && !memchr(v.text, ':', v.bytes))
		return complain(c, v.text, "'url' is not a URL");
	if (t == &handler_types[0] && ccm_json_member(handler, "shell", &v) && !ccm_json_is(&v, "bash") &&
	    !ccm_json_is(&v, "powershell"))
		return complain(c, v.text, "'shell' must be bash or powershell");
	if (ccm_json_member(handler, "timeout", &v) && !(number(&v) > 0 && isfinite(number(&v))))
		return complain(c, v.text, "'timeout' must be more than 0 seconds");
	return 0;
}

static int check_group(const struct check *c, const struct ccm_json *group)
{
	static const struct field fields[] = {
		{ "matcher", CCM_JSON_STRING, false }, { "hooks", CCM_JSON_ARRAY, true }, { 0 }
	};
	struct ccm_json_iter it;
	struct ccm_json key, handler, v;
	int r;

	if (group->type != CCM_JSON_OBJECT)
		return complain(c, group->text, "a group must be an object, not %s", ccm_json_type_name(group->type));
	if (!ccm_json_member(group, "hooks", &v) && ccm_json_member(group, "type", &v))
		return complain(c, group->text, "a handler stands where a group belongs: put it into "
				"{\"hooks\": [...]}");
	r = check_fields(c, group, fields);
	if (r < 0)
		return r;
	ccm_json_member(group, "hooks", &v);
	ccm_json_iter_value(&it, &v);
	while (r == 0 && ccm_json_next(&it, &key, &handler) > 0)
		r = check_handler(c, &handler);
	return r;
}

/* An event that the host does not know, or whose value is not an array, is ignored by it alone. */
static int check_hooks(struct check *c, const struct ccm_json *hooks)
{
	size_t count;
	const struct ccm_host_event *events = ccm_host_events(&count);
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++) {
		struct ccm_json_iter it;
		struct ccm_json array, key, group;

		if (!ccm_json_member(hooks, events[i].name, &array) || array.type != CCM_JSON_ARRAY)
			continue;
		c->event = events[i].name;
		ccm_json_iter_value(&it, &array);
		while (r == 0 && ccm_json_next(&it, &key, &group) > 0)
			r = check_group(c, &group);
	}
	c->event = NULL;
	return r;
}

static int check_root(struct check *c, const struct ccm_json *root)
{
	static const struct field top[] = {
		{ "$schema", CCM_JSON_STRING, false },
		{ "apiKeyHelper", CCM_JSON_STRING, false },
		{ "cleanupPeriodDays", CCM_JSON_NUMBER, false },
		{ "disableAllHooks", CCM_JSON_BOOLEAN, false },
		{ "env", CCM_JSON_OBJECT, false },
		{ "hooks", CCM_JSON_OBJECT, false },
		{ "includeCoAuthoredBy", CCM_JSON_BOOLEAN, false },
		{ "model", CCM_JSON_STRING, false },
		{ "outputStyle", CCM_JSON_STRING, false },
		{ "permissions", CCM_JSON_OBJECT, false },
		{ "statusLine", CCM_JSON_OBJECT, false },
		{ 0 }
	}, permissions[] = {
		{ "allow", CCM_JSON_ARRAY, false }, { "ask", CCM_JSON_ARRAY, false },
		{ "deny", CCM_JSON_ARRAY, false }, { "additionalDirectories", CCM_JSON_ARRAY, false },
		{ "defaultMode", CCM_JSON_STRING, false }, { 0 }
	}, status_line[] = {
		{ "type", CCM_JSON_STRING, true }, { "command", CCM_JSON_STRING, true },
		{ "padding", CCM_JSON_NUMBER, false }, { 0 }
	};
	struct ccm_json v;
	int r;

	r = check_fields(c, root, top);
	if (r == 0 && ccm_json_member(root, "permissions", &v))
		r = check_fields(c, &v, permissions);
	if (r == 0 && ccm_json_member(root, "statusLine", &v))
		r = check_fields(c, &v, status_line);
	if (r == 0 && ccm_json_member(root, "statusLine", &v) && !is_text(&v, "type", "command"))
		r = complain(c, v.text, "the type of 'statusLine' must be command");
	if (r == 0 && ccm_json_member(root, "hooks", &v))
		r = check_hooks(c, &v);
	return r;
}

int ccm_host_settings_check(const struct ccm_sbuf *doc, struct ccm_diag *diag)
{
	struct check c = { doc, diag, NULL };
	struct ccm_json root;
	int r;

	if (ccm_json_is_blank(doc))
		return 0;
	r = parse(&c, &root);
	return r < 0 ? r : check_root(&c, &root);
}

/* ---- our entries ---- */

/* A handler, and what it stands in. */
struct place {
	struct ccm_json root, hooks, event, array, group, list, handler;
};

static bool is_command_name(const char *path, size_t bytes)
{
	size_t name = strlen(CCM_HOST_COMMAND);

	return bytes >= name && memcmp(path + bytes - name, CCM_HOST_COMMAND, name) == 0 &&
	       (bytes == name || path[bytes - name - 1] == '/');
}

static bool is_ours(const struct ccm_json *handler)
{
	_cleanup_free_ char *path = NULL;
	struct ccm_json command, args, key, first;
	struct ccm_json_iter it;

	if (!is_text(handler, "type", "command") || !ccm_json_member(handler, "command", &command) ||
	    command.type != CCM_JSON_STRING || !ccm_json_member(handler, "args", &args) || args.type != CCM_JSON_ARRAY)
		return false;
	ccm_json_iter_value(&it, &args);
	if (ccm_json_next(&it, &key, &first) <= 0 || !ccm_json_is(&first, "run"))
		return false;
	path = ccm_json_string(&command);
	return path && is_command_name(path, strlen(path));
}

/* Runs us without args: not an entry that install makes. */
static bool is_shell_form(const struct ccm_json *handler)
{
	_cleanup_free_ char *text = NULL;
	struct ccm_json command, args;

	if (!ccm_json_member(handler, "command", &command) || command.type != CCM_JSON_STRING ||
	    ccm_json_member(handler, "args", &args))
		return false;
	text = ccm_json_string(&command);
	return text && (strstr(text, CCM_HOST_COMMAND " run") || strstr(text, CCM_HOST_COMMAND "' run") ||
			strstr(text, CCM_HOST_COMMAND "\" run"));
}

/* Source of the quoting: POSIX XCU 2.2.2. */
static void quote_for_shell(struct ccm_sbuf *out, const char *word)
{
	ccm_sbuf_addc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			ccm_sbuf_adds(out, "'\\''");
		else
			ccm_sbuf_addc(out, *word);
	}
	ccm_sbuf_addc(out, '\'');
}

/* Between our command and the one that it wraps, as it stands in the file. */
#define WRAP " statusline --wrap '"
#define QUOTE_IN_FILE "'\\\\''"                /* what quote_for_shell() makes of ', in JSON */

/* Where the wrapped command begins in the text of a JSON string, and how long it is; NULL: nothing is wrapped. It stands
 * there as it stood in the file before, but for its single quotes: so it can be put back byte for byte. */
static const char *wrapped_part(const struct ccm_json *command, size_t *ret_bytes)
{
	const char *end = command->text + command->bytes - 2, *start;      /* the closing ' and " */

	start = memmem(command->text, command->bytes, WRAP, strlen(WRAP));
	if (!start || start + strlen(WRAP) > end || *end != '\'')
		return NULL;
	start += strlen(WRAP);
	*ret_bytes = (size_t)(end - start);
	return start;
}

static void add_wrapped(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '\'')
			ccm_sbuf_adds(out, QUOTE_IN_FILE);
		else
			ccm_sbuf_addc(out, text[i]);
	}
}

static void add_unwrapped(struct ccm_sbuf *out, const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		ccm_sbuf_addc(out, text[i]);
		if (bytes - i >= strlen(QUOTE_IN_FILE) && strncmp(text + i, QUOTE_IN_FILE, strlen(QUOTE_IN_FILE)) == 0)
			i += strlen(QUOTE_IN_FILE) - 1;
	}
}

static bool is_our_status_line(const struct ccm_json *status_line)
{
	static const char tail[] = " statusline";
	char *wrap;
	_cleanup_free_ char *text = NULL;
	struct ccm_json command;
	size_t bytes;

	if (!ccm_json_member(status_line, "command", &command) || command.type != CCM_JSON_STRING)
		return false;
	text = ccm_json_string(&command);
	if (!text)
		return false;
	wrap = strstr(text, WRAP);
	if (wrap)
		wrap[strlen(tail)] = '\0';
	bytes = strlen(text);
	if (bytes < sizeof tail || strcmp(text + bytes - (sizeof tail - 1), tail) != 0)
		return false;
	bytes -= sizeof tail - 1;
	if (text[bytes - 1] == '\'' && text[0] == '\'' && bytes > 2)
		return is_command_name(text + 1, bytes - 2);
	return is_command_name(text, bytes);
}

typedef bool wanted_fn(const struct place *p, const void *data);

static bool find_in_array(struct place *p, wanted_fn *wanted, const void *data, struct place *ret_last)
{
	struct ccm_json_iter groups, handlers;
	struct ccm_json key;
	bool found = false;

	ccm_json_iter_value(&groups, &p->array);
	while (ccm_json_next(&groups, &key, &p->group) > 0) {
		if (!ccm_json_member(&p->group, "hooks", &p->list) || p->list.type != CCM_JSON_ARRAY)
			continue;
		ccm_json_iter_value(&handlers, &p->list);
		while (ccm_json_next(&handlers, &key, &p->handler) > 0) {
			if (wanted(p, data)) {
				*ret_last = *p;
				found = true;
			}
		}
	}
	return found;
}

/* The last handler in the text for which wanted() is true; in every `hooks`, should there be several. */
static bool find_last(const struct ccm_sbuf *doc, wanted_fn *wanted, const void *data, struct place *ret)
{
	struct ccm_json_iter members, events;
	struct ccm_json key;
	struct place p = { 0 };
	bool found = false;

	if (ccm_json_document(doc, &p.root, NULL) < 0 || p.root.type != CCM_JSON_OBJECT)
		return false;
	ccm_json_iter_value(&members, &p.root);
	while (ccm_json_next(&members, &key, &p.hooks) > 0) {
		if (!ccm_json_is(&key, "hooks") || p.hooks.type != CCM_JSON_OBJECT)
			continue;
		ccm_json_iter_value(&events, &p.hooks);
		while (ccm_json_next(&events, &p.event, &p.array) > 0)
			if (p.array.type == CCM_JSON_ARRAY && find_in_array(&p, wanted, data, ret))
				found = true;
	}
	return found;
}

/* True if nothing about the group or the handler keeps it from running at every such event. */
static bool is_unlimited(const struct ccm_host_event *event, const struct ccm_json *group,
			 const struct ccm_json *handler)
{
	struct ccm_json v;

	if (ccm_json_member(handler, "if", &v))
		return false;
	if (event && !event->matcher[0])
		return true;
	return !ccm_json_member(group, "matcher", &v) || ccm_json_is(&v, "") || ccm_json_is(&v, "*");
}

static const struct ccm_host_event *known_event(const struct ccm_json *name)
{
	_cleanup_free_ char *text = ccm_json_string(name);

	return text ? ccm_host_event(text) : NULL;
}

/* ---- looking at them ---- */

static int hand_out(const struct place *p, ccm_host_entry_fn *each, void *user)
{
	_cleanup_free_ char *event = ccm_json_string(&p->event), *command = NULL;
	struct ccm_host_entry e = { .exec_form = is_ours(&p->handler) };
	struct ccm_json v;

	if (!e.exec_form && !is_shell_form(&p->handler))
		return 0;
	ccm_json_member(&p->handler, "command", &v);
	command = ccm_json_string(&v);
	if (!event || !command)
		return -ENOMEM;
	e.event = event;
	e.command = command;
	e.limited = !is_unlimited(ccm_host_event(event), &p->group, &p->handler);
	if (ccm_json_member(&p->handler, "timeout", &v) && v.type == CCM_JSON_NUMBER)
		e.timeout_s = number(&v);
	return each(user, &e);
}

static int hand_out_array(struct place *p, ccm_host_entry_fn *each, void *user)
{
	struct ccm_json_iter groups, handlers;
	struct ccm_json key;
	int r = 0;

	ccm_json_iter_value(&groups, &p->array);
	while (r == 0 && ccm_json_next(&groups, &key, &p->group) > 0) {
		if (!ccm_json_member(&p->group, "hooks", &p->list) || p->list.type != CCM_JSON_ARRAY)
			continue;
		ccm_json_iter_value(&handlers, &p->list);
		while (r == 0 && ccm_json_next(&handlers, &key, &p->handler) > 0)
			r = hand_out(p, each, user);
	}
	return r;
}

static bool is_true(const struct ccm_json *object, const char *name)
{
	struct ccm_json v;

	return ccm_json_member(object, name, &v) && v.type == CCM_JSON_BOOLEAN && *v.text == 't';
}

int ccm_host_entries(const struct ccm_sbuf *doc, struct ccm_host_switches *ret, ccm_host_entry_fn *each, void *user)
{
	struct ccm_json_iter events;
	struct place p = { 0 };
	int r = 0;

	*ret = (struct ccm_host_switches){ 0 };
	if (ccm_json_is_blank(doc))
		return 0;
	r = ccm_json_document(doc, &p.root, NULL);
	if (r < 0)
		return r;
	ret->disabled = is_true(&p.root, "disableAllHooks");
	ret->managed_only = is_true(&p.root, "allowManagedHooksOnly");
	if (!ccm_json_member(&p.root, "hooks", &p.hooks) || p.hooks.type != CCM_JSON_OBJECT)
		return 0;
	ccm_json_iter_value(&events, &p.hooks);
	while (r == 0 && ccm_json_next(&events, &p.event, &p.array) > 0)
		if (p.array.type == CCM_JSON_ARRAY)
			r = hand_out_array(&p, each, user);
	return r;
}

/* ---- putting them in ---- */

int ccm_host_timeout_s(const struct ccm_host_event *event, int person_s)
{
	bool waits = strcmp(event->name, "PreToolUse") == 0 || strcmp(event->name, "PermissionRequest") == 0;

	return event->timeout_s + (waits ? person_s : 0);
}

static void args_text(struct ccm_sbuf *out, int timeout_s)
{
	ccm_sbuf_addf(out, "[\"run\",\"--timeout\",\"%d\"]", timeout_s);
}

static void group_text(struct ccm_sbuf *out, const struct ccm_host_event *event, const struct ccm_host_registration *want)
{
	int timeout_s = ccm_host_timeout_s(event, want->person_s);

	ccm_sbuf_adds(out, "{\"hooks\":[{\"type\":\"command\",\"command\":");
	ccm_json_quote(out, want->command, strlen(want->command));
	ccm_sbuf_adds(out, ",\"args\":");
	args_text(out, timeout_s);
	ccm_sbuf_addf(out, ",\"timeout\":%d}]}", timeout_s);
}

static void hooks_text(struct ccm_sbuf *out, const struct ccm_host_registration *want)
{
	ccm_sbuf_addc(out, '{');
	for (size_t i = 0; i < want->event_count; i++) {
		ccm_sbuf_addf(out, "%s\"%s\":[", i ? "," : "", want->events[i]->name);
		group_text(out, want->events[i], want);
		ccm_sbuf_addc(out, ']');
	}
	ccm_sbuf_addc(out, '}');
}

/* wrapped: the text of a JSON string, or NULL. */
static void status_line_command(struct ccm_sbuf *out, const char *path, const char *wrapped, size_t wrapped_bytes)
{
	_cleanup_sbuf_ struct ccm_sbuf command = { 0 }, json = { 0 };

	quote_for_shell(&command, path);
	ccm_sbuf_adds(&command, " statusline");
	ccm_json_quote(&json, ccm_sbuf_str(&command), command.bytes);
	if (ccm_sbuf_error(&command) || ccm_sbuf_error(&json)) {
		out->failed = true;
		return;
	}
	ccm_sbuf_add(out, json.text, json.bytes - 1);
	if (wrapped) {
		ccm_sbuf_adds(out, &WRAP[strlen(" statusline")]);
		add_wrapped(out, wrapped, wrapped_bytes);
		ccm_sbuf_addc(out, '\'');
	}
	ccm_sbuf_addc(out, '"');
}

/* args[index] of the handler is this text. */
static bool is_arg(const struct ccm_json *handler, const char *path, const char *text)
{
	struct ccm_json v;

	return ccm_json_path(handler, path, &v) && ccm_json_is(&v, text);
}

static bool is_right_args(const struct ccm_json *handler, int timeout_s)
{
	struct ccm_json args;
	char seconds[16];

	snprintf(seconds, sizeof seconds, "%d", timeout_s);
	return ccm_json_member(handler, "args", &args) && ccm_json_count(&args) == 3 &&
	       is_arg(handler, "args.0", "run") && is_arg(handler, "args.1", "--timeout") &&
	       is_arg(handler, "args.2", seconds);
}

static bool is_right_timeout(const struct ccm_json *handler, int timeout_s)
{
	struct ccm_json v;

	return ccm_json_member(handler, "timeout", &v) && v.type == CCM_JSON_NUMBER &&
	       number(&v) == timeout_s;
}

static bool wants_update(const struct place *p, const void *data)
{
	const struct ccm_host_registration *want = data;
	const struct ccm_host_event *event;
	int timeout_s;

	if (!is_ours(&p->handler))
		return false;
	event = known_event(&p->event);
	timeout_s = event ? ccm_host_timeout_s(event, want->person_s) : 0;
	return !is_text(&p->handler, "command", want->command) ||
	       (event && (!is_right_args(&p->handler, timeout_s) || !is_right_timeout(&p->handler, timeout_s)));
}

/* Puts one thing right that wants_update() found; the next round finds what is left. */
static int update(struct ccm_sbuf *doc, const struct place *p, const struct ccm_host_registration *want)
{
	const struct ccm_host_event *event = known_event(&p->event);
	int timeout_s = event ? ccm_host_timeout_s(event, want->person_s) : 0;
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json v;

	if (!is_text(&p->handler, "command", want->command)) {
		ccm_json_member(&p->handler, "command", &v);
		ccm_json_quote(&text, want->command, strlen(want->command));
	} else if (!is_right_args(&p->handler, timeout_s)) {
		ccm_json_member(&p->handler, "args", &v);
		args_text(&text, timeout_s);
	} else {
		ccm_sbuf_addf(&text, "%d", timeout_s);
		if (!ccm_json_member(&p->handler, "timeout", &v))
			return ccm_json_insert(doc, &p->handler, "timeout", ccm_sbuf_str(&text));
	}
	return ccm_sbuf_error(&text) ? -ENOMEM : ccm_json_replace(doc, &v, ccm_sbuf_str(&text));
}

static int update_all(struct ccm_sbuf *doc, const struct ccm_host_registration *want, struct ccm_host_report *report)
{
	const struct ccm_host_event *last = NULL;
	struct place p;
	int r = 0;

	while (r == 0 && find_last(doc, wants_update, want, &p)) {
		const struct ccm_host_event *event = known_event(&p.event);

		/* One entry may take several rounds. */
		if (!event || event != last)
			r = add_name_in_front(&report->updated, &p.event);
		last = event;
		if (r == 0)
			r = update(doc, &p, want);
	}
	return r;
}

/* How many unlimited handlers of ours the array has, up to and with the handler at end if not NULL. */
static size_t count_ours(const struct ccm_host_event *event, const struct ccm_json *array, const char *end,
			 size_t *ret_limited)
{
	struct ccm_json_iter groups, handlers;
	struct ccm_json key, group, list, handler;
	size_t count = 0, limited = 0;

	ccm_json_iter_value(&groups, array);
	while (ccm_json_next(&groups, &key, &group) > 0) {
		if (!ccm_json_member(&group, "hooks", &list) || list.type != CCM_JSON_ARRAY)
			continue;
		ccm_json_iter_value(&handlers, &list);
		while (ccm_json_next(&handlers, &key, &handler) > 0) {
			if ((end && handler.text > end) || !is_ours(&handler))
				continue;
			if (is_unlimited(event, &group, &handler))
				count++;
			else
				limited++;
		}
	}
	*ret_limited = limited;
	return count;
}

static bool is_double(const struct place *p, const void *data _unused_)
{
	const struct ccm_host_event *event = known_event(&p->event);
	size_t limited;

	return is_ours(&p->handler) && is_unlimited(event, &p->group, &p->handler) &&
	       count_ours(event, &p->array, p->handler.text, &limited) > 1;
}

/* The event's array and what is in it; made if missing. */
static int register_event(struct ccm_sbuf *doc, const struct ccm_host_event *event, const struct ccm_host_registration *want,
			  struct ccm_host_report *report, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf group = { 0 }, array_text = { 0 };
	const struct check c = { doc, diag, NULL };
	struct ccm_json root, hooks, array;
	size_t limited;
	int r;

	r = ccm_json_document(doc, &root, NULL);
	if (r < 0)
		return r;
	if (!ccm_json_member(&root, "hooks", &hooks))
		return -EINVAL;
	group_text(&group, event, want);
	if (ccm_sbuf_error(&group))
		return -ENOMEM;
	if (!ccm_json_member(&hooks, event->name, &array)) {
		add_name(&report->added, event->name);
		ccm_sbuf_addf(&array_text, "[%s]", group.text);
		return ccm_sbuf_error(&array_text) ? -ENOMEM :
		       ccm_json_insert(doc, &hooks, event->name, array_text.text);
	}
	if (array.type != CCM_JSON_ARRAY)
		return complain(&c, array.text, "'%s' must be an array, not %s", event->name,
				ccm_json_type_name(array.type));
	if (count_ours(event, &array, NULL, &limited) > 0)
		return 0;
	if (limited) {
		ccm_sbuf_addf(&report->notes, "%s: our entry is limited by a matcher or 'if', and was left so\n",
			      event->name);
		return 0;
	}
	add_name(&report->added, event->name);
	return ccm_json_insert(doc, &array, NULL, group.text);
}

/* Another program's status line becomes what ours wraps. A ' that is written as \u0027 could not be told from one of the
 * shell's: such a line is left alone. */
static int wrap_status_line(struct ccm_sbuf *doc, const struct ccm_json *status_line, const char *path,
			    struct ccm_host_report *report)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json now;

	if (!ccm_json_member(status_line, "command", &now) || now.type != CCM_JSON_STRING ||
	    memmem(now.text, now.bytes, "\\u0027", 6)) {
		report->status_line_taken = true;
		return 0;
	}
	status_line_command(&text, path, now.text + 1, now.bytes - 2);
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	add_name(&report->updated, "statusLine");
	return ccm_json_replace(doc, &now, text.text);
}

static int register_status_line(struct ccm_sbuf *doc, const struct ccm_host_registration *want,
				struct ccm_host_report *report)
{
	_cleanup_sbuf_ struct ccm_sbuf command = { 0 }, value = { 0 };
	struct ccm_json root, status_line, now;
	const char *wrapped;
	size_t bytes = 0;
	int r;

	r = ccm_json_document(doc, &root, NULL);
	if (r < 0)
		return r;
	if (!ccm_json_member(&root, "statusLine", &status_line)) {
		if (!want->status_line)
			return 0;
		status_line_command(&command, want->command, NULL, 0);
		ccm_sbuf_addf(&value, "{\"type\":\"command\",\"command\":%s}", ccm_sbuf_str(&command));
		if (ccm_sbuf_error(&command) || ccm_sbuf_error(&value))
			return -ENOMEM;
		add_name(&report->added, "statusLine");
		return ccm_json_insert(doc, &root, "statusLine", value.text);
	}
	if (!is_our_status_line(&status_line)) {
		if (want->wrap_status_line)
			return wrap_status_line(doc, &status_line, want->command, report);
		report->status_line_taken = want->status_line;
		return 0;
	}
	ccm_json_member(&status_line, "command", &now);
	wrapped = wrapped_part(&now, &bytes);
	if (wrapped) {
		_cleanup_sbuf_ struct ccm_sbuf plain = { 0 };

		add_unwrapped(&plain, wrapped, bytes);
		status_line_command(&command, want->command, ccm_sbuf_str(&plain), plain.bytes);
	} else {
		status_line_command(&command, want->command, NULL, 0);
	}
	if (ccm_sbuf_error(&command))
		return -ENOMEM;
	if (now.bytes == command.bytes && memcmp(now.text, command.text, now.bytes) == 0)
		return 0;
	add_name(&report->updated, "statusLine");
	return ccm_json_replace(doc, &now, command.text);
}

static bool runs_us_otherwise(const struct place *p, const void *data _unused_)
{
	return is_shell_form(&p->handler);
}

static void note_surroundings(const struct ccm_sbuf *doc, struct ccm_host_report *report)
{
	_cleanup_free_ char *name = NULL;
	struct ccm_json root, v, key, member;
	struct ccm_json_iter it;
	struct place p;
	size_t hooks = 0;

	if (ccm_json_document(doc, &root, NULL) < 0)
		return;
	report->disabled = ccm_json_member(&root, "disableAllHooks", &v) && *v.text == 't';
	ccm_json_iter_value(&it, &root);
	while (ccm_json_next(&it, &key, &member) > 0)
		hooks += ccm_json_is(&key, "hooks");
	if (hooks > 1)
		ccm_sbuf_adds(&report->notes, "'hooks' stands there twice: the host reads the last one only\n");
	if (find_last(doc, runs_us_otherwise, NULL, &p)) {
		name = ccm_json_string(&p.event);
		ccm_sbuf_addf(&report->notes, "%s: an entry without 'args' runs " CCM_HOST_COMMAND " too: remove it, "
			      "or such events are recorded twice\n", name ? name : "");
	}
}

/* The first one stays, so its containers do. */
static int remove_double(struct ccm_sbuf *doc, const struct place *p)
{
	if (ccm_json_count(&p->list) > 1)
		return ccm_json_remove(doc, &p->list, &p->handler);
	return ccm_json_remove(doc, &p->array, &p->group);
}

/* Into a document that has an object. */
static int register_all(struct ccm_sbuf *doc, const struct ccm_host_registration *want,
			struct ccm_host_report *report, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json root, hooks;
	struct place p;
	int r;

	r = ccm_json_document(doc, &root, NULL);
	if (r == 0 && !ccm_json_member(&root, "hooks", &hooks)) {
		hooks_text(&text, want);
		for (size_t i = 0; i < want->event_count; i++)
			add_name(&report->added, want->events[i]->name);
		return ccm_sbuf_error(&text) ? -ENOMEM : ccm_json_insert(doc, &root, "hooks", text.text);
	}
	if (r == 0)
		r = update_all(doc, want, report);
	while (r == 0 && find_last(doc, is_double, NULL, &p)) {
		r = add_name_in_front(&report->removed, &p.event);
		if (r == 0)
			r = remove_double(doc, &p);
	}
	for (size_t i = 0; i < want->event_count && r == 0; i++)
		r = register_event(doc, want->events[i], want, report, diag);
	return r;
}

int ccm_host_register(struct ccm_sbuf *doc, bool is_new, const struct ccm_host_registration *want,
		      struct ccm_host_report *report, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf hooks = { 0 }, root = { 0 };
	int r;

	if (!ccm_utf8_valid(want->command, strlen(want->command)))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the path '%s' is not UTF-8", want->command);
	r = ccm_host_settings_check(doc, diag);
	if (r < 0)
		return r;
	if (ccm_json_is_blank(doc)) {
		hooks_text(&hooks, want);
		ccm_sbuf_addf(&root, "{\"hooks\":%s}", ccm_sbuf_str(&hooks));
		if (ccm_sbuf_error(&hooks) || ccm_sbuf_error(&root))
			return -ENOMEM;
		r = ccm_json_start(doc, root.text);
		/* The line end tells a file of our making from one that was there and empty. */
		if (is_new)
			ccm_sbuf_addc(doc, '\n');
		for (size_t i = 0; i < want->event_count; i++)
			add_name(&report->added, want->events[i]->name);
	} else {
		r = register_all(doc, want, report, diag);
	}
	if (r == 0)
		r = register_status_line(doc, want, report);
	if (r == 0)
		r = ccm_sbuf_error(doc);
	if (r < 0)
		return r;
	note_surroundings(doc, report);
	/* One wrong entry would cost the user all settings: nothing is handed out unchecked. */
	return ccm_host_settings_check(doc, diag);
}

/* ---- taking them out ---- */

static bool holds_only_ours(const struct ccm_json *list)
{
	struct ccm_json_iter it;
	struct ccm_json key, handler;

	ccm_json_iter_value(&it, list);
	while (ccm_json_next(&it, &key, &handler) > 0)
		if (!is_ours(&handler))
			return false;
	return true;
}

/* Takes out chain[depth], which stands in chain[depth - 1], and with it what was made to hold it. */
static int remove_chain(struct ccm_sbuf *doc, const struct ccm_json *const chain[], int depth, bool *ret_empty)
{
	size_t before, behind;
	const char *end;

	*ret_empty = false;
	while (depth > 0 && ccm_json_is_made(chain[depth - 1]))
		depth--;
	if (depth > 0)
		return ccm_json_remove(doc, chain[depth - 1], chain[depth]);
	before = (size_t)(chain[0]->text - doc->text);
	end = chain[0]->text + chain[0]->bytes;
	behind = doc->bytes - before - chain[0]->bytes;
	*ret_empty = before == 0 && behind == 1 && *end == '\n';
	memmove(doc->text + before, end, behind);
	doc->bytes = *ret_empty ? 0 : before + behind;
	doc->text[doc->bytes] = '\0';
	return 0;
}

static int remove_place(struct ccm_sbuf *doc, const struct place *p, bool *ret_empty)
{
	const struct ccm_json *const chain[] = { &p->root, &p->hooks, &p->array, &p->group };

	*ret_empty = false;
	if (!holds_only_ours(&p->list))
		return ccm_json_remove(doc, &p->list, &p->handler);
	return remove_chain(doc, chain, 3, ret_empty);
}

static bool any_of_ours(const struct place *p, const void *data _unused_)
{
	return is_ours(&p->handler);
}

static int unregister_status_line(struct ccm_sbuf *doc, struct ccm_host_report *report)
{
	struct ccm_json root, status_line, command;
	const struct ccm_json *const chain[] = { &root, &status_line };
	const char *wrapped;
	size_t bytes = 0;

	if (ccm_json_document(doc, &root, NULL) < 0 || !ccm_json_member(&root, "statusLine", &status_line) ||
	    !is_our_status_line(&status_line))
		return 0;
	add_name(&report->removed, "statusLine");
	ccm_json_member(&status_line, "command", &command);
	wrapped = wrapped_part(&command, &bytes);
	if (wrapped) {
		_cleanup_sbuf_ struct ccm_sbuf before = { 0 };

		ccm_sbuf_addc(&before, '"');
		add_unwrapped(&before, wrapped, bytes);
		ccm_sbuf_addc(&before, '"');
		return ccm_sbuf_error(&before) ? -ENOMEM : ccm_json_replace(doc, &command, before.text);
	}
	return remove_chain(doc, chain, 1, &report->empty);
}

int ccm_host_unregister(struct ccm_sbuf *doc, struct ccm_host_report *report, struct ccm_diag *diag)
{
	const struct check c = { doc, diag, NULL };
	struct ccm_json root;
	struct place p;
	int r;

	if (ccm_json_is_blank(doc))
		return 0;
	r = parse(&c, &root);
	while (r == 0 && find_last(doc, any_of_ours, NULL, &p)) {
		r = add_name_in_front(&report->removed, &p.event);
		if (r == 0)
			r = remove_place(doc, &p, &report->empty);
	}
	return r < 0 ? r : unregister_status_line(doc, report);
}

/* ---- the plugin form ---- */

int ccm_host_plugin(const struct ccm_host_registration *want, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf hooks = { 0 }, root = { 0 };
	int r;

	hooks_text(&hooks, want);
	ccm_sbuf_addf(&root, "{\"description\":\"" PLUGIN_DESCRIPTION "\",\"hooks\":%s}", ccm_sbuf_str(&hooks));
	if (ccm_sbuf_error(&hooks) || ccm_sbuf_error(&root))
		return -ENOMEM;
	r = ccm_json_start(out, root.text);
	ccm_sbuf_addc(out, '\n');
	return r < 0 ? r : ccm_sbuf_error(out);
}
