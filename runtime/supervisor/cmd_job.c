/* SPDX-License-Identifier: MIT */
/* One of the daemon's jobs, done now: by the daemon's worker, or for a person who does not want to wait. */
#include "child.h"
#include "jobs.h"
#include "libccm/log.h"
#include "libccm/proc.h"

int cmd_job(struct ctx *ctx, int argc, char **argv)
{
	int64_t parent = 0;
	const struct ccm_opt opts[] = {
		OPT_INT("parent", 0, "PID", &parent, 1, INT32_MAX, "as the daemon starts it: its child, config on stdin"),
		OPT_END
	};
	const struct job *job;
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	job = job_find(argv[0]);
	if (!job)
		return ccm_opt_error(&ctx->usage, "there is no job '%s'", argv[0]);
	if (parent) {
		ccm_proc_catch_signals();
		child_end_with((pid_t)parent);
		r = child_take_config(ctx);
	}
	if (r == 0)
		r = job->run(ctx);
	if (r < 0 && r != -CCM_E_SAID) {
		ccm_error("job %s: %s", job->name, ccm_strerror(r));
		return -CCM_E_SAID;
	}
	return r;
}
