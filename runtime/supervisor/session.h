/* SPDX-License-Identifier: MIT */
/* session - one run of a task's command, from its start to its end, watched over.
 *
 * While it runs: events and alerts of the hooks are taken in (channel.h); refusals that the kernel or the proxy tell of go
 * to the task's log; what it uses is measured once a second (limits.h): near a bound is told, at a bound everything
 * inside is stopped (SIGSTOP) until a person resumes or ends it; new commits are taken over by a process of its own
 * (`ccm-supervisor task import ID`), so that nothing here waits for git.
 *
 * While work must wait (quota.h) and quota-pause is enabled, everything inside is stopped, too. Once there is quota again, the
 * job "resume-tasks" is asked for, which says "go-on" when the bounds of [resume] allow it. A person may let it go on before.
 *
 * Other processes of the person talk to it over the socket at place.control, a line each way: see session_ask().
 * A bound that was reached and is resumed is raised by a quarter of what is used.
 */
#ifndef CCM_SUPERVISOR_SESSION_H
#define CCM_SUPERVISOR_SESSION_H

#include "agent.h"
#include "ctx.h"
#include "place.h"
#include "profile.h"
#include "task.h"
#include "worktree.h"

struct session_spec {
	struct ctx *ctx;
	struct task *task;           /* created, finished, failed, lost, merged; its state is kept up to date */
	const struct place *place;
	const struct source *source;
	const struct profile *profile;
	const char *const *argv;
	int lock_fd;                 /* place_lock() */
};

/* *ret_status is the command's, as sh says it. Negative: it could not be started; the task has failed then. */
int session_run(const struct session_spec *spec, int *ret_status, struct ccm_diag *diag);

/* Says "stop", "resume", "go-on" or "end" to the supervisor of a live task. -CCM_E_REFUSED with its words; -ESRCH: nobody
 * listens. */
int session_ask(const struct place *p, const char *what, struct ccm_diag *diag);

#endif
