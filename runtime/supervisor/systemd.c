/* SPDX-License-Identifier: MIT */
#include "systemd.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "libccm/macros.h"

int systemd_notify(const char *state)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	_cleanup_close_ int fd = -1;
	size_t bytes;

	if (!path || (path[0] != '/' && path[0] != '@'))
		return 0;
	bytes = strlen(path);
	if (bytes >= sizeof to.sun_path)
		return -ENAMETOOLONG;
	memcpy(to.sun_path, path, bytes);
	if (path[0] == '@')
		to.sun_path[0] = '\0';          /* in the namespace without files */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&to,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes)) < 0)
		return -errno;
	return 1;
}

int64_t systemd_watchdog_us(void)
{
	const char *every = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

	if (!every || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	return strtoll(every, NULL, 10) / 2;
}
