/* SPDX-License-Identifier: MIT */
#include "repo.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "git.h"
#include "libccm/proc.h"

#define OUTPUT_MAX_BYTES (1024L * 1024 * 1024)

extern char **environ;

/* LeakSanitizer asks for these, and nobody else: libgit2 1.5 does not release what it matches the names of a repository's
 * extensions with. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}

/* ... and it need not tell so on stderr. */
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

char *repo_path(const char *dir, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

int repo_error(int code, struct ccm_diag *diag, const char *what)
{
	const git_error *e = git_error_last();

	ccm_diag_set(diag, -EIO, "%s: %s", what, e && e->message ? e->message : "git failed");
	switch (code) {
	case GIT_ENOTFOUND:
		return -CCM_E_NOT_FOUND;
	case GIT_EEXISTS:
		return -EEXIST;
	case GIT_ELOCKED:
		return -EBUSY;
	default:
		return -EIO;
	}
}

/* libgit2 1.5 refuses extensions by name that do not concern what it does here. */
static void init_libgit2(void)
{
	static bool ready;

	if (ready)
		return;
	git_libgit2_init();
	/* In a partial clone a tree may name what is not there yet. */
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_OBJECT_CREATION, 0);
#if LIBGIT2_VER_MAJOR > 1 || LIBGIT2_VER_MINOR >= 2
	static const char *const extensions[] = { "worktreeconfig", "partialclone", "preciousobjects" };

	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, ARRAY_SIZE(extensions));
#endif
	ready = true;
}

static char *without_slash(const char *path)
{
	size_t bytes = strlen(path);

	while (bytes > 1 && path[bytes - 1] == '/')
		bytes--;
	return strndup(path, bytes);
}

/* From the working tree to start, both without symbolic links in them. */
static char *prefix_of(const char *worktree, const char *start)
{
	_cleanup_free_ char *from = realpath(worktree, NULL), *to = realpath(start, NULL);
	size_t bytes = from ? strlen(from) : 0;
	char *prefix;

	if (!from || !to || strncmp(from, to, bytes) != 0 || to[bytes] != '/')
		return strdup("");
	return asprintf(&prefix, "%s/", to + bytes + 1) < 0 ? NULL : prefix;
}

/* libgit2 does not find what belongs to somebody else, and some versions say no more of it. */
#if LIBGIT2_VER_MAJOR == 1 && LIBGIT2_VER_MINOR < 5
#define GIT_EOWNER GIT_ENOTFOUND
#endif

/* True if the folder, or one above it, has a .git that is not ours. */
static bool is_others(const char *start)
{
	_cleanup_free_ char *folder = realpath(start, NULL);
	char *slash;

	while (folder) {
		_cleanup_free_ char *git = repo_path(folder, ".git");
		struct stat st;

		if (git && stat(git, &st) == 0)
			return st.st_uid != geteuid();
		slash = strrchr(folder, '/');
		if (!slash || slash == folder)
			return false;
		*slash = '\0';
	}
	return false;
}

int repo_open(const char *start, struct repo *ret, struct ccm_diag *diag)
{
	struct repo r = { 0 };
	int code;

	*ret = r;
	start = start ? start : ".";
	if (getenv("GIT_DIR"))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "GIT_DIR is set: only a repository that is found from the folder "
				    "has checkpoints");
	init_libgit2();
	code = git_repository_open_ext(&r.git, start, 0, NULL);
	if (code == GIT_ENOTFOUND && !is_others(start))
		return ccm_diag_set(diag, -ENOENT, "'%s' is in no git repository", start);
	if (code == GIT_EOWNER || code == GIT_ENOTFOUND)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the repository of '%s' belongs to another user; "
				    "if you trust it: git config --global --add safe.directory DIR", start);
	if (code < 0) {
		const git_error *e = git_error_last();

		repo_error(code, diag, "cannot open the repository");
		/* SHA-256, reftable: not broken, but nothing for this libgit2. */
		return e && e->message && strstr(e->message, "unsupported") ? -CCM_E_REFUSED : -EIO;
	}
	*ret = r;
	if (!git_repository_workdir(r.git))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is a bare repository: there is no working tree to keep",
				    git_repository_path(r.git));
	ret->worktree = without_slash(git_repository_workdir(r.git));
	ret->gitdir = without_slash(git_repository_path(r.git));
	ret->commondir = without_slash(git_repository_commondir(r.git));
	if (!ret->worktree || !ret->gitdir || !ret->commondir)
		return -ENOMEM;
	ret->prefix = prefix_of(ret->worktree, start);
	return ret->prefix ? 0 : -ENOMEM;
}

void repo_done(struct repo *r)
{
	git_repository_free(r->git);
	free(r->worktree);
	free(r->gitdir);
	free(r->commondir);
	free(r->prefix);
	*r = (struct repo){ 0 };
}

/* ---- git */

static char *find_in_path(const char *program)
{
	const char *path = getenv("PATH");

	for (path = path ? path : "/usr/local/bin:/usr/bin:/bin"; *path; path += strcspn(path, ":"), path += *path == ':') {
		size_t bytes = strcspn(path, ":");
		struct stat st;
		char *file;

		if (!bytes || asprintf(&file, "%.*s/%s", (int)bytes, path, program) < 0)
			continue;
		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

/* What says which repository, index or objects are meant, and what writes elsewhere. What configures git stays. */
static bool is_foreign(const char *variable)
{
	static const char *const names[] = {
		"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_ATTR_SOURCE", "GIT_COMMON_DIR", "GIT_CONFIG", "GIT_CONFIG_COUNT",
		"GIT_CONFIG_PARAMETERS", "GIT_DIR", "GIT_EXTERNAL_DIFF", "GIT_GRAFT_FILE", "GIT_IMPLICIT_WORK_TREE",
		"GIT_INDEX_FILE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_LITERAL_PATHSPECS", "GIT_NAMESPACE",
		"GIT_NO_REPLACE_OBJECTS", "GIT_OBJECT_DIRECTORY", "GIT_OPTIONAL_LOCKS", "GIT_PREFIX", "GIT_QUARANTINE_PATH",
		"GIT_REPLACE_REF_BASE", "GIT_SHALLOW_FILE", "GIT_WORK_TREE", "LC_ALL", "LANGUAGE",
	};
	size_t bytes = strcspn(variable, "=");

	if (strncmp(variable, "GIT_TRACE", 9) == 0 || strncmp(variable, "GIT_CONFIG_KEY_", 15) == 0 ||
	    strncmp(variable, "GIT_CONFIG_VALUE_", 17) == 0)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == bytes && strncmp(names[i], variable, bytes) == 0)
			return true;
	return false;
}

struct call {
	const char **argv, **envp;
	struct ccm_sbuf index, objects, alternates;
};

static void call_done(struct call *c)
{
	free(c->argv);
	free(c->envp);
	ccm_sbuf_done(&c->index);
	ccm_sbuf_done(&c->objects);
	ccm_sbuf_done(&c->alternates);
}

static int make_env(const struct repo *r, const struct repo_git *git, struct call *c)
{
	size_t n = 0, count = 0;

	while (environ[count])
		count++;
	c->envp = calloc(count + 9, sizeof *c->envp);
	if (!c->envp)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!is_foreign(environ[i]))
			c->envp[n++] = environ[i];
	c->envp[n++] = "LC_ALL=C";
	c->envp[n++] = "GIT_TERMINAL_PROMPT=0";
	c->envp[n++] = "GIT_NO_LAZY_FETCH=1";
	c->envp[n++] = "GIT_ALLOW_PROTOCOL=";            /* none: older gits know no other way to fetch nothing */
	if (git->index) {
		ccm_sbuf_addf(&c->index, "GIT_INDEX_FILE=%s", git->index);
		c->envp[n++] = ccm_sbuf_str(&c->index);
	} else {
		c->envp[n++] = "GIT_OPTIONAL_LOCKS=0";
	}
	if (git->objects) {
		ccm_sbuf_addf(&c->objects, "GIT_OBJECT_DIRECTORY=%s", git->objects);
		git_lend_objects(&c->alternates, r->commondir);
		c->envp[n++] = ccm_sbuf_str(&c->objects);
		c->envp[n++] = ccm_sbuf_str(&c->alternates);
	}
	return c->index.failed || c->objects.failed || c->alternates.failed ? -ENOMEM : 0;
}

static int make_argv(const struct repo *r, const struct repo_git *git, struct call *c)
{
	const char *const always[] = {
		"git", "-C", r->worktree,
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.splitIndex=false",
		"-c", "core.checkStat=default", "-c", "core.trustctime=true", "-c", "status.relativePaths=false",
		"-c", "advice.addEmbeddedRepo=false", "-c", "submodule.recurse=false",
	};
	size_t count = 0;

	while (git->args[count])
		count++;
	c->argv = calloc(ARRAY_SIZE(always) + count + 1, sizeof *c->argv);
	if (!c->argv)
		return -ENOMEM;
	memcpy(c->argv, always, sizeof always);
	memcpy(c->argv + ARRAY_SIZE(always), git->args, count * sizeof *git->args);
	return 0;
}

/* What git said, in one line, without "fatal: ". */
static int say_failure(const struct repo_git *git, const struct ccm_proc_result *result, struct ccm_diag *diag)
{
	const char *words = ccm_sbuf_str(&result->err), *fatal = strstr(words, "fatal: ");

	if (result->error)
		return ccm_diag_set(diag, result->error, "cannot start git: %s", ccm_strerror(result->error));
	if (result->timed_out || result->interrupted)
		return ccm_diag_set(diag, -ETIMEDOUT, "git %s took too long", git->args[0]);
	if (result->signal)
		return ccm_diag_set(diag, -CCM_E_SAID, "git %s was ended by signal %d", git->args[0], result->signal);
	words = fatal ? fatal + 7 : strncmp(words, "error: ", 7) == 0 ? words + 7 : words;
	return ccm_diag_set(diag, -CCM_E_SAID, "git %s: %.*s", git->args[0], (int)strcspn(words, "\n"), words);
}

int repo_git_run(const struct repo *r, struct repo_git *calls, size_t count, int64_t timeout_ms, bool may_fail,
		 struct ccm_diag *diag)
{
	struct ccm_proc_spec specs[4] = { 0 };
	struct ccm_proc_result results[4] = { 0 };
	struct call made[4] = { 0 };
	_cleanup_free_ char *program = find_in_path("git");
	int e = 0;

	if (count > ARRAY_SIZE(specs))
		return -EINVAL;
	if (!program)
		return ccm_diag_set(diag, -ENOENT, "git is not in PATH");
	for (size_t i = 0; i < count && e == 0; i++) {
		e = make_argv(r, &calls[i], &made[i]);
		if (e == 0)
			e = make_env(r, &calls[i], &made[i]);
		specs[i] = (struct ccm_proc_spec){
			.path = program, .argv = made[i].argv, .envp = made[i].envp, .input = calls[i].input,
			.input_bytes = calls[i].input_bytes, .output_max_bytes = OUTPUT_MAX_BYTES, .timeout_ms = timeout_ms,
		};
	}
	if (e == 0)
		e = ccm_proc_run_all(specs, count, results);
	for (size_t i = 0; i < count; i++) {
		calls[i].exit_status = results[i].exit_status;
		ccm_sbuf_done(&calls[i].out);
		calls[i].out = results[i].out;
		results[i].out = (struct ccm_sbuf){ 0 };
		if (e == 0 && (results[i].error || results[i].exit_status < 0 || (results[i].exit_status > 0 && !may_fail)))
			e = say_failure(&calls[i], &results[i], diag);
		ccm_proc_result_done(&results[i]);
		call_done(&made[i]);
	}
	return e;
}

void repo_git_done(struct repo_git *call)
{
	ccm_sbuf_done(&call->out);
}
