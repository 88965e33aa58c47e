/* SPDX-License-Identifier: MIT */
#include "profile.h"

#include <errno.h>
#include <string.h>

/* ---- lists of words ---- */

void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct words){ 0 };
}

static int add(struct words *w, char *word)
{
	char **list = word ? realloc(w->list, (w->count + 2) * sizeof *list) : NULL;

	if (!list) {
		free(word);
		return -ENOMEM;
	}
	w->list = list;
	w->list[w->count++] = word;
	w->list[w->count] = NULL;
	return 0;
}

int words_add(struct words *w, const char *word)
{
	return add(w, strdup(word));
}

bool words_have(const struct words *w, const char *word)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->list[i], word) == 0)
			return true;
	return false;
}

int words_split(struct words *w, const char *text, const char *separators, bool home)
{
	const char *at_home = home ? getenv("HOME") : NULL;
	size_t bytes;
	int r = 0;

	for (const char *at = text ? text : ""; *at && r == 0; at += bytes, at += *at != '\0') {
		struct ccm_sbuf word = { 0 };
		const char *from = at;

		bytes = strcspn(at, separators);
		while (from < at + bytes && (*from == ' ' || *from == '\t'))
			from++;
		if (from == at + bytes)
			continue;
		if (at_home && *from == '~' && (from + 1 == at + bytes || from[1] == '/')) {
			ccm_sbuf_adds(&word, at_home);
			from++;
		}
		ccm_sbuf_add(&word, from, (size_t)(at + bytes - from));
		r = add(w, ccm_sbuf_take(&word));
	}
	return r;
}

static void keep_only(struct words *w, const struct words *allowed)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->count; i++) {
		if (words_have(allowed, w->list[i]) || words_have(allowed, "*"))
			w->list[kept++] = w->list[i];
		else
			free(w->list[i]);
	}
	w->count = kept;
	if (w->list)
		w->list[kept] = NULL;
}

/* ---- the two files ---- */

static const struct bound {
	const char *name;
	size_t setting, offset;
} bounds[] = {
#define BOUND(name, setting, field) { name, offsetof(struct ccm_settings, setting), offsetof(struct task_limits, field) }
	BOUND("max_worktree_size", max_worktree_bytes, worktree_bytes), BOUND("max_file_size", max_file_bytes, file_bytes),
	BOUND("max_commits", max_commits, commits), BOUND("max_processes", max_processes, processes),
	BOUND("max_memory", max_memory_bytes, memory_bytes), BOUND("max_time", max_time_ms, time_ms),
#undef BOUND
};

static const struct list {
	const char *name;
	size_t setting, offset;
	bool paths;                  /* an item is a path; else several words */
} lists[] = {
#define LIST(name, field, paths) { #name, offsetof(struct ccm_settings, name), offsetof(struct profile, field), paths }
	LIST(read_only, read_only, true), LIST(read_write, read_write, true), LIST(environment, environment, false),
	LIST(allow_hosts, hosts, false), LIST(skills, skills, false),
#undef LIST
};

static int64_t setting_of(const struct ccm_settings *s, const struct bound *b)
{
	return *(const int64_t *)(const void *)((const char *)s + b->setting);
}

static int read_list(const struct ccm_settings *s, const struct list *l, struct words *w)
{
	const struct ccm_setting_list *from = (const void *)((const char *)s + l->setting);
	int r = 0;

	for (size_t i = 0; i < from->count && r == 0; i++)
		r = words_split(w, from->items[i].text, l->paths ? "\n" : " \t,", l->paths);
	return r;
}

static int tighten_list(struct profile *p, const struct ccm_settings *project, const struct list *l)
{
	struct words w = { 0 };
	int r = read_list(project, l, &w);

	if (r == 0)
		keep_only((void *)((char *)p + l->offset), &w);
	words_done(&w);
	return r;
}

static int tighten(struct profile *p, const struct ccm_settings *project, const char *name)
{
	static const char *const others[] = { "agent", "caches", "idle" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++) {
		int64_t *own = (void *)((char *)&p->limits + bounds[i].offset), n = setting_of(project, &bounds[i]);

		if (ccm_settings_has(project, "sandbox", bounds[i].name) && n > 0 && (!*own || n < *own))
			*own = n;
	}
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		if (ccm_settings_has(project, "sandbox", lists[i].name))
			r = tighten_list(p, project, &lists[i]);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (ccm_settings_has(project, "sandbox", others[i]))
			ccm_sbuf_addf(&p->problems, "%s: a project cannot set '%s' in [sandbox]; ignored\n", name, others[i]);
	ccm_sbuf_add(&p->problems, ccm_sbuf_str(&project->problems), project->problems.bytes);
	return r < 0 ? r : ccm_sbuf_error(&p->problems);
}

static int read_project(struct profile *p, const char *project)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	struct ccm_settings s;
	int r;

	ccm_sbuf_addf(&path, "%s/.ccm/config.ini", project);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	if (access(path.text, F_OK) < 0)
		return 0;
	ccm_settings_load(path.text, &s);
	r = tighten(p, &s, path.text);
	ccm_settings_done(&s);
	return r;
}

int profile_load(const struct ccm_settings *s, const char *project, struct profile *ret)
{
	struct profile p = { .agent = (enum ccm_agent)s->agent, .share_caches = s->share_caches };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(bounds); i++)
		*(int64_t *)(void *)((char *)&p.limits + bounds[i].offset) = setting_of(s, &bounds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		r = read_list(s, &lists[i], (void *)((char *)&p + lists[i].offset));
	if (r == 0 && project)
		r = read_project(&p, project);
	if (r < 0) {
		profile_done(&p);
		return r;
	}
	*ret = p;
	return 0;
}

void profile_done(struct profile *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		words_done((void *)((char *)p + lists[i].offset));
	ccm_sbuf_done(&p->problems);
}
