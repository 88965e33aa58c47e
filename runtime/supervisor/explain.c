/* SPDX-License-Identifier: MIT */
#include "explain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "confine.h"
#include "json_out.h"
#include "libccm/clock.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/term.h"
#include "network.h"
#include "ops.h"
#include "session.h"

#define RULES_FILE "rules.json"
#define RULES_MAX ((size_t)4 << 20)

/* ---- making them ---- */

static const char *access_words(unsigned access, bool namespaces)
{
	if (access & SANDBOX_EMPTY)
		return namespaces ? "empty, in memory" : "nothing";
	if (access & SANDBOX_PIN)
		return namespaces ? "read, fixed in its place" : "as around it";
	if (access & SANDBOX_DEVICE)
		return "device";
	switch (access & (SANDBOX_READ | SANDBOX_WRITE | SANDBOX_EXECUTE)) {
	case SANDBOX_READ:
		return "read";
	case SANDBOX_READ | SANDBOX_EXECUTE:
		return "read, execute";
	case SANDBOX_READ | SANDBOX_WRITE:
		return "read, write";
	case SANDBOX_READ | SANDBOX_WRITE | SANDBOX_EXECUTE:
		return "read, write, execute";
	case SANDBOX_WRITE:
		return "write";
	}
	return "nothing of its own";
}

static json_t *paths_json(const struct sandbox_spec *spec, bool namespaces)
{
	json_t *paths = json_array();

	for (size_t i = 0; i < spec->path_count; i++) {
		const struct sandbox_path *p = &spec->paths[i];
		json_t *one;

		if (p->access & SANDBOX_OPTIONAL && access(p->path, F_OK) < 0)
			continue;
		one = json_pack("{s:o, s:s}", "path", text_json(p->path), "access", access_words(p->access, namespaces));
		if (p->at && namespaces)
			json_object_set_new(one, "at", text_json(p->at));
		json_array_append_new(paths, one);
	}
	return paths;
}

static json_t *words_json(const char *const *words)
{
	json_t *list = json_array();

	for (; words && *words; words++)
		json_array_append_new(list, text_json(*words));
	return list;
}

static bool is_made(const char *const *made, const char *name, size_t bytes)
{
	for (; made && *made; made++)
		if (strncmp(*made, name, bytes + 1) == 0)
			return true;
	return false;
}

/* Values that are the person's own may be secrets, and those that are made at a start change. */
static json_t *environment_json(const struct explained *e)
{
	json_t *all = json_object();

	for (const char *const *at = e->spec->envp; at && *at; at++) {
		_cleanup_free_ char *name = strndup(*at, strcspn(*at, "="));
		const char *value = *at + strcspn(*at, "="), *own = name ? getenv(name) : NULL;
		bool hidden;

		if (!name || !*value)
			continue;
		hidden = is_made(e->made_env, *at, strlen(name)) || (own && strcmp(own, value + 1) == 0);
		json_object_set_new(all, name, hidden ? json_null() : text_json(value + 1));
	}
	return all;
}

json_t *explain_rules(const struct explained *e)
{
	bool namespaces = e->layers & SANDBOX_NAMESPACES;
	json_t *layers = json_array(), *limits = json_object();

	json_array_append_new(layers, json_string("landlock"));
	json_array_append_new(layers, json_string("seccomp"));
	if (namespaces)
		json_array_append_new(layers, json_string("namespaces"));
	for (const struct explained_limit *l = e->limits; l && l->name; l++)
		json_object_set_new(limits, l->name, json_pack("{s:I, s:s}", "value", (json_int_t)l->value, "unit", l->unit));
	return json_pack("{s:o, s:o, s:o, s:{s:o, s:o, s:b}, s:o, s:o}", "title", text_json(e->title), "layers", layers,
			 "paths", paths_json(e->spec, namespaces), "network", "hosts", words_json(e->hosts), "api",
			 e->api_url ? text_json(e->api_url) : json_null(), "own_servers",
			 e->spec->local_servers && namespaces, "environment", environment_json(e), "limits", limits);
}

/* ---- as text ---- */

static void add_clean(struct ccm_sbuf *out, const json_t *value)
{
	const char *text = json_string_value(value);

	if (text)
		ccm_term_clean(out, text, strlen(text), CCM_CLEAN_LINE);
}

/* REPO/objects/00 to ff: 256 lines that say the same. 0: none of them; 1: the first; 2: another. */
static int object_folder(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	if (!slash || slash - path < 8 || strncmp(slash - 8, "/objects", 8) != 0 || strlen(slash) != 3 ||
	    strspn(slash + 1, "0123456789abcdef") != 2)
		return 0;
	return strcmp(slash, "/00") == 0 ? 1 : 2;
}

static void paths_text(const json_t *rules, bool namespaces, struct ccm_sbuf *out)
{
	const json_t *one;
	size_t i;

	ccm_sbuf_addf(out, "Paths; all others are %s:\n", namespaces ? "not there" : "refused");
	json_array_foreach(json_object_get(rules, "paths"), i, one) {
		const char *access = json_string_value(json_object_get(one, "access"));
		int folder = object_folder(json_string_value(json_object_get(one, "path")));

		if (folder == 2)
			continue;
		ccm_sbuf_addf(out, "  %-22s ", access ? access : "?");
		add_clean(out, json_object_get(one, "path"));
		if (folder == 1)
			ccm_sbuf_adds(out, " to ff");
		if (json_object_get(one, "at")) {
			ccm_sbuf_adds(out, " as ");
			add_clean(out, json_object_get(one, "at"));
		}
		ccm_sbuf_addc(out, '\n');
	}
}

static void network_text(const json_t *rules, struct ccm_sbuf *out)
{
	const json_t *network = json_object_get(rules, "network"), *host;
	size_t i, before;

	ccm_sbuf_adds(out, "Network:\n");
	before = out->bytes;
	if (json_is_string(json_object_get(network, "api"))) {
		ccm_sbuf_adds(out, "  ");
		add_clean(out, json_object_get(network, "api"));
		ccm_sbuf_adds(out, ", the agent's API: the credential is added outside\n");
	}
	json_array_foreach(json_object_get(network, "hosts"), i, host) {
		ccm_sbuf_adds(out, "  ");
		add_clean(out, host);
		ccm_sbuf_adds(out, "\n");
	}
	if (json_is_true(json_object_get(network, "own_servers")))
		ccm_sbuf_adds(out, "  servers of its own on its own loopback\n");
	if (out->bytes == before)
		ccm_sbuf_adds(out, "  none\n");
}

static void environment_text(json_t *environment, struct ccm_sbuf *out)
{
	const char *name;
	json_t *value;

	ccm_sbuf_adds(out, "Environment:\n");
	json_object_foreach(environment, name, value) {
		ccm_sbuf_adds(out, "  ");
		ccm_term_clean(out, name, strlen(name), CCM_CLEAN_LINE);
		ccm_sbuf_adds(out, json_is_null(value) ? ": yours, or made at each start" : "=");
		add_clean(out, value);
		ccm_sbuf_addc(out, '\n');
	}
}

static void limits_text(json_t *limits, struct ccm_sbuf *out)
{
	const char *name;
	json_t *limit;
	char text[32];

	ccm_sbuf_adds(out, "Limits:\n");
	json_object_foreach(limits, name, limit) {
		int64_t value = json_integer_value(json_object_get(limit, "value"));
		const char *unit = json_string_value(json_object_get(limit, "unit"));

		if (value <= 0)
			snprintf(text, sizeof text, "no bound");
		else if (unit && strcmp(unit, "bytes") == 0)
			ccm_size_format(value, text);
		else if (unit && strcmp(unit, "ms") == 0)
			ccm_duration_format(value, text, sizeof text);
		else
			snprintf(text, sizeof text, "%lld", (long long)value);
		ccm_sbuf_addf(out, "  %-22s %s\n", name, text);
	}
}

void explain_text(const json_t *rules, struct ccm_sbuf *out)
{
	bool namespaces = json_array_size(json_object_get(rules, "layers")) > 2;

	add_clean(out, json_object_get(rules, "title"));
	ccm_sbuf_addf(out, "\nLayers: Landlock, seccomp%s\n", namespaces ? ", namespaces" : "");
	paths_text(rules, namespaces, out);
	network_text(rules, out);
	environment_text(json_object_get(rules, "environment"), out);
	limits_text(json_object_get(rules, "limits"), out);
}

/* ---- of tasks ---- */

static json_t *task_rules(const char *title, const struct sandbox_spec *spec, unsigned layers, const struct network *n,
			  const struct task_limits *l)
{
	const struct explained_limit limits[] = {
		{ "max_worktree_size", "bytes", l->worktree_bytes }, { "max_file_size", "bytes", l->file_bytes },
		{ "max_commits", "commits", l->commits }, { "max_processes", "processes", l->processes },
		{ "max_memory", "bytes", l->memory_bytes }, { "max_time", "ms", l->time_ms }, { NULL, NULL, 0 },
	};
	const struct explained e = {
		.title = title, .spec = spec, .layers = layers, .hosts = (const char *const *)n->hosts.list, .api_url = n->api_url,
		.made_env = (const char *const *)n->env.list, .limits = limits,
	};

	return explain_rules(&e);
}

int explain_save(const struct session_spec *session, const struct sandbox_spec *spec, unsigned layers,
		 const struct network *network, const struct task_limits *limits)
{
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, path = { 0 };
	_cleanup_free_ char *text = NULL;
	json_auto_t *rules = NULL;
	char when[32];

	ccm_sbuf_addf(&title, "Task %s, as it was started at %s", session->task->id,
		      ccm_time_format(ccm_now_ms(), false, when, sizeof when));
	ccm_sbuf_addf(&path, "%s/" RULES_FILE, session->place->dir);
	if (ccm_sbuf_error(&title) < 0 || ccm_sbuf_error(&path) < 0)
		return -ENOMEM;
	rules = task_rules(title.text, spec, layers, network, limits);
	text = rules ? json_dumps(rules, JSON_COMPACT) : NULL;
	return text ? ccm_write_file(path.text, text, strlen(text), 0600, false) : -ENOMEM;
}

static int load_rules(const struct place *p, json_t **ret)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, text = { 0 };
	int r;

	ccm_sbuf_addf(&path, "%s/" RULES_FILE, p->dir);
	if (ccm_sbuf_error(&path) < 0)
		return -ENOMEM;
	r = ccm_read_regular(path.text, RULES_MAX, &text);
	if (r < 0)
		return r;
	*ret = json_loadb(ccm_sbuf_str(&text), text.bytes, 0, NULL);
	return json_is_object(*ret) ? 0 : -CCM_E_DAMAGED;
}

/* The agent's own folder is missing where it is not installed; all else can be told. */
static int find_agent(struct ctx *ctx, const struct place *p, const struct profile *profile, struct agent *agent)
{
	const char *const words[] = { profile->agent == CCM_AGENT_CLAUDE ? "claude" :
				      profile->agent == CCM_AGENT_CODEX ? "codex" : "/bin/sh", NULL };
	struct ccm_diag diag = { 0 };
	int r = agent_find(agent, p, ctx->self, words, &diag);

	if (r != -ENOENT)
		return r;
	ccm_warn("%s: where it is, is missing below", ccm_diag_text(&diag, r));
	*agent = (struct agent){ .kind = profile->agent };
	return 0;
}

static int future_rules(struct ctx *ctx, const char *directory, json_t **ret, struct ccm_diag *diag)
{
	_cleanup_profile_ struct profile profile = { .share_caches = false };
	_cleanup_confinement_ struct confinement c = { .count = 0 };
	_cleanup_source_ struct source source = { .git_dir = NULL };
	_cleanup_agent_ struct agent agent = { .program = NULL };
	_cleanup_place_ struct place place = { .id = "" };
	_cleanup_free_ char *project = NULL;
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 };
	struct network network = NETWORK_INIT;
	struct sandbox_report report;
	struct confine_input in = { .why = CONFINE_AGENT, .place = &place, .source = &source, .paths = &ctx->paths,
				    .profile = &profile, .agent = &agent };
	int r = source_open(&source, directory, "HEAD", diag);

	if (r == 0)
		r = source_project(&source, directory, &project);
	if (r == 0)
		r = profile_load(&ctx->settings, project, &profile);
	if (r == 0)
		r = ccm_mkdir_p(ctx->paths.home, 0700);
	if (r == 0)
		r = place_init(&place, &ctx->paths, "ID");
	if (r == 0)
		r = find_agent(ctx, &place, &profile, &agent);
	if (r == 0)
		r = network_plan(&network, &ctx->paths, &profile, agent.kind, diag);
	in.more_env = (const char *const *)network.env.list;
	if (r == 0)
		r = confine(&in, &c, diag);
	if (r == 0)
		r = sandbox_probe(&report);
	if (r == 0 && !report.layers)
		r = ccm_diag_set(diag, -CCM_E_REFUSED, "no task would be run here: 'ccm-supervisor sandbox check' says what is missing");
	if (r == 0) {
		c.spec.local_servers = true;
		ccm_sbuf_addf(&title, "A task of '%s', if it were started now by '%s'", project ? project : source.git_dir,
			      profile.agent == CCM_AGENT_CLAUDE ? "claude" : profile.agent == CCM_AGENT_CODEX ? "codex" :
			      "any command");
		*ret = ccm_sbuf_error(&title) < 0 ? NULL :
		       task_rules(title.text, &c.spec, report.layers, &network, &profile.limits);
		r = *ret ? 0 : -ENOMEM;
	}
	network_done(&network);
	return r;
}

static int past_rules(struct ctx *ctx, const char *id, json_t **ret, struct ccm_diag *diag)
{
	_cleanup_opened_ struct opened o = OPENED_INIT;
	int r = ccm_command_open_db(ctx, DB_WRITE);

	if (r == 0)
		r = ops_open(ctx, id, &o, diag);
	if (r == 0)
		r = ops_need_folder(&o, diag);
	if (r < 0)
		return r;
	r = load_rules(&o.place, ret);
	if (r == -ENOENT)
		return ccm_diag_set(diag, r, "task %s was not started since its folder was made: what it would get, 'ccm-supervisor "
				    "sandbox explain' says in its repository", o.task.id);
	return r < 0 ? ccm_diag_set(diag, r, "cannot read '%s/" RULES_FILE "': %s", o.place.dir, ccm_strerror(r)) : 0;
}

int explain_task(struct ctx *ctx, const char *id, const char *directory, bool json)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	_cleanup_free_ char *text = NULL;
	json_auto_t *rules = NULL;
	struct ccm_diag diag = { 0 };
	int r = id ? past_rules(ctx, id, &rules, &diag) : future_rules(ctx, directory, &rules, &diag);

	if (r == -CCM_E_SAID)
		return r;
	if (r < 0) {
		ccm_error("%s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	if (json) {
		text = json_dumps(rules, JSON_COMPACT);
		if (text)
			ccm_term_json(&out, text, strlen(text));
		ccm_sbuf_addc(&out, '\n');
	} else {
		explain_text(rules, &out);
	}
	if (ccm_sbuf_error(&out) < 0 || (json && !text))
		return -ENOMEM;
	fputs(out.text, stdout);
	return 0;
}
