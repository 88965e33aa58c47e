/* SPDX-License-Identifier: MIT */
#include "landlock.h"

#include <errno.h>
#include <stdint.h>

#include "kernel.h"
#include "sandbox.h"

#define FS_ALL_ABI1 ((uint64_t)(1 << 13) - 1)

static uint64_t known_rights(int abi)
{
	return FS_ALL_ABI1 | (abi >= 2 ? K_FS_REFER : 0) | (abi >= 3 ? K_FS_TRUNCATE : 0) | (abi >= 5 ? K_FS_IOCTL_DEV : 0);
}

int landlock_abi(void)
{
	long r = syscall(K_LANDLOCK_CREATE_RULESET, NULL, 0, K_LANDLOCK_VERSION);

	return r < 0 ? -errno : (int)r;
}

int landlock_create(int abi, bool rule_connect, bool rule_bind)
{
	struct k_landlock_ruleset attr = { .fs = known_rights(abi) };
	size_t bytes = abi >= 6 ? sizeof attr : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
	long fd;

	if (abi >= 4)
		attr.net = (rule_connect ? K_NET_CONNECT_TCP : 0) | (rule_bind ? K_NET_BIND_TCP : 0);
	if (abi >= 6)
		attr.scoped = K_SCOPE_ABSTRACT_UNIX | K_SCOPE_SIGNAL;
	fd = syscall(K_LANDLOCK_CREATE_RULESET, &attr, bytes, 0);
	return fd < 0 ? -errno : (int)fd;
}

static int add_path(int ruleset, int fd, uint64_t access)
{
	struct k_landlock_path rule = { .access = access, .parent_fd = fd };

	if (!access)
		return 0;
	return syscall(K_LANDLOCK_ADD_RULE, ruleset, K_LANDLOCK_RULE_PATH, &rule, 0) < 0 ? -errno : 0;
}

int landlock_allow(int ruleset, int abi, int fd, unsigned access, bool is_directory)
{
	uint64_t rights = 0;

	if (access & SANDBOX_READ)
		rights |= K_FS_READ_FILE | (is_directory ? K_FS_READ_DIR : 0);
	if (access & SANDBOX_EXECUTE)
		rights |= K_FS_EXECUTE;
	if (access & SANDBOX_DEVICE)
		rights |= K_FS_IOCTL_DEV;
	if (access & SANDBOX_WRITE)
		rights |= K_FS_WRITE_FILE | K_FS_TRUNCATE |
			  (is_directory ? K_FS_REMOVE_DIR | K_FS_REMOVE_FILE | K_FS_MAKE_DIR | K_FS_MAKE_REG | K_FS_MAKE_FIFO |
						  K_FS_MAKE_SYM | K_FS_REFER
					: 0);
	return add_path(ruleset, fd, rights & known_rights(abi));
}

int landlock_allow_listing(int ruleset, int fd)
{
	return add_path(ruleset, fd, K_FS_READ_DIR);
}

int landlock_allow_port(int ruleset, int port)
{
	struct k_landlock_port rule = { .access = K_NET_CONNECT_TCP, .port = (uint64_t)port };

	return syscall(K_LANDLOCK_ADD_RULE, ruleset, K_LANDLOCK_RULE_PORT, &rule, 0) < 0 ? -errno : 0;
}

int landlock_apply(int ruleset)
{
	return syscall(K_LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0 ? -errno : 0;
}
