/* SPDX-License-Identifier: MIT */
#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "libccm/io.h"
#include "libccm/sbuf.h"

void place_done(struct place *p)
{
	char **const all[] = { &p->dir, &p->repo, &p->work, &p->tmp, &p->home, &p->claude, &p->ctl, &p->channel, &p->import,
			       &p->lock, &p->control, &p->branch };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		free(*all[i]);
		*all[i] = NULL;
	}
}

static char *join(const char *a, const char *b)
{
	struct ccm_sbuf s = { 0 };

	ccm_sbuf_addf(&s, "%s%s", a, b);
	return ccm_sbuf_take(&s);
}

bool place_is_id(const char *text)
{
	return strlen(text) == TASK_ID_CHARS && strspn(text, "0123456789abcdef") == TASK_ID_CHARS;
}

int place_init(struct place *ret, const struct ccm_paths *paths, const char *id)
{
	_cleanup_free_ char *real = NULL;
	struct ccm_sbuf dir = { 0 };
	struct place p = { .id = "" };

	/* The sandbox takes no link on the way to what may be written. */
	real = realpath(paths->home, NULL);
	if (!real)
		return -errno;
	snprintf(p.id, sizeof p.id, "%s", id);
	ccm_sbuf_addf(&dir, "%s/tasks/%s", real, p.id);
	p.dir = ccm_sbuf_take(&dir);
	if (!p.dir)
		return -ENOMEM;
	p.repo = join(p.dir, "/repo.git");
	p.work = join(p.dir, "/work");
	p.tmp = join(p.dir, "/tmp");
	p.home = join(p.dir, "/home");
	p.claude = join(p.dir, "/claude");
	p.ctl = join(p.dir, "/ctl");
	p.channel = join(p.dir, "/channel");
	p.import = join(p.dir, "/import.git");
	p.lock = join(p.dir, "/lock");
	p.control = join(p.dir, "/control");
	p.branch = join("refs/heads/ccm/task-", p.id);
	if (!p.repo || !p.work || !p.tmp || !p.home || !p.claude || !p.ctl || !p.channel || !p.import || !p.lock ||
	    !p.control || !p.branch) {
		place_done(&p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

int place_lock(const struct place *p)
{
	_cleanup_close_ int fd = open(p->lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	return TAKE_FD(fd);
}

/* ---- walking ---- */

struct walk {
	struct usage *usage;         /* measuring; NULL: removing */
	int64_t max_files;
	dev_t device;
	int depth;
	int error;                   /* removing: the first that remained */
	int top;                     /* removing: the folder that is removed, where too deep ones are moved to */
	unsigned moved, number;
};

static int walk_dir(struct walk *w, int parent, const char *name);

static void measure_one(struct walk *w, const char *name, const struct stat *st)
{
	struct usage *u = w->usage;

	u->files++;
	u->bytes += (int64_t)st->st_blocks * 512 + 512;
	if (S_ISREG(st->st_mode) && st->st_size > u->largest_bytes) {
		u->largest_bytes = st->st_size;
		snprintf(u->largest, sizeof u->largest, "%s", name);
	}
}

static int remove_one(struct walk *w, int dir, const char *name, bool is_dir)
{
	if (unlinkat(dir, name, is_dir ? AT_REMOVEDIR : 0) == 0 || errno == ENOENT)
		return 0;
	if (!w->error)
		w->error = -errno;
	return 0;
}

static int visit(struct walk *w, int dir, const char *name)
{
	struct stat st;
	bool is_dir;
	int r;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;                    /* gone meanwhile */
	is_dir = S_ISDIR(st.st_mode);
	if (w->usage) {
		if (st.st_dev != w->device)
			return 0;
		measure_one(w, name, &st);
		if (w->usage->files >= w->max_files) {
			w->usage->complete = false;
			return 1;
		}
	}
	if (is_dir) {
		r = walk_dir(w, dir, name);
		if (r)
			return r;
	}
	return w->usage ? 0 : remove_one(w, dir, name, is_dir);
}

/* A folder that its owner may not read can be opened once its mode is set right; by descriptor, so that nothing else
 * can be meant. */
static int open_dir(struct walk *w, int parent, const char *name)
{
	int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int fd = openat(parent, name, flags);

	if (w->usage)
		return fd;
	if (fd >= 0) {
		struct stat st;

		if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
			fchmod(fd, 0700);
	} else if (errno == EACCES) {
		char path[64];
		_cleanup_close_ int at = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (at < 0)
			return -1;
		snprintf(path, sizeof path, "/proc/self/fd/%d", at);
		if (chmod(path, 0700) == 0)
			fd = openat(parent, name, flags);
	}
	return fd;
}

/* Moves a folder that lies too deep beside the top, from where the next round removes it. A hostile agent may make a tree of
 * any depth, and branch it where it likes: each folder is moved once in so many levels, whatever the tree looks like. */
static void move_up(struct walk *w, int parent, const char *name)
{
	int fd = open_dir(w, parent, name), r = -1;

	if (fd >= 0)
		close(fd);
	do {
		char to[32];

		snprintf(to, sizeof to, ".ccm-%u", w->number++);
		r = renameat2(parent, name, w->top, to, RENAME_NOREPLACE);
	} while (r < 0 && errno == EEXIST);
	if (r == 0)
		w->moved++;
	else if (!w->error)
		w->error = -errno;
}

static int walk_dir(struct walk *w, int parent, const char *name)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *d;
	int fd, r = 0;

	if (w->depth >= PLACE_DEPTH_MAX) {
		if (!w->usage)
			move_up(w, parent, name);
		return 0;
	}
	fd = open_dir(w, parent, name);
	if (fd < 0) {
		if (!w->usage && errno != ENOENT && !w->error)
			w->error = -errno;
		return 0;
	}
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	w->depth++;
	if (w->usage && w->depth > w->usage->depth)
		w->usage->depth = w->depth;
	while (r == 0 && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = visit(w, fd, d->d_name);
	w->depth--;
	return r;
}

int place_measure(const struct place *p, int64_t max_files, struct usage *ret)
{
	static const char *const parts[] = { "repo.git", "work", "tmp", "home", "claude", "channel" };
	_cleanup_close_ int dir = open(p->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct usage u = { .complete = true };
	struct walk w = { .usage = &u, .max_files = max_files };
	struct stat st;
	int r = 0;

	if (dir < 0 || fstat(dir, &st) < 0)
		return -errno;
	w.device = st.st_dev;
	for (size_t i = 0; i < ARRAY_SIZE(parts) && r == 0; i++)
		r = visit(&w, dir, parts[i]);
	if (r < 0)
		return r;
	*ret = u;
	return 0;
}

int place_remove_tree(const char *path, struct ccm_diag *diag)
{
	_cleanup_close_ int top = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct walk w = { .top = top };
	int r;

	do {
		w.error = 0;
		w.moved = 0;
		r = visit(&w, AT_FDCWD, path);
		if (r < 0)
			return ccm_diag_set(diag, r, "cannot remove '%s': %s", path, ccm_strerror(r));
		if (access(path, F_OK) < 0 && errno == ENOENT)
			return 0;
	} while (w.moved);
	r = w.error ? w.error : -ENOTEMPTY;
	return ccm_diag_set(diag, r, "cannot remove all of '%s': %s", path, ccm_strerror(r));
}

int place_read(const char *dir, const char *name, size_t max_bytes, struct ccm_sbuf *out)
{
	_cleanup_close_ int at = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	while (at >= 0) {
		size_t bytes = strcspn(name, "/");
		bool last = !name[bytes];
		char part[256];
		int next;

		if (!bytes || bytes >= sizeof part)
			return -EINVAL;
		memcpy(part, name, bytes);
		part[bytes] = '\0';
		if (strcmp(part, "..") == 0)
			return -EINVAL;
		next = openat(at, part, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | (last ? 0 : O_DIRECTORY));
		close(at);
		at = next;
		if (last)
			break;
		name += bytes + 1;
	}
	if (at < 0)
		return -errno;
	if (fstat(at, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? ccm_read_fd(at, max_bytes, out) : -CCM_E_NOT_FILE;
}
