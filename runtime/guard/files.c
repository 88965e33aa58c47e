/* SPDX-License-Identifier: MIT */
#include "files.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>

#include "libccm/io.h"
#include "path.h"

#define SETTINGS_MAX_BYTES ((size_t)4 << 20)

static bool is_one_of(const char *name, const char *list)
{
	size_t bytes = strlen(name);

	for (const char *p = list; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strcspn(p, " ") == bytes && strncasecmp(p, name, bytes) == 0)
			return true;
	return false;
}

static char *text_of(const struct guard_call *call, const struct ccm_json *string)
{
	char *decoded = ccm_json_string(string), *copy;

	if (!decoded)
		return NULL;
	copy = guard_arena_strdup(call->arena, decoded);
	free(decoded);
	return copy;
}

/* ---- the client's settings */

static bool is_settings_name(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (strcmp(name, "/settings.json") == 0 || strcmp(name, "/settings.local.json") == 0);
}

static bool lies_in(const char *path, const char *dir, const char *below)
{
	size_t bytes = dir ? strlen(dir) : 0, more = strlen(below);

	return dir && strncmp(path, dir, bytes) == 0 && strncmp(path + bytes, below, more) == 0 &&
	       path + bytes + more == strrchr(path, '/');
}

/* path: normalised, links followed. A project of any name has its settings in .claude. */
static bool is_settings(const struct guard_call *call, const char *path)
{
	const char *name = strrchr(path, '/');
	char home[PATH_MAX];

	if (!is_settings_name(path))
		return false;
	if (call->client_home && guard_path_resolve(call->client_home, home, sizeof home) && lies_in(path, home, ""))
		return true;
	return name - path >= 8 && strncmp(name - 8, "/.claude", 8) == 0;
}

/* The text after the edits of Edit and MultiEdit. False: they do not fit, so that the client refuses them itself. */
static bool apply_edit(struct ccm_sbuf *text, const struct ccm_json *edit)
{
	_cleanup_sbuf_ struct ccm_sbuf from = { 0 }, to = { 0 }, result = { 0 };
	struct ccm_json old_string, new_string, all;
	const char *at, *hit;
	bool replaced = false, every;

	if (!ccm_json_member(edit, "old_string", &old_string) || !ccm_json_member(edit, "new_string", &new_string) ||
	    old_string.type != CCM_JSON_STRING || new_string.type != CCM_JSON_STRING)
		return false;
	every = ccm_json_member(edit, "replace_all", &all) && all.type == CCM_JSON_BOOLEAN && all.bytes == 4;
	ccm_json_decode(&old_string, &from);
	ccm_json_decode(&new_string, &to);
	at = ccm_sbuf_str(text);
	if (!from.bytes) {
		ccm_sbuf_clear(text);
		ccm_sbuf_add(text, ccm_sbuf_str(&to), to.bytes);
		return true;
	}
	while ((every || !replaced) && (hit = strstr(at, from.text))) {
		ccm_sbuf_add(&result, at, (size_t)(hit - at));
		ccm_sbuf_add(&result, ccm_sbuf_str(&to), to.bytes);
		at = hit + from.bytes;
		replaced = true;
	}
	ccm_sbuf_adds(&result, at);
	ccm_sbuf_clear(text);
	ccm_sbuf_add(text, ccm_sbuf_str(&result), result.bytes);
	return replaced;
}

static bool apply(const struct guard_call *call, struct ccm_sbuf *text)
{
	struct ccm_json v, key, edit;
	struct ccm_json_iter it;

	if (ccm_json_member(&call->input, "content", &v) && v.type == CCM_JSON_STRING) {
		ccm_sbuf_clear(text);
		ccm_json_decode(&v, text);
		return true;
	}
	if (!ccm_json_member(&call->input, "edits", &v) || v.type != CCM_JSON_ARRAY)
		return apply_edit(text, &call->input);
	ccm_json_iter_value(&it, &v);
	while (ccm_json_next(&it, &key, &edit) > 0)
		if (!apply_edit(text, &edit))
			return false;
	return true;
}

static bool is_watched_variable(const struct ccm_json *key)
{
	_cleanup_free_ char *name = ccm_json_string(key);

	return !name || strncmp(name, "CCM_", 4) == 0 || strncmp(name, "CLAUDE_", 7) == 0 || strncmp(name, "LD_", 3) == 0 ||
	       strncmp(name, "DYLD_", 5) == 0 || strcmp(name, "PATH") == 0 || strcmp(name, "HOME") == 0;
}

/* The members of the settings that decide whether ccm is called, as text in which only they stand. */
static bool watched(const char *text, size_t bytes, struct ccm_sbuf *out)
{
	struct ccm_json root, key, value, name, variable;
	struct ccm_json_iter it, env;

	if (!bytes || !text[strspn(text, " \t\r\n")])
		return true;
	if (ccm_json_parse(text, bytes, &root, &(struct ccm_json_error){ 0 }) < 0 || root.type != CCM_JSON_OBJECT)
		return false;
	ccm_json_iter_value(&it, &root);
	while (ccm_json_next(&it, &key, &value) > 0) {
		if (ccm_json_is(&key, "hooks") || ccm_json_is(&key, "disableAllHooks") || ccm_json_is(&key, "allowManagedHooksOnly")) {
			ccm_sbuf_add(out, key.text, key.bytes);
			/* Laid out anew, it is the same. */
			ccm_json_pretty(out, value.text, value.bytes);
		} else if (ccm_json_is(&key, "env") && value.type == CCM_JSON_OBJECT) {
			ccm_json_iter_value(&env, &value);
			while (ccm_json_next(&env, &name, &variable) > 0) {
				if (!is_watched_variable(&name))
					continue;
				ccm_sbuf_add(out, name.text, name.bytes);
				ccm_sbuf_add(out, variable.text, variable.bytes);
			}
		}
	}
	return true;
}

/* True if the call changes whether ccm is called, or nobody can tell. */
static bool changes_hooks(const struct guard_call *call, const char *path)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, before = { 0 }, after = { 0 };
	int r = ccm_read_regular(path, SETTINGS_MAX_BYTES, &text);
	bool ok = r == 0 || r == -ENOENT;

	ok = ok && watched(ccm_sbuf_str(&text), text.bytes, &before);
	if (!ok || !apply(call, &text))
		return !ok;
	/* A file that is no JSON any more is ignored by the client as a whole, and our hooks with it. */
	return !watched(ccm_sbuf_str(&text), text.bytes, &after) || after.bytes != before.bytes ||
	       strcmp(ccm_sbuf_str(&after), ccm_sbuf_str(&before)) != 0;
}

static int changed_file(const struct guard_call *call, const char *tool, const char *path)
{
	char abs[PATH_MAX], real[PATH_MAX];

	if (guard_path_normalise(path, call->directory, abs, sizeof abs) && guard_path_resolve(abs, real, sizeof real) &&
	    is_settings(call, real))
		return changes_hooks(call, real) ? call->file(call->user, "Settings", path) : 0;
	return call->file(call->user, tool, path);
}

/* ---- tools */

static int member_file(const struct guard_call *call, const char *member, const char *tool, bool changes)
{
	struct ccm_json v;
	const char *path;

	if (!ccm_json_member(&call->input, member, &v) || v.type != CCM_JSON_STRING)
		return 0;
	path = text_of(call, &v);
	if (!path)
		return -ENOMEM;
	return changes ? changed_file(call, tool, path) : call->file(call->user, tool, path);
}

/* What an MCP tool does to its files, from the words of its name. */
static const char *verb_of(const char *tool)
{
	static const struct { const char *word, *verb; } verbs[] = {
		{ "delete", "Delete" }, { "remove", "Delete" }, { "unlink", "Delete" }, { "rmdir", "Delete" }, { "trash", "Delete" },
		{ "write", "Write" }, { "edit", "Write" }, { "create", "Write" }, { "save", "Write" }, { "append", "Write" },
		{ "update", "Write" }, { "replace", "Write" }, { "insert", "Write" }, { "patch", "Write" }, { "move", "Write" },
		{ "rename", "Write" }, { "copy", "Write" }, { "put", "Write" }, { "upload", "Read" },
	};
	const char *name = strstr(tool, "__");

	name = name ? strstr(name + 2, "__") : NULL;
	for (size_t i = 0; name && i < ARRAY_SIZE(verbs); i++)
		if (strcasestr(name, verbs[i].word))
			return verbs[i].verb;
	return "Read";
}

/* The text as one word of a shell. */
static void add_word(struct ccm_sbuf *out, const char *text)
{
	ccm_sbuf_addc(out, '\'');
	for (const char *p = text; *p; p++)
		if (*p == '\'')
			ccm_sbuf_adds(out, "'\\''");
		else
			ccm_sbuf_addc(out, *p);
	ccm_sbuf_addc(out, '\'');
}

/* A "query" is SQL only where the tool is about such a database. */
static bool is_sql(const struct guard_call *call, const char *name)
{
	static const char *const tools[] = { "sql", "postgres", "maria", "database", "supabase", "neon", "bigquery", "snowflake", "clickhouse",
					     "duckdb", "redshift" };

	if (strcasecmp(name, "sql") == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(tools) && is_one_of(name, "query statement queries statements"); i++)
		if (strcasestr(call->tool, tools[i]))
			return true;
	return false;
}

static int mcp_sql(const struct guard_call *call, const char *text)
{
	_cleanup_sbuf_ struct ccm_sbuf command = { 0 };

	ccm_sbuf_adds(&command, "psql -c ");
	add_word(&command, text);
	return ccm_sbuf_error(&command) < 0 ? -ENOMEM : call->command(call->user, guard_arena_strdup(call->arena, command.text));
}

static int mcp_text(const struct guard_call *call, const char *name, const char *text)
{
	const char *verb = verb_of(call->tool);

	if (is_sql(call, name))
		return mcp_sql(call, text);

	if (is_one_of(name, "command cmd commandline command_line shell_command script bash shell"))
		return call->command(call->user, text);
	if (strncmp(text, "file://", 7) == 0)
		return changed_file(call, verb, text + 7);
	if (!is_one_of(name, "path paths file files filename file_name filepath file_path filepaths file_paths source destination src "
			     "dst dest target target_file directory dir folder from to old_path new_path uri"))
		return 0;
	/* "from" and "to" may be dates or people: a path says so itself. */
	if (!strchr(text, '/') && is_one_of(name, "source destination from to target src dst dest uri"))
		return 0;
	if (strstr(text, "://"))
		return 0;
	return strcmp(verb, "Write") == 0 ? changed_file(call, verb, text) : call->file(call->user, verb, text);
}

/* { "command": "ls", "args": ["-l"] } is one command. */
static int mcp_command_with_args(const struct guard_call *call, bool *ret_done)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct ccm_json command, args, key, word;
	struct ccm_json_iter it;

	*ret_done = false;
	if (!ccm_json_member(&call->input, "command", &command) || command.type != CCM_JSON_STRING ||
	    !ccm_json_member(&call->input, "args", &args) || args.type != CCM_JSON_ARRAY)
		return 0;
	ccm_json_decode(&command, &text);
	ccm_json_iter_value(&it, &args);
	while (ccm_json_next(&it, &key, &word) > 0) {
		_cleanup_free_ char *plain = word.type == CCM_JSON_STRING ? ccm_json_string(&word) : NULL;

		ccm_sbuf_addc(&text, ' ');
		add_word(&text, plain ? plain : "");
	}
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	*ret_done = true;
	return call->command(call->user, guard_arena_strdup(call->arena, text.text));
}

static int mcp_member(const struct guard_call *call, const char *name, const struct ccm_json *value)
{
	struct ccm_json_iter it;
	struct ccm_json key, item;
	int r = 0;

	if (value->type == CCM_JSON_STRING) {
		const char *text = text_of(call, value);

		return text ? mcp_text(call, name, text) : -ENOMEM;
	}
	if (value->type != CCM_JSON_ARRAY)
		return 0;
	ccm_json_iter_value(&it, value);
	while (r == 0 && ccm_json_next(&it, &key, &item) > 0)
		if (item.type == CCM_JSON_STRING)
			r = mcp_member(call, name, &item);
	return r;
}

static int mcp(const struct guard_call *call)
{
	struct ccm_json_iter it;
	struct ccm_json key, value;
	bool done;
	int r = mcp_command_with_args(call, &done);

	ccm_json_iter_value(&it, &call->input);
	while (r == 0 && ccm_json_next(&it, &key, &value) > 0) {
		const char *name = text_of(call, &key);

		if (!name)
			return -ENOMEM;
		if (!done || strcmp(name, "command") != 0)
			r = mcp_member(call, name, &value);
	}
	return r;
}

int guard_files_of(const struct guard_call *call)
{
	static const struct { const char *tool, *member; bool changes; } tools[] = {
		{ "Write", "file_path", true }, { "Edit", "file_path", true }, { "MultiEdit", "file_path", true },
		{ "NotebookEdit", "notebook_path", true }, { "Read", "file_path", false }, { "Grep", "path", false },
	};
	struct ccm_json v;

	if (call->input.type != CCM_JSON_OBJECT)
		return 0;
	if (strncmp(call->tool, "mcp__", 5) == 0)
		return mcp(call);
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
		if (strcmp(call->tool, tools[i].tool) == 0)
			return member_file(call, tools[i].member, tools[i].changes ? (strcmp(tools[i].tool, "Write") == 0 ? "Write" : "Edit") :
					   "Read", tools[i].changes);
	if (ccm_json_member(&call->input, "command", &v) && v.type == CCM_JSON_STRING) {
		const char *text = text_of(call, &v);

		return text ? call->command(call->user, text) : -ENOMEM;
	}
	return 0;
}
