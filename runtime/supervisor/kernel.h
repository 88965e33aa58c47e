/* SPDX-License-Identifier: MIT */
/* kernel - calls and constants of newer kernels, under names of our own: the C library's headers may be older than the
 * kernel that runs us, and those of Debian 12 stop at Landlock ABI 2.
 *
 * Source: the kernel's userspace-api documentation and its uapi headers.
 */
#ifndef CCM_SUPERVISOR_KERNEL_H
#define CCM_SUPERVISOR_KERNEL_H

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The same numbers on every architecture (5.1 and later). */
enum {
	K_OPEN_TREE = 428, K_MOVE_MOUNT = 429, K_FSOPEN = 430, K_FSCONFIG = 431, K_FSMOUNT = 432, K_FSPICK = 433,
	K_CLONE3 = 435, K_OPENAT2 = 437, K_PIDFD_GETFD = 438, K_MOUNT_SETATTR = 442, K_QUOTACTL_FD = 443,
	K_LANDLOCK_CREATE_RULESET = 444, K_LANDLOCK_ADD_RULE = 445, K_LANDLOCK_RESTRICT_SELF = 446,
	K_FCHMODAT2 = 452, K_LSM_GET_SELF_ATTR = 459, K_LSM_SET_SELF_ATTR = 460, K_LSM_LIST_MODULES = 461, K_MSEAL = 462,
	K_SETXATTRAT = 463, K_GETXATTRAT = 464, K_LISTXATTRAT = 465, K_REMOVEXATTRAT = 466, K_OPEN_TREE_ATTR = 467,
	K_FILE_GETATTR = 468, K_FILE_SETATTR = 469, K_LISTNS = 470,
};

struct k_open_how { uint64_t flags, mode, resolve; };
enum { K_RESOLVE_NO_MAGICLINKS = 0x02, K_RESOLVE_NO_SYMLINKS = 0x04, K_RESOLVE_BENEATH = 0x08, K_RESOLVE_IN_ROOT = 0x10 };

static inline int k_openat2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct k_open_how how = { .flags = flags, .resolve = resolve };

	return (int)syscall(K_OPENAT2, dir, path, &how, sizeof how);
}

/* Mounts. */
struct k_mount_attr { uint64_t attr_set, attr_clr, propagation, userns_fd; };
enum {
	K_MOUNT_RDONLY = 0x1, K_MOUNT_NOSUID = 0x2, K_MOUNT_NODEV = 0x4, K_MOUNT_NOEXEC = 0x8,
	K_OPEN_TREE_CLONE = 1, K_OPEN_TREE_CLOEXEC = 02000000, K_AT_RECURSIVE = 0x8000, K_AT_EMPTY_PATH = 0x1000,
	K_MOVE_FROM_EMPTY = 0x4, K_MOVE_TO_EMPTY = 0x40,
	K_FSCONFIG_SET_FLAG = 0, K_FSCONFIG_SET_STRING = 1, K_FSCONFIG_CREATE = 6,
};

static inline int k_open_tree(int fd, unsigned flags)
{
	return (int)syscall(K_OPEN_TREE, fd, "", flags | K_AT_EMPTY_PATH);
}

static inline int k_mount_setattr(int fd, unsigned flags, uint64_t set)
{
	struct k_mount_attr attr = { .attr_set = set };

	return (int)syscall(K_MOUNT_SETATTR, fd, "", flags | K_AT_EMPTY_PATH, &attr, sizeof attr);
}

static inline int k_move_mount(int from, int to)
{
	return (int)syscall(K_MOVE_MOUNT, from, "", to, "", K_MOVE_FROM_EMPTY | K_MOVE_TO_EMPTY);
}

/* Landlock. */
struct k_landlock_ruleset { uint64_t fs, net, scoped; };
struct k_landlock_path { uint64_t access; int32_t parent_fd; } __attribute__((packed));
struct k_landlock_port { uint64_t access, port; };
enum { K_LANDLOCK_VERSION = 1, K_LANDLOCK_RULE_PATH = 1, K_LANDLOCK_RULE_PORT = 2 };
enum {
	K_FS_EXECUTE = 1 << 0, K_FS_WRITE_FILE = 1 << 1, K_FS_READ_FILE = 1 << 2, K_FS_READ_DIR = 1 << 3,
	K_FS_REMOVE_DIR = 1 << 4, K_FS_REMOVE_FILE = 1 << 5, K_FS_MAKE_CHAR = 1 << 6, K_FS_MAKE_DIR = 1 << 7,
	K_FS_MAKE_REG = 1 << 8, K_FS_MAKE_SOCK = 1 << 9, K_FS_MAKE_FIFO = 1 << 10, K_FS_MAKE_BLOCK = 1 << 11,
	K_FS_MAKE_SYM = 1 << 12, K_FS_REFER = 1 << 13 /* ABI 2 */, K_FS_TRUNCATE = 1 << 14 /* ABI 3 */,
	K_FS_IOCTL_DEV = 1 << 15 /* ABI 5 */,
	K_NET_BIND_TCP = 1 << 0, K_NET_CONNECT_TCP = 1 << 1 /* ABI 4 */,
	K_SCOPE_ABSTRACT_UNIX = 1 << 0, K_SCOPE_SIGNAL = 1 << 1 /* ABI 6 */,
};

#endif
