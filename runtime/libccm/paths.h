/* SPDX-License-Identifier: MIT */
/* paths - where a user's things are.
 *
 * CCM_HOME, default ~/.ccm, mode 0700:
 *     config.ini, ccm.db, state.db, automations/enabled, automations/available, spool
 * CCM_DATA_DIR, default the installed share/ccm: automations/ and lib-sh/ as shipped.
 * CCM_LIBEXEC_DIR, default the installed libexec/ccm: programs that people do not call themselves.
 * CCM_TASK_DIR, set inside a task of ccm-supervisor: CCM_HOME cannot be written there, so ccm.db, state.db and spool lie here.
 * Events and alerts go to that spool, out of which the supervisor takes them.
 *
 * Ownership: ccm_paths_done() releases what ccm_paths_init() made.
 */
#ifndef CCM_PATHS_H
#define CCM_PATHS_H

#include <stdbool.h>

#include "error.h"

struct ccm_paths {
	char *home;          /* CCM_HOME, absolute */
	char *config;        /* home/config.ini */
	char *db;            /* home/ccm.db */
	char *state;         /* home/state.db: opened by db.h, which knows that it lies beside the other */
	char *enabled;       /* home/automations/enabled */
	char *available;     /* home/automations/available */
	char *spool;         /* home/spool */
	char *stock;         /* data dir/automations */
	char *lib_sh;        /* data dir/lib-sh */
	char *libexec;       /* libexec dir */
	bool task;           /* CCM_TASK_DIR is set */
	char *problem;       /* why nothing in home must be used, and what to do; NULL: it may be */
};

/* Reads CCM_HOME, HOME, CCM_DATA_DIR and CCM_LIBEXEC_DIR; touches no file. -ENOENT: neither CCM_HOME nor HOME is set. */
int ccm_paths_init(struct ccm_paths *ret, struct ccm_diag *diag);

/* Finds out whether home is to be trusted (trust.h), and says in p->problem why not. Whoever can change what is in it
 * decides which programs run as this user and reads what agents do. -ENOMEM is the only failure. */
int ccm_paths_check(struct ccm_paths *p);

/* Makes home and the folders in it where they are missing, mode 0700. -CCM_E_REFUSED: it has a problem. */
int ccm_paths_create(const struct ccm_paths *p, struct ccm_diag *diag);

void ccm_paths_done(struct ccm_paths *p);

#endif
