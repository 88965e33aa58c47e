/* SPDX-License-Identifier: MIT */
/* namespaces - a root that holds nothing but the paths of a spec, and no network but an own loopback.
 *
 * Called in this order by the process that becomes pid 1 inside; it is privileged in its namespaces until it calls
 * namespaces_drop(). The paths are opened before anything is mounted and used through their descriptors afterwards, so
 * what was looked at is what is used; those descriptors also carry the Landlock rules.
 *
 * Errors: negative errno; words in diag name the path and the step.
 */
#ifndef CCM_SUPERVISOR_NAMESPACES_H
#define CCM_SUPERVISOR_NAMESPACES_H

#include "sandbox.h"

/* A path of the spec, opened. */
struct place {
	const struct sandbox_path *spec;
	const char *at;              /* where the program finds it */
	int fd;                      /* O_PATH, or for reading if it may be copied; -1: missing, and optional */
	bool directory;
	bool made;                   /* /proc, /dev/pts, or an empty directory: there is nothing to open yet */
	bool small;                  /* a file of few bytes */
	bool read_only;              /* an empty directory that stays empty */
	bool copied;                 /* into the root, instead of being mounted there */
	char link[64];               /* it is a symbolic link with this (relative) target, and stays one */
	dev_t device;                /* of what was made; 0: not yet */
	int tree;                    /* a mount of it that has no place yet; -1: none is needed */
};

struct places {
	struct place *items;         /* a path before what is below it */
	size_t count;
};

/* Opens the paths of the spec; with namespaces, also those that are made. */
int places_open(const struct sandbox_spec *spec, bool namespaces, struct places *ret, struct ccm_diag *diag);
void places_done(struct places *p);

/* fork() into new namespaces: the pid in the caller, 0 in the child, negative errno. */
int namespaces_fork(void);

/* Maps the user and the group to themselves; nobody else exists inside. */
int namespaces_map_user(uid_t uid, gid_t gid, struct ccm_diag *diag);

/* Brings the loopback up. */
int namespaces_loopback(struct ccm_diag *diag);

/* Makes the root from the places and moves into it: nothing else of the old one is left. *ret_root is a descriptor of it. */
int namespaces_root(struct places *places, int *ret_root, struct ccm_diag *diag);

/* Gives up every capability, for good. */
int namespaces_drop(void);

#endif
