/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "ctx.h"

int cmd_config(struct ctx *ctx, int argc, char **argv)
{
	bool sample = false, manual = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("sample", 0, &sample, "print a config.ini that explains every key"),
		OPT_FLAG("manual", 0, &manual, "print the keys as ccm-config(5) has them, in mdoc"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 };

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (manual)
		ccm_settings_manual(&text);
	else
		ccm_settings_print(&text, sample ? NULL : &ctx->settings);
	if (ccm_sbuf_error(&text))
		return -ENOMEM;
	fputs(ccm_sbuf_str(&text), stdout);
	return 0;
}
