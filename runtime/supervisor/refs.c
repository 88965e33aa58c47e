/* SPDX-License-Identifier: MIT */
#include "refs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "libccm/io.h"

#define TRIES 20
#define PAUSE_US 10000
#define PACKED_MAX_BYTES (1024L * 1024 * 1024)

static int make_folder(const char *path)
{
	_cleanup_free_ char *folder = strdup(path);

	if (!folder)
		return -ENOMEM;
	*strrchr(folder, '/') = '\0';
	return ccm_mkdir_p(folder, 0777);
}

static int write_tmp(const char *tmp, const git_oid *oid)
{
	_cleanup_close_ int fd = -1;
	char text[GIT_OID_HEXSZ + 2];
	int r;

	git_oid_tostr(text, GIT_OID_HEXSZ + 1, oid);
	text[GIT_OID_HEXSZ] = '\n';
	unlink(tmp);
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	r = ccm_write_all(fd, text, GIT_OID_HEXSZ + 1);
	return r == 0 && fdatasync(fd) < 0 ? -errno : r;
}

int refs_write(const struct repo *r, const char *name, const git_oid *oid, bool replace, struct ccm_diag *diag)
{
	_cleanup_free_ char *path = repo_path(r->commondir, name), *tmp = NULL;
	int e = -ENOENT;

	if (!path || asprintf(&tmp, "%s/ccm/ref.%ld", r->commondir, (long)getpid()) < 0)
		return -ENOMEM;
	/* Somebody may remove a folder that is empty, as git does when it packs refs. */
	for (int i = 0; i < TRIES && e == -ENOENT; i++) {
		e = write_tmp(tmp, oid);
		if (e == 0)
			e = make_folder(path);
		if (e == 0 && (replace ? rename(tmp, path) : link(tmp, path)) < 0)
			e = -errno;
	}
	unlink(tmp);
	return e < 0 ? ccm_diag_set(diag, e, "cannot write the ref '%s': %s", name, ccm_strerror(e)) : 0;
}

/* The name in a line of packed-refs; NULL: it holds none. */
static const char *name_in(const char *line, size_t bytes, size_t *ret_bytes)
{
	if (line[0] == '#' || line[0] == '^' || bytes < GIT_OID_HEXSZ + 2)
		return NULL;
	*ret_bytes = bytes - GIT_OID_HEXSZ - 1;
	return line + GIT_OID_HEXSZ + 1;
}

static bool is_named(const struct paths *names, const char *name, size_t bytes)
{
	for (size_t i = 0; i < names->count; i++)
		if (strlen(names->items[i]) == bytes && strncmp(names->items[i], name, bytes) == 0)
			return true;
	return false;
}

/* Appends the text without these refs and their peeled values; false if there were none. */
static bool without(struct ccm_sbuf *out, const char *text, const struct paths *names)
{
	bool found = false, dropping = false;

	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t bytes = strcspn(line, "\n"), n;
		const char *name = name_in(line, bytes, &n);

		if (line[0] != '^')
			dropping = name && is_named(names, name, n);
		found = found || dropping;
		if (!dropping) {
			ccm_sbuf_add(out, line, bytes);
			ccm_sbuf_addc(out, '\n');
		}
	}
	return found;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* -EAGAIN: somebody else holds the lock, or has written the file meanwhile. */
static int unpack_once(const char *packed, const char *lock, const char *tmp, const struct paths *names)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, rest = { 0 };
	struct stat before, now;
	int r;

	if (stat(packed, &before) < 0)
		return errno == ENOENT ? 0 : -errno;
	r = ccm_read_regular(packed, PACKED_MAX_BYTES, &text);
	if (r < 0 || !without(&rest, ccm_sbuf_str(&text), names))
		return r;
	if (ccm_sbuf_error(&rest))
		return -ENOMEM;
	r = ccm_write_file(tmp, ccm_sbuf_str(&rest), rest.bytes, before.st_mode & 07777, true);
	if (r < 0)
		return r;
	/* What becomes the lock is the new file already. */
	if (link(tmp, lock) < 0)
		return errno == EEXIST ? -EAGAIN : -errno;
	if (stat(packed, &now) < 0 || !same_file(&before, &now)) {
		unlink(lock);
		return -EAGAIN;
	}
	return rename(lock, packed) < 0 ? -errno : 0;
}

static int unpack(const struct repo *r, const struct paths *names, struct ccm_diag *diag)
{
	_cleanup_free_ char *packed = repo_path(r->commondir, "packed-refs"), *lock = repo_path(r->commondir, "packed-refs.lock"),
			    *tmp = NULL;
	int e = -EAGAIN;

	if (!packed || !lock || asprintf(&tmp, "%s/ccm/packed.%ld", r->commondir, (long)getpid()) < 0)
		return -ENOMEM;
	for (int i = 0; i < TRIES && e == -EAGAIN; i++) {
		if (i)
			usleep(PAUSE_US);
		e = unpack_once(packed, lock, tmp, names);
	}
	unlink(tmp);
	return e < 0 ? ccm_diag_set(diag, e, "cannot write '%s': %s", packed, e == -EAGAIN ? "it is locked" : ccm_strerror(e)) : 0;
}

int refs_delete(const struct repo *r, const struct paths *names, struct ccm_diag *diag)
{
	/* First where they would show again once the loose ones are gone. */
	int e = unpack(r, names, diag);

	for (size_t i = 0; i < names->count && e == 0; i++) {
		_cleanup_free_ char *path = repo_path(r->commondir, names->items[i]);

		if (!path)
			return -ENOMEM;
		if (unlink(path) < 0 && errno != ENOENT)
			e = ccm_diag_set(diag, -errno, "cannot remove '%s': %s", path, strerror(errno));
		/* The session's folder, if that was its last one. */
		*strrchr(path, '/') = '\0';
		rmdir(path);
	}
	return e;
}
