/* SPDX-License-Identifier: MIT */
#include "urgent.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libccm/alert.h"
#include "libccm/daemon_lock.h"
#include "libccm/log.h"
#include "libccm/proc.h"

static bool is(const struct ccm_event *e, const char *name)
{
	return strcmp(e->name, name) == 0;
}

static bool waits_for_person(const struct ccm_event *e, enum ccm_verdict verdict)
{
	if (is(e, "Notification"))
		return !e->match || ccm_alert_waits(e->match);
	if (is(e, "PermissionRequest"))
		return verdict != CCM_VERDICT_ALLOW && verdict != CCM_VERDICT_DENY;
	return is(e, "PreToolUse") && e->tool_name && strcmp(e->tool_name, "AskUserQuestion") == 0 && verdict != CCM_VERDICT_DENY;
}

bool urgent_is(const struct ccm_settings *s, const struct ccm_event *e, const struct ccm_outcome *o, bool trouble)
{
	enum ccm_verdict verdict = ccm_outcome_verdict(o);
	bool refused;

	if (!e->name)
		return false;
	refused = verdict == CCM_VERDICT_DENY && is(e, "PreToolUse");
	const struct { enum ccm_alert_kind kind; bool holds; } all[] = {
		{ CCM_KIND_NEEDS_INPUT, waits_for_person(e, verdict) },
		{ CCM_KIND_FINISHED, (is(e, "Stop") && verdict != CCM_VERDICT_DENY) || is(e, "SessionEnd") },
		{ CCM_KIND_FAILED, is(e, "StopFailure") },
		{ CCM_KIND_GUARD_DENY, refused },
		{ CCM_KIND_HALT, refused && o->stop },
		{ CCM_KIND_STORAGE, trouble },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].holds && ccm_alert_kind_level(s, all[i].kind) == CCM_ALERT_URGENT)
			return true;
	return false;
}

void urgent_deliver(const struct ctx *ctx)
{
	_cleanup_sbuf_ struct ccm_sbuf program = { 0 };
	const char *slash = strrchr(ctx->self, '/');
	int r;

	/* In a task neither the database nor the network is to be had: its supervisor takes the alert in. */
	if (ctx->paths.task || ctx->paths.problem || !ccm_channels_set_up(&ctx->settings) || ccm_daemon_runs(&ctx->paths, NULL))
		return;
	ccm_sbuf_add(&program, ctx->self, slash ? (size_t)(slash - ctx->self) + 1 : 0);
	ccm_sbuf_adds(&program, "ccm-supervisor");
	r = ccm_sbuf_error(&program);
	if (r == 0)
		r = ccm_proc_detach(program.text, (const char *const[]){ "ccm-supervisor", "deliver", "--once", NULL });
	if (r < 0)
		ccm_warn("cannot start '%s deliver --once': %s", ccm_sbuf_str(&program), ccm_strerror(r));
}
