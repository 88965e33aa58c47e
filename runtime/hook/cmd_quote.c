/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"

int cmd_quote(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_sbuf_ struct ccm_sbuf text = { 0 }, quoted = { 0 };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (argc > 0)
		ccm_sbuf_adds(&text, argv[0]);
	r = argc > 0 ? ccm_sbuf_error(&text)
		     : ccm_read_fd(STDIN_FILENO, (size_t)ctx->settings.max_event_bytes, &text);
	if (r < 0) {
		ccm_error("quote: cannot read standard input: %s", ccm_strerror(r));
		return -CCM_E_SAID;
	}
	ccm_json_quote(&quoted, ccm_sbuf_str(&text), text.bytes);
	ccm_sbuf_addc(&quoted, '\n');
	if (ccm_sbuf_error(&quoted))
		return -ENOMEM;
	fwrite(quoted.text, 1, quoted.bytes, stdout);
	return 0;
}
