/* SPDX-License-Identifier: MIT */
/* Whether work must wait: what the automation quota-pause asks at each prompt and tool call. Everything else about quota is
 * a command of ccm-supervisor's; this one is here because it must be fast, and needs no other program. */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/dbmem.h"
#include "libccm/io.h"
#include "libccm/json.h"
#include "libccm/log.h"
#include "libccm/quota.h"
#include "libccm/transcript.h"

#define MAX_INPUT_BYTES (64u << 20)
#define CATCH_UP_BYTES (8 << 20)         /* how much of a transcript one call reads on */

struct call {
	struct ccm_sbuf input, session, cwd, prompt, transcript;
};

static void call_done(struct call *c)
{
	ccm_sbuf_done(&c->input);
	ccm_sbuf_done(&c->session);
	ccm_sbuf_done(&c->cwd);
	ccm_sbuf_done(&c->prompt);
	ccm_sbuf_done(&c->transcript);
}

static void take(const struct ccm_json *event, const char *name, struct ccm_sbuf *to)
{
	struct ccm_json v;

	ccm_sbuf_clear(to);
	if (ccm_json_member(event, name, &v) && v.type == CCM_JSON_STRING)
		ccm_json_decode(&v, to);
}

/* The event as an automation gets it. */
static int read_event(struct call *c)
{
	struct ccm_json event;
	int r = ccm_read_fd(STDIN_FILENO, MAX_INPUT_BYTES, &c->input);

	if (r == 0)
		r = ccm_json_parse(ccm_sbuf_str(&c->input), c->input.bytes, &event, NULL);
	if (r == 0 && event.type != CCM_JSON_OBJECT)
		r = -CCM_E_JSON;
	if (r < 0) {
		ccm_error("quota: --hold reads the event on standard input, but cannot: %s", ccm_strerror(r));
		return -CCM_E_SAID;
	}
	take(&event, "session_id", &c->session);
	take(&event, "cwd", &c->cwd);
	take(&event, "prompt", &c->prompt);
	take(&event, "transcript_path", &c->transcript);
	return 0;
}

static void from_environment(const char *name, struct ccm_sbuf *to)
{
	const char *value = getenv(name);

	if (value)
		ccm_sbuf_adds(to, value);
}

/* The tokens of a session are bounded: what it has spent since the last call counts. */
static int catch_up(struct ctx *ctx, const struct call *c)
{
	int r = 0;

	if (ctx->settings.max_session_tokens && c->session.bytes && c->transcript.bytes)
		r = ccm_transcript_follow(ctx->db, c->session.text, c->transcript.text, CATCH_UP_BYTES, ccm_now_ms());
	if (r < 0)
		ccm_warn("quota: cannot read the transcript '%s': %s", c->transcript.text, ccm_strerror(r));
	return 0;
}

static int hold(struct ctx *ctx, const struct ccm_quota_gate *g, const struct call *c)
{
	const struct ccm_quota_held held = {
		.session_id = c->session.text, .cwd = c->cwd.text, .prompt = c->prompt.bytes ? c->prompt.text : NULL,
	};

	return ccm_quota_hold(ctx->db, g, &held, ccm_now_ms());
}

int cmd_quota(struct ctx *ctx, int argc, char **argv)
{
	bool keep = false;
	const struct ccm_opt opts[] = {
		OPT_FLAG("hold", 0, &keep, "keep the prompt of the event on stdin, if it must wait"),
		OPT_END
	};
	_cleanup_(call_done) struct call c = { 0 };
	_cleanup_(ccm_quota_gate_done) struct ccm_quota_gate g = { 0 };
	struct ccm_diag diag = { 0 };
	int r = 0;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	from_environment("CCM_SESSION_ID", &c.session);
	from_environment("CCM_CWD", &c.cwd);
	from_environment("CCM_TRANSCRIPT", &c.transcript);
	if (keep)
		r = read_event(&c);
	if (r < 0)
		return r;
	/* Where nothing was ever recorded, nothing is spent. */
	if (!ctx->paths.problem && access(ctx->paths.db, F_OK) < 0)
		return 0;
	ccm_dbmem_install();
	r = ccm_db_open(ctx->paths.db, CCM_DB_WRITE, (int)ctx->settings.busy_timeout_ms, &ctx->db, &diag);
	if (r < 0) {
		ccm_error("quota: %s", ccm_diag_text(&diag, r));
		return -CCM_E_SAID;
	}
	ccm_db_defer_checkpoint(ctx->db);
	r = catch_up(ctx, &c);
	if (r == 0)
		r = ccm_quota_ask(ctx->db, &ctx->settings, c.session.bytes ? c.session.text : NULL, ccm_now_ms(), &g);
	if (r == 0 && g.scope && keep && !getenv("CCM_TRIAL"))
		r = hold(ctx, &g, &c);
	if (r == 0 && g.scope)
		printf("%s\n", ccm_sbuf_str(&g.why));
	return r;
}
