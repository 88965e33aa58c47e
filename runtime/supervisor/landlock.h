/* SPDX-License-Identifier: MIT */
/* landlock - rules for paths, ports and signals, for as much as the running kernel knows of them.
 *
 * The rules are collected in a descriptor and come into force for the calling thread, and all that it starts, with
 * landlock_apply(). What no rule allows is refused: every right that this kernel can rule is ruled.
 *
 * Units:  access is enum sandbox_access.
 * Errors: negative errno.
 * Source: the kernel's userspace-api/landlock documentation, ABI 1 to 7.
 */
#ifndef CCM_SUPERVISOR_LANDLOCK_H
#define CCM_SUPERVISOR_LANDLOCK_H

#include <stdbool.h>

#define LANDLOCK_ABI_LEAST 2             /* below, no file can be moved from one directory to another */
#define LANDLOCK_ABI_ALONE 6             /* from here on signals and abstract sockets are ruled: enough without namespaces */

/* What the kernel knows: 1 and up; -ENOSYS: built without; -EOPNOTSUPP: not enabled at boot. */
int landlock_abi(void);

/* An empty set of rules, a descriptor. rule_connect, rule_bind: TCP ports are ruled, too. */
int landlock_create(int abi, bool rule_connect, bool rule_bind);

/* Allows access to what fd (O_PATH will do) stands for, and below it if it is a directory. */
int landlock_allow(int ruleset, int abi, int fd, unsigned access, bool is_directory);

/* Allows to list directories, and nothing else, from there on down. */
int landlock_allow_listing(int ruleset, int fd);

/* Allows connecting to that TCP port, of any address. */
int landlock_allow_port(int ruleset, int port);

/* Needs no_new_privs. There is no way back. */
int landlock_apply(int ruleset);

#endif
