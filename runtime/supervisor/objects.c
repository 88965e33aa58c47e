/* SPDX-License-Identifier: MIT */
#include "objects.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <git2/sys/mempack.h>
#include <git2/sys/odb_backend.h>
#include <git2/sys/repository.h>

#include "libccm/io.h"
#include "pack.h"

#define MEMORY_PRIORITY 1000                     /* before the packs (2) and the loose objects (1) */
#define MEMORY_MAX_BYTES (48L * 1024 * 1024)     /* so much of new files is held before a pack is made of it */
#define SMALL_PACK_BYTES (16L * 1024 * 1024)
#define SMALL_PACKS_MAX 20                       /* more are made one; git's own bound for all packs is 50 */
#define KEEP_WORDS "ccm checkpoint"

/* ---- what is written */

int objects_begin(struct objects *o, struct repo *repo, const char *tmp, struct ccm_diag *diag)
{
	int code;

	*o = (struct objects){ .repo = repo };
	o->tmp = strdup(tmp);
	if (!o->tmp)
		return -ENOMEM;
	code = git_repository_odb(&o->odb, repo->git);
	if (code == 0 && !repo->memory) {
		code = git_mempack_new(&repo->memory);
		if (code == 0)
			code = git_odb_add_backend(o->odb, repo->memory, MEMORY_PRIORITY);
	}
	return code == 0 ? 0 : repo_error(code, diag, "cannot use the repository's objects");
}

int objects_add(struct objects *o, const git_oid *oid)
{
	if (o->count == o->allocated) {
		size_t allocated = o->allocated ? o->allocated * 2 : 64;
		git_oid *list = reallocarray(o->list, allocated, sizeof *list);

		if (!list)
			return -ENOMEM;
		o->list = list;
		o->allocated = allocated;
	}
	git_oid_cpy(&o->list[o->count++], oid);
	return 0;
}

static int put(struct objects *o, const void *data, size_t bytes, git_object_t type, git_oid *ret, struct ccm_diag *diag)
{
	int code, r;

	/* What is in memory already can be given to the repository at any time. */
	if (o->bytes && o->bytes + bytes > MEMORY_MAX_BYTES) {
		r = objects_store(o, diag);
		if (r < 0)
			return r;
	}
	code = git_odb_write(ret, o->odb, data, bytes, type);
	if (code < 0)
		return repo_error(code, diag, "cannot keep an object");
	o->bytes += bytes;
	return objects_add(o, ret);
}

int objects_blob(struct objects *o, const void *data, size_t bytes, git_oid *ret, struct ccm_diag *diag)
{
	return put(o, data, bytes, GIT_OBJECT_BLOB, ret, diag);
}

int objects_commit(struct objects *o, const char *text, size_t bytes, git_oid *ret, struct ccm_diag *diag)
{
	return put(o, text, bytes, GIT_OBJECT_COMMIT, ret, diag);
}

/* ---- trees */

/* '/' sorts before every byte that a name may hold, and the end before that. */
static int rank(char c)
{
	return c == '\0' ? 0 : c == '/' ? 1 : (unsigned char)c + 1;
}

int objects_compare(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return rank(*a) - rank(*b);
}

static void builder_free(git_treebuilder **b)
{
	git_treebuilder_free(*b);
}

static int build(struct objects *o, const git_oid *base, const struct change *changes, size_t count, size_t skip,
		 git_oid *ret, size_t *ret_entries, struct ccm_diag *diag);

/* The changes below one name, which are count and begin behind skip. */
static int build_below(struct objects *o, git_treebuilder *builder, const char *name, const struct change *changes,
		       size_t count, size_t skip, struct ccm_diag *diag)
{
	const git_tree_entry *was = git_treebuilder_get(builder, name);
	const git_oid *base = was && git_tree_entry_type(was) == GIT_OBJECT_TREE ? git_tree_entry_id(was) : NULL;
	size_t entries;
	git_oid tree;
	int r, code = 0;

	/* Only removals, below something that is no folder: nothing of it is there. */
	if (!base) {
		bool any = false;

		for (size_t i = 0; i < count; i++)
			any = any || changes[i].mode;
		if (!any)
			return 0;
	}
	r = build(o, base, changes, count, skip, &tree, &entries, diag);
	if (r < 0)
		return r;
	if (entries)
		code = git_treebuilder_insert(NULL, builder, name, &tree, GIT_FILEMODE_TREE);
	else if (was)
		code = git_treebuilder_remove(builder, name);
	return code == 0 ? 0 : repo_error(code, diag, "cannot make a tree");
}

static int apply(git_treebuilder *builder, const char *name, const struct change *c, struct ccm_diag *diag)
{
	int code = 0;

	if (c->mode)
		code = git_treebuilder_insert(NULL, builder, name, &c->oid, (git_filemode_t)c->mode);
	else if (git_treebuilder_get(builder, name))
		code = git_treebuilder_remove(builder, name);
	if (code < 0) {
		repo_error(code, diag, "cannot make a tree");
		return ccm_diag_set(diag, -EIO, "'%s' cannot stand in a tree", c->path);
	}
	return 0;
}

static int build(struct objects *o, const git_oid *base, const struct change *changes, size_t count, size_t skip,
		 git_oid *ret, size_t *ret_entries, struct ccm_diag *diag)
{
	_cleanup_(builder_free) git_treebuilder *builder = NULL;
	_cleanup_gittree_ git_tree *tree = NULL;
	int code = 0, r = 0;

	if (base)
		code = git_tree_lookup(&tree, o->repo->git, base);
	if (code == 0)
		code = git_treebuilder_new(&builder, o->repo->git, tree);
	if (code < 0)
		return repo_error(code, diag, "cannot read a tree");
	for (size_t i = 0, end; i < count && r == 0; i = end) {
		const char *at = changes[i].path + skip;
		size_t bytes = strcspn(at, "/"), below;
		_cleanup_free_ char *name = strndup(at, bytes);

		if (!name)
			return -ENOMEM;
		below = at[bytes] ? i : i + 1;
		for (end = below; end < count && strncmp(changes[end].path + skip, name, bytes) == 0 &&
		     changes[end].path[skip + bytes] == '/'; end++)
			;
		/* A folder in the place of a file, or the other way round: what is to be comes last. */
		if (below > i && !changes[i].mode)
			r = apply(builder, name, &changes[i], diag);
		if (r == 0 && end > below)
			r = build_below(o, builder, name, changes + below, end - below, skip + bytes + 1, diag);
		if (r == 0 && below > i && changes[i].mode)
			r = apply(builder, name, &changes[i], diag);
	}
	if (r < 0)
		return r;
	*ret_entries = git_treebuilder_entrycount(builder);
	code = git_treebuilder_write(ret, builder);
	if (code < 0)
		return repo_error(code, diag, "cannot make a tree");
	/* An empty folder is not kept, but the root may be empty. */
	return *ret_entries || skip == 0 ? objects_add(o, ret) : 0;
}

int objects_tree(struct objects *o, const git_oid *base, const struct change *changes, size_t count, git_oid *ret,
		 struct ccm_diag *diag)
{
	size_t entries;

	if (base && !count) {
		git_oid_cpy(ret, base);
		return 0;
	}
	return build(o, base, changes, count, 0, ret, &entries, diag);
}

/* ---- packs */

static void builder_done(git_packbuilder **p)
{
	git_packbuilder_free(*p);
}

static void repository_done(git_repository **p)
{
	git_repository_free(*p);
}

/* A repository with our objects and without refs: libgit2 would read every ref for each pack, to put tags first. */
static int open_without_refs(const struct objects *o, git_repository **ret, struct ccm_diag *diag)
{
	static const char head[] = "ref: refs/heads/none\n";
	_cleanup_free_ char *dir = repo_path(o->repo->commondir, "ccm/empty.git"), *refs = dir ? repo_path(dir, "refs") : NULL,
			    *objects = dir ? repo_path(dir, "objects") : NULL, *file = dir ? repo_path(dir, "HEAD") : NULL;
	int r, code;

	if (!refs || !objects || !file)
		return -ENOMEM;
	r = ccm_mkdir_p(refs, 0700);
	if (r == 0)
		r = ccm_mkdir_p(objects, 0700);
	if (r == 0 && access(file, F_OK) < 0)
		r = ccm_write_file(file, head, sizeof head - 1, 0600, false);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write '%s': %s", file, ccm_strerror(r));
	code = git_repository_open_ext(ret, dir, GIT_REPOSITORY_OPEN_NO_SEARCH | GIT_REPOSITORY_OPEN_BARE, NULL);
	if (code == 0)
		code = git_repository_set_odb(*ret, o->odb);
	return code == 0 ? 0 : repo_error(code, diag, "cannot write a pack");
}

static int by_oid(const void *a, const void *b)
{
	return git_oid_cmp(a, b);
}

/* In the order of names, each once. */
static void sort_list(struct objects *o)
{
	size_t n = 0;

	qsort(o->list, o->count, sizeof *o->list, by_oid);
	for (size_t i = 0; i < o->count; i++)
		if (!n || !git_oid_equal(&o->list[i], &o->list[n - 1]))
			o->list[n++] = o->list[i];
	o->count = n;
}

static int make_pack(struct objects *o, struct ccm_diag *diag)
{
	_cleanup_pack_ struct pack pack = { .fd = -1 };
	char name[PACK_NAME_CHARS + 1];
	int r = pack_begin(&pack, o->tmp);

	sort_list(o);
	for (size_t i = 0; i < o->count && r == 0; i++) {
		git_odb_object *object = NULL;
		int code = git_odb_read(&object, o->odb, &o->list[i]);

		if (code < 0)
			return repo_error(code, diag, "cannot write a pack");
		pack_add(&pack, &o->list[i], git_odb_object_type(object), git_odb_object_data(object),
			 git_odb_object_size(object));
		git_odb_object_free(object);
	}
	if (r == 0)
		r = pack_end(&pack, name);
	return r < 0 ? ccm_diag_set(diag, r, "cannot write a pack in '%s': %s", o->tmp, ccm_strerror(r)) : 0;
}

/* With what the objects have in common: smaller, and slower. */
static int make_small_pack(struct objects *o, struct ccm_diag *diag)
{
	_cleanup_(repository_done) git_repository *repository = NULL;
	_cleanup_(builder_done) git_packbuilder *pack = NULL;
	int code, r;

	r = open_without_refs(o, &repository, diag);
	if (r < 0)
		return r;
	code = git_packbuilder_new(&pack, repository);
	for (size_t i = 0; i < o->count && code == 0; i++)
		code = git_packbuilder_insert(pack, &o->list[i], NULL);
	if (code == 0)
		code = git_packbuilder_write(pack, o->tmp, 0444, NULL, NULL);
	return code == 0 ? 0 : repo_error(code, diag, "cannot write a pack");
}

static int sync_file(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

struct sync {
	const char *folder, *extension;
	int error;
};

static void *sync_files(void *user)
{
	struct sync *s = user;
	_cleanup_closedir_ DIR *dir = opendir(s->folder);
	struct dirent *entry;

	s->error = dir ? 0 : -errno;
	while (s->error == 0 && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		_cleanup_free_ char *path = repo_path(s->folder, entry->d_name);

		if (dot && strcmp(dot, s->extension) == 0)
			s->error = path ? sync_file(path) : -ENOMEM;
	}
	return NULL;
}

/* Both at once: the disk takes as long for one as for two. */
static int sync_packs(const struct objects *o)
{
	struct sync packs = { o->tmp, ".pack", 0 }, indexes = { o->tmp, ".idx", 0 };
	pthread_t thread;
	bool threaded = pthread_create(&thread, NULL, sync_files, &packs) == 0;

	sync_files(&indexes);
	if (threaded)
		pthread_join(thread, NULL);
	else
		sync_files(&packs);
	return packs.error ? packs.error : indexes.error;
}

/* Moves the file NAME.extension into objects/pack. */
static int move_in(const struct objects *o, const char *name, const char *extension, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf from = { 0 }, to = { 0 };
	int r;

	ccm_sbuf_addf(&from, "%s/%s.%s", o->tmp, name, extension);
	ccm_sbuf_addf(&to, "%s/objects/pack/%s.%s", o->repo->commondir, name, extension);
	if (from.failed || to.failed)
		return -ENOMEM;
	r = rename(from.text, to.text) < 0 ? -errno : 0;
	return r == 0 ? 0 : ccm_diag_set(diag, r, "cannot write '%s': %s", to.text, ccm_strerror(r));
}

static void empty_folder(const char *path)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		unlinkat(dirfd(dir), entry->d_name, 0);
}

static char *registry_path(const struct repo *repo)
{
	return repo_path(repo->commondir, "ccm/packs");
}

/* A line with the pack's name: which packs are ours, so that they can be looked after. */
static int register_pack(const struct repo *repo, const char *name)
{
	_cleanup_free_ char *path = registry_path(repo);
	_cleanup_close_ int fd = -1;
	_cleanup_sbuf_ struct ccm_sbuf line = { 0 };

	ccm_sbuf_addf(&line, "%s\n", name);
	if (!path || ccm_sbuf_error(&line))
		return -ENOMEM;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : ccm_write_all(fd, line.text, line.bytes);
}

static int keep_pack(struct objects *o, const char *name, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf keep = { 0 }, words = { 0 };
	char **packs;
	int r;

	ccm_sbuf_addf(&keep, "%s/objects/pack/%s.keep", o->repo->commondir, name);
	ccm_sbuf_addf(&words, KEEP_WORDS " %ld\n", (long)getpid());
	if (keep.failed || words.failed)
		return -ENOMEM;
	packs = reallocarray(o->packs, o->pack_count + 1, sizeof *packs);
	if (!packs)
		return -ENOMEM;
	o->packs = packs;
	r = register_pack(o->repo, name);
	if (r == 0)
		r = ccm_write_file(keep.text, words.text, words.bytes, 0600, false);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write '%s': %s", keep.text, ccm_strerror(r));
	packs[o->pack_count++] = ccm_sbuf_take(&keep);
	return packs[o->pack_count - 1] ? 0 : -ENOMEM;
}

/* All packs of tmp go into the repository: first what keeps one, its index last, because git looks for that. */
static int move_packs(struct objects *o, struct ccm_diag *diag)
{
	_cleanup_closedir_ DIR *dir = opendir(o->tmp);
	struct dirent *entry;
	int r = dir ? 0 : -errno;

	while (r == 0 && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');
		_cleanup_free_ char *name = NULL;

		if (!dot || strcmp(dot, ".idx") != 0 || strncmp(entry->d_name, "pack-", 5) != 0)
			continue;
		name = strndup(entry->d_name, (size_t)(dot - entry->d_name));
		if (!name)
			return -ENOMEM;
		r = keep_pack(o, name, diag);
		if (r == 0)
			r = move_in(o, name, "pack", diag);
		if (r == 0)
			r = move_in(o, name, "idx", diag);
	}
	return r;
}

int objects_store(struct objects *o, struct ccm_diag *diag)
{
	int r;

	if (!o->count)
		return 0;
	if (mkdir(o->tmp, 0700) < 0 && errno != EEXIST)
		return ccm_diag_set(diag, -errno, "cannot make '%s': %s", o->tmp, strerror(errno));
	empty_folder(o->tmp);
	r = o->small ? make_small_pack(o, diag) : make_pack(o, diag);
	if (r < 0)
		return r;
	r = sync_packs(o);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot write a pack in '%s': %s", o->tmp, ccm_strerror(r));
	r = move_packs(o, diag);
	if (r < 0)
		return r;
	git_mempack_reset(o->repo->memory);
	git_odb_refresh(o->odb);
	o->count = o->bytes = 0;
	return 0;
}

void objects_release(struct objects *o)
{
	for (size_t i = 0; i < o->pack_count; i++) {
		unlink(o->packs[i]);
		free(o->packs[i]);
	}
	o->pack_count = 0;
}

void objects_done(struct objects *o)
{
	objects_release(o);
	free(o->packs);
	free(o->list);
	if (o->tmp) {
		empty_folder(o->tmp);
		rmdir(o->tmp);
	}
	free(o->tmp);
	git_odb_free(o->odb);
	*o = (struct objects){ 0 };
}

/* ---- the packs of ours that there are */

struct pack_list {
	char **names;
	size_t count;
};

static void pack_list_done(struct pack_list *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->names[i]);
	free(l->names);
}

/* Those of the registry that are still there; gc makes other packs of them. */
static int read_registry(const struct repo *repo, struct pack_list *ret)
{
	_cleanup_free_ char *path = registry_path(repo);
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = path ? ccm_read_regular(path, 1024 * 1024, &text) : -ENOMEM;

	for (const char *line = ccm_sbuf_str(&text); r == 0 && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t bytes = strcspn(line, "\n");
		_cleanup_sbuf_ struct ccm_sbuf file = { 0 };
		char **names, *name;

		ccm_sbuf_addf(&file, "%s/objects/pack/%.*s.pack", repo->commondir, (int)bytes, line);
		if (ccm_sbuf_error(&file) || access(file.text, F_OK) < 0 || memchr(line, '/', bytes))
			continue;
		names = reallocarray(ret->names, ret->count + 1, sizeof *names);
		name = strndup(line, bytes);
		if (names)
			ret->names = names;
		if (!names || !name) {
			free(name);
			return -ENOMEM;
		}
		names[ret->count++] = name;
	}
	return r == -ENOENT ? 0 : r;
}

static int write_registry(const struct repo *repo, const struct pack_list *packs)
{
	_cleanup_free_ char *path = registry_path(repo);
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	for (size_t i = 0; i < packs->count; i++)
		ccm_sbuf_addf(&text, "%s\n", packs->names[i]);
	if (!path || ccm_sbuf_error(&text))
		return -ENOMEM;
	return ccm_write_file(path, ccm_sbuf_str(&text), text.bytes, 0600, false);
}

static char *pack_file(const struct repo *repo, const char *name, const char *extension)
{
	char *path;

	return asprintf(&path, "%s/objects/pack/%s.%s", repo->commondir, name, extension) < 0 ? NULL : path;
}

/* True if a .keep file of ours was left by a process that is no more. */
static bool is_left_behind(const char *keep)
{
	_cleanup_sbuf_ struct ccm_sbuf words = { 0 };
	long pid;

	if (ccm_read_regular(keep, 4096, &words) < 0 || strncmp(ccm_sbuf_str(&words), KEEP_WORDS " ", sizeof KEEP_WORDS) != 0)
		return false;
	pid = strtol(words.text + sizeof KEEP_WORDS, NULL, 10);
	return pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

void objects_clean(const struct repo *repo)
{
	_cleanup_(pack_list_done) struct pack_list packs = { 0 };

	if (read_registry(repo, &packs) < 0)
		return;
	for (size_t i = 0; i < packs.count; i++) {
		_cleanup_free_ char *keep = pack_file(repo, packs.names[i], "keep");

		if (keep && is_left_behind(keep))
			unlink(keep);
	}
}

static bool is_small(const struct repo *repo, const char *name)
{
	_cleanup_free_ char *pack = pack_file(repo, name, "pack"), *keep = pack_file(repo, name, "keep");
	struct stat st;

	return pack && keep && stat(pack, &st) == 0 && st.st_size < SMALL_PACK_BYTES && access(keep, F_OK) < 0;
}

static int add_object(const git_oid *oid, void *user)
{
	return objects_add(user, oid);
}

static int add_pack(struct objects *o, const char *name, struct ccm_diag *diag)
{
	_cleanup_free_ char *idx = pack_file(o->repo, name, "idx");
	git_odb_backend *backend;
	git_odb *odb;
	int code;

	if (!idx)
		return -ENOMEM;
	code = git_odb_new(&odb);
	if (code < 0)
		return repo_error(code, diag, "cannot read a pack");
	code = git_odb_backend_one_pack(&backend, idx);
	if (code == 0)
		code = git_odb_add_backend(odb, backend, 1);
	if (code == 0)
		code = git_odb_foreach(odb, add_object, o);
	git_odb_free(odb);
	return code == 0 ? 0 : repo_error(code, diag, "cannot read a pack");
}

/* gc writes this file while it is at work, and would stumble over packs that disappear. */
static bool gc_runs(const struct repo *repo)
{
	_cleanup_free_ char *path = repo_path(repo->commondir, "gc.pid");

	return !path || access(path, F_OK) == 0;
}

static void remove_pack(const struct repo *repo, const char *name)
{
	static const char *const extensions[] = { "idx", "rev", "pack" };

	for (size_t i = 0; i < ARRAY_SIZE(extensions); i++) {
		_cleanup_free_ char *path = pack_file(repo, name, extensions[i]);

		if (path)
			unlink(path);
	}
}

int objects_tidy(struct repo *repo, const char *tmp, struct ccm_diag *diag)
{
	_cleanup_(pack_list_done) struct pack_list packs = { 0 };
	_cleanup_objects_ struct objects o = { 0 };
	size_t small = 0;
	int r;

	r = read_registry(repo, &packs);
	for (size_t i = 0; i < packs.count; i++)
		small += is_small(repo, packs.names[i]);
	if (r < 0 || small < SMALL_PACKS_MAX || gc_runs(repo))
		return r;
	r = objects_begin(&o, repo, tmp, diag);
	o.small = true;
	for (size_t i = 0; i < packs.count && r == 0; i++)
		if (is_small(repo, packs.names[i]))
			r = add_pack(&o, packs.names[i], diag);
	/* Forgets those that are gone; the new one is added as it comes. */
	if (r == 0)
		r = write_registry(repo, &packs);
	if (r == 0)
		r = objects_store(&o, diag);
	if (r < 0 || !o.pack_count)
		return r;
	for (size_t i = 0; i < packs.count; i++)
		if (is_small(repo, packs.names[i]) && !strstr(o.packs[0], packs.names[i]))
			remove_pack(repo, packs.names[i]);
	return 0;
}
