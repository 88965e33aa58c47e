/* SPDX-License-Identifier: MIT */
/* confine - from a task to the spec of its sandbox: which paths, which environment, which bounds.
 *
 *     CONFINE_AGENT     the command: writes work, tmp, home and the leaves of repo.git; the proxy is its only network
 *     CONFINE_GIT       git of ours on what the agent wrote (saving, rolling back): writes what the agent could, no network
 *     CONFINE_UPLOAD    git upload-pack: reads repo.git and the object stores, writes nothing, no network
 *
 * Ownership: confinement_done() releases what spec points to; it must outlive sandbox_start().
 */
#ifndef CCM_SUPERVISOR_CONFINE_H
#define CCM_SUPERVISOR_CONFINE_H

#include "agent.h"
#include "place.h"
#include "profile.h"
#include "sandbox.h"
#include "worktree.h"

enum confine_for { CONFINE_AGENT, CONFINE_GIT, CONFINE_UPLOAD };

struct confinement {
	struct sandbox_spec spec;
	struct sandbox_path *paths;
	size_t count, allocated;
	struct words owned;          /* paths made here */
	struct words env;
};

struct confine_input {
	enum confine_for why;
	const struct place *place;
	const struct source *source;
	const struct ccm_paths *paths;       /* CONFINE_AGENT, as are the next ones */
	const struct profile *profile;
	const struct agent *agent;
	const char *const *more_env;         /* "NAME=value"; NULL ends; may be NULL */
};

int confine(const struct confine_input *in, struct confinement *ret, struct ccm_diag *diag);
void confinement_done(struct confinement *c);
#define _cleanup_confinement_ _cleanup_(confinement_done)

/* Runs a program to its end with what it prints in out (at most max_bytes). -CCM_E_REFUSED: it failed, diag has its
 * words. */
int confine_run(const struct confinement *c, const char *const *argv, int64_t timeout_ms, size_t max_bytes,
		struct ccm_sbuf *out, struct ccm_diag *diag);

#endif
