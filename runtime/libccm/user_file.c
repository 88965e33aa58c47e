/* SPDX-License-Identifier: MIT */
#include "user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "io.h"
#include "lock.h"
#include "uuid.h"

#define MAX_BYTES (64u << 20)
#define MAX_LINKS 40
#define LOCK_WAIT_MS 10000

/* The folder part of an absolute path; free() it. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int join(const char *folder, const char *name, char **ret)
{
	struct ccm_sbuf s = { 0 };

	ccm_sbuf_addf(&s, "%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
	*ret = ccm_sbuf_take(&s);
	return *ret ? 0 : -ENOMEM;
}

static int make_absolute(const char *path, char **ret, struct ccm_diag *diag)
{
	_cleanup_free_ char *cwd = NULL;

	if (path[0] == '/') {
		*ret = strdup(path);
		return *ret ? 0 : -ENOMEM;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return ccm_diag_set(diag, -errno, "cannot tell the working directory: %s", strerror(errno));
	return join(cwd, path, ret);
}

/* One step from a link to what it names. */
static int follow(char **path, struct ccm_diag *diag)
{
	_cleanup_free_ char *folder = folder_of(*path), *next = NULL;
	char to[4096];
	ssize_t n;
	int r;

	n = readlink(*path, to, sizeof to - 1);
	if (n < 0)
		return ccm_diag_set(diag, -errno, "cannot read the link '%s': %s", *path, strerror(errno));
	to[n] = '\0';
	if (!folder)
		return -ENOMEM;
	if (to[0] == '/') {
		next = strdup(to);
		r = next ? 0 : -ENOMEM;
	} else {
		r = join(folder, to, &next);
	}
	if (r < 0)
		return r;
	free(*path);
	*path = TAKE_PTR(next);
	return 0;
}

/* A link that somebody else could turn round must not lead us anywhere. */
static int resolve(const char *path, char **ret, struct ccm_diag *diag)
{
	_cleanup_free_ char *p = strdup(path);
	struct stat st;
	int r;

	if (!p)
		return -ENOMEM;
	for (int links = 0; lstat(p, &st) == 0 && S_ISLNK(st.st_mode); links++) {
		if (st.st_uid != geteuid() && st.st_uid != 0)
			return ccm_diag_set(diag, -CCM_E_REFUSED, "the link '%s' belongs to another user (id %u), not "
					    "following it", p, (unsigned)st.st_uid);
		if (links >= MAX_LINKS)
			return ccm_diag_set(diag, -ELOOP, "too many links from '%s'", path);
		r = follow(&p, diag);
		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(p);
	return 0;
}

/* The owner of the nearest folder above path that exists. */
static uid_t owner_above(const char *path)
{
	_cleanup_free_ char *p = strdup(path);
	struct stat st;

	while (p && strrchr(p, '/')) {
		*strrchr(p, '/') = '\0';
		if (stat(*p ? p : "/", &st) == 0)
			return st.st_uid;
	}
	return geteuid();
}

int ccm_user_file_make_folder(const char *path, mode_t mode, struct ccm_diag *diag)
{
	_cleanup_free_ char *folder = strrchr(path, '/') ? folder_of(path) : strdup(".");
	uid_t owner = owner_above(path);
	int r;

	if (!folder)
		return -ENOMEM;
	if (geteuid() == 0 && owner != 0)
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' lies in a folder of another user (id %u): do this as that "
				    "user, not as root", path, (unsigned)owner);
	r = ccm_mkdir_p(folder, mode);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot make the folder '%s': %s", folder, ccm_strerror(r));
	return 0;
}

static int lock_folder(int fd, const char *folder, struct ccm_diag *diag)
{
	if (ccm_lock_fd(fd, LOCK_WAIT_MS) == -EWOULDBLOCK)
		return ccm_diag_set(diag, -EBUSY, "another program keeps '%s' locked; try again when it is done", folder);
	/* Also on a file system without locks: what was read is compared before it is replaced. */
	return 0;
}

/* -ENOENT without words: there is none. */
static int read_target(const struct ccm_user_file *f, struct ccm_sbuf *text, struct stat *st, struct ccm_diag *diag)
{
	_cleanup_close_ int fd = openat(f->dir, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, st) < 0)
		return ccm_diag_set(diag, -errno, "cannot read '%s': %s", f->target, strerror(errno));
	if (!S_ISREG(st->st_mode))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is not a regular file", f->target);
	if (st->st_uid != geteuid())
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' belongs to another user (id %u): do this as that user, "
				    "or take the file over with chown", f->target, (unsigned)st->st_uid);
	if (!(st->st_mode & S_IWUSR))
		return ccm_diag_set(diag, -CCM_E_REFUSED, "'%s' is write-protected: chmod u+w it first", f->target);
	r = ccm_read_fd(fd, MAX_BYTES, text);
	if (r < 0)
		return ccm_diag_set(diag, r, "cannot read '%s': %s", f->target, ccm_strerror(r));
	return 0;
}

static int open_folder(struct ccm_user_file *f, bool lock, struct ccm_diag *diag)
{
	_cleanup_free_ char *folder = folder_of(f->target);

	if (!folder)
		return -ENOMEM;
	f->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir < 0 && errno == ENOENT && !lock)
		return 0;
	if (f->dir < 0)
		return ccm_diag_set(diag, -errno, "cannot open the folder '%s': %s", folder, strerror(errno));
	return lock ? lock_folder(f->dir, folder, diag) : 0;
}

int ccm_user_file_open(const char *path, bool lock, struct ccm_user_file *ret, struct ccm_diag *diag)
{
	struct ccm_user_file *f = ret;
	int r;

	r = make_absolute(path, &f->path, diag);
	if (r == 0)
		r = resolve(f->path, &f->target, diag);
	if (r < 0)
		return r;
	f->name = strrchr(f->target, '/') + 1;
	if (!f->name[0] || strcmp(f->name, ".") == 0 || strcmp(f->name, "..") == 0)
		return ccm_diag_set(diag, -EISDIR, "'%s' is a folder", path);
	r = open_folder(f, lock, diag);
	if (r < 0 || f->dir < 0)
		return r;
	r = read_target(f, &f->text, &f->stat, diag);
	f->exists = r == 0;
	return r == -ENOENT ? 0 : r;
}

/* Whether the file is still what was read. */
static int compare(const struct ccm_user_file *f, struct ccm_diag *diag)
{
	_cleanup_sbuf_ struct ccm_sbuf now = { 0 };
	struct stat st;
	int r;

	r = read_target(f, &now, &st, diag);
	if (r < 0 && r != -ENOENT)
		return r;
	if ((r == 0) != f->exists || now.bytes != f->text.bytes ||
	    (now.bytes && memcmp(now.text, f->text.text, now.bytes) != 0))
		return ccm_diag_set(diag, -EAGAIN, "'%s' was changed by another program meanwhile", f->target);
	return 0;
}

static int cannot_write(const struct ccm_user_file *f, int error, struct ccm_diag *diag)
{
	_cleanup_free_ char *folder = folder_of(f->target);
	const char *remedy = error == EACCES || error == EPERM ? ": make the folder writable for you" :
			     error == ENOSPC || error == EDQUOT ? ": make room on the disk" : "";

	return ccm_diag_set(diag, -error, "cannot write in '%s' (%s)%s; '%s' is as it was", folder ? folder : "",
			    strerror(error), remedy, f->target);
}

/* A whole new file; on failure there is none. */
static int write_new(int dir, const char *name, const struct ccm_user_file *f, const void *text, size_t bytes)
{
	_cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
					f->exists ? 0600 : 0666);
	int r;

	if (fd < 0)
		return -errno;
	/* The group is given where we may give it; the mode must be right. */
	if (f->exists && fchown(fd, (uid_t)-1, f->stat.st_gid) < 0)
		errno = 0;
	r = f->exists && fchmod(fd, f->stat.st_mode & 07777) < 0 ? -errno : 0;
	if (r == 0)
		r = ccm_write_all(fd, text, bytes);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, name, 0);
	return r;
}

/* Beside the path that the person knows, not beside where its links lead. */
static int write_backup(const struct ccm_user_file *f, char **ret, struct ccm_diag *diag)
{
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	int r = -EEXIST;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
	for (int i = 1; i < 1000 && r == -EEXIST; i++) {
		_cleanup_free_ char *path = NULL;
		struct ccm_sbuf s = { 0 };

		ccm_sbuf_addf(&s, "%s.ccm-backup-%s", f->path, stamp);
		if (i > 1)
			ccm_sbuf_addf(&s, "-%d", i);
		path = ccm_sbuf_take(&s);
		if (!path)
			return -ENOMEM;
		r = write_new(AT_FDCWD, path, f, ccm_sbuf_str(&f->text), f->text.bytes);
		if (r == 0)
			*ret = TAKE_PTR(path);
		else if (r != -EEXIST)
			ccm_diag_set(diag, r, "cannot write the backup '%s': %s; '%s' is as it was", path,
				     ccm_strerror(r), f->target);
	}
	return r;
}

/* A file that was not there must still not be there: link() does not replace, rename() does. */
static int move_into_place(const struct ccm_user_file *f, const char *temporary)
{
	if (!f->exists) {
		if (linkat(f->dir, temporary, f->dir, f->name, 0) == 0) {
			unlinkat(f->dir, temporary, 0);
			return 0;
		}
		if (errno == EEXIST)
			return -EAGAIN;
	}
	return renameat(f->dir, temporary, f->dir, f->name) < 0 ? -errno : 0;
}

int ccm_user_file_replace(struct ccm_user_file *f, const void *text, size_t bytes, char **ret_backup,
			  struct ccm_diag *diag)
{
	_cleanup_free_ char *backup = NULL;
	_cleanup_sbuf_ struct ccm_sbuf temporary = { 0 };
	char uuid[CCM_UUID_CHARS + 1];
	int r;

	ccm_uuid_make(ccm_now_ms(), uuid);
	ccm_sbuf_addf(&temporary, "%s.ccm-%s", f->name, uuid);
	if (ccm_sbuf_error(&temporary))
		return -ENOMEM;
	r = write_new(f->dir, temporary.text, f, text, bytes);
	if (r < 0)
		return cannot_write(f, -r, diag);
	if (f->exists)
		r = write_backup(f, &backup, diag);
	if (r == 0)
		r = compare(f, diag);
	if (r == 0) {
		r = move_into_place(f, temporary.text);
		if (r < 0)
			cannot_write(f, -r, diag);
	}
	if (r < 0) {
		unlinkat(f->dir, temporary.text, 0);
		if (backup)
			unlink(backup);
		return r;
	}
	fsync(f->dir);
	*ret_backup = TAKE_PTR(backup);
	return 0;
}

int ccm_user_file_remove(struct ccm_user_file *f, struct ccm_diag *diag)
{
	int r = compare(f, diag);

	if (r < 0)
		return r;
	return unlinkat(f->dir, f->name, 0) < 0 ? cannot_write(f, errno, diag) : 0;
}

void ccm_user_file_done(struct ccm_user_file *f)
{
	free(f->path);
	free(f->target);
	if (f->dir >= 0)
		close(f->dir);
	ccm_sbuf_done(&f->text);
	*f = (struct ccm_user_file)CCM_USER_FILE_INIT;
}
