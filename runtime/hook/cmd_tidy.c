/* SPDX-License-Identifier: MIT */
/* What may take time, off the client's path: started by a run that finds the write-ahead log long. */
#include <errno.h>
#include <unistd.h>

#include "ctx.h"
#include "libccm/log.h"
#include "libccm/tidy.h"

#define WAIT_MS (30000LL * CCM_SLOWNESS) /* more than what is at it may take, see tidy.c */

int cmd_tidy(struct ctx *ctx, int argc, char **argv)
{
	bool stays = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("stay", 0, &stays, "then keep the database open, see [storage] keep_open"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf trouble = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	/* Whoever wants to unmount what a hook was started in need not wait for us. */
	if (stays && chdir("/") < 0)
		return -errno;
	r = stays ? ccm_tidy_and_stay(ctx->db, &ctx->paths, &ctx->settings, &trouble)
		  : ccm_tidy(ctx->db, &ctx->paths, &ctx->settings, WAIT_MS, &trouble);
	if (trouble.bytes)
		ccm_warn("%s", trouble.text);
	if (r == -EWOULDBLOCK) {
		ccm_error("tidy: another process has tidied '%s' for %lld s and is not done; try again later, or see what holds "
			  "'%s' with fuser", ctx->paths.home, WAIT_MS / 1000, ctx->paths.spool);
		return -CCM_E_SAID;
	}
	if (r < 0) {
		ccm_error("tidy: %s: %s", ccm_strerror(r), ccm_db_words(ctx->db));
		return -CCM_E_SAID;
	}
	return 0;
}
