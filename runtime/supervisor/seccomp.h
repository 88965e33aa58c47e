/* SPDX-License-Identifier: MIT */
/* seccomp - the system calls that a sandboxed program does not get.
 *
 * What is dangerous and has no use in a build is refused; most of it by asking us (notify.h), so that the refusal can be
 * told to the person. Calls of another architecture (i386, x32 on x86-64) kill the process. Arguments that the kernel
 * takes as int are compared in their lower 32 bits only, as the kernel does: the upper half is the caller's to choose.
 *
 * Errors: negative errno.
 */
#ifndef CCM_SUPERVISOR_SECCOMP_H
#define CCM_SUPERVISOR_SECCOMP_H

#include <stdbool.h>

/* A filter, made before it is needed and loaded by the process that it is for. */
struct seccomp_filter;

/* namespaces: the program is in namespaces of its own; without, more is refused, and what changes a file's attributes asks
 * us, because Landlock does not rule it. may_ask: false turns each question into a refusal. */
int seccomp_filter_make(bool namespaces, bool may_ask, struct seccomp_filter **ret);

/* Sets no_new_privs and loads the filter, for this thread and all it starts. Returns the descriptor on which the kernel
 * asks, or -ENOENT if the filter asks nothing. */
int seccomp_filter_load(struct seccomp_filter *f);

void seccomp_filter_free(struct seccomp_filter *f);
static inline void seccomp_filter_freep(struct seccomp_filter **f)
{
	seccomp_filter_free(*f);
}

/* 0 if this kernel has filters that can ask; negative errno. */
int seccomp_available(void);

#endif
