/* SPDX-License-Identifier: MIT */
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "conversion.h"
#include "libccm/io.h"
#include "trees.h"

#define GIT_TIMEOUT_MS (10 * 60 * 1000)
#define NAMED_MAX 10                     /* so many obstacles are named */

/* ---- folders, step by step, through no symbolic link */

/* Opens the folder that the path lies in; *ret_name is the last component. make: with those that are missing. */
static int open_parent(int root, const char *path, bool make, const char **ret_name)
{
	_cleanup_close_ int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);

	for (const char *slash; fd >= 0 && (slash = strchr(path, '/')); path = slash + 1) {
		_cleanup_free_ char *name = strndup(path, (size_t)(slash - path));
		int next;

		if (!name)
			return -ENOMEM;
		if (make && mkdirat(fd, name, 0777) < 0 && errno != EEXIST)
			return -errno;
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(fd);
		fd = next;
	}
	*ret_name = path;
	return fd < 0 ? -errno : TAKE_FD(fd);
}

/* What is there: mode as in a tree, 0 for nothing, 1 for what no tree can hold. */
static int look_at(int root, const char *path, uint32_t *ret_mode, bool *ret_behind_file)
{
	_cleanup_close_ int dir = -1;
	const char *name;
	struct stat st;

	*ret_mode = 0;
	*ret_behind_file = false;
	dir = open_parent(root, path, false, &name);
	if (dir == -ENOENT)
		return 0;
	if (dir == -ENOTDIR || dir == -ELOOP) {
		*ret_behind_file = true;
		return 0;
	}
	if (dir < 0)
		return dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	*ret_mode = S_ISREG(st.st_mode) ? GIT_FILEMODE_BLOB : S_ISLNK(st.st_mode) ? GIT_FILEMODE_LINK :
		    S_ISDIR(st.st_mode) ? GIT_FILEMODE_TREE : 1;
	return 0;
}

/* ---- the plan */

static bool is_wanted(const struct paths *only, const char *path)
{
	if (!only->count)
		return true;
	for (size_t i = 0; i < only->count; i++) {
		size_t bytes = strlen(only->items[i]);

		if (!bytes || (strncmp(path, only->items[i], bytes) == 0 && (!path[bytes] || path[bytes] == '/')))
			return true;
	}
	return false;
}

static int add_item(struct restore_plan *p, const struct tree_difference *d)
{
	struct restore_item item = { 0 };

	if (!(p->count & (p->count - 1))) {
		struct restore_item *items = reallocarray(p->items, p->count ? p->count * 2 : 1, sizeof *items);

		if (!items)
			return -ENOMEM;
		p->items = items;
	}
	item.from = (struct change){ .path = strdup(d->path), .mode = d->from_mode, .oid = d->from };
	item.to = (struct change){ .path = item.from.path, .mode = d->to_mode, .oid = d->to };
	if (!item.from.path)
		return -ENOMEM;
	p->items[p->count++] = item;
	return 0;
}

/* What a plan leaves as it is. */
static bool is_untouchable(struct restore_plan *p, const struct tree_difference *d, const struct checkpoint *target)
{
	char hex[16];

	if (d->from_mode == GIT_FILEMODE_COMMIT || d->to_mode == GIT_FILEMODE_COMMIT) {
		git_oid_tostr(hex, 13, &d->to);
		if (d->to_mode == GIT_FILEMODE_COMMIT)
			ccm_sbuf_addf(&p->notes, "the repository '%s' stays as it is; it was at commit %s\n", d->path, hex);
		else
			ccm_sbuf_addf(&p->notes, "the repository '%s' stays: checkpoints do not enter it\n", d->path);
		return true;
	}
	if (!d->to_mode && paths_cover(&target->left_out, d->path)) {
		ccm_sbuf_addf(&p->notes, "'%s' stays: the checkpoint left it out\n", d->path);
		return true;
	}
	return false;
}

struct planner {
	struct restore_plan *plan;
	const struct checkpoint *target;
	const struct paths *only;
};

static int plan_difference(void *user, const struct tree_difference *d)
{
	struct planner *p = user;

	if (!is_wanted(p->only, d->path) || is_untouchable(p->plan, d, p->target))
		return 0;
	return add_item(p->plan, d);
}

static bool goes_away(const struct restore_plan *p, const char *path, size_t bytes)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->items[i].from.mode && strlen(p->items[i].from.path) == bytes &&
		    strncmp(p->items[i].from.path, path, bytes) == 0)
			return true;
	return false;
}

/* True if a folder above the path is a file now, and that file goes away. */
static bool parent_goes_away(const struct restore_plan *p, const char *path)
{
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/'))
		if (goes_away(p, path, (size_t)(slash - path)))
			return true;
	return false;
}

/* True if everything in the folder goes away, so that a file can come in its place. */
static bool empties(int root, const struct restore_plan *p, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	const char *name;
	int parent = copy ? open_parent(root, copy, false, &name) : -1;
	_cleanup_close_ int fd = parent < 0 ? -1 : openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	bool all = dir;

	if (parent >= 0)
		close(parent);
	if (dir)
		fd = -1;
	while (all && (entry = readdir(dir))) {
		_cleanup_free_ char *inner = NULL;
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		inner = repo_path(path, entry->d_name);
		if (!inner || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			all = false;
		else
			all = S_ISDIR(st.st_mode) ? empties(root, p, inner) : goes_away(p, inner, strlen(inner));
	}
	return all;
}

/* NULL, or why the item must not be done: something is in its place that could not be had back. */
static const char *obstacle(int root, const struct restore_plan *p, const struct restore_item *item, int *ret_error)
{
	bool behind_file;
	uint32_t is;

	*ret_error = look_at(root, item->to.path, &is, &behind_file);
	if (*ret_error < 0)
		return NULL;
	if (behind_file)
		return item->to.mode && !parent_goes_away(p, item->to.path) ?
			"a folder of it is a file or a link now, which is ignored or was left out" : NULL;
	if (is == GIT_FILEMODE_TREE)
		return !item->to.mode || empties(root, p, item->to.path) ? NULL :
			"a folder is there now, with files that are ignored or were left out";
	if (is && !item->from.mode)
		return "a file is there now that is ignored or was left out";
	return NULL;
}

static int check(struct repo *r, const struct restore_plan *p, struct ccm_diag *diag)
{
	_cleanup_close_ int root = open(r->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	size_t obstacles = 0;
	int e = 0;

	if (root < 0)
		return ccm_diag_set(diag, -errno, "cannot open '%s': %s", r->worktree, strerror(errno));
	for (size_t i = 0; i < p->count; i++) {
		const char *why = obstacle(root, p, &p->items[i], &e);

		if (e < 0)
			return ccm_diag_set(diag, e, "cannot look at '%s': %s", p->items[i].to.path, ccm_strerror(e));
		if (why && obstacles++ < NAMED_MAX)
			ccm_sbuf_addf(&words, "\n  %s: %s", p->items[i].to.path, why);
	}
	if (!obstacles)
		return 0;
	return ccm_diag_set(diag, -CCM_E_REFUSED, "nothing was changed, because something would be lost that no checkpoint has; "
			    "move it away first:%.300s%s", ccm_sbuf_str(&words), obstacles > NAMED_MAX ? "\n  ..." : "");
}

int restore_plan(struct repo *r, const struct checkpoint *now, const struct checkpoint *target, const struct paths *only,
		 struct restore_plan *ret, struct ccm_diag *diag)
{
	struct restore_plan p = { .raw = &target->raw };
	struct planner planner = { &p, target, only };
	int e;

	e = trees_compare(r, &now->tree, &target->tree, plan_difference, &planner, diag);
	if (e == 0)
		e = check(r, &p, diag);
	if (e < 0) {
		restore_plan_done(&p);
		return e;
	}
	*ret = p;
	return 0;
}

void restore_plan_done(struct restore_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].from.path);
	free(p->items);
	ccm_sbuf_done(&p->notes);
	*p = (struct restore_plan){ 0 };
}

/* ---- one file */

struct writer {
	struct repo *repo;
	int root;
	const struct paths *raw;
	struct ccm_diag *diag;
};

static int failed(struct writer *w, int error, const char *what, const char *path)
{
	return ccm_diag_set(w->diag, error, "cannot %s '%s': %s", what, path, ccm_strerror(error));
}

/* Removes the folder above the path, and those above it, as far as they are empty. */
static void remove_empty(int root, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	char *slash;

	while (copy && (slash = strrchr(copy, '/'))) {
		const char *name;
		int dir, r;

		*slash = '\0';
		dir = open_parent(root, copy, false, &name);
		if (dir < 0)
			return;
		r = unlinkat(dir, name, AT_REMOVEDIR);
		close(dir);
		if (r < 0)
			return;
	}
}

static int remove_file(struct writer *w, const char *path)
{
	_cleanup_close_ int dir = -1;
	const char *name;

	dir = open_parent(w->root, path, false, &name);
	if (dir == -ENOENT || dir == -ENOTDIR || dir == -ELOOP)
		return 0;
	if (dir < 0)
		return failed(w, dir, "remove", path);
	if (unlinkat(dir, name, 0) < 0 && errno != ENOENT && errno != EISDIR)
		return failed(w, -errno, "remove", path);
	remove_empty(w->root, path);
	return 0;
}

/* Through the user's filters, as a checkout would. */
static int smudge(struct writer *w, const struct change *c, struct ccm_sbuf *ret)
{
	char hex[GIT_OID_HEXSZ + 1];
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	const char *args[] = { "cat-file", "--filters", NULL, hex, NULL };
	_cleanup_git_ struct repo_git call = { .args = args };
	int r;

	git_oid_tostr(hex, sizeof hex, &c->oid);
	ccm_sbuf_addf(&path, "--path=%s", c->path);
	if (ccm_sbuf_error(&path))
		return -ENOMEM;
	args[2] = path.text;
	r = repo_git_run(w->repo, &call, 1, GIT_TIMEOUT_MS, false, w->diag);
	if (r == 0) {
		*ret = call.out;
		call.out = (struct ccm_sbuf){ 0 };
	}
	return r;
}

/* Into a new file beside, which then takes the place of the old one. A file keeps who else may read it. */
static int put_file(int dir, const char *name, const void *data, size_t bytes, bool executable)
{
	char tmp[64];
	struct stat st;
	mode_t mask = umask(0), mode;
	int fd, r;

	umask(mask);
	mode = 0666 & ~mask;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
		mode = st.st_mode & 0666;
	if (executable)
		mode |= (mode & 0444) >> 2;
	snprintf(tmp, sizeof tmp, ".ccm-restore-%ld", (long)getpid());
	unlinkat(dir, tmp, 0);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = ccm_write_all(fd, data, bytes);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, tmp, 0);
	return r;
}

static int put_link(int dir, const char *name, const char *data, size_t bytes)
{
	_cleanup_free_ char *target = strndup(data, bytes);
	char tmp[64];

	if (!target)
		return -ENOMEM;
	snprintf(tmp, sizeof tmp, ".ccm-restore-%ld", (long)getpid());
	unlinkat(dir, tmp, 0);
	if (symlinkat(target, dir, tmp) < 0)
		return -errno;
	if (renameat(dir, tmp, dir, name) == 0)
		return 0;
	unlinkat(dir, tmp, 0);
	return -errno;
}

static int write_file(struct writer *w, const struct change *c, enum conversion conversion)
{
	_cleanup_gitblob_ git_blob *blob = NULL;
	_cleanup_sbuf_ struct ccm_sbuf smudged = { 0 };
	_cleanup_close_ int dir = -1;
	const void *data;
	const char *name;
	size_t bytes;
	int r = 0, code;

	code = git_blob_lookup(&blob, w->repo->git, &c->oid);
	if (code < 0)
		return repo_error(code, w->diag, c->path);
	data = git_blob_rawcontent(blob);
	bytes = (size_t)git_blob_rawsize(blob);
	if (c->mode != GIT_FILEMODE_LINK && (conversion == CONVERSION_BOTH || conversion == CONVERSION_FILTER) &&
	    !paths_have(w->raw, c->path)) {
		r = smudge(w, c, &smudged);
		if (r < 0)
			return r;
		data = ccm_sbuf_str(&smudged);
		bytes = smudged.bytes;
	}
	dir = open_parent(w->root, c->path, true, &name);
	if (dir < 0)
		return failed(w, dir, "write", c->path);
	/* Folders that became empty may be left where a file comes. */
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0 && errno != ENOTDIR && errno != ENOENT && errno != ELOOP)
		return failed(w, -errno, "write", c->path);
	r = c->mode == GIT_FILEMODE_LINK ? put_link(dir, name, data, bytes) :
					   put_file(dir, name, data, bytes, c->mode == GIT_FILEMODE_BLOB_EXECUTABLE);
	return r < 0 ? failed(w, r, "write", c->path) : 0;
}

static int change_mode(struct writer *w, const struct change *c)
{
	_cleanup_close_ int dir = -1;
	const char *name;
	struct stat st;
	mode_t mode;

	dir = open_parent(w->root, c->path, false, &name);
	if (dir < 0)
		return failed(w, dir, "change the mode of", c->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return failed(w, -ENOENT, "change the mode of", c->path);
	mode = st.st_mode & 0666;
	if (c->mode == GIT_FILEMODE_BLOB_EXECUTABLE)
		mode |= (mode & 0444) >> 2;
	return fchmodat(dir, name, mode, 0) < 0 ? failed(w, -errno, "change the mode of", c->path) : 0;
}

static bool is_file(uint32_t mode)
{
	return mode == GIT_FILEMODE_BLOB || mode == GIT_FILEMODE_BLOB_EXECUTABLE;
}

static int bring(struct writer *w, const struct restore_item *item, enum conversion conversion)
{
	if (is_file(item->from.mode) && is_file(item->to.mode) && git_oid_equal(&item->from.oid, &item->to.oid))
		return change_mode(w, &item->to);
	return write_file(w, &item->to, conversion);
}

static bool is_attributes(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash ? slash + 1 : path, ".gitattributes") == 0;
}

static int conversions_of(struct writer *w, const struct restore_plan *p, enum conversion *ret)
{
	_cleanup_free_ const char **paths = calloc(p->count + 1, sizeof *paths);

	if (!paths)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		paths[i] = p->items[i].to.path;
	return conversion_of(w->repo, paths, p->count, ret, w->diag);
}

int restore_apply(struct repo *r, const struct restore_plan *p, size_t *ret_done, struct ccm_diag *diag)
{
	_cleanup_close_ int root = open(r->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ enum conversion *conversions = calloc(p->count + 1, sizeof *conversions);
	struct writer w = { .repo = r, .root = root, .raw = p->raw, .diag = diag };
	int e = 0;

	*ret_done = 0;
	if (root < 0)
		return ccm_diag_set(diag, -errno, "cannot open '%s': %s", r->worktree, strerror(errno));
	if (!conversions)
		return -ENOMEM;
	/* First what goes, the deepest first; then what says how files are converted; then the files. */
	for (size_t i = p->count; i-- > 0 && e == 0;) {
		const struct restore_item *item = &p->items[i];

		if (!item->to.mode) {
			e = remove_file(&w, item->to.path);
			*ret_done += e == 0;
		}
	}
	for (int attributes = 1; attributes >= 0 && e == 0; attributes--) {
		if (!attributes)
			e = conversions_of(&w, p, conversions);
		for (size_t i = 0; i < p->count && e == 0; i++) {
			if (!p->items[i].to.mode || is_attributes(p->items[i].to.path) != attributes)
				continue;
			e = bring(&w, &p->items[i], conversions[i]);
			*ret_done += e == 0;
		}
	}
	return e;
}

/* ---- afterwards */

static bool has_bytes(const struct change *c, const void *data, size_t bytes)
{
	git_oid oid;

	return git_odb_hash(&oid, data, bytes, GIT_OBJECT_BLOB) == 0 && git_oid_equal(&oid, &c->oid);
}

/* True if the file is as it should be; of one that is converted on the way, only that it is there. */
static bool is_right(int root, const struct change *c, bool converted)
{
	_cleanup_sbuf_ struct ccm_sbuf bytes = { 0 };
	_cleanup_close_ int dir = -1, fd = -1;
	char target[4097];
	const char *name;
	struct stat st;
	ssize_t n;

	dir = open_parent(root, c->path, false, &name);
	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return !c->mode;
	if (!c->mode)
		return S_ISDIR(st.st_mode);
	if (c->mode == GIT_FILEMODE_LINK) {
		n = readlinkat(dir, name, target, sizeof target);
		return n >= 0 && has_bytes(c, target, (size_t)n);
	}
	if (!S_ISREG(st.st_mode) || ((st.st_mode & S_IXUSR) != 0) != (c->mode == GIT_FILEMODE_BLOB_EXECUTABLE))
		return false;
	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return converted || (fd >= 0 && ccm_read_fd(fd, SIZE_MAX / 4, &bytes) == 0 &&
			     has_bytes(c, ccm_sbuf_str(&bytes), bytes.bytes));
}

int restore_verify(struct repo *r, const struct restore_plan *p, struct ccm_diag *diag)
{
	_cleanup_close_ int root = open(r->worktree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_free_ enum conversion *conversions = calloc(p->count + 1, sizeof *conversions);
	struct writer w = { .repo = r, .diag = diag };
	int e = conversions ? conversions_of(&w, p, conversions) : -ENOMEM;

	for (size_t i = 0; i < p->count && e == 0; i++) {
		bool converted = conversions[i] >= CONVERSION_BOTH && !paths_have(p->raw, p->items[i].to.path);

		if (!is_right(root, &p->items[i].to, converted))
			e = ccm_diag_set(diag, -EIO, "'%s' is not as it was in the checkpoint: something else has changed it",
					 p->items[i].to.path);
	}
	return e;
}

/* ---- elsewhere */

struct lay {
	struct writer *writer;
	const struct paths *only;
	struct change *files;
	size_t count;
	int error;
};

static int add_entry(const char *root, const git_tree_entry *entry, void *user)
{
	struct lay *l = user;
	struct change c = { .mode = git_tree_entry_filemode(entry) };

	if (git_tree_entry_type(entry) != GIT_OBJECT_BLOB)
		return 0;
	if (asprintf(&c.path, "%s%s", root, git_tree_entry_name(entry)) < 0)
		return l->error = -ENOMEM;
	if (!is_wanted(l->only, c.path)) {
		free(c.path);
		return 0;
	}
	git_oid_cpy(&c.oid, git_tree_entry_id(entry));
	if (!(l->count & (l->count - 1))) {
		struct change *files = reallocarray(l->files, l->count ? l->count * 2 : 1, sizeof *files);

		if (!files) {
			free(c.path);
			return l->error = -ENOMEM;
		}
		l->files = files;
	}
	l->files[l->count++] = c;
	return 0;
}

static void lay_done(struct lay *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->files[i].path);
	free(l->files);
}

static int write_all(struct lay *l)
{
	_cleanup_free_ enum conversion *conversions = calloc(l->count + 1, sizeof *conversions);
	_cleanup_free_ const char **paths = calloc(l->count + 1, sizeof *paths);
	int e;

	if (!conversions || !paths)
		return -ENOMEM;
	for (size_t i = 0; i < l->count; i++)
		paths[i] = l->files[i].path;
	/* By what git's attributes say in the working tree now. */
	e = conversion_of(l->writer->repo, paths, l->count, conversions, l->writer->diag);
	for (size_t i = 0; i < l->count && e == 0; i++)
		e = write_file(l->writer, &l->files[i], conversions[i]);
	return e;
}

static bool is_empty(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	_cleanup_closedir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			return false;
	return dir;
}

int restore_to(struct repo *r, const struct checkpoint *target, const struct paths *only, const char *dir,
	       size_t *ret_files, struct ccm_diag *diag)
{
	_cleanup_close_ int root = -1;
	_cleanup_gittree_ git_tree *tree = NULL;
	struct writer w = { .repo = r, .raw = &target->raw, .diag = diag };
	_cleanup_(lay_done) struct lay lay = { .writer = &w, .only = only };
	int e, code;

	e = ccm_mkdir_p(dir, 0777);
	if (e == 0)
		root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (e == 0 && root < 0)
		e = -errno;
	if (e < 0)
		return ccm_diag_set(diag, e, "cannot open '%s': %s", dir, ccm_strerror(e));
	if (!is_empty(root))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is not empty: name a new folder", dir);
	w.root = root;
	code = git_tree_lookup(&tree, r->git, &target->tree);
	if (code == 0)
		code = git_tree_walk(tree, GIT_TREEWALK_PRE, add_entry, &lay);
	if (code < 0)
		return lay.error ? lay.error : repo_error(code, diag, "cannot read the checkpoint");
	e = write_all(&lay);
	*ret_files = lay.count;
	return e;
}
