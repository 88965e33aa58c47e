/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "daemon.h"
#include "libccm/daemon_lock.h"
#include "libccm/log.h"

int cmd_daemon(struct ctx *ctx, int argc, char **argv)
{
	bool verbose = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("verbose", 'v', &verbose, "log what wakes it, too"),
		OPT_END
	};
	struct ccm_diag diag = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = ccm_paths_create(&ctx->paths, &diag);
	if (r < 0) {
		ccm_error("daemon: %s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	return daemon_run(ctx, verbose);
}

int cmd_reload(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	pid_t pid;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (ctx->settings.problems.bytes) {
		ccm_error("reload: '%s' has the mistakes named above; what was in force stays so", ctx->paths.config);
		return -CCM_E_SAID;
	}
	ccm_daemon_runs(&ctx->paths, &pid);
	if (!pid) {
		ccm_error("reload: no daemon is running for '%s'", ctx->paths.home);
		return -CCM_E_SAID;
	}
	return kill(pid, SIGHUP) < 0 ? -errno : 0;
}
