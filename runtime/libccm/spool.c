/* SPDX-License-Identifier: MIT */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "clock.h"
#include "io.h"

#define SUFFIX ".event"
#define FILE_MAX_BYTES ((size_t)1 << 31)
#define REFUGE_LEAVE_BYTES ((uint64_t)256 << 20)  /* or a quarter, if that is less */
#define STALE_S 3600             /* a file that was begun that long ago will not be finished */

/* ---- the places ---- */

/* Folders that hold a refuge. NULL: named by the environment. */
#ifdef __linux__
static const char *const parents[] = { NULL, "/dev/shm" };
#else
static const char *const parents[] = { NULL, "/tmp" };
#endif
#define PLACES (1 + ARRAY_SIZE(parents))

/* FNV-1a, 64 bits. */
static uint64_t hash(const char *text)
{
	uint64_t h = 0xcbf29ce484222325;

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3;
	return h;
}

/* False: there is no such place now. */
static bool place_path(const struct ccm_paths *p, size_t place, struct ccm_sbuf *path)
{
	const char *parent;

	if (place == 0) {
		ccm_sbuf_adds(path, p->spool);
		return !p->problem;
	}
	if (p->task)
		return false;
	parent = parents[place - 1];
	if (!parent)
		parent = getenv("XDG_RUNTIME_DIR");
	if (!parent || parent[0] != '/')
		return false;
	ccm_sbuf_addf(path, "%s/ccm-spool-%u-%016llx", parent, (unsigned)geteuid(), (unsigned long long)hash(p->home));
	return true;
}

/* In a folder that everybody can write, anything may lie under that name. */
static int check_refuge(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_uid == geteuid() && !(st.st_mode & 077) ? 0 : -CCM_E_REFUSED;
}

/* Its descriptor, or negative errno. */
static int open_place(size_t place, const char *path, bool make)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (place ? O_NOFOLLOW : 0);
	_cleanup_close_ int fd = open(path, flags);
	int r = 0;

	if (fd < 0 && errno == ENOENT && make) {
		if (place == 0)
			r = ccm_mkdir_p(path, 0700);
		else if (mkdir(path, 0700) < 0 && errno != EEXIST)
			r = -errno;
		if (r < 0)
			return r;
		fd = open(path, flags);
	}
	if (fd < 0)
		return -errno;
	if (place)
		r = check_refuge(fd);
	return r < 0 ? r : TAKE_FD(fd);
}

/* Every hook comes here, and mostly finds nothing: no call too many. */
static DIR *open_listing(size_t place, const char *path)
{
	DIR *dir;
	int fd;

	if (place == 0)
		return opendir(path);
	fd = open_place(place, path, false);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	dir = fdopendir(fd);
	if (!dir)
		close(fd);
	return dir;
}

/* It is mostly memory, and not ours alone. */
static int check_room(int dir)
{
	struct statvfs fs;
	uint64_t least;

	if (fstatvfs(dir, &fs) < 0)
		return -errno;
	least = (uint64_t)fs.f_blocks * fs.f_frsize / 4;
	if (least > REFUGE_LEAVE_BYTES)
		least = REFUGE_LEAVE_BYTES;
	return (uint64_t)fs.f_bavail * fs.f_frsize < least ? -ENOSPC : 0;
}

/* ---- writing ---- */

static int write_file(int dir, const char *uuid, const struct ccm_sbuf *text, int *ret_fd)
{
	char tmp[CCM_UUID_CHARS + 16], name[CCM_UUID_CHARS + 16];
	_cleanup_close_ int fd = -1;
	int r;

	snprintf(tmp, sizeof tmp, ".%s.tmp", uuid);
	snprintf(name, sizeof name, "%s" SUFFIX, uuid);
	fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
	if (r == 0)
		r = ccm_write_all(fd, text->text, text->bytes);
	if (r == 0 && renameat(dir, tmp, dir, name) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dir, tmp, 0);
		return r;
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int write_in(size_t place, const char *path, const char *uuid, const struct ccm_sbuf *text, int *ret_fd)
{
	int r;

	/* A refuge that has become empty is removed; it may just have been. */
	for (int again = 0; again < 3; again++) {
		_cleanup_close_ int dir = open_place(place, path, true);

		if (dir < 0)
			return dir;
		r = place ? check_room(dir) : 0;
		if (r == 0)
			r = write_file(dir, uuid, text, ret_fd);
		if (r != -ENOENT)
			return r;
	}
	return r;
}

int ccm_spool_write(const struct ccm_paths *p, const struct ccm_record *rec, int *ret_fd, struct ccm_sbuf *trouble)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, failures = { 0 };
	int r;

	r = ccm_record_write(rec, &text);
	if (r < 0)
		return r;
	ccm_sbuf_add(&text, rec->payload, rec->payload_kept_bytes);
	ccm_sbuf_addc(&text, '\n');
	r = ccm_sbuf_error(&text);
	if (r < 0)
		return r;
	for (size_t i = 0; i < PLACES; i++) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

		if (!place_path(p, i, &path))
			continue;
		r = ccm_sbuf_error(&path);
		if (r == 0)
			r = write_in(i, path.text, rec->uuid, &text, ret_fd);
		if (r < 0) {
			ccm_sbuf_addf(&failures, "%s'%s': %s", failures.bytes ? "; " : "", ccm_sbuf_str(&path), ccm_strerror(r));
			continue;
		}
		if (i > 0)
			ccm_sbuf_addf(trouble, "%s%sthe event waits in '%s' until CCM_HOME takes it, or the machine restarts\n",
				      ccm_sbuf_str(&failures), failures.bytes ? "; " : "", path.text);
		return 0;
	}
	ccm_sbuf_addf(trouble, "the event could not be kept in the spool either and is lost: %s\n", ccm_sbuf_str(&failures));
	return r < 0 ? r : -ENOENT;
}

int ccm_spool_finish(int fd, const struct ccm_record *rec)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = ccm_record_write_finish(rec, &text);

	return r < 0 ? r : ccm_write_all(fd, text.text, text.bytes);
}

/* ---- taking in ---- */

static bool is_spooled(const char *name, int64_t *ret_ms)
{
	char uuid[CCM_UUID_CHARS + 1];

	if (strlen(name) != CCM_UUID_CHARS + strlen(SUFFIX) || strcmp(name + CCM_UUID_CHARS, SUFFIX) != 0)
		return false;
	memcpy(uuid, name, CCM_UUID_CHARS);
	uuid[CCM_UUID_CHARS] = '\0';
	return ccm_uuid_time(uuid, ret_ms);
}

struct names {
	char (*list)[CCM_UUID_CHARS + sizeof SUFFIX];
	size_t count, allocated;
};

static void names_done(struct names *n)
{
	free(n->list);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, CCM_UUID_CHARS);
}

/* What a writer that was killed had begun. */
static void remove_stale(int dir, const char *name)
{
	size_t bytes = strlen(name);
	struct stat st;

	if (bytes > 4 && strcmp(name + bytes - 4, ".tmp") == 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && st.st_mtime < time(NULL) - STALE_S)
		unlinkat(dir, name, 0);
}

/* Oldest first: a UUID begins with its time. */
static int read_names(DIR *dir, struct names *ret)
{
	struct dirent *d;
	int64_t ms;

	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			remove_stale(dirfd(dir), d->d_name);
		if (!is_spooled(d->d_name, &ms))
			continue;
		if (ret->count == ret->allocated) {
			size_t n = ret->allocated ? ret->allocated * 2 : 64;
			void *list = realloc(ret->list, n * sizeof *ret->list);

			if (!list)
				return -ENOMEM;
			ret->list = list;
			ret->allocated = n;
		}
		memcpy(ret->list[ret->count++], d->d_name, sizeof *ret->list);
	}
	if (ret->count)
		qsort(ret->list, ret->count, sizeof *ret->list, compare);
	return 0;
}

int ccm_spool_parse(const char *text, size_t bytes, struct ccm_record *rec)
{
	const char *end = text + bytes, *newline = memchr(text, '\n', bytes), *payload, *finish;
	int r;

	if (!newline)
		return -CCM_E_JSON;
	r = ccm_record_read(rec, text, (size_t)(newline - text));
	if (r < 0)
		return r;
	payload = newline + 1;
	if ((size_t)(end - payload) <= rec->payload_kept_bytes || payload[rec->payload_kept_bytes] != '\n')
		return -CCM_E_JSON;
	rec->payload = payload;
	finish = payload + rec->payload_kept_bytes + 1;
	/* A line without its end was being written when the writer died: the event stays unfinished. */
	newline = memchr(finish, '\n', (size_t)(end - finish));
	return newline ? ccm_record_read_finish(rec, finish, (size_t)(newline - finish)) : 0;
}

struct taking {
	ccm_spool_take *take;
	void *user;
	int64_t until_us;
	int count, error;
	size_t unreadable;           /* files that are ours and cannot be read now */
	int why;                     /* the error of the last of them */
	struct ccm_sbuf *trouble;
};

/* Somebody may have put it there; nothing is taken from it, and nothing of it is lost. */
static void put_aside(struct taking *t, int dir, const char *path, const char *name, const char *why)
{
	char bad[CCM_UUID_CHARS + 16];

	snprintf(bad, sizeof bad, "%.*s.bad", CCM_UUID_CHARS, name);
	if (renameat(dir, name, dir, bad) == 0)
		ccm_sbuf_addf(t->trouble, "'%s/%s' is not a spooled event (%s): it is kept as '%s'\n", path, name, why, bad);
}

static int check_file(int fd, const char **ret_why)
{
	struct stat st;

	*ret_why = NULL;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		*ret_why = "not a regular file";
	else if (st.st_uid != geteuid())
		*ret_why = "of another user";
	else if (st.st_nlink == 0)
		return -ENOENT;      /* another run was faster */
	return 0;
}

static void take_file(struct taking *t, int dir, const char *path, const char *name)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	_cleanup_record_ struct ccm_record rec = { 0 };
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *why;
	int r;

	if (fd < 0 && errno == ELOOP) {
		put_aside(t, dir, path, name, "a symbolic link");
		return;
	}
	if (fd < 0) {
		if (errno == ENOENT)
			return;
		t->unreadable++;
		t->why = -errno;
		return;
	}
	/* Locked: its writer is still at work. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return;
	r = check_file(fd, &why);
	if (r < 0)
		return;
	if (!why) {
		r = ccm_read_fd(fd, FILE_MAX_BYTES, &text);
		if (r == 0)
			r = ccm_spool_parse(ccm_sbuf_str(&text), text.bytes, &rec);
		if (r == -CCM_E_JSON)
			why = ccm_strerror(r);
	}
	if (why) {
		put_aside(t, dir, path, name, why);
		return;
	}
	if (r < 0) {
		t->unreadable++;
		t->why = r;
		return;
	}
	t->error = t->take(t->user, &rec);
	if (t->error < 0)
		return;
	t->error = 0;
	unlinkat(dir, name, 0);
	t->count++;
}

static void take_place(struct taking *t, size_t place, const char *path)
{
	_cleanup_closedir_ DIR *dir = open_listing(place, path);
	_cleanup_(names_done) struct names names = { 0 };

	if (!dir)
		return;
	if (read_names(dir, &names) == 0)
		for (size_t i = 0; i < names.count && t->error == 0 && ccm_mono_us() < t->until_us; i++)
			take_file(t, dirfd(dir), path, names.list[i]);
	if (place)
		rmdir(path);
	if (t->unreadable)
		ccm_sbuf_addf(t->trouble, "%zu file%s in '%s' cannot be read and wait%s there: %s\n", t->unreadable,
			      t->unreadable == 1 ? "" : "s", path, t->unreadable == 1 ? "s" : "", ccm_strerror(t->why));
	t->unreadable = 0;
}

int ccm_spool_take_in(const struct ccm_paths *p, int64_t until_us, ccm_spool_take *take, void *user, int *ret_error,
		      struct ccm_sbuf *trouble)
{
	struct taking t = { .take = take, .user = user, .until_us = until_us, .trouble = trouble };

	for (size_t i = 0; i < PLACES && t.error == 0; i++) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };

		if (place_path(p, i, &path) && ccm_sbuf_error(&path) == 0)
			take_place(&t, i, path.text);
	}
	*ret_error = t.error;
	return t.count;
}

static int count_place(DIR *dir, int64_t *oldest_ms, int *bad)
{
	struct dirent *d;
	int64_t ms;
	int count = 0;

	while ((d = readdir(dir))) {
		size_t n = strlen(d->d_name);

		if (n > 4 && strcmp(d->d_name + n - 4, ".bad") == 0)
			++*bad;
		if (!is_spooled(d->d_name, &ms))
			continue;
		count++;
		if (!*oldest_ms || ms < *oldest_ms)
			*oldest_ms = ms;
	}
	return count;
}

int ccm_spool_count(const struct ccm_paths *p, int64_t *ret_oldest_ms, int *ret_bad)
{
	int count = 0, error = 0;

	*ret_oldest_ms = 0;
	*ret_bad = 0;
	for (size_t i = 0; i < PLACES; i++) {
		_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
		_cleanup_closedir_ DIR *dir = NULL;

		if (!place_path(p, i, &path) || ccm_sbuf_error(&path))
			continue;
		dir = open_listing(i, path.text);
		if (dir)
			count += count_place(dir, ret_oldest_ms, ret_bad);
		else if (i == 0 && errno != ENOENT)
			error = -errno;
	}
	return count ? count : error;
}
