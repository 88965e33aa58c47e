/* SPDX-License-Identifier: MIT */
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "error.h"

#define END_ROOM 512

int ccm_read_fd(int fd, size_t max_bytes, struct ccm_sbuf *s)
{
	size_t left = max_bytes;

	for (;;) {
		size_t room;
		ssize_t n;

		/* The end is mostly found with what is left. */
		if (s->allocated < s->bytes + END_ROOM && ccm_sbuf_reserve(s, 4096) < 0)
			return -ENOMEM;
		room = s->allocated - s->bytes - 1;
		/* One byte more than allowed tells "exactly full" from "too much". */
		if (left < SIZE_MAX && room > left + 1)
			room = left + 1;
		n = read(fd, s->text + s->bytes, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if ((size_t)n > left) {
			s->bytes += left;
			s->text[s->bytes] = '\0';
			return -EFBIG;
		}
		s->bytes += (size_t)n;
		s->text[s->bytes] = '\0';
		left -= (size_t)n;
		if (n == 0)
			return 0;
	}
}

int ccm_read_file(const char *path, size_t max_bytes, struct ccm_sbuf *s)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return ccm_read_fd(fd, max_bytes, s);
}

int ccm_read_regular(const char *path, size_t max_bytes, struct ccm_sbuf *s)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -CCM_E_NOT_FILE;
	/* Its size is only what it had a moment ago. */
	if (st.st_size > 0 && (size_t)st.st_size <= max_bytes && ccm_sbuf_reserve(s, (size_t)st.st_size + END_ROOM) < 0)
		return -ENOMEM;
	return ccm_read_fd(fd, max_bytes, s);
}

int ccm_write_all(int fd, const void *data, size_t bytes)
{
	const char *p = data;

	while (bytes) {
		ssize_t n = write(fd, p, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int ccm_write_file(const char *path, const void *data, size_t bytes, mode_t mode, bool durable)
{
	_cleanup_sbuf_ struct ccm_sbuf tmp = { 0 };
	_cleanup_close_ int fd = -1;
	int r;

	ccm_sbuf_addf(&tmp, "%s.XXXXXX", path);
	if (ccm_sbuf_error(&tmp))
		return -ENOMEM;
	fd = mkostemp(tmp.text, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = ccm_write_all(fd, data, bytes);
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	if (r == 0 && durable && fsync(fd) < 0)
		r = -errno;
	if (r == 0 && rename(tmp.text, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(tmp.text);
	return r;
}

int ccm_mkdir_p(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = NULL;

	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	if (errno != ENOENT)
		return -errno;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, mode) == 0 || errno == EEXIST ? 0 : -errno;
}
