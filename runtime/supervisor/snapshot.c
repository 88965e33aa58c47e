/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "conversion.h"
#include "libccm/io.h"
#include "libccm/settings.h"
#include "trees.h"

#define INDEX_PREFIX "index-"
#define EMPTY_NAME "empty"
#define READ_TRIES 3
/* So many changes against the tree of some checkpoint may be a commit that the user has made since. */
#define REBASE_MIN_FILES 200
/* So much is read again each time rather than bringing the index up to date, which costs as much as `git status`. */
#define BEHIND_MAX_FILES 48
#define BEHIND_MAX_BYTES (2L * 1024 * 1024)

/* ---- lists of paths */

int paths_add(struct paths *p, const char *path, size_t bytes)
{
	char **items = reallocarray(p->items, p->count + 1, sizeof *items);

	if (!items)
		return -ENOMEM;
	p->items = items;
	items[p->count] = strndup(path, bytes);
	if (!items[p->count])
		return -ENOMEM;
	p->count++;
	return 0;
}

bool paths_have(const struct paths *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->items[i], path) == 0)
			return true;
	return false;
}

bool paths_cover(const struct paths *p, const char *path)
{
	for (size_t i = 0; i < p->count; i++) {
		size_t bytes = strlen(p->items[i]);

		if (strcmp(p->items[i], path) == 0 || strcmp(p->items[i], "./") == 0)
			return true;
		if (bytes && p->items[i][bytes - 1] == '/' && strncmp(p->items[i], path, bytes) == 0)
			return true;
	}
	return false;
}

void paths_done(struct paths *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i]);
	free(p->items);
	*p = (struct paths){ 0 };
}

/* ---- the session's folder */

const char *snapshot_session_name(const char *session, char buf[96])
{
	size_t n = 0;
	unsigned sum = 5381;
	bool same = true;

	for (const char *c = session; *c; c++) {
		bool fine = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || *c == '_' ||
			    (*c == '-' && n);

		sum = sum * 33 + (unsigned char)*c;
		same = same && fine && n < 80;
		if (n < 80)
			buf[n++] = fine ? *c : '_';
	}
	buf[n] = '\0';
	if (!n)
		return strcpy(buf, "none");
	/* Two ids must not become one name. */
	if (!same)
		snprintf(buf + n, 96 - n, "_%08x", sum);
	return buf;
}

static void remove_in(const char *folder, const char *name)
{
	_cleanup_free_ char *path = repo_path(folder, name);

	if (path)
		unlink(path);
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && strcmp(text + a - b, end) == 0;
}

/* Finds the index, and removes what a killed process has left: the lock is ours. */
static int find_index(struct snapshot *s)
{
	_cleanup_closedir_ DIR *dir = opendir(s->folder);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		const char *name = entry->d_name;

		if (strncmp(name, "index", 5) != 0)
			continue;
		if (ends_with(name, ".lock") || ends_with(name, ".tmp") || s->index) {
			remove_in(s->folder, name);
			continue;
		}
		s->base_empty = strcmp(name, INDEX_PREFIX EMPTY_NAME) == 0;
		if (!s->base_empty && git_oid_fromstr(&s->base, name + strlen(INDEX_PREFIX)) < 0) {
			remove_in(s->folder, name);
			continue;
		}
		s->index = repo_path(s->folder, name);
		if (!s->index)
			return -ENOMEM;
	}
	return 0;
}

int snapshot_open(struct snapshot *s, struct repo *repo, const char *session, struct ccm_diag *diag)
{
	_cleanup_free_ char *lock = NULL;
	char name[96];
	int r;

	*s = (struct snapshot){ .repo = repo, .lock = -1 };
	if (asprintf(&s->folder, "%s/ccm/%s", repo->gitdir, snapshot_session_name(session, name)) < 0)
		return -ENOMEM;
	r = ccm_mkdir_p(s->folder, 0700);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot make '%s': %s", s->folder, ccm_strerror(r));
	lock = repo_path(s->folder, "lock");
	if (!lock)
		return -ENOMEM;
	s->lock = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock < 0)
		return ccm_diag_set(diag, -errno, "cannot open '%s': %s", lock, strerror(errno));
	while (flock(s->lock, LOCK_EX) < 0)
		if (errno != EINTR)
			return ccm_diag_set(diag, -errno, "cannot lock '%s': %s", lock, strerror(errno));
	r = find_index(s);
	return r < 0 ? ccm_diag_set(diag, r, "cannot read '%s': %s", s->folder, ccm_strerror(r)) : 0;
}

static void forget_look(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->changes[i].path);
	free(s->changes);
	s->changes = NULL;
	s->count = 0;
	paths_done(&s->left_out);
	paths_done(&s->raw);
	ccm_sbuf_clear(&s->why);
	s->read_bytes = 0;
	s->unsettled = false;
}

void snapshot_forget(struct snapshot *s)
{
	if (s->index)
		unlink(s->index);
	remove_in(s->folder, "synced");
	free(s->index);
	s->index = NULL;
}

void snapshot_done(struct snapshot *s)
{
	forget_look(s);
	ccm_sbuf_done(&s->why);
	ccm_sbuf_done(&s->stamp);
	free(s->folder);
	free(s->index);
	if (s->lock >= 0)
		close(s->lock);
	*s = (struct snapshot){ .lock = -1 };
}

/* ---- the first index of a session */

/* With the time of the original: git takes a file that is younger than the index for one that it has to look into. */
static int copy_index(const char *from, const char *to)
{
	_cleanup_close_ int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
	_cleanup_sbuf_ struct ccm_sbuf bytes = { 0 };
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;
	int r;

	if (in < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(in, &st) < 0)
		return -errno;
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (out < 0)
		return -errno;
	r = ccm_read_fd(in, SIZE_MAX / 4, &bytes);
	if (r == 0)
		r = ccm_write_all(out, ccm_sbuf_str(&bytes), bytes.bytes);
	times[1] = st.st_mtim;
	if (r == 0 && futimens(out, times) < 0)
		r = -errno;
	return r;
}

/* The tree of HEAD; 0: there is no commit yet. */
static int head_tree(const struct repo *repo, git_oid *ret, struct ccm_diag *diag)
{
	_cleanup_gitref_ git_reference *head = NULL;
	git_object *tree = NULL;
	int code = git_repository_head(&head, repo->git);

	if (code == GIT_EUNBORNBRANCH || code == GIT_ENOTFOUND)
		return 0;
	if (code == 0)
		code = git_reference_peel(&tree, head, GIT_OBJECT_TREE);
	if (code < 0)
		return repo_error(code, diag, "cannot read HEAD");
	git_oid_cpy(ret, git_object_id(tree));
	git_object_free(tree);
	return 1;
}

static char *index_name(const struct snapshot *s, const git_oid *tree)
{
	char hex[GIT_OID_HEXSZ + 1] = EMPTY_NAME, *path;

	if (tree)
		git_oid_tostr(hex, sizeof hex, tree);
	return asprintf(&path, "%s/" INDEX_PREFIX "%s", s->folder, hex) < 0 ? NULL : path;
}

/* The user's index, made to stand for HEAD: what it knows of unchanged files stays. */
static int begin_index(struct snapshot *s, const struct snapshot_limits *limits, struct ccm_diag *diag)
{
	_cleanup_free_ char *tmp = repo_path(s->folder, INDEX_PREFIX "new.tmp"), *users = repo_path(s->repo->gitdir, "index");
	char hex[GIT_OID_HEXSZ + 1];
	const char *const from_tree[] = { "read-tree", "--reset", hex, NULL }, *const empty[] = { "read-tree", "--empty", NULL };
	_cleanup_git_ struct repo_git call = { .index = tmp };
	int r;

	if (!tmp || !users)
		return -ENOMEM;
	unlink(tmp);
	r = head_tree(s->repo, &s->base, diag);
	if (r < 0)
		return r;
	s->base_empty = r == 0;
	git_oid_tostr(hex, sizeof hex, &s->base);
	call.args = s->base_empty ? empty : from_tree;
	r = s->base_empty ? 0 : copy_index(users, tmp);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot copy '%s': %s", users, ccm_strerror(r));
	r = repo_git_run(s->repo, &call, 1, limits->timeout_ms, false, diag);
	if (r < 0)
		return r;
	s->index = index_name(s, s->base_empty ? NULL : &s->base);
	if (!s->index)
		return -ENOMEM;
	return rename(tmp, s->index) == 0 ? 0 : ccm_diag_set(diag, -errno, "cannot write '%s': %s", s->index, strerror(errno));
}

/* ---- what git says */

struct entry {
	char *path;
	bool tracked;                /* base_mode and base_oid are what it is in base */
	bool untracked;              /* neither tracked by the user's git nor ignored */
	bool drop;                   /* no longer tracked, and ignored */
	bool tracked_by_user;        /* untracked only to our index */
	bool skip;
	uint32_t base_mode, mode;    /* mode: as git sees the file; 0: to be found out, or gone */
	git_oid base_oid;
};

struct entries {
	struct entry *items;
	size_t count, allocated;
};

static void entries_done(struct entries *e)
{
	for (size_t i = 0; i < e->count; i++)
		free(e->items[i].path);
	free(e->items);
}

static struct entry *new_entry(struct entries *e, const char *path)
{
	size_t bytes = strlen(path);
	struct entry *entry;

	if (e->count == e->allocated) {
		size_t allocated = e->allocated ? e->allocated * 2 : 64;
		struct entry *items = reallocarray(e->items, allocated, sizeof *items);

		if (!items)
			return NULL;
		e->items = items;
		e->allocated = allocated;
	}
	/* A repository within ends in a slash. */
	while (bytes && path[bytes - 1] == '/')
		bytes--;
	entry = &e->items[e->count];
	*entry = (struct entry){ .path = strndup(path, bytes) };
	if (!entry->path)
		return NULL;
	e->count++;
	return entry;
}

static int by_path(const void *a, const void *b)
{
	return objects_compare(((const struct entry *)a)->path, ((const struct entry *)b)->path);
}

static struct entry *find_entry(struct entries *e, const char *path)
{
	struct entry key = { .path = (char *)(uintptr_t)path };

	return e->count ? bsearch(&key, e->items, e->count, sizeof *e->items, by_path) : NULL;
}

/* "1 XY SUB MODE-HEAD MODE-INDEX MODE-TREE OID-HEAD OID-INDEX PATH", as in git-status(1). Only what is different from our
 * index is of interest, not what our index has that HEAD has not. */
static int read_changed(struct entries *e, const char *line)
{
	const char *field[8];
	struct entry *entry;
	const char *at = line;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++) {
		field[i] = at;
		at = strchr(at, ' ');
		if (!at)
			return -EINVAL;
		at++;
	}
	if (field[1][1] == '.')
		return 0;
	entry = new_entry(e, at);
	if (!entry)
		return -ENOMEM;
	entry->tracked = true;
	entry->base_mode = (uint32_t)strtoul(field[4], NULL, 8);
	entry->mode = (uint32_t)strtoul(field[5], NULL, 8);
	return git_oid_fromstrn(&entry->base_oid, field[7], GIT_OID_HEXSZ) < 0 ? -EINVAL : 0;
}

static int read_status(struct entries *e, const struct ccm_sbuf *out, struct ccm_diag *diag)
{
	const char *at = ccm_sbuf_str(out), *end = at + out->bytes;
	struct entry *entry;
	int r = 0;

	for (; at < end && r == 0; at += strlen(at) + 1) {
		if (at[0] == '1')
			r = read_changed(e, at);
		else if (at[0] == '?' && at[1] == ' ') {
			entry = new_entry(e, at + 2);
			if (!entry)
				return -ENOMEM;
			entry->untracked = true;
		} else if (at[0] != '#')
			r = -EINVAL;
	}
	if (e->count)
		qsort(e->items, e->count, sizeof *e->items, by_path);
	return r == -EINVAL ? ccm_diag_set(diag, r, "git status said '%.200s'", at) : r;
}

/* ---- what the user's git tracks although it is ignored
 *
 * Our index tracks what no longer is untracked to it. So a file that the user's git begins to ignore would stay with us,
 * and one that the user adds in spite of that would not come. Both are asked for only when the user's index or what is
 * ignored has changed, and after our index has lost a file. */

static void add_stamp(struct ccm_sbuf *stamp, const char *path)
{
	struct stat st;

	if (path && stat(path, &st) == 0)
		ccm_sbuf_addf(stamp, "%lld %lld %lld.%09ld\n", (long long)st.st_ino, (long long)st.st_size,
			      (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	else
		ccm_sbuf_adds(stamp, "-\n");
}

static void make_stamp(const struct snapshot *s, struct ccm_sbuf *stamp)
{
	_cleanup_free_ char *index = repo_path(s->repo->gitdir, "index"), *exclude = repo_path(s->repo->commondir, "info/exclude");
	const char *home = getenv("HOME");
	_cleanup_free_ char *ignore = repo_path(home ? home : "", ".config/git/ignore");
	git_buf configured = { 0 };
	git_config *config = NULL;

	add_stamp(stamp, index);
	add_stamp(stamp, exclude);
	add_stamp(stamp, ignore);
	if (git_repository_config_snapshot(&config, s->repo->git) == 0 &&
	    git_config_get_path(&configured, config, "core.excludesfile") == 0)
		add_stamp(stamp, configured.ptr);
	git_buf_dispose(&configured);
	git_config_free(config);
}

static bool ignoring_changed(const struct entries *e)
{
	for (size_t i = 0; i < e->count; i++) {
		const char *slash = strrchr(e->items[i].path, '/');

		if (strcmp(slash ? slash + 1 : e->items[i].path, ".gitignore") == 0)
			return true;
	}
	return false;
}

/* The paths, each with a NUL behind it, that stand in a and not in b. Both are sorted by bytes. */
static const char *next_only_in(const struct ccm_sbuf *a, const struct ccm_sbuf *b, size_t *a_at, size_t *b_at)
{
	while (*a_at < a->bytes) {
		const char *path = a->text + *a_at;
		int order = 1;

		while (*b_at < b->bytes && (order = strcmp(b->text + *b_at, path)) < 0)
			*b_at += strlen(b->text + *b_at) + 1;
		*a_at += strlen(path) + 1;
		if (*b_at >= b->bytes || order != 0)
			return path;
	}
	return NULL;
}

static int add_ignored(struct snapshot *s, struct entries *e, const struct snapshot_limits *limits, struct ccm_diag *diag)
{
	const char *const args[] = { "ls-files", "-z", "--cached", "--ignored", "--exclude-standard", NULL };
	struct repo_git calls[2] = { { .args = args }, { .args = args, .index = s->index } };
	const size_t count = e->count;
	struct entry *entry;
	const char *path;
	size_t a, b;
	int r;

	r = repo_git_run(s->repo, calls, 2, limits->timeout_ms, false, diag);
	for (a = b = 0; r == 0 && (path = next_only_in(&calls[0].out, &calls[1].out, &a, &b));)
		r = new_entry(e, path) ? 0 : -ENOMEM;
	for (a = b = 0; r == 0 && (path = next_only_in(&calls[1].out, &calls[0].out, &a, &b));) {
		struct entries known = { e->items, count, 0 };

		entry = find_entry(&known, path);
		entry = entry ? entry : new_entry(e, path);
		if (entry)
			entry->drop = s->must_move = true;
		else
			r = -ENOMEM;
	}
	s->must_move = s->must_move || e->count > count;
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		repo_git_done(&calls[i]);
	if (e->count > count)
		qsort(e->items, e->count, sizeof *e->items, by_path);
	return r;
}

static bool needs_ignored(struct snapshot *s, const struct entries *e)
{
	_cleanup_free_ char *path = repo_path(s->folder, "synced");
	_cleanup_sbuf_ struct ccm_sbuf last = { 0 };

	s->stamp_changed = !path || ccm_read_regular(path, 64 * 1024, &last) < 0 ||
			   strcmp(ccm_sbuf_str(&last), ccm_sbuf_str(&s->stamp)) != 0;
	return s->stamp_changed || ignoring_changed(e);
}

/* ---- what is left out */

static int leave_out(struct snapshot *s, const char *path, size_t bytes, const char *format, ...) _printf_(4, 5);

static int leave_out(struct snapshot *s, const char *path, size_t bytes, const char *format, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof words, format, ap);
	va_end(ap);
	ccm_sbuf_addf(&s->why, "%.*s: %s\n", (int)bytes, path, words);
	return paths_add(&s->left_out, path, bytes);
}

struct crowd {
	struct snapshot *s;
	struct entries *entries;
	size_t max;
	int error;
};

static bool is_extra(const struct entry *e)
{
	return e->untracked && !e->tracked_by_user;
}

/* Of the untracked among entries lo to hi, which lie in one folder whose name ends at skip: leaves out the smallest folders
 * that hold too many, and returns how many remain. */
static size_t thin_out(struct crowd *c, size_t lo, size_t hi, size_t skip)
{
	const struct entry *all = c->entries->items;
	size_t rest = 0;

	for (size_t i = lo, end; i < hi; i = end) {
		const char *at = all[i].path + skip;
		size_t bytes = strcspn(at, "/");

		for (end = i + 1; end < hi && strncmp(all[end].path + skip, at, bytes) == 0 && all[end].path[skip + bytes] == '/';)
			end++;
		if (at[bytes])
			rest += thin_out(c, i, end, skip + bytes + 1);
		else
			rest += is_extra(&all[i]) && !all[i].skip;
	}
	if (rest <= c->max)
		return rest;
	for (size_t i = lo; i < hi; i++)
		c->entries->items[i].skip = all[i].skip || is_extra(&all[i]);
	if (c->error == 0)
		c->error = skip ? leave_out(c->s, all[lo].path, skip, "%zu files that git does not track, more than max_files", rest) :
				  leave_out(c->s, "./", 2, "%zu files that git does not track, more than max_files", rest);
	return 0;
}

/* ---- files */

struct reader {
	struct snapshot *s;
	const struct snapshot_limits *limits;
	struct objects *objects;
	const git_tree *last;        /* what it has is stored */
	bool filemode;               /* the executable bit says something here */
	struct ccm_diag *diag;
};

/* Keeps the bytes, unless the last tree has them in the same place. */
static int keep_bytes(struct reader *reader, const char *path, const void *data, size_t bytes, git_oid *ret)
{
	git_tree_entry *entry = NULL;
	bool known;

	reader->s->read_bytes += (int64_t)bytes;
	if (git_odb_hash(ret, data, bytes, GIT_OBJECT_BLOB) < 0)
		return -EIO;
	known = reader->last && git_tree_entry_bypath(&entry, reader->last, path) == 0 &&
		git_oid_equal(git_tree_entry_id(entry), ret);
	git_tree_entry_free(entry);
	return known ? 0 : objects_blob(reader->objects, data, bytes, ret, reader->diag);
}

/* Reads the file as it is at one moment, as far as that can be seen. -EFBIG: it is longer than max_bytes; *ret_stat says. */
static int read_steady(const char *path, int64_t max_bytes, struct ccm_sbuf *ret, struct stat *ret_stat)
{
	int r = -EAGAIN;

	for (int i = 0; i < READ_TRIES && r == -EAGAIN; i++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		struct stat after;

		ccm_sbuf_clear(ret);
		if (fd < 0 || fstat(fd, ret_stat) < 0)
			return -errno;
		if (!S_ISREG(ret_stat->st_mode))
			return -CCM_E_NOT_FILE;
		if (ret_stat->st_size > max_bytes)
			return -EFBIG;
		r = ccm_read_fd(fd, (size_t)max_bytes, ret);
		if (r == 0 && fstat(fd, &after) == 0 &&
		    (after.st_size != ret_stat->st_size || after.st_mtim.tv_sec != ret_stat->st_mtim.tv_sec ||
		     after.st_mtim.tv_nsec != ret_stat->st_mtim.tv_nsec))
			r = -EAGAIN;
	}
	/* It never rests: what was read last is as good as any. */
	return r == -EAGAIN ? 0 : r;
}

/* Through the user's filter, as `git add` would. The object comes into a folder of ours first. */
static int add_filtered(struct reader *reader, const char *path, git_oid *ret)
{
	_cleanup_free_ char *objects = repo_path(reader->objects->tmp, "objects"), *relative = repo_path(".", path);
	const char *const args[] = { "hash-object", "-w", "--", relative, NULL };
	_cleanup_git_ struct repo_git call = { .args = args, .objects = objects };
	git_odb_object *object = NULL;
	git_odb *odb = NULL;
	int r, code;

	if (!objects || !relative)
		return -ENOMEM;
	r = ccm_mkdir_p(objects, 0700);
	if (r == 0)
		r = repo_git_run(reader->s->repo, &call, 1, reader->limits->timeout_ms, false, reader->diag);
	if (r < 0)
		return r;
	if (call.out.bytes < GIT_OID_HEXSZ || git_oid_fromstrn(ret, call.out.text, GIT_OID_HEXSZ) < 0)
		return -EIO;
	code = git_odb_open(&odb, objects);
	if (code == 0)
		code = git_odb_read(&object, odb, ret);
	if (code == GIT_ENOTFOUND)
		code = git_odb_read(&object, reader->objects->odb, ret);
	if (code == 0)
		r = keep_bytes(reader, path, git_odb_object_data(object), git_odb_object_size(object), ret);
	git_odb_object_free(object);
	git_odb_free(odb);
	return code == 0 ? r : repo_error(code, reader->diag, "cannot read what a filter made");
}

static int read_file(struct reader *reader, const char *file, const struct entry *e, enum conversion conversion,
		     struct change *ret)
{
	_cleanup_sbuf_ struct ccm_sbuf bytes = { 0 };
	char size[32];
	struct stat st;
	int r = read_steady(file, reader->limits->max_file_bytes, &bytes, &st);

	if (r == -EFBIG)
		return leave_out(reader->s, e->path, strlen(e->path), "%s, more than max_file", ccm_size_format(st.st_size, size));
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return r == -ENOMEM ? r : leave_out(reader->s, e->path, strlen(e->path), "%s", ccm_strerror(r));
	ret->mode = GIT_FILEMODE_BLOB;
	if (reader->filemode ? (st.st_mode & S_IXUSR) != 0 : e->base_mode == GIT_FILEMODE_BLOB_EXECUTABLE)
		ret->mode = GIT_FILEMODE_BLOB_EXECUTABLE;
	if (conversion == CONVERSION_FILTER) {
		if (add_filtered(reader, e->path, &ret->oid) == 0)
			return 0;
		ccm_sbuf_addf(&reader->s->why, "%s: kept as it is: %s\n", e->path, ccm_diag_text(reader->diag, -EIO));
	}
	if (conversion == CONVERSION_BOTH || conversion == CONVERSION_FILTER ||
	    (conversion == CONVERSION_LINES && memmem(ccm_sbuf_str(&bytes), bytes.bytes, "\r\n", 2))) {
		r = paths_add(&reader->s->raw, e->path, strlen(e->path));
		if (r < 0)
			return r;
	}
	return keep_bytes(reader, e->path, ccm_sbuf_str(&bytes), bytes.bytes, &ret->oid);
}

static int read_link(struct reader *reader, const char *file, const struct entry *e, struct change *ret)
{
	char target[4097];
	ssize_t n = readlink(file, target, sizeof target - 1);

	if (n < 0)
		return leave_out(reader->s, e->path, strlen(e->path), "%s", strerror(errno));
	ret->mode = GIT_FILEMODE_LINK;
	return keep_bytes(reader, e->path, target, (size_t)n, &ret->oid);
}

/* A repository within: the commit that is checked out there. */
static int read_repository(struct reader *reader, const char *file, const struct entry *e, struct change *ret)
{
	git_repository *inner = NULL;
	int code = git_repository_open(&inner, file);

	if (code == 0)
		code = git_reference_name_to_id(&ret->oid, inner, "HEAD");
	git_repository_free(inner);
	if (code == 0)
		ret->mode = GIT_FILEMODE_COMMIT;
	else if (e->tracked && e->base_mode == GIT_FILEMODE_COMMIT)
		*ret = (struct change){ .path = ret->path, .mode = e->base_mode, .oid = e->base_oid };
	else
		return leave_out(reader->s, e->path, strlen(e->path), "a repository without a commit");
	return 0;
}

static int read_entry(struct reader *reader, const struct entry *e, enum conversion conversion, struct change *ret)
{
	_cleanup_free_ char *file = repo_path(reader->s->repo->worktree, e->path);
	struct stat st;

	if (!file)
		return -ENOMEM;
	if (e->drop)
		return 0;
	if (lstat(file, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return leave_out(reader->s, e->path, strlen(e->path), "%s", strerror(errno));
	}
	if (S_ISLNK(st.st_mode))
		return read_link(reader, file, e, ret);
	if (S_ISDIR(st.st_mode)) {
		/* A folder has come in the place of a file: what is in it has entries of its own. */
		if (e->tracked && e->base_mode != GIT_FILEMODE_COMMIT)
			return 0;
		return read_repository(reader, file, e, ret);
	}
	return read_file(reader, file, e, conversion, ret);
}

static int add_change(struct snapshot *s, struct change *c)
{
	if (!(s->count & (s->count - 1))) {
		struct change *changes = reallocarray(s->changes, s->count ? s->count * 2 : 1, sizeof *changes);

		if (!changes)
			return -ENOMEM;
		s->changes = changes;
	}
	s->changes[s->count++] = *c;
	c->path = NULL;
	return 0;
}

static int read_entries(struct reader *reader, const struct entries *entries)
{
	struct snapshot *s = reader->s;
	_cleanup_free_ enum conversion *conversions = calloc(entries->count + 1, sizeof *conversions);
	_cleanup_free_ const char **paths = calloc(entries->count + 1, sizeof *paths);
	int r;

	if (!conversions || !paths)
		return -ENOMEM;
	for (size_t i = 0; i < entries->count; i++)
		paths[i] = entries->items[i].path;
	r = conversion_of(s->repo, paths, entries->count, conversions, reader->diag);
	for (size_t i = 0; i < entries->count && r == 0; i++) {
		const struct entry *e = &entries->items[i];
		struct change change = { 0 };

		if (e->skip)
			continue;
		change.path = strdup(e->path);
		if (!change.path)
			return -ENOMEM;
		r = read_entry(reader, e, conversions[i], &change);
		s->unsettled = s->unsettled || (!e->tracked && !e->untracked && !e->drop && !change.mode);
		/* As it was: only its times had changed, or git compares it in another form. */
		if (r == 0 && (e->tracked ? change.mode != e->base_mode || !git_oid_equal(&change.oid, &e->base_oid) :
					    change.mode || e->drop))
			r = add_change(s, &change);
		free(change.path);
	}
	return r;
}

/* ---- the tree */

struct changes {
	struct change *items;        /* paths are borrowed */
	size_t count;
};

static int add_difference(struct changes *to, const char *path, uint32_t mode, const git_oid *oid)
{
	if (!(to->count & (to->count - 1))) {
		struct change *items = reallocarray(to->items, to->count ? to->count * 2 : 1, sizeof *items);

		if (!items)
			return -ENOMEM;
		to->items = items;
	}
	to->items[to->count] = (struct change){ .path = (char *)(uintptr_t)path, .mode = mode };
	if (mode)
		git_oid_cpy(&to->items[to->count].oid, oid);
	to->count++;
	return 0;
}

static int change_by_path(const void *a, const void *b)
{
	return objects_compare(((const struct change *)a)->path, ((const struct change *)b)->path);
}

static bool is_in(const git_tree *tree, const struct change *c)
{
	git_tree_entry *entry = NULL;
	bool is;

	if (git_tree_entry_bypath(&entry, tree, c->path) < 0 || git_tree_entry_type(entry) == GIT_OBJECT_TREE)
		is = c->mode == 0;
	else
		is = git_tree_entry_filemode(entry) == c->mode && git_oid_equal(git_tree_entry_id(entry), &c->oid);
	git_tree_entry_free(entry);
	return is;
}

struct revert {
	const struct snapshot *s;
	struct changes *to;
	struct paths paths;          /* what to borrows */
};

/* What is as in base again although the last tree had it otherwise. */
static int add_reverted(void *user, const struct tree_difference *d)
{
	struct revert *v = user;
	const struct change key = { .path = (char *)(uintptr_t)d->path };
	int r;

	if (v->s->count && bsearch(&key, v->s->changes, v->s->count, sizeof key, change_by_path))
		return 0;
	r = paths_add(&v->paths, d->path, strlen(d->path));
	return r < 0 ? r : add_difference(v->to, v->paths.items[v->paths.count - 1], d->from_mode, &d->from);
}

/* From the last tree, which is stored, rather than from base: only what is new since then is written. */
static int build_on_last(struct snapshot *s, const git_tree *last, struct objects *o, struct ccm_diag *diag)
{
	struct changes changes = { 0 };
	struct revert revert = { .s = s, .to = &changes };
	int r = 0;

	for (size_t i = 0; i < s->count && r == 0; i++)
		if (!is_in(last, &s->changes[i]))
			r = add_difference(&changes, s->changes[i].path, s->changes[i].mode, &s->changes[i].oid);
	if (r == 0)
		r = trees_compare(s->repo, s->base_empty ? NULL : &s->base, git_tree_id(last), add_reverted, &revert, diag);
	if (changes.count)
		qsort(changes.items, changes.count, sizeof *changes.items, change_by_path);
	if (r == 0)
		r = objects_tree(o, git_tree_id(last), changes.items, changes.count, &s->tree, diag);
	free(changes.items);
	paths_done(&revert.paths);
	return r;
}

/* ---- together */

/* True if the index stands for another tree than that of HEAD, so that beginning anew may leave less to read. */
static bool is_beside_head(const struct snapshot *s)
{
	git_oid head;

	return head_tree(s->repo, &head, NULL) > 0 && (s->base_empty || !git_oid_equal(&head, &s->base));
}

/* Of what our index does not know, some may be tracked by the user's git: only the rest can be too much. */
static int mark_tracked(struct snapshot *s, struct entries *e, const struct snapshot_limits *limits, struct ccm_diag *diag)
{
	const char *const args[] = { "ls-files", "-z", "--cached", NULL };
	_cleanup_git_ struct repo_git call = { .args = args };
	int r = repo_git_run(s->repo, &call, 1, limits->timeout_ms, false, diag);

	for (const char *at = ccm_sbuf_str(&call.out), *end = at + call.out.bytes; r == 0 && at < end; at += strlen(at) + 1) {
		struct entry *entry = find_entry(e, at);

		if (entry)
			entry->tracked_by_user = true;
	}
	return r;
}

static int look(struct snapshot *s, const struct snapshot_limits *limits, const git_tree *last, struct objects *o,
		bool may_begin_anew, struct ccm_diag *diag)
{
	const char *const args[] = { "status", "--porcelain=v2", "-z", "--untracked-files=all", "--no-renames",
				     "--ignore-submodules=dirty", "--no-ahead-behind", NULL };
	_cleanup_git_ struct repo_git call = { .args = args, .index = s->index };
	_cleanup_(entries_done) struct entries entries = { 0 };
	struct reader reader = { .s = s, .limits = limits, .objects = o, .last = last, .diag = diag };
	struct crowd crowd = { .s = s, .entries = &entries, .max = (size_t)limits->max_files };
	int r, filemode = 1;
	git_config *config = NULL;

	ccm_sbuf_clear(&s->stamp);
	make_stamp(s, &s->stamp);
	r = repo_git_run(s->repo, &call, 1, limits->timeout_ms, false, diag);
	if (r == 0)
		r = read_status(&entries, &call.out, diag);
	s->must_move = ignoring_changed(&entries);
	if (r == 0 && needs_ignored(s, &entries))
		r = add_ignored(s, &entries, limits, diag);
	if (r < 0)
		return r;
	if (may_begin_anew && entries.count > REBASE_MIN_FILES && is_beside_head(s))
		return -EAGAIN;
	if (entries.count > crowd.max)
		r = mark_tracked(s, &entries, limits, diag);
	if (r < 0)
		return r;
	thin_out(&crowd, 0, entries.count, 0);
	if (crowd.error < 0)
		return crowd.error;
	if (git_repository_config_snapshot(&config, s->repo->git) == 0)
		git_config_get_bool(&filemode, config, "core.filemode");
	git_config_free(config);
	reader.filemode = filemode;
	r = read_entries(&reader, &entries);
	if (r < 0)
		return r;
	if (last)
		return build_on_last(s, last, o, diag);
	return objects_tree(o, s->base_empty ? NULL : &s->base, s->changes, s->count, &s->tree, diag);
}

int snapshot_look(struct snapshot *s, const struct snapshot_limits *limits, const git_oid *last, struct objects *o,
		  struct ccm_diag *diag)
{
	_cleanup_gittree_ git_tree *last_tree = NULL;
	bool began = false;
	int r;

	if (last && git_tree_lookup(&last_tree, s->repo->git, last) < 0)
		return repo_error(-1, diag, "cannot read the last checkpoint");
	for (;;) {
		if (!s->index) {
			r = begin_index(s, limits, diag);
			if (r < 0)
				return r;
			began = true;
		}
		forget_look(s);
		r = look(s, limits, last_tree, o, !began, diag);
		/* An index of ours that is damaged, or whose tree is gone: the user's is there to begin anew with. */
		if (r == 0 || r == -ENOMEM || r == -ETIMEDOUT || began)
			return r;
		snapshot_forget(s);
	}
}

/* Makes the file tmp an index that stands for the new tree. */
static int prepare(struct snapshot *s, const char *tmp, struct ccm_diag *diag)
{
	const char *const args[] = { "update-index", "-z", "--index-info", NULL };
	_cleanup_git_ struct repo_git call = { .args = args, .index = tmp };
	_cleanup_sbuf_ struct ccm_sbuf input = { 0 };
	char hex[GIT_OID_HEXSZ + 1];

	unlink(tmp);
	/* What goes first: a file may come where a folder was. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < s->count; i++) {
			const struct change *c = &s->changes[i];

			if ((c->mode != 0) != pass)
				continue;
			git_oid_tostr(hex, sizeof hex, &c->oid);
			ccm_sbuf_addf(&input, "%o %s\t%s", c->mode, hex, c->path);
			ccm_sbuf_addc(&input, '\0');
		}
	}
	if (ccm_sbuf_error(&input))
		return -ENOMEM;
	/* git replaces the file, so the other name of it keeps what it has. */
	if (link(s->index, tmp) < 0)
		return ccm_diag_set(diag, -errno, "cannot write '%s': %s", tmp, strerror(errno));
	call.input = input.text;
	call.input_bytes = input.bytes;
	return repo_git_run(s->repo, &call, 1, 60000, false, diag);
}

int snapshot_move_on(struct snapshot *s, bool named, struct ccm_diag *diag)
{
	_cleanup_free_ char *tmp = repo_path(s->folder, INDEX_PREFIX "new.tmp"), *index = index_name(s, &s->tree),
			    *synced = repo_path(s->folder, "synced");
	const bool wanted = s->must_move || s->count > BEHIND_MAX_FILES || s->read_bytes > BEHIND_MAX_BYTES;
	bool forgot = false;
	int r = 0;

	if (!tmp || !index || !synced)
		return -ENOMEM;
	if (!named && s->must_move)
		return 0;
	if (s->count && wanted && named) {
		r = prepare(s, tmp, diag);
		if (r == 0 && rename(tmp, index) < 0)
			r = -errno;
		if (r < 0)
			return r;
		if (strcmp(index, s->index) != 0)
			unlink(s->index);
		free(s->index);
		s->index = TAKE_PTR(index);
		git_oid_cpy(&s->base, &s->tree);
		s->base_empty = false;
		for (size_t i = 0; i < s->count; i++)
			forgot = forgot || !s->changes[i].mode;
	}
	/* If a file comes back that our index no longer has, and it is ignored, only asking tells that the user's git tracks it. */
	if (forgot) {
		remove_in(s->folder, "synced");
		return 0;
	}
	return s->stamp_changed && !s->unsettled ? ccm_write_file(synced, ccm_sbuf_str(&s->stamp), s->stamp.bytes, 0600, false) : 0;
}
