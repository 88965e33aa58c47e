/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/prune.h"

int cmd_prune(struct ctx *ctx, int argc, char **argv)
{
	int64_t max_age_ms = ctx->settings.max_age_ms;
	const char *max_bytes = NULL;
	bool dry_run = false, json = false;
	const struct ccm_opt opts[] = {
		OPT_DURATION("max-age", 0, &max_age_ms, "forget events older than this, as in 90d"),
		OPT_STR("max-bytes", 0, "SIZE", &max_bytes, "forget the oldest until no larger, as in 500M"),
		OPT_FLAG("dry-run", 'n', &dry_run, "only say what would go"),
		OPT_FLAG("json", 0, &json, "say it as a JSON object"),
		OPT_END
	};
	char size[32];
	struct ccm_prune p = { .max_bytes = ctx->settings.max_bytes };
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	if (max_bytes && ccm_size_parse(max_bytes, &p.max_bytes) < 0)
		return ccm_opt_error(&ctx->usage, "--max-bytes takes a size such as 500M or 2G, not '%s'", max_bytes);
	if (max_age_ms)
		p.before_ms = ccm_now_ms() - max_age_ms;
	if (!p.before_ms && !p.max_bytes) {
		ccm_error("prune: nothing says what may go: set max_age or max_bytes in [retention] of config.ini, "
			  "or give --max-age or --max-bytes");
		return -CCM_E_USAGE;
	}
	r = dry_run ? ccm_prune_plan(ctx->db, &p) : ccm_prune_run(ctx->db, &p);
	/* Only now does the file shrink. */
	if (r == 0 && !dry_run)
		r = ccm_db_checkpoint(ctx->db);
	if (r == -CCM_E_BUSY)
		r = 0;
	if (r < 0) {
		ccm_error("prune: %s: %s", ccm_strerror(r), ccm_db_words(ctx->db));
		return -CCM_E_SAID;
	}
	if (json) {
		printf("{\"dry_run\":%s,\"events\":%lld,\"bytes\":%lld}\n", dry_run ? "true" : "false",
		       (long long)p.events, (long long)p.bytes);
		return 0;
	}
	printf("%lld event%s %s, %s%s\n", (long long)p.events, p.events == 1 ? "" : "s",
	       dry_run ? "would go" : p.events == 1 ? "is gone" : "are gone", dry_run ? "about " : "",
	       ccm_size_format(p.bytes, size));
	return 0;
}
