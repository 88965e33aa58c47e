/* SPDX-License-Identifier: MIT */
/* One of the daemon's jobs, done now: by the daemon's worker, or for a person who does not want to wait. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "jobs.h"
#include "libccm/io.h"
#include "libccm/log.h"
#include "libccm/proc.h"

#define CONFIG_MAX_BYTES (1 << 20)

/* A worker ends with its daemon, and its programs with it. */
static void end_with(pid_t parent)
{
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	if (getppid() != parent)
		raise(SIGTERM);
}

/* The daemon's configuration may be older than the file: one with mistakes in it is not taken. */
static int take_config(struct ctx *ctx)
{
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };
	int r = ccm_read_fd(STDIN_FILENO, CONFIG_MAX_BYTES, &text);

	if (r < 0)
		return r;
	ccm_settings_done(&ctx->settings);
	ccm_settings_parse(ctx->paths.config, ccm_sbuf_str(&text), &ctx->settings);
	return 0;
}

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
		end_with((pid_t)parent);
		r = take_config(ctx);
	}
	if (r == 0)
		r = job->run(ctx);
	if (r < 0 && r != -CCM_E_SAID) {
		ccm_error("job %s: %s", job->name, ccm_strerror(r));
		return -CCM_E_SAID;
	}
	return r;
}
