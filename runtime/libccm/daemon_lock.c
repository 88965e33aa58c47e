/* SPDX-License-Identifier: MIT */
#include "daemon_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "macros.h"

int ccm_daemon_lock_path(const struct ccm_paths *paths, struct ccm_sbuf *path)
{
	ccm_sbuf_addf(path, "%s/supervisor.lock", paths->home);
	return ccm_sbuf_error(path);
}

/* What is held: its time and the process id in it. */
static bool look(const struct ccm_paths *paths, struct stat *ret_lock, pid_t *ret_pid)
{
	_cleanup_sbuf_ struct ccm_sbuf path = { 0 };
	_cleanup_close_ int fd = -1;
	char text[32] = "";

	*ret_pid = 0;
	if (ccm_daemon_lock_path(paths, &path) < 0)
		return false;
	fd = open(path.text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, ret_lock) < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK)
		return false;
	if (pread(fd, text, sizeof text - 1, 0) > 0)
		*ret_pid = (pid_t)strtol(text, NULL, 10);
	return true;
}

bool ccm_daemon_runs(const struct ccm_paths *paths, pid_t *ret_pid)
{
	struct stat lock;
	pid_t pid;
	bool runs = look(paths, &lock, &pid);

	if (ret_pid)
		*ret_pid = pid;
	return runs;
}

struct timespec ccm_daemon_config_time(const struct ccm_paths *paths)
{
	struct stat st;

	return stat(paths->config, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

bool ccm_daemon_config_is_old(const struct ccm_paths *paths)
{
	struct timespec config;
	struct stat lock;
	pid_t pid;

	if (!look(paths, &lock, &pid) || !pid)
		return false;
	config = ccm_daemon_config_time(paths);
	return lock.st_mtim.tv_sec != config.tv_sec || lock.st_mtim.tv_nsec != config.tv_nsec;
}
