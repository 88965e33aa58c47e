/* SPDX-License-Identifier: MIT */
#include "worktree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/io.h"

#define SMALL_FILE_MAX ((size_t)1 << 20)
#define STORES_MAX 64

/* ---- the person's repository ---- */

void source_done(struct source *s)
{
	free(s->git_dir);
	free(s->objects);
	free(s->format);
	free(s->base);
	free(s->branch);
	*s = (struct source){ 0 };
}

/* Cuts the first line off *at; "" when there is none left. */
static char *take_line(char **at)
{
	char *line = *at, *end = line + strcspn(line, "\n");

	*at = end + (*end == '\n');
	*end = '\0';
	return line;
}

static int find_repository(struct source *s, const char *directory, struct ccm_diag *diag)
{
	const struct git g = { .directory = directory, .timeout_ms = 30000 };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	struct ccm_diag words = { 0 };
	char *at;
	int r;

	r = git_run(&g, &out, &words, "rev-parse", "--path-format=absolute", "--git-common-dir", "--git-path", "objects",
		    "--show-object-format", NULL);
	if (r < 0)
		return ccm_diag_set(diag, r, "'%s' is in no git repository that can be used: %s", directory,
				    ccm_diag_text(&words, r));
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	at = out.text;
	s->git_dir = strdup(take_line(&at));
	s->objects = strdup(take_line(&at));
	s->format = strdup(take_line(&at));
	if (!s->git_dir || !s->objects || !s->format)
		return -ENOMEM;
	if (s->git_dir[0] != '/' || s->objects[0] != '/')
		return ccm_diag_set(diag, -CCM_E_REFUSED, "the path '%s' cannot be used for a task: it holds a line end", s->git_dir);
	s->git = (struct git){ .git_dir = s->git_dir };
	return 0;
}

static int check_partial(const struct source *s, struct ccm_diag *diag)
{
	_cleanup_free_ char *remote = NULL;
	int r = git_line(&s->git, &remote, "config", "--local", "--get", "extensions.partialClone", NULL);

	if (r == -CCM_E_NOT_FOUND)
		return 0;
	if (r < 0)
		return r;
	return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is a partial clone: what it lacks could not be fetched inside a task; "
			    "fetch it first: git fetch --refetch --filter=blob:none is undone by 'git config --unset "
			    "extensions.partialClone' after 'git fetch --refetch --no-filter %s'", s->git_dir, remote);
}

static int find_base(struct source *s, const char *directory, const char *base, struct ccm_diag *diag)
{
	const struct git g = { .directory = directory, .timeout_ms = 30000 };
	_cleanup_sbuf_ struct ccm_sbuf name = { 0 };
	int r;

	ccm_sbuf_addf(&name, "%s^{commit}", base);
	if (ccm_sbuf_error(&name))
		return -ENOMEM;
	r = git_line(&g, &s->base, "rev-parse", "--verify", "--quiet", "--end-of-options", name.text, NULL);
	if (r == -CCM_E_NOT_FOUND)
		return ccm_diag_set(diag, -CCM_E_REFUSED, strcmp(base, "HEAD") == 0 ?
				    "'%s' has no commit yet: a task begins from one" :
				    "'%s' has no commit '%s' (--base takes a branch, a tag or a commit id)", directory, base);
	if (r < 0)
		return r;
	if (!git_is_id(s->base))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' names no commit", base);
	if (strcmp(base, "HEAD") == 0)
		r = git_line(&g, &s->branch, "symbolic-ref", "--quiet", "HEAD", NULL);
	else
		r = git_line(&g, &s->branch, "rev-parse", "--symbolic-full-name", "--verify", "--quiet",
			     "--end-of-options", base, NULL);
	if (r == -CCM_E_NOT_FOUND)
		r = 0;
	if (r == 0 && s->branch && strncmp(s->branch, "refs/heads/", 11) != 0) {
		free(s->branch);
		s->branch = NULL;
	}
	return r;
}

int source_open(struct source *ret, const char *directory, const char *base, struct ccm_diag *diag)
{
	struct source s = { 0 };
	int r;

	r = find_repository(&s, directory, diag);
	if (r == 0)
		r = check_partial(&s, diag);
	if (r == 0)
		r = find_base(&s, directory, base, diag);
	if (r < 0) {
		source_done(&s);
		return r;
	}
	*ret = s;
	ret->git.git_dir = ret->git_dir;
	return 0;
}

int source_reopen(struct source *ret, const char *git_dir, const char *base, const char *branch, struct ccm_diag *diag)
{
	struct source s = { 0 };
	int r = find_repository(&s, git_dir, diag);

	s.base = base ? strdup(base) : NULL;
	s.branch = branch ? strdup(branch) : NULL;
	if (r == 0 && ((base && !s.base) || (branch && !s.branch)))
		r = -ENOMEM;
	if (r < 0) {
		source_done(&s);
		return r;
	}
	*ret = s;
	ret->git.git_dir = ret->git_dir;
	return 0;
}

int source_project(const struct source *s, const char *directory, char **ret)
{
	const struct git g = { .directory = directory, .timeout_ms = 30000 };
	size_t bytes = strlen(s->git_dir), end = strlen("/.git");
	int r;

	*ret = NULL;
	r = directory ? git_line(&g, ret, "rev-parse", "--show-toplevel", NULL) : -CCM_E_NOT_FOUND;
	if (r != -CCM_E_NOT_FOUND)
		return r;
	if (bytes <= end || strcmp(s->git_dir + bytes - end, "/.git") != 0)
		return 0;
	*ret = strndup(s->git_dir, bytes - end);
	return *ret ? 0 : -ENOMEM;
}

void store_list_done(struct store_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->paths[i]);
	free(l->paths);
	*l = (struct store_list){ 0 };
}

static int add_store(struct store_list *l, const char *path)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return 0;                    /* an alternate that is gone: git goes on without it, too */
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->paths[i], real) == 0)
			return 0;
	if (l->count >= STORES_MAX)
		return -E2BIG;
	l->paths[l->count] = strdup(real);
	return l->paths[l->count++] ? 0 : -ENOMEM;
}

/* The alternates of alternates count, too. They are read here, not asked of git: it prints only its own. */
int source_stores(const struct source *s, struct store_list *ret)
{
	struct store_list l = { .paths = calloc(STORES_MAX, sizeof *l.paths) };
	int r = l.paths ? add_store(&l, s->objects) : -ENOMEM;

	for (size_t i = 0; i < l.count && r == 0; i++) {
		_cleanup_sbuf_ struct ccm_sbuf file = { 0 }, text = { 0 };
		char *at;

		ccm_sbuf_addf(&file, "%s/info/alternates", l.paths[i]);
		if (ccm_sbuf_error(&file) || ccm_read_regular(file.text, SMALL_FILE_MAX, &text) < 0)
			continue;
		ccm_sbuf_addc(&text, '\0');
		at = text.text;
		while (at && *at && r == 0) {
			_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
			const char *line = take_line(&at);

			if (!*line || *line == '#')
				continue;
			if (*line == '/')
				ccm_sbuf_adds(&path, line);
			else
				ccm_sbuf_addf(&path, "%s/%s", l.paths[i], line);
			r = ccm_sbuf_error(&path) ? -ENOMEM : add_store(&l, path.text);
		}
	}
	if (r < 0) {
		store_list_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

/* ---- our folders ---- */

struct maker {
	const struct place *place;
	const struct source *source;
	const char *head;
	struct ccm_diag *diag;
	int dir;                     /* of the repository that is being made */
	const char *path;
};

static int make_dir(const struct maker *m, const char *name)
{
	if (mkdirat(m->dir, name, 0700) == 0)
		return 0;
	return ccm_diag_set(m->diag, -errno, "cannot create '%s/%s': %s", m->path, name, strerror(errno));
}

static int make_file(const struct maker *m, const char *name, const char *text, size_t bytes)
{
	_cleanup_close_ int fd = openat(m->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = fd < 0 ? -errno : ccm_write_all(fd, text, bytes);

	if (r < 0)
		return ccm_diag_set(m->diag, r, "cannot write '%s/%s': %s", m->path, name, ccm_strerror(r));
	return 0;
}

static int make_line(const struct maker *m, const char *name, const char *format, ...) _printf_(3, 4);

static int make_line(const struct maker *m, const char *name, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return make_file(m, name, text, (size_t)n);
}

/* A file of the person's repository that says how it is read, as it is. */
static int copy_file(const struct maker *m, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 }, text = { 0 };
	int r;

	ccm_sbuf_addf(&path, "%s/%s", m->source->git_dir, name);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	r = ccm_read_regular(path.text, SMALL_FILE_MAX, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return ccm_diag_set(m->diag, r, "cannot read '%s': %s", path.text, ccm_strerror(r));
	return make_file(m, name, ccm_sbuf_str(&text), text.bytes);
}

static void add_value(struct ccm_sbuf *out, const char *name, const char *value)
{
	ccm_sbuf_addf(out, "\t%s = \"", name);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			ccm_sbuf_addc(out, '\\');
		if (*value != '\n')
			ccm_sbuf_addc(out, *value);
	}
	ccm_sbuf_adds(out, "\"\n");
}

/* "section.name\nvalue\0" of git config -z, those that are wanted; the last one counts, as with git. */
static int copy_settings(const struct maker *m, struct ccm_sbuf *config, struct ccm_sbuf *user)
{
	static const char *const wanted[] = { "user.name", "user.email", "core.autocrlf", "core.eol", "core.safecrlf",
					      "core.ignorecase", "core.precomposeunicode", "core.symlinks", "core.filemode" };
	_cleanup_sbuf_ struct ccm_sbuf out = { 0 };
	const char *values[ARRAY_SIZE(wanted)] = { NULL };
	const char *at, *end;
	int r;

	r = git_try(&m->source->git, &out, m->diag, "config", "--null", "--get-regexp",
		    "^(user\\.(name|email)|core\\.(autocrlf|eol|safecrlf|ignorecase|precomposeunicode|symlinks|filemode))$",
		    NULL);
	if (r < 0)
		return r;
	ccm_sbuf_addc(&out, '\0');
	if (ccm_sbuf_error(&out))
		return -ENOMEM;
	end = out.text + out.bytes - 1;
	for (at = out.text; at < end; at += strlen(at) + 1) {
		size_t bytes = strcspn(at, "\n");

		for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
			if (strlen(wanted[i]) == bytes && strncmp(at, wanted[i], bytes) == 0 && at[bytes])
				values[i] = at + bytes + 1;
	}
	for (size_t i = 2; i < ARRAY_SIZE(wanted); i++)
		if (values[i])
			add_value(config, wanted[i] + 5, values[i]);
	ccm_sbuf_adds(user, "[user]\n");
	add_value(user, "name", values[0] ? values[0] : "agent");
	add_value(user, "email", values[1] ? values[1] : "agent@localhost");
	ccm_sbuf_adds(config, ccm_sbuf_str(user));
	return ccm_sbuf_error(user);
}

/* Formats 0 and 1: the latter only where the objects ask for it. */
static void begin_config(const struct source *s, struct ccm_sbuf *config)
{
	bool sha1 = strcmp(s->format, "sha1") == 0;

	if (!sha1)
		ccm_sbuf_addf(config, "[extensions]\n\tobjectFormat = %s\n", s->format);
	ccm_sbuf_addf(config, "[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[core]\n\trepositoryFormatVersion = %d\n"
			      "\tbare = true\n\tlogAllRefUpdates = true\n", sha1 ? 0 : 1);
}

/* What both our repositories begin with. */
static int make_repository(struct maker *m, const char *path)
{
	static const char *const dirs[] = { "objects", "objects/info", "objects/pack", "refs", "refs/heads", "refs/tags",
					    "info", "hooks" };
	int r = 0;

	m->path = path;
	if (mkdir(path, 0700) < 0)
		return ccm_diag_set(m->diag, -errno, "cannot create '%s': %s", path, strerror(errno));
	if (m->dir >= 0)
		close(m->dir);
	m->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = make_dir(m, dirs[i]);
	if (r == 0)
		r = copy_file(m, "shallow");
	if (r == 0)
		r = copy_file(m, "info/attributes");
	return r;
}

/* Every store by its real path: what a store of the person's says of others may not lead there inside. What was taken
 * over stays within reach, even if the agent deletes its own objects. */
static int make_alternates(struct maker *m)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	struct store_list stores = { 0 };
	int r = source_stores(m->source, &stores);

	for (size_t i = 0; i < stores.count; i++)
		ccm_sbuf_addf(&text, "%s\n", stores.paths[i]);
	store_list_done(&stores);
	ccm_sbuf_addf(&text, "%s/objects\n", m->place->import);
	if (r == 0)
		r = ccm_sbuf_error(&text);
	return r < 0 ? r : make_file(m, "objects/info/alternates", text.text, text.bytes);
}

static int make_task_repository(struct maker *m)
{
	static const char *const dirs[] = { "refs/heads/ccm", "refs/ccm", "refs/ccm/checkpoints", "ccm", "logs", "logs/refs", "logs/refs/heads", "logs/refs/heads/ccm",
					    "worktrees", "worktrees/work", "worktrees/work/logs" };
	const struct place *p = m->place;
	_cleanup_sbuf_ struct ccm_sbuf config = { 0 }, user = { 0 }, global = { 0 };
	char name[64];
	int r = make_repository(m, p->repo);

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = make_dir(m, dirs[i]);
	for (unsigned i = 0; i < 256 && r == 0; i++) {
		snprintf(name, sizeof name, "objects/%02x", i);
		r = make_dir(m, name);
	}
	if (r == 0)
		r = make_alternates(m);
	begin_config(m->source, &config);
	if (r == 0)
		r = copy_settings(m, &config, &user);
	if (r == 0)
		r = ccm_sbuf_error(&config);
	/* Other repositories that are made inside, by tests for one, know who commits, too. */
	ccm_sbuf_addf(&global, "%s/.gitconfig", p->home);
	if (r == 0)
		r = ccm_sbuf_error(&global);
	if (r == 0)
		r = ccm_write_file(global.text, user.text, user.bytes, 0600, false);
	if (r == 0)
		r = make_file(m, "config", config.text, config.bytes);
	if (r == 0)
		r = make_line(m, "HEAD", "ref: refs/heads/none\n");
	if (r == 0)
		r = make_line(m, "packed-refs", "# pack-refs with: peeled fully-peeled sorted \n");
	if (r == 0)
		r = copy_file(m, "info/exclude");
	if (r == 0)
		r = make_line(m, p->branch, "%s\n", m->head);
	if (r == 0)
		r = make_line(m, "worktrees/work/HEAD", "ref: %s\n", p->branch);
	if (r == 0)
		r = make_line(m, "worktrees/work/commondir", "../..\n");
	if (r == 0)
		r = make_line(m, "worktrees/work/gitdir", "%s/.git\n", p->work);
	return r;
}

static int make_import_repository(struct maker *m)
{
	static const char *const dirs[] = { "refs/ccm" };
	_cleanup_sbuf_ struct ccm_sbuf config = { 0 };
	int r = make_repository(m, m->place->import);

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++)
		r = make_dir(m, dirs[i]);
	if (r == 0)
		r = make_line(m, "objects/info/alternates", "%s\n", m->source->objects);
	begin_config(m->source, &config);
	if (r == 0)
		r = ccm_sbuf_error(&config);
	if (r == 0)
		r = make_file(m, "config", config.text, config.bytes);
	if (r == 0)
		r = make_line(m, "HEAD", "ref: refs/ccm/head\n");
	if (r == 0)
		r = make_line(m, "refs/ccm/base", "%s\n", m->source->base);
	return r;
}

static int make_folders(const struct place *p, struct ccm_diag *diag)
{
	const char *const dirs[] = { p->work, p->tmp, p->home, p->claude, p->ctl, p->channel };

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		if (mkdir(dirs[i], 0700) < 0)
			return ccm_diag_set(diag, -errno, "cannot create '%s': %s", dirs[i], strerror(errno));
	return 0;
}

/* Outside, but before there is an agent: the only thing that says what runs is our configuration. */
static int check_out(const struct place *p, const char *files, const char *head, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf link = { 0 }, file = { 0 }, git_dir = { 0 };
	struct git g = { .directory = p->work, .sealed = true, .timeout_ms = 600000 };
	int r;

	ccm_sbuf_addf(&file, "%s/.git", p->work);
	ccm_sbuf_addf(&link, "gitdir: %s/worktrees/work\n", p->repo);
	ccm_sbuf_addf(&git_dir, "%s/worktrees/work", p->repo);
	if (ccm_sbuf_error(&file) || ccm_sbuf_error(&link) || ccm_sbuf_error(&git_dir))
		return -ENOMEM;
	r = ccm_write_file(file.text, link.text, link.bytes, 0600, false);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write '%s': %s", file.text, ccm_strerror(r));
	g.git_dir = git_dir.text;
	g.work_tree = p->work;
	r = git_run(&g, NULL, diag, "-c", "checkout.workers=0", "read-tree", "--reset", "-u", files, NULL);
	if (r == 0 && strcmp(files, head) != 0)
		r = git_run(&g, NULL, diag, "read-tree", "--reset", head, NULL);
	return r;
}

static int ref_name(struct ccm_sbuf *s, const char *id, const char *name)
{
	ccm_sbuf_addf(s, "refs/ccm/tasks/%s/%s", id, name);
	return ccm_sbuf_error(s);
}

int worktree_pin(const struct source *s, const char *id, const char *name, const char *commit, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf ref = { 0 };
	int r = ref_name(&ref, id, name);

	return r < 0 ? r : git_run(&s->git, NULL, diag, "update-ref", "--no-deref", ref.text, commit, NULL);
}

int worktree_unpin(const struct source *s, const char *id, const char *name, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf ref = { 0 };
	int r = ref_name(&ref, id, name);

	return r < 0 ? r : git_run(&s->git, NULL, diag, "update-ref", "--no-deref", "-d", ref.text, NULL);
}

int worktree_prepare(const struct place *p, const struct source *s, const char *head, const char *files,
		     struct ccm_diag *diag)
{
	struct maker m = { .place = p, .source = s, .head = head ? head : s->base, .diag = diag, .dir = -1 };
	_cleanup_sbuf_ struct ccm_sbuf tasks = { 0 };
	int r;

	ccm_sbuf_add(&tasks, p->dir, strlen(p->dir) - TASK_ID_CHARS - 1);
	if (ccm_sbuf_error(&tasks))
		return -ENOMEM;
	if (mkdir(tasks.text, 0700) < 0 && errno != EEXIST)
		return ccm_diag_set(diag, -errno, "cannot create '%s': %s", tasks.text, strerror(errno));
	if (mkdir(p->dir, 0700) < 0)
		return ccm_diag_set(diag, -errno, "cannot create '%s': %s", p->dir, strerror(errno));
	r = make_folders(p, diag);
	if (r == 0)
		r = make_task_repository(&m);
	if (r == 0)
		r = make_import_repository(&m);
	if (m.dir >= 0)
		close(m.dir);
	if (r == 0)
		r = check_out(p, files ? files : m.head, m.head, diag);
	if (r == 0)
		r = worktree_pin(s, p->id, "base", s->base, diag);
	if (r < 0)
		place_remove_tree(p->dir, NULL);
	return r;
}
