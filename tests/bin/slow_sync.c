/* SPDX-License-Identifier: MIT */
/* Linked into every program of a build, as tests/run-all does for its pass `slow`: a disk that takes its time. What waits for
 * another process only by luck fails there, and not on the fast disk of who wrote it. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const struct timespec slowness = { .tv_nsec = 60 * 1000000 };

int fsync(int fd)
{
	nanosleep(&slowness, NULL);
	return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	nanosleep(&slowness, NULL);
	return (int)syscall(SYS_fdatasync, fd);
}
