/* SPDX-License-Identifier: MIT */
#include "daemon_lock.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock.h"
#include "macros.h"

/* What is held: its time and the process id in it. */
static bool look(const struct ccm_paths *paths, struct stat *ret_lock, pid_t *ret_pid)
{
	_cleanup_close_ int fd = ccm_lock_open_taken(paths, CCM_DAEMON_LOCK, NULL);
	char text[32] = "";

	*ret_pid = 0;
	if (fd < 0 || fstat(fd, ret_lock) < 0)
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
