/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "ctx.h"
#include "libccm/clock.h"
#include "libccm/utf8.h"
#include "libccm/uuid.h"

/* Text that may come from anywhere, as UTF-8; in a title a line's end becomes a space. */
static void add_clean(struct ccm_sbuf *out, const char *text, bool one_line)
{
	size_t bytes = strlen(text), step;

	for (size_t i = 0; i < bytes; i += step) {
		uint32_t c = ccm_utf8_next(text + i, bytes - i, &step);

		ccm_utf8_add(out, one_line && (c == '\n' || c == '\r') ? ' ' : c);
	}
}

static const char *or_null(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int check(const struct ctx *ctx, const char *level, const char *title)
{
	if (strcmp(level, "info") != 0 && strcmp(level, "warning") != 0 && strcmp(level, "urgent") != 0)
		return ccm_opt_error(&ctx->usage, "the level is info, warning or urgent, not '%s'", level);
	if (!title[0])
		return ccm_opt_error(&ctx->usage, "the title is empty");
	return 0;
}

int cmd_alert(struct ctx *ctx, int argc, char **argv)
{
	const char *source = or_null("CCM_AUTOMATION");
	const struct ccm_opt opts[] = {
		OPT_STR("source", 0, "NAME", &source, "who raises it (default $CCM_AUTOMATION, else ccm)"),
		OPT_END
	};
	_cleanup_sbuf_ struct ccm_sbuf title = { 0 }, body = { 0 };
	char uuid[CCM_UUID_CHARS + 1];
	int64_t now = ccm_now_ms();
	int r;

	argc = ccm_opt_parse(&ctx->usage, opts, argc, argv);
	if (argc < 0)
		return argc;
	r = check(ctx, argv[0], argv[1]);
	if (r < 0)
		return r;
	add_clean(&title, argv[1], true);
	if (argc > 2)
		add_clean(&body, argv[2], false);
	if (ccm_sbuf_error(&title) || ccm_sbuf_error(&body))
		return -ENOMEM;
	ccm_uuid_make(now, uuid);
	r = ccm_db_exec(ctx->db, Q_ALERT_INSERT, DB_ARGS(
		DB_TEXT("uuid", uuid), DB_INT("created_ms", now), DB_TEXT("level", argv[0]),
		DB_TEXT("source", source ? source : "ccm"), DB_TEXT("session_id", or_null("CCM_SESSION_ID")),
		DB_TEXT("event_uuid", or_null("CCM_EVENT_ID")), DB_TEXT("title", title.text),
		DB_TEXT("body", body.text)));
	return r < 0 ? r : 0;
}
