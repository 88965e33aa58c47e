/* SPDX-License-Identifier: MIT */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "clock.h"
#include "error.h"
#include "log.h"
#include "sbuf.h"

static int path_of(const struct ccm_paths *paths, const char *name, const char *part, struct ccm_sbuf *path)
{
	ccm_sbuf_addf(path, "%s/%s%s%s.lock", paths->home, name, part ? "." : "", part ? part : "");
	return ccm_sbuf_error(path);
}

int ccm_lock_fd(int fd, int64_t wait_ms)
{
	const struct timespec pause = { 0, 20 * 1000 * 1000 };
	int64_t end_us = ccm_mono_us() + wait_ms * 1000;

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK || ccm_mono_us() >= end_us)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int ccm_lock_take(const struct ccm_paths *paths, const char *name, const char *part, int *ret_fd)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	if (path_of(paths, name, part, &path) < 0)
		return -ENOMEM;
	fd = open(path.text, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		ccm_error("cannot open '%s': %s", path.text, strerror(errno));
		return -CCM_E_SAID;
	}
	r = ccm_lock_fd(fd, 0);
	if (r < 0)
		return r == -EWOULDBLOCK ? 0 : r;
	*ret_fd = TAKE_FD(fd);
	return 1;
}

int ccm_lock_open_taken(const struct ccm_paths *paths, const char *name, const char *part)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_close_ int fd = -1;

	if (path_of(paths, name, part, &path) < 0)
		return -1;
	fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return -1;
	return TAKE_FD(fd);
}

bool ccm_lock_is_taken(const struct ccm_paths *paths, const char *name, const char *part)
{
	_cleanup_close_ int fd = ccm_lock_open_taken(paths, name, part);

	return fd >= 0;
}
