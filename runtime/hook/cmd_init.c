/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "ctx.h"
#include "libccm/io.h"
#include "libccm/log.h"

int cmd_init(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_sbuf_ struct ccm_sbuf sample = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	/* The folders and ccm.db were made on the way here; what is new is still in its write-ahead log. */
	r = ccm_db_open_state(ctx->db);
	if (r == 0)
		r = ccm_db_checkpoint(ctx->db);
	if (r < 0 && r != -CCM_E_BUSY)
		return r;
	if (access(ctx->paths.config, F_OK) == 0)
		return 0;
	ccm_settings_print(&sample, NULL);
	if (ccm_sbuf_error(&sample))
		return -ENOMEM;
	r = ccm_write_file(ctx->paths.config, sample.text, sample.bytes, 0600, false);
	if (r < 0) {
		ccm_error("cannot write '%s': %s", ctx->paths.config, ccm_strerror(r));
		return -CCM_E_SAID;
	}
	return 0;
}
