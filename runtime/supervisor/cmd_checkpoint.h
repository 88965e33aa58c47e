/* SPDX-License-Identifier: MIT */
/* cmd_checkpoint - what the commands of `ccm-supervisor checkpoint` share. */
#ifndef CCM_SUPERVISOR_CMD_CHECKPOINT_H
#define CCM_SUPERVISOR_CMD_CHECKPOINT_H

#include "checkpoint.h"
#include "ctx.h"

#define CHECKPOINT_GIT_TIMEOUT_MS (10 * 60 * 1000)
#define OPT_DIR(to) OPT_STR("dir", 'C', "DIR", to, "the repository of that folder (default: where you are)")

/* Opens it and says what is wrong. -CCM_E_SAID. */
int checkpoint_open(const char *dir, struct repo *ret);

/* Words for a failure; returns -CCM_E_SAID, or the error where there are none. */
int checkpoint_failed(const struct ctx *ctx, int error, const struct ccm_diag *diag);

struct snapshot_limits checkpoint_limits(const struct ctx *ctx);

/* Cuts argc at "--" and gives the paths behind it, as paths in the working tree. */
int checkpoint_paths(const struct ctx *ctx, const struct repo *r, int *argc, char **argv, struct paths *ret);

/* Takes one and writes it into the database, if there is one that can be opened. Returns the outcome, or says why not. */
int checkpoint_take_now(struct ctx *ctx, struct repo *r, const struct checkpoint_request *q, struct checkpoint *ret,
			struct ccm_diag *diag);

/* The tree of what is there now, as a checkpoint that no ref names. */
int checkpoint_look_now(struct ctx *ctx, struct repo *r, const char *session, struct checkpoint *ret, struct ccm_diag *diag);

/* The difference of two trees, of these paths or of all. */
int checkpoint_diff(struct repo *r, const git_oid *from, const git_oid *to, const struct paths *only, git_diff **ret,
		    struct ccm_diag *diag);

#endif
