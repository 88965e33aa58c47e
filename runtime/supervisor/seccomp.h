/* SPDX-License-Identifier: MIT */
/* seccomp - the system calls that a sandboxed program does not get.
 *
 * What is refused, and why, stands in gen-seccomp.c, which makes the filters when ccm is built; here they are loaded.
 *
 * Errors: negative errno.
 */
#ifndef CCM_SUPERVISOR_SECCOMP_H
#define CCM_SUPERVISOR_SECCOMP_H

#include <stdbool.h>

/* Sets no_new_privs and loads a filter, for this thread and all it starts. Returns the descriptor on which the kernel
 * asks, or -ENOENT if the filter asks nothing.
 *
 * namespaces: the program is in namespaces of its own; without, more is refused, and what changes a file's attributes asks
 * us, because Landlock does not rule it: may_ask must be true then. may_ask: false turns each question into a refusal. */
int seccomp_load_filter(bool namespaces, bool may_ask);

/* 0 if this kernel has filters that can ask; negative errno. */
int seccomp_available(void);

#endif
