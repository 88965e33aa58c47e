/* SPDX-License-Identifier: MIT */
/* What may take time, off the client's path: started by a run that finds the write-ahead log long. */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/log.h"
#include "libccm/prune.h"
#include "libccm/store.h"

#define INGEST_MAX_MS (10000LL * CCM_SLOWNESS)
#define PRUNE_MAX_US (2LL * 1000 * 1000 * CCM_SLOWNESS)

/* A little each time: it is started often enough. */
static int prune(const struct ctx *ctx)
{
	struct ccm_prune p = { .max_bytes = ctx->settings.max_bytes, .deadline_us = ccm_mono_us() + PRUNE_MAX_US };

	if (ctx->settings.max_age_ms)
		p.before_ms = ccm_now_ms() - ctx->settings.max_age_ms;
	return p.before_ms || p.max_bytes ? ccm_prune_run(ctx->db, &p) : 0;
}

int cmd_tidy(struct ctx *ctx, int argc, char **argv)
{
	const struct ccm_opt opts[] = { OPT_END };
	_cleanup_close_ int lock = -1;
	struct ccm_store store;
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	/* One at a time is enough. */
	lock = open(ctx->paths.spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0)
		return -errno;
	if (flock(lock, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : -errno;
	ccm_store_open(&store, &ctx->paths, &ctx->settings);
	store.db = ctx->db;
	ccm_store_ingest(&store, INGEST_MAX_MS);
	r = prune(ctx);
	if (r == 0)
		r = ccm_db_checkpoint(ctx->db);
	if (store.trouble.bytes)
		ccm_warn("%s", store.trouble.text);
	ccm_sbuf_done(&store.trouble);
	if (r < 0 && r != -CCM_E_BUSY) {
		ccm_error("tidy: %s: %s", ccm_strerror(r), ccm_db_words(ctx->db));
		return -CCM_E_SAID;
	}
	return 0;
}
