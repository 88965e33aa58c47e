/* SPDX-License-Identifier: MIT */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/host_settings.h"
#include "libccm/io.h"
#include "network.h"

#define TEXT_MAX ((size_t)4 << 20)
#define CONTEXT_MAX ((size_t)256 << 10)
#define IMPORT_DEPTH_MAX 5
#define IMPORTS_MAX 100
#define SKILL_FILES_MAX 2000
#define SKILL_DEPTH_MAX 8

void agent_done(struct agent *a)
{
	free(a->program);
	free(a->package);
	free(a->hook);
	free(a->supervisor);
	words_done(&a->argv);
	*a = (struct agent){ 0 };
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* ---- which program ---- */

static char *find_in_path(const char *name)
{
	const char *path = getenv("PATH");
	size_t bytes;

	for (const char *p = path && path[0] ? path : "/usr/local/bin:/usr/bin:/bin"; *p; p += bytes, p += *p == ':') {
		struct ccm_sbuf file = { 0 };
		struct stat st;
		char *found;

		bytes = strcspn(p, ":");
		if (*p != '/')
			continue;
		ccm_sbuf_addf(&file, "%.*s/%s", (int)bytes, p, name);
		found = ccm_sbuf_take(&file);
		if (found && stat(found, &st) == 0 && S_ISREG(st.st_mode) && access(found, X_OK) == 0)
			return found;
		free(found);
	}
	return NULL;
}

static bool is_script(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char begin[2];

	return fd >= 0 && read(fd, begin, sizeof begin) == sizeof begin && begin[0] == '#' && begin[1] == '!';
}

/* A script that came by a package manager reads what lies around it: node_modules/NAME or node_modules/@SCOPE/NAME, with
 * the modules beside it. */
static int find_package(struct agent *a)
{
	const char *modules = strstr(a->program, "/node_modules/");

	if (!is_script(a->program))
		return 0;
	a->package = modules ? strndup(a->program, (size_t)(modules - a->program) + strlen("/node_modules")) :
			       strdup(a->program);
	return a->package ? 0 : -ENOMEM;
}

static int find_hook(struct agent *a, const char *self, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf beside = { 0 };
	_cleanup_free_ char *found = NULL;

	ccm_sbuf_addf(&beside, "%.*s%s", (int)(last_part(self) - self), self, CCM_HOST_COMMAND);
	if (ccm_sbuf_error(&beside))
		return -ENOMEM;
	if (access(beside.text, X_OK) == 0)
		found = strdup(beside.text);
	else
		found = find_in_path(CCM_HOST_COMMAND);
	a->hook = found ? realpath(found, NULL) : NULL;
	if (!a->hook)
		return ccm_diag_set(diag, -ENOENT, "ccm-hook is neither beside '%s' nor in PATH: install it, a task's events and "
				    "automations go through it", self);
	return 0;
}

static bool is_below(const char *path, const char *folder)
{
	size_t bytes = strlen(folder);

	return strncmp(path, folder, bytes) == 0 && path[bytes] == '/';
}

int agent_find(struct agent *ret, const struct place *p, const char *self, const char *const *argv,
	       struct ccm_diag *diag)
{
	_cleanup_free_ char *found = NULL;
	struct agent a = { 0 };
	const char *name = last_part(argv[0]);
	struct stat st;
	int r = 0;

	a.kind = strcmp(name, "claude") == 0 ? CCM_AGENT_CLAUDE :
		 strcmp(name, "codex") == 0 ? CCM_AGENT_CODEX : CCM_AGENT_CUSTOM;
	if (!strchr(argv[0], '/')) {
		found = find_in_path(argv[0]);
		if (!found)
			return ccm_diag_set(diag, -ENOENT, "there is no program '%s' in PATH", argv[0]);
	} else {
		struct ccm_sbuf path = { 0 };

		/* A relative path is meant in the task's worktree, not where the person stands. */
		ccm_sbuf_addf(&path, "%s%s%s", argv[0][0] == '/' ? "" : p->work, argv[0][0] == '/' ? "" : "/", argv[0]);
		found = ccm_sbuf_take(&path);
		if (!found)
			return -ENOMEM;
		if (access(found, X_OK) < 0)
			return ccm_diag_set(diag, -errno, "cannot run '%s': %s", found, strerror(errno));
	}
	a.program = realpath(found, NULL);
	if (!a.program)
		return ccm_diag_set(diag, -errno, "cannot run '%s': %s", found, strerror(errno));
	if (stat(a.program, &st) < 0 || !S_ISREG(st.st_mode)) {
		agent_done(&a);
		return ccm_diag_set(diag, -EACCES, "cannot run '%s': it is no file", found);
	}
	/* What lies in the task may be a link that the agent made: that opens no door to what it names. */
	if (is_below(found, p->dir) && !is_below(a.program, p->work)) {
		free(a.program);
		a.program = NULL;
	}
	r = a.program ? find_package(&a) : 0;
	if (r == 0)
		r = find_hook(&a, self, diag);
	if (r == 0) {
		a.supervisor = realpath(self, NULL);
		r = a.supervisor ? 0 : -errno;
	}
	for (size_t i = 0; argv[i] && r == 0; i++)
		r = words_add(&a.argv, argv[i]);
	if (r < 0) {
		agent_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}

/* ---- ctl/ ---- */

struct ctl {
	const struct agent *agent;
	const struct place *place;
	const struct ccm_paths *paths;
	const struct profile *profile;
	const struct source *source;
	struct ccm_diag *diag;
	size_t files;                /* of skills, so far */
};

static char *path_of(const char *dir, const char *name)
{
	struct ccm_sbuf s = { 0 };

	ccm_sbuf_addf(&s, "%s/%s", dir, name);
	return ccm_sbuf_take(&s);
}

static int make_dir(struct ctl *c, const char *dir, const char *name)
{
	_cleanup_free_ char *path = path_of(dir, name);
	int r = path ? ccm_mkdir_p(path, 0700) : -ENOMEM;

	return r < 0 ? ccm_diag_set(c->diag, r, "cannot create '%s': %s", path ? path : name, ccm_strerror(r)) : 0;
}

static int put(struct ctl *c, const char *dir, const char *name, const char *text, size_t bytes, mode_t mode)
{
	_cleanup_free_ char *path = path_of(dir, name);
	int r = path ? ccm_write_file(path, text, bytes, mode, false) : -ENOMEM;

	return r < 0 ? ccm_diag_set(c->diag, r, "cannot write '%s': %s", path ? path : name, ccm_strerror(r)) : 0;
}

/* Follows links: what is copied is the person's own. 1: there is no such file. */
static int copy(struct ctl *c, const char *from, const char *dir, const char *name, mode_t mode)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = ccm_read_regular(from, TEXT_MAX, &text);

	if (r == -ENOENT || r == -ENOTDIR)
		return 1;
	if (r < 0)
		return ccm_diag_set(c->diag, r, "cannot read '%s': %s", from, ccm_strerror(r));
	return put(c, dir, name, ccm_sbuf_str(&text), text.bytes, mode);
}

static int link_to(struct ctl *c, const char *dir, const char *name, const char *to)
{
	_cleanup_free_ char *path = path_of(dir, name);

	if (!path)
		return -ENOMEM;
	if (symlink(to, path) < 0 && errno != EEXIST)
		return ccm_diag_set(c->diag, -errno, "cannot create '%s': %s", path, strerror(errno));
	return 0;
}

static int make_bin(struct ctl *c)
{
	_cleanup_free_ char *bin = path_of(c->place->ctl, "bin");
	int r = bin ? make_dir(c, c->place->ctl, "bin") : -ENOMEM;

	if (r == 0)
		r = link_to(c, bin, CCM_HOST_COMMAND, c->agent->hook);
	if (r == 0)
		r = link_to(c, bin, "ccm-supervisor", c->agent->supervisor);
	/* By its own name, so that an agent that starts itself again finds itself. */
	if (r == 0 && !strchr(c->agent->argv.list[0], '/'))
		r = link_to(c, bin, c->agent->argv.list[0], c->agent->program);
	return r;
}

/* The regular files of one of the person's folders, links followed. A missing one is fine. */
static int copy_files(struct ctl *c, const char *folder, const char *to)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);
	struct dirent *d;
	int r = 0;

	while (dir && r >= 0 && (d = readdir(dir))) {
		_cleanup_free_ char *from = path_of(folder, d->d_name);
		struct stat st;

		if (d->d_name[0] == '.')
			continue;
		if (!from)
			return -ENOMEM;
		if (stat(from, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		r = copy(c, from, to, d->d_name, st.st_mode & 0100 ? 0700 : 0600);
	}
	return r < 0 ? r : 0;
}

static int copy_automations(struct ctl *c, const char *home)
{
	_cleanup_free_ char *to = path_of(home, "automations/enabled");

	return to ? copy_files(c, c->paths->enabled, to) : -ENOMEM;
}

/* Rules of the person's own. */
static int copy_guard(struct ctl *c, const char *home)
{
	_cleanup_free_ char *from = path_of(c->paths->home, "guard.d"), *to = path_of(home, "guard.d");
	int r;

	if (!from || !to)
		return -ENOMEM;
	if (access(from, F_OK) < 0)
		return 0;
	r = make_dir(c, home, "guard.d");
	return r < 0 ? r : copy_files(c, from, to);
}

static int make_home(struct ctl *c)
{
	_cleanup_free_ char *home = path_of(c->place->ctl, "ccm");
	int r = home ? make_dir(c, home, "automations/enabled") : -ENOMEM;

	if (r == 0)
		r = make_dir(c, home, "automations/available");
	if (r == 0)
		r = copy(c, c->paths->config, home, "config.ini", 0600);
	if (r >= 0)
		r = copy_automations(c, home);
	if (r == 0)
		r = copy_guard(c, home);
	if (r == 0)
		r = make_dir(c, c->place->channel, "spool");
	return r;
}

/* ---- Claude Code ---- */

static char *claude_dir(void)
{
	const char *dir = getenv("CLAUDE_CONFIG_DIR"), *home = getenv("HOME");

	if (dir && dir[0] == '/')
		return strdup(dir);
	return home ? path_of(home, ".claude") : NULL;
}

/* What of the person's settings a task keeps: nothing that runs programs. */
static int begin_settings(const char *person, json_t **ret)
{
	static const char *const kept[] = { "model", "permissions", "outputStyle", "language" };
	_cleanup_free_ char *path = path_of(person, "settings.json");
	json_auto_t *own = path ? json_load_file(path, 0, NULL) : NULL, *settings = json_object();

	for (size_t i = 0; i < ARRAY_SIZE(kept) && own; i++) {
		json_t *value = json_object_get(own, kept[i]);

		if (value && json_object_set(settings, kept[i], value) < 0)
			return -ENOMEM;
	}
	/* Its own sandbox cannot be set up inside ours. */
	if (!settings || json_object_set_new(settings, "sandbox", json_pack("{s:b}", "enabled", 0)) < 0)
		return -ENOMEM;
	*ret = json_incref(settings);
	return 0;
}

static int make_settings(struct ctl *c, const char *person)
{
	const struct ccm_host_event *all, *wanted[64];
	_cleanup_host_report_ struct ccm_host_report report = { 0 };
	_cleanup_free_ char *hook = path_of(c->place->ctl, "bin/" CCM_HOST_COMMAND), *text = NULL;
	_cleanup_sbuf_ struct ccm_sbuf doc = { 0 };
	struct ccm_host_registration want = { .command = hook, .events = wanted };
	json_auto_t *settings = NULL;
	size_t count;
	int r = hook ? begin_settings(person, &settings) : -ENOMEM;

	if (r < 0)
		return r;
	text = json_dumps(settings, JSON_INDENT(2));
	if (!text)
		return -ENOMEM;
	all = ccm_host_events(&count);
	for (size_t i = 0; i < count && want.event_count < ARRAY_SIZE(wanted); i++)
		if (all[i].registered)
			wanted[want.event_count++] = &all[i];
	ccm_sbuf_addf(&doc, "%s\n", text);
	r = ccm_sbuf_error(&doc);
	if (r == 0)
		r = ccm_host_register(&doc, false, &want, &report, c->diag);
	return r < 0 ? r : put(c, c->place->ctl, "settings.json", ccm_sbuf_str(&doc), doc.bytes, 0600);
}

static void add_part(struct ccm_sbuf *out, const char *what, const char *text, size_t bytes)
{
	if (bytes > CONTEXT_MAX)
		bytes = CONTEXT_MAX;
	ccm_sbuf_addf(out, "%sContents of %s:\n\n", out->bytes ? "\n\n" : "", what);
	ccm_sbuf_add(out, text, bytes);
}

/* What CLAUDE.md files say, and what they import by @PATH. */
struct context {
	struct ctl *ctl;
	struct ccm_sbuf text;
	struct words seen;
};

/* "docs/a.md" and "../b.md" make "b.md". 1: it would leave the folder. */
static int join_path(const char *file, const char *path, struct ccm_sbuf *ret)
{
	_cleanup_sbuf_ struct ccm_sbuf whole = { 0 };
	size_t bytes;

	ccm_sbuf_addf(&whole, "%.*s%s", path[0] == '/' ? 0 : (int)(last_part(file) - file), file, path);
	if (ccm_sbuf_error(&whole))
		return -ENOMEM;
	if (whole.text[0] == '/')
		ccm_sbuf_addc(ret, '/');
	for (const char *at = whole.text; *at; at += bytes, at += *at == '/') {
		bytes = strcspn(at, "/");
		if (bytes == 0 || (bytes == 1 && *at == '.'))
			continue;
		if (bytes == 2 && at[0] == '.' && at[1] == '.') {
			if (ret->bytes == 0 || strcmp(ret->text, "/") == 0)
				return 1;
			ret->bytes = (size_t)(last_part(ret->text) - ret->text);
			if (ret->bytes > 1)
				ret->bytes--;
			ret->text[ret->bytes] = '\0';
			continue;
		}
		ccm_sbuf_addf(ret, "%s%.*s", ret->bytes && ret->text[ret->bytes - 1] != '/' ? "/" : "", (int)bytes, at);
	}
	return ccm_sbuf_error(ret) < 0 ? -ENOMEM : ret->bytes == 0;
}

static int add_file(struct context *x, bool own, const char *file, const char *what, int depth);

/* The project's files import what is in the repository; the person's what is on this machine. */
static int add_import(struct context *x, bool own, const char *file, const char *token, size_t bytes, int depth)
{
	_cleanup_free_ char *path = strndup(token, bytes);
	_cleanup_sbuf_ struct ccm_sbuf whole = { 0 }, home = { 0 };
	const char *at_home = getenv("HOME");
	int r;

	if (!path)
		return -ENOMEM;
	if (!own && (path[0] == '~' || path[0] == '/'))
		return 0;
	if (path[0] == '~' && path[1] == '/' && at_home) {
		ccm_sbuf_addf(&home, "%s%s", at_home, path + 1);
		if (ccm_sbuf_error(&home))
			return -ENOMEM;
	}
	r = join_path(file, home.bytes ? home.text : path, &whole);
	return r ? (r < 0 ? r : 0) : add_file(x, own, whole.text, "an imported file", depth + 1);
}

/* @PATH behind a blank or at the beginning of a line, not in code. What is no file is only a word with an @. */
static int add_imports(struct context *x, bool own, const char *file, const char *text, int depth)
{
	bool fenced = false;
	int r = 0;

	for (const char *line = text; *line && r == 0; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *first = line + strspn(line, " \t");
		bool code = false;

		if (strncmp(first, "```", 3) == 0 || strncmp(first, "~~~", 3) == 0) {
			fenced = !fenced;
			continue;
		}
		for (const char *at = line; at < end && !fenced && r == 0; at++) {
			code ^= *at == '`';
			if (*at == '@' && !code && (at == line || at[-1] == ' ' || at[-1] == '\t'))
				r = add_import(x, own, file, at + 1, strcspn(at + 1, " \t\r\n"), depth);
		}
	}
	return r;
}

/* The repository's are read from the base, not from files that an agent may have changed since. */
static int read_context(struct context *x, bool own, const char *file, struct ccm_sbuf *text)
{
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	int r;

	if (own) {
		r = ccm_read_regular(file, TEXT_MAX, text);
		return r == -ENOMEM ? r : r < 0;
	}
	ccm_sbuf_addf(&name, "%s:%s", x->ctl->source->base, file);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	return git_try(&x->ctl->source->git, text, NULL, "cat-file", "blob", name.text, NULL);
}

static int add_file(struct context *x, bool own, const char *file, const char *what, int depth)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, title = { 0 };
	int r;

	if (depth > IMPORT_DEPTH_MAX || x->seen.count >= IMPORTS_MAX || words_have(&x->seen, file))
		return 0;
	r = read_context(x, own, file, &text);
	if (r == 0)
		r = words_add(&x->seen, file);
	if (r || !text.bytes)
		return r < 0 ? r : 0;
	ccm_sbuf_addf(&title, "%s (%s)", what, depth || !own ? file : "~/.claude/CLAUDE.md");
	if (ccm_sbuf_error(&title))
		return -ENOMEM;
	add_part(&x->text, title.text, text.text, text.bytes);
	return add_imports(x, own, file, text.text, depth);
}

static int make_context(struct ctl *c, const char *person)
{
	static const char *const names[] = { "CLAUDE.md", ".claude/CLAUDE.md" };
	_cleanup_free_ char *own = path_of(person, "CLAUDE.md");
	struct context x = { .ctl = c };
	int r = own ? add_file(&x, true, own, "the user's private global instructions", 0) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++)
		r = add_file(&x, false, names[i], "the project's instructions", 0);
	ccm_sbuf_addf(&x.text, "%sYou work in a task of ccm: a git worktree of your own, on a branch of your own, in a sandbox. "
		      "Commit what you have done; a person reviews and merges your commits. Pushing, switching branches, "
		      "stash, tag, rebase and submodules are not possible here, and nothing outside of the worktree can be "
		      "changed.\n", x.text.bytes ? "\n\n" : "");
	if (r == 0)
		r = ccm_sbuf_error(&x.text);
	if (r == 0)
		r = put(c, c->place->ctl, "context.md", x.text.text, x.text.bytes, 0600);
	ccm_sbuf_done(&x.text);
	words_done(&x.seen);
	return r;
}

static int copy_folder(struct ctl *c, const char *from, const char *dir, const char *name, int depth)
{
	_cleanup_closedir_ DIR *d = opendir(from);
	_cleanup_free_ char *to = path_of(dir, name);
	struct dirent *e;
	int r;

	if (!d || depth > SKILL_DEPTH_MAX)
		return 0;
	r = make_dir(c, dir, name);
	while (r >= 0 && (e = readdir(d))) {
		_cleanup_free_ char *path = path_of(from, e->d_name);
		struct stat st;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (!path || !to)
			return -ENOMEM;
		if (lstat(path, &st) < 0)
			continue;
		if (++c->files > SKILL_FILES_MAX)
			return ccm_diag_set(c->diag, -EFBIG, "the skills hold more than %d files", SKILL_FILES_MAX);
		if (S_ISDIR(st.st_mode))
			r = copy_folder(c, path, to, e->d_name, depth + 1);
		else if (S_ISREG(st.st_mode))
			r = copy(c, path, to, e->d_name, st.st_mode & 0100 ? 0700 : 0600);
	}
	return r < 0 ? r : 0;
}

static int make_plugin(struct ctl *c, const char *person)
{
	static const char about[] = "{ \"name\": \"ccm\", \"description\": \"skills passed into the task\", \"version\": \"1.0.0\" }\n";
	_cleanup_free_ char *from = path_of(person, "skills"), *to = path_of(c->place->ctl, "plugin/skills");
	_cleanup_closedir_ DIR *dir = from ? opendir(from) : NULL;
	const struct words *skills = &c->profile->skills;
	struct dirent *d;
	int r;

	if (!from || !to)
		return -ENOMEM;
	r = make_dir(c, c->place->ctl, "plugin/.claude-plugin");
	if (r == 0)
		r = make_dir(c, c->place->ctl, "plugin/skills");
	if (r == 0)
		r = put(c, c->place->ctl, "plugin/.claude-plugin/plugin.json", about, strlen(about), 0600);
	while (dir && r == 0 && (d = readdir(dir))) {
		_cleanup_free_ char *path = path_of(from, d->d_name);

		if (!path)
			return -ENOMEM;
		if (d->d_name[0] != '.' && (words_have(skills, "*") || words_have(skills, d->d_name)))
			r = copy_folder(c, path, to, d->d_name, 0);
	}
	return r;
}

/* What a person answers once: theme, "do you trust this folder?", "use this API key?". */
static int make_state(struct ctl *c)
{
	static const char *const dirs[] = { "projects", "sessions", "session-env", "shell-snapshots", "todos", "tasks", "plans",
					    "file-history", "backups", "debug", "statsig", "telemetry", "cache", "plugins",
					    "ide", "jobs", "paste-cache", "image-cache", "usage-data", "uploads" };
	_cleanup_free_ char *file = path_of(c->place->claude, ".claude.json"), *text = NULL;
	json_auto_t *state = NULL;
	/* All that it ever sees of a key; it knows one by its last twenty characters. */
	const char *key = NETWORK_NO_KEY;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = make_dir(c, c->place->claude, dirs[i]);
	if (r < 0 || !file)
		return r < 0 ? r : -ENOMEM;
	if (access(file, F_OK) == 0)
		return 0;
	state = json_pack("{s:b, s:s, s:b, s:{s:{s:b, s:b}}, s:{s:[s], s:[]}}", "hasCompletedOnboarding", 1, "theme", "dark",
			  "bypassPermissionsModeAccepted", 1, "projects", c->place->work, "hasTrustDialogAccepted", 1,
			  "hasCompletedProjectOnboarding", 1, "customApiKeyResponses", "approved",
			  key + strlen(key) - 20, "rejected");
	text = state ? json_dumps(state, JSON_INDENT(2)) : NULL;
	r = text ? put(c, c->place->claude, ".claude.json", text, strlen(text), 0600) : -ENOMEM;
	return r == 0 ? put(c, c->place->claude, "history.jsonl", "", 0, 0600) : r;
}

static int check_words(const struct agent *a, struct ccm_diag *diag)
{
	static const char *const ours[] = { "--settings", "--setting-sources", "--plugin-dir", "--append-system-prompt-file" };

	for (size_t i = 1; i < a->argv.count; i++)
		for (size_t j = 0; j < ARRAY_SIZE(ours); j++) {
			size_t bytes = strlen(ours[j]);

			if (strncmp(a->argv.list[i], ours[j], bytes) == 0 &&
			    (a->argv.list[i][bytes] == '\0' || a->argv.list[i][bytes] == '='))
				return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is set by ccm in a task: leave it out (settings of "
						    "your own: model, permissions and [sandbox] skills are passed in)",
						    ours[j]);
		}
	return 0;
}

static int complete_words(struct agent *a, const struct place *p)
{
	_cleanup_free_ char *settings = path_of(p->ctl, "settings.json"), *context = path_of(p->ctl, "context.md"),
			    *plugin = path_of(p->ctl, "plugin");
	struct words w = { 0 };
	const char *const more[] = { "--setting-sources", "", "--settings", settings, "--append-system-prompt-file", context,
				     "--plugin-dir", plugin };
	int r = settings && context && plugin ? words_add(&w, a->argv.list[0]) : -ENOMEM;

	for (size_t i = 0; i < ARRAY_SIZE(more) && r == 0; i++)
		r = words_add(&w, more[i]);
	for (size_t i = 1; i < a->argv.count && r == 0; i++)
		r = words_add(&w, a->argv.list[i]);
	if (r < 0) {
		words_done(&w);
		return r;
	}
	words_done(&a->argv);
	a->argv = w;
	return 0;
}

int agent_prepare(struct agent *a, const struct place *p, const struct ccm_paths *paths, const struct profile *profile,
		  const struct source *source, struct ccm_diag *diag)
{
	struct ctl c = { .agent = a, .place = p, .paths = paths, .profile = profile, .source = source, .diag = diag };
	_cleanup_free_ char *person = NULL;
	int r;

	r = place_remove_tree(p->ctl, diag);
	if (r == 0 && mkdir(p->ctl, 0700) < 0)
		r = ccm_diag_set(diag, -errno, "cannot create '%s': %s", p->ctl, strerror(errno));
	if (r == 0)
		r = make_bin(&c);
	if (r == 0)
		r = make_home(&c);
	if (r < 0 || a->kind != CCM_AGENT_CLAUDE)
		return r;
	person = claude_dir();
	if (!person)
		return -ENOMEM;
	r = check_words(a, diag);
	if (r == 0)
		r = make_settings(&c, person);
	if (r == 0)
		r = make_context(&c, person);
	if (r == 0)
		r = make_plugin(&c, person);
	if (r == 0)
		r = make_state(&c);
	return r == 0 ? complete_words(a, p) : r;
}
