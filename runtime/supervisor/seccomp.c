/* SPDX-License-Identifier: MIT */
#include "seccomp.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libccm/macros.h"
#include "supervisor/seccomp.inc"

#define PROGRAM(lines) { .len = ARRAY_SIZE(lines), .filter = (struct sock_filter *)(uintptr_t)(lines) }

int seccomp_load_filter(bool namespaces, bool may_ask)
{
	struct sock_fprog program = PROGRAM(quiet);
	long r;

	if (!namespaces)
		program = (struct sock_fprog)PROGRAM(alone);
	else if (may_ask)
		program = (struct sock_fprog)PROGRAM(asking);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, may_ask ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0, &program);
	if (r < 0)
		return -errno;
	return may_ask ? (int)r : -ENOENT;
}

int seccomp_available(void)
{
	uint32_t action = SECCOMP_RET_USER_NOTIF;

	return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}
