/* SPDX-License-Identifier: MIT */
#include "context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/clock.h"
#include "libccm/db.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/proc.h"
#include "path.h"

#define STATUS_MAX_BYTES 65536
#define SCRIPT_MAX_BYTES ((size_t)512 * 1024)
#define MADE_MAX 500
#define CLOCK_SLACK_MS 20            /* files are dated by a clock that goes in steps */

extern char **environ;

static const struct { const char *name, *words; } conditions[] = {
#define X(id, name, words) { name, words },
	GUARD_CONDITIONS(X)
#undef X
};

int guard_condition_find(const char *name, size_t bytes)
{
	for (size_t i = 0; i < ARRAY_SIZE(conditions); i++)
		if (strlen(conditions[i].name) == bytes && strncmp(conditions[i].name, name, bytes) == 0)
			return (int)i;
	return -1;
}

const char *guard_condition_name(enum guard_condition condition)
{
	return conditions[condition].name;
}

const char *guard_condition_words(enum guard_condition condition)
{
	return conditions[condition].words;
}

/* What `git status` said of a directory, asked once. */
struct status {
	char *key;                   /* directory and pathspecs */
	enum guard_answer dirty, untracked, ignored;
};

/* Something this session made. */
struct made {
	char *path;                  /* absolute, links resolved */
	bool certain;                /* it was not there before: no need to ask when it was born */
};

struct guard_context {
	struct guard_context_source source;
	struct ccm_db *db;
	bool db_tried;
	struct status *statuses;
	size_t status_count;
	struct made *made;
	size_t made_count;
	int64_t session_ms;          /* when the session began */
	bool made_known;
	char **texts;                /* of scripts */
	size_t text_count;
	int64_t took_us, git_us;
};

struct guard_context *guard_context_new(const struct guard_context_source *source)
{
	struct guard_context *c = calloc(1, sizeof *c);

	if (c)
		c->source = *source;
	return c;
}

void guard_context_free(struct guard_context *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->status_count; i++)
		free(c->statuses[i].key);
	for (size_t i = 0; i < c->made_count; i++)
		free(c->made[i].path);
	for (size_t i = 0; i < c->text_count; i++)
		free(c->texts[i]);
	free(c->statuses);
	free(c->made);
	free(c->texts);
	ccm_db_close(c->db);
	free(c);
}

void guard_context_freep(struct guard_context **c)
{
	guard_context_free(*c);
}

int64_t guard_context_took_us(const struct guard_context *c)
{
	return c->took_us;
}

static struct ccm_db *database(struct guard_context *c)
{
	if (!c->db_tried && c->source.db &&
	    ccm_db_open(c->source.db, CCM_DB_READ, (int)c->source.busy_timeout_ms, &c->db, NULL) < 0)
		c->db = NULL;
	c->db_tried = true;
	return c->db;
}

/* ---- words */

static bool is_known(const struct guard_value *v)
{
	return v->known && v->bytes == strlen(v->text);
}

/* The sub-command of git and where it stands; 0: it has none that is known. */
static size_t git_sub(const struct guard_command *c)
{
	static const char *const valued[] = { "-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path",
					      "--super-prefix", "--config-env" };

	for (size_t i = 1; i < c->count; i++) {
		const char *w = c->words[i].text;

		if (!is_known(&c->words[i]))
			return 0;
		if (w[0] != '-')
			return i;
		for (size_t k = 0; k < ARRAY_SIZE(valued); k++)
			if (strcmp(w, valued[k]) == 0)
				i++;
	}
	return 0;
}

static bool is_git(const struct guard_command *c)
{
	return c->name && strcmp(c->name, "git") == 0;
}

/* Where git would look for its repository. False: nobody knows. */
static bool work_directory(const struct guard_command *c, char ret[PATH_MAX])
{
	size_t end = is_git(c) ? git_sub(c) : 0;

	if (!c->directory || c->flags & (GUARD_REMOTE | GUARD_CONTAINER) || strlen(c->directory) >= PATH_MAX)
		return false;
	for (size_t i = 0; i < c->env_count; i++)
		if (strcmp(c->env[i].name, "GIT_DIR") == 0 || strcmp(c->env[i].name, "GIT_WORK_TREE") == 0)
			return false;
	strcpy(ret, c->directory);
	for (size_t i = 1; i < end; i++) {
		const char *w = c->words[i].text;
		char from[PATH_MAX];

		if (strncmp(w, "--git-dir", 9) == 0 || strncmp(w, "--work-tree", 11) == 0)
			return false;
		if (strcmp(w, "-C") != 0 || i + 1 >= end)
			continue;
		strcpy(from, ret);
		if (!is_known(&c->words[i + 1]) || !guard_path_normalise(c->words[i + 1].text, from, ret, PATH_MAX))
			return false;
	}
	return true;
}

/* ---- the repository, read without git */

bool guard_find_repository(const char *dir, char *ret, size_t size)
{
	size_t bytes = strlen(dir);
	char path[PATH_MAX];
	struct stat st;

	if (dir[0] != '/' || bytes >= sizeof path - sizeof "/.git")
		return false;
	memcpy(path, dir, bytes + 1);
	while (bytes > 1 && path[bytes - 1] == '/')
		bytes--;
	for (;;) {
		if (bytes == 1)
			bytes = 0;
		memcpy(path + bytes, "/.git", sizeof "/.git");
		if (lstat(path, &st) == 0) {
			if (bytes == 0)
				path[bytes++] = '/';
			path[bytes] = '\0';
			return (size_t)snprintf(ret, size, "%s", path) < size;
		}
		if (bytes == 0)
			return false;
		path[bytes] = '\0';
		bytes = (size_t)(strrchr(path, '/') - path);
		if (bytes == 0)
			bytes = 1;
	}
}

/* First line of a small file; false: there is none. */
static bool first_line(const char *dir, const char *name, char *ret, size_t size)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	char path[PATH_MAX];
	size_t bytes;
	int r;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
		return false;
	r = ccm_read_regular(path, size, &text);
	if (r < 0)
		return false;
	bytes = strcspn(ccm_sbuf_str(&text), "\r\n");
	if (bytes >= size)
		return false;
	memcpy(ret, ccm_sbuf_str(&text), bytes);
	ret[bytes] = '\0';
	return true;
}

/* The folders where HEAD and where the branches are: .git, or what a worktree's .git names. */
static bool git_dirs(const char *dir, char head[PATH_MAX], char common[PATH_MAX])
{
	char top[PATH_MAX], line[PATH_MAX];
	struct stat st;

	if (!guard_find_repository(dir, top, sizeof top) ||
	    (size_t)snprintf(head, PATH_MAX, "%s/.git", strcmp(top, "/") == 0 ? "" : top) >= PATH_MAX)
		return false;
	if (stat(head, &st) < 0)
		return false;
	if (!S_ISDIR(st.st_mode)) {
		if (!first_line(top, ".git", line, sizeof line) || strncmp(line, "gitdir: ", 8) != 0 ||
		    !guard_path_normalise(line + 8, top, head, PATH_MAX))
			return false;
	}
	strcpy(common, head);
	return !first_line(head, "commondir", line, sizeof line) || guard_path_normalise(line, head, common, PATH_MAX);
}

static bool matches(const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*') {
			do
				if (matches(pattern + 1, text))
					return true;
			while (*text++);
			return false;
		}
		if (*pattern != *text)
			return false;
	}
	return !*text;
}

bool guard_is_shared_branch(const char *name)
{
	static const char *const names[] = {
		"main", "master", "trunk", "develop", "development", "dev", "default", "mainline", "production", "prod",
		"staging", "stable", "stable/*", "stable-*", "release", "releases", "release/*", "release-*", "releases/*", "hotfix/*",
		"maint", "maint-*", "next", "integration", "canary", "beta",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (matches(names[i], name))
			return true;
	return false;
}

/* The branch that is checked out. False: none, or nobody knows. */
static bool current_branch(const char *dir, char ret[PATH_MAX])
{
	char head[PATH_MAX], common[PATH_MAX], line[PATH_MAX];

	if (!git_dirs(dir, head, common) || !first_line(head, "HEAD", line, sizeof line) ||
	    strncmp(line, "ref: refs/heads/", 16) != 0)
		return false;
	strcpy(ret, line + 16);
	return true;
}

/* The branch a clone begins with is shared, whatever its name. */
static bool is_default_branch(const char *dir, const char *name)
{
	char head[PATH_MAX], common[PATH_MAX], line[PATH_MAX];

	return git_dirs(dir, head, common) && first_line(common, "refs/remotes/origin/HEAD", line, sizeof line) &&
	       strncmp(line, "ref: refs/remotes/origin/", 25) == 0 && strcmp(line + 25, name) == 0;
}

static enum guard_answer is_shared(const struct guard_context *c, const char *dir, const char *name)
{
	if (strncmp(name, "refs/heads/", 11) == 0)
		name += 11;
	for (const char *const *p = c->source.shared_branches; p && *p; p++)
		if (matches(*p, name))
			return GUARD_YES;
	return guard_is_shared_branch(name) || (dir && is_default_branch(dir, name)) ? GUARD_YES : GUARD_NO;
}

static enum guard_answer is_current_shared(const struct guard_context *c, const char *dir)
{
	char branch[PATH_MAX];

	return dir && current_branch(dir, branch) ? is_shared(c, dir, branch) : GUARD_MAYBE_SO;
}

static enum guard_answer is_ref_shared(const struct guard_context *c, const char *dir, const struct guard_value *ref)
{
	const char *name = ref->text, *colon;

	if (!is_known(ref))
		return GUARD_MAYBE_SO;
	if (*name == '+')
		name++;
	colon = strrchr(name, ':');
	if (colon)
		name = colon + 1;
	if (!*name || strcmp(name, "HEAD") == 0 || strcmp(name, "@") == 0)
		return is_current_shared(c, dir);
	if (strchr(name, '*'))
		return GUARD_YES;
	return is_shared(c, dir, name);
}

/* git push [OPTION...] [REMOTE [REFSPEC...]] */
static enum guard_answer is_push_shared(const struct guard_context *x, const struct guard_command *c, const char *dir,
					size_t sub)
{
	static const char *const valued[] = { "-o", "--push-option", "--repo", "--receive-pack", "--exec" };
	enum guard_answer worst = GUARD_NO;
	size_t operands = 0;
	bool options = true;

	for (size_t i = sub + 1; i < c->count; i++) {
		const char *w = c->words[i].text;
		bool skip = false;

		if (options && w[0] == '-' && w[1]) {
			options = strcmp(w, "--") != 0;
			if (strcmp(w, "--all") == 0 || strcmp(w, "--mirror") == 0 || strcmp(w, "--branches") == 0)
				return GUARD_YES;
			for (size_t k = 0; k < ARRAY_SIZE(valued); k++)
				skip = skip || strcmp(w, valued[k]) == 0;
			i += skip;
			continue;
		}
		if (operands++ > 0) {
			enum guard_answer one = is_ref_shared(x, dir, &c->words[i]);

			worst = one > worst ? one : worst;
		}
	}
	if (c->flags & GUARD_ARGS_OPEN && worst == GUARD_NO)
		worst = GUARD_MAYBE_SO;
	return operands > 1 ? worst : is_current_shared(x, dir);
}

static enum guard_answer is_branch_shared(const struct guard_context *x, const struct guard_command *c, const struct guard_value *const *operands,
					  size_t count)
{
	char buf[PATH_MAX];
	const char *dir = work_directory(c, buf) ? buf : NULL, *name;
	enum guard_answer worst = GUARD_NO;
	size_t sub = is_git(c) ? git_sub(c) : 0;

	name = sub ? c->words[sub].text : "";
	if (strcmp(name, "push") == 0)
		return is_push_shared(x, c, dir, sub);
	if (strcmp(name, "branch") != 0 && strcmp(name, "update-ref") != 0 && strcmp(name, "checkout") != 0 &&
	    strcmp(name, "switch") != 0)
		return is_current_shared(x, dir);
	for (size_t i = 0; i < count; i++) {
		enum guard_answer one = is_ref_shared(x, dir, operands[i]);

		worst = one > worst ? one : worst;
	}
	return count ? worst : is_current_shared(x, dir);
}

static enum guard_answer is_stashed(const char *dir)
{
	char head[PATH_MAX], common[PATH_MAX], line[PATH_MAX];

	if (!git_dirs(dir, head, common))
		return GUARD_MAYBE_SO;
	return first_line(common, "refs/stash", line, sizeof line) ? GUARD_YES : GUARD_NO;
}

/* ---- the repository, asked of git */

static bool find_program(const char *name, char ret[PATH_MAX])
{
	const char *p = getenv("PATH");

	for (; p && *p; p += strcspn(p, ":"), p += *p == ':') {
		int bytes = (int)strcspn(p, ":");

		if (*p == '/' && snprintf(ret, PATH_MAX, "%.*s/%s", bytes, p, name) < PATH_MAX && access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

/* The environment without what would lead git elsewhere, and with what keeps it from writing or asking. */
static const char **git_env(void)
{
	static const char *const ours[] = { "GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C" };
	const char **v;
	size_t n = 0;

	while (environ[n])
		n++;
	v = calloc(n + ARRAY_SIZE(ours) + 1, sizeof *v);
	if (!v)
		return NULL;
	n = 0;
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "GIT_", 4) != 0 && strncmp(*e, "LC_ALL=", 7) != 0)
			v[n++] = *e;
	for (size_t i = 0; i < ARRAY_SIZE(ours); i++)
		v[n++] = ours[i];
	return v;
}

static void read_status(const struct ccm_proc_result *result, struct status *s)
{
	const char *p = ccm_sbuf_str(&result->out), *end = p + result->out.bytes;

	s->dirty = s->untracked = s->ignored = GUARD_NO;
	while (end - p > 3) {
		bool renamed = p[0] == 'R' || p[0] == 'C';

		if (p[0] == '?')
			s->untracked = GUARD_YES;
		else if (p[0] == '!')
			s->ignored = s->ignored || !(guard_path_classify(&(struct guard_places){ .directory = "/" }, p + 3, "/").is &
						     GUARD_PATH_BUILD) ? GUARD_YES : GUARD_NO;
		else
			s->dirty = GUARD_YES;
		for (int names = renamed ? 2 : 1; names > 0 && p < end; names--)
			p += strnlen(p, (size_t)(end - p)) + 1;
	}
}

/* git status, for all of the repository or for some paths. */
static void ask_git(struct guard_context *c, const char *dir, const char *const *paths, size_t count,
		    bool ignored, struct status *s)
{
	const char *head[] = { "git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", dir, "status",
			       "--porcelain=v1", "-z", "--untracked-files=normal", "--ignore-submodules=none",
			       ignored ? "--ignored=traditional" : "--ignored=no", "--" };
	_cleanup_free_ const char **argv = calloc(ARRAY_SIZE(head) + count + 1, sizeof *argv);
	_cleanup_free_ const char **env = git_env();
	struct ccm_proc_result result = { 0 };
	char git[PATH_MAX];

	if (!argv || !env || !find_program("git", git) || c->git_us / 1000 >= c->source.git_timeout_ms)
		return;
	memcpy(argv, head, sizeof head);
	for (size_t i = 0; i < count; i++)
		argv[ARRAY_SIZE(head) + i] = paths[i];
	if (ccm_proc_run_all(&(struct ccm_proc_spec){ .path = git, .argv = argv, .envp = env,
						      .output_max_bytes = STATUS_MAX_BYTES,
						      .timeout_ms = c->source.git_timeout_ms - c->git_us / 1000 }, 1,
			     &result) == 0 && !result.error && result.exit_status == 0)
		read_status(&result, s);
	c->git_us += result.took_us;
	ccm_proc_result_done(&result);
}

/* The paths that `git restore`, `git clean` or `git checkout -- ` is about, written for git. Returns their count; 0: all there is. */
static size_t pathspecs(const struct guard_command *c, char **ret, size_t max)
{
	size_t sub = is_git(c) ? git_sub(c) : 0, count = 0, first = 0;
	bool clean = sub && strcmp(c->words[sub].text, "clean") == 0, restore = clean || (sub && strcmp(c->words[sub].text, "restore") == 0);

	if (!restore && !(sub && strcmp(c->words[sub].text, "checkout") == 0))
		return 0;
	for (size_t i = sub + 1; i < c->count && !first; i++)
		if (is_known(&c->words[i]) && strcmp(c->words[i].text, "--") == 0)
			first = i + 1;
	if (!first && !restore)
		return 0;
	for (size_t i = first ? first : sub + 1; i < c->count; i++) {
		const struct guard_value *v = &c->words[i];
		char *copy;

		if (!first && v->text[0] == '-') {
			if (strcmp(v->text, clean ? "-e" : "-s") == 0 || (clean && strcmp(v->text, "--exclude") == 0))
				i++;
			continue;
		}
		if (v->bytes != strlen(v->text) || strchr(v->text, GUARD_UNKNOWN) || count == max || !(copy = strdup(v->text))) {
			while (count)
				free(ret[--count]);
			return 0;
		}
		for (char *p = copy; *p; p++)
			*p = *p == GUARD_STAR ? '*' : *p == GUARD_ONE ? '?' : *p;
		ret[count++] = copy;
	}
	return c->flags & GUARD_ARGS_OPEN ? 0 : count;
}

static struct status *status_of(struct guard_context *c, const struct guard_command *command, bool ignored)
{
	char dir[PATH_MAX], top[PATH_MAX], *paths[64];
	_cleanup_sbuf_ struct ccm_sbuf key = { 0 };
	struct status *all, *found = NULL;
	size_t count;

	if (!work_directory(command, dir) || !guard_find_repository(dir, top, sizeof top))
		return NULL;
	count = pathspecs(command, paths, ARRAY_SIZE(paths));
	ccm_sbuf_addf(&key, "%d %s", ignored, dir);
	for (size_t i = 0; i < count; i++)
		ccm_sbuf_addf(&key, "\n%s", paths[i]);
	for (size_t i = 0; i < c->status_count && !found; i++)
		if (strcmp(c->statuses[i].key, ccm_sbuf_str(&key)) == 0)
			found = &c->statuses[i];
	all = found ? NULL : realloc(c->statuses, (c->status_count + 1) * sizeof *all);
	if (all) {
		c->statuses = all;
		found = &all[c->status_count];
		*found = (struct status){ ccm_sbuf_take(&key), GUARD_MAYBE_SO, GUARD_MAYBE_SO, GUARD_MAYBE_SO };
		if (found->key) {
			c->status_count++;
			ask_git(c, dir, (const char *const *)paths, count, ignored, found);
		} else {
			found = NULL;
		}
	}
	while (count)
		free(paths[--count]);
	return found;
}

/* Nothing in these files and directories would be lost that git does not have. */
static enum guard_answer are_saved(struct guard_context *c, const struct guard_command *command,
				   const struct guard_value *const *operands, size_t count)
{
	struct status s = { NULL, GUARD_MAYBE_SO, GUARD_MAYBE_SO, GUARD_MAYBE_SO };
	_cleanup_free_ const char **paths = calloc(count + 1, sizeof *paths);
	char dir[PATH_MAX], top[PATH_MAX];

	if (!paths || !count || command->flags & (GUARD_REMOTE | GUARD_CONTAINER | GUARD_ARGS_OPEN) ||
	    !work_directory(command, dir) || !guard_find_repository(dir, top, sizeof top))
		return GUARD_MAYBE_SO;
	for (size_t i = 0; i < count; i++) {
		/* What is not known, and what git would read as more than a name. */
		if (!is_known(operands[i]) || strpbrk(operands[i]->text, "*?[\\") || operands[i]->text[0] == ':')
			return GUARD_MAYBE_SO;
		paths[i] = operands[i]->text;
	}
	ask_git(c, dir, paths, count, true, &s);
	if (s.dirty == GUARD_YES || s.untracked == GUARD_YES || s.ignored == GUARD_YES)
		return GUARD_NO;
	return s.dirty == GUARD_NO && s.untracked == GUARD_NO && s.ignored == GUARD_NO ? GUARD_YES : GUARD_MAYBE_SO;
}

/* ---- what this session made */

/* When the file was made, in Unix milliseconds; 0: the file system does not say; negative: there is no such file. */
static int64_t born_ms(const char *path)
{
#ifdef STATX_BTIME
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BTIME, &st) < 0)
		return -1;
	return st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec * 1000 + st.stx_btime.tv_nsec / 1000000 : 0;
#else
	struct stat st;

	return lstat(path, &st) < 0 ? -1 : 0;
#endif
}

static void add_made(struct guard_context *c, const char *path, const char *dir, bool certain)
{
	char abs[PATH_MAX], real[PATH_MAX];
	struct made *made;

	if (c->made_count >= MADE_MAX || !guard_path_normalise(path, dir, abs, sizeof abs) || abs[0] != '/' ||
	    strpbrk(abs, "\001\002\003") || !guard_path_resolve(abs, real, sizeof real))
		return;
	made = realloc(c->made, (c->made_count + 1) * sizeof *made);
	if (!made)
		return;
	c->made = made;
	made[c->made_count] = (struct made){ strdup(real), certain };
	if (made[c->made_count].path)
		c->made_count++;
}

static void add_mkdir(struct guard_context *c, const struct guard_command *k)
{
	bool parents = false;

	if (!k->directory || k->flags & (GUARD_MAYBE | GUARD_REMOTE | GUARD_CONTAINER | GUARD_DRY_RUN))
		return;
	for (size_t i = 1; i < k->count; i++)
		if (k->words[i].text[0] == '-')
			parents = parents || strchr(k->words[i].text, 'p');
	for (size_t i = 1; i < k->count; i++) {
		const char *w = k->words[i].text;

		if (strcmp(w, "-m") == 0 || strcmp(w, "--mode") == 0)
			i++;
		else if (w[0] != '-' && is_known(&k->words[i]))
			add_made(c, w, k->directory, !parents);
	}
}

/* A Bash call that went well: what its mkdir made, and what mktemp printed. */
static void add_bash(struct guard_context *c, const struct ccm_json *event, const char *cwd)
{
	_cleanup_(guard_analysis_freep) struct guard_analysis *a = NULL;
	_cleanup_free_ char *command = NULL, *out = NULL;
	struct ccm_json v;

	if (ccm_json_path(event, "tool_input.command", &v) && v.type == CCM_JSON_STRING)
		command = ccm_json_string(&v);
	if (!command || guard_analyse(&(struct guard_source){ .text = command, .bytes = strlen(command), .directory = cwd,
							      .home = getenv("HOME") ? getenv("HOME") : "/" }, &a) < 0)
		return;
	for (size_t i = 0; i < a->count; i++)
		if (a->commands[i].name && strcmp(a->commands[i].name, "mkdir") == 0)
			add_mkdir(c, &a->commands[i]);
	if (!strstr(command, "mktemp") || !ccm_json_path(event, "tool_response.stdout", &v) || v.type != CCM_JSON_STRING)
		return;
	out = ccm_json_string(&v);
	for (char *line = out, *next; line && *line; line = next) {
		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (line[0] == '/')
			add_made(c, line, "/", false);
	}
}

static void add_write(struct guard_context *c, const struct ccm_json *event)
{
	_cleanup_free_ char *path = NULL;
	struct ccm_json v;

	if (!ccm_json_path(event, "tool_response.type", &v) || !ccm_json_is(&v, "create") ||
	    !ccm_json_path(event, "tool_input.file_path", &v) || v.type != CCM_JSON_STRING)
		return;
	path = ccm_json_string(&v);
	if (path && path[0] == '/')
		add_made(c, path, "/", true);
}

static void find_made(struct guard_context *c)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	struct ccm_db *db = c->made_known || !c->source.session_id ? NULL : database(c);

	c->made_known = true;
	if (!db || ccm_db_query(db, Q_GUARD_MADE, DB_ARGS(DB_TEXT("session_id", c->source.session_id)), &rows) < 0)
		return;
	while (ccm_rows_next(&rows) > 0) {
		const char *cwd = ccm_rows_text(&rows, "cwd"), *tool = ccm_rows_text(&rows, "tool");
		size_t bytes;
		const char *body = ccm_rows_blob(&rows, "body", &bytes);
		struct ccm_json event;

		c->session_ms = ccm_rows_int(&rows, "first_ms");
		if (!body || ccm_json_parse(body, bytes, &event, &(struct ccm_json_error){ 0 }) < 0)
			continue;
		if (tool && strcmp(tool, "Write") == 0)
			add_write(c, &event);
		else if (cwd)
			add_bash(c, &event, cwd);
	}
}

/* A file that was there before the session was not made by it, whatever mkdir -p was told. */
static bool is_made(const struct guard_context *c, const struct made *m)
{
	int64_t born = born_ms(m->path);

	return born < 0 || (born ? born >= c->session_ms - CLOCK_SLACK_MS : m->certain);
}

static enum guard_answer was_made(struct guard_context *c, const char *path)
{
	for (size_t i = 0; i < c->made_count; i++) {
		size_t bytes = strlen(c->made[i].path);

		if (strncmp(path, c->made[i].path, bytes) == 0 && (path[bytes] == '/' || !path[bytes]) && is_made(c, &c->made[i]))
			return GUARD_YES;
	}
	return GUARD_NO;
}

static enum guard_answer are_made(struct guard_context *c, const struct guard_command *command,
				  const struct guard_value *const *operands, size_t count)
{
	if (!count || command->flags & (GUARD_REMOTE | GUARD_CONTAINER | GUARD_ARGS_OPEN))
		return GUARD_NO;
	find_made(c);
	if (!c->made_count)
		return GUARD_NO;
	for (size_t i = 0; i < count; i++) {
		char abs[PATH_MAX], real[PATH_MAX];

		/* What is behind an unknown part may lead out again by "..": only a pattern in a known directory will do. */
		if (operands[i]->bytes != strlen(operands[i]->text) || strchr(operands[i]->text, GUARD_UNKNOWN) ||
		    (operands[i]->text[0] != '/' && !command->directory) ||
		    !guard_path_normalise(operands[i]->text, command->directory, abs, sizeof abs))
			return GUARD_NO;
		for (char *p = abs; *p; p++)
			if (*p == GUARD_STAR || *p == GUARD_ONE) {
				while (p > abs && *p != '/')
					p--;
				*p = '\0';
				break;
			}
		if (!guard_path_resolve(abs, real, sizeof real) || was_made(c, real) != GUARD_YES)
			return GUARD_NO;
	}
	return GUARD_YES;
}

/* The program that the process of that number runs is one of ours. */
static bool is_ccm(const char *number)
{
	char link[64], program[PATH_MAX];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof link, "/proc/%.20s/exe", number);
	n = readlink(link, program, sizeof program - 1);
	if (n < 0)
		return false;
	program[n] = '\0';
	name = strrchr(program, '/');
	return name && strncmp(name, "/ccm-", 5) == 0;
}

/* A number, or - and that of a group, whose leader has the same; a signal's number is that of no process of ours. */
static enum guard_answer names_ccm(const struct guard_command *command)
{
	for (size_t i = 1; i < command->count; i++) {
		const char *number = command->words[i].text + (command->words[i].text[0] == '-');

		if (*number && !number[strspn(number, "0123456789")] && is_ccm(number))
			return GUARD_YES;
	}
	return GUARD_NO;
}

static enum guard_answer one_exists(const struct guard_command *command, const struct guard_value *const *operands,
				    size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char abs[PATH_MAX];
		struct stat st;

		if (!is_known(operands[i]) || (operands[i]->text[0] != '/' && !command->directory) ||
		    !guard_path_normalise(operands[i]->text, command->directory, abs, sizeof abs))
			return GUARD_MAYBE_SO;
		if (lstat(abs, &st) == 0)
			return GUARD_YES;
	}
	return command->flags & (GUARD_REMOTE | GUARD_CONTAINER | GUARD_ARGS_OPEN) || !count ? GUARD_MAYBE_SO : GUARD_NO;
}

/* ---- */

static enum guard_answer answer(struct guard_context *c, enum guard_condition condition,
				const struct guard_command *command, const struct guard_value *const *operands, size_t count)
{
	char dir[PATH_MAX], top[PATH_MAX];
	struct status *s;

	if (command->flags & GUARD_FRESH && (condition == GUARD_CONDITION_DIRTY_TREE || condition == GUARD_CONDITION_UNTRACKED ||
					     condition == GUARD_CONDITION_IGNORED || condition == GUARD_CONDITION_STASHED))
		return GUARD_NO;
	switch (condition) {
	case GUARD_CONDITION_IN_GIT:
		if (!work_directory(command, dir))
			return GUARD_MAYBE_SO;
		return guard_find_repository(dir, top, sizeof top) ? GUARD_YES : GUARD_NO;
	case GUARD_CONDITION_DIRTY_TREE:
		s = status_of(c, command, false);
		return s ? s->dirty : GUARD_MAYBE_SO;
	case GUARD_CONDITION_UNTRACKED:
		s = status_of(c, command, false);
		return s ? s->untracked : GUARD_MAYBE_SO;
	case GUARD_CONDITION_IGNORED:
		s = status_of(c, command, true);
		return s ? s->ignored : GUARD_MAYBE_SO;
	case GUARD_CONDITION_STASHED:
		return work_directory(command, dir) ? is_stashed(dir) : GUARD_MAYBE_SO;
	case GUARD_CONDITION_SHARED_BRANCH:
		return is_branch_shared(c, command, operands, count);
	case GUARD_CONDITION_MADE_HERE:
		return are_made(c, command, operands, count);
	case GUARD_CONDITION_CCM_PROCESS:
		return names_ccm(command);
	case GUARD_CONDITION_EXISTS:
		return one_exists(command, operands, count);
	case GUARD_CONDITION_SAVED:
		return are_saved(c, command, operands, count);
	case GUARD_CONDITION_COUNT:
		break;
	}
	return GUARD_MAYBE_SO;
}

enum guard_answer guard_context_ask(struct guard_context *c, enum guard_condition condition,
				    const struct guard_command *command, const struct guard_value *const *operands,
				    size_t count)
{
	int64_t start_us = ccm_mono_us();
	enum guard_answer a = answer(c, condition, command, operands, count);

	c->took_us += ccm_mono_us() - start_us;
	return a;
}

/* ---- scripts */

static bool is_file(const struct guard_value *word, const char *directory, const char *path)
{
	char abs[PATH_MAX], real[PATH_MAX];

	if (!is_known(word) || (word->text[0] != '/' && !directory) || !guard_path_normalise(word->text, directory, abs, sizeof abs))
		return false;
	return strcmp(abs, path) == 0 || (guard_path_resolve(abs, real, sizeof real) && strcmp(real, path) == 0);
}

static bool writes_file(const struct guard_command *c, const char *path)
{
	for (size_t i = 0; i < c->redirect_count; i++) {
		const struct guard_redirect *r = &c->redirects[i];

		if ((r->kind == GUARD_WRITE || r->kind == GUARD_APPEND || r->kind == GUARD_READ_WRITE) &&
		    is_file(&r->target, c->directory, path))
			return true;
	}
	for (size_t i = 1; c->name && strcmp(c->name, "tee") == 0 && i < c->count; i++)
		if (is_file(&c->words[i], c->directory, path))
			return true;
	return false;
}

/* Read as the walk reads it, but without shfmt: there may be several to look through. */
static bool command_writes(const char *command, const char *cwd, const char *path)
{
	_cleanup_(guard_analysis_freep) struct guard_analysis *a = NULL;
	const char *home = getenv("HOME");

	if (guard_analyse(&(struct guard_source){ .text = command, .bytes = strlen(command), .directory = cwd,
						  .home = home ? home : "/", .without_parser = true }, &a) < 0)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (writes_file(&a->commands[i], path))
			return true;
	return false;
}

/* cat >x.sh <<EOF, printf ... | tee x.sh: a command of this session wrote it. */
static bool was_written_by_shell(struct guard_context *c, struct ccm_db *db, const char *path)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };
	const char *slash = strrchr(path, '/');
	char real[PATH_MAX];

	if (!slash || !guard_path_resolve(path, real, sizeof real) ||
	    ccm_db_query(db, Q_GUARD_SHELL, DB_ARGS(DB_TEXT("session_id", c->source.session_id), DB_TEXT("name", slash + 1)),
			 &rows) < 0)
		return false;
	while (ccm_rows_next(&rows) > 0) {
		const char *cwd = ccm_rows_text(&rows, "cwd");
		_cleanup_free_ char *command = NULL;
		size_t bytes;
		const char *body = ccm_rows_blob(&rows, "body", &bytes);
		struct ccm_json event, value;

		if (!body || !cwd || cwd[0] != '/' || ccm_json_parse(body, bytes, &event, &(struct ccm_json_error){ 0 }) < 0 ||
		    !ccm_json_path(&event, "tool_input.command", &value) || value.type != CCM_JSON_STRING)
			continue;
		command = ccm_json_string(&value);
		if (command && (command_writes(command, cwd, path) || (strcmp(real, path) != 0 && command_writes(command, cwd, real))))
			return true;
	}
	return false;
}

static bool was_written(struct guard_context *c, struct ccm_db *db, const char *path)
{
	_cleanup_rows_ struct ccm_rows rows = { 0 };

	if (ccm_db_query(db, Q_GUARD_WROTE, DB_ARGS(DB_TEXT("session_id", c->source.session_id), DB_TEXT("path", path)), &rows) < 0)
		return false;
	return ccm_rows_next(&rows) > 0 || was_written_by_shell(c, db, path);
}

const char *guard_context_script(void *context, const char *path, size_t *ret_bytes)
{
	struct guard_context *c = context;
	struct ccm_sbuf text = { 0 };
	struct ccm_db *db = c->source.session_id ? database(c) : NULL;
	char **texts;

	if (!db || !was_written(c, db, path))
		return NULL;
	texts = realloc(c->texts, (c->text_count + 1) * sizeof *texts);
	if (!texts)
		return NULL;
	c->texts = texts;
	/* What would run is what is on disk now, later edits included; the stored event may hold only its beginning. */
	if (ccm_read_regular(path, SCRIPT_MAX_BYTES, &text) < 0 || ccm_sbuf_error(&text) < 0) {
		ccm_sbuf_done(&text);
		return NULL;
	}
	*ret_bytes = text.bytes;
	texts[c->text_count] = text.bytes ? ccm_sbuf_take(&text) : strdup("");
	return texts[c->text_count] ? texts[c->text_count++] : NULL;
}
