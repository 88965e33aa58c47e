/* SPDX-License-Identifier: MIT */
#include "judge.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "arena.h"
#include "context.h"
#include "files.h"
#include "libccm/clock.h"
#include "print.h"

#define GIT_TIMEOUT_MS 1200          /* of the three seconds that the automation has */
#define SHOWN_MAX_BYTES 160

void guard_judgement_done(struct guard_judgement *j)
{
	for (size_t i = 0; i < j->part_count; i++)
		guard_analysis_free(j->parts[i].analysis);
	free(j->parts);
	free(j->remarks);
	free(j->project);
	guard_context_free(j->context);
	guard_arena_free(j->arena);
	*j = (struct guard_judgement){ 0 };
}

/* ---- what the person has excepted */

struct work {
	const struct guard_case *c;
	struct guard_config *config;
	struct guard_places places;
	struct guard_judgement *j;
	size_t part;
	const struct guard_analysis *analysis;
	bool exceptions;             /* the configuration has some */
	struct guard_match worst;    /* without what is excepted */
};

static const char *next_word(const char *p, size_t *ret_bytes)
{
	p += strspn(p, " \t");
	*ret_bytes = strcspn(p, " \t");
	return *ret_bytes ? p : NULL;
}

/* Word by word; the marks in a word that is not known match nothing. */
static bool is_command(const char *pattern, const struct guard_command *c)
{
	size_t bytes, i = 0;
	const char *p = pattern;

	for (; (p = next_word(p, &bytes)); p += bytes, i++)
		if (i >= c->count || !c->words[i].known || !guard_glob(p, bytes, c->words[i].text, false))
			return false;
	return i == c->count && i > 0;
}

/* The pattern itself, or what lies in it. */
static bool is_path(const struct work *w, const char *pattern, const char *path)
{
	char full[PATH_MAX], buf[PATH_MAX];
	const char *from = pattern;
	size_t bytes;

	if (strncmp(pattern, "~/", 2) == 0 && w->places.home) {
		if ((size_t)snprintf(buf, sizeof buf, "%s/%s", w->places.home, pattern + 2) >= sizeof buf)
			return false;
		from = buf;
	}
	if (from[0] != '/' || !guard_path_normalise(from, "/", full, sizeof full))
		return false;
	bytes = strlen(full);
	if (guard_glob(full, bytes, path, false))
		return true;
	return bytes + 2 < sizeof full && (memcpy(full + bytes, "/*", 3), guard_glob(full, bytes + 2, path, false));
}

static bool is_excepted_path(const struct work *w, const struct guard_value *v, const char *directory)
{
	const struct ccm_setting_list *list = &w->config->settings.guard_allow_paths;
	char path[PATH_MAX], real[PATH_MAX];

	if (!v->known || v->bytes != strlen(v->text) || (v->text[0] != '/' && !directory) ||
	    !guard_path_normalise(v->text, directory, path, sizeof path) || !guard_path_resolve(path, real, sizeof real))
		return false;
	for (size_t i = 0; i < list->count; i++)
		if (is_path(w, list->items[i].text, real))
			return true;
	return false;
}

/* All that it names lies there. */
static bool is_excepted(const struct work *w, const struct guard_command *c)
{
	const struct ccm_setting_list *commands = &w->config->settings.guard_allow_commands;
	size_t paths = 0;

	for (size_t i = 0; i < commands->count; i++)
		if (is_command(commands->items[i].text, c))
			return true;
	if (c->flags & (GUARD_REMOTE | GUARD_CONTAINER | GUARD_ARGS_OPEN))
		return false;
	for (size_t i = 1; i < c->count; i++) {
		if (c->words[i].text[0] == '-')
			continue;
		if (!is_excepted_path(w, &c->words[i], c->directory))
			return false;
		paths++;
	}
	for (size_t i = 0; i < c->redirect_count; i++) {
		if (c->redirects[i].kind == GUARD_DUP || c->redirects[i].kind == GUARD_HEREDOC || c->redirects[i].kind == GUARD_READ)
			continue;
		if (!is_excepted_path(w, &c->redirects[i].target, c->directory))
			return false;
		paths++;
	}
	return paths > 0;
}

static bool is_excepted_match(const struct work *w, const struct guard_match *m)
{
	const char *path = w->j->parts[w->part].text;

	if (!w->analysis)
		return is_excepted_path(w, &(struct guard_value){ .text = path, .bytes = strlen(path), .known = true },
					w->places.directory);
	return m->command < w->analysis->count && is_excepted(w, &w->analysis->commands[m->command]);
}

/* ---- matching */

static bool beats(const struct guard_match *a, const struct guard_match *b)
{
	return a->verdict > b->verdict || (a->verdict == b->verdict && b->rule && a->rule->index < b->rule->index);
}

static void found(void *user, const struct guard_match *m)
{
	struct work *w = user;
	struct guard_judgement *j = w->j;
	bool allowed = w->exceptions && !m->missed && is_excepted_match(w, m);

	if (!m->missed && !allowed && beats(m, &w->worst))
		w->worst = *m;
	if (w->c->explain) {
		struct guard_remark *all = realloc(j->remarks, (j->remark_count + 1) * sizeof *all);

		j->failed = j->failed || !all;
		if (!all)
			return;
		j->remarks = all;
		all[j->remark_count++] = (struct guard_remark){ w->part, *m, allowed };
	}
}

static enum guard_answer ask(void *user, enum guard_condition condition, const struct guard_command *command,
			     const struct guard_value *const *operands, size_t count)
{
	return guard_context_ask(user, condition, command, operands, count);
}

/* Takes over what the matcher found in one part. */
static int settle(struct work *w, const struct guard_judge *judge, int r)
{
	struct guard_judgement *j = w->j;

	if (r < 0)
		return r;
	if (!w->exceptions)
		w->worst = r ? judge->worst : (struct guard_match){ 0 };
	if (w->worst.rule && beats(&w->worst, &j->worst)) {
		j->worst = w->worst;
		j->worst_part = w->part;
		j->verdict = w->worst.verdict;
	}
	return 0;
}

static int match_part(struct work *w, size_t part)
{
	struct guard_judgement *j = w->j;
	struct guard_judge judge = {
		.rules = w->config->rules, .places = &w->places, .ask = ask, .ask_user = j->context,
		.found = w->exceptions || w->c->explain ? found : NULL, .user = w,
	};
	int64_t start_us = ccm_mono_us();
	int r;

	w->part = part;
	w->analysis = j->parts[part].analysis;
	w->worst = (struct guard_match){ 0 };
	r = w->analysis ? guard_match(&judge, w->analysis)
			: guard_match_file(&judge, j->parts[part].what, j->parts[part].text, w->places.directory);
	r = settle(w, &judge, r);
	j->match_us += ccm_mono_us() - start_us;
	return r;
}

/* ---- parts */

static struct guard_part *add_part(struct guard_judgement *j, const char *what, const char *text)
{
	struct guard_part *all = realloc(j->parts, (j->part_count + 1) * sizeof *all);

	if (!all)
		return NULL;
	j->parts = all;
	all[j->part_count] = (struct guard_part){ .what = what, .text = text };
	return &all[j->part_count++];
}

static int judge_command(struct work *w, const char *text, size_t bytes)
{
	struct guard_judgement *j = w->j;
	struct guard_part *part = add_part(j, "command", text);
	int r;

	if (!part)
		return -ENOMEM;
	r = guard_analyse(&(struct guard_source){
		.text = text, .bytes = bytes, .directory = w->places.directory, .home = w->places.home ? w->places.home : "/",
		.wrappers = w->config->wrappers.names, .script = guard_context_script, .user = j->context,
		.parser = w->c->parser, .without_parser = w->c->without_parser }, &part->analysis);
	if (r < 0)
		return r;
	j->parse_us += part->analysis->parse_us;
	return match_part(w, j->part_count - 1);
}

/* A file is judged as it was named and as the links lead. */
static int judge_file(void *user, const char *tool, const char *path)
{
	struct work *w = user;
	struct guard_judgement *j = w->j;
	char abs[PATH_MAX], real[PATH_MAX];
	int r;

	r = add_part(j, tool, path) ? match_part(w, j->part_count - 1) : -ENOMEM;
	if (r < 0 || !guard_path_normalise(path, w->places.directory, abs, sizeof abs) ||
	    !guard_path_resolve(abs, real, sizeof real) || strcmp(abs, real) == 0)
		return r;
	return add_part(j, tool, guard_arena_strdup(j->arena, real)) ? match_part(w, j->part_count - 1) : -ENOMEM;
}

static int judge_text(void *user, const char *text)
{
	return judge_command(user, text, strlen(text));
}

/* ---- places */

static bool lies_in(const char *path, const char *dir)
{
	size_t bytes = strlen(dir);

	return strncmp(path, dir, bytes) == 0 && (path[bytes] == '/' || !path[bytes]);
}

/* A home directory or the root would make everything the project's. A project that was named by a link, while the session
 * is told where it leads, is there. */
static int find_project(const struct guard_case *c, const char *home, char **ret)
{
	char named[PATH_MAX], real[PATH_MAX];
	const char *p = NULL;

	if (c->project && c->project[0] == '/' && guard_path_normalise(c->project, "/", named, sizeof named)) {
		p = named;
		if (!lies_in(c->directory, named) && guard_path_resolve(named, real, sizeof real) && lies_in(c->directory, real))
			p = real;
	}
	if (p && (strcmp(p, "/") == 0 || (home && lies_in(home, p))))
		p = NULL;
	if (!p && guard_find_repository(c->directory, real, sizeof real) && strcmp(real, "/") != 0 && !(home && lies_in(home, real)))
		p = real;
	*ret = p ? strdup(p) : NULL;
	return p && !*ret ? -ENOMEM : 0;
}

static const char *client_home(struct guard_arena *arena, const char *home)
{
	const char *dir = getenv("CLAUDE_CONFIG_DIR");
	char buf[PATH_MAX];

	if (dir && dir[0] == '/')
		return guard_path_normalise(dir, "/", buf, sizeof buf) ? guard_arena_strdup(arena, buf) : dir;
	if (!home || (size_t)snprintf(buf, sizeof buf, "%s/.claude", home) >= sizeof buf)
		return NULL;
	return guard_arena_strdup(arena, buf);
}

static int set_places(struct work *w, const char *home, const struct ccm_paths *paths)
{
	if (setjmp(w->j->arena->out_of_memory))
		return -ENOMEM;
	w->places = (struct guard_places){
		.home = home, .directory = w->c->directory, .project = w->j->project, .ccm_home = paths->home,
		.client_home = client_home(w->j->arena, home), .installed = paths->libexec,
	};
	return 0;
}

static int judge_all(struct work *w)
{
	const struct guard_case *c = w->c;

	if (setjmp(w->j->arena->out_of_memory))
		return -ENOMEM;
	if (c->command)
		return judge_command(w, c->command, c->command_bytes);
	return guard_files_of(&(struct guard_call){
		.tool = c->tool, .input = c->input, .directory = c->directory, .client_home = w->places.client_home,
		.project = w->places.project, .arena = w->j->arena, .file = judge_file, .command = judge_text, .user = w });
}

int guard_judge(const struct guard_case *c, struct guard_config *config, const struct ccm_paths *paths,
		struct guard_judgement *ret)
{
	const char *home = getenv("HOME");
	struct guard_judgement j = { 0 };
	struct work w = { .c = c, .config = config, .j = &j };
	int64_t start_us = ccm_mono_us();
	int r;

	if (home && home[0] != '/')
		home = NULL;
	j.arena = guard_arena_new();
	j.context = guard_context_new(&(struct guard_context_source){
		.session_id = c->session_id, .db = paths->db, .busy_timeout_ms = 500, .git_timeout_ms = GIT_TIMEOUT_MS,
		.shared_branches = config->shared_branches.names });
	r = j.arena && j.context ? find_project(c, home, &j.project) : -ENOMEM;
	if (r == 0)
		r = set_places(&w, home, paths);
	w.exceptions = config->settings.guard_allow_paths.count || config->settings.guard_allow_commands.count;
	if (r == 0)
		r = judge_all(&w);
	if (r == 0 && j.failed)
		r = -ENOMEM;
	if (r < 0) {
		guard_judgement_done(&j);
		return r;
	}
	j.context_us = guard_context_took_us(j.context);
	j.took_us = ccm_mono_us() - start_us;
	*ret = j;
	return 0;
}

/* ---- words */

const struct guard_command *guard_judgement_command(const struct guard_judgement *j)
{
	const struct guard_analysis *a = j->part_count ? j->parts[j->worst_part].analysis : NULL;

	return a && j->worst.command < a->count ? &a->commands[j->worst.command] : NULL;
}

/* The command as it was found, unless it just stands there. */
static void add_command(const struct guard_judgement *j, struct ccm_sbuf *out)
{
	_cleanup_sbuf_ struct ccm_sbuf shown = { 0 };
	const struct guard_command *c = guard_judgement_command(j);
	const struct guard_part *part = &j->parts[j->worst_part];

	if (j->worst.fact) {
		ccm_sbuf_addf(out, " Found: %.*s.", SHOWN_MAX_BYTES, j->worst.fact->detail);
		return;
	}
	if (!c)
		return;
	guard_print_command(&shown, c);
	if (strcmp(ccm_sbuf_str(&shown), part->text) == 0)
		return;
	ccm_sbuf_addf(out, " Found: %.*s%s", SHOWN_MAX_BYTES, ccm_sbuf_str(&shown), shown.bytes > SHOWN_MAX_BYTES ? "..." : "");
	if (c->via[0])
		ccm_sbuf_addf(out, " (by %s)", c->via);
	ccm_sbuf_addc(out, '.');
	out->failed |= shown.failed;
}

void guard_judgement_words(const struct guard_judgement *j, struct ccm_sbuf *out)
{
	const struct guard_match *m = &j->worst;
	const struct guard_analysis *a = j->parts[j->worst_part].analysis;      /* NULL: a file */

	ccm_sbuf_addf(out, "%s [rule %s]", m->rule->reason, m->rule->id);
	add_command(j, out);
	if (m->maybe) {
		ccm_sbuf_adds(out, " Part of it is known only when it runs");
		if (m->word) {
			ccm_sbuf_adds(out, ": ");
			guard_print_value(out, &(struct guard_value){ .text = m->word, .bytes = strlen(m->word) });
		}
		ccm_sbuf_addc(out, '.');
	}
	if (m->rule->instead)
		ccm_sbuf_addf(out, " Instead: %s", m->rule->instead);
	if (a && a->problem && m->fact)
		ccm_sbuf_addf(out, " (%s)", a->problem);
}
