/* SPDX-License-Identifier: MIT */
#include "git.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>

#include "libccm/proc.h"
#include "libccm/term.h"

#define TIMEOUT_MS 120000
#define WORDS_MAX 96

extern char **environ;

static const char *const guards[] = {
	"-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.alternateRefsPrefixes=refs/ccm/none",
	"-c", "core.quotePath=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "submodule.recurse=false",
	"-c", "log.showSignature=false", "-c", "advice.detachedHead=false", "-c", "diff.external=",
	"-c", "fetch.writeCommitGraph=false", "-c", "fetch.recurseSubmodules=false", "-c", "color.ui=false",
};

static const char *const always[] = {
	"LC_ALL=C", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=/bin/false", "GIT_EDITOR=/bin/false", "GIT_PAGER=cat",
	"GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=file", "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1",
};

static const char *const seals[] = {
	"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1",
	"XDG_CONFIG_HOME=/nonexistent",
};

const char *git_program(void)
{
	static char found[PATH_MAX];
	const char *path = getenv("PATH");
	size_t bytes;

	if (found[0])
		return found;
	for (const char *p = path && path[0] ? path : "/usr/local/bin:/usr/bin:/bin"; *p; p += bytes, p += *p == ':') {
		bytes = strcspn(p, ":");
		if (p[0] != '/' || bytes + 5 > sizeof found)
			continue;
		snprintf(found, sizeof found, "%.*s/git", (int)bytes, p);
		if (access(found, X_OK) == 0)
			return found;
	}
	found[0] = '\0';
	return NULL;
}

bool git_is_id(const char *text)
{
	size_t digits = text ? strspn(text, "0123456789abcdef") : 0;

	return (digits == 40 || digits == 64) && !text[digits];
}

int git_lend_objects(struct ccm_sbuf *out, const char *git_dir)
{
	ccm_sbuf_adds(out, "GIT_ALTERNATE_OBJECT_DIRECTORIES=\"");
	for (; *git_dir; git_dir++) {
		if (*git_dir == '"' || *git_dir == '\\')
			ccm_sbuf_addc(out, '\\');
		if (*git_dir == '\n')
			ccm_sbuf_adds(out, "\\n");
		else
			ccm_sbuf_addc(out, *git_dir);
	}
	ccm_sbuf_adds(out, "/objects\"");
	return ccm_sbuf_error(out);
}

/* ---- one call ---- */

struct words {
	const char *list[WORDS_MAX];
	size_t count;
};

static int add(struct words *w, const char *word)
{
	if (w->count + 1 >= WORDS_MAX)
		return -E2BIG;
	w->list[w->count++] = word;
	w->list[w->count] = NULL;
	return 0;
}

struct environment {
	const char **list;
	size_t count;
	struct ccm_sbuf git_dir, work_tree;
};

static void environment_done(struct environment *e)
{
	free(e->list);
	ccm_sbuf_done(&e->git_dir);
	ccm_sbuf_done(&e->work_tree);
}

static void add_all(struct environment *e, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		e->list[e->count++] = list[i];
}

static int make_environment(const struct git *g, struct environment *e)
{
	size_t count = 0, more = 0;

	while (environ[count])
		count++;
	while (g->env && g->env[more])
		more++;
	e->list = calloc(count + more + ARRAY_SIZE(always) + ARRAY_SIZE(seals) + 3, sizeof *e->list);
	if (!e->list)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (strncmp(environ[i], "GIT_", 4) != 0 && strncmp(environ[i], "LC_ALL=", 7) != 0 &&
		    !(g->sealed && strncmp(environ[i], "XDG_CONFIG_HOME=", 16) == 0))
			e->list[e->count++] = environ[i];
	add_all(e, always, ARRAY_SIZE(always));
	if (g->sealed)
		add_all(e, seals, ARRAY_SIZE(seals));
	if (more)
		add_all(e, g->env, more);
	if (g->git_dir) {
		ccm_sbuf_addf(&e->git_dir, "GIT_DIR=%s", g->git_dir);
		e->list[e->count++] = ccm_sbuf_str(&e->git_dir);
	}
	if (g->work_tree) {
		ccm_sbuf_addf(&e->work_tree, "GIT_WORK_TREE=%s", g->work_tree);
		e->list[e->count++] = ccm_sbuf_str(&e->work_tree);
	}
	return ccm_sbuf_error(&e->git_dir) || ccm_sbuf_error(&e->work_tree) ? -ENOMEM : 0;
}

/* Its first line that says something, cleaned: it may hold what an agent wrote. */
static void set_words(struct ccm_diag *diag, const char *command, const struct ccm_proc_result *res)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	const char *text = ccm_sbuf_str(&res->err);

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, "fatal: ", 7) == 0 || strncmp(line, "error: ", 7) == 0) {
			text = line + 7;
			break;
		}
	ccm_term_clean(&words, text, strcspn(text, "\n"), CCM_CLEAN_LINE);
	if (res->signal)
		ccm_diag_set(diag, 0, "git %s was ended by signal %d", command, res->signal);
	else
		ccm_diag_set(diag, 0, "git %s: %s", command, words.bytes ? words.text : "failed without a word");
}

/* The bound is inherited, so it is ours for the moment of starting it. */
static int run_bounded(const struct git *g, const struct ccm_proc_spec *spec, struct ccm_proc_result *res)
{
	struct rlimit before, now;
	int r;

	if (!g->file_max_bytes || getrlimit(RLIMIT_FSIZE, &before) < 0)
		return ccm_proc_run_all(spec, 1, res);
	now = before;
	if (now.rlim_max == RLIM_INFINITY || now.rlim_max > g->file_max_bytes)
		now.rlim_cur = g->file_max_bytes;
	setrlimit(RLIMIT_FSIZE, &now);
	r = ccm_proc_run_all(spec, 1, res);
	setrlimit(RLIMIT_FSIZE, &before);
	return r;
}

static int call(const struct git *g, struct words *w, size_t at, struct ccm_sbuf *out, struct ccm_diag *diag)
{
	const char *command;
	_cleanup_(environment_done) struct environment env = { 0 };
	struct ccm_proc_result res = { 0 };
	struct ccm_proc_spec spec = {
		.path = git_program(), .argv = w->list, .input = g->input, .input_bytes = g->input_bytes,
		.output_max_bytes = g->output_max_bytes ? g->output_max_bytes : GIT_OUTPUT_MAX,
		.timeout_ms = g->timeout_ms ? g->timeout_ms : TIMEOUT_MS, .memory_max_bytes = g->memory_max_bytes,
	};
	int r;

	while (at + 2 < w->count && strcmp(w->list[at], "-c") == 0)
		at += 2;
	command = w->list[at];
	if (!spec.path)
		return ccm_diag_set(diag, -ENOENT, "git is not installed, or not in PATH");
	r = make_environment(g, &env);
	if (r < 0)
		return r;
	spec.envp = env.list;
	r = run_bounded(g, &spec, &res);
	if (r == 0 && res.error < 0)
		r = ccm_diag_set(diag, res.error, "cannot start '%s': %s", spec.path, ccm_strerror(res.error));
	else if (r == 0 && (res.timed_out || res.interrupted))
		r = ccm_diag_set(diag, res.timed_out ? -ETIMEDOUT : -EINTR, "git %s %s", command,
				 res.timed_out ? "took too long and was ended" : "was interrupted");
	else if (r == 0 && res.out_bytes > res.out.bytes)
		r = ccm_diag_set(diag, -EFBIG, "git %s said more than %zu bytes", command, spec.output_max_bytes);
	else if (r == 0 && (res.signal || res.exit_status != 0)) {
		set_words(diag, command, &res);
		r = res.signal ? 128 + res.signal : res.exit_status;
	}
	if (r >= 0 && out)
		ccm_sbuf_add(out, ccm_sbuf_str(&res.out), res.out.bytes);
	ccm_proc_result_done(&res);
	return r;
}

static int begin(const struct git *g, struct words *w)
{
	const char *directory = g->directory ? g->directory : g->git_dir;
	int r = add(w, "git");

	for (size_t i = 0; i < ARRAY_SIZE(guards) && r == 0; i++)
		r = add(w, guards[i]);
	if (r == 0 && directory) {
		r = add(w, "-C");
		if (r == 0)
			r = add(w, directory);
	}
	return r;
}

static int collect(struct words *w, const char *word, va_list ap)
{
	int r = 0;

	for (; word && r == 0; word = va_arg(ap, const char *))
		r = add(w, word);
	return r;
}

static int call_all(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *word, va_list ap)
{
	struct words w = { .count = 0 };
	size_t command;
	int r = begin(g, &w);

	command = w.count;
	if (r == 0)
		r = collect(&w, word, ap);
	return r < 0 ? r : call(g, &w, command, out, diag);
}

int git_try(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *word, ...)
{
	va_list ap;
	int r;

	va_start(ap, word);
	r = call_all(g, out, diag, word, ap);
	va_end(ap);
	return r;
}

int git_run(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *word, ...)
{
	va_list ap;
	int r;

	va_start(ap, word);
	r = call_all(g, out, diag, word, ap);
	va_end(ap);
	return r > 0 ? -CCM_E_REFUSED : r;
}

int git_runv(const struct git *g, struct ccm_sbuf *out, struct ccm_diag *diag, const char *const *words)
{
	struct words w = { .count = 0 };
	size_t command;
	int r = begin(g, &w);

	command = w.count;
	for (; *words && r == 0; words++)
		r = add(&w, *words);
	if (r == 0)
		r = call(g, &w, command, out, diag);
	return r > 0 ? -CCM_E_REFUSED : r;
}

int git_line(const struct git *g, char **ret, const char *word, ...)
{
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct words w = { .count = 0 };
	size_t command;
	va_list ap;
	int r = begin(g, &w);

	command = w.count;
	va_start(ap, word);
	if (r == 0)
		r = collect(&w, word, ap);
	va_end(ap);
	if (r == 0)
		r = call(g, &w, command, &out, NULL);
	if (r < 0)
		return r;
	if (r > 0)
		return -CCM_E_NOT_FOUND;
	ccm_sbuf_str(&out);
	if (out.text)
		out.text[strcspn(out.text, "\n")] = '\0';
	*ret = strdup(ccm_sbuf_str(&out));
	return *ret ? 0 : -ENOMEM;
}
